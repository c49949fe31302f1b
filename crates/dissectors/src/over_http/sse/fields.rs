//! The fields of server-sent events.

use crate::over_http::table::fields;

fields! {
    Count = "sse.event.count" Integer, "Events whose end was kept";
    Event = "sse.event" Text many, "Events in order, as JSON: number, time after the first byte of the response, name, id, size, data";
    Last = "sse.last_event_id" Text, "Last event that the client has, as it says when it comes again";
    Cut = "sse.cut" Bool, "More of the stream came than was kept: later events are not listed";
}
