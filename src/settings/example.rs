//! The commented example: every setting with what it is for and its default.

use std::fmt::Write as _;

use super::Secret;
use super::schema::{self, Fallback, Merge, Setting, of_account};
use super::value::{Kind, Value};

const INTRODUCTION: &str = "\
# Configuration of crmsync.
#
# Lines that begin with `#` and a key show a default, or an example; take the `#` away to set it. What has to be filled in has none.
# `crmsync config check` finds what is wrong, `crmsync config show` prints every value in force and where it comes from.
# Each setting can also stand in the environment: CRMSYNC_ and its key in capitals, such as CRMSYNC_MAIL_CATEGORY for mail.category.
# A secret never stands in this file, only where it is: { keyring = \"entry\" }, { env = \"VARIABLE\" } or
# { command = [\"program\", \"argument\"] }, whose first line of output is the secret.
";

/// The commented example. It is sound as soon as what has to be filled in is filled in: `crm.url`, and `host` and `user` of an account.
#[must_use]
pub fn example() -> String {
    let mut text = INTRODUCTION.to_owned();
    let mut table = "";
    for setting in schema::all() {
        let (path, leaf) = setting.key.rsplit_once('.').unwrap_or(("", setting.key));
        if path == table {
            text.push('\n');
        } else {
            table = path;
            let _ = writeln!(text, "\n[{}]", of_account(path, "work"));
            if path == "accounts.*" {
                text.push_str("# A groupware account. The name is yours to choose; write further accounts as [accounts.OTHER].\n\n");
            }
        }
        entry(&mut text, setting, leaf);
    }
    text
}

fn entry(text: &mut String, setting: &Setting, leaf: &str) {
    for line in setting.doc.lines() {
        let _ = writeln!(text, "# {line}");
    }
    if setting.merge == Merge::Add && setting.key.starts_with("mail.") && setting.key != "mail.never_log" {
        text.push_str("# Entries of wider levels stay in force beside yours.\n");
    }
    if let Some(name) = setting.crm {
        let _ = writeln!(text, "# The CRM's setting: {name}.");
    }
    match setting.default {
        Fallback::Derived(rule, _) => drop(writeln!(text, "# Default: {rule}.")),
        Fallback::Absent(_) => text.push_str("# Not set by default; for example:\n"),
        Fallback::Text(_) | Fallback::Mandatory(_) => {}
    }
    let (mark, value) = match setting.default {
        Fallback::Text(text) => ("#", shown(setting.kind, text)),
        Fallback::Absent(example) | Fallback::Derived(_, example) => ("#", shown(setting.kind, example)),
        Fallback::Mandatory(name) if setting.kind == Kind::Secret => ("", shown(setting.kind, name)),
        Fallback::Mandatory(example) => {
            let _ = writeln!(text, "# For example {}.", shown(setting.kind, example));
            ("", "\"\"".to_owned())
        }
    };
    let _ = writeln!(text, "{mark}{leaf} = {value}");
}

fn shown(kind: Kind, text: &str) -> String {
    match kind {
        Kind::Secret => Value::Secret(match text.strip_prefix('$') {
            Some(variable) => Secret::Environment(variable.to_owned()),
            None => Secret::Keyring(text.to_owned()),
        })
        .to_string(),
        _ => kind.parse(text).map(|value| value.to_string()).unwrap_or_default(),
    }
}
