//! Parts of the mail import alone, so that the benchmarks can tell what each of them costs.
//!
//! `parts hash FOLDER`: takes the SHA-256 of every mail of a folder of files.
//! `parts parse FOLDER`: has mail-parser parse every mail, and keeps nothing.
//! `parts read FOLDER`: reads every mail of a folder of files, as the import does with what it fetched.
//! `parts post FOLDER URL TOKEN`: posts them to a CRM in batches of the import's size; reading the mails is not in the time.
//! Prints mails, bytes and seconds, as JSON.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crmsync::crm::http::{HttpCrm, manifest_digest};
use crmsync::crm::{Capabilities, Crm as _, MailBatch, MailImport, OnUnmatched};
use crmsync::groupware::mime::{ReadOptions, read_mail};
use crmsync::model::{BatchKey, Digest, Direction, Mail, RawMail, RawMailWriter, RunId};
use crmsync::settings::{CrmAccess, CrmAuth, Secret};
use mail_parser::MessageParser;

/// The bounds of a batch of the import.
const BATCH_MAILS: usize = 150;
const BATCH_BYTES: u64 = 4 * 1024 * 1024;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let (mails, bytes, took) = match words.as_slice() {
        ["hash", folder] => each(Path::new(folder), |content| {
            let _ = Digest::of(content);
            Ok(())
        })?,
        ["parse", folder] => each(Path::new(folder), |content| {
            let _ = MessageParser::default().parse(content);
            Ok(())
        })?,
        ["read", folder] => each(Path::new(folder), |content| {
            let _ = read_mail(&raw(content)?, &ReadOptions::default())?;
            Ok(())
        })?,
        ["post", folder, url, token] => {
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
            runtime.block_on(post(Path::new(folder), url, token))?
        }
        _ => return Err("usage: parts hash|parse|read FOLDER | parts post FOLDER URL TOKEN".into()),
    };
    writeln!(std::io::stdout(), "{{\"mails\":{mails},\"bytes\":{bytes},\"seconds\":{:.3}}}", took.as_secs_f64())?;
    Ok(())
}

/// Does `part` with the content of every file; reading the files is not in the time.
fn each(folder: &Path, part: impl Fn(&[u8]) -> Outcome<()>) -> Outcome<(usize, u64, Duration)> {
    let (mut bytes, mut took) = (0, Duration::ZERO);
    let files = files(folder)?;
    for file in &files {
        let content = content(file)?;
        let start = Instant::now();
        part(&content)?;
        took += start.elapsed();
        bytes += content.len() as u64;
    }
    Ok((files.len(), bytes, took))
}

async fn post(folder: &Path, url: &str, token: &str) -> Outcome<(usize, u64, Duration)> {
    let secret = Secret::Environment(String::new());
    let crm = HttpCrm::new(&CrmAccess { url: url.parse()?, auth: CrmAuth::Bearer, user: None, secret, ca_file: None }, token)?;
    let offer = crm.capabilities().await?;
    let (mut bytes, mut took) = (0, Duration::ZERO);
    let (mut items, mut held, mut batches) = (Vec::new(), 0, 0);
    let files = files(folder)?;
    let mut rest = files.iter().peekable();
    while let Some(file) = rest.next() {
        let raw = raw(&content(file)?)?;
        held += raw.len();
        let mail = read_mail(&raw, &ReadOptions::default())?;
        items.push(import(mail, raw, &offer));
        let next = rest.peek().map_or(Ok(0), |file| fs::metadata(file).map(|facts| facts.len()))?;
        if items.len() == BATCH_MAILS || held + next > BATCH_BYTES || rest.peek().is_none() {
            batches += 1;
            let key = BatchKey(format!("parts-{}-{batches}", std::process::id()));
            let batch = MailBatch::new(key, RunId("parts".to_owned()), std::mem::take(&mut items));
            let start = Instant::now();
            let _ = manifest_digest(&batch);
            crm.import_mails(&batch).await?;
            took += start.elapsed();
            bytes += std::mem::take(&mut held);
        }
    }
    Ok((files.len(), bytes, took))
}

fn import(mail: Mail, raw: RawMail, offer: &Capabilities) -> MailImport {
    MailImport {
        key: mail.item_key(),
        mail: Arc::new(mail),
        raw,
        activity_type: offer.mail_types.received.clone(),
        status: offer.statuses.first().map(|status| status.key.clone()).unwrap_or_default(),
        folder: "INBOX".to_owned(),
        direction: Direction::Received,
        external: Vec::new(),
        on_unmatched: OnUnmatched::Store,
        filings: BTreeMap::new(),
    }
}

fn files(folder: &Path) -> Outcome<Vec<PathBuf>> {
    let mut files = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>()?;
    files.sort();
    Ok(files)
}

fn content(file: &Path) -> Outcome<Vec<u8>> {
    let mut content = Vec::new();
    File::open(file)?.read_to_end(&mut content)?;
    Ok(content)
}

/// As a fetched mail: hashed, and spooled when it is large.
fn raw(content: &[u8]) -> std::io::Result<RawMail> {
    let mut writer = RawMailWriter::new(&std::env::temp_dir(), content.len() as u64);
    for block in content.chunks(64 * 1024) {
        writer.write(block)?;
    }
    writer.finish()
}
