//! What a message body says: content codings undone, character sets read, forms, cookies and
//! multipart split, and all of it written as JSON strings. No I/O, no clock, no threads.
//!
//! Bodies come cut: at a limit, at a lost packet, at the end of the capture. Everything here reads
//! as far as the bytes allow and says where it stopped; nothing fails so that the body is lost.

pub mod cookie;
pub mod form;
pub mod json;
pub mod multipart;
pub mod short;

mod coder;
mod coding;
mod media_type;
mod pipe;
mod text;

pub use coding::{Decoded, Failure, Form, Size, decode};
pub use media_type::{MediaType, Nature, Parameters};
pub use pipe::Scratch;
pub use text::{Reading, read};
