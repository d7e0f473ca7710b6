//! Smaller versions of a mail (X12): headers alone, without text, without attachments. What stays, stays byte for byte; what goes is
//! replaced by a short plain text that names it.

use std::io::{self, Read};
use std::path::Path;

use super::part::{self, Role};
use super::read::open;
use super::walker::{Header, Part};
use crate::model::{Protection, RawMail, RawMailWriter};
use crate::settings::Payload;

/// Most parts that one note names.
const MAX_NAMED: usize = 50;

/// The mail as `payload` wants it: valid MIME that opens in a mail program. Encrypted parts and a `winmail.dat` hold text and attachments
/// at once and go whenever either goes. A signature over what was removed does not verify any more. `spool_dir` must exist; it takes
/// a result above [`SPOOL_THRESHOLD`](crate::model::SPOOL_THRESHOLD).
pub fn reduce(raw: &RawMail, payload: Payload, spool_dir: &Path) -> io::Result<RawMail> {
    if payload == Payload::Full {
        return Ok(raw.clone());
    }
    let mut walker = open(raw, false)?;
    let mut leaves: Vec<Leaf> = Vec::new();
    while let Some(part) = walker.next_part()? {
        let role = part::role(&part, leaves.is_empty());
        let mut size = 0;
        loop {
            let chunk = walker.chunk()?.len() as u64;
            if chunk == 0 {
                break;
            }
            size += chunk;
        }
        leaves.push(Leaf::new(&part, role, size, walker.next(), payload));
    }
    let header = walker.root().cloned().unwrap_or_default();
    let whole = leaves.is_empty() && payload != Payload::NoAttachments || leaves.iter().any(|leaf| leaf.parent == 0 && !leaf.kept);
    let line_end = line_end(raw)?;
    let edits = if payload == Payload::HeadersOnly || whole {
        without_content(&header, walker.root_range(), &leaves, line_end)
    } else {
        without_parts(&leaves, line_end)
    };
    apply(raw, edits, spool_dir)
}

/// A leaf and what becomes of it.
struct Leaf {
    kept: bool,
    parent: usize,
    in_alternative: bool,
    alternative: Option<usize>,
    delimiter: u64,
    start: u64,
    next: u64,
    description: String,
}

impl Leaf {
    fn new(part: &Part, role: Role, size: u64, next: u64, payload: Payload) -> Self {
        let media = &part.content_type.value;
        let what = match part::name(part) {
            Some(name) => format!("\"{name}\", {media}, {size} bytes"),
            None if role.is_text() => format!("text, {media}, {size} bytes"),
            None => format!("{media}, {size} bytes"),
        };
        Self {
            kept: is_kept(part, role, payload),
            parent: part.parent,
            in_alternative: part.parent_subtype == "alternative",
            alternative: part.alternative,
            delimiter: part.delimiter,
            start: part.start,
            next,
            description: what,
        }
    }
}

fn is_kept(part: &Part, role: Role, payload: Payload) -> bool {
    let sealed = role == Role::Tnef || part.parent_subtype == "encrypted" || part::protection(part) != Protection::None;
    // A form of the text that is not shown is the text all the same; an invitation is not.
    let is_form =
        part.parent_subtype == "alternative" && part.content_type.value.starts_with("text/") && part.content_type.value != "text/calendar";
    let is_text = role.is_text() || is_form;
    match payload {
        Payload::Full => true,
        Payload::NoAttachments => role.is_text() && !sealed,
        Payload::NoBody => !is_text && !sealed,
        Payload::HeadersOnly => false,
    }
}

/// Bytes from `start` to `end` of the original become `new`.
struct Edit {
    start: u64,
    end: u64,
    new: String,
}

/// Keeps the header, apart from the fields that describe the content, and puts one note in the place of all content.
fn without_content(header: &Header, (start, end): (u64, u64), leaves: &[Leaf], line_end: &str) -> Vec<Edit> {
    let mut list: Vec<&str> = leaves.iter().take(MAX_NAMED).map(|leaf| leaf.description.as_str()).collect();
    if leaves.len() > MAX_NAMED {
        list.push("…");
    }
    let described = |name: &str| name.starts_with("content-") || name == "mime-version";
    let mut edits = vec![Edit { start, end: start, new: format!("MIME-Version: 1.0{line_end}{}", note_header(line_end)) }];
    edits.extend(header.fields.iter().filter(|field| described(&field.name)).map(|field| Edit {
        start: field.start,
        end: field.end,
        new: String::new(),
    }));
    edits.push(Edit { start: end, end: u64::MAX, new: format!("{line_end}{}", note(&list, line_end)) });
    edits
}

/// Puts a note in the place of each leaf that goes. Among alternatives the last one is shown, so there a note stands only where
/// nothing else is left.
fn without_parts(leaves: &[Leaf], line_end: &str) -> Vec<Edit> {
    let mut edits = Vec::new();
    for (at, leaf) in leaves.iter().enumerate().filter(|(_, leaf)| !leaf.kept) {
        let others_stay = leaves.iter().any(|other| other.kept && other.alternative == leaf.alternative);
        let noted_before = leaves.iter().take(at).any(|other| other.in_alternative && other.parent == leaf.parent);
        if leaf.in_alternative && (others_stay || noted_before) {
            edits.push(Edit { start: leaf.delimiter, end: leaf.next, new: String::new() });
        } else {
            let note = note(&[&leaf.description], line_end);
            edits.push(Edit { start: leaf.start, end: leaf.next, new: format!("{}{line_end}{note}", note_header(line_end)) });
        }
    }
    edits
}

fn note_header(line_end: &str) -> String {
    format!("Content-Type: text/plain; charset=utf-8{line_end}Content-Transfer-Encoding: base64{line_end}")
}

/// The text of a note, in base64 with whole lines.
fn note(removed: &[&str], line_end: &str) -> String {
    let mut text = String::from("Removed by crmsync before the import:\r\n");
    for what in removed {
        text.push_str("- ");
        text.push_str(what);
        text.push_str("\r\n");
    }
    let coded = data_encoding::BASE64.encode(text.as_bytes());
    coded.as_bytes().chunks(76).map(|line| String::from_utf8_lossy(line).into_owned() + line_end).collect()
}

/// The line end that the mail uses.
fn line_end(raw: &RawMail) -> io::Result<&'static str> {
    let mut head = Vec::new();
    raw.reader()?.take(64 * 1024).read_to_end(&mut head)?;
    Ok(match head.iter().position(|byte| *byte == b'\n') {
        Some(at) if at > 0 && head.get(at - 1) == Some(&b'\r') => "\r\n",
        Some(_) => "\n",
        None if head.contains(&b'\r') => "\r",
        None => "\r\n",
    })
}

fn apply(raw: &RawMail, mut edits: Vec<Edit>, spool_dir: &Path) -> io::Result<RawMail> {
    edits.sort_by_key(|edit| (edit.start, edit.end));
    let mut reader = raw.reader()?;
    let mut writer = RawMailWriter::new(spool_dir, raw.len());
    let mut at = 0;
    for edit in edits {
        copy(&mut reader, edit.start.saturating_sub(at), |bytes| writer.write(bytes))?;
        writer.write(edit.new.as_bytes())?;
        copy(&mut reader, edit.end.saturating_sub(edit.start.max(at)), |_| Ok(()))?;
        at = edit.end.max(at);
    }
    copy(&mut reader, u64::MAX, |bytes| writer.write(bytes))?;
    writer.finish()
}

/// Gives up to `count` bytes to `take`.
fn copy(reader: &mut impl Read, count: u64, mut take: impl FnMut(&[u8]) -> io::Result<()>) -> io::Result<()> {
    let mut buf = vec![0; 16 * 1024];
    let mut reader = reader.take(count);
    loop {
        match reader.read(&mut buf)? {
            0 => return Ok(()),
            read => take(buf.get(..read).unwrap_or_default())?,
        }
    }
}
