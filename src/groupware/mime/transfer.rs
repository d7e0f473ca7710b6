//! Content transfer encodings (RFC 2045 §6), decoded line by line as they come, tolerant of what breaks the rules.

/// A content transfer encoding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Encoding {
    /// `7bit`, `8bit`, `binary`, none, or one that nobody knows: the bytes as they are.
    Identity,
    /// `quoted-printable`.
    QuotedPrintable,
    /// `base64`.
    Base64,
    /// `x-uuencode`.
    Uuencode,
}

impl Encoding {
    /// From the value of `Content-Transfer-Encoding`; `None` when nobody knows it.
    pub(super) fn from_header(value: &str) -> Option<Self> {
        let value = value.split([';', '(']).next().unwrap_or_default();
        let name = value.trim().trim_matches(['"', '\'']).to_ascii_lowercase();
        match name.as_str() {
            "" | "7bit" | "8bit" | "7-bit" | "8-bit" | "binary" | "none" | "plain" => Some(Self::Identity),
            "quoted-printable" | "quoted printable" | "quotedprintable" => Some(Self::QuotedPrintable),
            "base64" | "base-64" => Some(Self::Base64),
            "x-uuencode" | "x-uue" | "uuencode" | "uue" => Some(Self::Uuencode),
            _ => None,
        }
    }
}

/// Decodes one part, fed with lines or pieces of them. The last line end of a part belongs to the delimiter after it
/// (RFC 2046 §5.1.1), so a line end is held back until more comes or [`Self::finish`] says what follows.
#[derive(Debug)]
pub(super) struct Decoder {
    encoding: Encoding,
    line_end: &'static [u8],
    sextets: Sextets,
    /// `=` or `=X` cut off at the end of a piece.
    escape: Vec<u8>,
    uu_open: bool,
}

impl Decoder {
    pub(super) fn new(encoding: Encoding) -> Self {
        Self { encoding, line_end: b"", sextets: Sextets::default(), escape: Vec::new(), uu_open: false }
    }

    /// Takes a line with its end, or a piece of a long line, and appends what it decodes to.
    pub(super) fn feed(&mut self, line: &[u8], out: &mut Vec<u8>) {
        match self.encoding {
            Encoding::Base64 => self.sextets.feed(line, out),
            Encoding::Uuencode => self.uuencode(line, out),
            Encoding::Identity => {
                let (body, end) = split_line_end(line);
                out.extend_from_slice(self.line_end);
                out.extend_from_slice(body);
                self.line_end = end;
            }
            Encoding::QuotedPrintable => self.quoted_printable(line, out),
        }
    }

    /// Ends the part: before a delimiter its last line end is dropped, at the end of the mail it is kept.
    pub(super) fn finish(&mut self, before_delimiter: bool, out: &mut Vec<u8>) {
        self.sextets.finish(out);
        out.append(&mut self.escape);
        if !before_delimiter {
            out.extend_from_slice(self.line_end);
        }
        self.line_end = b"";
    }

    fn quoted_printable(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (body, end) = split_line_end(line);
        out.extend_from_slice(self.line_end);
        self.line_end = b"";
        let joined;
        let mut rest = if self.escape.is_empty() {
            body
        } else {
            let mut whole = std::mem::take(&mut self.escape);
            whole.extend_from_slice(body);
            joined = whole;
            &joined
        };
        if !end.is_empty() {
            // Blanks at the end of a line were added on the way (RFC 2045 §6.7 rule 3).
            rest = rest.trim_ascii_end();
        }
        while let Some(at) = memchr::memchr(b'=', rest) {
            let (before, escape) = rest.split_at(at);
            out.extend_from_slice(before);
            match escape {
                [_, high, low, tail @ ..] => {
                    if let (Some(high), Some(low)) = (hex(*high), hex(*low)) {
                        out.push(high << 4 | low);
                        rest = tail;
                    } else {
                        out.push(b'=');
                        rest = escape.get(1..).unwrap_or_default();
                    }
                }
                [_] if !end.is_empty() => return, // A soft line break: neither the sign nor the line end is text.
                short if end.is_empty() => {
                    self.escape.extend_from_slice(short);
                    return;
                }
                short => {
                    out.extend_from_slice(short);
                    rest = b"";
                }
            }
        }
        out.extend_from_slice(rest);
        self.line_end = end;
    }

    fn uuencode(&mut self, line: &[u8], out: &mut Vec<u8>) {
        let (body, _) = split_line_end(line);
        if !self.uu_open {
            self.uu_open = body.starts_with(b"begin ") || body.starts_with(b"begin-base64 ");
            return;
        }
        let Some((length, data)) = body.split_first() else { return };
        if body == b"end" || !(b' '..=b'`').contains(length) {
            return;
        }
        let mut left = usize::from((length - b' ') & 63);
        for group in data.chunks(4) {
            let mut word = 0u32;
            for at in 0..4 {
                let byte = group.get(at).copied().unwrap_or(b' ');
                word = word << 6 | u32::from(byte.wrapping_sub(b' ') & 63);
            }
            let [_, bytes @ ..] = word.to_be_bytes();
            let take = left.min(3);
            out.extend_from_slice(bytes.get(..take).unwrap_or_default());
            left -= take;
        }
    }
}

/// Splits a line from its end: `\r\n`, `\n`, `\r` (in mails that know no other), or several `\r` before `\n`.
fn split_line_end(line: &[u8]) -> (&[u8], &'static [u8]) {
    match line {
        [body @ .., b'\r', b'\n'] => (body, b"\r\n"),
        [body @ .., b'\n'] => (body, b"\n"),
        [body @ .., b'\r'] => (body, b"\r"),
        body => (body, b""),
    }
}

fn hex(digit: u8) -> Option<u8> {
    match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        _ => None,
    }
}

/// Six bits a byte; everything outside of the alphabet is passed over.
#[derive(Debug, Default)]
struct Sextets {
    word: u32,
    count: u8,
}

const SKIP: u8 = 0xff;
const PAD: u8 = 0xfe;

/// The alphabet of RFC 4648 §4, with `-` and `_` of its URL form taken as well.
const SEXTET: [u8; 256] = sextet_table();

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which proves the bounds")]
const fn sextet_table() -> [u8; 256] {
    let alphabet = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut table = [SKIP; 256];
    let mut value = 0u8;
    while value < 64 {
        table[alphabet[value as usize] as usize] = value;
        value += 1;
    }
    table[b'-' as usize] = 62;
    table[b'_' as usize] = 63;
    table[b'=' as usize] = PAD;
    table
}

fn sextet(byte: u8) -> u8 {
    SEXTET.get(usize::from(byte)).copied().unwrap_or(SKIP)
}

impl Sextets {
    fn feed(&mut self, bytes: &[u8], out: &mut Vec<u8>) {
        let mut rest = bytes;
        if self.count == 0 {
            // The usual case: whole groups of four, nothing else. Room for all of them is made at once.
            let (groups, _) = bytes.as_chunks::<4>();
            let start = out.len();
            out.resize(start + 3 * groups.len(), 0);
            let (room, _) = out.get_mut(start..).unwrap_or_default().as_chunks_mut::<3>();
            let mut taken = 0;
            for ([a, b, c, d], triple) in groups.iter().zip(room) {
                let (a, b, c, d) = (sextet(*a), sextet(*b), sextet(*c), sextet(*d));
                if (a | b | c | d) > 63 {
                    break;
                }
                let word = u32::from(a) << 18 | u32::from(b) << 12 | u32::from(c) << 6 | u32::from(d);
                [_, triple[0], triple[1], triple[2]] = word.to_be_bytes();
                taken += 1;
            }
            out.truncate(start + 3 * taken);
            rest = bytes.get(4 * taken..).unwrap_or_default();
        }
        for byte in rest {
            match sextet(*byte) {
                SKIP => {}
                // Padding ends a group; another base64 text may follow it.
                PAD => self.finish(out),
                value => {
                    self.word = self.word << 6 | u32::from(value);
                    self.count += 1;
                    if self.count == 4 {
                        let [_, triple @ ..] = self.word.to_be_bytes();
                        out.extend_from_slice(&triple);
                        self.word = 0;
                        self.count = 0;
                    }
                }
            }
        }
    }

    /// Gives out the whole bytes of an unfinished group.
    fn finish(&mut self, out: &mut Vec<u8>) {
        let bits = self.word << (6 * (4 - u32::from(self.count.min(4))));
        let [_, triple @ ..] = bits.to_be_bytes();
        let whole = usize::from(self.count.saturating_sub(1));
        if self.count > 0 {
            out.extend_from_slice(triple.get(..whole).unwrap_or_default());
        }
        *self = Self::default();
    }
}

/// Decodes base64 whole.
pub(super) fn base64_all(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let mut sextets = Sextets::default();
    sextets.feed(text, &mut out);
    sextets.finish(&mut out);
    out
}

/// Decodes the `Q` encoding of encoded words (RFC 2047 §4.2).
pub(super) fn q_word(text: &[u8]) -> Vec<u8> {
    escaped(text, b'=', |byte| if byte == b'_' { b' ' } else { byte })
}

/// Decodes the `%` escapes of RFC 2231.
pub(super) fn percent(text: &[u8]) -> Vec<u8> {
    escaped(text, b'%', |byte| byte)
}

fn escaped(text: &[u8], sign: u8, plain: impl Fn(u8) -> u8) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, tail)) = rest.split_first() {
        if let (true, [high, low, after @ ..]) = (*first == sign, tail)
            && let (Some(high), Some(low)) = (hex(*high), hex(*low))
        {
            out.push(high << 4 | low);
            rest = after;
        } else {
            out.push(plain(*first));
            rest = tail;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn decode(encoding: Encoding, pieces: &[&[u8]], before_delimiter: bool) -> Vec<u8> {
        let mut out = Vec::new();
        let mut decoder = Decoder::new(encoding);
        for piece in pieces {
            decoder.feed(piece, &mut out);
        }
        decoder.finish(before_delimiter, &mut out);
        out
    }

    #[test]
    fn quoted_printable_is_tolerant() {
        for (lines, text) in [
            (&[&b"Gr=C3=BC=C3=9Fe=20\r\n"[..], b"soft =\r\n", b"break"][..], "Grüße \r\nsoft break"),
            (&[b"blanks at end \t\r\n"], "blanks at end"),
            (&[b"lower =c3=a4 bad =ZZ lone =\r\n", b"x=", b"C3=A", b"4"], "lower ä bad =ZZ lone xä"),
            (&[b"100=%\n"], "100=%"),
        ] {
            assert_eq!(String::from_utf8(decode(Encoding::QuotedPrintable, lines, true)).unwrap(), text);
        }
    }

    #[test]
    fn base64_is_tolerant() {
        for (lines, text) in [
            (&[&b"SGVs\r\n"[..], b"bG8=\r\n"][..], "Hello"),
            (&[b"SGVsbG8"], "Hello"),
            (&[b"SG Vs!bG8=SGVsbG8="], "HelloHello"),
            (&[b"S", b"GVsbG", b"8="], "Hello"),
            (&[b""], ""),
        ] {
            assert_eq!(String::from_utf8(decode(Encoding::Base64, lines, true)).unwrap(), text);
        }
    }

    #[test]
    fn uuencode_is_read() {
        let lines: &[&[u8]] = &[b"begin 644 cat.txt\n", b"#0V%T\n", b"`\n", b"end\n"];
        assert_eq!(decode(Encoding::Uuencode, lines, true), b"Cat");
    }

    #[test]
    fn the_last_line_end_belongs_to_the_delimiter() {
        assert_eq!(decode(Encoding::Identity, &[b"a\r\n", b"b\r\n"], true), b"a\r\nb");
        assert_eq!(decode(Encoding::Identity, &[b"a\r\n", b"b\r\n"], false), b"a\r\nb\r\n");
    }

    proptest! {
        #[test]
        fn base64_in_any_pieces_gives_the_bytes(bytes in prop::collection::vec(any::<u8>(), 0..300), cut in 1usize..9) {
            let text = data_encoding::BASE64.encode(&bytes);
            let pieces: Vec<&[u8]> = text.as_bytes().chunks(cut).collect();
            prop_assert_eq!(decode(Encoding::Base64, &pieces, true), bytes);
        }

        #[test]
        fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..200), cut in 1usize..9) {
            for encoding in [Encoding::Identity, Encoding::QuotedPrintable, Encoding::Base64, Encoding::Uuencode] {
                let pieces: Vec<&[u8]> = bytes.chunks(cut).collect();
                let _ = decode(encoding, &pieces, false);
            }
        }
    }
}
