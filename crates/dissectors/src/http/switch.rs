//! What is handed over when both sides agreed to speak something else (RFC 9110 §7.8).

use dissect::Sink;
use model::Message;

use super::record::View;

/// Bytes of a length.
const LEN: usize = 4;

/// The exchange by which a flow was handed over, as it was written down.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Switch<'h> {
    request: Option<&'h [u8]>,
    response: &'h [u8],
}

// === impl Switch ===

impl<'h> Switch<'h> {
    /// Reads what [`bequeath`] wrote; `None` for anything else.
    pub(crate) fn of(heritage: &'h [u8]) -> Option<Self> {
        let (len, rest) = heritage.split_first_chunk::<LEN>()?;
        let len = usize::try_from(u32::from_le_bytes(*len)).ok()?;
        let (request, response) = rest.split_at_checked(len)?;
        Some(Self { request: (len > 0).then_some(request), response })
    }

    /// The request, if it was seen.
    pub(crate) fn request(self) -> Option<View<'h>> {
        View::of_record(self.request?)
    }

    /// The response that agreed.
    pub(crate) fn response(self) -> Option<View<'h>> {
        View::of_record(self.response)
    }
}

/// The exchange whose response is open, as [`Switch::of`] reads it.
pub(crate) fn written(sink: &Sink<'_, '_>) -> Vec<u8> {
    let request = sink.question().map_or(&[][..], |question: &Message| &question.record);
    let len = u32::try_from(request.len()).unwrap_or(0).to_le_bytes();
    [&len, request, sink.recorded()].concat()
}

/// Leaves the exchange whose response is open to the protocol that the response names.
pub(super) fn bequeath(sink: &mut Sink<'_, '_>) {
    let record = sink.recorded();
    let Some(response) = View::of_record(record) else { return };
    let is_upgrade = |name: &[u8]| name.eq_ignore_ascii_case(b"upgrade");
    let upgrade = response.fields().find(|(name, _)| is_upgrade(name));
    let Some((_, protocols)) = upgrade else { return };
    // `h2c`, `websocket`, `TLS/1.2, HTTP/1.1`: the first is spoken first.
    let name = protocols.split(|b| matches!(b, b',' | b'/')).next().unwrap_or_default();
    let name = name.trim_ascii().to_vec();
    let heritage = written(sink);
    sink.bequeath(&name, &heritage);
}
