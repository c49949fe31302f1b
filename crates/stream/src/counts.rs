//! What happened to segments other than coming in order, by name, for people.

/// Declares the counters once: field, name, words, whether it is a loss.
macro_rules! counts {
    ($($field:ident, $words:literal, $is_loss:literal;)*) => {
        /// What happened to segments other than coming in order.
        #[derive(Clone, Debug, Default, Eq, PartialEq)]
        pub struct Counts {
            $(#[doc = concat!($words, ".")] pub $field: u64,)*
        }

        impl Counts {
            /// How many counters there are.
            pub const LEN: usize = [$($words),*].len();

            /// Adds those of another shard.
            pub fn add(&mut self, other: &Self) {
                $(self.$field = self.$field.saturating_add(other.$field);)*
            }

            /// All of them: name, words for people, count, whether calls may be missing for it.
            #[must_use]
            pub fn named(&self) -> [(&'static str, &'static str, u64, bool); Self::LEN] {
                [$((stringify!($field), $words, self.$field, $is_loss)),*]
            }
        }
    };
}

counts! {
    retransmitted_segments, "Segments sent again, or captured twice", false;
    retransmitted_bytes, "Bytes of payload that were there already", false;
    reordered_segments, "Segments held until those before them came", false;
    early_answers, "Segments held until what they acknowledge came", false;
    order_unknown, "Segments delivered though what they acknowledge waits for them", false;
    conflicts, "Segments sent again with other content", false;
    keep_alives, "Keep-alive probes", false;
    reused, "Connections begun on the ports of an older one", false;
    after_end, "Segments with payload after the end of their direction", false;
    odd_syns, "SYNs inside the window of an open connection, ignored", false;
    resets_ignored, "RSTs outside the window, ignored", false;
    gaps, "Holes in a stream, given up", true;
    gap_bytes, "Bytes that are not in the capture", true;
    snaplen_bytes, "Bytes that the snap length cut off", true;
    budget_bytes, "Bytes given up for a limit on memory", true;
    late_bytes, "Bytes that came after they had been given up", true;
    outside_window, "Segments far from where their direction was, ignored", true;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_of_two_shards_add_up_by_name() {
        let mut sum = Counts { gaps: 1, ..Counts::default() };
        sum.add(&Counts { gaps: 2, reused: 3, ..Counts::default() });
        let of = |name| sum.named().into_iter().find(|line| line.0 == name).unwrap();
        assert_eq!(of("gaps"), ("gaps", "Holes in a stream, given up", 3, true));
        assert_eq!(of("reused").2, 3);
    }
}
