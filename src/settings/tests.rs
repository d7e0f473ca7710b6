//! Tests of the room as a whole: files in, settings or faults out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::model::{AccountId, Area, CrmSettings, KeyedSetting, SettingLevel};

/// The least that is sound.
const SOUND: &str = "\
[crm]
url = \"https://crm.example.com/api\"
secret = { keyring = \"crm\" }
[accounts.work.imap]
host = \"imap.example.com\"
user = \"anna@example.com\"
secret = { env = \"WORK\" }
";

struct Machine {
    folder: tempfile::TempDir,
    environment: BTreeMap<String, String>,
    overrides: Vec<(String, String)>,
    policy: Option<PathBuf>,
    crm: Option<CrmSettings>,
}

impl Machine {
    fn with(config: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("config.toml"), config).unwrap();
        Self { folder, environment: BTreeMap::new(), overrides: Vec::new(), policy: None, crm: None }
    }

    fn sound_with(more: &str) -> Self {
        Self::with(&format!("{SOUND}{more}"))
    }

    fn policy(mut self, text: &str) -> Self {
        let path = self.folder.path().join("policy.toml");
        std::fs::write(&path, text).unwrap();
        self.policy = Some(path);
        self
    }

    fn variable(mut self, name: &str, value: &str) -> Self {
        self.environment.insert(name.to_owned(), value.to_owned());
        self
    }

    fn argument(mut self, key: &str, value: &str) -> Self {
        self.overrides.push((key.to_owned(), value.to_owned()));
        self
    }

    fn crm(mut self, key: &str, value: &str, level: SettingLevel, locked: bool) -> Self {
        let crm = self.crm.get_or_insert_default();
        crm.settings.push(KeyedSetting { key: key.to_owned(), value: value.to_owned(), level, locked });
        self
    }

    fn load(&self) -> Result<Effective, SettingsFaults> {
        let environment = self.environment.clone();
        let sources = Sources {
            config: self.folder.path().join("config.toml"),
            policy: self.policy.clone(),
            environment: Arc::new(move |name| environment.get(name).cloned()),
            overrides: self.overrides.clone(),
        };
        load(&sources, self.crm.as_ref())
    }

    fn effective(&self) -> Effective {
        self.load().unwrap_or_else(|faults| panic!("{faults}"))
    }

    /// All faults as text, with the folder taken out of the paths.
    fn faults(&self) -> Vec<String> {
        let folder = format!("{}{}", self.folder.path().display(), std::path::MAIN_SEPARATOR);
        let faults = match self.load() {
            Ok(effective) => effective.warnings,
            Err(faults) => faults.0,
        };
        faults.iter().map(|fault| fault.to_string().replace(&folder, "")).collect()
    }
}

/// Asserts that exactly one fault is told, and that it begins so.
#[track_caller]
fn one_fault(machine: &Machine, start: &str) {
    let faults = machine.faults();
    assert!(faults.len() == 1 && faults[0].starts_with(start), "expected {start}\nfound {faults:#?}");
}

fn shown<'a>(effective: &'a Effective, key: &str) -> &'a EffectiveSetting {
    effective.origins.iter().find(|setting| setting.key == key).unwrap()
}

#[test]
fn r41_c6_the_least_configuration_synchronises_mail_alone_from_the_folder() {
    let machine = Machine::with(SOUND);
    let effective = machine.effective();
    let settings = &effective.settings;
    assert_eq!(settings.areas, [Area::Mail].into());
    assert_eq!(settings.mail.selectors, [MailSelector::Folder].into());
    assert_eq!(settings.mail.marks, [MailMark::Move].into());
    assert_eq!(settings.crm.url.as_str(), "https://crm.example.com/api/");
    let account = &settings.accounts[&AccountId::from("work")];
    assert_eq!(account.addresses, ["anna@example.com"]);
    assert_eq!((account.imap.port, account.imap.security), (993, Security::Tls));
    assert_eq!(settings.future_days, FutureDays { appointments: 31, tasks: 3 });
    assert!(!settings.sync.consent, "r55: consent is never assumed");
    assert!(effective.warnings.is_empty());
}

#[test]
fn the_example_is_sound_once_the_mandatory_settings_are_filled_in() {
    let text = example();
    assert_eq!(Machine::with(&text).faults().len(), 3, "url, host and user are to be filled in");
    let filled = fill(&text);
    let effective = Machine::with(&filled).effective();
    assert_eq!(effective.settings, Machine::with(&filled.replace("crm.example.org", "crm.example.org")).effective().settings);
    assert!(effective.warnings.is_empty());
}

fn fill(example: &str) -> String {
    example
        .replace("\nurl = \"\"", "\nurl = \"https://crm.example.org/\"")
        .replace("\nhost = \"\"", "\nhost = \"imap.example.org\"")
        .replace("\nuser = \"\"", "\nuser = \"anna@example.org\"")
}

#[test]
fn the_example_shows_every_default_as_it_is() {
    let filled = fill(&example());
    let bare = Machine::with(&filled).effective();
    // Every commented key is taken in; what has no default or follows from others is left as it is.
    let optional = ["ca_file", "web_folder", "attachment_max_size", "addresses", "user"];
    let taken: String = filled
        .lines()
        .map(|line| match line.strip_prefix('#') {
            Some(rest) if !rest.starts_with(' ') && rest.contains(" = ") && !optional.iter().any(|key| rest.starts_with(key)) => rest,
            _ => line,
        })
        .fold(String::new(), |text, line| text + line + "\n");
    assert!(taken.lines().filter(|line| !line.starts_with('#')).count() > 30);
    assert_eq!(Machine::with(&taken).effective().settings, bare.settings);
}
