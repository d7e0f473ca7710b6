//! Every setting, defined once: key, kind, default, documentation, and the CRM's name for it. The commented example, validation, the
//! merging of levels and `config show` all read this table.

mod accounts;
mod contacts;
mod general;
mod items;
mod mail;

use super::fault::Problem;
use super::value::{Kind, Value};

/// Where the default of a setting comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fallback {
    /// This text, read like the value of an environment variable.
    Text(&'static str),
    /// It follows from other settings, as said first; then what the example shows.
    Derived(&'static str, &'static str),
    /// The setting is absent unless it is set; this is what the example shows.
    Absent(&'static str),
    /// There is none: the setting has to be set, for example so.
    Mandatory(&'static str),
}

/// Who may set it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// Every level, the CRM's too.
    Everywhere,
    /// This machine alone: policy file, configuration file, environment, command line. How to sign in, what to run to get a secret and
    /// the user's consent are never taken from a server.
    Machine,
}

/// How the levels of one setting come together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// The narrower level wins.
    Narrower,
    /// A narrower level adds to the wider ones and takes nothing away.
    Add,
}

/// One setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// Key; `*` stands for an account's name.
    pub(super) key: &'static str,
    pub(super) kind: Kind,
    pub(super) default: Fallback,
    /// One or two lines for the example and for `config show`.
    pub(super) doc: &'static str,
    /// The CRM's setting type that is the same.
    pub(super) crm: Option<&'static str>,
    pub(super) reach: Reach,
    pub(super) merge: Merge,
}

impl Setting {
    /// The environment variable that sets it: `CRMSYNC_` and the key in capitals.
    pub(super) fn variable(key: &str) -> String {
        let name: String = key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect();
        format!("CRMSYNC_{name}")
    }

    /// The fixed default, if there is one.
    pub(super) fn default_value(&self) -> Option<Value> {
        match self.default {
            Fallback::Text(text) => self.kind.parse(text).ok(),
            Fallback::Derived(..) | Fallback::Absent(_) | Fallback::Mandatory(_) => None,
        }
    }
}

/// Languages there are names in.
pub(super) const LANGUAGES: &[&str] = &["en", "de", "nl"];

const fn setting(key: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Setting {
    Setting { key, kind, default, doc, crm: None, reach: Reach::Everywhere, merge: Merge::Narrower }
}

const fn local(key: &'static str, kind: Kind, default: Fallback, doc: &'static str) -> Setting {
    Setting { reach: Reach::Machine, ..setting(key, kind, default, doc) }
}

const fn added(key: &'static str, kind: Kind, doc: &'static str) -> Setting {
    Setting { merge: Merge::Add, ..setting(key, kind, Fallback::Text(""), doc) }
}

const fn of_crm(crm: &'static str, setting: Setting) -> Setting {
    Setting { crm: Some(crm), ..setting }
}

/// What can happen when both sides changed a field.
pub(super) const CONFLICT_POLICIES: &[&str] = &["two_way", "crm_wins", "groupware_wins", "ask"];

/// All settings, in the order of the example.
pub(super) fn all() -> impl Iterator<Item = &'static Setting> + Clone {
    [general::SETTINGS, mail::SETTINGS, items::CALENDAR, items::CALENDAR_ONLY, items::TASKS, contacts::SETTINGS, accounts::SETTINGS]
        .into_iter()
        .flatten()
}

/// The setting with this key; `accounts.work.imap.host` finds `accounts.*.imap.host`.
pub(super) fn by_key(key: &str) -> Option<&'static Setting> {
    let pattern = pattern(key);
    all().find(|setting| setting.key == pattern)
}

/// The setting that equals a setting type of the CRM: by the CRM's name or by our key.
pub(super) fn by_crm_type(name: &str) -> Option<&'static Setting> {
    all()
        .find(|setting| setting.crm.is_some_and(|crm| crm.eq_ignore_ascii_case(name)))
        .or_else(|| by_key(name))
        .filter(|setting| setting.reach == Reach::Everywhere)
}

/// Whether some setting lies below this path, so that a table is right there.
pub(super) fn is_table(path: &str) -> bool {
    if path == "accounts" {
        return true;
    }
    let prefix = format!("{}.", pattern(path));
    all().any(|setting| setting.key.starts_with(&prefix))
}

/// A key with the account's name replaced by `*`.
pub(super) fn pattern(key: &str) -> String {
    match key.strip_prefix("accounts.").map(|rest| rest.split_once('.').unwrap_or((rest, ""))) {
        Some((_, "")) => "accounts.*".to_owned(),
        Some((_, rest)) => format!("accounts.*.{rest}"),
        None => key.to_owned(),
    }
}

/// A key with `*` replaced by the account's name.
pub(super) fn of_account(pattern: &str, account: &str) -> String {
    pattern.replacen('*', account, 1)
}

/// The problem of a key that is none, with the key that was probably meant: the nearest one, else one of the same name in another table.
pub(super) fn unknown(key: &str) -> Problem {
    let wanted = pattern(key);
    let account = key.strip_prefix("accounts.").and_then(|rest| rest.split('.').next()).unwrap_or("NAME");
    let leaf = |key: &str| key.rsplit('.').next().unwrap_or_default().to_owned();
    let keys = || all().map(|setting| setting.key);
    let meant = nearest(&wanted, keys()).or_else(|| keys().find(|key| leaf(key) == leaf(&wanted)));
    let repair = meant.map_or_else(
        || "`crmsync config example` lists all settings".to_owned(),
        |meant| format!("did you mean {}?", of_account(meant, account)),
    );
    Problem::new("there is no such setting", repair)
}

/// The nearest of the candidates, if it is near: a third of the letters may differ, at least two.
pub(super) fn nearest<'a>(word: &str, candidates: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let bound = (word.chars().count() / 3).clamp(2, 4);
    candidates
        .map(|candidate| (distance(word, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= bound && *distance < candidate.chars().count())
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, without regard to case. Words beyond 100 letters are nobody's neighbours.
fn distance(a: &str, b: &str) -> usize {
    let a: Vec<char> = a.chars().take(101).map(|c| c.to_ascii_lowercase()).collect();
    if a.len() > 100 {
        return usize::MAX;
    }
    let mut row: Vec<usize> = (0..=a.len()).collect();
    for (i, d) in b.chars().map(|c| c.to_ascii_lowercase()).enumerate() {
        let mut diagonal = i;
        let mut left = i + 1;
        let mut next = vec![left];
        for (c, above) in a.iter().zip(row.iter().skip(1)) {
            let replaced = diagonal + usize::from(*c != d);
            left = replaced.min(left + 1).min(above + 1);
            diagonal = *above;
            next.push(left);
        }
        row = next;
    }
    row.last().copied().unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_has_one_key_one_variable_and_a_default_that_is_valid() {
        let mut keys = std::collections::BTreeSet::new();
        let mut variables = std::collections::BTreeSet::new();
        for setting in all() {
            assert!(keys.insert(setting.key), "{} twice", setting.key);
            assert!(variables.insert(Setting::variable(setting.key)));
            assert!(!setting.doc.is_empty() && setting.doc.lines().all(|line| line.chars().count() <= 125), "{}", setting.key);
            if let Fallback::Text(text) = setting.default {
                assert!(setting.kind.parse(text).is_ok(), "{}", setting.key);
            }
        }
    }

    #[test]
    fn a_misspelt_key_finds_its_neighbour() {
        assert_eq!(unknown("mail.selektors").repair, "did you mean mail.selectors?");
        assert_eq!(unknown("accounts.work.imap.hots").repair, "did you mean accounts.work.imap.host?");
        assert_eq!(unknown("payload").repair, "did you mean mail.payload?");
        assert_eq!(unknown("quantum.flux").repair, "`crmsync config example` lists all settings");
    }

    #[test]
    fn distance_counts_letters() {
        assert_eq!(distance("kitten", "sitting"), 3);
        assert_eq!(distance("", "ab"), 2);
        assert_eq!(distance("Mail", "mail"), 0);
        assert_eq!(distance(&"x".repeat(1_000_000), "mail"), usize::MAX);
    }
}
