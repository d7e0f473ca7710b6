//! Text parts: from bytes in any character set to UTF-8, in pieces, with a hash over what is read and not over how it was sent.

use sha2::{Digest as _, Sha256};

use super::charset::{self, Charset};

/// Bytes by which the character set of a text is judged.
const HEAD: usize = 64 * 1024;

/// Hashes text so that line ends, folding, wrapping and blanks at line ends do not count: every run of white space is one blank,
/// and none stands at the beginning or the end.
#[derive(Debug, Default)]
pub(super) struct CanonicalHash {
    hash: Sha256,
    gathered: Vec<u8>,
    blank: bool,
    any: bool,
}

impl CanonicalHash {
    pub(super) fn update(&mut self, bytes: &[u8]) {
        for word in bytes.chunk_by(|left, right| left.is_ascii_whitespace() == right.is_ascii_whitespace()) {
            if word.first().is_some_and(u8::is_ascii_whitespace) {
                self.blank = true;
                continue;
            }
            if std::mem::take(&mut self.blank) && self.any {
                self.gathered.push(b' ');
            }
            self.any = true;
            self.gathered.extend_from_slice(word);
            if self.gathered.len() >= 4096 {
                self.hash.update(&self.gathered);
                self.gathered.clear();
            }
        }
    }

    /// `None` when there was nothing but white space.
    pub(super) fn finish(mut self) -> Option<[u8; 32]> {
        self.hash.update(&self.gathered);
        self.any.then(|| self.hash.finalize().into())
    }
}

/// A text that was read.
#[derive(Debug, Default)]
pub(super) struct Text {
    /// UTF-8 with `\n` line ends.
    pub(super) content: String,
    /// It went on beyond the limit.
    pub(super) truncated: bool,
    /// Over all of it, whatever the limit; `None` when it is blank.
    pub(super) hash: Option<[u8; 32]>,
    /// There is nothing but white space in it.
    pub(super) blank: bool,
    /// The character set it said was not the one it had.
    pub(super) mislabelled: bool,
}

/// Reads one text part in pieces.
pub(super) struct TextReader {
    label: Option<String>,
    limit: usize,
    head: Vec<u8>,
    decoder: Option<PieceDecoder>,
    piece: String,
    /// `None` when nobody asks for it.
    hash: Option<CanonicalHash>,
    text: Text,
    after_return: bool,
}

enum PieceDecoder {
    /// All of the text was taken.
    Done,
    Web(Box<encoding_rs::Decoder>),
    /// Whole lines at a time; what is left of the last one waits.
    Mail(charset::Charset, Vec<u8>),
}

impl TextReader {
    /// A reader that keeps up to `limit` bytes of text.
    pub(super) fn new(label: Option<String>, limit: usize) -> Self {
        Self {
            label,
            limit,
            head: Vec::new(),
            decoder: None,
            piece: String::new(),
            hash: Some(CanonicalHash::default()),
            text: Text::default(),
            after_return: false,
        }
    }

    /// The same, which does not tell [`Text::hash`] and [`Text::blank`].
    pub(super) fn without_hash(self) -> Self {
        Self { hash: None, ..self }
    }

    pub(super) fn feed(&mut self, bytes: &[u8]) {
        if self.decoder.is_some() {
            self.decode(bytes, false);
            return;
        }
        self.head.extend_from_slice(bytes);
        if self.head.len() >= HEAD {
            let head = std::mem::take(&mut self.head);
            self.begin(&head, false);
        }
    }

    /// Takes the last bytes of the text, or all of them.
    pub(super) fn feed_last(&mut self, bytes: &[u8]) {
        if self.decoder.is_none() && self.head.is_empty() {
            self.begin(bytes, bytes.len() < HEAD);
        } else {
            self.feed(bytes);
        }
    }

    pub(super) fn finish(mut self) -> Text {
        if self.decoder.is_none() {
            let head = std::mem::take(&mut self.head);
            self.begin(&head, true);
        }
        self.decode(b"", true);
        self.text.hash = self.hash.and_then(CanonicalHash::finish);
        self.text.blank = self.text.hash.is_none();
        self.text
    }

    /// Chooses the character set by exactly the first [`HEAD`] bytes, so that the choice does not depend on how they arrived.
    fn begin(&mut self, head: &[u8], complete: bool) {
        if complete && let Some(text) = charset::as_utf8(self.label.as_deref(), head) {
            // Nearly every text: nothing is left to decode.
            self.decoder = Some(PieceDecoder::Done);
            self.take(text);
            return;
        }
        let sample = head.get(..HEAD.min(head.len())).unwrap_or_default();
        let (charset, mislabelled) = charset::choose(self.label.as_deref(), sample, complete);
        self.text.mislabelled = mislabelled;
        self.decoder = Some(match charset {
            Charset::Web(encoding) => PieceDecoder::Web(Box::new(encoding.new_decoder_with_bom_removal())),
            Charset::Mail(_) => PieceDecoder::Mail(charset, Vec::new()),
        });
        self.decode(head, false);
    }

    fn take(&mut self, piece: &str) {
        if let Some(hash) = &mut self.hash {
            hash.update(piece.as_bytes());
        }
        keep(&mut self.text, piece, self.limit, &mut self.after_return);
    }

    fn decode(&mut self, bytes: &[u8], last: bool) {
        // Taken, so that what they give can be passed on.
        let (mut piece, mut decoder) = (std::mem::take(&mut self.piece), self.decoder.take());
        match &mut decoder {
            Some(PieceDecoder::Web(decoder)) => {
                let mut rest = bytes;
                loop {
                    piece.clear();
                    piece.reserve(8 * 1024);
                    let (result, read, _) = decoder.decode_to_string(rest, &mut piece, last);
                    self.take(&piece);
                    rest = rest.get(read..).unwrap_or_default();
                    if result == encoding_rs::CoderResult::InputEmpty {
                        break;
                    }
                }
            }
            Some(PieceDecoder::Mail(Charset::Mail(decoder), waiting)) => {
                waiting.extend_from_slice(bytes);
                let whole = match waiting.iter().rposition(|byte| *byte == b'\n') {
                    Some(at) if !last && waiting.len() < HEAD => at + 1,
                    None if !last && waiting.len() < HEAD => 0,
                    _ => waiting.len(),
                };
                let words = decoder(waiting.get(..whole).unwrap_or_default());
                waiting.drain(..whole);
                self.take(&words);
            }
            Some(PieceDecoder::Mail(Charset::Web(_), _) | PieceDecoder::Done) | None => {}
        }
        (self.piece, self.decoder) = (piece, decoder);
    }
}

/// Appends `piece` with `\n` for every line end, and without NUL, up to the limit.
fn keep(text: &mut Text, piece: &str, limit: usize, after_return: &mut bool) {
    if text.truncated {
        return;
    }
    text.content.reserve(piece.len().min(limit.saturating_sub(text.content.len())));
    let mut rest = piece;
    while !rest.is_empty() {
        let at = memchr::memchr3(b'\r', b'\n', 0, rest.as_bytes()).unwrap_or(rest.len());
        let (body, tail) = rest.split_at(at);
        let (end, tail) = tail.split_at(tail.len().min(1));
        rest = tail;
        let follows_return = std::mem::replace(after_return, end == "\r") && body.is_empty() && end == "\n";
        let room = limit.saturating_sub(text.content.len());
        if body.len() + 1 > room {
            text.content.push_str(body.get(..body.floor_char_boundary(room)).unwrap_or_default());
            text.truncated = true;
            return;
        }
        text.content.push_str(body);
        if !end.is_empty() && end != "\0" && !follows_return {
            text.content.push('\n');
        }
    }
}

/// Undoes `format=flowed` (RFC 3676): lines that end in a blank go on in the next one of the same quote depth.
pub(super) fn unflow(text: &str, delete_space: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut open: Option<usize> = None;
    for line in text.split('\n') {
        let depth = line.len() - line.trim_start_matches('>').len();
        let body = line.get(depth..).unwrap_or_default();
        let body = body.strip_prefix(' ').unwrap_or(body);
        let is_signature = body == "-- ";
        if open == Some(depth) && !is_signature {
            out.push_str(body);
        } else {
            if open.is_some() || !out.is_empty() {
                out.push('\n');
            }
            out.extend(std::iter::repeat_n('>', depth));
            if depth > 0 && !body.is_empty() {
                out.push(' ');
            }
            out.push_str(body);
        }
        open = (body.ends_with(' ') && !is_signature).then_some(depth);
        if open.is_some() && delete_space {
            out.pop();
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(label: Option<&str>, bytes: &[u8], limit: usize) -> Text {
        let mut reader = TextReader::new(label.map(str::to_owned), limit);
        for piece in bytes.chunks(3) {
            reader.feed(piece);
        }
        reader.finish()
    }

    #[test]
    fn text_in_pieces_is_decoded() {
        assert_eq!(read(Some("utf-8"), "Grüße\r\n€\rx\n".as_bytes(), 100).content, "Grüße\n€\nx\n");
        assert_eq!(read(Some("iso-8859-1"), b"Gr\xfc\xdfe", 100).content, "Grüße");
        assert_eq!(read(Some("cp850"), b"\x84\r\n\x94", 100).content, "ä\nö");
        assert_eq!(read(Some("utf-16le"), b"a\0b\0", 100).content, "ab");
        assert!(read(Some("utf-8"), b"Mit freundlichen Gr\xfc\xdfen", 100).mislabelled);
    }

    #[test]
    fn text_is_cut_between_characters_and_hashed_whole() {
        let cut = read(Some("utf-8"), "ääää".as_bytes(), 3);
        assert_eq!((cut.content.as_str(), cut.truncated), ("ä", true));
        assert_eq!(cut.hash, read(Some("utf-8"), "ääää".as_bytes(), 100).hash);
    }

    #[test]
    fn the_hash_does_not_see_white_space_but_every_letter() {
        let hash = |text: &str| read(None, text.as_bytes(), 10).hash;
        assert_eq!(hash("one two\r\nthree  \r\n\r\n"), hash(" one  two\nthree"));
        assert_ne!(hash("one two"), hash("one tvo"));
        assert_ne!(hash("one two"), hash("onetwo"));
        assert_eq!(hash(" \r\n\t"), None);
    }

    #[test]
    fn flowed_lines_are_joined() {
        assert_eq!(unflow("one \ntwo\n> quoted \n> text\n>> deeper\n-- \nsig", false), "one two\n> quoted text\n>> deeper\n-- \nsig");
        assert_eq!(unflow("one \ntwo", true), "onetwo");
        assert_eq!(unflow("", false), "");
    }
}
