//! Outlook's `winmail.dat`: the Transport Neutral Encapsulation Format (MS-OXTNEF), read tolerantly out of anything that can seek.
//! What is damaged ends the reading; what came before it counts.

use std::io::{self, Read, Seek, SeekFrom};

use super::charset;

const SIGNATURE: u32 = 0x223e_9f78;
/// Most attributes, properties of one attribute, and files that are read.
const MAX_ATTRIBUTES: usize = 10_000;
const MAX_PROPERTIES: usize = 2_000;
const MAX_FILES: usize = 500;
/// Longest text and longest short value that are taken into memory.
const MAX_TEXT: u64 = 1024 * 1024;
const MAX_VALUE: u64 = 4 * 1024;

// Attributes (MS-OXTNEF §2.1.3.2): type in the upper 16 bits, identifier in the lower.
const MESSAGE_CLASS: u32 = 0x0007_8008;
const BODY: u32 = 0x0002_800c;
const MESSAGE_PROPERTIES: u32 = 0x0006_9003;
const CODE_PAGE: u32 = 0x0006_9007;
const FILE_BEGINS: u32 = 0x0006_9002;
const FILE_TITLE: u32 = 0x0001_8010;
const FILE_DATA: u32 = 0x0006_800f;
const FILE_PROPERTIES: u32 = 0x0006_9005;

// Properties (MS-OXPROPS).
const PR_BODY: u16 = 0x1000;
const PR_HTML: u16 = 0x1013;
const PR_INTERNET_CODE_PAGE: u16 = 0x3fde;
const PR_ATTACH_DATA: u16 = 0x3701;
const PR_ATTACH_FILENAME: u16 = 0x3704;
const PR_ATTACH_LONG_FILENAME: u16 = 0x3707;
const PR_ATTACH_MIME_TAG: u16 = 0x370e;
const PR_ATTACH_CONTENT_ID: u16 = 0x3712;

// Property types (MS-OXCDATA §2.11.1).
const STRING8: u16 = 0x001e;
const UNICODE: u16 = 0x001f;
const OBJECT: u16 = 0x000d;
const BINARY: u16 = 0x0102;
const MULTIPLE: u16 = 0x1000;

/// What a container holds.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Tnef {
    /// For example `IPM.Note`.
    pub(super) message_class: String,
    /// Plain text of the message.
    pub(super) text: Option<String>,
    /// HTML of the message.
    pub(super) html: Option<String>,
    /// Files, in order.
    pub(super) files: Vec<File>,
    /// It is cut off or not TNEF at all.
    pub(super) damaged: bool,
}

/// One file of a container.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct File {
    pub(super) name: Option<String>,
    pub(super) content_type: Option<String>,
    pub(super) content_id: Option<String>,
    /// Where its bytes begin in the container.
    pub(super) offset: u64,
    pub(super) len: u64,
    long_name: bool,
}

/// Reads a container from its beginning. Fails only when `source` does.
pub(super) fn read<R: Read + Seek>(source: &mut R) -> io::Result<Tnef> {
    let end = source.seek(SeekFrom::End(0))?;
    source.seek(SeekFrom::Start(0))?;
    let mut reader = Reader { source, at: 0, end };
    let mut tnef = Tnef::default();
    let mut raw = RawTexts::default();
    if attributes(&mut reader, &mut tnef, &mut raw)?.is_none() {
        tnef.damaged = true;
    }
    let label = raw.code_page.map(|page| if page == 65_001 { "utf-8".to_owned() } else { format!("windows-{page}") });
    let label = label.as_deref();
    tnef.text = tnef.text.or_else(|| raw.body.map(|bytes| string(label, &bytes))).filter(|text| !text.trim().is_empty());
    let html_label = raw.internet_code_page.map(|page| match page {
        65_001 => "utf-8".to_owned(),
        28_591..=28_606 => format!("iso-8859-{}", page - 28_590),
        page => format!("windows-{page}"),
    });
    tnef.html = raw.html.map(|bytes| string(html_label.as_deref(), &bytes)).filter(|html| !html.trim().is_empty());
    // A file that was announced and never given.
    tnef.files.retain(|file| file.offset > 0);
    Ok(tnef)
}

/// Texts whose code page is known at the end only.
#[derive(Default)]
struct RawTexts {
    body: Option<Vec<u8>>,
    html: Option<Vec<u8>>,
    code_page: Option<u32>,
    internet_code_page: Option<u32>,
}

/// All attributes; `None` when the container is damaged.
fn attributes<R: Read + Seek>(reader: &mut Reader<'_, R>, tnef: &mut Tnef, raw: &mut RawTexts) -> io::Result<Option<()>> {
    if reader.u32()? != Some(SIGNATURE) || reader.u16()?.is_none() {
        return Ok(None);
    }
    for _ in 0..MAX_ATTRIBUTES {
        if reader.at >= reader.end {
            return Ok(Some(()));
        }
        let (Some(_level), Some(tag), Some(len)) = (reader.u8()?, reader.u32()?, reader.u32()?) else { return Ok(None) };
        let (start, whole) = (reader.at, reader.end);
        let Some(stop) = start.checked_add(u64::from(len)).filter(|stop| *stop <= whole) else { return Ok(None) };
        reader.end = stop;
        match tag {
            MESSAGE_CLASS => tnef.message_class = reader.rest(MAX_VALUE)?.map(|bytes| string(None, &bytes)).unwrap_or_default(),
            BODY => raw.body = reader.rest(MAX_TEXT)?,
            CODE_PAGE => raw.code_page = reader.u32()?,
            MESSAGE_PROPERTIES => {
                properties(reader, |property, reader| message_property(property, reader, tnef, raw))?;
            }
            FILE_BEGINS if tnef.files.len() < MAX_FILES => tnef.files.push(File::default()),
            FILE_BEGINS => return Ok(None),
            FILE_TITLE => {
                let label = raw.code_page.map(|page| format!("windows-{page}"));
                let title = reader.rest(MAX_VALUE)?.map(|bytes| string(label.as_deref(), &bytes));
                if let Some(file) = tnef.files.last_mut().filter(|file| !file.long_name) {
                    file.name = title.filter(|title| !title.is_empty());
                }
            }
            FILE_DATA => {
                if let Some(file) = tnef.files.last_mut() {
                    (file.offset, file.len) = (start, u64::from(len));
                }
            }
            FILE_PROPERTIES => {
                properties(reader, |property, reader| file_property(property, reader, tnef.files.last_mut()))?;
            }
            _ => {}
        }
        reader.end = whole;
        reader.seek(stop)?;
        // The checksum; writers get it wrong, and nothing follows from it.
        if reader.u16()?.is_none() {
            return Ok(None);
        }
    }
    Ok(None)
}

/// One property with a value of variable length, at which the reader stands; or a number.
struct Property {
    id: u16,
    kind: u16,
    len: u64,
    number: u32,
}

fn message_property<R: Read + Seek>(
    property: &Property,
    reader: &mut Reader<'_, R>,
    tnef: &mut Tnef,
    raw: &mut RawTexts,
) -> io::Result<()> {
    match (property.id, property.kind) {
        (PR_BODY, UNICODE) => tnef.text = reader.bytes(property.len, MAX_TEXT)?.map(|bytes| string(Some("utf-16le"), &bytes)),
        (PR_BODY, STRING8) if raw.body.is_none() => raw.body = reader.bytes(property.len, MAX_TEXT)?,
        (PR_HTML, BINARY | STRING8) => raw.html = reader.bytes(property.len, MAX_TEXT)?,
        (PR_INTERNET_CODE_PAGE, _) => raw.internet_code_page = Some(property.number),
        _ => {}
    }
    Ok(())
}

fn file_property<R: Read + Seek>(property: &Property, reader: &mut Reader<'_, R>, file: Option<&mut File>) -> io::Result<()> {
    let Some(file) = file else { return Ok(()) };
    if property.id == PR_ATTACH_DATA {
        match property.kind {
            BINARY if file.offset == 0 => (file.offset, file.len) = (reader.at, property.len),
            // A message or OLE object: its interface identifier, then its bytes.
            OBJECT if property.len > 16 => {
                (file.offset, file.len) = (reader.at + 16, property.len - 16);
                let head = reader.bytes(20.min(property.len), MAX_VALUE)?.unwrap_or_default();
                if head.get(16..20) == Some(&SIGNATURE.to_le_bytes()) {
                    file.content_type = Some("application/ms-tnef".to_owned());
                }
            }
            _ => {}
        }
        return Ok(());
    }
    if !matches!(property.kind, STRING8 | UNICODE) {
        return Ok(());
    }
    let label = (property.kind == UNICODE).then_some("utf-16le");
    let mut value = || -> io::Result<Option<String>> {
        Ok(reader.bytes(property.len, MAX_VALUE)?.map(|bytes| string(label, &bytes)).filter(|value| !value.is_empty()))
    };
    match property.id {
        PR_ATTACH_LONG_FILENAME => {
            if let Some(name) = value()? {
                file.name = Some(name);
                file.long_name = true;
            }
        }
        PR_ATTACH_FILENAME if file.name.is_none() => file.name = value()?,
        PR_ATTACH_MIME_TAG => {
            file.content_type = value()?.map(|media| media.to_ascii_lowercase()).filter(|media| media.contains('/'));
        }
        PR_ATTACH_CONTENT_ID => file.content_id = value()?.map(|id| id.trim_matches(['<', '>']).to_owned()),
        _ => {}
    }
    Ok(())
}

/// Goes over a list of properties (MS-OXTNEF §2.1.3.4). Ends quietly where it is damaged.
fn properties<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    mut visit: impl FnMut(&Property, &mut Reader<'_, R>) -> io::Result<()>,
) -> io::Result<Option<()>> {
    let Some(count) = reader.u32()? else { return Ok(None) };
    for _ in 0..count.min(u32::try_from(MAX_PROPERTIES).unwrap_or(u32::MAX)) {
        let (Some(kind), Some(id)) = (reader.u16()?, reader.u16()?) else { return Ok(None) };
        if id >= 0x8000 && named(reader)?.is_none() {
            return Ok(None);
        }
        let single = kind & !MULTIPLE;
        let variable = matches!(single, STRING8 | UNICODE | OBJECT | BINARY);
        let values = if variable || kind & MULTIPLE != 0 { reader.u32()? } else { Some(1) };
        let Some(values) = values else { return Ok(None) };
        for _ in 0..values {
            let (len, number) = if variable {
                let Some(len) = reader.u32()? else { return Ok(None) };
                (u64::from(len), 0)
            } else {
                let len = match single {
                    0x0005 | 0x0006 | 0x0007 | 0x0014 | 0x0040 => 8,
                    0x0048 => 16,
                    _ => 4,
                };
                (len, reader.peek_u32()?.unwrap_or_default())
            };
            let start = reader.at;
            let Some(next) = start.checked_add(len.next_multiple_of(4)) else { return Ok(None) };
            if start + len > reader.end {
                return Ok(None);
            }
            visit(&Property { id, kind: single, len, number }, reader)?;
            reader.seek(next.min(reader.end))?;
        }
    }
    Ok(Some(()))
}

/// Passes over the name of a named property.
fn named<R: Read + Seek>(reader: &mut Reader<'_, R>) -> io::Result<Option<()>> {
    reader.seek(reader.at.saturating_add(16).min(reader.end))?;
    match reader.u32()? {
        Some(0) => Ok(reader.u32()?.map(|_| ())),
        Some(_) => {
            let Some(len) = reader.u32()? else { return Ok(None) };
            let next = reader.at.saturating_add(u64::from(len).next_multiple_of(4));
            if next > reader.end {
                return Ok(None);
            }
            reader.seek(next)?;
            Ok(Some(()))
        }
        None => Ok(None),
    }
}

fn string(label: Option<&str>, bytes: &[u8]) -> String {
    charset::decode(label, bytes).trim_end_matches('\0').to_owned()
}

/// Reads little-endian numbers up to a bound.
struct Reader<'a, R> {
    source: &'a mut R,
    at: u64,
    end: u64,
}

impl<R: Read + Seek> Reader<'_, R> {
    fn array<const N: usize>(&mut self) -> io::Result<Option<[u8; N]>> {
        if self.end.saturating_sub(self.at) < N as u64 {
            return Ok(None);
        }
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        self.at += N as u64;
        Ok(Some(bytes))
    }

    fn u8(&mut self) -> io::Result<Option<u8>> {
        Ok(self.array::<1>()?.map(|[byte]| byte))
    }

    fn u16(&mut self) -> io::Result<Option<u16>> {
        Ok(self.array()?.map(u16::from_le_bytes))
    }

    fn u32(&mut self) -> io::Result<Option<u32>> {
        Ok(self.array()?.map(u32::from_le_bytes))
    }

    fn peek_u32(&mut self) -> io::Result<Option<u32>> {
        let start = self.at;
        let value = self.u32()?;
        self.seek(start)?;
        Ok(value)
    }

    fn seek(&mut self, at: u64) -> io::Result<()> {
        if at != self.at {
            self.source.seek(SeekFrom::Start(at))?;
            self.at = at;
        }
        Ok(())
    }

    /// `len` bytes, but no more than `most`. `None` beyond the bound.
    fn bytes(&mut self, len: u64, most: u64) -> io::Result<Option<Vec<u8>>> {
        if self.end.saturating_sub(self.at) < len {
            return Ok(None);
        }
        let mut bytes = Vec::new();
        let read = self.source.by_ref().take(len.min(most)).read_to_end(&mut bytes)?;
        self.at += read as u64;
        Ok(Some(bytes))
    }

    /// What is left up to the bound, but no more than `most`.
    fn rest(&mut self, most: u64) -> io::Result<Option<Vec<u8>>> {
        self.bytes(self.end.saturating_sub(self.at), most)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use std::io::Cursor;

    use proptest::prelude::*;

    use super::*;

    fn attribute(level: u8, tag: u32, data: &[u8]) -> Vec<u8> {
        let mut out = vec![level];
        out.extend(tag.to_le_bytes());
        out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        out.extend(data);
        let sum = data.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        out.extend(sum.to_le_bytes());
        out
    }

    fn property(kind: u16, id: u16, data: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        out.extend(kind.to_le_bytes());
        out.extend(id.to_le_bytes());
        out.extend(1u32.to_le_bytes());
        out.extend(u32::try_from(data.len()).unwrap().to_le_bytes());
        out.extend(data);
        out.resize(out.len().next_multiple_of(4), 0);
        out
    }

    fn utf16(text: &str) -> Vec<u8> {
        text.encode_utf16().chain([0]).flat_map(u16::to_le_bytes).collect()
    }

    /// A container with a text, two files and a property that must be passed over.
    pub(in super::super) fn container() -> Vec<u8> {
        let mut out = SIGNATURE.to_le_bytes().to_vec();
        out.extend([1, 0]);
        out.extend(attribute(1, 0x0008_9006, &[0, 0, 1, 0]));
        out.extend(attribute(1, CODE_PAGE, &[0xe4, 4, 0, 0, 0, 0, 0, 0]));
        out.extend(attribute(1, MESSAGE_CLASS, b"IPM.Note\0"));
        let mut named = 0x001e_u16.to_le_bytes().to_vec();
        named.extend(0x8001_u16.to_le_bytes());
        named.extend([7; 16]);
        named.extend(1u32.to_le_bytes());
        named.extend(6u32.to_le_bytes());
        named.extend(b"a\0b\0\0\0\0\0");
        named.extend(1u32.to_le_bytes());
        named.extend(2u32.to_le_bytes());
        named.extend(b"x\0\0\0");
        let number = [3, 0, 0xde, 0x3f, 0xe9, 0xfd, 0, 0];
        let mut list = 3u32.to_le_bytes().to_vec();
        list.extend(named);
        list.extend(number);
        list.extend(property(UNICODE, PR_BODY, &utf16("Grüße aus dem Umschlag")));
        out.extend(attribute(1, MESSAGE_PROPERTIES, &list));
        out.extend(attribute(2, FILE_BEGINS, &[0; 14]));
        out.extend(attribute(2, FILE_TITLE, b"ANGEBO~1.PDF\0"));
        out.extend(attribute(2, FILE_DATA, b"first file"));
        let mut list = 2u32.to_le_bytes().to_vec();
        list.extend(property(UNICODE, PR_ATTACH_LONG_FILENAME, &utf16("Angebot für Sie.pdf")));
        list.extend(property(STRING8, PR_ATTACH_MIME_TAG, b"application/pdf\0"));
        out.extend(attribute(2, FILE_PROPERTIES, &list));
        out.extend(attribute(2, FILE_BEGINS, &[0; 14]));
        out.extend(attribute(2, FILE_TITLE, b"Gr\xfc\xdfe.txt\0"));
        out.extend(attribute(2, FILE_DATA, b"second"));
        out
    }

    #[test]
    fn text_names_and_files_are_read() {
        let bytes = container();
        let tnef = read(&mut Cursor::new(&bytes)).unwrap();
        assert_eq!(tnef.message_class, "IPM.Note");
        assert_eq!(tnef.text.as_deref(), Some("Grüße aus dem Umschlag"));
        assert!(!tnef.damaged);
        let content = |file: &File| &bytes[usize::try_from(file.offset).unwrap()..usize::try_from(file.offset + file.len).unwrap()];
        assert_eq!(tnef.files[0].name.as_deref(), Some("Angebot für Sie.pdf"));
        assert_eq!(tnef.files[0].content_type.as_deref(), Some("application/pdf"));
        assert_eq!(content(&tnef.files[0]), b"first file");
        assert_eq!(tnef.files[1].name.as_deref(), Some("Grüße.txt"));
        assert_eq!(content(&tnef.files[1]), b"second");
    }

    #[test]
    fn a_container_cut_anywhere_gives_what_came_before() {
        let bytes = container();
        for end in 0..bytes.len() {
            let tnef = read(&mut Cursor::new(&bytes[..end])).unwrap();
            assert!(tnef.files.iter().all(|file| file.offset + file.len <= end as u64));
        }
        let almost = read(&mut Cursor::new(&bytes[..bytes.len() - 3])).unwrap();
        assert!(almost.damaged);
        assert_eq!(almost.files.len(), 1);
    }

    proptest! {
        #[test]
        fn a_mutated_container_never_panics(at in 0usize..600, byte: u8, at2 in 0usize..600, byte2: u8) {
            let mut bytes = container();
            for (at, byte) in [(at, byte), (at2, byte2)] {
                let len = bytes.len();
                bytes[at % len] = byte;
            }
            let end = bytes.len() as u64;
            let tnef = read(&mut Cursor::new(&bytes)).unwrap();
            prop_assert!(tnef.files.iter().all(|file| file.offset + file.len <= end));
        }

        #[test]
        fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let mut with_signature = SIGNATURE.to_le_bytes().to_vec();
            with_signature.extend(&bytes);
            let _ = read(&mut Cursor::new(&bytes)).unwrap();
            let _ = read(&mut Cursor::new(&with_signature)).unwrap();
        }
    }
}
