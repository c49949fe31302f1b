//! Packets, asked of the nodes that hold on to them. They are handed on as they come: nothing is gathered here.

use std::time::Duration;

use store::{Captured, Missing, PacketsAsked, PacketsOf, PacketsTold, Stop, StoreError};
use tokio::time::Instant;

use super::{Answers, Next};
use crate::{
    Hub,
    hub::{Ear, answers},
    wire::{self, ask::What, packets::Of},
    words,
};

/// How long nodes may send packets, as fast as these are taken.
const TIME: Duration = Duration::from_secs(600);

/// Takes packets, and says whether it wants more.
type Take<'t> = &'t mut dyn FnMut(&str, Captured) -> bool;

// === impl Hub ===

impl Hub {
    pub(super) fn packets_of(
        &self,
        asked: &PacketsAsked,
        take: Take<'_>,
    ) -> Result<PacketsTold, StoreError> {
        match &asked.of {
            PacketsOf::Call(key, by) => {
                let what = packets(Of::Call(words::key(key)));
                self.of_first(&what, by, &asked.stop, take)
            }
            PacketsOf::Calls(scan) => {
                let mut told = PacketsTold::default();
                let answers =
                    self.ask_for_packets(&packets(Of::Calls(words::scan(scan))), |_| true);
                self.hear_packets(answers, &asked.stop, &mut told, take)?;
                Ok(told)
            }
        }
    }

    /// Asks one after the other, until one has packets.
    fn of_first(
        &self,
        what: &What,
        by: &[String],
        stop: &Stop,
        take: Take<'_>,
    ) -> Result<PacketsTold, StoreError> {
        let mut told = PacketsTold::default();
        for name in by {
            let mut answers = self.ask_for_packets(what, |node| node == name);
            if answers.open.is_empty() && answers.missing.is_empty() {
                // It was away for so long that it is forgotten.
                answers.missing.push(Missing { name: name.clone(), why: crate::hub::AWAY.into() });
            }
            self.hear_packets(answers, stop, &mut told, take)?;
            if told.packets > 0 {
                told.by = Some(name.clone());
                break;
            }
        }
        Ok(told)
    }

    fn ask_for_packets(&self, what: &What, is_meant: impl Fn(&str) -> bool) -> Answers {
        let (ear, heard) = answers();
        let asked = self.0.ask_of(what, TIME, Ear::Answers(ear), is_meant);
        let (open, missing) = (asked.nodes.clone(), asked.missing.clone());
        Answers { asked, heard, open, missing, until: Instant::now() }
    }

    fn hear_packets(
        &self,
        mut answers: Answers,
        stop: &Stop,
        told: &mut PacketsTold,
        take: Take<'_>,
    ) -> Result<(), StoreError> {
        loop {
            // Only silence is too long: who takes the packets may be slow.
            answers.until = Instant::now() + self.0.options.answer;
            match answers.next(stop) {
                Next::Piece(node, piece) => {
                    for packet in piece.packets {
                        told.packets += 1;
                        if !take(&node, captured(packet)) {
                            told.is_cut = true;
                            return Ok(());
                        }
                    }
                    told.is_masked |= piece.end.as_ref().is_some_and(|end| end.is_masked);
                    answers.ended(&node, piece.end);
                }
                Next::Done => break,
                Next::Stopped => return Err(StoreError::Stopped),
            }
        }
        let missing = answers.missing();
        self.count(&missing);
        told.missing.extend(missing);
        Ok(())
    }
}

fn packets(of: Of) -> What {
    What::Packets(wire::Packets { of: Some(of) })
}

fn captured(packet: wire::Captured) -> Captured {
    Captured {
        at: model::Timestamp(packet.at_ns),
        link: packet.link,
        wire_len: packet.wire_len,
        bytes: packet.bytes,
        interface: words::short(&packet.interface),
        comment: words::short(&packet.comment),
    }
}
