//! The descriptors of services: which messages their methods take and give
//! (<https://protobuf.dev/reference/protobuf/google.protobuf/>, `descriptor.proto`).

use std::{
    collections::HashSet,
    fmt,
    panic::{AssertUnwindSafe, catch_unwind},
};

use prost_reflect::{
    DescriptorPool, MessageDescriptor,
    prost::Message as _,
    prost_types::{FileDescriptorProto, FileDescriptorSet},
};

/// Types by the methods that use them.
#[derive(Clone, Debug)]
pub struct Descriptors {
    pool: DescriptorPool,
}

/// Why bytes are no descriptors that can be used.
#[derive(Clone, Debug, Eq, PartialEq)]
pub enum Flaw {
    /// They are no set of file descriptors.
    NoSet,
    /// There is no file in them.
    Empty,
    /// They contradict themselves or lack what they import; what is wrong in words.
    Wrong(String),
}

// === impl Descriptors ===

impl Descriptors {
    /// Of sets of file descriptors (`FileDescriptorSet`), as `protoc --descriptor_set_out` with
    /// `--include_imports` writes them; one may import what is in another. Of files of the same name
    /// the first counts.
    ///
    /// # Errors
    /// When one of them is no such set (its index comes with the flaw), or when all together lack
    /// something (the index of the last one comes then).
    pub fn of_sets(sets: &[Vec<u8>]) -> Result<Self, (usize, Flaw)> {
        let mut files = Vec::new();
        for (at, set) in sets.iter().enumerate() {
            let set =
                FileDescriptorSet::decode(set.as_slice()).map_err(|_| (at, Flaw::NoSet))?.file;
            if set.is_empty() {
                return Err((at, Flaw::Empty));
            }
            if set.iter().any(|file| file.name().is_empty()) {
                return Err((at, Flaw::NoSet));
            }
            files.extend(set);
        }
        let pool = pool(files).map_err(|why| (sets.len().saturating_sub(1), Flaw::Wrong(why)))?;
        Ok(Self { pool })
    }

    /// Of single files (`FileDescriptorProto`) in any order; those that can't be used, or import what is
    /// not there, are left out.
    pub(super) fn of_files<'f>(files: impl Iterator<Item = &'f [u8]>) -> Self {
        let mut waiting: Vec<_> =
            files.filter_map(|file| FileDescriptorProto::decode(file).ok()).collect();
        let mut pool = DescriptorPool::global();
        // Each round takes what imports only what was taken before.
        for _ in 0..=waiting.len() {
            let before = waiting.len();
            let (ready, others): (Vec<_>, Vec<_>) =
                waiting.into_iter().partition(|file| imports_are_there(&pool, file));
            for file in ready {
                if let Ok(more) = add(pool.clone(), vec![file]) {
                    pool = more;
                }
            }
            waiting = others;
            if waiting.len() == before {
                break;
            }
        }
        Self { pool }
    }

    /// What a method takes and what it gives; `None` if it is not known.
    pub(super) fn method(
        &self,
        service: &str,
        method: &str,
    ) -> Option<(MessageDescriptor, MessageDescriptor)> {
        let service = self.pool.get_service_by_name(service)?;
        let method = service.methods().find(|known| known.name() == method)?;
        Some((method.input(), method.output()))
    }
}

fn imports_are_there(pool: &DescriptorPool, file: &FileDescriptorProto) -> bool {
    file.dependency.iter().all(|name| pool.get_file_by_name(name).is_some())
}

fn pool(files: Vec<FileDescriptorProto>) -> Result<DescriptorPool, String> {
    let mut names = HashSet::new();
    let files = files.into_iter().filter(|file| names.insert(file.name().to_owned())).collect();
    add(DescriptorPool::global(), files)
}

/// The library trusts descriptors where it should not; whatever becomes of wrong ones stays in here.
fn add(
    mut pool: DescriptorPool,
    files: Vec<FileDescriptorProto>,
) -> Result<DescriptorPool, String> {
    let added = catch_unwind(AssertUnwindSafe(|| {
        pool.add_file_descriptor_protos(files).map_err(|error| error.to_string())?;
        Ok(pool)
    }));
    added.unwrap_or_else(|_| Err("they contradict themselves".to_owned()))
}

// === impl Flaw ===

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSet => f.write_str(
                "no set of file descriptors (protoc --descriptor_set_out=FILE --include_imports)",
            ),
            Self::Empty => f.write_str("no file descriptor in it"),
            Self::Wrong(why) => f.write_str(why),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Descriptors of a small service, as they are in a file.
    pub(crate) fn shop() -> Vec<u8> {
        compiled(&[("shop.proto", SHOP), ("item.proto", ITEM)], "shop.proto")
    }

    const ITEM: &str = r#"
        syntax = "proto3";
        package shop;
        message Item { string sku = 1; uint32 amount = 2; Item part = 3; }
    "#;
    const SHOP: &str = r#"
        syntax = "proto3";
        package shop;
        import "item.proto";
        import "google/protobuf/any.proto";
        import "google/protobuf/struct.proto";
        import "google/protobuf/timestamp.proto";
        service Orders { rpc Get(Wanted) returns (Order); }
        enum State { UNKNOWN = 0; SENT = 1; }
        message Wanted { uint64 order_id = 1; }
        message Order {
            repeated Item items = 1;
            map<string, int32> counts = 2;
            State state = 3;
            bytes raw = 4;
            double price = 5;
            google.protobuf.Timestamp sent_at = 6;
            google.protobuf.Struct more = 7;
            google.protobuf.Any any = 8;
            int64 large = 9;
            repeated State states = 10;
            oneof choice { string text = 11; bool flag = 12; }
        }
    "#;

    pub(crate) fn compiled(files: &[(&str, &str)], wanted: &str) -> Vec<u8> {
        use protox::file::{ChainFileResolver, File, FileResolver, GoogleFileResolver};
        struct Given(Vec<(String, String)>);
        impl FileResolver for Given {
            fn open_file(&self, name: &str) -> Result<File, protox::Error> {
                let found = self.0.iter().find(|(known, _)| known == name);
                let (_, text) = found.ok_or_else(|| protox::Error::file_not_found(name))?;
                File::from_source(name, text)
            }
        }
        let mut resolver = ChainFileResolver::new();
        let own = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
        resolver.add(Given(files.iter().map(own).collect()));
        resolver.add(GoogleFileResolver::new());
        let mut compiler = protox::Compiler::with_file_resolver(resolver);
        compiler.include_imports(true).open_file(wanted).unwrap();
        compiler.encode_file_descriptor_set()
    }

    /// Each file of a set by itself.
    pub(crate) fn files_of(set: &[u8]) -> Vec<Vec<u8>> {
        let set = FileDescriptorSet::decode(set).unwrap();
        set.file.iter().map(FileDescriptorProto::encode_to_vec).collect()
    }

    #[test]
    fn methods_have_types() {
        let known = Descriptors::of_sets(&[shop()]).unwrap();
        let (takes, gives) = known.method("shop.Orders", "Get").unwrap();
        assert_eq!((takes.full_name(), gives.full_name()), ("shop.Wanted", "shop.Order"));
        assert!(known.method("shop.Orders", "Put").is_none());
        assert!(known.method("Orders", "Get").is_none());
    }

    #[test]
    fn what_is_no_set_is_said() {
        let flaw = |sets: &[&[u8]]| {
            let sets: Vec<_> = sets.iter().map(|set| set.to_vec()).collect();
            Descriptors::of_sets(&sets).unwrap_err()
        };
        assert_eq!(flaw(&[&shop(), b"syntax = \"proto3\";"]), (1, Flaw::NoSet));
        assert_eq!(flaw(&[b""]), (0, Flaw::Empty));
        assert_eq!(flaw(&[b"\x0a\x00"]), (0, Flaw::NoSet));
        let set = FileDescriptorSet::decode(&shop()[..]).unwrap();
        let alone = set.file.into_iter().filter(|file| file.name() == "shop.proto").collect();
        let (_, Flaw::Wrong(why)) = flaw(&[&FileDescriptorSet { file: alone }.encode_to_vec()])
        else {
            panic!("its import is not there")
        };
        assert!(why.contains("item.proto"), "{why}");
    }

    #[test]
    fn one_set_may_import_what_is_in_another() {
        let files = files_of(&shop()).into_iter().rev().map(|file| {
            let file = FileDescriptorProto::decode(&file[..]).unwrap();
            FileDescriptorSet { file: vec![file] }.encode_to_vec()
        });
        let known = Descriptors::of_sets(&files.collect::<Vec<_>>()).unwrap();
        assert!(known.method("shop.Orders", "Get").is_some());
    }

    #[test]
    fn single_files_come_in_any_order_and_some_never() {
        let mut files = files_of(&shop());
        files.reverse();
        let known = |files: &[Vec<u8>]| Descriptors::of_files(files.iter().map(Vec::as_slice));
        assert!(known(&files).method("shop.Orders", "Get").is_some());
        files.retain(|file| FileDescriptorProto::decode(&file[..]).unwrap().name() != "item.proto");
        assert!(known(&files).method("shop.Orders", "Get").is_none());
        assert!(known(&[b"nonsense".to_vec()]).method("shop.Orders", "Get").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(400))]
        #[test]
        fn damaged_descriptors_are_survived(at in 0_usize..4000, byte: u8, more in 0_usize..4000) {
            for mut file in files_of(&shop()).into_iter().rev().take(2) {
                let len = file.len();
                file[at % len] = byte;
                file[more % len] = file[more % len].wrapping_add(1);
                let known = Descriptors::of_files([&file[..]].into_iter());
                let _ = known.method("shop.Orders", "Get");
            }
        }
    }
}
