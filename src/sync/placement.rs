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
    // A mail that was tried again in vain is where it belongs.
    (name != source.mailbox).then_some(Target::Subfolder(name))
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sync::testing::{keywords, settings_with, source};

    use MailMark::{Keyword, Move, Subfolders};
    use MailSelector::{Category, Folder, Inbox};

    fn marks(add: &[&str], remove: &[&str]) -> Placement {
        let owned = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect();
        Placement { add: owned(add), remove: owned(remove), move_to: None }
    }

    #[test]
    fn r18_an_imported_mail_is_moved_to_the_archive_and_an_unknown_one_stays() {
        let settings = settings_with(&[Folder], &[Move]);
        let source = source("INBOX/Import Folder", Folder);
        assert_eq!(placement(Placed::Imported, &source, &keywords(&[]), &settings).move_to, Some(Target::Archive));
        assert!(placement(Placed::NotFound, &source, &keywords(&[]), &settings).is_empty());
    }

    #[test]
    fn r21_the_category_is_replaced_by_processed() {
        let settings = settings_with(&[Category], &[Keyword]);
        let source = source("INBOX", Category);
        assert_eq!(
            placement(Placed::Imported, &source, &keywords(&["crmCORNER", "Work"]), &settings),
            marks(&["Processed"], &["crmCORNER"])
        );
        assert!(placement(Placed::Imported, &source, &keywords(&["processed", "Work"]), &settings).is_empty());
    }

    #[test]
    fn r22_both_are_kept_if_configured() {
        let settings = MailSettings { keep_category: true, ..settings_with(&[Category], &[Keyword]) };
        let placement = placement(Placed::Imported, &source("INBOX", Category), &keywords(&["CRMcorner"]), &settings);
        assert_eq!(placement, marks(&["Processed"], &[]));
    }

    #[test]
    fn r21_unmatched_mail_is_marked_not_found_and_keeps_its_category() {
        let settings = settings_with(&[Category], &[Keyword]);
        let source = source("INBOX", Category);
        assert_eq!(placement(Placed::NotFound, &source, &keywords(&["CRMcorner"]), &settings), marks(&["NotFound"], &[]));
        assert!(placement(Placed::NotFound, &source, &keywords(&["CRMcorner", "notfound"]), &settings).is_empty());
    }

    #[test]
    fn i5_a_mail_that_is_found_later_loses_the_not_found_mark() {
        let settings = settings_with(&[Category], &[Keyword]);
        let placement = placement(Placed::Imported, &source("INBOX", Category), &keywords(&["CRMcorner", "NotFound"]), &settings);
        assert_eq!(placement, marks(&["Processed"], &["CRMcorner", "NotFound"]));
    }

    #[test]
    fn r12_the_inbox_selector_marks_and_never_moves() {
        let source = source("INBOX", Inbox);
        for selectors in [&[Inbox][..], &[Inbox, Category]] {
            let settings = settings_with(selectors, &[Keyword, Move, Subfolders]);
            assert_eq!(placement(Placed::Imported, &source, &keywords(&[]), &settings), marks(&["Processed"], &[]));
            assert_eq!(placement(Placed::NotFound, &source, &keywords(&[]), &settings), marks(&["NotFound"], &[]));
        }
        assert!(placement(Placed::Imported, &source, &keywords(&[]), &settings_with(&[Inbox], &[Move])).is_empty(), "the journal alone");
    }

    #[test]
    fn c11_a_mail_in_the_inbox_that_bears_the_category_is_placed_by_it() {
        let source = source("INBOX", Inbox);
        let bearing = keywords(&["CRMcorner"]);
        let both = settings_with(&[Inbox, Category], &[Move]);
        assert_eq!(placement(Placed::Imported, &source, &bearing, &both).move_to, Some(Target::Archive));
        let elsewhere = MailSettings { category_folders: vec!["Customers".to_owned()], ..both };
        assert!(placement(Placed::Imported, &source, &bearing, &elsewhere).is_empty());
        assert!(placement(Placed::Imported, &source, &bearing, &settings_with(&[Inbox], &[Move])).is_empty());
    }

    #[test]
    fn result_subfolders_serve_where_keywords_do_not_stick() {
        let settings = settings_with(&[Folder], &[Subfolders]);
        let source = source("INBOX/Import Folder", Folder);
        let target = |outcome, settings: &MailSettings| placement(outcome, &source, &keywords(&[]), settings).move_to;
        let folder = |name: &str| Some(Target::Subfolder(format!("INBOX/Import Folder/{name}").as_str().into()));
        assert_eq!(target(Placed::Imported, &settings), folder("Processed"));
        assert_eq!(target(Placed::NotFound, &settings), folder("Not Found"));
        let both = settings_with(&[Folder], &[Subfolders, Move]);
        assert_eq!(target(Placed::Imported, &both), Some(Target::Archive));
        assert_eq!(target(Placed::NotFound, &both), folder("Not Found"));
        let waiting = MailSource { mailbox: "INBOX/Import Folder/Not Found".into(), ..source.clone() };
        assert!(placement(Placed::NotFound, &waiting, &keywords(&[]), &settings).is_empty(), "it is there already");
        assert_eq!(placement(Placed::Imported, &waiting, &keywords(&[]), &settings).move_to, folder("Processed"));
        let flat = MailSource { separator: None, ..source.clone() };
        assert!(placement(Placed::Imported, &flat, &keywords(&[]), &settings).is_empty());
    }

    #[test]
    fn without_marks_a_mail_is_left_alone() {
        let settings = settings_with(&[Folder, Category], &[]);
        for outcome in [Placed::Imported, Placed::NotFound] {
            assert!(placement(outcome, &source("INBOX", Category), &keywords(&["CRMcorner"]), &settings).is_empty());
        }
    }

    #[test]
    fn a_category_named_like_the_mark_is_not_removed_again() {
        let settings = MailSettings { category: "processed".to_owned(), ..settings_with(&[Category], &[Keyword]) };
        assert!(placement(Placed::Imported, &source("INBOX", Category), &keywords(&["processed"]), &settings).is_empty());
    }

    const WORDS: &[&str] = &["CRMcorner", "crmcorner", "Processed", "PROCESSED", "NotFound", "notfound", "Work"];

    proptest! {
        #[test]
        fn i2_placing_twice_changes_nothing_the_second_time(
            now in proptest::sample::subsequence(WORDS, 0..WORDS.len()),
            selector in proptest::sample::select(&[Folder, Category, Inbox][..]),
            imported: bool,
            keep_category: bool,
        ) {
            let settings = MailSettings { keep_category, ..settings_with(&[Folder, Category, Inbox], &[Keyword]) };
            let outcome = if imported { Placed::Imported } else { Placed::NotFound };
            let source = source("INBOX", selector);
            let mut now = keywords(&now);
            let first = placement(outcome, &source, &now, &settings);
            prop_assert!(first.remove.iter().all(|word| now.contains(word)));
            now.retain(|word| !first.remove.contains(word));
            now.extend(first.add);
            prop_assert!(placement(outcome, &source, &now, &settings).is_empty());
        }
    }
}
