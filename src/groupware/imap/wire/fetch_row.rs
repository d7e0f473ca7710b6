//! One untagged FETCH response.

use bytes::Bytes;
use chrono::{DateTime, FixedOffset};

use crate::model::RawMail;

use super::date;
use super::scanner::{Fault, Scanner, Word};

/// What one FETCH response says of a mail. Servers send some of their own accord, with flags alone and perhaps without UID.
#[derive(Debug, Default)]
pub(in super::super) struct FetchRow {
    pub(in super::super) uid: Option<u32>,
    pub(in super::super) size: Option<u64>,
    pub(in super::super) flags: Option<Vec<String>>,
    pub(in super::super) internal_date: Option<DateTime<FixedOffset>>,
    pub(in super::super) body: BodyItem,
    /// Header fields, where asked for.
    pub(in super::super) header: Option<Bytes>,
}

/// `BODY[]` of a FETCH response.
#[derive(Debug, Default)]
pub(in super::super) enum BodyItem {
    /// Not in this response.
    #[default]
    Absent,
    /// `NIL`: Dovecot 2.3 answers so for a mail that was expunged elsewhere.
    Nil,
    /// The mail.
    Mail(RawMail),
}

impl FetchRow {
    /// Reads the list after `FETCH`. Items that are not asked for are stepped over.
    pub(super) fn read(scanner: &mut Scanner) -> Result<Self, Fault> {
        let mut row = Self::default();
        scanner.open()?;
        while !scanner.closes()? {
            let name = item_name(scanner);
            match name.as_str() {
                "" => return Err(Fault::Malformed("the name of a FETCH item was expected")),
                "UID" => row.uid = Some(scanner.number32()?),
                "RFC822.SIZE" => row.size = scanner.optional_number()?,
                "FLAGS" => row.flags = Some(scanner.word_list()?),
                "INTERNALDATE" => row.internal_date = scanner.text()?.as_deref().and_then(date::read),
                "BODY[]" | "BODY[]<0>" => {
                    row.body = match scanner.word()? {
                        Word::Nil => BodyItem::Nil,
                        Word::Text(bytes) => BodyItem::Mail(RawMail::from_bytes(bytes)),
                        Word::Mail(mail) => BodyItem::Mail(mail),
                    };
                }
                name if name.starts_with("BODY[HEADER") => row.header = Some(scanner.text()?.unwrap_or_default()),
                _ => scanner.skip_value()?,
            }
        }
        Ok(row)
    }
}

/// Name of an item in upper case, with its section: `BODY[HEADER.FIELDS (MESSAGE-ID)]<0>`.
fn item_name(scanner: &mut Scanner) -> String {
    scanner.blanks();
    let mut name = scanner.run(|b| !matches!(b, b' ' | b'\t' | b'(' | b')' | b'[')).to_vec();
    if scanner.peek() == Some(b'[') {
        name.extend_from_slice(&scanner.run(|b| b != b']'));
        if scanner.take(b']') {
            name.push(b']');
        }
        name.extend_from_slice(&scanner.run(|b| !matches!(b, b' ' | b'\t' | b'(' | b')')));
    }
    String::from_utf8_lossy(&name).to_ascii_uppercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(line: &'static [u8]) -> Result<FetchRow, Fault> {
        FetchRow::read(&mut Scanner::over(Bytes::from_static(line)))
    }

    #[test]
    fn items_come_in_any_order_and_unknown_ones_are_stepped_over() {
        let row = row(br#"(FLAGS (\Seen  Not Found) ENVELOPE ("x" (("a" NIL "b" "c")) () NIL) MODSEQ (65) UID 7 RFC822.SIZE 12 BODY[HEADER.FIELDS ("MESSAGE-ID")] "Message-ID: <a>" )"#).unwrap();
        assert_eq!(row.uid, Some(7));
        assert_eq!(row.size, Some(12));
        assert_eq!(row.flags.unwrap(), ["\\Seen", "Not", "Found"]);
        assert_eq!(row.header.unwrap(), "Message-ID: <a>");
        assert!(matches!(row.body, BodyItem::Absent));
    }

    #[test]
    fn nil_may_stand_anywhere() {
        let row = row(b"(UID 7 RFC822.SIZE NIL FLAGS NIL INTERNALDATE NIL BODY[] NIL BODY[HEADER.FIELDS (MESSAGE-ID)] NIL)").unwrap();
        assert_eq!((row.uid, row.size, row.internal_date), (Some(7), None, None));
        assert!(matches!(row.body, BodyItem::Nil));
    }

    #[test]
    fn a_body_may_be_a_quoted_string() {
        assert!(matches!(row(b"(BODY[] \"abc\")").unwrap().body, BodyItem::Mail(mail) if mail.len() == 3));
    }

    #[test]
    fn a_cut_row_is_a_fault() {
        for line in [&b"(UID 7"[..], b"(UID", b"(UID )", b"UID 7", b"(UID 99999999999)", b"(BODY[ 7"] {
            assert!(row(line).is_err(), "{}", String::from_utf8_lossy(line));
        }
    }
}
