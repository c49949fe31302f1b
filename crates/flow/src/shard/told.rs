//! What is told of a flow beside what is said on it: how its packets went, what ICMP said of them.

use model::{Call, CallSink, Message, Missing, Noticed, PairedBy, Pairing, Side, Timestamp, Why};
use packet::Quote;

use super::Shard;
use crate::{
    conn::{CONN, Watched},
    flow::Talk,
    table::Table,
};

// === impl Shard ===

impl Shard {
    /// Somebody said something of a packet of a flow of this shard.
    pub(crate) fn noticed(&mut self, quote: &Quote, at: Timestamp) {
        let own = self.table.find(Table::hash(&quote.key, quote.hash), &quote.key);
        let twin = || self.twins.get(&quote.key).map(|(at, _)| *at);
        let Some(flow) = own.or_else(twin).and_then(|at| self.table.flow_mut(at)) else {
            self.counts.notices_of_nobody += 1;
            return;
        };
        self.counts.notices += 1;
        let rare = flow.talk.rare.get_or_insert_default();
        if let Some(watched) = &mut rare.watched {
            watched.icmp_errors += 1;
        }
        rare.noticed = Some(Noticed { notice: quote.notice, at });
    }

    /// Begins to watch a flow, where that is asked for. What was taken from under a cover has no packets.
    pub(super) fn watch(&mut self, talk: &mut Talk) {
        if !self.connections || talk.key.is_under_cover() {
            return;
        }
        if self.commons.budget.charge(Watched::COST) {
            talk.rare.get_or_insert_default().watched = Some(Box::default());
        } else {
            self.counts.unwatched += 1;
        }
    }

    /// A flow is not told.
    pub(super) fn unwatch(&mut self, at: u32) {
        let talk = self.table.flow_mut(at).map(|flow| &mut flow.talk);
        let rare = talk.and_then(|talk| talk.rare.as_deref_mut());
        if rare.and_then(|rare| rare.watched.take()).is_some() {
            self.commons.budget.release(Watched::COST);
        }
    }

    /// Tells a flow that is over, because of `why`.
    pub(super) fn tell(&mut self, talk: Talk, order: u64, why: Why, sink: &mut dyn CallSink) {
        let (client, server) = (talk.client(), talk.server());
        let Talk {
            key, stream, source, numbers, ended, rare, birth, per_mille, client: way, ..
        } = talk;
        let Some(mut rare) = rare else { return };
        let Some(watched) = rare.watched.take() else { return };
        self.commons.budget.release(Watched::COST);
        let [request, response] = watched.halves(way, key.transport, numbers.1);
        let pairing = match (&request, &response) {
            (Some(_), Some(_)) => Pairing::Matched,
            (Some(_), None) => Pairing::Unanswered,
            _ => Pairing::Orphan,
        };
        let lost = |half: &Option<Message>| half.as_ref().map_or(0, |half| half.missing_bytes);
        let (request_bytes, response_bytes) = (lost(&request), lost(&response));
        let why = match rare.noticed {
            _ if request_bytes + response_bytes > 0 => Some(Why::Gap),
            _ if pairing == Pairing::Matched => None,
            Some(noticed) if noticed.notice.says.is_final() => Some(Why::Unreachable),
            _ => Some(ended.unwrap_or(why)),
        };
        let names = rare.translated.as_deref();
        sink.call(&Call {
            protocol: &CONN,
            birth,
            per_mille,
            transport: key.transport,
            client: names.map_or(client, |names| names.client),
            server: names.map_or(server, |names| names.server),
            translated: names.map(|names| &names.others[Side::Client as usize]),
            stream,
            inside: 0,
            cover: None,
            number: 0,
            order,
            source,
            request: request.as_ref(),
            response: response.as_ref(),
            pairing,
            paired_by: (pairing == Pairing::Matched).then_some(PairedBy::Id),
            missing: why.map(|why| Missing { why, request_bytes, response_bytes }),
            noticed: rare.noticed,
            goes_on: false,
        });
    }
}
