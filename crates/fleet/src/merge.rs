//! Pages of several nodes become one: in the order of time, each call once.

use std::cmp::Ordering;

use store::{Order, Page, Place, Row, Searched};

/// Copies of one call are told apart from two calls by this much at most: clocks differ.
pub(crate) const APART_NS: u64 = 10_000_000_000;
/// Rows found beyond those asked for, before they are sorted out.
const SURPLUS: usize = 1_024;

/// A page in the making.
pub(crate) struct Merge {
    order: Order,
    limit: usize,
    rows: Vec<Row>,
    /// Behind this nothing is certain: a node has more there.
    certain: Option<Place>,
    was_full: bool,
    pub(crate) searched: Searched,
}

// === impl Merge ===

impl Merge {
    pub(crate) fn new(order: Order, limit: usize) -> Self {
        let searched = Searched { complete: true, ..Searched::default() };
        Self { order, limit, rows: Vec::new(), certain: None, was_full: false, searched }
    }

    /// Takes what a node found.
    pub(crate) fn rows(&mut self, rows: impl IntoIterator<Item = Row>) {
        self.rows.extend(rows);
        if self.rows.len() > self.limit.saturating_add(SURPLUS) {
            self.sort_out();
        }
    }

    /// A node has said all that it says; it goes on behind `next`, if there is more.
    pub(crate) fn ended(&mut self, next: Option<Place>, searched: Searched) {
        self.searched.add(searched);
        let Some(next) = next else { return };
        let is_first = |known: &Place| self.order.compare_places(&next, known) == Ordering::Less;
        if self.certain.as_ref().is_none_or(is_first) {
            self.certain = Some(next);
        }
    }

    pub(crate) fn page(mut self) -> Page {
        if let Some(certain) = &self.certain {
            let order = self.order;
            self.rows.retain(|row| !order.is_behind(row, certain));
        }
        self.sort_out();
        let full = self.was_full || self.rows.len() == self.limit;
        let last = self.rows.last().filter(|_| full);
        let last = last.and_then(|row| Place::of(row, self.order));
        Page { next: last.or(self.certain), rows: self.rows, searched: self.searched }
    }

    /// Keeps the best, each once.
    fn sort_out(&mut self) {
        let order = self.order;
        self.rows.sort_by(|a, b| order.compare(a, b));
        let mut kept: Vec<Row> = Vec::with_capacity(self.rows.len().min(self.limit));
        for row in std::mem::take(&mut self.rows) {
            if kept.len() == self.limit {
                self.was_full = true;
                break;
            }
            if !is_known(&kept, &row, order) {
                kept.push(row);
            }
        }
        self.rows = kept;
    }
}

/// Whether another node told the same call: it is near, as copies are at about the same time.
fn is_known(kept: &[Row], row: &Row, order: Order) -> bool {
    let is_by_time = order.amount().is_none();
    let near = kept.iter().rev().take_while(|other| !is_by_time || is_near(other, row));
    let id = row.id();
    near.take(SURPLUS).any(|other| other.id() == id && is_near(other, row))
}

pub(crate) fn is_near(a: &Row, b: &Row) -> bool {
    a.time_ns().abs_diff(b.time_ns()) <= APART_NS
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(id: &str, second: i64) -> Row {
        let time = store::moment(second * 1_000_000_000);
        let line = format!(
            "{{\"id\":\"{id}\",\"time\":\"{time}\",\"protocol\":\"http\",\"src\":{{\"ip\":\"10.0.0.1\",\"port\":1}},\
             \"dst\":{{\"ip\":\"10.0.0.2\",\"port\":2}},\"pairing\":\"matched\",\"missing\":null,\"transport\":\"tcp\",\"stream\":\"1\"}}"
        );
        Row::of_line(&line).unwrap()
    }

    /// Three nodes with a call each, second after second; every tenth is on two of them.
    fn node(number: usize) -> Vec<Row> {
        let has = |n: &usize| n % 3 == number || (n.is_multiple_of(10) && (n + 1) % 3 == number);
        let second = |n: usize| i64::try_from(n).unwrap();
        (0..300).filter(has).map(|n| row(&format!("c{n}"), 100 + second(n))).collect()
    }

    /// As a node answers: so many behind the key.
    fn ask(
        node: &[Row],
        order: Order,
        after: Option<&Place>,
        limit: usize,
    ) -> (Vec<Row>, Option<Place>) {
        let mut rows = node.to_vec();
        rows.sort_by(|a, b| order.compare(a, b));
        let behind = |row: &Row| after.is_none_or(|place| order.is_behind(row, place));
        let page: Vec<Row> = rows.into_iter().filter(behind).take(limit).collect();
        let last = page.last().filter(|_| page.len() == limit);
        let next = last.and_then(|row| Place::of(row, order));
        (page, next)
    }

    #[test]
    fn pages_of_nodes_are_the_pages_of_one_store() {
        for (order, limit, nodes_limit) in [
            (Order::NewestFirst, 7, 7),
            (Order::OldestFirst, 1, 1),
            (Order::NewestFirst, 1000, 1000),
            (Order::OldestFirst, 50, 3),
        ] {
            let (mut after, mut found) = (None, Vec::new());
            for _ in 0..1000 {
                let mut merge = Merge::new(order, limit);
                for number in 0..3 {
                    let (rows, next) = ask(&node(number), order, after.as_ref(), nodes_limit);
                    merge.rows(rows);
                    merge.ended(next, Searched { complete: true, ..Searched::default() });
                }
                let page = merge.page();
                found.extend(page.rows.iter().map(|row| row.id().into_owned()));
                after = page.next;
                if after.is_none() {
                    break;
                }
            }
            let mut all: Vec<_> = (0..300).map(|n| format!("c{n}")).collect();
            if order == Order::NewestFirst {
                all.reverse();
            }
            assert_eq!(found, all);
        }
    }
}
