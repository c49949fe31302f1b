//! What must not be taken for frames, and what the handshake is good for.

use dissect::{Hello, Verdict, kit};
use model::{Side, Transport};

use super::DISSECTION;

fn verdict(bytes: &[u8]) -> Verdict {
    (DISSECTION.probe)(&Hello {
        bytes,
        from: None,
        transport: Transport::Tcp,
        to_usual_port: false,
        from_usual_port: false,
        more: false,
    })
}

#[test]
fn frames_of_either_side_are_known_without_the_handshake() {
    assert_eq!(verdict(b"\x81\x05hello"), Verdict::Is(Side::Server));
    assert_eq!(verdict(b"\x81\x85\x01\x02\x03\x04igoho"), Verdict::Is(Side::Client));
    let binary = b"\x82\x81\x01\x02\x03\x04\x99";
    assert_eq!(verdict(&binary.repeat(3)), Verdict::Is(Side::Client));
}

#[test]
fn long_frames_that_end_with_the_bytes_are_no_accident() {
    let long = |first: u8, mask: &[u8]| {
        let bit = if mask.is_empty() { 0 } else { 0x80 };
        [&[first, 126 | bit, 1, 0][..], mask, &[0x9c; 256]].concat()
    };
    let (server, client) = (long(0x82, b""), long(0x82, b"abcd"));
    assert_eq!(verdict(&server.repeat(2)), Verdict::Is(Side::Server));
    assert_eq!(verdict(&client.repeat(2)), Verdict::Is(Side::Client));
    for once in [&server, &client] {
        assert_eq!(verdict(once), Verdict::No);
        assert_eq!(verdict(&[&once[..], once, b"?"].concat()), Verdict::No);
    }
}

#[test]
fn what_others_say_is_no_frame() {
    for (who, bytes) in [
        ("HTTP", &b"GET / HTTP/1.1\r\nHost: a\r\n\r\n"[..]),
        ("TLS", b"\x16\x03\x01\x00\x05hello"),
        ("MySQL", b"\x05\x00\x00\x00\x0a5.7\0"),
        ("DNS", b"\x81\x80\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x01a\x00\x00\x01\x00\x01"),
        ("Memcached", b"\x81\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x04\x00\x00\x00\x00"),
        ("binary of a server", b"\x82\x01a\x82\x01b\x82\x01c"),
        ("noise", b"\x81\x05\x00\x01\x02\x03\x04"),
        ("HTTP/2", b"\x00\x00\x04\x08\x00\x00\x00\x00\x00\x00\x0f\x00\x01"),
    ] {
        assert_eq!(verdict(bytes), Verdict::No, "{who}");
    }
}

#[test]
fn any_bytes_are_survived() {
    let mut seed = 7_u32;
    let mut bytes = vec![0_u8; 600];
    for _ in 0..2_000 {
        for byte in &mut bytes {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            *byte = (seed >> 24) as u8;
        }
        kit::fuzz(&DISSECTION, &bytes);
    }
}
