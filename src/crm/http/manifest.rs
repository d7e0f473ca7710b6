//! The manifest of a batch: from the port's types to the contract's.

use std::borrow::Cow;

use bytes::Bytes;
use chrono::{DateTime, Datelike as _, FixedOffset};

use crate::crm::contract::{Manifest, ManifestAddress, ManifestAttachment, ManifestBody, ManifestItem};
use crate::crm::{MailBatch, MailImport};
use crate::model::{Attachment, Body, Digest, Mail, MailAddress};

/// SHA-256 of a batch's manifest, which follows from the batch alone. The journal keeps it, so that a key never goes out with
/// another payload.
#[must_use]
pub fn manifest_digest(batch: &MailBatch) -> Digest {
    // The documents cannot fail: they hold no maps with odd keys.
    let bytes = manifest_bytes(batch).unwrap_or_else(|error| {
        tracing::error!(%error, "a manifest cannot be written");
        Bytes::new()
    });
    Digest::of(&bytes)
}

/// The manifest as JSON.
pub(super) fn manifest_bytes(batch: &MailBatch) -> Result<Bytes, serde_json::Error> {
    batch.manifest(|batch| {
        // Texts are most of it; growing step by step would copy them again and again.
        let texts = |mail: &Mail| mail.text.content.len() + mail.html.as_ref().map_or(0, |html| html.content.len());
        let expected = batch.items.iter().map(|item| 2 * 1024 + texts(&item.mail)).sum();
        let mut json = Vec::with_capacity(expected);
        serde_json::to_writer(&mut json, &manifest(batch))?;
        Ok(json)
    })
}

/// The name of an item in its batch, and of its multipart part.
pub(super) fn client_id(position: usize) -> String {
    format!("mail-{position}")
}

fn manifest(batch: &MailBatch) -> Manifest<'_> {
    Manifest {
        run: batch.run.clone(),
        items: batch.items.iter().enumerate().map(|(position, item)| manifest_item(position, item)).collect(),
    }
}

fn manifest_item(position: usize, import: &MailImport) -> ManifestItem<'_> {
    let mail = &import.mail;
    ManifestItem {
        client_id: client_id(position),
        item_key: import.key.clone(),
        part: client_id(position),
        size: import.raw.len(),
        // Of the bytes that are sent, which may be reduced; the fingerprint remains that of the whole mail.
        raw_digest: import.raw.digest().clone(),
        fingerprint: mail.fingerprint.clone(),
        message_id: mail.message_id.clone(),
        in_reply_to: mail.in_reply_to.clone(),
        references: mail.references.clone(),
        date: mail.date.filter(is_rfc3339),
        subject: Cow::Borrowed(&mail.subject),
        from: addresses(&mail.from),
        to: addresses(&mail.to),
        cc: addresses(&mail.cc),
        bcc: addresses(&mail.bcc),
        text: (!mail.text.content.is_empty()).then(|| body(&mail.text)),
        html: mail.html.as_ref().map(body),
        attachments: mail.attachments.iter().map(|attachment| document(attachment, import)).collect(),
        protection: mail.protection,
        activity_type: import.activity_type.clone(),
        status: import.status.clone(),
        folder: import.folder.clone(),
        direction: import.direction,
        external_addresses: import.external.clone(),
        on_unmatched: import.on_unmatched,
    }
}

/// RFC 3339 has years of four digits and offsets of whole minutes.
fn is_rfc3339(date: &DateTime<FixedOffset>) -> bool {
    (0..=9999).contains(&date.year()) && date.offset().local_minus_utc() % 60 == 0
}

fn addresses(list: &[MailAddress]) -> Vec<ManifestAddress> {
    list.iter().map(|entry| ManifestAddress { name: entry.name.clone(), address: entry.address.clone() }).collect()
}

fn body(body: &Body) -> ManifestBody<'_> {
    ManifestBody { content: Cow::Borrowed(&body.content), truncated: body.truncated }
}

fn document(attachment: &Attachment, import: &MailImport) -> ManifestAttachment {
    let filing = import.filings.get(&attachment.index).cloned().unwrap_or_default();
    ManifestAttachment {
        index: attachment.index,
        name: attachment.name.clone(),
        content_type: attachment.content_type.clone(),
        size: attachment.size,
        digest: attachment.digest.clone(),
        inline: attachment.inline,
        source: attachment.source,
        category: filing.category,
        keyword: filing.keyword,
    }
}
