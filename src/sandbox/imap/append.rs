//! APPEND.

use chrono::Utc;

use super::change::writable;
use super::folders::stated_validity;
use super::input::{Input, Refusal, bad, no};
use super::session::{Context, Reply};
use super::store::KeywordRefused;

pub(super) fn append(context: &mut Context<'_>, input: &mut Input) -> Result<Reply, Refusal> {
    input.space()?;
    let name = input.mailbox()?;
    input.space()?;
    let mut flags = Vec::new();
    if input.peek() == Some(b'(') {
        flags = input.flag_list()?;
        input.space()?;
    }
    let mut date = Utc::now().fixed_offset();
    if input.peek() == Some(b'"') {
        date = input.date_time()?;
        input.space()?;
    }
    let Some(raw) = input.literal() else { return bad("Message literal missing") };
    input.end()?;
    let quirks = context.quirks;
    let Some(mailbox) = context.account.get_mut(&name).filter(|mailbox| mailbox.selectable) else {
        return no(format!("[TRYCREATE] Mailbox doesn't exist: {name}"));
    };
    writable(quirks, &name)?;
    if raw.is_empty() || raw.contains(&0) {
        return no("Message is empty or contains NUL");
    }
    let flags = mailbox.intern(flags.iter().map(String::as_str), quirks.keywords).map_err(|refused| match refused {
        KeywordRefused::NotPermitted => Refusal::No("[CANNOT] Keywords cannot be created here".to_owned()),
        KeywordRefused::TooMany => Refusal::No("Too many user flags in mailbox".to_owned()),
    })?;
    let uid = mailbox.add(raw, flags, date);
    Ok(if quirks.uid_plus {
        Reply::ok(format_args!("[APPENDUID {} {uid}] Append completed.", stated_validity(mailbox, quirks)))
    } else {
        Reply::ok("Append completed.")
    })
}
