//! The binary log: one answer, then one message after the other that nobody asks for.

use dissect::{Pair, Sink, Step};

use crate::mysql::{
    MySql,
    record::{self, KEPT_MAX, Shape, Sums},
    session::Course,
    wire::{HEADER, Header},
};

// === impl MySql: the binary log ===

impl MySql {
    /// The first event answers the command that asked for all of them.
    pub(super) fn first_event(&mut self, header: Header, sink: &mut Sink<'_, '_>) -> Step {
        self.session.course = Course::Events;
        self.close(Shape::Event, sink);
        self.go_on_answering(header)
    }

    /// Every other is a message of its own.
    pub(super) fn stream(
        &mut self,
        header: Header,
        first: u8,
        input: &[u8],
        sink: &mut Sink<'_, '_>,
    ) -> Step {
        if first == 0 {
            sink.begin(Pair::OneWay);
            sink.record(&[record::EVENT]);
            return self.go_on_answering(header);
        }
        if header.len > KEPT_MAX {
            return Step::Lost;
        }
        let Some(payload) = input.get(HEADER..header.size()) else {
            return Step::Need(header.size());
        };
        sink.begin(Pair::OneWay);
        self.answers.sums = Sums::unasked();
        sink.record(&self.answers.sums.bytes());
        self.session.course = Course::Commands;
        let shape = if first == 0xff { Shape::Error } else { Shape::Eof };
        self.end_result(shape, header, payload, sink)
    }
}
