//! Reads a mail.

use std::collections::HashSet;
use std::io::{self, Read as _, Seek as _, SeekFrom, Write as _};
use std::sync::Arc;

use sha2::{Digest as _, Sha256};

use super::attachments::Scratch;
use super::fields::Fields;
use super::fingerprint::{Identity, fingerprint};
use super::part::{self, Role};
use super::text::{CanonicalHash, Text, TextReader, unflow};
use super::walker::{Header, Part, Walker};
use super::{html, tnef, words};
use crate::model::{Attachment, AttachmentSource, Body, Digest, Mail, Protection, RawMail, RawMailReader};

/// Bytes of a nested message in which its subject is looked for.
const NESTED_HEADER: usize = 16 * 1024;
/// Most defects that are told of one mail.
const MAX_DEFECTS: usize = 20;

/// How much of a mail is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadOptions {
    /// Bytes of text that are kept; 256 KiB by default.
    pub text_limit: usize,
    /// Bytes of HTML that are kept; 512 KiB by default.
    pub html_limit: usize,
    /// List what is in a `winmail.dat` after it, and take the text from it if the mail has none. On by default.
    pub unpack_tnef: bool,
    /// List attachments that the HTML shows (`Attachment::inline`). On by default.
    pub list_inline: bool,
}

impl Default for ReadOptions {
    fn default() -> Self {
        Self { text_limit: 256 * 1024, html_limit: 512 * 1024, unpack_tnef: true, list_inline: true }
    }
}

/// Reads a mail, whatever is in it: rubbish gives a mail with what could be read and with `defects`. Only reading the spool file can
/// fail. Needs less than 2 MiB beside the result, however large the mail is.
///
/// `Attachment::index` counts inline parts that [`ReadOptions::list_inline`] leaves out, so that it names the same part always.
pub fn read_mail(raw: &RawMail, options: &ReadOptions) -> io::Result<Mail> {
    let mut scan = Scan::of(raw, options, false)?;
    if scan.leaves == 0 {
        // A multipart without any delimiter: its content is the text.
        let mut defects = vec!["the parts of the mail cannot be told apart; it is read as text".to_owned()];
        scan = Scan::of(raw, options, true)?;
        defects.append(&mut scan.defects);
        scan.defects = defects;
    }
    Ok(scan.into_mail(raw, options))
}

/// Opens the walker in the way in which [`read_mail`] found leaves.
pub(super) fn open(raw: &RawMail, one_leaf: bool) -> io::Result<Walker<RawMailReader>> {
    match raw.in_memory() {
        Some(mail) => Ok(Walker::of(mail.clone(), one_leaf)),
        None => Walker::new(raw.reader()?, raw.len(), one_leaf),
    }
}

/// One text part.
struct Segment {
    html: bool,
    alternative: Option<usize>,
    text: Text,
}

/// An attachment, with its part in the fingerprint.
struct Found {
    attachment: Attachment,
    identity: Option<[u8; 32]>,
}

/// Everything the walk brought.
#[derive(Default)]
struct Scan {
    header: Arc<Header>,
    segments: Vec<Segment>,
    found: Vec<Found>,
    protection: Protection,
    defects: Vec<String>,
    leaves: usize,
    /// A `winmail.dat` was unpacked. A mail has one; a second is kept as it is.
    unpacked: bool,
}

impl Scan {
    fn of(raw: &RawMail, options: &ReadOptions, one_leaf: bool) -> io::Result<Self> {
        let mut walker = open(raw, one_leaf)?;
        let mut scan = Self::default();
        let (mut text_left, mut html_left) = (options.text_limit, options.html_limit);
        while let Some(part) = walker.next_part()? {
            let role = part::role(&part, scan.leaves == 0);
            scan.leaves += 1;
            scan.protection = part::stronger(scan.protection, part::protection(&part));
            match role {
                Role::Plain => scan.text(&part, &mut walker, false, &mut text_left)?,
                Role::Html => scan.text(&part, &mut walker, true, &mut html_left)?,
                Role::Tnef if options.unpack_tnef && !std::mem::replace(&mut scan.unpacked, true) => {
                    let mut scratch = Scratch::for_mail(raw)?;
                    scan.attachment(&part, role, &mut walker, Some(&mut scratch))?;
                    scan.container(&mut scratch, options)?;
                }
                Role::Message | Role::Tnef | Role::Attachment => scan.attachment(&part, role, &mut walker, None)?,
            }
        }
        for subtype in &walker.containers {
            scan.protection = part::stronger(scan.protection, part::container_protection(subtype));
        }
        scan.header = walker.root().cloned().unwrap_or_default();
        scan.defects.append(&mut walker.defects);
        Ok(scan)
    }

    fn text(&mut self, part: &Part, walker: &mut Walker<RawMailReader>, html: bool, left: &mut usize) -> io::Result<()> {
        let label = part.content_type.text("charset", None);
        let mut reader = TextReader::new(label.clone(), *left);
        if html && self.has_plain_form(part) {
            reader = reader.without_hash();
        }
        while !walker.is_at_end() {
            walker.chunk()?;
            if walker.is_at_end() {
                reader.feed_last(walker.last_chunk());
            } else {
                reader.feed(walker.last_chunk());
            }
        }
        let mut text = reader.finish();
        if text.mislabelled {
            let label: String = label.unwrap_or_default().chars().filter(|c| !c.is_control()).take(40).collect();
            self.defect(format!("a text is not in the character set it names ({label}); the set was guessed"));
        }
        *left = left.saturating_sub(text.content.len());
        if !html {
            self.protection = part::stronger(self.protection, part::text_protection(&text.content));
            let parameter = |name| part.content_type.raw(name).map(<[u8]>::to_ascii_lowercase).unwrap_or_default();
            if parameter("format") == b"flowed" {
                text.content = unflow(&text.content, parameter("delsp") == b"yes");
            }
        }
        self.segments.push(Segment { html, alternative: part.alternative, text });
        Ok(())
    }

    /// Whether a form of the text in plain letters came before this part: then it counts for the fingerprint, and this part does not.
    fn has_plain_form(&self, part: &Part) -> bool {
        let mut forms = self.segments.iter().rev().take_while(|form| form.alternative.is_some() && form.alternative == part.alternative);
        forms.any(|form| !form.html && !form.text.blank)
    }

    /// Reads an attachment, and copies its content to `scratch` if there is one.
    fn attachment(
        &mut self,
        part: &Part,
        role: Role,
        walker: &mut Walker<RawMailReader>,
        mut scratch: Option<&mut Scratch>,
    ) -> io::Result<()> {
        let media = part.content_type.value.as_str();
        let is_line_based = media.starts_with("text/") || media.starts_with("message/");
        let mut exact = Sha256::new();
        let mut canonical = is_line_based.then(CanonicalHash::default);
        let mut size = 0;
        let mut head = Vec::new();
        loop {
            let chunk = walker.chunk()?;
            if chunk.is_empty() {
                break;
            }
            exact.update(chunk);
            if let Some(canonical) = &mut canonical {
                canonical.update(chunk);
            }
            if let Some(scratch) = &mut scratch {
                scratch.write_all(chunk)?;
            }
            size += chunk.len() as u64;
            if role == Role::Message && head.len() < NESTED_HEADER {
                head.extend_from_slice(chunk.get(..chunk.len().min(NESTED_HEADER)).unwrap_or_default());
            }
        }
        let exact: [u8; 32] = exact.finalize().into();
        let identity = canonical.map_or(exact, |canonical| canonical.finish().unwrap_or_default());
        let is_representation = media.starts_with("text/") && part.parent_subtype == "alternative";
        let name = part::name(part).or_else(|| if role == Role::Message { nested_name(&head) } else { part::description(part) });
        let attachment = Attachment {
            index: 0,
            name,
            content_type: media.to_owned(),
            size,
            digest: Digest::from_sha256(&exact),
            inline: false,
            content_id: part::content_id(part),
            source: if role == Role::Message { AttachmentSource::Message } else { AttachmentSource::Part },
        };
        self.push(attachment, (!is_representation).then_some(identity));
        Ok(())
    }

    fn push(&mut self, mut attachment: Attachment, identity: Option<[u8; 32]>) {
        attachment.index = self.found.len();
        self.found.push(Found { attachment, identity });
    }

    /// Lists what is in a `winmail.dat`. None of it counts for the fingerprint: the container did already.
    fn container(&mut self, scratch: &mut Scratch, options: &ReadOptions) -> io::Result<()> {
        let tnef = tnef::read(scratch)?;
        if tnef.damaged {
            self.defect("the winmail.dat cannot be read to its end".to_owned());
        }
        let class = tnef.message_class.to_ascii_uppercase();
        if class.contains(".SMIME.MULTIPARTSIGNED") {
            self.protection = part::stronger(self.protection, Protection::Signed);
        } else if class.contains(".SMIME") {
            self.protection = part::stronger(self.protection, Protection::Encrypted);
        }
        for file in tnef.files {
            scratch.seek(SeekFrom::Start(file.offset))?;
            let mut hash = Sha256::new();
            let mut content = (&mut *scratch).take(file.len);
            let mut buf = vec![0; 16 * 1024];
            loop {
                match content.read(&mut buf)? {
                    0 => break,
                    count => hash.update(buf.get(..count).unwrap_or_default()),
                }
            }
            let attachment = Attachment {
                index: 0,
                name: file.name.map(|name| super::fields::cut(words::decode_text(name.as_bytes(), None), 1024)),
                content_type: file.content_type.unwrap_or_else(|| "application/octet-stream".to_owned()),
                size: file.len,
                digest: Digest::from_sha256(&hash.finalize()),
                inline: false,
                content_id: file.content_id,
                source: AttachmentSource::Tnef,
            };
            self.push(attachment, None);
        }
        if self.segments.iter().all(|segment| segment.text.hash.is_none()) {
            for (html, content, limit) in [(false, tnef.text, options.text_limit), (true, tnef.html, options.html_limit)] {
                if let Some(content) = content {
                    let mut reader = TextReader::new(Some("utf-8".to_owned()), limit);
                    reader.feed(content.as_bytes());
                    let text = Text { hash: None, ..reader.finish() };
                    self.segments.push(Segment { html, alternative: Some(usize::MAX), text });
                }
            }
        }
        Ok(())
    }

    fn defect(&mut self, text: String) {
        if !self.defects.contains(&text) {
            self.defects.push(text);
        }
    }

    fn into_mail(mut self, raw: &RawMail, options: &ReadOptions) -> Mail {
        let header = std::mem::take(&mut self.header);
        let mut fields = Fields::new(&header);
        let (from, sender, reply_to) = (fields.addresses("from"), fields.address("sender"), fields.addresses("reply-to"));
        let (to, cc, bcc) = (fields.recipients("to"), fields.recipients("cc"), fields.recipients("bcc"));
        let (subject, date, message_id) = (fields.subject(), fields.date(), fields.message_id());
        let (in_reply_to, references, sensitivity) = (fields.ids("in-reply-to"), fields.ids("references"), fields.sensitivity());
        let mut defects = fields.defects;
        if header.fields.is_empty() {
            defects.push("the mail has no header".to_owned());
        } else if from.is_empty() && sender.is_none() {
            defects.push("no sender can be read".to_owned());
        }
        let (text, html, texts) = self.bodies(options);
        let recipients: Vec<_> = to.iter().chain(&cc).collect();
        let fingerprint = fingerprint(Identity {
            message_id: message_id.as_deref(),
            date: date.map(|date| date.timestamp()),
            from: &from,
            recipients: &recipients,
            subject: &subject,
            texts: &texts,
            attachments: self.found.iter().filter_map(|found| found.identity).collect(),
            raw_digest: raw.digest(),
        });
        let list_inline = options.list_inline;
        let attachments = self.found.into_iter().map(|found| found.attachment).filter(|found| list_inline || !found.inline).collect();
        defects.append(&mut self.defects);
        defects.truncate(MAX_DEFECTS);
        Mail {
            raw_digest: raw.digest().clone(),
            fingerprint,
            size: raw.len(),
            message_id,
            in_reply_to,
            references,
            date,
            from,
            sender,
            reply_to,
            to,
            cc,
            bcc,
            subject,
            text,
            html,
            attachments,
            sensitivity,
            protection: self.protection,
            defects,
        }
    }

    /// Text and HTML to show, and the hashes of the texts that count. Marks inline attachments.
    fn bodies(&mut self, options: &ReadOptions) -> (Body, Option<Body>, Vec<[u8; 32]>) {
        let has_html = self.segments.iter().any(|segment| segment.html);
        let mut text = Body::default();
        let mut shown = Body::default();
        let mut hashes = Vec::new();
        let mut used = HashSet::new();
        for group in groups(&self.segments) {
            let plain: Vec<&Segment> = group.iter().filter(|segment| !segment.html).copied().collect();
            let rich: Vec<&Segment> = group.iter().filter(|segment| segment.html).copied().collect();
            let plain_counts = rich.is_empty() || plain.iter().any(|segment| !segment.text.blank);
            hashes.extend(if plain_counts { &plain } else { &rich }.iter().filter_map(|segment| segment.text.hash));
            if plain_counts {
                for segment in &plain {
                    append(&mut text, &segment.text.content, segment.text.truncated);
                    if rich.is_empty() && has_html && !segment.text.blank {
                        append(&mut shown, &html::from_text(&segment.text.content), segment.text.truncated);
                    }
                }
            }
            for segment in &rich {
                used.extend(html::content_ids(&segment.text.content));
                let (clean, cut) = clean(&segment.text.content, options.html_limit);
                if !plain_counts {
                    append(&mut text, &html::to_text(&clean), segment.text.truncated || cut);
                }
                append(&mut shown, &clean, segment.text.truncated || cut);
            }
        }
        for found in &mut self.found {
            found.attachment.inline = found.attachment.content_id.as_ref().is_some_and(|id| used.contains(id));
        }
        limit(&mut text, options.text_limit);
        (text, has_html.then_some(shown), hashes)
    }
}

/// Text parts that are forms of one text stand together; the others stand alone. In order of appearance.
fn groups(segments: &[Segment]) -> Vec<Vec<&Segment>> {
    let mut groups: Vec<(Option<usize>, Vec<&Segment>)> = Vec::new();
    for segment in segments {
        // Parts of one alternative follow each other.
        match groups.last_mut() {
            Some((Some(number), group)) if Some(*number) == segment.alternative => group.push(segment),
            _ => groups.push((segment.alternative, vec![segment])),
        }
    }
    groups.into_iter().map(|(_, group)| group).collect()
}

fn append(body: &mut Body, text: &str, truncated: bool) {
    if !body.content.is_empty() && !text.is_empty() && !body.content.ends_with('\n') {
        body.content.push('\n');
    }
    body.content.push_str(text);
    body.truncated |= truncated;
}

fn limit(body: &mut Body, bytes: usize) {
    if body.content.len() > bytes {
        body.content.truncate(body.content.floor_char_boundary(bytes));
        body.truncated = true;
    }
}

/// Sanitised HTML within the limit; entities and link attributes make it longer than its source.
fn clean(source: &str, limit: usize) -> (String, bool) {
    let clean = html::sanitise(source);
    if clean.len() <= limit {
        return (clean, false);
    }
    let part = clean.get(..clean.floor_char_boundary(limit / 4 * 3)).unwrap_or_default();
    (html::sanitise(part), true)
}

/// A name for a nested message from its subject.
fn nested_name(head: &[u8]) -> Option<String> {
    let mut walker = Walker::new(head, head.len() as u64, true).ok()?;
    walker.next_part().ok()?;
    let subject = words::decode_text(walker.root()?.first("subject")?, None);
    (!subject.is_empty()).then(|| format!("{}.eml", super::fields::cut(subject, 200)))
}
