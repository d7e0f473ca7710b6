//! The MIME format: what can be read of a mail, of any size, in bounded memory.
//!
//! One streaming walker (`walker`) goes through every mail, small or spooled, so that the result does not depend on where the bytes
//! lie. mail-parser reads header values and rare character sets, `encoding_rs` the others, ammonia and html2text the HTML.

mod attachments;
mod charset;
mod fields;
mod fingerprint;
mod html;
mod lines;
mod params;
mod part;
mod read;
mod reduce;
mod text;
mod tnef;
mod transfer;
mod walker;
mod words;

pub use attachments::for_each_attachment;
pub use read::{ReadOptions, read_mail};
pub use reduce::reduce;

#[cfg(test)]
mod tests;
