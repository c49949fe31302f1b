//! Descriptors that a server tells: `ServerReflectionInfo` of `grpc.reflection.v1` and `v1alpha`
//! (<https://github.com/grpc/grpc/blob/master/doc/server-reflection.md>).
//!
//! They are learned while the call goes on, for such calls last as long as their client. They serve the later
//! calls of the same connection at once, and those of other connections to the same server some packets
//! later (`Sink::teach`).

use std::sync::{Arc, OnceLock};

use model::Lore;

use super::{descriptors::Descriptors, frames::Frames, protobuf};
use crate::over_http::tell;

/// Calls that are listened to at a time.
const STREAMS_MAX: usize = 16;
/// Bytes of a message that are waited for.
const MESSAGE_MAX: usize = 1 << 20;
/// Bytes of all descriptors of a connection.
const FILES_BYTES_MAX: usize = 1 << 20;
/// Descriptors of a connection.
const FILES_MAX: usize = 512;
/// Bytes of a frame's head.
const PREFIX_LEN: usize = 5;
/// `file_descriptor_response` in a `ServerReflectionResponse`.
const FILES: u64 = 4;
/// `file_descriptor_proto` in a `FileDescriptorResponse`.
const FILE: u64 = 1;

/// What a server has told: on this connection, and on others before.
#[derive(Debug, Default)]
pub(crate) struct Reflection {
    /// Calls that are listened to, with what was not read yet.
    streams: Vec<(u32, Vec<u8>)>,
    files: Vec<Arc<[u8]>>,
    bytes: usize,
    lore: Lore,
}

/// Files that were told, made into descriptors when somebody asks.
#[derive(Debug)]
pub(super) struct Learned {
    files: Vec<Arc<[u8]>>,
    descriptors: OnceLock<Descriptors>,
}

/// Whether the answers to a request for `path` tell descriptors.
pub(crate) fn is_reflection(path: &[u8]) -> bool {
    let Some(rest) = path.strip_prefix(b"/grpc.reflection.v1") else { return false };
    matches!(
        rest,
        b".ServerReflection/ServerReflectionInfo" | b"alpha.ServerReflection/ServerReflectionInfo"
    )
}

// === impl Reflection ===

impl Reflection {
    /// Listens to the answers on `stream`.
    pub(crate) fn listen(&mut self, stream: u32) {
        if self.streams.len() < STREAMS_MAX && !self.listens(stream) {
            self.streams.push((stream, Vec::new()));
        }
    }

    /// Whether it listens to `stream`.
    pub(crate) fn listens(&self, stream: u32) -> bool {
        self.streams.iter().any(|(known, _)| *known == stream)
    }

    /// The next bytes on `stream`, compressed by `coding` where they say so; whether something was learned
    /// from them.
    pub(crate) fn hear(&mut self, stream: u32, bytes: &[u8], coding: Option<&[u8]>) -> bool {
        let Some((_, unread)) = self.streams.iter_mut().find(|(known, _)| *known == stream) else {
            return false;
        };
        unread.extend_from_slice(bytes);
        let mut messages = Vec::new();
        let mut read = 0;
        let mut more = 0;
        for frame in Frames::of(unread) {
            if !frame.is_whole() {
                more = usize::try_from(frame.size).unwrap_or(usize::MAX);
                break;
            }
            read = frame.at + PREFIX_LEN + frame.bytes.len();
            messages.extend(match (frame.is_compressed(), coding) {
                (false, _) => Some(frame.bytes.to_vec()),
                (true, Some(coding)) => tell::decode(frame.bytes, true, coding),
                (true, None) => None,
            });
        }
        unread.drain(..read);
        if more > MESSAGE_MAX || unread.len() > MESSAGE_MAX + PREFIX_LEN {
            self.forget(stream);
        }
        let is_news = messages.iter().map(|message| self.learn(message)).sum::<usize>() > 0;
        if is_news {
            self.conclude();
        }
        is_news
    }

    /// Takes what was learned of the same server on other connections.
    pub(crate) fn join(&mut self, known: &Lore) {
        let Some(known) = known.get::<Learned>() else { return };
        known.files.iter().for_each(|file| self.keep(file));
        self.conclude();
    }

    /// Bytes of what was learned.
    pub(crate) fn bytes(&self) -> usize {
        self.bytes
    }

    fn conclude(&mut self) {
        let files = self.files.clone();
        self.lore = Lore::new(Learned { files, descriptors: OnceLock::new() });
    }

    fn keep(&mut self, file: &Arc<[u8]>) {
        let fits = self.files.len() < FILES_MAX && self.bytes + file.len() <= FILES_BYTES_MAX;
        if fits && self.files.iter().all(|known| known != file) {
            self.bytes += file.len();
            self.files.push(file.clone());
        }
    }

    /// Nothing more comes on `stream`.
    pub(crate) fn forget(&mut self, stream: u32) {
        self.streams.retain(|(known, _)| *known != stream);
    }

    /// Bytes were lost: nobody knows where the next message begins. What was learned stays true.
    pub(crate) fn lose_place(&mut self) {
        self.streams = Vec::new();
    }

    /// What was learned.
    pub(crate) fn lore(&self) -> &Lore {
        &self.lore
    }

    /// Bytes held.
    pub(crate) fn held(&self) -> usize {
        self.bytes + self.streams.iter().map(|(_, unread)| unread.len()).sum::<usize>()
    }

    /// Takes the files of one answer; how many of them are new.
    fn learn(&mut self, message: &[u8]) -> usize {
        let answers = protobuf::payloads(message, FILES);
        let files = answers.flat_map(|answer| protobuf::payloads(answer, FILE));
        let before = self.files.len();
        files.for_each(|file| self.keep(&file.into()));
        self.files.len() - before
    }
}

// === impl Learned ===

impl Learned {
    pub(super) fn descriptors(&self) -> &Descriptors {
        self.descriptors
            .get_or_init(|| Descriptors::of_files(self.files.iter().map(|file| &**file)))
    }
}

#[cfg(test)]
mod tests {
    use super::{super::descriptors::tests as shop, *};

    fn varint(mut n: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while n > 127 {
            bytes.push(u8::try_from(n & 127).unwrap() | 128);
            n >>= 7;
        }
        bytes.push(u8::try_from(n).unwrap());
        bytes
    }

    fn field(tag: u8, payload: &[u8]) -> Vec<u8> {
        [&[tag][..], &varint(payload.len()), payload].concat()
    }

    /// An answer with these files, in a frame.
    fn answer(files: &[Vec<u8>]) -> Vec<u8> {
        let inner: Vec<u8> = files.iter().flat_map(|file| field(0x0a, file)).collect();
        let message = [field(0x0a, b"host"), field(0x22, &inner)].concat();
        let len = u32::try_from(message.len()).unwrap().to_be_bytes();
        [&[0][..], &len, &message].concat()
    }

    fn knows(reflection: &Reflection) -> bool {
        let learned = reflection.lore().get::<Learned>();
        learned.is_some_and(|it| it.descriptors().method("shop.Orders", "Get").is_some())
    }

    #[test]
    fn files_are_learned_wherever_their_bytes_are_cut() {
        let mut files = shop::files_of(&shop::shop());
        files.reverse();
        let bytes: Vec<u8> = files.chunks(2).flat_map(answer).collect();
        for step in [1, 7, 1000, bytes.len()] {
            let mut reflection = Reflection::default();
            reflection.listen(3);
            for piece in bytes.chunks(step) {
                assert!(!knows(&reflection));
                reflection.hear(3, piece, None);
            }
            assert!(knows(&reflection), "in steps of {step}");
        }
    }

    #[test]
    fn nothing_is_learned_of_other_calls_or_after_a_loss() {
        let bytes = answer(&shop::files_of(&shop::shop()));
        let mut reflection = Reflection::default();
        reflection.hear(3, &bytes, None);
        reflection.listen(3);
        reflection.hear(3, &bytes[..40], None);
        reflection.lose_place();
        reflection.hear(3, &bytes[40..], None);
        assert!(reflection.lore().is_none() && reflection.held() == 0);
    }

    #[test]
    fn what_is_kept_is_bounded() {
        let mut reflection = Reflection::default();
        for stream in 0..1_000 {
            reflection.listen(stream);
        }
        assert!(reflection.listens(STREAMS_MAX as u32 - 1));
        assert!(!reflection.listens(STREAMS_MAX as u32));
        for n in 0..3_000_u32 {
            reflection.hear(1, &answer(&[[&n.to_le_bytes()[..], &[0; 600]].concat()]), None);
        }
        assert!(reflection.files.len() == FILES_MAX && reflection.held() <= FILES_BYTES_MAX);
        reflection.hear(2, b"\0\x7f\0\0\0", None);
        assert!(!reflection.listens(2));
    }

    #[test]
    fn both_versions_are_known_by_their_paths() {
        assert!(is_reflection(b"/grpc.reflection.v1.ServerReflection/ServerReflectionInfo"));
        assert!(is_reflection(b"/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"));
        assert!(!is_reflection(b"/grpc.reflection.v2.ServerReflection/ServerReflectionInfo"));
        assert!(!is_reflection(b"/grpc.reflection.v1.ServerReflection/Other"));
    }
}
