//! What cases can't say: any bytes, and what is not claimed.

use dissect::{Hello, Verdict, kit::fuzz};
use model::{Side, Transport};
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

fn asked(bytes: &[u8], from: Option<Side>) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from,
        transport: Transport::Tcp,
        to_usual_port: false,
        from_usual_port: false,
        more: false,
    })
}

const ASKS: &[u8] = b"{\"jsonrpc\":\"2.0\",\"method\":\"a\",\"id\":1}\n";

#[test]
fn what_others_say_is_not_claimed() {
    for other in [
        &b"{\"method\":\"mining.subscribe\",\"params\":[],\"id\":1}\n"[..],
        b"{\"jsonrpc\":\"2.0\"}\n",
        b"{\"jsonrpc\":\"1.0\",\"method\":\"a\",\"id\":1}\n",
        b"{\"body\":{\"jsonrpc\":\"2.0\",\"method\":\"a\"}}\n",
        b"[1,2]\n",
        b"Content-Length: 2\r\n\r\n{}",
        b"Content-Length: 44\r\nHost: a\r\n\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"",
    ] {
        for from in [None, Some(Side::Client), Some(Side::Server)] {
            assert!(!matches!(asked(other, from), Verdict::Is(_)), "{}", other.escape_ascii());
        }
    }
}

#[test]
fn a_value_alone_may_be_the_body_of_http() {
    assert_eq!(asked(ASKS, None), Verdict::No);
    assert_eq!(asked(ASKS, Some(Side::Server)), Verdict::Is(Side::Server));
    assert_eq!(asked(&[ASKS, ASKS].concat(), None), Verdict::Is(Side::Client));
    let headed = [&b"Content-Length: 39\r\n\r\n"[..], ASKS].concat();
    assert_eq!(asked(&headed, None), Verdict::Is(Side::Client));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }

    #[test]
    fn no_pieces_of_it_make_it_panic(
        pieces in vec((any::<u8>(), prop::sample::select(vec![
            "{\"jsonrpc\":\"2.0\",", "\"method\":\"a\",", "\"id\":1}", "\n", "[", "]", "Content-Length: ",
            "7\r\n\r\n", "99999999999\r\n\r\n", "\"result\":{", "}",
        ])), 0..80),
    ) {
        let mut data = vec![0];
        for (what, piece) in pieces {
            data.extend([what, u8::try_from(piece.len()).unwrap()]);
            data.extend(piece.bytes());
        }
        fuzz(&DISSECTION, &data);
    }
}
