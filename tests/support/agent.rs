//! The program itself, run as a process with a configuration and a data folder of its own.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

use super::crm::SandboxCrm;
use super::servers::User;

/// Longer than any run here takes on a slow machine.
const TIMEOUT: Duration = Duration::from_secs(300);

/// One installation: configuration file, data folder, secrets in the environment.
pub struct Agent {
    folder: TempDir,
    password: String,
    token: String,
}

/// How an account is reached.
#[derive(Debug, Clone)]
pub struct Account {
    /// Host and port.
    pub address: String,
    /// `tls`, `starttls` or `none`.
    pub security: &'static str,
    /// Certificate authorities, PEM.
    pub ca_file: Option<PathBuf>,
    /// User name.
    pub user: String,
    /// Password.
    pub password: String,
    /// The employee's own address.
    pub own_address: String,
}

impl Account {
    /// A user's account without TLS, for an employee with this address.
    pub fn plain(user: &User, own_address: &str) -> Self {
        Self {
            address: user.server.address.clone(),
            security: "none",
            ca_file: None,
            user: user.name.clone(),
            password: user.password.clone(),
            own_address: own_address.to_owned(),
        }
    }
}

/// What a finished process left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when it was killed.
    pub code: Option<i32>,
    /// Standard output.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
}

impl Agent {
    /// An installation for one account and one CRM. `mail` is the `[mail]` table's content in TOML.
    pub fn new(account: &Account, crm: &SandboxCrm, mail: &str) -> Self {
        let folder = tempfile::Builder::new().prefix("crmsync-test-").tempdir().unwrap();
        let agent = Self { folder, password: account.password.clone(), token: crm.token() };
        agent.configure(account, crm, mail);
        agent
    }

    /// Writes the configuration anew; the journal stays.
    pub fn configure(&self, account: &Account, crm: &SandboxCrm, mail: &str) {
        let (host, port) = account.address.rsplit_once(':').unwrap();
        let ca_file = account.ca_file.as_ref().map_or_else(String::new, |path| format!("ca_file = {:?}\n", path.display().to_string()));
        let config = format!(
            "[crm]\nurl = \"{url}\"\nsecret = {{ env = \"TEST_CRM_TOKEN\" }}\n\n[mail]\n{mail}\n\n[accounts.work]\naddresses = [\"{own}\"]\n\n\
             [accounts.work.imap]\nhost = \"{host}\"\nport = {port}\nsecurity = \"{security}\"\nuser = \"{user}\"\n\
             secret = {{ env = \"TEST_IMAP_PASSWORD\" }}\n{ca_file}",
            url = crm.url(),
            own = account.own_address,
            security = account.security,
            user = account.user,
        );
        std::fs::write(self.config_file(), config).unwrap();
    }

    /// The configuration file.
    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    /// The data folder.
    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// Takes another password from now on.
    pub fn set_password(&mut self, password: &str) {
        password.clone_into(&mut self.password);
    }

    /// Deletes the data folder, as a user who lost it would have it.
    pub fn lose_the_journal(&self) {
        std::fs::remove_dir_all(self.data_dir()).unwrap();
    }

    /// Starts a command.
    pub fn start(&self, arguments: &[&str]) -> Running {
        Running::spawn(self.outfitted(program(self.folder.path()), arguments))
    }

    /// Starts a command under a shell script, which starts it as `"$@"`.
    pub fn run_wrapped(&self, script: &str, arguments: &[&str]) -> Finished {
        let mut command = cleared(Command::new("sh"), self.folder.path());
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_crmsync")]);
        Running::spawn(self.outfitted(command, arguments)).finish()
    }

    fn outfitted(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.arg("--config").arg(self.config_file()).arg("--data-dir").arg(self.data_dir()).args(arguments);
        command.env("TEST_CRM_TOKEN", &self.token).env("TEST_IMAP_PASSWORD", &self.password);
        command
    }

    /// Runs a command to its end.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        self.start(arguments).finish()
    }

    /// Runs a command with `--json` that has to succeed, and gives its answer.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--json"]].concat());
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished.json()
    }

    /// One run over all mail.
    pub fn sync(&self) -> Sync {
        Sync(self.json(SYNC))
    }

    /// One run over all mail, whatever comes of it.
    pub fn try_sync(&self) -> Finished {
        self.run(&[SYNC, &["--json"]].concat())
    }
}

/// The arguments of a run over all mail.
pub const SYNC: &[&str] = &["sync", "--area", "mail", "--all", "--yes"];

/// The program, with nothing of the caller's environment that could steer it.
pub fn program(home: &Path) -> Command {
    cleared(Command::new(env!("CARGO_BIN_EXE_crmsync")), home)
}

fn cleared(mut command: Command, home: &Path) -> Command {
    command.env_clear().env("HOME", home).env("PATH", std::env::var_os("PATH").unwrap_or_default());
    if let Some(temp) = std::env::var_os("TMPDIR") {
        command.env("TMPDIR", temp);
    }
    command
}

impl Finished {
    /// Standard output as the one JSON object it has to be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }
}

/// A process that still runs. Ends with this value.
pub struct Running {
    child: Arc<Mutex<Child>>,
    stdout: Option<std::thread::JoinHandle<String>>,
    stderr: Option<std::thread::JoinHandle<String>>,
}

impl Running {
    /// Starts a process and keeps its pipes empty.
    pub fn spawn(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let stdout = collect(child.stdout.take().unwrap());
        let stderr = collect(child.stderr.take().unwrap());
        Self { child: Arc::new(Mutex::new(child)), stdout: Some(stdout), stderr: Some(stderr) }
    }

    /// Whether it has ended by itself.
    pub fn has_ended(&mut self) -> bool {
        self.child.lock().unwrap().try_wait().unwrap().is_some()
    }

    /// Kills it as a power cut would: SIGKILL, nothing is cleaned up.
    pub fn kill(self) -> Finished {
        // It may have ended meanwhile.
        let _ = self.child.lock().unwrap().kill();
        self.finish()
    }

    /// What kills it from anywhere, as a power cut would.
    pub fn killer(&self) -> impl Fn() + Send + std::marker::Sync + use<> {
        let child = Arc::clone(&self.child);
        move || {
            let mut child = child.lock().unwrap();
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Finished {
        let end = Instant::now() + TIMEOUT;
        let status = loop {
            if let Some(status) = self.child.lock().unwrap().try_wait().unwrap() {
                break Some(status);
            }
            if Instant::now() > end {
                let _ = self.child.lock().unwrap().kill();
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let finished = Finished {
            code: status.and_then(|status| status.code()),
            stdout: self.stdout.take().unwrap().join().unwrap(),
            stderr: self.stderr.take().unwrap().join().unwrap(),
        };
        assert!(status.is_some(), "the program did not end within {TIMEOUT:?}: {finished:?}");
        finished
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let mut child = self.child.lock().unwrap();
        let _ = child.kill();
        let _ = child.wait();
    }
}

fn collect(mut pipe: impl std::io::Read + Send + 'static) -> std::thread::JoinHandle<String> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.read_to_end(&mut bytes);
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

/// The JSON answer of `sync`.
#[derive(Debug)]
pub struct Sync(pub Value);

impl Sync {
    /// A number of the mail area: `count`, `changed`, `errors` or `left`.
    pub fn mail(&self, name: &str) -> u64 {
        self.0["areas"]["mail"][name].as_u64().unwrap_or_else(|| panic!("no areas.mail.{name} in {}", self.0))
    }

    /// What became of the mails, `(title, outcome, reason code)`, sorted.
    pub fn outcomes(&self) -> Vec<(String, String, String)> {
        let items = self.0["items"].as_array().unwrap_or_else(|| panic!("no items in {}", self.0));
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let mut outcomes: Vec<_> =
            items.iter().map(|item| (text(&item["title"]), text(&item["outcome"]), text(&item["reason"]["code"]))).collect();
        outcomes.sort();
        outcomes
    }

    /// How many items had this outcome.
    pub fn with_outcome(&self, outcome: &str) -> usize {
        self.outcomes().iter().filter(|(_, found, _)| found == outcome).count()
    }
}
