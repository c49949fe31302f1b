//! A message: its version, its secrets, and what is asked.

use std::ops::Range;

use crate::ber::{self, Front, Item, Items, tag};

/// Tags of what is asked and answered (RFC 3416 §3).
pub(super) mod pdu {
    pub(crate) const GET: u8 = 0xa0;
    pub(crate) const GET_NEXT: u8 = 0xa1;
    pub(crate) const RESPONSE: u8 = 0xa2;
    pub(crate) const SET: u8 = 0xa3;
    pub(crate) const TRAP_V1: u8 = 0xa4;
    pub(crate) const GET_BULK: u8 = 0xa5;
    pub(crate) const INFORM: u8 = 0xa6;
    pub(crate) const TRAP: u8 = 0xa7;
    pub(crate) const REPORT: u8 = 0xa8;
}

/// A message taken apart as far as pairing needs.
#[derive(Clone, Debug)]
pub(super) struct Letter<'b> {
    /// 0 for version 1, 1 for 2c, 3.
    pub(super) version: i64,
    /// The tag of what is in it; `None` if that is encrypted.
    pub(super) pdu: Option<u8>,
    /// What is in it.
    pub(super) inside: &'b [u8],
    /// What questions and answers share.
    pub(super) number: u64,
    /// The sender of version 3 wants to be told of errors.
    pub(super) reportable: bool,
    /// The flags of version 3.
    pub(super) flags: u8,
    /// The user of version 3.
    pub(super) user: &'b [u8],
    /// The engine of version 3.
    pub(super) engine: &'b [u8],
    /// The context of version 3.
    pub(super) context: &'b [u8],
    /// What must not be written down.
    pub(super) secrets: [Option<Range<usize>>; 2],
    /// Bytes that the message says it has.
    pub(super) size: u64,
}

// === impl Letter ===

impl<'b> Letter<'b> {
    /// Reads one; the snap length may have taken its end.
    pub(super) fn read(input: &'b [u8]) -> Option<Self> {
        let front = Front::read(input).ok()?;
        if front.tag != tag::SEQUENCE {
            return None;
        }
        let mut items = Items(input.get(front.head..)?);
        let version = ber::number(items.wanted(tag::INTEGER)?)?;
        let mut letter = Self {
            version,
            pdu: None,
            inside: &[],
            number: 0,
            reportable: false,
            flags: 0,
            user: &[],
            engine: &[],
            context: &[],
            secrets: [None, None],
            size: front.size(),
        };
        match version {
            0 | 1 => {
                let community = items.wanted(tag::OCTETS)?;
                letter.secrets = [Some(place(input, community)), None];
                letter.set_pdu(items.next()?)?;
                Some(letter)
            }
            3 => {
                letter.version_3(input, items)?;
                Some(letter)
            }
            _ => None,
        }
    }

    fn version_3(&mut self, input: &[u8], mut items: Items<'b>) -> Option<()> {
        let mut head = Items(items.wanted(tag::SEQUENCE)?);
        let id = ber::number(head.wanted(tag::INTEGER)?)?;
        ber::number(head.wanted(tag::INTEGER)?)?;
        self.flags = *head.wanted(tag::OCTETS)?.first()?;
        self.reportable = self.flags & 4 != 0;
        let security = items.wanted(tag::OCTETS)?;
        // The user-based model's (RFC 3414 §2.4).
        if let Some(mut parameters) = Items(security).wanted(tag::SEQUENCE).map(Items) {
            self.engine = parameters.wanted(tag::OCTETS).unwrap_or_default();
            parameters.next();
            parameters.next();
            self.user = parameters.wanted(tag::OCTETS).unwrap_or_default();
            let digest = parameters.wanted(tag::OCTETS).unwrap_or_default();
            self.secrets = [Some(place(input, digest)), None];
        }
        match items.next()? {
            Item { tag: tag::SEQUENCE, value } => {
                let mut scoped = Items(value);
                scoped.wanted(tag::OCTETS)?;
                self.context = scoped.wanted(tag::OCTETS)?;
                self.set_pdu(scoped.next()?)?;
            }
            Item { tag: tag::OCTETS, .. } => {}
            _ => return None,
        }
        self.number = 3 << 56 | u64::from(u32::try_from(id).ok()?);
        Some(())
    }

    fn set_pdu(&mut self, item: Item<'b>) -> Option<()> {
        if !(pdu::GET..=pdu::REPORT).contains(&item.tag) {
            return None;
        }
        (self.pdu, self.inside) = (Some(item.tag), item.value);
        if item.tag == pdu::TRAP_V1 {
            return Some(());
        }
        let id = ber::number(Items(item.value).wanted(tag::INTEGER)?)?;
        self.number = id.cast_unsigned() & 0xff_ffff_ffff;
        Some(())
    }

    /// Request id, error status, error index, variables; not those of a trap of version 1.
    pub(super) fn parts(&self) -> Option<(i64, i64, i64, Items<'b>)> {
        let mut items = Items(self.inside);
        let id = ber::number(items.wanted(tag::INTEGER)?)?;
        let status = ber::number(items.wanted(tag::INTEGER)?)?;
        let index = ber::number(items.wanted(tag::INTEGER)?)?;
        Some((id, status, index, Items(items.wanted(tag::SEQUENCE)?)))
    }

    /// The variables, in any version.
    pub(super) fn variables(&self) -> Items<'b> {
        if self.pdu != Some(pdu::TRAP_V1) {
            return self.parts().map_or(Items(&[]), |(.., variables)| variables);
        }
        let last = Items(self.inside).last().filter(|item| item.tag == tag::SEQUENCE);
        last.map_or(Items(&[]), Item::items)
    }
}

/// Where `part` is in `whole`.
fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let at = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    at..at.saturating_add(part.len()).min(whole.len())
}
