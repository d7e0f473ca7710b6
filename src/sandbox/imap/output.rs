//! An answer while it is put together. Bodies are shared, not copied.

use bytes::{BufMut as _, Bytes, BytesMut};

/// Pieces of an answer in order.
#[derive(Debug, Default)]
pub(super) struct Output {
    pieces: Vec<Bytes>,
    tail: BytesMut,
}

impl Output {
    /// Adds text as it is.
    pub(super) fn push(&mut self, text: &str) {
        self.tail.put_slice(text.as_bytes());
    }

    /// Adds text and a line end.
    pub(super) fn line(&mut self, text: &str) {
        self.push(text);
        self.push("\r\n");
    }

    /// Adds bytes without a length before them.
    pub(super) fn raw(&mut self, bytes: Bytes) {
        self.pieces.push(self.tail.split().freeze());
        self.pieces.push(bytes);
    }

    /// Adds bytes as a literal.
    pub(super) fn literal(&mut self, bytes: Bytes) {
        self.push(&format!("{{{}}}\r\n", bytes.len()));
        self.raw(bytes);
    }

    /// Adds text as a quoted string, or as a literal where it cannot be quoted.
    pub(super) fn string(&mut self, text: &str) {
        if text.len() <= 1000 && text.bytes().all(|b| (b' '..=b'~').contains(&b)) {
            self.push(&quoted(text));
        } else {
            self.literal(Bytes::copy_from_slice(text.as_bytes()));
        }
    }

    /// Adds a string, or NIL.
    pub(super) fn nstring(&mut self, text: Option<&str>) {
        match text {
            Some(text) => self.string(text),
            None => self.push("NIL"),
        }
    }

    /// Whether nothing was added.
    pub(super) fn is_empty(&self) -> bool {
        self.tail.is_empty() && self.pieces.iter().all(Bytes::is_empty)
    }

    /// The pieces in order, cut after `limit` bytes.
    pub(super) fn into_pieces(mut self, limit: usize) -> Vec<Bytes> {
        self.pieces.push(self.tail.freeze());
        let mut left = limit;
        for piece in &mut self.pieces {
            piece.truncate(left);
            left -= piece.len();
        }
        self.pieces.retain(|piece| !piece.is_empty());
        self.pieces
    }
}

/// `text` in quotes. It must have no line ends.
pub(super) fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_can_be_cut_at_any_byte() {
        let whole = b"* 1 FETCH (BODY[] {3}\r\nabc)\r\n";
        for limit in 0..=whole.len() + 1 {
            let mut output = Output::default();
            output.push("* 1 FETCH (BODY[] ");
            output.literal(Bytes::from_static(b"abc"));
            output.line(")");
            assert_eq!(output.into_pieces(limit).concat(), whole[..limit.min(whole.len())]);
        }
    }
}
