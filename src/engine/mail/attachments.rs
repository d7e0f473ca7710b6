//! Stores a mail's attachments in the web folder (R37). Storing the same content twice leaves one file, so a repeated import is harmless.

use std::collections::BTreeSet;

use crate::engine::context::Context;
use crate::groupware::mime::for_each_attachment;
use crate::sync::listed_attachments;

use super::MailJob;
use super::read::ReadMail;

/// Where attachments of a mail go that belongs to no customer.
const UNASSIGNED: &str = "unassigned";

/// Stores every attachment that the policy lets through. The error is the cause in plain words.
pub(super) async fn store(job: &MailJob, ctx: &Context, read: &ReadMail, customer_folder: Option<&str>) -> Result<(), String> {
    let Some(writer) = job.web_folder.clone() else { return Ok(()) };
    let wanted: BTreeSet<usize> = listed_attachments(&read.mail.attachments, &job.settings).map(|attachment| attachment.index).collect();
    if wanted.is_empty() {
        return Ok(());
    }
    let folder = customer_folder.unwrap_or(UNASSIGNED).to_owned();
    let options = job.read_options();
    let (raw, mail, spool) = (read.raw.clone(), read.mail.clone(), ctx.spool.clone());
    let files = tokio::task::spawn_blocking(move || {
        let mut files = Vec::new();
        for_each_attachment(&raw, &mail, &options, |attachment, content| {
            if wanted.contains(&attachment.index) {
                let mut file = tempfile::tempfile_in(&spool)?;
                std::io::copy(content, &mut file)?;
                std::io::Seek::rewind(&mut file)?;
                files.push((attachment.clone(), file));
            }
            Ok(())
        })
        .map(|()| files)
    })
    .await
    .map_err(|error| error.to_string())?
    .map_err(|error| error.to_string())?;
    for (attachment, file) in files {
        let name = attachment.name.as_deref().unwrap_or_default();
        writer.store(&folder, name, file, &attachment.digest).await.map_err(|error| error.to_string())?;
    }
    Ok(())
}
