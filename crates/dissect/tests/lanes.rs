//! The contract's promises to protocols that interleave messages, or in which the server asks.
//!
//! A toy of lines: `3(name` begins a message on lane 3, `3.text` adds to its body, `3)` ends it, `3x`
//! breaks the exchange off; `?name` asks and `!name` answers in order, whoever says it; `-` is a line
//! of its own that belongs to nobody, and `3;name` one that begins, then ends without bytes.

use std::borrow::Cow;

use dissect::{
    Dissection, Dissector, Found, Framing, Hello, Pair, Reader, Role, Sink, Step, Verdict, kit,
};
use model::{
    Field, Headline, Kind, Message, Outcome, Protocol, Side, Status, Tell, Transport, Value, Why,
};

static PROTOCOL: Protocol = Protocol {
    name: "lanes",
    about: "for tests",
    specification: "",
    fields: &[Field { name: "lanes.line", kind: Kind::Text, many: false, about: "the line" }],
    headline,
    tell,
};

static LANES: Dissection = Dissection {
    folder: "lanes",
    protocol: &PROTOCOL,
    transports: &[Transport::Tcp],
    names: &[],
    ports: &[],
    probe: |_: &Hello<'_>| Verdict::No,
    open: |_| Reader::open(&PROTOCOL, Lanes::default(), Framing::Stream),
};

#[derive(Default)]
struct Lanes {
    ends: bool,
}

impl Dissector for Lanes {
    fn read(&mut self, _from: Side, input: &[u8], sink: &mut Sink<'_, '_>) -> Step {
        if std::mem::take(&mut self.ends) {
            sink.finish();
            return Step::Took(0);
        }
        let Some(eol) = input.iter().position(|b| *b == b'\n') else {
            return Step::Need(input.len() + 1);
        };
        let (line, took) = (&input[..eol], eol + 1);
        match line {
            [b'?', ..] => self.whole(Role::Asks, line, sink),
            [b'!', ..] => self.whole(Role::Answers, line, sink),
            [b'-'] => sink.turn_to(0),
            [lane @ b'0'..=b'9', what, text @ ..] => {
                let lane = u64::from(*lane);
                if *what == b'x' {
                    sink.abandon(lane, lane, Why::Reset);
                    return Step::Took(took);
                }
                sink.turn_to(lane);
                let begins = matches!(what, b'(' | b';');
                if begins == sink.is_open() {
                    return Step::Lost;
                }
                match what {
                    b'(' | b';' => {
                        sink.begin(Pair::Id(lane));
                        sink.record(line);
                        sink.timed();
                        self.ends = *what == b';';
                    }
                    b'.' => sink.body(text),
                    _ => sink.finish(),
                }
            }
            _ => return Step::Lost,
        }
        Step::Took(took)
    }

    fn resync(&mut self, _from: Side, input: &[u8]) -> Found {
        self.ends = false;
        match input {
            [b'0'..=b'9'] => Found::Maybe(0),
            [b'0'..=b'9', b'(' | b'.' | b')' | b';' | b'x', ..] | [b'?' | b'!', ..] => Found::At(0),
            _ => Found::Nowhere,
        }
    }
}

impl Lanes {
    fn whole(&mut self, role: Role, line: &[u8], sink: &mut Sink<'_, '_>) {
        sink.turn_to(0);
        sink.begin_as(role, Pair::InOrder);
        sink.record(line);
        sink.finish();
    }
}

fn headline<'m>(request: Option<&'m Message>, response: Option<&'m Message>) -> Headline<'m> {
    Headline {
        method: request.map(|m| Cow::Borrowed(m.record.as_slice())),
        endpoint: None,
        version: None,
        status: response.map(|m| Status {
            code: m.record.as_slice().into(),
            text: (&b""[..]).into(),
            outcome: Outcome::Ok,
        }),
    }
}

fn tell(message: &Message, to: &mut dyn Tell) {
    to.field(0, Value::Text(&message.record));
}

/// With losses but without the probe, which knows nothing here.
fn check(case: &str) {
    kit::check(&LANES, case);
}

#[test]
fn messages_of_several_lanes_interleave() {
    check(
        "> 1(a\\n2(b\\n1.xx\\n2.y\\n1)\\n2)\\n\n< 2(B\\n1(A\\n2.r\\n1)\\n2)\\n\n\
         = matched 1(a - 1(A\n=> body=xx\n= matched 2(b - 2(B\n=> body=y\n=< body=r\n",
    );
}

#[test]
fn an_answer_may_end_before_its_question() {
    check("> 1(a\\n\n< 1(A\\n1)\\n\n> 1.x\\n1)\\n\n= matched 1(a - 1(A\n=> body=x\n");
}

#[test]
fn what_is_broken_off_leaves_incomplete() {
    check(
        "only whole\n> 1(a\\n1)\\n2(b\\n2)\\n\n< 1(A\\n1.x\\n\n> 1x\\n\n< 2(B\\n2)\\n\n\
         = matched 1(a - 1(A missing=reset\n=< body=x\n= matched 2(b - 2(B\n",
    );
}

#[test]
fn what_is_broken_off_before_an_answer_is_unanswered() {
    check("only whole\n> 1(a\\n1)\\n\n< 1x\\n\n= unanswered 1(a - - missing=reset\n");
}

#[test]
fn a_loss_leaves_open_messages_open_and_says_so() {
    check(
        "> 1(a\\n1)\\n2(b\\n2)\\n\n< 1(A\\n2(B\\n1.x\\n\ngap < 5\n< 1.y\\n1)\\n2)\\n\n\
         = matched 1(a - 1(A missing=gap\n=< body=x; body.size=2\n= matched 2(b - 2(B missing=gap\n",
    );
}

#[test]
fn a_question_whose_end_was_lost_ends_with_its_answer() {
    check("> 1(a\\n1.x\\n\ngap > 3\n< 1(A\\n1)\\n\n= matched 1(a - 1(A missing=gap\n");
}

#[test]
fn a_server_may_ask() {
    check("only whole\n< ?a\\n\n> !b\\n?c\\n\n< !d\\n\n= matched ?a - !b\n= matched ?c - !d\n");
}

#[test]
fn an_answer_of_the_client_after_a_loss_is_not_paired() {
    check(
        "< ?a\\n\ngap > 3\n> !b\\n\n= unanswered ?a - - missing=gap\n= orphan - - !b missing=gap\n",
    );
}

#[test]
fn a_message_may_end_without_bytes() {
    check(
        "> 1;a\\n-\\n2;b\\n-\\n\n< 2;B\\n-\\n\n= matched 2;b - 2;B\n= unanswered 1;a - - missing=capture-end\n",
    );
}
