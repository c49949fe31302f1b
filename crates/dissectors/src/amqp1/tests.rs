//! Any bytes, any losses.

use dissect::kit::fuzz;
use proptest::{collection::vec, prelude::*};

use super::DISSECTION;

proptest! {
    #[test]
    fn no_bytes_make_it_panic(data in vec(any::<u8>(), 0..2_000)) {
        fuzz(&DISSECTION, &data);
    }
}
