//! What reading a mail owes, on whole mails.

use std::path::Path;

use proptest::prelude::*;

use super::*;
use crate::model::{AttachmentSource, Digest, Mail, Protection, RawMail, RawMailWriter, Sensitivity};
use crate::settings::Payload;

fn raw(bytes: impl Into<Vec<u8>>) -> RawMail {
    RawMail::from_bytes(bytes.into())
}

fn mail(bytes: impl Into<Vec<u8>>) -> Mail {
    read_mail(&raw(bytes), &ReadOptions::default()).unwrap()
}

/// A mail that lies in a spool file, whatever its size.
fn spooled(bytes: &[u8], folder: &Path) -> RawMail {
    let mut writer = RawMailWriter::new(folder, 0).with_threshold(0);
    writer.write(bytes).unwrap();
    writer.finish().unwrap()
}

fn contents(raw: &RawMail, mail: &Mail, options: &ReadOptions) -> Vec<(usize, Vec<u8>)> {
    let mut found = Vec::new();
    for_each_attachment(raw, mail, options, |attachment, reader| {
        let mut content = Vec::new();
        reader.read_to_end(&mut content)?;
        assert_eq!(Digest::of(&content), attachment.digest);
        assert_eq!(content.len() as u64, attachment.size);
        found.push((attachment.index, content));
        Ok(())
    })
    .unwrap();
    found
}

fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut paths: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    let name = |path: &Path| path.file_name().unwrap().to_string_lossy().into_owned();
    paths
        .iter()
        .filter(|path| path.extension().is_some_and(|end| end == "eml"))
        .map(|path| (name(path), std::fs::read(path).unwrap()))
        .collect()
}

/// Our own mails, and those of the folder that `CRMSYNC_CORPUS` names.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut found = files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-fixtures/mail"));
    assert!(!found.is_empty());
    if let Some(folder) = std::env::var_os("CRMSYNC_CORPUS").filter(|folder| !folder.is_empty()) {
        found.extend(files(&Path::new(&folder).join("mail")));
    }
    found
}

fn fixture(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("protocol-fixtures/mail").join(name)).unwrap()
}

#[test]
fn every_mail_of_the_corpus_is_read_or_says_why_not() {
    let folder = tempfile::tempdir().unwrap();
    for (name, bytes) in corpus() {
        let started = std::time::Instant::now();
        let options = ReadOptions::default();
        let in_memory = mail(bytes.clone());
        assert!(started.elapsed().as_secs() < 60, "{name}");
        assert_eq!(in_memory.raw_digest, Digest::of(&bytes), "{name}");
        assert!(!in_memory.from.is_empty() || !in_memory.defects.is_empty(), "{name}");
        let file = spooled(&bytes, folder.path());
        assert_eq!(read_mail(&file, &options).unwrap(), in_memory, "{name}");
        assert_eq!(contents(&file, &in_memory, &options).len(), in_memory.attachments.len(), "{name}");
        assert_eq!(contents(&raw(bytes.clone()), &in_memory, &options), contents(&file, &in_memory, &options), "{name}");
        for payload in [Payload::NoAttachments, Payload::NoBody, Payload::HeadersOnly] {
            let reduced = reduce(&file, payload, folder.path()).unwrap();
            let again = read_mail(&reduced, &options).unwrap();
            assert_eq!(
                (&again.subject, &again.from, &again.message_id),
                (&in_memory.subject, &in_memory.from, &in_memory.message_id),
                "{name}"
            );
        }
    }
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "spool files stay behind");
}

const ORDINARY: &str = "From: =?utf-8?Q?M=C3=BCller=2C_Anna?= <Anna@Example.ORG>\r\nTo: b@example.com\r\nBcc: hidden@example.com\r\n\
    Subject: Angebot\r\nDate: Mon, 1 Jan 2024 10:00:00 +0100\r\nMessage-ID: <1@example.org>\r\nSensitivity: Private\r\nMIME-Version: 1.0\r\n\
    Content-Type: multipart/mixed; boundary=\"outer\"\r\n\r\npreamble\r\n--outer\r\nContent-Type: multipart/alternative; boundary=inner\r\n\r\n\
    --inner\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nSch=C3=B6ne Gr=C3=BC=C3=9Fe\r\n\
    --inner\r\nContent-Type: multipart/related; boundary=rel\r\n\r\n--rel\r\nContent-Type: text/html\r\n\r\n<p>Sch&ouml;ne <img src=\"cid:logo@x\"></p>\r\n\
    --rel\r\nContent-Type: image/png; name=logo.png\r\nContent-ID: <logo@x>\r\nContent-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\naW1hZ2U=\r\n--rel--\r\n\
    --inner--\r\n--outer\r\nContent-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''Angebot%20f%C3%BCr%20Sie.pdf\r\n\
    Content-Transfer-Encoding: base64\r\n\r\ncGRm\r\n--outer\r\nContent-Type: message/rfc822\r\n\r\nSubject: inner mail\r\nFrom: c@example.net\r\n\r\ninner text\r\n--outer--\r\nepilogue\r\n";

#[test]
fn r2_an_ordinary_mail_is_read_whole() {
    let mail = mail(ORDINARY);
    assert_eq!(mail.defects, Vec::<String>::new());
    assert_eq!((mail.from[0].name.as_deref(), mail.from[0].address.as_str()), (Some("Müller, Anna"), "Anna@example.org"));
    assert_eq!((mail.subject.as_str(), mail.message_id.as_deref()), ("Angebot", Some("1@example.org")));
    assert_eq!((mail.text.content.as_str(), mail.sensitivity), ("Schöne Grüße", Sensitivity::Private));
    assert!(mail.html.unwrap().content.contains("cid:logo@x"));
    let attachments: Vec<_> =
        mail.attachments.iter().map(|found| (found.name.as_deref().unwrap(), found.size, found.inline, found.source)).collect();
    assert_eq!(
        attachments,
        [
            ("logo.png", 5, true, AttachmentSource::Part),
            ("Angebot für Sie.pdf", 3, false, AttachmentSource::Part),
            ("inner mail.eml", 54, false, AttachmentSource::Message),
        ]
    );
}

#[test]
fn x17_inline_parts_can_be_left_out_and_indices_stay() {
    let options = ReadOptions { list_inline: false, ..ReadOptions::default() };
    let raw = raw(ORDINARY);
    let mail = read_mail(&raw, &options).unwrap();
    assert_eq!(mail.attachments.iter().map(|found| found.index).collect::<Vec<_>>(), [1, 2]);
    assert_eq!(contents(&raw, &mail, &options)[0], (1, b"pdf".to_vec()));
    assert_eq!(mail.fingerprint, self::mail(ORDINARY).fingerprint);
}

#[test]
fn x17_a_winmail_is_unpacked_if_asked_for() {
    let bytes = fixture("outlook-winmail.eml");
    let unpacked = mail(bytes.clone());
    let names: Vec<_> = unpacked.attachments.iter().map(|found| (found.name.as_deref().unwrap(), found.source)).collect();
    let (part, tnef) = (AttachmentSource::Part, AttachmentSource::Tnef);
    assert_eq!(names, [("winmail.dat", part), ("Angebot für Sie.pdf", tnef), ("Grüße.txt", tnef)]);
    assert_eq!(unpacked.text.content, "Grüße aus dem Umschlag");
    let kept = read_mail(&raw(bytes.clone()), &ReadOptions { unpack_tnef: false, ..ReadOptions::default() }).unwrap();
    assert_eq!(kept.attachments.len(), 1);
    assert_eq!(kept.fingerprint, unpacked.fingerprint);
    assert_eq!(contents(&raw(bytes), &unpacked, &ReadOptions::default())[1].1, b"first file");
}

#[test]
fn x5_protection_is_seen() {
    for (header, body, expected) in [
        (
            "multipart/signed; boundary=b; micalg=sha-256",
            "--b\r\n\r\ntext\r\n--b\r\nContent-Type: application/pgp-signature\r\n\r\nx\r\n--b--",
            Protection::Signed,
        ),
        (
            "multipart/encrypted; boundary=b",
            "--b\r\nContent-Type: application/pgp-encrypted\r\n\r\nVersion: 1\r\n--b--",
            Protection::Encrypted,
        ),
        ("application/pkcs7-mime; smime-type=enveloped-data; name=smime.p7m", "x", Protection::Encrypted),
        ("application/x-pkcs7-mime; smime-type=signed-data; name=smime.p7m", "x", Protection::Signed),
        ("text/plain", "-----BEGIN PGP MESSAGE-----\r\n\r\nabc", Protection::Encrypted),
        ("text/plain", "hello\r\n-----BEGIN PGP SIGNED MESSAGE-----\r\n", Protection::Signed),
        ("text/plain", "> -----BEGIN PGP MESSAGE-----", Protection::None),
    ] {
        let found = mail(format!("From: a@example.org\r\nContent-Type: {header}\r\n\r\n{body}\r\n")).protection;
        assert_eq!(found, expected, "{header}");
    }
}

#[test]
fn broken_structure_gives_what_can_be_read_and_a_defect() {
    for (text, content, attachments, defect) in [
        ("Content-Type: multipart/mixed; boundary=b\n\n--b\n\nnot closed", "not closed", 0, "not closed"),
        ("Content-Type: multipart/mixed; boundary=b\n\nno delimiter at all", "no delimiter at all", 0, "cannot be told apart"),
        ("Content-Type: multipart/mixed\n\nno boundary", "no boundary", 0, "names no delimiter"),
        ("Content-Type: multipart/mixed; boundary=b\n\n--b\nno header here\n--b--", "no header here", 0, "no header"),
        ("X-A: b\nthis is text already\nmore", "this is text already\nmore", 0, "not separated"),
        (
            "Content-Type: multipart/mixed; boundary=a\n\n--a\nContent-Type: multipart/mixed; boundary=ab\n\n--ab\n\nx\n--a\nContent-Type: a/b\n\n--a--",
            "x",
            1,
            "not closed",
        ),
        ("Content-Transfer-Encoding: x-odd\n\ntext", "text", 0, "transfer encoding"),
    ] {
        for line_end in ["\n", "\r\n", "\r"] {
            let mail = mail(format!("From: a@example.org\n{text}").replace('\n', line_end));
            assert_eq!(mail.text.content, content, "{text} {line_end:?}");
            assert_eq!(mail.attachments.len(), attachments, "{text} {line_end:?}");
            assert!(mail.defects.iter().any(|found| found.contains(defect)), "{text} {line_end:?}: {:?}", mail.defects);
        }
    }
    assert_eq!(mail("").defects[0], "the mail has no header");
}

#[test]
fn deep_and_wide_mails_are_bounded() {
    use std::fmt::Write as _;
    let mut deep = String::from("From: a@example.org\r\n");
    for level in 0..3_000 {
        write!(deep, "Content-Type: multipart/mixed; boundary=b{level}\r\n\r\n--b{level}\r\n").unwrap();
    }
    let read = mail(deep);
    assert_eq!(read.attachments.len(), 1);
    assert!(read.defects.iter().any(|found| found.contains("100 deep")));
    let mut wide = String::from("From: a@example.org\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n");
    wide.push_str(&"--b\r\nContent-Type: a/b\r\n\r\nx\r\n".repeat(5_000));
    let read = mail(wide);
    assert!(read.attachments.len() <= 2_000);
    assert!(read.defects.iter().any(|found| found.contains("2000 parts")));
    let long = format!("From: a@example.org\r\nSubject: {}\r\n\r\n{}", "s".repeat(300_000), "x".repeat(600_000));
    let read = mail(long);
    assert!(read.text.truncated);
    assert!(read.subject.len() <= 8 * 1024);
}

#[test]
fn x12_a_reduced_mail_is_valid_and_names_what_is_gone() {
    let folder = tempfile::tempdir().unwrap();
    let original = raw(ORDINARY);
    let reduced = |payload| {
        let raw = reduce(&original, payload, folder.path()).unwrap();
        (read_mail(&raw, &ReadOptions::default()).unwrap(), String::from_utf8(raw.in_memory().unwrap().to_vec()).unwrap())
    };
    let (same, bytes) = reduced(Payload::Full);
    assert_eq!((same.defects.len(), bytes.as_str()), (0, ORDINARY));

    let (headers, bytes) = reduced(Payload::HeadersOnly);
    assert_eq!((headers.subject.as_str(), headers.attachments.len(), headers.defects.len()), ("Angebot", 0, 0));
    assert!(headers.text.content.contains("\"Angebot für Sie.pdf\", application/pdf, 3 bytes"), "{}", headers.text.content);
    assert!(!bytes.contains("Sch=C3") && !bytes.contains("multipart"), "{bytes}");

    let (text_only, bytes) = reduced(Payload::NoAttachments);
    assert!(text_only.text.content.starts_with("Schöne Grüße\nRemoved by crmsync"), "{}", text_only.text.content);
    assert_eq!((text_only.attachments.len(), text_only.defects.len()), (0, 0));
    assert!(!bytes.contains("cGRm") && !bytes.contains("inner text"));

    let (no_text, bytes) = reduced(Payload::NoBody);
    assert_eq!(
        no_text.attachments.iter().filter_map(|found| found.name.as_deref()).collect::<Vec<_>>(),
        ["logo.png", "Angebot für Sie.pdf", "inner mail.eml"]
    );
    assert!(!bytes.contains("Sch=C3") && !bytes.contains("Sch&ouml;"), "{bytes}");
    assert_eq!(no_text.defects.len(), 0);
}

#[test]
fn x12_an_invitation_without_attachments_still_shows_its_text() {
    let folder = tempfile::tempdir().unwrap();
    let invitation = raw(fixture("exchange-invitation.eml"));
    assert_eq!(read_mail(&invitation, &ReadOptions::default()).unwrap().attachments[0].content_type, "text/calendar");
    let reduced = read_mail(&reduce(&invitation, Payload::NoAttachments, folder.path()).unwrap(), &ReadOptions::default()).unwrap();
    assert!(reduced.attachments.is_empty());
    assert!(!reduced.text.content.contains("Removed"), "{}", reduced.text.content);
}

#[test]
fn fixtures_of_the_wild_are_read() {
    let latin = mail(fixture("latin1-headers.eml"));
    assert_eq!((latin.subject.as_str(), latin.from[0].name.as_deref()), ("Schöne Grüße aus München", Some("Jürgen Groß")));
    assert_eq!(latin.attachments[0].name.as_deref(), Some("Übersicht März.txt"));
    let split = mail(fixture("split-words.eml"));
    assert_eq!((split.subject.as_str(), split.date.unwrap().to_rfc3339().as_str()), ("Straße 5", "2024-01-01T10:00:00-05:00"));
    assert_eq!(split.to.iter().map(|found| found.address.as_str()).collect::<Vec<_>>(), ["a@example.com", "b@example.com"]);
    let html = mail(fixture("html-only.eml"));
    assert!(html.text.content.contains("Termin am Montag"), "{}", html.text.content);
    assert!(!html.html.unwrap().content.contains("tracker"));
}

/// One text and one file, sent in many ways.
#[derive(Debug, Clone)]
struct Way {
    boundary: String,
    base64: bool,
    line_end: &'static str,
    extra: bool,
    refold: bool,
}

fn way() -> impl Strategy<Value = Way> {
    ("[a-zA-Z0-9=_]{1,30}x", any::<bool>(), prop::sample::select(vec!["\r\n", "\n"]), any::<bool>(), any::<bool>())
        .prop_map(|(boundary, base64, line_end, extra, refold)| Way { boundary, base64, line_end, extra, refold })
}

fn base64_lines(bytes: &[u8]) -> String {
    let coded = data_encoding::BASE64.encode(bytes);
    coded.as_bytes().chunks(60).map(|line| String::from_utf8_lossy(line).into_owned() + "\n").collect()
}

fn quoted_printable(bytes: &[u8]) -> String {
    let mut out = String::new();
    let mut column = 0;
    for byte in bytes {
        let piece = match byte {
            b'\n' => "\n".to_owned(),
            b'!'..=b'<' | b'>'..=b'~' => char::from(*byte).to_string(),
            other => format!("={other:02X}"),
        };
        if column + piece.len() > 70 && piece != "\n" {
            out.push_str("=\n");
            column = 0;
        }
        column = if piece == "\n" { 0 } else { column + piece.len() };
        out.push_str(&piece);
    }
    out
}

fn sent(text: &str, file: &[u8], way: &Way) -> String {
    let (name, coded) =
        if way.base64 { ("base64", base64_lines(text.as_bytes())) } else { ("quoted-printable", quoted_printable(text.as_bytes())) };
    let trace =
        if way.extra { "Received: from x by y;\n Mon, 1 Jan 2024 10:00:00 +0000\nDKIM-Signature: v=1;\n b=abc\nX-Spam: no\n" } else { "" };
    let subject = if way.refold { "=?utf-8?B?R3LDvMOfZQ==?= and\n  some more" } else { "=?iso-8859-1?Q?Gr=FC=DFe?= and some more" };
    let bcc = if way.extra { "" } else { "Bcc: hidden@example.org\n" };
    let b = &way.boundary;
    let file = base64_lines(file);
    format!(
        "{trace}Message-ID: <1@example.org>\nDate: Mon, 1 Jan 2024 10:00:00 +0000\nFrom: A <a@example.org>\nTo: b@example.com\n{bcc}Subject: {subject}\n\
         MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=\"{b}\"\n\n--{b}\nContent-Type: text/plain; charset=utf-8\n\
         Content-Transfer-Encoding: {name}\n\n{coded}\n--{b}\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n\n{file}--{b}--\n"
    )
    .replace('\n', way.line_end)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_fingerprint_does_not_depend_on_the_way_and_does_on_the_words(
        text in "[a-zäöü€ .=\n-]{0,300}z", file in prop::collection::vec(any::<u8>(), 0..100), one in way(), other in way(), at in any::<prop::sample::Index>()
    ) {
        let fingerprint = |text: &str, file: &[u8], way: &Way| mail(sent(text, file, way)).fingerprint;
        let here = fingerprint(&text, &file, &one);
        prop_assert_eq!(&here, &fingerprint(&text, &file, &other));
        let mut letters: Vec<char> = text.chars().collect();
        let at = at.index(letters.len());
        letters[at] = if letters[at] == 'Q' { 'R' } else { 'Q' };
        prop_assert_ne!(&here, &fingerprint(&letters.into_iter().collect::<String>(), &file, &other));
        let mut more = file;
        more.push(0);
        prop_assert_ne!(&here, &fingerprint(&text, &more, &one));
    }

    #[test]
    fn limits_have_no_part_in_the_fingerprint(text in "[a-z \n]{1,300}", limit in 0usize..50) {
        let raw = raw(sent(&text, b"x", &Way { boundary: "b".into(), base64: true, line_end: "\n", extra: false, refold: false }));
        let options = ReadOptions { text_limit: limit, html_limit: limit, unpack_tnef: false, list_inline: false };
        prop_assert_eq!(read_mail(&raw, &options).unwrap().fingerprint, read_mail(&raw, &ReadOptions::default()).unwrap().fingerprint);
    }

    #[test]
    fn mutated_mails_never_panic(edits in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20), cut in any::<prop::sample::Index>()) {
        let mut bytes = ORDINARY.as_bytes().to_vec();
        for (at, byte) in edits {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        bytes.truncate(cut.index(bytes.len()) + 1);
        let folder = tempfile::tempdir().unwrap();
        let options = ReadOptions::default();
        let raw = raw(bytes);
        let mail = read_mail(&raw, &options).unwrap();
        prop_assert_eq!(contents(&raw, &mail, &options).len(), mail.attachments.len());
        for payload in [Payload::NoAttachments, Payload::NoBody, Payload::HeadersOnly] {
            read_mail(&reduce(&raw, payload, folder.path()).unwrap(), &options).unwrap();
        }
    }

    #[test]
    fn rubbish_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        mail(bytes);
    }

    #[test]
    fn rubbish_in_headers_never_panics(value in "[ -~äö\\r\\n\\t]{0,80}", bytes in prop::collection::vec(any::<u8>(), 0..80)) {
        for name in ["From", "To", "Date", "Message-ID", "References", "Subject", "Content-Type", "Content-Disposition"] {
            mail(format!("{name}: {value}\r\n\r\nx"));
            mail([name.as_bytes(), b": ", &bytes, b"\r\n\r\nx"].concat());
        }
    }
}

#[test]
fn mails_without_message_id_are_told_apart() {
    let to = |to: &str, date: &str| mail(format!("From: a@example.org\r\nTo: {to}\r\n{date}Subject: Backup\r\n\r\nok")).fingerprint;
    let date = "Date: Mon, 1 Jan 2024 10:00:00 +0000\r\n";
    assert_ne!(to("b@example.org", date), to("c@example.org", date));
    assert_eq!(to("b@example.org", date), to("B@EXAMPLE.org", date));
    // Neither identifier nor date: only the very same bytes are the same mail.
    assert_ne!(to("b@example.org", ""), to("B@example.org", ""));
    assert_eq!(to("b@example.org", ""), to("b@example.org", ""));
}

#[test]
fn a_footer_makes_another_mail() {
    let plain = |text: &str| mail(format!("Message-ID: <1@x>\r\nFrom: a@example.org\r\n\r\n{text}")).fingerprint;
    assert_ne!(plain("text"), plain("text\r\n-- \r\nlist footer"));
}
