//! Servers in this process, and the program before them as a process of its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use crmsync::sandbox::crm::{RunningCrm, SandboxCrm, SandboxCrmOptions, StoredActivity};
use crmsync::sandbox::dav::{RunningDav, SandboxDav, SandboxDavOptions};
use crmsync::sandbox::imap::{ImapHandle, RunningImap, SandboxImap, SandboxImapOptions};
use crmsync::sandbox::oauth::{RunningOAuth, SandboxOAuth, SandboxOAuthOptions};
use crmsync::sandbox::proxy::{CutProxy, Direction, RunningProxy, Step, Verdict};
use serde_json::Value;
use tempfile::TempDir;
use tokio::net::TcpSocket;
use tokio::runtime::Runtime;

/// Longer than any run here takes on a slow machine.
const TIMEOUT: Duration = Duration::from_mins(5);

/// Login name at the sandbox's IMAP server.
pub const USER: &str = "anna";

/// One run over all mail.
pub const SYNC: &[&str] = &["sync", "--area", "mail", "--all", "--yes", "--json"];

/// Commands by which a client changes something.
const WRITES: &[&str] =
    &["STORE", "UID STORE", "MOVE", "UID MOVE", "COPY", "UID COPY", "EXPUNGE", "UID EXPUNGE", "CREATE", "APPEND", "DELETE", "RENAME"];

/// Which conversation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Side {
    /// With the mailbox server.
    Imap,
    /// With the CRM.
    Crm,
}

/// Two servers, an installation of the program, and perhaps something between them. Servers end with this value.
pub struct Stage {
    pub imap: ImapHandle,
    pub crm: RunningCrm,
    /// Password that the installation uses.
    pub password: String,
    /// Token that the installation uses.
    pub token: String,
    /// Passphrase of the file of secrets.
    pub passphrase: String,
    folder: TempDir,
    imap_addr: SocketAddr,
    crm_url: String,
    hand: Arc<Hand>,
    _server: RunningImap,
    proxies: Vec<RunningProxy>,
    // Dropped last: everything above runs on it.
    runtime: Runtime,
}

/// What a finished process left.
#[derive(Debug)]
pub struct Finished {
    /// Exit code; `None` when it was killed.
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
    pub took: Duration,
}

/// Kills the running process at chosen turns.
#[derive(Default)]
struct Hand {
    child: Mutex<Option<Child>>,
    strikes: Mutex<BTreeSet<(Side, u64)>>,
    struck: Mutex<Vec<String>>,
}

impl Hand {
    fn judge(&self, side: Side, step: &Step) -> Verdict {
        if !self.strikes.lock().unwrap().remove(&(side, step.index)) {
            return Verdict::Forward;
        }
        if let Some(child) = self.child.lock().unwrap().as_mut() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
            let direction = if step.direction == Direction::Request { "request" } else { "answer" };
            self.struck.lock().unwrap().push(format!("{side:?} {} ({direction}) {}", step.index, step.line));
        }
        Verdict::Cut
    }
}

impl Stage {
    /// Servers and an installation with `mail` as its `[mail]` table.
    pub fn new(imap: SandboxImapOptions, mail: &str) -> Self {
        Self::with(imap, SandboxCrmOptions::default(), mail)
    }

    /// The same with a CRM of one's own.
    pub fn with(imap: SandboxImapOptions, crm: SandboxCrmOptions, mail: &str) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let (server, crm) = runtime.block_on(async { (SandboxImap::start(imap).await.unwrap(), SandboxCrm::start(crm).await.unwrap()) });
        let folder = tempfile::Builder::new().prefix("crmsync-binary-").tempdir().unwrap();
        let stage = Self {
            imap: server.handle(),
            password: "demo".to_owned(),
            token: crm.token.clone(),
            passphrase: "correct horse".to_owned(),
            folder,
            imap_addr: server.addr(),
            crm_url: crm.url.clone(),
            hand: Arc::default(),
            _server: server,
            proxies: Vec::new(),
            crm,
            runtime,
        };
        stage.configure(mail);
        stage
    }

    /// Starts a calendar server beside them.
    pub fn start_dav(&self, options: SandboxDavOptions) -> RunningDav {
        self.runtime.block_on(SandboxDav::start(options)).unwrap()
    }

    /// Starts a provider of tokens beside them, whose tokens the mailbox server takes.
    pub fn start_oauth(&self, options: SandboxOAuthOptions) -> RunningOAuth {
        let provider = self.runtime.block_on(SandboxOAuth::start(options)).unwrap();
        self.imap.judge_bearers(provider.bearers());
        provider
    }

    /// Ends something that runs on the servers' runtime.
    pub fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.runtime.block_on(future)
    }

    /// What a browser gets at an address, after every redirect.
    pub fn browse(&self, url: &str) -> u16 {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        self.runtime.block_on(client.get(url).send()).unwrap().status().as_u16()
    }

    /// Puts a proxy before each server that can kill the program.
    pub fn behind_proxies(mut self, mail: &str) -> Self {
        let crm_addr: SocketAddr = self.crm.url.trim_start_matches("http://").parse().unwrap();
        let proxy = |side: Side, upstream: SocketAddr| {
            let hand = Arc::clone(&self.hand);
            self.runtime.block_on(CutProxy::start(upstream, move |step| hand.judge(side, step))).unwrap()
        };
        let (imap, crm) = (proxy(Side::Imap, self.imap_addr), proxy(Side::Crm, crm_addr));
        self.imap_addr = imap.addr();
        self.crm_url = format!("http://{}", crm.addr());
        self.proxies = vec![imap, crm];
        self.configure(mail);
        self
    }

    /// Turns so far at a side.
    pub fn steps(&self, side: Side) -> u64 {
        self.proxies[side as usize].steps()
    }

    /// The program dies at these turns, counted since the proxies stand.
    pub fn strike_at(&self, strikes: &[(Side, u64)]) {
        self.hand.strikes.lock().unwrap().extend(strikes);
    }

    /// It dies no more.
    pub fn spare(&self) {
        self.hand.strikes.lock().unwrap().clear();
    }

    /// Where it died.
    pub fn struck(&self) -> Vec<String> {
        self.hand.struck.lock().unwrap().clone()
    }

    /// Where the program finds its mailbox server.
    pub const fn imap_addr(&self) -> SocketAddr {
        self.imap_addr
    }

    /// Lets the program speak to another mailbox server.
    pub fn imap_at(&mut self, addr: SocketAddr) {
        self.imap_addr = addr;
    }

    /// Lets the program speak to another CRM.
    pub fn crm_at(&mut self, url: &str) {
        url.clone_into(&mut self.crm_url);
    }

    /// Writes the configuration; the journal stays.
    pub fn configure(&self, mail: &str) {
        let text = format!(
            "[crm]\nurl = \"{url}\"\nsecret = {{ env = \"TEST_CRM_TOKEN\" }}\n\n[mail]\ninternal = [\"nordwind.example\"]\n\
             archive_folder = \"CRM activities\"\n{mail}\n\n[accounts.work]\naddresses = [\"anna.berger@nordwind.example\"]\n\n\
             [accounts.work.imap]\nhost = \"{host}\"\nport = {port}\nsecurity = \"none\"\nuser = \"{USER}\"\nsecret = {{ env = \"TEST_IMAP_PASSWORD\" }}\n",
            url = self.crm_url,
            host = self.imap_addr.ip(),
            port = self.imap_addr.port(),
        );
        std::fs::write(self.config_file(), text).unwrap();
    }

    pub fn config_file(&self) -> PathBuf {
        self.folder.path().join("config.toml")
    }

    pub fn data_dir(&self) -> PathBuf {
        self.folder.path().join("data")
    }

    /// As a user who lost the data folder has it.
    pub fn lose_the_journal(&self) {
        std::fs::remove_dir_all(self.data_dir()).unwrap();
    }

    /// Lets the program speak to a new, empty CRM.
    pub fn replace_crm(&mut self, options: SandboxCrmOptions, mail: &str) {
        self.crm = self.runtime.block_on(SandboxCrm::start(options)).unwrap();
        self.crm_url = self.crm.url.clone();
        self.configure(mail);
    }

    /// Runs a command to its end, or to its death.
    pub fn run(&self, arguments: &[&str]) -> Finished {
        run_held(self.command(arguments), &self.hand.child)
    }

    /// Starts a command that waits for something the test does.
    pub fn start(&self, arguments: &[&str]) -> Started {
        self.start_with(arguments, &[])
    }

    /// The same with more in its environment.
    pub fn start_with(&self, arguments: &[&str], environment: &[(&str, &str)]) -> Started {
        let folder = tempfile::tempdir().unwrap();
        let mut command = self.command(arguments);
        command.envs(environment.iter().copied());
        let file = |name: &str| File::create(folder.path().join(name)).unwrap();
        command.stdin(Stdio::null()).stdout(file("out")).stderr(file("err"));
        Started { child: command.spawn().unwrap(), folder, begun: Instant::now() }
    }

    /// Runs a command while another one runs.
    pub fn run_beside(&self, arguments: &[&str]) -> Finished {
        run_held(self.command(arguments), &Mutex::new(None)).sane()
    }

    /// Runs a command under a shell script, which starts it as `"$@"`.
    #[cfg(unix)]
    pub fn run_wrapped(&self, script: &str, arguments: &[&str]) -> Finished {
        let mut command = cleared(Command::new("sh"));
        command.args(["-c", script, "sh", env!("CARGO_BIN_EXE_crmsync")]);
        run_held(self.outfitted(command, arguments), &self.hand.child)
    }

    fn command(&self, arguments: &[&str]) -> Command {
        self.outfitted(program(), arguments)
    }

    fn outfitted(&self, mut command: Command, arguments: &[&str]) -> Command {
        command.env("HOME", self.folder.path()).env("TEST_CRM_TOKEN", &self.token).env("TEST_IMAP_PASSWORD", &self.password);
        command.env("TEST_PASSPHRASE", &self.passphrase);
        command.arg("--config").arg(self.config_file()).arg("--data-dir").arg(self.data_dir()).args(arguments);
        command
    }

    /// One run over all mail, whatever comes of it.
    pub fn sync(&self) -> Finished {
        self.run(SYNC).sane()
    }

    /// One run that has to succeed, with its answer.
    pub fn sync_ok(&self) -> Value {
        let finished = self.sync();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.json()
    }

    /// Runs until one succeeds; what waits is made due in between.
    pub fn sync_until_ok(&self, most: usize, context: &str) -> Value {
        let mut last = None;
        for _ in 0..most {
            let finished = self.sync();
            if finished.code == Some(0) {
                return finished.json();
            }
            last = Some(finished);
        }
        panic!("{context}: no run succeeded in {most} tries: {last:?}");
    }

    /// Runs a command with `--json` that has to succeed, and gives its answer.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let finished = self.run(&[arguments, &["--json"]].concat()).sane();
        assert_eq!(finished.code, Some(0), "{arguments:?}: {finished:?}");
        finished.json()
    }

    /// What waits, as `(title, reason code)`.
    pub fn parked(&self) -> Vec<(String, String)> {
        let list = self.json(&["parked", "list"]);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        list.as_array().unwrap().iter().map(|entry| (text(&entry["title"]), text(&entry["reason"]["code"]))).collect()
    }

    /// Every activity of the CRM.
    pub fn activities(&self) -> Vec<StoredActivity> {
        self.crm.activities().unwrap()
    }

    /// How many mails were posted in batches so far.
    pub fn posts(&self) -> usize {
        self.crm.requests().iter().filter(|request| *request == "POST /v1/mail-imports").count()
    }

    /// V6: runs once more and finds that nothing is imported and nothing written anywhere.
    pub fn assert_quiet(&self, context: &str) {
        self.imap.reset_counters();
        let posts = self.posts();
        let finished = self.sync();
        assert_eq!(finished.code, Some(0), "{context}: {finished:?}");
        let answer = finished.json();
        assert_eq!(answer["areas"]["mail"]["changed"], 0, "{context}: {answer}");
        assert_eq!(self.posts(), posts, "{context}: a converged system posts nothing; {}", self.imap.log().join("\n"));
        let counters = self.imap.counters();
        for command in WRITES {
            assert_eq!(counters.of(command), 0, "{context}: a converged system writes nothing: {command}; {}", self.imap.log().join("\n"));
        }
        assert_eq!(counters.logins_tried, 1, "{context}: one sign-in a run");
    }
}

/// A command that runs.
pub struct Started {
    child: Child,
    folder: TempDir,
    begun: Instant,
}

impl Started {
    /// The first word on standard error that begins so, once it is there.
    pub fn word(&mut self, start: &str) -> String {
        self.said(|words| words.iter().find(|word| word.starts_with(start)).copied().map(str::to_owned))
    }

    /// The word on standard error after this one, once it is there.
    pub fn word_after(&mut self, before: &str) -> String {
        self.said(|words| words.iter().skip_while(|word| **word != before).nth(1).copied().map(str::to_owned))
    }

    fn said(&mut self, find: impl Fn(&[&str]) -> Option<String>) -> String {
        loop {
            let said = std::fs::read_to_string(self.folder.path().join("err")).unwrap();
            // The last word may not be whole yet.
            let whole = said.rfind(char::is_whitespace).map_or("", |end| &said[..end]);
            if let Some(found) = find(&whole.split_whitespace().collect::<Vec<_>>()) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none() && self.begun.elapsed() < TIMEOUT, "it ended, or never said it: {said}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end.
    pub fn finish(mut self) -> Finished {
        while self.child.try_wait().unwrap().is_none() {
            if self.begun.elapsed() > TIMEOUT {
                let _ = self.child.kill();
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let read = |name| String::from_utf8_lossy(&std::fs::read(self.folder.path().join(name)).unwrap()).into_owned();
        let code = self.child.wait().unwrap().code();
        Finished { code, stdout: read("out"), stderr: read("err"), took: self.begun.elapsed() }.sane()
    }
}

impl Finished {
    /// Standard output as the one JSON value it has to be.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|error| panic!("{error} in {self:?}"))
    }

    /// No panic, and an exit code that the program means.
    #[track_caller]
    pub fn sane(self) -> Self {
        assert!(!self.stderr.contains("panicked") && self.code != Some(101) && self.code != Some(70), "{self:?}");
        self
    }
}

/// The program, with nothing of the caller's environment that could steer it.
pub fn program() -> Command {
    cleared(Command::new(env!("CARGO_BIN_EXE_crmsync")))
}

fn cleared(mut command: Command) -> Command {
    command.env_clear();
    for name in ["PATH", "TMPDIR", "TEMP", "SystemRoot"] {
        if let Some(value) = std::env::var_os(name) {
            command.env(name, value);
        }
    }
    command
}

/// Runs a command without an installation.
pub fn run_bare(arguments: &[&str]) -> Finished {
    let home = tempfile::tempdir().unwrap();
    let mut command = program();
    command.env("HOME", home.path()).args(arguments);
    run_held(command, &Mutex::new(None)).sane()
}

/// Runs a process that somebody else may kill through `held`.
fn run_held(mut command: Command, held: &Mutex<Option<Child>>) -> Finished {
    let folder = tempfile::tempdir().unwrap();
    let (out, err) = (folder.path().join("out"), folder.path().join("err"));
    let started = Instant::now();
    command.stdin(Stdio::null()).stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
    *held.lock().unwrap() = Some(command.spawn().unwrap());
    let status = loop {
        if let Some(status) = held.lock().unwrap().as_mut().unwrap().try_wait().unwrap() {
            break Some(status);
        }
        if started.elapsed() > TIMEOUT {
            let mut child = held.lock().unwrap();
            let _ = child.as_mut().unwrap().kill();
            let _ = child.as_mut().unwrap().wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(4));
    };
    let read = |path| String::from_utf8_lossy(&std::fs::read(path).unwrap()).into_owned();
    let finished =
        Finished { code: status.and_then(|status| status.code()), stdout: read(&out), stderr: read(&err), took: started.elapsed() };
    assert!(status.is_some(), "the program did not end within {TIMEOUT:?}: {finished:?}");
    finished
}

/// An address at which connections are refused, as long as the socket is held: it has the port and does not listen.
pub fn nobody_listens() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind((Ipv4Addr::LOCALHOST, 0).into()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Whether every case is to be run.
pub fn soak() -> bool {
    std::env::var_os("CRMSYNC_SOAK").is_some_and(|value| value != "0" && !value.is_empty())
}

/// All of `cases` in the soak, else `most` of them, drawn by a seed that is printed.
pub fn sample<T>(name: &str, mut cases: Vec<T>, most: usize) -> Vec<T> {
    if soak() || cases.len() <= most {
        return cases;
    }
    let given = std::env::var("CRMSYNC_SEED").ok().and_then(|text| text.parse().ok());
    let seed = given.unwrap_or_else(|| SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into());
    println!("{name}: {most} of {} cases, CRMSYNC_SEED={seed}", cases.len());
    let mut state: u64 = seed;
    let mut chosen = Vec::new();
    for _ in 0..most {
        state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let at = usize::try_from((mixed ^ (mixed >> 27)) % cases.len() as u64).unwrap();
        chosen.push(cases.swap_remove(at));
    }
    chosen
}
