//! Figures over calls: the calls are found as a scan finds them, then counted.

use filter::{Column, Half};

use crate::{Aggregate, By, Order, Row, Scan, Select, Store, StoreError, Table, plain};

/// Calls that are found at once.
const PAGE_CALLS: usize = 4 << 10;

impl Store {
    /// Figures over calls. Blocks. Calls that go on are not counted before their end.
    ///
    /// # Errors
    /// When the query can't be run, was stopped, or the calls that it is about take more memory than
    /// [`query_bytes_max`](crate::Options::query_bytes_max).
    pub fn aggregate(&self, question: &Aggregate) -> Result<Table, StoreError> {
        let mut scan = Scan {
            condition: question.condition.clone(),
            from: question.from,
            to: question.to,
            order: Order::OldestFirst,
            after: None,
            limit: PAGE_CALLS,
            select: select(question),
            stop: question.stop.clone(),
        };
        let (mut rows, mut bytes) = (Vec::new(), 0);
        let (mut calls, mut files_unread, mut complete) = (0, 0, true);
        loop {
            let page = self.scan(&scan)?;
            if question.stop.is_due() {
                return Err(StoreError::Stopped);
            }
            calls += page.searched.calls;
            files_unread += page.searched.files_unread;
            complete &= page.searched.complete;
            bytes += page.rows.iter().map(Row::memory_bytes).sum::<usize>();
            if bytes > self.options().query_bytes_max {
                let limit = self.options().query_bytes_max;
                return Err(StoreError::TooLarge(format!("the limit is {limit} bytes")));
            }
            rows.extend(page.rows.into_iter().filter(|row| !row.is_open()));
            let Some(next) = page.next else { break };
            scan.after = Some(next);
        }
        let mut table = plain::table(&rows, question, self.columns());
        table.searched = crate::Searched { complete, calls, files_unread };
        Ok(table)
    }
}

/// How much of each call is needed to tell the groups apart.
fn select(question: &Aggregate) -> Select {
    let of = |by: &By| match by {
        By::EndpointTemplate => Select::Summary,
        By::Column(column, _) => match column {
            Column::Request(half) | Column::Response(half)
                if !matches!(half, Half::Size | Half::HeaderSize | Half::Headers) =>
            {
                Select::Whole
            }
            Column::Request(_) | Column::Response(_) | Column::Field(_) => Select::WithoutBodies,
            Column::Call(_) | Column::Src(_) | Column::Dst(_) => Select::Summary,
        },
    };
    let needs: Vec<Select> = question.by.iter().map(of).collect();
    [Select::Whole, Select::WithoutBodies]
        .into_iter()
        .find(|select| needs.contains(select))
        .unwrap_or(Select::Summary)
}
