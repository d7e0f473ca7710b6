//! How a mail is marked and moved after its import (R12, R18, R21, R22, C11, C20).

use std::collections::BTreeSet;

use serde::Serialize;

use crate::model::MailboxName;
use crate::settings::{MailMark, MailSelector, MailSettings};

use super::mail_sources::{MailSource, ResultKind, result_subfolder};
use super::mailbox_path::is_inbox;

/// What a mail became. A mail that failed, waits or was left out is neither, and is not touched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Placed {
    /// The CRM has it.
    Imported,
    /// The CRM knows none of its addresses.
    NotFound,
}

/// What is to be changed about a mail; empty when it is as it should be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Placement {
    /// Keywords to set.
    pub add: Vec<String>,
    /// Keywords to clear, as the server spells them.
    pub remove: Vec<String>,
    /// Where to move it, after the keywords.
    pub move_to: Option<Target>,
}

/// Where a mail is moved.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Target {
    /// The archive folder.
    Archive,
    /// A result sub-folder, by its full name.
    Subfolder(MailboxName),
}

impl Placement {
    /// Whether nothing is to be done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.add.is_empty() && self.remove.is_empty() && self.move_to.is_none()
    }
}

/// What is to be changed about a mail of `source` that bears `keywords_now`. Names only what is not so already.
#[must_use]
pub fn placement(outcome: Placed, source: &MailSource, keywords_now: &BTreeSet<String>, settings: &MailSettings) -> Placement {
    let mut placement = Placement::default();
    if settings.marks.contains(&MailMark::Keyword) {
        let (set, clear) = match outcome {
            Placed::Imported => {
                let category =
                    (settings.selectors.contains(&MailSelector::Category) && !settings.keep_category).then_some(&settings.category);
                (&settings.processed_keyword, category.into_iter().chain([&settings.not_found_keyword]).collect())
            }
            Placed::NotFound => (&settings.not_found_keyword, Vec::new()),
        };
        if !keywords_now.iter().any(|keyword| same_keyword(keyword, set)) {
            placement.add.push(set.clone());
        }
        placement.remove = keywords_now
            .iter()
            .filter(|keyword| clear.iter().any(|gone| same_keyword(keyword, gone)) && !same_keyword(keyword, set))
            .cloned()
            .collect();
    }
    if moves(source, keywords_now, settings) {
        placement.move_to = match outcome {
            Placed::Imported if settings.marks.contains(&MailMark::Move) => Some(Target::Archive),
            Placed::Imported => subfolder(source, ResultKind::Processed, settings),
            Placed::NotFound => subfolder(source, ResultKind::NotFound, settings),
        };
    }
    placement
}

fn subfolder(source: &MailSource, kind: ResultKind, settings: &MailSettings) -> Option<Target> {
    let name = settings.marks.contains(&MailMark::Subfolders).then(|| result_subfolder(source, kind))??;
    Some(Target::Subfolder(name))
}

/// The inbox selector never moves (R12). Where the category selector looks into the inbox too, a mail that bears the category was
/// chosen by hand, and is treated so.
fn moves(source: &MailSource, keywords_now: &BTreeSet<String>, settings: &MailSettings) -> bool {
    source.selector != MailSelector::Inbox
        || (settings.selectors.contains(&MailSelector::Category)
            && settings.category_folders.iter().any(|folder| is_inbox(folder))
            && keywords_now.iter().any(|keyword| same_keyword(keyword, &settings.category)))
}

/// Keywords compare without regard to case: some servers lower them, some keep the first spelling a mailbox saw.
fn same_keyword(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}
