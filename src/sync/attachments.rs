//! What of a mail goes to the CRM and to the web folder (X12, X17).

use crate::model::{Attachment, AttachmentSource, Body, Mail};
use crate::settings::{MailSettings, Payload, TnefPolicy};

/// The attachments to list and to store, in order; their indices stay.
pub fn listed_attachments<'a>(attachments: &'a [Attachment], settings: &'a MailSettings) -> impl Iterator<Item = &'a Attachment> {
    let wanted = matches!(settings.payload, Payload::Full | Payload::NoBody);
    attachments.iter().filter(move |attachment| {
        wanted
            && settings.attachment_max_size.is_none_or(|most| attachment.size <= most)
            && (settings.inline_attachments || !attachment.inline)
            && (settings.tnef == TnefPolicy::Unpack || attachment.source != AttachmentSource::Tnef)
            && !settings.attachment_exclude.iter().any(|pattern| matches_type(pattern, &attachment.content_type))
    })
}

/// The mail as the CRM may see it: without the attachments that are not listed, and without text where the settings say so.
#[must_use]
pub fn reduced_mail(mail: &Mail, settings: &MailSettings) -> Mail {
    let attachments = listed_attachments(&mail.attachments, settings).cloned().collect();
    let mut reduced = Mail { attachments, ..mail.clone() };
    if matches!(settings.payload, Payload::NoBody | Payload::HeadersOnly) {
        reduced.text = Body::default();
        reduced.html = None;
    }
    reduced
}

/// Whether a media type is one of a pattern: `image/*`, `application/zip`, `*`, `*/*`; in any case.
fn matches_type(pattern: &str, content_type: &str) -> bool {
    let pattern = pattern.trim();
    if matches!(pattern, "*" | "*/*") {
        return true;
    }
    match pattern.strip_suffix("/*") {
        Some(main) => content_type.split('/').next().is_some_and(|found| found.eq_ignore_ascii_case(main)),
        None => content_type.eq_ignore_ascii_case(pattern),
    }
}
