//! The user's agreement to a run that writes (R55), asked for once for each account and area.

use std::collections::BTreeSet;

use crate::engine;
use crate::journal::Consent;
use crate::model::{AccountId, Area};
use crate::settings::{ContactSettings, MailMark, MailSelector, MailSettings, SyncDirection};
use crate::system::{Clock as _, SystemClock};

use super::arguments::Sync;
use super::exit::Failure;
use super::preview::{preview_of, write_preview};
use super::progress::ask;
use super::session::Session;

/// Mails the question shows.
const SHOWN: usize = 20;

/// The user's agreement, if it was not given before: by `--yes`, by the configuration, or asked for with a preview.
pub(super) async fn consent(
    session: &Session,
    account: &AccountId,
    areas: &BTreeSet<Area>,
    arguments: &Sync,
) -> Result<Option<Consent>, Failure> {
    let mut new = BTreeSet::new();
    for area in areas {
        if !engine::consent_given(&session.journal, account, *area)? {
            new.insert(*area);
        }
    }
    if new.is_empty() {
        return Ok(None);
    }
    let shown = promise(session, &new);
    let given = |how: &str| Ok(Some(Consent { at: SystemClock.now(), how: how.to_owned(), shown: shown.clone() }));
    if arguments.yes {
        return given("--yes");
    }
    if session.settings.sync.consent {
        return given("configuration");
    }
    if !session.output.interactive() {
        return Ok(None);
    }
    let preview = preview_of(session, account, &new, arguments, SHOWN).await?;
    super::eprint_lines(&shown);
    write_preview(&mut std::io::stderr().lock(), &preview)?;
    if ask(session.output, "Is that what you want?")? { given("prompt") } else { Ok(None) }
}

/// What a run writes, in words.
fn promise(session: &Session, areas: &BTreeSet<Area>) -> String {
    let mut words = Vec::new();
    if areas.contains(&Area::Mail) {
        promise_mail(&session.settings.mail, &mut words);
    }
    for (area, items, settings) in
        [(Area::Calendar, "Appointments", &session.settings.calendar), (Area::Tasks, "Tasks", &session.settings.tasks)]
    {
        if areas.contains(&area) {
            words.push(match settings.direction {
                SyncDirection::Both => format!("{items} are kept the same in the groupware and in the CRM."),
                SyncDirection::ToCrm => format!("{items} of the groupware are copied into the CRM and kept up to date there."),
                SyncDirection::ToGroupware => format!("{items} of the CRM are copied into the groupware and kept up to date there."),
            });
            if settings.link_back && settings.direction != SyncDirection::ToCrm {
                words.push("Each gets a link to the other in its text.".to_owned());
            }
            if !settings.invitations {
                words.push("No invitation, update or cancellation is ever sent to anybody.".to_owned());
            }
        }
    }
    if areas.contains(&Area::Contacts) {
        promise_contacts(&session.settings.contacts, &mut words);
    }
    words.push("Nothing is deleted that nobody deleted, and no mail is sent.".to_owned());
    words.join("\n")
}

fn promise_contacts(contacts: &ContactSettings, words: &mut Vec<String>) {
    words.push(match contacts.items.direction {
        SyncDirection::Both | SyncDirection::ToGroupware => {
            format!(
                "Contacts that the rules choose are copied into the address book \"{}\" and kept up to date there.",
                contacts.address_book
            )
        }
        SyncDirection::ToCrm => "Changes of linked cards are carried into the CRM.".to_owned(),
    });
    if contacts.items.direction == SyncDirection::Both {
        words.push("What you change in such a card is changed in the CRM; what you delete is not.".to_owned());
    }
    words.push(format!("Cards without the category \"{}\" are never read into the CRM.", contacts.category));
}

fn promise_mail(mail: &MailSettings, words: &mut Vec<String>) {
    for selector in &mail.selectors {
        words.push(match selector {
            MailSelector::Folder => format!("Mails in the folder \"{}\" and below it are copied into the CRM.", mail.import_folder),
            MailSelector::Category => format!("Mails with the category \"{}\" are copied into the CRM.", mail.category),
            MailSelector::Inbox => "All mails of the inbox are copied into the CRM; the first time this may take long.".to_owned(),
        });
    }
    for mark in &mail.marks {
        words.push(match mark {
            MailMark::Move => format!("Imported mails are moved to the folder \"{}\".", mail.archive_folder),
            MailMark::Keyword => format!("Imported mails are marked \"{}\".", mail.processed_keyword),
            MailMark::Subfolders => "Imported mails are moved to sub-folders by their result.".to_owned(),
        });
    }
}
