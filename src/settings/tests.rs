//! Tests of the room as a whole: files in, settings or faults out.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::*;
use crate::model::dialling::Country;
use crate::model::{AccountId, Area, CrmSettings, Field, KeyedSetting, SettingLevel};

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
    assert_eq!((settings.calendar.future_days, settings.tasks.future_days), (31, 3));
    assert!(!settings.sync.consent, "r55: consent is never assumed");
    assert!(effective.warnings.is_empty());
}

#[test]
fn the_example_is_sound_once_the_mandatory_settings_are_filled_in() {
    let text = example();
    assert_eq!(Machine::with(&text).faults().len(), 3, "url, host and user are to be filled in");
    let filled = fill(&text);
    let effective = Machine::with(&filled).effective();
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
    let optional = [
        "ca_file",
        "web_folder",
        "attachment_max_size",
        "addresses",
        "user",
        "category = ",
        "url",
        "provider",
        "tenant",
        "client_",
        "scopes",
        "authorization_url",
        "token_url",
        "device_url",
        "revocation_url",
        "passphrase",
        "search",
        "country",
    ];
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

#[test]
fn a_missing_file_is_a_fault_with_the_repair() {
    let machine = Machine::with("");
    std::fs::remove_file(machine.folder.path().join("config.toml")).unwrap();
    one_fault(&machine, "config.toml: there is no configuration file; run `crmsync setup`");
}

#[test]
fn an_empty_file_names_all_that_is_missing() {
    let faults = Machine::with("").faults();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("config.toml: accounts: there is no account; run `crmsync setup`"));
    assert!(faults[1].starts_with("config.toml: crm.url: is not set; write url = \"https://crm.example.com/api/\" below [crm]"));
    assert!(faults[2].starts_with("config.toml: crm.secret: is not set; write secret = { keyring = \"crm\" }"));
}

#[test]
fn an_account_without_its_mandatory_settings_is_named_with_its_line() {
    let machine = Machine::with(
        "[crm]\nurl = \"https://c.example.com/\"\nsecret = { keyring = \"c\" }\n\n[accounts.work]\n[accounts.work.imap]\nuser = \"anna\"\n",
    );
    let faults = machine.faults();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults.iter().all(|fault| fault.starts_with("config.toml:5:11: accounts.work.")), "{faults:#?}");
    assert!(faults.iter().any(|fault| fault.contains("accounts.work.addresses: is not set")), "a user name that is no address gives none");
}

#[test]
fn toml_syntax_is_told_with_its_line_and_never_repeats_the_line() {
    let machine = Machine::with("[crm]\nurl = \"https://crm.example.com/\"\nsecret = hunter2\n");
    one_fault(&machine, "config.toml:3:10: is not TOML: ");
    assert!(!machine.faults()[0].contains("hunter2"));
    one_fault(&Machine::sound_with("[crm]\nauth = \"basic\"\n"), "config.toml:8:2: is not TOML: duplicate key");
}

#[test]
fn unknown_settings_are_told_with_the_nearest_known_one() {
    one_fault(
        &Machine::sound_with("[mail]\nselektors = [\"folder\"]\n"),
        "config.toml:9:1: mail.selektors: there is no such setting; did you mean mail.selectors?",
    );
    one_fault(&Machine::sound_with("[mial]\npayload = \"full\"\n"), "config.toml:8:2: mial: there is no such setting; ");
    one_fault(
        &Machine::sound_with("port = 993\nprot = 1\n"),
        "config.toml:9:1: accounts.work.imap.prot: there is no such setting; did you mean accounts.work.imap.port?",
    );
    one_fault(
        &Machine::sound_with("[mail]\nlanguage = \"de\"\n"),
        "config.toml:9:1: mail.language: there is no such setting; did you mean general.language?",
    );
    one_fault(&Machine::sound_with("[general]\nlocked = []\n"), "config.toml:9:1: general.locked: there is no such setting");
}

#[test]
fn a_wrong_type_is_told_with_what_belongs_there() {
    one_fault(
        &Machine::sound_with("[mail]\nkeep_category = \"no\"\n"),
        "config.toml:9:17: mail.keep_category: is of type string; write true or false",
    );
    one_fault(
        &Machine::sound_with("[mail]\nselectors = \"folder\"\n"),
        "config.toml:9:13: mail.selectors: is of type string; write a list",
    );
    one_fault(&Machine::sound_with("[mail]\ncategory = 5\n"), "config.toml:9:12: mail.category: is of type integer; write a keyword");
    one_fault(
        &Machine::sound_with("[mail]\nmarks = [\"move\", 1]\n"),
        "config.toml:9:18: mail.marks: a value of type integer stands in a list",
    );
    one_fault(
        &Machine::with(&SOUND.replace("[accounts.work.imap]", "[[accounts]]")),
        "config.toml:4:3: accounts: is a list of tables; write [accounts.NAME]",
    );
    one_fault(&Machine::with(&format!("sync = 3\n{SOUND}")), "config.toml:1:1: sync: is a value, and has to be a table; write [sync]");
}

#[test]
fn values_out_of_range_are_told() {
    one_fault(
        &Machine::sound_with("port = 70000\n"),
        "config.toml:8:8: accounts.work.imap.port: 70000 is out of range; write a whole number from 1 to 65535",
    );
    one_fault(&Machine::sound_with("[mail]\nmax_size = \"25 parsecs\"\n"), "config.toml:9:12: mail.max_size: \"25 parsecs\" is not a size");
    one_fault(&Machine::sound_with("[mail]\nmax_size = -1\n"), "config.toml:9:12: mail.max_size: -1 is out of range");
    one_fault(&Machine::sound_with("[mail]\nmax_size = \"99999999999 GB\"\n"), "config.toml:9:12: mail.max_size: ");
}

#[test]
fn all_faults_of_a_file_are_told_at_once_in_its_order() {
    let faults =
        Machine::sound_with("[mail]\nselectors = [\"foldr\", \"kategory\"]\nretry_hours = 9999\nfoo = 1\n[sync]\nareas = [\"mial\"]\n")
            .faults();
    let starts = [
        "config.toml:9:14: mail.selectors: \"foldr\" is none of folder, category, inbox; did you mean \"folder\"?",
        "config.toml:9:23: mail.selectors: \"kategory\" is none of folder, category, inbox; did you mean \"category\"?",
        "config.toml:10:15: mail.retry_hours: ",
        "config.toml:11:1: mail.foo: ",
        "config.toml:13:10: sync.areas: \"mial\" is none of contacts, mail, calendar, tasks; did you mean \"mail\"?",
    ];
    assert_eq!(faults.len(), starts.len(), "{faults:#?}");
    for (fault, start) in faults.iter().zip(starts) {
        assert!(fault.starts_with(start), "{fault}");
    }
}

#[test]
fn a_secret_in_the_file_is_a_fault_that_does_not_repeat_it() {
    for written in [
        "secret = \"hunter2\"",
        "secret = { password = \"hunter2\" }",
        "secret = { keyring = \"a\", env = \"hunter2\" }",
        "secret = { env = \"hunter2!\" }",
        "secret = { command = \"echo hunter2\" }",
        "secret = { command = [] }",
        "secret = { keyring = \"\" }",
        "secret = [\"hunter2\"]",
        "secret = {}",
    ] {
        let machine = Machine::with(&SOUND.replace("secret = { keyring = \"crm\" }", written));
        one_fault(&machine, "config.toml:3:10: crm.secret: ");
        let fault = &machine.faults()[0];
        assert!(!fault.contains("hunter2") && fault.contains("{ keyring = "), "{fault}");
    }
    one_fault(
        &Machine::with(&SOUND.replace("secret = { keyring = \"crm\" }", "secret = \"x\"")),
        "config.toml:3:10: crm.secret: a secret never stands in the file;",
    );
    let machine = Machine::sound_with("password = \"hunter2\"\n");
    one_fault(&machine, "config.toml:8:1: accounts.work.imap.password: there is no such setting; a secret never stands in the file");
    let machine = Machine::with(&SOUND.replace("https://crm", "https://anna:hunter2@crm"));
    one_fault(&machine, "config.toml:2:7: crm.url: holds a user name or password; take it out");
    assert!(!machine.faults()[0].contains("hunter2"));
}

#[test]
fn unencrypted_connections_are_accepted_to_this_machine_alone() {
    let crm = |url: &str| Machine::with(&SOUND.replace("https://crm.example.com/api", url));
    one_fault(&crm("http://crm.example.com/"), "config.toml:2:7: crm.url: http would send mails and secrets unencrypted");
    one_fault(&crm("http://127.0.0.1.example.com/"), "config.toml:2:7: crm.url: http would send");
    for url in ["http://127.0.0.1:8080/", "http://localhost:1/", "http://[::1]:1/api/"] {
        assert_eq!(crm(url).effective().settings.crm.url.as_str(), url);
    }
    for url in ["ftp://a.example.com/", "crm.example.com", "file:///etc", "https://a.example.com/?key=1"] {
        one_fault(&crm(url), "config.toml:2:7: crm.url: ");
    }
    one_fault(
        &Machine::sound_with("security = \"none\"\n"),
        "config.toml:8:1: accounts.work.imap.security: \"none\" would send the password",
    );
    for host in ["127.0.0.1", "localhost", "::1", "[::1]"] {
        let machine = Machine::with(&format!("{}security = \"none\"\n", SOUND.replace("imap.example.com", host)));
        assert_eq!(machine.effective().settings.accounts[&AccountId::from("work")].imap.port, 143);
    }
}

#[test]
fn keywords_that_servers_refuse_are_faults() {
    for (word, start) in [
        ("Not Found", "\"Not Found\" holds ' '"),
        ("Größe", "\"Größe\" holds '\\u{f6}'"),
        ("a*b", "\"a*b\" holds '*'"),
        ("\\\\Seen", "\"\\Seen\" holds '\\\\'"),
        ("", "is empty"),
    ] {
        one_fault(&Machine::sound_with(&format!("[mail]\ncategory = \"{word}\"\n")), &format!("config.toml:9:12: mail.category: {start}"));
    }
    one_fault(
        &Machine::sound_with(&format!("[mail]\ncategory = \"{}\"\n", "x".repeat(51))),
        "config.toml:9:12: mail.category: is 51 characters long",
    );
    assert_eq!(Machine::sound_with("[mail]\ncategory = \"$Crm_corner-1.0\"\n").effective().settings.mail.category, "$Crm_corner-1.0");
}

#[test]
fn settings_that_contradict_each_other_are_faults() {
    one_fault(
        &Machine::sound_with("[mail]\nselectors = [\"inbox\"]\nmarks = [\"move\"]\n"),
        "config.toml:10:1: mail.marks: moves mails, and the selector inbox never moves one",
    );
    one_fault(&Machine::sound_with("[mail]\nselectors = []\n"), "config.toml:9:1: mail.selectors: is empty: no mail would be found");
    one_fault(
        &Machine::sound_with("[mail]\nselectors = [\"category\"]\ncategory_folders = []\n"),
        "config.toml:10:1: mail.category_folders: is empty",
    );
    one_fault(
        &Machine::sound_with("[mail]\nnot_found_keyword = \"processed\"\n"),
        "config.toml:9:1: mail.not_found_keyword: is the same keyword as mail.processed_keyword",
    );
    one_fault(&Machine::sound_with("[mail]\nimport_folder = \"Inbox\"\n"), "config.toml:9:1: mail.import_folder: is the inbox itself");
    one_fault(
        &Machine::sound_with("[mail]\narchive_folder = \"Import Folder\"\n"),
        "config.toml:9:1: mail.archive_folder: is the import folder",
    );
    one_fault(
        &Machine::with(&SOUND.replace("secret = { keyring", "auth = \"basic\"\nsecret = { keyring")),
        "config.toml:3:1: crm.auth: is \"basic\", and there is no user name",
    );
    one_fault(
        &Machine::sound_with("ca_file = \"nowhere.pem\"\n"),
        "config.toml:8:1: accounts.work.imap.ca_file: there is no file nowhere.pem; correct the path",
    );
    let alike = "[accounts.Work.imap]\nhost = \"b.example.com\"\nuser = \"b@example.com\"\nsecret = { keyring = \"x\" }\n";
    one_fault(&Machine::sound_with(alike), "config.toml:4:11: accounts.work: differs from account Work only in case, - or _");
    let twin = "[accounts.second.imap]\nhost = \"IMAP.example.com\"\nuser = \"Anna@example.com\"\nsecret = { keyring = \"x\" }\n";
    one_fault(&Machine::sound_with(twin), "config.toml:6:1: accounts.work.imap.user: is the mailbox of account second too");
}

#[test]
fn what_is_odd_but_usable_is_a_warning() {
    let own = Machine::sound_with("[mail]\nnever_log = [\"Example.com\"]\n");
    one_fault(&own, "config.toml:9:1: warning: mail.never_log: \"example.com\" covers your own address anna@example.com");
    own.effective();
    let above = Machine::sound_with("[mail]\nnever_log = [\"com\"]\n");
    one_fault(&above, "config.toml:9:1: warning: mail.never_log: \"com\" covers your own address");
    assert!(Machine::sound_with("[mail]\nnever_log = [\"ample.com\"]\n").faults().is_empty());
    one_fault(
        &Machine::sound_with("port = 143\n"),
        "config.toml:8:1: warning: accounts.work.imap.port: 143 is usually the port of starttls",
    );
    one_fault(&Machine::sound_with("[sync]\nareas = []\n"), "config.toml:9:1: warning: sync.areas: is empty");
    one_fault(&Machine::sound_with("[mail]\nweb_folder_user = \"a\"\n"), "config.toml:9:1: warning: mail.web_folder_user: has no effect");
}

#[test]
fn r12_the_inbox_selector_alone_marks_by_keyword_unless_said_otherwise() {
    assert_eq!(Machine::sound_with("[mail]\nselectors = [\"inbox\"]\n").effective().settings.mail.marks, [MailMark::Keyword].into());
    assert!(Machine::sound_with("[mail]\nselectors = [\"inbox\"]\nmarks = []\n").effective().settings.mail.marks.is_empty());
    let both = Machine::sound_with("[mail]\nselectors = [\"folder\", \"inbox\"]\n").effective();
    assert_eq!(both.settings.mail.marks, [MailMark::Move, MailMark::Keyword].into());
}

#[test]
fn x4_malformed_never_log_entries_are_faults_at_their_own_place() {
    let faults = Machine::sound_with(
        "[mail]\nnever_log = [\"a@b.example\", \"Anna <a@b.example>\", \"*.example.com\",\n  \"a b\", \"@Law.example\"]\n",
    )
    .faults();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(faults[0].starts_with("config.toml:9:29: mail.never_log: \"Anna <a@b.example>\" is not an e-mail address"));
    assert!(faults[1].starts_with("config.toml:9:51: mail.never_log: \"*.example.com\" holds a wildcard; write \"example.com\""));
    assert!(faults[2].starts_with("config.toml:10:3: mail.never_log: \"a b\" is neither"));
    let sound = Machine::sound_with("[mail]\nnever_log = [\"@Law.Example\", \"Doctor@Clinic.example\", \"law.example\"]\n").effective();
    assert_eq!(sound.settings.mail.never_log, ["law.example", "doctor@clinic.example"]);
}

#[test]
fn account_names_are_plain() {
    one_fault(
        &Machine::sound_with("[accounts.\"my work\".imap]\nhost = \"a\"\n"),
        "config.toml:8:11: accounts.my work: an account's name has",
    );
}

#[test]
fn narrower_levels_win() {
    use SettingLevel::{Group, Organisation, User};
    let category = |machine: &Machine| {
        let effective = machine.effective();
        let origins = &shown(&effective, "mail.category").origins;
        assert_eq!(origins.len(), 1);
        (effective.settings.mail.category.clone(), origins[0].level)
    };
    let mut machine = Machine::with(SOUND).policy("[mail]\ncategory = \"Policy\"\n");
    assert_eq!(category(&machine), ("Policy".to_owned(), Level::Organisation));
    machine = machine.crm("mail.category", "CrmOrg", Organisation, false);
    assert_eq!(category(&machine), ("CrmOrg".to_owned(), Level::Organisation));
    machine = machine.crm("mail.category", "CrmUser", User, false).crm("mail.category", "CrmGroup", Group, false);
    assert_eq!(category(&machine), ("CrmUser".to_owned(), Level::User));
    std::fs::write(machine.folder.path().join("config.toml"), format!("{SOUND}[mail]\ncategory = \"File\"\n")).unwrap();
    assert_eq!(category(&machine), ("File".to_owned(), Level::User));
    machine = machine.variable("CRMSYNC_MAIL_CATEGORY", "Variable");
    assert_eq!(category(&machine), ("Variable".to_owned(), Level::Environment));
    machine = machine.argument("mail.category", "Argument");
    assert_eq!(category(&machine), ("Argument".to_owned(), Level::CommandLine));
}

#[test]
fn x24_a_locked_setting_of_the_policy_stands_against_all_narrower_levels() {
    let machine = Machine::sound_with("[mail]\npayload = \"full\"\n")
        .policy("locked = [\"mail.payload\"]\n[mail]\npayload = \"headers-only\"\n")
        .crm("mail.payload", "no-body", SettingLevel::User, false)
        .variable("CRMSYNC_MAIL_PAYLOAD", "full");
    let effective = machine.effective();
    assert_eq!(effective.settings.mail.payload, Payload::HeadersOnly);
    assert!(shown(&effective, "mail.payload").locked.is_some());
    let faults = machine.faults();
    assert_eq!(faults.len(), 3, "{faults:#?}");
    assert!(
        faults
            .iter()
            .any(|fault| fault
                .starts_with("config.toml:9:1: warning: mail.payload: is locked by policy.toml:1:11; this value has no effect")),
        "{faults:#?}"
    );
    let machine = machine.argument("mail.payload", "full");
    assert!(machine.load().is_err(), "what is asked for on the command line is refused, not ignored");
}

#[test]
fn a_policy_locks_defaults_and_accounts_too() {
    let machine = Machine::sound_with("security = \"starttls\"\n[mail]\nprivate = \"import\"\n")
        .policy("locked = [\"mail.private\", \"accounts.*.imap.security\"]\n");
    let effective = machine.effective();
    assert_eq!(effective.settings.mail.private, LeaveOut::Skip);
    assert_eq!(effective.settings.accounts[&AccountId::from("work")].imap.security, Security::Tls);
    assert_eq!(effective.warnings.len(), 2);
}

#[test]
fn a_faulty_policy_is_never_ignored() {
    one_fault(
        &Machine::with(SOUND).policy("locked = [\"mail.never_lock\"]\n"),
        "policy.toml:1:11: locked: there is no setting \"mail.never_lock\"; did you mean mail.never_log?",
    );
    one_fault(&Machine::with(SOUND).policy("locked = \"mail.never_log\"\n"), "policy.toml:1:10: locked: is of type string");
    one_fault(&Machine::with(SOUND).policy("[mail\n"), "policy.toml:1:6: is not TOML");
    let mut machine = Machine::with(SOUND);
    machine.policy = Some(machine.folder.path().join("absent.toml"));
    one_fault(&machine, "absent.toml: there is no policy file");
}

#[test]
fn r115_a_lock_of_the_crm_stands_against_the_file() {
    let machine = Machine::sound_with(
        "[sync]\nareas = [\"mail\", \"contacts\"]\n[accounts.work.dav]\nurl = \"https://dav.example.com/\"\n",
    )
    .crm("Outlook_SyncFolders", "Mail;Calendar", SettingLevel::Group, true);
    let effective = machine.effective();
    assert_eq!(effective.settings.areas, [Area::Mail, Area::Calendar].into());
    let setting = shown(&effective, "sync.areas");
    assert_eq!(setting.locked.as_ref().unwrap().to_string(), "CRM setting Outlook_SyncFolders");
    assert_eq!((setting.origins[0].level, effective.warnings.len()), (Level::Group, 1));
}

#[test]
fn x4_never_log_entries_of_all_levels_add_up_even_under_a_lock() {
    let machine = Machine::sound_with("[mail]\nnever_log = [\"mine.example\"]\ninternal = [\"more.example\"]\n")
        .policy("locked = [\"mail.never_log\", \"mail.internal\"]\n[mail]\nnever_log = [\"law.example\"]\ninternal = [\"firm.example\"]\n")
        .crm("mail.never_log", "doctor.example; not a domain; a@b.example", SettingLevel::Organisation, false);
    let effective = machine.effective();
    assert_eq!(effective.settings.mail.never_log, ["law.example", "doctor.example", "a@b.example", "mine.example"]);
    assert_eq!(shown(&effective, "mail.never_log").origins.len(), 3);
    assert_eq!(effective.settings.mail.internal, ["firm.example"], "other lists obey the lock");
    assert_eq!(effective.warnings.len(), 2, "the malformed entry and the locked list are told: {:?}", effective.warnings);
}

#[test]
fn r24_own_and_internal_addresses_of_the_crm_join_those_of_the_file() {
    let mut machine = Machine::sound_with("[mail]\ninternal = [\"firm.example\"]\n");
    machine.crm = Some(CrmSettings {
        own_addresses: vec!["A.Smith@Example.com".to_owned(), "anna@example.com".to_owned()],
        internal: vec!["example.com".to_owned()],
        ..CrmSettings::default()
    });
    let effective = machine.effective();
    assert_eq!(effective.settings.accounts[&AccountId::from("work")].addresses, ["a.smith@example.com", "anna@example.com"]);
    assert_eq!(effective.settings.mail.internal, ["example.com", "firm.example"]);
    machine.crm = Some(CrmSettings { own_addresses: vec!["info@example.com".to_owned()], ..CrmSettings::default() });
    let account = &machine.effective().settings.accounts[&AccountId::from("work")];
    assert_eq!(account.addresses, ["info@example.com", "anna@example.com"], "the user name is an own address too");
}

#[test]
fn r119_settings_of_the_crm_are_understood_kept_and_shown() {
    use SettingLevel::{Organisation, User};
    let machine = Machine::with(SOUND)
        .crm("OutlookLanguage", "de-DE", Organisation, false)
        .crm("Language", "nl", User, false)
        .crm("CRM_MeetingFutureDays", "14", Organisation, false)
        .crm("CRM_TaskFutureDays", "many", Organisation, false)
        .crm("CRM_Webfoldername", "/mnt/share", Organisation, false)
        .crm("CRM_Autocomplete", "1", User, false)
        .crm("Some_NewType", "x", User, true);
    let effective = machine.effective();
    let settings = &effective.settings;
    assert_eq!((settings.groupware_language.as_str(), settings.language.as_str()), ("de", "nl"));
    assert_eq!((settings.mail.import_folder.as_str(), settings.mail.archive_folder.as_str()), ("Import Ordner", "CRM-Aktivitäten"));
    assert_eq!((settings.calendar.future_days, settings.tasks.future_days), (14, 3));
    assert_eq!(settings.mail.web_folder, Some(WebFolder::Path("/mnt/share".into())));
    let other: Vec<&str> = effective.other.iter().map(|held| held.key.as_str()).collect();
    assert_eq!(other, ["CRM_Autocomplete", "Some_NewType"]);
    one_fault(&machine, "CRM setting CRM_TaskFutureDays: warning: tasks.future_days: \"many\" is not a number");
}

#[test]
fn the_crm_never_says_where_secrets_are_how_to_sign_in_or_that_the_user_consents() {
    let mut machine = Machine::with(SOUND);
    for (key, value) in [
        ("crm.url", "https://evil.example/"),
        ("crm.secret", "evil"),
        ("accounts.work.imap.host", "evil.example"),
        ("accounts.work.addresses", "evil@evil.example"),
        ("sync.consent", "true"),
        ("mail.web_folder_secret", "evil"),
    ] {
        machine = machine.crm(key, value, SettingLevel::Organisation, true);
    }
    let effective = machine.effective();
    assert_eq!(effective.settings, Machine::with(SOUND).effective().settings);
    assert_eq!(effective.other.len(), 6, "they are shown");
}

#[test]
fn the_environment_sets_settings_of_accounts_and_holds_secrets() {
    let machine = Machine::with(SOUND)
        .variable("CRMSYNC_ACCOUNTS_WORK_IMAP_PORT", "1993")
        .variable("CRMSYNC_SYNC_CONSENT", "yes")
        .variable("CRMSYNC_MAIL_NEVER_LOG", "a.example, b.example")
        .variable("CRMSYNC_MAIL_CATEGORY_FOLDERS", "INBOX;Sales, north")
        .variable("CRMSYNC_MAIL_CATEGORY", "")
        .variable("CRMSYNC_CRM_SECRET", "hunter2");
    let effective = machine.effective();
    let settings = &effective.settings;
    assert_eq!(settings.accounts[&AccountId::from("work")].imap.port, 1993);
    assert!(settings.sync.consent);
    assert_eq!(settings.mail.never_log, ["a.example", "b.example"]);
    assert_eq!(settings.mail.category_folders, ["INBOX", "Sales, north"]);
    assert_eq!(settings.mail.category, "CRMcorner", "an empty variable is not set");
    assert_eq!(settings.crm.secret, Secret::Environment("CRMSYNC_CRM_SECRET".to_owned()));
    assert!(!format!("{effective:?}").contains("hunter2"));
    one_fault(
        &machine.variable("CRMSYNC_MAIL_KEEP_CATEGORY", "perhaps"),
        "environment variable CRMSYNC_MAIL_KEEP_CATEGORY: mail.keep_category: \"perhaps\" is neither true nor false",
    );
}

#[test]
fn arguments_are_checked_like_the_file_and_take_no_secret() {
    one_fault(
        &Machine::with(SOUND).argument("mail.catgory", "x"),
        "command line: mail.catgory: there is no such setting; did you mean mail.category?",
    );
    let machine = Machine::with(SOUND).argument("crm.secret", "hunter2");
    one_fault(&machine, "command line: crm.secret: a secret never stands in an argument");
    assert!(!machine.faults()[0].contains("hunter2"));
    assert_eq!(Machine::with(SOUND).argument("mail.max_size", "1.5 MiB").effective().settings.mail.max_size, 1_572_864);
}

#[test]
fn files_of_windows_editors_are_read() {
    let machine = Machine::with(&format!("\u{feff}{}", SOUND.replace('\n', "\r\n")));
    machine.effective();
    one_fault(&Machine::with(&format!("\u{feff}{}x = 1\r\n", SOUND.replace('\n', "\r\n"))), "config.toml:8:1: accounts.work.imap.x: ");
    let machine = Machine::with("");
    std::fs::write(machine.folder.path().join("config.toml"), b"[crm]\nurl = \"\xff\"\n").unwrap();
    one_fault(&machine, "config.toml:2:8: is not UTF-8 here; save the file as UTF-8");
}

#[test]
fn paths_start_where_the_file_lies_or_at_home() {
    let machine = Machine::sound_with("[mail]\nweb_folder = \"files\"\n");
    assert_eq!(machine.effective().settings.mail.web_folder, Some(WebFolder::Path(machine.folder.path().join("files"))));
    let machine = Machine::sound_with("[mail]\nweb_folder = \"~/files\"\n").variable("HOME", "/home/anna");
    assert_eq!(machine.effective().settings.mail.web_folder, Some(WebFolder::Path(PathBuf::from("/home/anna").join("files"))));
    let machine = Machine::sound_with("[mail]\nweb_folder = \"https://files.example.com/crm\"\nweb_folder_user = \"anna\"\n");
    let Some(WebFolder::WebDav { url, user, .. }) = machine.effective().settings.mail.web_folder else { panic!("WebDAV") };
    assert_eq!((url.as_str(), user.as_deref()), ("https://files.example.com/crm/", Some("anna")));
}

#[test]
fn the_digest_of_the_rules_changes_with_them_and_with_nothing_else() {
    let of = |more: &str| {
        let settings = Machine::sound_with(more).effective().settings;
        mail_rules_digest(&settings.mail, ["anna@example.com"])
    };
    let before = of("");
    assert_eq!(before, of("[mail]\nprocessed_keyword = \"Done\"\npayload = \"no-body\"\nretry_hours = 3\n"));
    for rule in [
        "never_log = [\"x.example\"]",
        "private = \"import\"",
        "internal = [\"x.example\"]",
        "max_size = \"1 MB\"",
        "selectors = [\"category\"]",
    ] {
        assert_ne!(before, of(&format!("[mail]\n{rule}\n")), "{rule}");
    }
    assert_eq!(of("[mail]\nnever_log = [\"a.example\", \"b.example\"]\n"), of("[mail]\nnever_log = [\"B.example\", \"a.example\"]\n"));
    let mail = Machine::with(SOUND).effective().settings.mail;
    assert_ne!(mail_rules_digest(&mail, ["x@example.com"]), before);
}

#[test]
fn setup_edits_the_file_and_leaves_comments_and_the_rest_alone() {
    let old = "# mine\n[crm]   # the CRM\nurl = \"https://old.example.com/\"  # soon new\nsecret = { keyring = \"crm\" }\n\n[mail]\ncategory   =   \"X\"\n";
    let machine = Machine::with(old);
    let path = machine.folder.path().join("config.toml");
    let sound = Machine::with(SOUND).effective().settings;
    let work = AccountId::from("work");
    write_account(&path, &work, &sound.accounts[&work]).unwrap();
    write_crm(&path, &sound.crm).unwrap();
    write_setting(&path, "mail.max_size", Some("25 MB")).unwrap();
    write_setting(&path, "mail.category", None).unwrap();
    write_setting(&path, "sync.areas", Some("mail;contacts")).unwrap();
    let text = std::fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("# mine\n[crm]   # the CRM\nurl = \"https://crm.example.com/api/\"  # soon new\n"), "{text}");
    let settings = machine.effective().settings;
    assert_eq!((&settings.crm, &settings.accounts), (&sound.crm, &sound.accounts));
    assert_eq!((settings.mail.max_size, settings.mail.category.as_str()), (25_000_000, "CRMcorner"));
    let again = std::fs::read_to_string(&path).unwrap();
    write_crm(&path, &sound.crm).unwrap();
    assert_eq!(std::fs::read_to_string(&path).unwrap(), again, "writing the same changes nothing");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[test]
fn setup_creates_a_file_and_never_writes_a_faulty_one() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep").join("config.toml");
    let sound = Machine::with(SOUND).effective().settings;
    let work = AccountId::from("work");
    write_crm(&path, &sound.crm).unwrap();
    write_account(&path, &work, &sound.accounts[&work]).unwrap();
    let before = std::fs::read_to_string(&path).unwrap();
    assert!(Machine::with(&before).load().is_ok(), "{before}");
    assert!(write_setting(&path, "mail.category", Some("Not Found")).is_err());
    assert!(write_setting(&path, "mail.catgory", Some("x")).unwrap_err().to_string().contains("did you mean mail.category?"));
    assert!(write_account(&path, &AccountId::from("my work"), &sound.accounts[&work]).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), before);
    std::fs::write(&path, "[crm\n").unwrap();
    assert!(write_crm(&path, &sound.crm).is_err());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "[crm\n", "what is no TOML is left to its owner");
}

#[test]
fn no_input_makes_it_panic() {
    let files = [
        "",
        "=",
        "[[[[",
        "a.b.c.d.e = 1",
        "[accounts]\n",
        "[accounts.a]\nimap = 3\n",
        "accounts = { a = { imap = { port = 1 } } }\n",
        "[mail.never_log]\nx = 1\n",
        "\u{feff}",
        "[crm.secret]\nkeyring = 1\n",
        "locked = []\n",
        "crm.url.x = 1\n",
    ];
    for text in files {
        Machine::with(text).faults();
        Machine::with(SOUND).policy(text).faults();
    }
    Machine::with(&format!("{}1", "x = [".repeat(10_000))).faults();
    Machine::with(&"a.".repeat(100_000)).faults();
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config { cases: 64, ..Default::default() })]
    #[test]
    fn any_text_is_read_without_panic(text in "\\PC{0,200}", value in "[\\[\\]{}\"=.a-z0-9 \n#]{0,60}") {
        let path = std::path::Path::new("c.toml");
        file::parse(path, &text, file::Role::Policy);
        file::parse(path, &format!("[mail]\nnever_log = {value}\ncategory = \"{value}\"\n"), file::Role::User);
        for setting in schema::all() {
            let _ = setting.kind.parse(&text);
        }
    }
}

#[test]
fn x19_areas_of_items_have_their_own_directions_and_policies() {
    let machine = Machine::sound_with(
        "[calendar]\ndirection = \"to-crm\"\nfield_conflicts = [\"note=groupware_wins\"]\n[accounts.work.dav]\nurl = \"https://dav.example.com/anna/\"\n",
    );
    let settings = machine.effective().settings;
    assert_eq!((settings.calendar.direction, settings.tasks.direction), (SyncDirection::ToCrm, SyncDirection::Both));
    assert_eq!(settings.calendar.field_conflicts, [(Field::Note, ConflictPolicy::GroupwareWins)].into());
    assert_eq!(
        (settings.calendar.on_groupware_delete, settings.tasks.on_groupware_delete),
        (OnGroupwareDelete::Ask, OnGroupwareDelete::Keep),
        "c9"
    );
    let account = &settings.accounts[&AccountId::from("work")];
    let dav = account.dav.as_ref().unwrap();
    assert_eq!((&dav.user, &dav.secret), (&account.imap.user, &account.imap.secret), "name and password are those of the mailbox");
    one_fault(
        &Machine::sound_with("[tasks]\nfield_conflicts = [\"subjcet=ask\"]\n"),
        "config.toml:9:20: tasks.field_conflicts: \"subjcet\" is no field; did you mean \"subject\"?",
    );
}

#[test]
fn a_calendar_without_a_server_is_pointed_out() {
    let machine = Machine::sound_with("[sync]\nareas = [\"calendar\"]\n");
    assert!(machine.faults().iter().any(|fault| fault.contains("accounts.work.dav.url: is not set")), "{:?}", machine.faults());
}

#[test]
fn r86_contacts_have_their_rules_and_the_server_of_the_calendar_unless_another_is_named() {
    let dav = "[accounts.work.dav]\nurl = \"https://dav.example.com/\"\nuser = \"anna\"\n";
    let settings = Machine::sound_with(dav).effective().settings;
    let account = &settings.accounts[&AccountId::from("work")];
    assert_eq!(account.carddav, account.dav);
    let contacts = &settings.contacts;
    assert_eq!((contacts.owned, contacts.groups, &contacts.search), (true, true, &None));
    assert_eq!((contacts.category.as_str(), contacts.items.on_groupware_delete), ("CRMcorner", OnGroupwareDelete::Keep), "r89, r93");
    let more = format!("{dav}[accounts.work.carddav]\nurl = \"https://cards.example.com/\"\n[contacts]\nowned = false\ncountry = \"de\"\n");
    let settings = Machine::sound_with(&more).effective().settings;
    let carddav = settings.accounts[&AccountId::from("work")].carddav.clone().unwrap();
    assert_eq!((carddav.url.as_str(), carddav.user.as_str()), ("https://cards.example.com/", "anna"));
    assert_eq!((settings.contacts.owned, settings.contacts.country.map(Country::iso)), (false, Some("DE")));
    assert!(Machine::sound_with("[contacts]\ncountry = \"Germania\"\n").faults().iter().any(|fault| fault.contains("ISO 3166")));
    let missing = Machine::sound_with("[sync]\nareas = [\"contacts\"]\n");
    assert!(missing.faults().iter().any(|fault| fault.contains("accounts.work.carddav.url: is not set")), "{:?}", missing.faults());
}

/// An account that signs in at Microsoft.
const SIGNS_IN: &str = "\
[crm]
url = \"https://crm.example.com/api\"
secret = { keyring = \"crm\" }
[accounts.work.imap]
host = \"outlook.office365.com\"
user = \"anna@example.com\"
[accounts.work.oauth]
provider = \"microsoft\"
client_id = \"1234\"
";

#[test]
fn an_account_with_a_provider_signs_in_by_token_everywhere_and_needs_no_password() {
    let settings = Machine::with(&format!("{SIGNS_IN}[accounts.work.dav]\nurl = \"https://dav.example.com/\"\n")).effective().settings;
    let account = &settings.accounts[&AccountId::from("work")];
    assert_eq!((account.imap.auth, &account.imap.secret), (AuthMethod::Xoauth2, &Secret::SignIn));
    for dav in [account.dav.as_ref().unwrap(), account.carddav.as_ref().unwrap()] {
        assert_eq!((dav.auth, &dav.secret), (DavAuth::Bearer, &Secret::SignIn));
    }
    let oauth = account.oauth.as_ref().unwrap();
    assert_eq!(oauth.provider, OAuthProvider::Microsoft { tenant: "organizations".to_owned() });
    assert_eq!((oauth.user.as_str(), oauth.client_id.as_str(), oauth.redirect_port), ("anna@example.com", "1234", 0));
    assert!(oauth.scopes.is_empty() && oauth.client_secret.is_none());
    assert_eq!(shown(&Machine::with(SIGNS_IN).effective(), "accounts.work.imap.secret").json, serde_json::json!({ "sign_in": true }));
    let plain = Machine::with(SOUND).effective().settings;
    let plain = &plain.accounts[&AccountId::from("work")];
    assert!(plain.oauth.is_none() && plain.imap.auth == AuthMethod::Password);
}

#[test]
fn x25_a_shared_mailbox_names_the_person_who_signs_in() {
    let machine = Machine::with(
        &SIGNS_IN
            .replace("user = \"anna@example.com\"", "user = \"info@example.com\"")
            .replace("client_id", "user = \"anna@example.com\"\nclient_id"),
    );
    let account = &machine.effective().settings.accounts[&AccountId::from("work")];
    assert_eq!((account.imap.user.as_str(), account.oauth.as_ref().unwrap().user.as_str()), ("info@example.com", "anna@example.com"));
    assert_eq!(account.addresses, ["info@example.com"]);
}

#[test]
fn any_provider_is_known_by_its_addresses_which_are_used_as_they_are_written() {
    let custom = SIGNS_IN.replace("\"microsoft\"", "\"custom\"");
    let machine = Machine::with(&format!("{custom}token_url = \"https://idp.example.com/token\"\ndevice_url = \"http://127.0.0.1:1/d\"\n"));
    let account = &machine.effective().settings.accounts[&AccountId::from("work")];
    let Some(OAuthProvider::Custom(endpoints)) = account.oauth.as_ref().map(|oauth| oauth.provider.clone()) else {
        panic!("{account:?}");
    };
    let device = endpoints.device.as_ref().map(url::Url::as_str);
    assert_eq!((endpoints.token.as_str(), device), ("https://idp.example.com/token", Some("http://127.0.0.1:1/d")));
    assert!(endpoints.authorization.is_none() && endpoints.revocation.is_none());
    one_fault(&Machine::with(&custom), "config.toml:8:1: accounts.work.oauth.token_url: is not set; write token_url = ");
    one_fault(
        &Machine::with(&format!("{custom}token_url = \"https://idp.example.com/token\"\n")),
        "config.toml:8:1: accounts.work.oauth.provider: is \"custom\", and there is no way in",
    );
    one_fault(
        &Machine::with(&format!("{custom}token_url = \"http://idp.example.com/token\"\ndevice_url = \"https://x.example/\"\n")),
        "config.toml:10:13: accounts.work.oauth.token_url: http would send mails and secrets unencrypted",
    );
}

#[test]
fn what_is_wrong_with_a_sign_in_is_told_with_its_place() {
    let with = |more: &str| Machine::with(&format!("{SIGNS_IN}{more}"));
    one_fault(
        &Machine::with(&SIGNS_IN.replace("client_id = \"1234\"\n", "")),
        "config.toml:8:1: accounts.work.oauth.client_id: is not set; write client_id = ",
    );
    one_fault(
        &Machine::with(&SIGNS_IN.replace("microsoft", "google")),
        "config.toml:8:1: accounts.work.oauth.provider: is \"google\", which demands a client secret",
    );
    one_fault(
        &with("client_secret = \"hunter2\"\n"),
        "config.toml:10:17: accounts.work.oauth.client_secret: a secret never stands in the file",
    );
    assert!(!with("client_secret = \"hunter2\"\n").faults()[0].contains("hunter2"));
    one_fault(&with("tenant = \"a/b\"\n"), "config.toml:10:10: accounts.work.oauth.tenant: ");
    one_fault(&with("token_url = \"https://x.example/\"\n"), "config.toml:10:1: warning: accounts.work.oauth.token_url: has no effect");
    one_fault(&with("scopes = [\"a b\"]\n"), "config.toml:10:1: accounts.work.oauth.scopes: holds a scope with a blank");
    one_fault(
        &Machine::with(&SIGNS_IN.replace("provider = \"microsoft\"\n", "").replace("user =", "secret = { keyring = \"x\" }\nuser =")),
        "config.toml:9:1: warning: accounts.work.oauth.client_id: has no effect without a provider",
    );
    one_fault(
        &Machine::with(&SIGNS_IN.replace("user =", "auth = \"password\"\nsecret = { keyring = \"x\" }\nuser =")),
        "config.toml:10:1: warning: accounts.work.oauth.provider: has no effect, because every server",
    );
    one_fault(
        &with("[accounts.work.dav]\nurl = \"https://d.example/\"\n[accounts.work.carddav]\nauth = \"basic\"\n"),
        "config.toml:13:1: accounts.work.carddav.auth: takes a password, and the account signs in by OAuth 2",
    );
    let missing = Machine::with(&SIGNS_IN.replace("user =", "auth = \"password\"\nuser =")).faults();
    assert!(missing.iter().any(|fault| fault.contains("accounts.work.imap.secret: is not set")), "{missing:#?}");
}

#[test]
fn secrets_lie_in_the_keyring_or_in_a_file_whose_passphrase_is_elsewhere() {
    let file = Machine::sound_with("[secrets]\nstore = \"file\"\npassphrase = { env = \"P\" }\n").effective().settings.secrets;
    assert_eq!(file, SecretSettings { store: SecretPlace::File, passphrase: Some(Secret::Environment("P".to_owned())) });
    assert_eq!(Machine::with(SOUND).effective().settings.secrets.store, SecretPlace::Keyring);
    one_fault(
        &Machine::sound_with("[secrets]\nstore = \"file\"\npassphrase = { keyring = \"P\" }\n"),
        "config.toml:10:1: secrets.passphrase: lies in the file that it opens",
    );
    one_fault(
        &Machine::sound_with("[secrets]\npassphrase = { env = \"P\" }\n"),
        "config.toml:9:1: warning: secrets.passphrase: has no effect",
    );
}

#[test]
fn setup_writes_a_sign_in_and_reads_it_back_the_same() {
    let google = SIGNS_IN.replace("\"microsoft\"", "\"google\"\nclient_secret = { keyring = \"g\" }");
    let custom = format!(
        "{}token_url = \"https://idp.example.com/t\"\nauthorization_url = \"https://idp.example.com/a\"\nscopes = [\"a\", \"b\"]\nuser = \"x\"\n\
         [accounts.work.dav]\nurl = \"https://d.example/\"\n",
        SIGNS_IN.replace("\"microsoft\"", "\"custom\"")
    );
    for text in [SIGNS_IN, &google, &custom, SOUND] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.toml");
        let settings = Machine::with(text).effective().settings;
        let work = AccountId::from("work");
        write_crm(&path, &settings.crm).unwrap();
        write_account(&path, &work, &settings.accounts[&work]).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert_eq!(Machine::with(&written).effective().settings, settings, "{written}");
        // An account that goes back to a password leaves nothing behind.
        write_account(&path, &work, &Machine::with(SOUND).effective().settings.accounts[&work]).unwrap();
        let written = std::fs::read_to_string(&path).unwrap();
        assert!(!written.contains("provider") && !written.contains("client_id"), "{written}");
    }
}
