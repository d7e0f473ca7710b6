//! What reading a mail owes, on whole mails.

use super::*;
use crate::model::{Mail, RawMail};

fn mail(bytes: &[u8]) -> Mail {
    read_mail(&RawMail::from_bytes(bytes.to_vec()), &ReadOptions::default()).unwrap()
}

/// Every mail of the corpus that `CRMSYNC_CORPUS` names.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let Some(folder) = std::env::var_os("CRMSYNC_CORPUS") else { return Vec::new() };
    let mut paths: Vec<_> =
        std::fs::read_dir(std::path::Path::new(&folder).join("mail")).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| (path.file_name().unwrap().to_string_lossy().into_owned(), std::fs::read(path).unwrap())).collect()
}

#[test]
fn every_mail_of_the_corpus_is_read_or_says_why_not() {
    for (name, bytes) in corpus() {
        let started = std::time::Instant::now();
        let mail = mail(&bytes);
        assert!(started.elapsed().as_secs() < 10, "{name}");
        assert_eq!(mail.raw_digest, crate::model::Digest::of(&bytes), "{name}");
        assert!(!mail.from.is_empty() || !mail.defects.is_empty(), "{name}");
        if std::env::var_os("CRMSYNC_PRINT").is_some() {
            println!("{}", serde_json::json!([name, mail]));
        }
    }
}
