//! Several files, folders and compressed files.

mod writer;

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process,
};

use capture::{Batch, Input, OpenError, Options, Problem, Reader};
use flate2::{Compression, write::GzEncoder};
use proptest::prelude::*;
use writer::{LITTLE, Pieces, Seen, USUAL, drain, packets, read};

/// A folder of its own for a test, gone afterwards.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("callscope-{name}-{}", process::id()));
        let _ = fs::remove_dir_all(&path);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn put(&self, name: &str, bytes: &[u8]) -> Input {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, bytes).unwrap();
        Input::Path(path)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn at(times: &[u64]) -> Vec<Seen> {
    let packet = |(ns, frame): (&u64, u64)| Seen {
        ns: ns * 1_000,
        link: 1,
        frame,
        source: 0,
        bytes: vec![*ns as u8; 60],
        wire_len: 60,
    };
    times.iter().zip(1..).map(packet).collect()
}

fn file_of(times: &[u64]) -> Vec<u8> {
    USUAL.write(1, &at(times))
}

/// Packets that can't be compressed to a single block.
fn noise(count: u64) -> Vec<Seen> {
    let mut state = 1_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 56) as u8
    };
    let fill =
        |packet| Seen { bytes: (0..100).map(|_| random()).collect(), wire_len: 100, ..packet };
    packets(count, 1).into_iter().map(fill).collect()
}

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

fn open(inputs: &[Input], batch_bytes: usize) -> Reader {
    Reader::open(inputs, Options { batch_bytes }).unwrap()
}

/// What a merge is, said plainly: always the earliest of all next packets.
fn merged(files: &[Vec<u64>]) -> Vec<(u64, u32, u64)> {
    let mut next = vec![0; files.len()];
    let mut order = Vec::new();
    while let Some(file) =
        (0..files.len()).filter(|f| next[*f] < files[*f].len()).min_by_key(|f| files[*f][next[*f]])
    {
        order.push((files[file][next[file]] * 1_000, file as u32, next[file] as u64 + 1));
        next[file] += 1;
    }
    order
}

fn order_of(seen: &[Seen]) -> Vec<(u64, u32, u64)> {
    seen.iter().map(|packet| (packet.ns, packet.source, packet.frame)).collect()
}

#[test]
fn ties_go_to_the_earlier_file_and_a_file_keeps_its_own_order() {
    let folder = Folder::new("ties");
    let files = [vec![5, 7, 2, 9], vec![5, 6, 7], vec![1, 100]];
    let inputs: Vec<Input> =
        files.iter().zip(0..).map(|(t, i)| folder.put(&format!("{i}"), &file_of(t))).collect();
    let (seen, warnings) = drain(open(&inputs, 1024));
    assert_eq!(order_of(&seen), merged(&files));
    assert!(warnings.is_empty());
}

#[test]
fn hundreds_of_files_are_opened_when_their_time_comes() {
    let folder = Folder::new("many");
    let files: Vec<Vec<u64>> =
        (0..600).map(|i| (0..20).map(|j| (600 - i) * 15 + j).collect()).collect();
    for (i, times) in files.iter().enumerate() {
        folder.put(&format!("{i:04}.pcap"), &file_of(times));
    }
    let reader = open(&[Input::Path(folder.0.clone())], 1024);
    assert_eq!(reader.sources().len(), 600);
    let (seen, warnings) = drain(reader);
    assert_eq!(order_of(&seen), merged(&files));
    assert!(warnings.is_empty());
}

#[test]
fn too_many_files_at_once_is_an_error_but_not_the_end() {
    let folder = Folder::new("overlap");
    for i in 0..520 {
        folder.put(&format!("{i:04}.pcap"), &file_of(&[1, 1_000]));
    }
    let mut reader = open(&[Input::Path(folder.0.clone())], 1024);
    let (mut batch, mut errors, mut count) = (Batch::new(), 0, 0);
    loop {
        match reader.next(&mut batch) {
            Ok(true) => count += batch.len(),
            Ok(false) => break,
            Err(_) => errors += 1,
        }
    }
    assert_eq!((errors, count), (8, 1024));
}

#[test]
fn a_vanished_file_is_a_warning() {
    let folder = Folder::new("vanished");
    for i in 0..20 {
        folder.put(&format!("{i:02}.pcap"), &file_of(&[100 + i]));
    }
    let reader = open(&[Input::Path(folder.0.clone())], 1024);
    fs::remove_file(folder.0.join("07.pcap")).unwrap();
    let (seen, warnings) = drain(reader);
    assert_eq!(seen.len(), 19);
    assert!(matches!(&warnings[..], [w] if matches!(w.problem, Problem::Gone(_))), "{warnings:?}");
}

#[test]
fn a_folder_gives_its_captures_and_names_what_it_skips() {
    let folder = Folder::new("folder");
    folder.put("b.pcap", &file_of(&[2]));
    folder.put("a/deep/x.cap", &gzip(&file_of(&[1])));
    folder.put("notes.txt", b"nothing to see");
    folder.put("empty", b"");
    let (seen, warnings) = drain(open(&[Input::Path(folder.0.clone())], 1024));
    assert_eq!(seen.iter().map(|p| p.ns).collect::<Vec<_>>(), [1_000, 2_000]);
    let lines: Vec<String> = warnings.iter().map(ToString::to_string).collect();
    assert_eq!(lines.len(), 2);
    assert!(lines[0].contains("empty: is empty"), "{lines:?}");
    assert!(lines[1].contains("it looks like text"), "{lines:?}");
}

#[test]
fn a_batch_out_of_a_merge_is_progress_too() {
    let folder = Folder::new("progress");
    let inputs = [folder.put("a", &file_of(&[1, 2])), folder.put("b", &file_of(&[3]))];
    let mut reader = open(&inputs, 1024);
    while reader.next(&mut Batch::new()).unwrap() {}
    assert_eq!(reader.progress().bytes_done, 24 + 76 * 2 + 24 + 76);
    assert_eq!(reader.progress().bytes_total, Some(reader.progress().bytes_done));
}

#[test]
fn errors_say_what_it_is() {
    let folder = Folder::new("errors");
    let error = |input: &Input| {
        Reader::open(std::slice::from_ref(input), Options::default()).err().unwrap().to_string()
    };
    assert!(error(&Input::Path("/nowhere/at/all".into())).ends_with("no such file or folder"));
    assert!(error(&folder.put("e", b"")).contains("is empty"));
    assert!(error(&folder.put("p", b"\x89PNG\r\n\x1a\n12345")).contains("looks like a PNG image"));
    assert!(error(&folder.put("z", &gzip(b"hello, world"))).contains("looks like gzip of text"));
    assert!(error(&folder.put("s", b"snoop\0\0\0\0\0\0\x02")).contains("Sun snoop"));
    assert!(error(&folder.put("ez", &gzip(b""))).contains("is empty"));
    assert!(error(&folder.put("bz", b"\x1f\x8b\x08\0garbage.......")).contains("damaged gzip"));
    let nothing = Folder::new("nothing");
    assert!(error(&Input::Path(nothing.0.clone())).contains("no capture file in this folder"));
    assert!(matches!(Reader::open(&[], Options::default()).err(), Some(OpenError::NoInput)));
}

#[test]
fn compressed_captures_are_read_member_by_member() {
    let packets = packets(40, 1);
    let file = USUAL.write(1, &packets);
    let (front, back) = file.split_at(777);
    let zstd = |bytes: &[u8]| zstd::encode_all(bytes, 3).unwrap();
    let skippable = [&b"\x53\x2a\x4d\x18\x03\0\0\0abc"[..], &zstd(&file)].concat();
    for packed in [
        gzip(&file),
        [gzip(front), gzip(back)].concat(),
        zstd(&file),
        [zstd(front), zstd(back)].concat(),
        skippable,
    ] {
        for sizes in [&[1][..], &[13, 4], &[100_000]] {
            let (seen, warnings) = read(&packed, sizes);
            assert_eq!(seen, packets);
            assert!(warnings.is_empty(), "{warnings:?}");
        }
    }
}

#[test]
fn a_cut_compressed_capture_gives_what_is_there() {
    let packets = noise(4_000);
    let file = USUAL.write(1, &packets);
    for packed in [gzip(&file), zstd::encode_all(&file[..], 3).unwrap()] {
        let (seen, warnings) = read(&packed[..packed.len() - 4], &[50]);
        assert!(seen.len() >= 1_000, "{}", seen.len());
        assert_eq!(seen, packets[..seen.len()]);
        assert_eq!(warnings.len(), 1);
    }
    let garbage = [&gzip(&file)[..], b"garbage at the end"].concat();
    let (seen, warnings) = read(&garbage, &[50]);
    assert_eq!(seen, packets);
    assert!(warnings[0].to_string().contains("gzip"), "{warnings:?}");
}

#[test]
fn a_gzip_pipe_does_not_wait_for_its_end() {
    let (taken, given) = std::io::pipe().unwrap();
    let mut encoder = GzEncoder::new(given, Compression::fast());
    encoder.write_all(&file_of(&[1, 2, 3])).unwrap();
    encoder.flush().unwrap();
    let mut reader = Reader::from_read("-", taken, Options::default()).unwrap();
    let mut batch = Batch::new();
    assert!(reader.next(&mut batch).unwrap());
    assert_eq!(batch.len(), 3);
    encoder.finish().unwrap();
    assert!(!reader.next(&mut batch).unwrap());
}

#[test]
fn a_zstd_pipe_does_not_wait_for_its_end() {
    let (taken, given) = std::io::pipe().unwrap();
    let mut encoder = zstd::Encoder::new(given, 1).unwrap();
    encoder.write_all(&file_of(&[1, 2, 3])).unwrap();
    encoder.flush().unwrap();
    let mut reader = Reader::from_read("-", taken, Options::default()).unwrap();
    let mut batch = Batch::new();
    assert!(reader.next(&mut batch).unwrap());
    assert_eq!(batch.len(), 3);
    encoder.finish().unwrap();
    assert!(!reader.next(&mut batch).unwrap());
}

#[test]
fn readers_and_batches_go_between_threads() {
    fn sendable<T: Send>() {}
    fn shareable<T: Send + Sync>() {}
    sendable::<Reader>();
    shareable::<Batch>();
}

#[test]
fn a_packet_longer_than_the_batch_passes_through_a_merge() {
    let folder = Folder::new("long");
    let long = LITTLE.packet(0, 5, &[9; 100_000], 100_000);
    let other = [LITTLE.section(), LITTLE.interface(1, 0, &[]), long].concat();
    let inputs = [folder.put("a", &file_of(&[1, 9])), folder.put("b", &other)];
    let (seen, _) = drain(open(&inputs, 256));
    assert_eq!(seen.iter().map(|p| p.bytes.len()).collect::<Vec<_>>(), [60, 100_000, 60]);
}

fn check_merge(files: &[Vec<u64>], batch_bytes: usize, folder: &Path) {
    let inputs: Vec<Input> = (0..files.len())
        .map(|i| {
            let path = folder.join(format!("{i}"));
            fs::write(&path, file_of(&files[i])).unwrap();
            Input::Path(path)
        })
        .collect();
    assert_eq!(order_of(&drain(open(&inputs, batch_bytes)).0), merged(files));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_merge_is_as_said_plainly(
        files in prop::collection::vec(prop::collection::vec(0_u64..50, 0..30), 1..24),
        batch_bytes in 100_usize..2000,
    ) {
        let folder = Folder::new("merge");
        check_merge(&files, batch_bytes, &folder.0);
    }

    #[test]
    fn any_changed_byte_of_a_gzip_does_no_harm(at: prop::sample::Index, to: u8) {
        let mut packed = gzip(&file_of(&[1, 2, 3, 4, 5, 6]));
        let at = at.index(packed.len());
        packed[at] = to;
        let options = Options { batch_bytes: 256 };
        if let Ok(reader) = Reader::from_read("x", Pieces::new(&packed, &[9]), options) {
            drain(reader);
        }
    }
}
