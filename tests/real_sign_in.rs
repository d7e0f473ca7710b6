//! Signing in by OAuth 2 before a real Dovecot, which judges the tokens of a simulated provider by itself, and with a real keyring: live,
//! locked, absent and hanging. Started by `tests/run`, which starts the servers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod support;

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use crmsync::sandbox::oauth::{RunningOAuth, SandboxOAuth, SandboxOAuthOptions, Switches};
use support::agent::{Account, Agent, Finished, SYNC};
use support::crm::SandboxCrm;
use support::mails::Letter;
use support::servers::{Server, User, ca_file, variable};
use tempfile::TempDir;
use tokio::runtime::Runtime;

const ANNA: &str = "anna@firma.example";
const PASSPHRASE: &str = "correct horse";

/// A user of Dovecot with a mail to import, a provider whose tokens Dovecot takes, and an installation.
struct Office {
    user: User,
    crm: SandboxCrm,
    agent: Agent,
    provider: RunningOAuth,
    tools: TempDir,
    /// Lines of Dovecot's log before.
    seen: usize,
    // Dropped last: the provider runs on it.
    _runtime: Runtime,
}

/// What goes wrong at the provider.
type Trouble = fn(&mut Switches);

/// Where the installation keeps its tokens.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Store {
    File,
    Keyring,
}

impl Office {
    fn new(store: Store) -> Self {
        let server = Server::named("DOVECOT_OAUTH", '/');
        let user = server.user();
        let mut imap = user.connect();
        let folder = user.child(&["Import Folder"]);
        imap.create(&folder);
        let letter = Letter { message_id: "o1@k", from: "kontakt@kunde.example", to: ANNA, subject: "Betreff" };
        imap.append(&folder, &[], &letter.bytes("from mx.example by mail.example; Mon, 16 Nov 2026 09:30:01 +0100"));
        imap.logout();

        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let secret = std::fs::read_to_string(variable("DOVECOT_OAUTH_KEY")).unwrap();
        let key = data_encoding::BASE64.decode(secret.trim().as_bytes()).unwrap();
        let options = SandboxOAuthOptions { users: vec![user.name.clone()], key, ..SandboxOAuthOptions::default() };
        let provider = runtime.block_on(SandboxOAuth::start(options)).unwrap();

        let crm = SandboxCrm::start();
        let agent = Agent::new(&Account::plain(&user, ANNA), &crm, "");
        let tools = tempfile::Builder::new().prefix("crmsync-tools-").tempdir().unwrap();
        tool(tools.path(), "browser", "exec curl -sS -L -o /dev/null \"$1\"");
        let seen = server.log().lines().count();
        let office = Self { user, crm, agent, provider, tools, seen, _runtime: runtime };
        office.configure("xoauth2", store);
        office
    }

    /// An installation that has signed in.
    fn signed_in() -> Self {
        let office = Self::new(Store::File);
        office.sign_in();
        office
    }

    fn configure(&self, auth: &str, store: Store) {
        let tls = Account {
            address: self.user.server.tls_address.clone(),
            security: "tls",
            ca_file: Some(ca_file()),
            ..Account::plain(&self.user, ANNA)
        };
        self.agent.configure(&tls, &self.crm, "");
        let text = std::fs::read_to_string(self.agent.config_file()).unwrap();
        let text = text.replace("secret = { env = \"TEST_IMAP_PASSWORD\" }\n", &format!("auth = \"{auth}\"\n"));
        let secrets = match store {
            Store::File => format!("[secrets]\nstore = \"file\"\npassphrase = {{ command = [\"echo\", \"{PASSPHRASE}\"] }}\n"),
            Store::Keyring => String::new(),
        };
        let oauth = format!(
            "\n[accounts.work.oauth]\nprovider = \"custom\"\nclient_id = \"crmsync-test\"\nscopes = [\"mail\", \"offline_access\"]\n\
             authorization_url = \"{}\"\ntoken_url = \"{}\"\n",
            self.provider.endpoint("authorize"),
            self.provider.endpoint("token"),
        );
        std::fs::write(self.agent.config_file(), format!("{text}{oauth}{secrets}")).unwrap();
    }

    /// Signs in by a browser that follows every redirect.
    fn sign_in(&self) {
        let done = self.agent.run_wrapped(&format!("BROWSER='{}' exec \"$@\"", self.browser().display()), &["sign-in", "--json"]);
        assert_eq!(done.code, Some(0), "{done:?}");
    }

    fn browser(&self) -> PathBuf {
        self.tools.path().join("browser")
    }

    /// Failed logins that Dovecot has counted for this user, once its log is written.
    fn failed_logins(&self) -> usize {
        // The log is a process of its own. Whatever was written before this login of another kind is in it with that login.
        self.user.connect().logout();
        let own = format!("user=<{}>", self.user.name);
        let lines = support::wait_for("a login in the log", Duration::from_mins(1), || {
            let log = self.user.server.log();
            let lines: Vec<String> = log.lines().skip(self.seen).map(str::to_owned).collect();
            lines.iter().rfind(|line| line.contains(&own)).is_some_and(|line| line.contains("method=PLAIN")).then_some(lines)
        });
        let attempts = |line: &String| {
            let count = line.split("auth failed, ").nth(1)?.split(' ').next()?;
            line.contains(&own).then(|| count.parse::<usize>().unwrap())
        };
        lines.iter().filter_map(attempts).sum()
    }

    fn locked(&self) -> bool {
        !self.agent.json(&["status"])["accounts"][0]["locked"].is_null()
    }

    /// A run under a shell script, which starts it as `"$@"`.
    fn sync_under(&self, script: &str) -> Finished {
        self.agent.run_wrapped(script, &[SYNC, &["--json"]].concat())
    }
}

/// Writes a shell script.
fn tool(folder: &Path, name: &str, body: &str) {
    let path = folder.join(name);
    std::fs::write(&path, format!("#!/bin/sh\n{body}\n")).unwrap();
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn dovecot_takes_the_token_by_either_method() {
    for auth in ["xoauth2", "oauthbearer"] {
        let office = Office::signed_in();
        office.configure(auth, Store::File);
        assert_eq!(office.agent.sync().with_outcome("imported"), 1, "{auth}");
        assert_eq!(office.agent.sync().mail("errors"), 0, "{auth}");
        assert_eq!((office.failed_logins(), office.provider.counts().refreshes), (0, 0), "{auth}");
    }
}

#[test]
fn a_token_that_dovecot_says_is_expired_is_renewed_once() {
    for auth in ["xoauth2", "oauthbearer"] {
        let office = Office::new(Store::File);
        office.configure(auth, Store::File);
        // The client is told that it is good for an hour.
        office.provider.switches(|switches| (switches.lifetime, switches.told_lifetime) = (1, Some(3600)));
        office.sign_in();
        office.provider.switches(|switches| switches.lifetime = 3600);
        std::thread::sleep(Duration::from_secs(2));
        assert_eq!(office.agent.sync().with_outcome("imported"), 1, "{auth}");
        assert_eq!((office.failed_logins(), office.provider.counts().renewed), (1, 1), "{auth}");
        office.agent.sync();
        assert_eq!((office.failed_logins(), office.provider.counts().renewed, office.locked()), (1, 1, false), "{auth}");
    }
}

#[test]
fn r63_a_revoked_sign_in_is_not_one_login_at_dovecot() {
    let office = Office::new(Store::File);
    office.provider.switches(|switches| switches.told_lifetime = Some(0));
    office.sign_in();
    office.provider.revoke_sign_ins();
    for _ in 0..2 {
        let refused = office.agent.try_sync();
        assert_eq!(refused.code, Some(77), "{refused:?}");
        assert!(refused.stderr.contains("crmsync sign-in --account work"), "{refused:?}");
    }
    assert_eq!((office.failed_logins(), office.provider.counts().refreshes), (0, 1));
    assert!(office.locked() && office.crm.password_locked());
    office.provider.switches(|switches| switches.told_lifetime = None);
    office.sign_in();
    assert!(!office.locked() && !office.crm.password_locked(), "signing in clears both");
    assert_eq!(office.agent.sync().with_outcome("imported"), 1);
    assert_eq!(office.failed_logins(), 0);
}

#[test]
fn r63_whatever_dovecot_has_against_a_token_it_sees_two_logins_and_then_none() {
    let troubles: [(&str, Trouble); 3] = [
        ("another audience", |switches| switches.wrong_audience = Some("https://graph.sandbox.example".to_owned())),
        ("the provider's clock is fast", |switches| switches.clock_ahead = 3600),
        ("the provider's clock is slow", |switches| switches.clock_ahead = -7200),
    ];
    for (name, trouble) in troubles {
        let office = Office::new(Store::File);
        office.provider.switches(trouble);
        office.sign_in();
        for _ in 0..3 {
            let refused = office.agent.try_sync();
            assert_eq!(refused.code, Some(77), "{name}: {refused:?}");
        }
        assert_eq!((office.failed_logins(), office.provider.counts().refreshes), (2, 1), "{name}");
        assert!(office.locked(), "{name}");
    }
}

#[test]
fn r63_a_token_for_another_mailbox_is_not_taken() {
    let office = Office::signed_in();
    let text = std::fs::read_to_string(office.agent.config_file()).unwrap();
    let own = format!("user = \"{}\"", office.user.name);
    assert!(text.contains(&own));
    let shared = text.replace(&own, "user = \"carol\"").replace("client_id =", &format!("{own}\nclient_id ="));
    std::fs::write(office.agent.config_file(), shared).unwrap();
    let refused = office.agent.try_sync();
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert!(refused.stderr.contains("administrator"), "{refused:?}");
    assert_eq!(office.provider.counts().refreshes, 1);
}

// ---- the keyring of the system ---------------------------------------------------------------------------------------------------------

/// A session bus of its own with gnome-keyring, whose files lie in `$HOME`.
fn with_keyring(unlock: bool) -> String {
    let start = if unlock {
        "printf secret | gnome-keyring-daemon --unlock --components=secrets >/dev/null"
    } else {
        "gnome-keyring-daemon --start --components=secrets >/dev/null"
    };
    // The daemon ends with its bus.
    format!("export XDG_RUNTIME_DIR=$HOME; exec dbus-run-session -- sh -c '{start} 2>&1; exec \"$@\"' sh \"$@\"")
}

#[test]
fn a_live_keyring_keeps_the_sign_in() {
    let office = Office::new(Store::Keyring);
    let browser = format!("export BROWSER='{}'; {}", office.browser().display(), with_keyring(true));
    // Longer than a part of the smallest store.
    office.provider.switches(|switches| switches.padding = 3_000);
    let done = office.agent.run_wrapped(&browser, &["sign-in", "--json"]);
    assert_eq!(done.code, Some(0), "{done:?}");
    let run = office.sync_under(&with_keyring(true));
    assert_eq!(run.code, Some(0), "{run:?}");
    assert_eq!((office.failed_logins(), office.crm.activities().len()), (0, 1));

    // The same keyring, and nobody has unlocked it.
    let begun = Instant::now();
    let locked = office.sync_under(&with_keyring(false));
    assert_eq!(locked.code, Some(75), "{locked:?}");
    assert!(locked.stderr.contains("keyring") && locked.stderr.contains("unlock"), "{locked:?}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    assert!(!office.locked());
    assert_eq!(office.failed_logins(), 0);

    let run = office.sync_under(&with_keyring(true));
    assert_eq!(run.code, Some(0), "{run:?}");
    let out = office.agent.run_wrapped(&with_keyring(true), &["sign-out", "--json"]);
    assert_eq!(out.code, Some(0), "{out:?}");
    let run = office.sync_under(&with_keyring(true));
    assert!(run.code == Some(78) && run.stderr.contains("nobody is signed in"), "{run:?}");
}

#[test]
fn an_absent_keyring_is_named_with_what_to_do() {
    let office = Office::new(Store::Keyring);
    for arguments in [&["sign-in", "--no-browser"][..], &[SYNC, &["--json"]].concat()] {
        let absent = office.agent.run(arguments);
        assert_eq!(absent.code, Some(75), "{absent:?}");
        assert!(absent.stderr.contains("no keyring") && absent.stderr.contains("store = \"file\""), "{absent:?}");
    }
    assert!(!office.locked());
    assert_eq!(office.failed_logins(), 0);
}

#[test]
fn a_keyring_that_hangs_is_left_behind_after_five_seconds() {
    let office = Office::new(Store::Keyring);
    // The bus starts the service for whoever asks, and the service never comes.
    let services = office.tools.path().join("dbus-1").join("services");
    std::fs::create_dir_all(&services).unwrap();
    let service = "[D-BUS Service]\nName=org.freedesktop.secrets\nExec=/bin/sh -c 'exec sleep 60 >/dev/null 2>&1'\n";
    std::fs::write(services.join("org.freedesktop.secrets.service"), service).unwrap();
    let hanging = format!(
        "export XDG_RUNTIME_DIR=$HOME XDG_DATA_HOME='{}' XDG_DATA_DIRS=/nowhere; exec dbus-run-session -- \"$@\"",
        office.tools.path().display()
    );
    for arguments in [&["sign-in", "--no-browser"][..], &[SYNC, &["--json"]].concat()] {
        let begun = Instant::now();
        let failed = office.agent.run_wrapped(&hanging, arguments);
        assert_eq!(failed.code, Some(75), "{failed:?}");
        assert!(failed.stderr.contains("keyring did not answer within 5 s"), "{failed:?}");
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
    assert!(!office.locked());
    assert_eq!(office.failed_logins(), 0);
}
