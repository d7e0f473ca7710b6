//! What of a mail goes to the CRM and to the web folder (X12, X17).

use std::sync::Arc;

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
pub fn reduced_mail(mail: &Arc<Mail>, settings: &MailSettings) -> Arc<Mail> {
    let keeps_text = !matches!(settings.payload, Payload::NoBody | Payload::HeadersOnly);
    if keeps_text && listed_attachments(&mail.attachments, settings).count() == mail.attachments.len() {
        return Arc::clone(mail);
    }
    let attachments = listed_attachments(&mail.attachments, settings).cloned().collect();
    let mut reduced = Mail { attachments, ..Mail::clone(mail) };
    if !keeps_text {
        reduced.text = Body::default();
        reduced.html = None;
    }
    Arc::new(reduced)
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Digest;
    use crate::sync::testing::{mail, settings};

    fn attachment(index: usize, content_type: &str, size: u64) -> Attachment {
        Attachment {
            index,
            name: None,
            content_type: content_type.to_owned(),
            size,
            digest: Digest::of(b""),
            inline: false,
            content_id: None,
            source: AttachmentSource::Part,
        }
    }

    fn sample() -> Mail {
        let mut mail = mail(&["c@customer.example"], &[]);
        mail.attachments = vec![
            attachment(0, "application/pdf", 100),
            Attachment { inline: true, ..attachment(1, "image/png", 10) },
            attachment(2, "application/ms-tnef", 300),
            Attachment { source: AttachmentSource::Tnef, ..attachment(3, "image/jpeg", 200) },
        ];
        mail
    }

    fn listed(settings: &MailSettings) -> Vec<usize> {
        listed_attachments(&sample().attachments, settings).map(|attachment| attachment.index).collect()
    }

    #[test]
    fn x17_inline_parts_are_listed_only_if_configured() {
        assert_eq!(listed(&settings()), [0, 2, 3]);
        assert_eq!(listed(&MailSettings { inline_attachments: true, ..settings() }), [0, 1, 2, 3]);
    }

    #[test]
    fn x17_size_and_type_patterns_leave_attachments_out() {
        assert_eq!(listed(&MailSettings { attachment_max_size: Some(200), ..settings() }), [0, 3]);
        for (pattern, left) in [
            ("image/*", &[0, 2][..]),
            (" Application/PDF ", &[2, 3]),
            ("application/*", &[3]),
            ("*/*", &[]),
            ("*", &[]),
            ("app/*", &[0, 2, 3]),
            ("", &[0, 2, 3]),
        ] {
            assert_eq!(listed(&MailSettings { attachment_exclude: vec![pattern.to_owned()], ..settings() }), left, "{pattern}");
        }
    }

    #[test]
    fn x17_a_winmail_dat_that_is_kept_hides_what_was_unpacked_from_it() {
        assert_eq!(listed(&MailSettings { tnef: TnefPolicy::Keep, ..settings() }), [0, 2]);
    }

    #[test]
    fn x12_only_what_the_settings_allow_goes_to_the_crm() {
        let reduced = |payload| {
            let mail = reduced_mail(&Arc::new(sample()), &MailSettings { payload, ..settings() });
            (!mail.text.content.is_empty() && mail.html.is_some(), mail.attachments.len())
        };
        assert_eq!(reduced(Payload::Full), (true, 3));
        assert_eq!(reduced(Payload::NoAttachments), (true, 0));
        assert_eq!(reduced(Payload::NoBody), (false, 3));
        assert_eq!(reduced(Payload::HeadersOnly), (false, 0));
    }
}
