//! Reads secrets from where they are: the keyring of the system or the encrypted file in its place, the environment, or a command. Never
//! from a file that can be read as it is, and never into a log, a message or an argument list.

use std::fmt;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _};

use super::Secret;
use super::keyring::{SecretStore, StoreError, SystemKeyring};
use super::levels::Environment;
use super::secret_file::{KdfCost, SecretFile};
use super::value::quote;

/// A keyring answers within this time, or counts as hanging.
const KEYRING_BOUND: Duration = Duration::from_secs(5);
/// A command ends within this time: enough for a prompt of a password manager.
const COMMAND_BOUND: Duration = Duration::from_secs(30);
/// Pipes that a child of the command keeps open are waited for no longer after the command's own end.
const PIPE_GRACE: Duration = Duration::from_millis(500);
/// Longest output of a command.
const MAX_OUTPUT: u64 = 64 * 1024;
/// Threads left behind in a hanging keyring; then it is asked no more.
const MAX_HANGING: usize = 4;

/// A secret. It has no text form, and its bytes are overwritten when it goes.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretValue(String);

impl SecretValue {
    /// Keeps a secret.
    #[must_use]
    pub const fn new(secret: String) -> Self {
        Self(secret)
    }

    /// The secret, for the connection that needs it and nothing else.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl Drop for SecretValue {
    fn drop(&mut self) {
        let mut bytes = std::mem::take(&mut self.0).into_bytes();
        bytes.fill(0);
        std::hint::black_box(&bytes);
    }
}

impl fmt::Debug for SecretValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SecretValue")
    }
}

/// Why a secret could not be had, and what to do. Never a rejected password: nothing is locked by it (V11).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SecretError {
    /// The system has no keyring.
    #[error(
        "the system has no keyring; start one, or write store = \"file\" below [secrets], or set the secret to {{ env = \"VARIABLE\" }} or \
         {{ command = [\"program\"] }} ({detail})"
    )]
    NoKeyring {
        /// What the system said.
        detail: String,
    },
    /// The keyring did not answer.
    #[error(
        "the keyring did not answer within {} s; unlock it and try again, or set the secret to {{ env = \"VARIABLE\" }} or \
         {{ command = [\"program\"] }}",
        after.as_secs()
    )]
    KeyringHangs {
        /// The bound.
        after: Duration,
    },
    /// The keyring is locked, or its user said no.
    #[error("the keyring is locked or refuses access; unlock it and try again ({detail})")]
    KeyringLocked {
        /// What the keyring said.
        detail: String,
    },
    /// The keyring has no such entry.
    #[error("the keyring has no entry \"{entry}\" of crmsync; store it with `crmsync setup`")]
    NoEntry {
        /// Name of the entry.
        entry: String,
    },
    /// The keyring failed otherwise.
    #[error("the keyring failed on the entry \"{entry}\": {detail}; store it anew with `crmsync setup`")]
    Keyring {
        /// Name of the entry.
        entry: String,
        /// What the keyring said.
        detail: String,
    },
    /// The encrypted file has no passphrase.
    #[error(
        "the file of secrets {} wants its passphrase; write passphrase = {{ env = \"VARIABLE\" }} below [secrets], or start crmsync on a terminal",
        path.display()
    )]
    NoPassphrase {
        /// The file.
        path: PathBuf,
    },
    /// The secret is the token of a sign-in, and the account has none.
    #[error("the account does not sign in by OAuth 2; write [accounts.NAME.oauth] as in `crmsync config example`")]
    NoSignIn,
    /// The environment variable is not set or empty.
    #[error("the environment variable {variable} is not set or empty; set it for crmsync, or choose another place for the secret")]
    NoVariable {
        /// Its name.
        variable: String,
    },
    /// The command could not be started.
    #[error("the command {program} for a secret could not be started: {detail}; correct `command`")]
    CommandMissing {
        /// Its program.
        program: String,
        /// What the system said.
        detail: String,
    },
    /// The command failed.
    #[error("the command {program} for a secret failed ({status}){}; run it yourself to see why", if said.is_empty() { String::new() } else { format!(": {said}") })]
    CommandFailed {
        /// Its program.
        program: String,
        /// Its exit status.
        status: String,
        /// First line of its error output.
        said: String,
    },
    /// The command did not end.
    #[error("the command {program} for a secret did not end within {} s; run it yourself to see what it waits for", after.as_secs())]
    CommandHangs {
        /// Its program.
        program: String,
        /// The bound.
        after: Duration,
    },
    /// The secret that was found is none.
    #[error("the secret from {place} {problem}; store it anew")]
    Unusable {
        /// Where it came from.
        place: String,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl SecretError {
    /// Whether it may be gone at the next try, without a change to the settings: a keyring that is locked, away or slow.
    #[must_use]
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::NoKeyring { .. } | Self::KeyringHangs { .. } | Self::KeyringLocked { .. } | Self::NoPassphrase { .. })
    }
}

/// Asks a person for the passphrase of the file; `None` where nobody sits in front.
pub type AskPassphrase = Arc<dyn Fn(&Path) -> Option<String> + Send + Sync>;

/// Reads and keeps secrets.
#[derive(Clone)]
pub struct Secrets {
    store: Arc<dyn SecretStore>,
    /// The same, where it is the encrypted file, and how its passphrase is had.
    file: Option<Arc<Vault>>,
    environment: Environment,
    keyring_bound: Duration,
    command_bound: Duration,
    hanging: Arc<AtomicUsize>,
}

struct Vault {
    file: Arc<SecretFile>,
    passphrase: Option<Secret>,
    ask: AskPassphrase,
    /// One question at a time.
    asking: tokio::sync::Mutex<()>,
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Secrets")
            .field("keyring_bound", &self.keyring_bound)
            .field("command_bound", &self.command_bound)
            .finish_non_exhaustive()
    }
}

impl Default for Secrets {
    fn default() -> Self {
        Self::of_system()
    }
}

impl Secrets {
    /// This machine's keyring and environment.
    #[must_use]
    pub fn of_system() -> Self {
        Self::new(Arc::new(SystemKeyring), Arc::new(|name| std::env::var(name).ok()))
    }

    /// A keyring and an environment of one's own.
    #[must_use]
    pub fn new(store: Arc<dyn SecretStore>, environment: Environment) -> Self {
        Self { store, file: None, environment, keyring_bound: KEYRING_BOUND, command_bound: COMMAND_BOUND, hanging: Arc::default() }
    }

    /// The encrypted file at `path` in place of the keyring. Its passphrase comes from `passphrase`, else from `ask`, once it is needed.
    #[must_use]
    pub fn in_file(path: PathBuf, cost: KdfCost, passphrase: Option<Secret>, ask: AskPassphrase, environment: Environment) -> Self {
        let file = Arc::new(SecretFile::new(path, cost));
        let vault = Vault { file: Arc::clone(&file), passphrase, ask, asking: tokio::sync::Mutex::default() };
        Self { file: Some(Arc::new(vault)), ..Self::new(file, environment) }
    }

    /// The same with other bounds.
    #[must_use]
    pub fn with_bounds(self, keyring_bound: Duration, command_bound: Duration) -> Self {
        Self { keyring_bound, command_bound, ..self }
    }

    /// Reads a secret: within 5 s from a keyring, within 30 s from a command.
    pub async fn read(&self, secret: &Secret) -> Result<SecretValue, SecretError> {
        match secret {
            Secret::Keyring(entry) => {
                let value = self.ask(entry, |store, entry| store.read(entry).map(SecretValue::new)).await?;
                usable(&value, || format!("the keyring entry \"{entry}\""))
            }
            elsewhere => self.read_elsewhere(elsewhere).await,
        }
    }

    /// Reads a secret that lies neither in the keyring nor in the file.
    async fn read_elsewhere(&self, secret: &Secret) -> Result<SecretValue, SecretError> {
        match secret {
            Secret::Keyring(entry) => Err(SecretError::NoEntry { entry: entry.clone() }),
            Secret::SignIn => Err(SecretError::NoSignIn),
            Secret::Environment(variable) => {
                let value = (self.environment)(variable).map(SecretValue::new).filter(|value| !value.expose().trim().is_empty());
                let value = value.ok_or_else(|| SecretError::NoVariable { variable: variable.clone() })?;
                usable(&value, || format!("the environment variable {variable}"))
            }
            Secret::Command(words) => {
                let value = Box::pin(self.run(words)).await?;
                usable(&value, || format!("the command {}", words.first().map(|word| quote(word)).unwrap_or_default()))
            }
        }
    }

    /// Stores a secret in the keyring.
    pub async fn write(&self, entry: &str, secret: &SecretValue) -> Result<(), SecretError> {
        let secret = secret.clone();
        self.ask(entry, move |store, entry| store.write(entry, secret.expose())).await
    }

    /// Deletes a secret from the keyring; one that is not there is deleted already.
    pub async fn delete(&self, entry: &str) -> Result<(), SecretError> {
        match self.ask(entry, SecretStore::delete).await {
            Err(SecretError::NoEntry { .. }) => Ok(()),
            result => result,
        }
    }

    /// Asks the keyring on a thread of its own: one that hangs is left behind and keeps nobody from ending the program.
    async fn ask<T: Send + 'static>(
        &self,
        entry: &str,
        question: impl FnOnce(&dyn SecretStore, &str) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, SecretError> {
        // Boxed: rare, and it would make every future here a large one.
        Box::pin(self.open_file()).await?;
        let hangs = SecretError::KeyringHangs { after: self.keyring_bound };
        if self.hanging.fetch_add(1, Ordering::Relaxed) >= MAX_HANGING {
            self.hanging.fetch_sub(1, Ordering::Relaxed);
            return Err(hangs);
        }
        let (store, hanging, name) = (Arc::clone(&self.store), Arc::clone(&self.hanging), entry.to_owned());
        let (answer, answered) = tokio::sync::oneshot::channel();
        let thread = std::thread::Builder::new().name("keyring".to_owned()).spawn(move || {
            let result = question(&*store, &name);
            hanging.fetch_sub(1, Ordering::Relaxed);
            let _ = answer.send(result);
        });
        if let Err(error) = thread {
            self.hanging.fetch_sub(1, Ordering::Relaxed);
            return Err(SecretError::Keyring { entry: entry.to_owned(), detail: error.to_string() });
        }
        match tokio::time::timeout(self.keyring_bound, answered).await {
            Err(_) => Err(hangs),
            Ok(Err(_)) => Err(SecretError::Keyring { entry: entry.to_owned(), detail: "it broke off".to_owned() }),
            Ok(Ok(result)) => result.map_err(|error| match error {
                StoreError::Absent(detail) => SecretError::NoKeyring { detail },
                StoreError::Locked(detail) => SecretError::KeyringLocked { detail },
                StoreError::NoEntry => SecretError::NoEntry { entry: entry.to_owned() },
                StoreError::Failed(detail) => SecretError::Keyring { entry: entry.to_owned(), detail },
            }),
        }
    }

    /// Gives the encrypted file its passphrase, if it has none yet.
    async fn open_file(&self) -> Result<(), SecretError> {
        let Some(vault) = &self.file else { return Ok(()) };
        let _turn = vault.asking.lock().await;
        if vault.file.has_passphrase() {
            return Ok(());
        }
        let missing = || SecretError::NoPassphrase { path: vault.file.path().to_owned() };
        let passphrase = if let Some(secret) = &vault.passphrase {
            self.read_elsewhere(secret).await?
        } else {
            let (ask, path) = (Arc::clone(&vault.ask), vault.file.path().to_owned());
            let typed = tokio::task::spawn_blocking(move || ask(&path)).await.ok().flatten();
            SecretValue::new(typed.filter(|typed| !typed.is_empty()).ok_or_else(missing)?)
        };
        vault.file.set_passphrase(passphrase);
        Ok(())
    }

    /// Runs a command without a shell and takes the first line of its output.
    async fn run(&self, words: &[String]) -> Result<SecretValue, SecretError> {
        let Some((program, arguments)) = words.split_first() else {
            return Err(SecretError::CommandMissing { program: "\"\"".to_owned(), detail: "it is empty".to_owned() });
        };
        let name = quote(program);
        let mut command = tokio::process::Command::new(program);
        command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        // CREATE_NO_WINDOW: no console flashes up.
        #[cfg(windows)]
        command.creation_flags(0x0800_0000);
        let missing = |error: std::io::Error| SecretError::CommandMissing { program: name.clone(), detail: error.to_string() };
        let mut child = command.spawn().map_err(missing)?;
        let (output, errors) = (child.stdout.take(), child.stderr.take());
        let (mut said, mut printed) = (FirstLine::default(), FirstLine::default());
        let pipes = async { tokio::join!(printed.read(output), said.read(errors)) };
        let ended = async {
            tokio::pin!(pipes);
            tokio::select! {
                // Both pipes are at their end, or one runs over: the command is about to end, or is ended.
                within = &mut pipes => if within == (true, true) { child.wait().await } else { child.kill().await.and(child.wait().await) },
                status = child.wait() => {
                    // A child of the command may hold the pipes open (a password agent that it started).
                    let _ = tokio::time::timeout(PIPE_GRACE, &mut pipes).await;
                    status
                }
            }
        };
        let hangs = |_| SecretError::CommandHangs { program: name.clone(), after: self.command_bound };
        let status = tokio::time::timeout(self.command_bound, ended).await.map_err(hangs)?.map_err(missing)?;
        let unusable = |problem| SecretError::Unusable { place: format!("the command {name}"), problem };
        if printed.total > MAX_OUTPUT || said.total > MAX_OUTPUT {
            return Err(unusable("is longer than 64 KiB"));
        }
        if !status.success() {
            let said = String::from_utf8_lossy(&said.line).trim().chars().filter(|c| !c.is_control()).take(200).collect();
            return Err(SecretError::CommandFailed { program: name, status: status.to_string(), said });
        }
        String::from_utf8(printed.line).map(SecretValue::new).map_err(|_| unusable("is not UTF-8"))
    }
}

/// The first line of a pipe, without its end. The rest is read too, so that the writer does not break on a closed pipe.
#[derive(Default)]
struct FirstLine {
    line: Vec<u8>,
    complete: bool,
    total: u64,
}

impl FirstLine {
    /// Reads to the end of the pipe; `false` when it holds more than is allowed.
    async fn read(&mut self, pipe: Option<impl AsyncRead + Unpin>) -> bool {
        let Some(mut pipe) = pipe else { return true };
        let mut chunk = vec![0; 4096];
        while let Ok(length @ 1..) = pipe.read(&mut chunk).await {
            self.total += length as u64;
            if self.total > MAX_OUTPUT {
                return false;
            }
            for byte in chunk.iter().take(length) {
                if *byte == b'\n' {
                    self.complete = true;
                }
                if !self.complete {
                    self.line.push(*byte);
                }
            }
            chunk.fill(0);
        }
        true
    }
}

/// A secret in one line: without line end, not empty, and with nothing in it that would break out of a command or a header.
fn usable(secret: &SecretValue, place: impl FnOnce() -> String) -> Result<SecretValue, SecretError> {
    let text = secret.expose().trim_end_matches(['\r', '\n']);
    let problem = if text.is_empty() {
        "is empty"
    } else if text.chars().any(char::is_control) {
        "holds control characters"
    } else if text.len() as u64 > MAX_OUTPUT {
        "is longer than 64 KiB"
    } else {
        return Ok(SecretValue::new(text.to_owned()));
    };
    Err(SecretError::Unusable { place: place(), problem })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::sync::Mutex;
    use std::time::Instant;

    use super::*;

    /// Longer than a busy machine takes for anything here.
    const FOREVER: Duration = Duration::from_mins(1);

    /// A keyring in memory.
    #[derive(Default)]
    struct Memory(Mutex<BTreeMap<String, String>>);

    impl SecretStore for Memory {
        fn read(&self, entry: &str) -> Result<String, StoreError> {
            self.0.lock().unwrap().get(entry).cloned().ok_or(StoreError::NoEntry)
        }
        fn write(&self, entry: &str, secret: &str) -> Result<(), StoreError> {
            self.0.lock().unwrap().insert(entry.to_owned(), secret.to_owned());
            Ok(())
        }
        fn delete(&self, entry: &str) -> Result<(), StoreError> {
            self.0.lock().unwrap().remove(entry).map(|_| ()).ok_or(StoreError::NoEntry)
        }
    }

    /// A keyring that never answers.
    struct Hanging;

    impl SecretStore for Hanging {
        fn read(&self, _: &str) -> Result<String, StoreError> {
            loop {
                std::thread::park();
            }
        }
        fn write(&self, entry: &str, _: &str) -> Result<(), StoreError> {
            self.read(entry).map(|_| ())
        }
        fn delete(&self, entry: &str) -> Result<(), StoreError> {
            self.read(entry).map(|_| ())
        }
    }

    /// A keyring that fails in one way.
    struct Failing(StoreError);

    impl SecretStore for Failing {
        fn read(&self, _: &str) -> Result<String, StoreError> {
            Err(self.0.clone())
        }
        fn write(&self, _: &str, _: &str) -> Result<(), StoreError> {
            Err(self.0.clone())
        }
        fn delete(&self, _: &str) -> Result<(), StoreError> {
            Err(self.0.clone())
        }
    }

    fn secrets(store: impl SecretStore) -> Secrets {
        let environment: Environment = Arc::new(|name| match name {
            "SET" => Some("hunter2\n".to_owned()),
            "EMPTY" => Some(String::new()),
            "BROKEN" => Some("a\r\nA1 LOGOUT".to_owned()),
            _ => None,
        });
        Secrets::new(Arc::new(store), environment).with_bounds(FOREVER, FOREVER)
    }

    /// The same, for what does not answer.
    fn impatient(store: impl SecretStore) -> Secrets {
        secrets(store).with_bounds(Duration::from_millis(200), Duration::from_millis(800))
    }

    fn keyring(entry: &str) -> Secret {
        Secret::Keyring(entry.to_owned())
    }

    #[tokio::test]
    async fn the_keyring_keeps_gives_and_deletes() {
        let secrets = secrets(Memory::default());
        assert_eq!(secrets.read(&keyring("crm")).await, Err(SecretError::NoEntry { entry: "crm".to_owned() }));
        secrets.write("crm", &SecretValue::new("hunter2".to_owned())).await.unwrap();
        assert_eq!(secrets.read(&keyring("crm")).await.unwrap().expose(), "hunter2");
        secrets.delete("crm").await.unwrap();
        secrets.delete("crm").await.unwrap();
        assert!(secrets.read(&keyring("crm")).await.is_err());
    }

    #[test]
    fn a_hanging_keyring_is_an_error_within_its_bound_and_does_not_block_the_end() {
        let begun = Instant::now();
        let runtime = tokio::runtime::Runtime::new().unwrap();
        let secrets = impatient(Hanging);
        for _ in 0..MAX_HANGING + 3 {
            let error = runtime.block_on(secrets.read(&keyring("crm"))).unwrap_err();
            assert!(error.to_string().contains("unlock it and try again"), "{error}");
        }
        assert!(runtime.block_on(secrets.write("crm", &SecretValue::new("x".to_owned()))).is_err());
        assert_eq!(secrets.hanging.load(Ordering::Relaxed), MAX_HANGING, "no more threads are left behind");
        drop(runtime);
        assert!(begun.elapsed() < FOREVER, "{:?}", begun.elapsed());
        assert_eq!(KEYRING_BOUND, Duration::from_secs(5));
    }

    #[tokio::test]
    async fn an_absent_or_locked_keyring_is_told_with_the_repair() {
        for (failure, expected) in [
            (StoreError::Absent("no bus".to_owned()), "set the secret to { env = \"VARIABLE\" } or { command = [\"program\"] } (no bus)"),
            (StoreError::Locked("dismissed".to_owned()), "unlock it and try again (dismissed)"),
            (StoreError::Failed("odd".to_owned()), "the keyring failed on the entry \"crm\": odd"),
        ] {
            let error = secrets(Failing(failure)).read(&keyring("crm")).await.unwrap_err();
            assert!(error.to_string().contains(expected), "{error}");
        }
    }

    #[tokio::test]
    async fn the_environment_gives_a_secret_or_names_the_variable() {
        let secrets = secrets(Hanging);
        let read = async |name: &str| secrets.read(&Secret::Environment(name.to_owned())).await;
        assert_eq!(read("SET").await.unwrap().expose(), "hunter2");
        for name in ["EMPTY", "UNSET"] {
            assert_eq!(read(name).await, Err(SecretError::NoVariable { variable: name.to_owned() }));
        }
        assert!(matches!(read("BROKEN").await, Err(SecretError::Unusable { problem: "holds control characters", .. })));
    }

    #[test]
    fn a_secret_has_no_text_form() {
        assert_eq!(format!("{:?}", SecretValue::new("hunter2".to_owned())), "SecretValue");
    }

    fn in_file(folder: &Path, passphrase: Option<Secret>, typed: Option<&'static str>) -> Secrets {
        let cost = KdfCost { memory: 64, rounds: 1 };
        let ask: AskPassphrase = Arc::new(move |_| typed.map(str::to_owned));
        let environment: Environment = Arc::new(|name| (name == "P").then(|| "correct horse".to_owned()));
        Secrets::in_file(folder.join("secrets.json"), cost, passphrase, ask, environment)
    }

    #[tokio::test]
    async fn a_file_with_a_passphrase_takes_the_place_of_the_keyring() {
        let folder = tempfile::tempdir().unwrap();
        let work = Secret::Keyring("work".to_owned());
        let named = in_file(folder.path(), Some(Secret::Environment("P".to_owned())), None);
        assert!(matches!(named.read(&work).await, Err(SecretError::NoEntry { .. })));
        named.write("work", &SecretValue::new("hunter2".to_owned())).await.unwrap();
        let typed = in_file(folder.path(), None, Some("correct horse"));
        assert_eq!(typed.read(&work).await.unwrap().expose(), "hunter2");
        typed.delete("work").await.unwrap();
        assert!(matches!(named.read(&work).await, Err(SecretError::NoEntry { .. })));
    }

    #[tokio::test]
    async fn a_file_without_its_passphrase_or_with_a_wrong_one_passes_and_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let work = Secret::Keyring("work".to_owned());
        in_file(folder.path(), None, Some("right")).write("work", &SecretValue::new("x".to_owned())).await.unwrap();
        for typed in [None, Some(""), Some("wrong")] {
            let error = in_file(folder.path(), None, typed).read(&work).await.unwrap_err();
            assert!(error.is_transient() && error.to_string().contains("secrets.json"), "{error}");
        }
        let missing = in_file(folder.path(), Some(Secret::Environment("ABSENT".to_owned())), Some("right"));
        assert!(matches!(missing.read(&work).await, Err(SecretError::NoVariable { .. })), "what the settings name is not asked for");
    }

    #[cfg(unix)]
    mod commands {
        use super::*;

        async fn run(words: &[&str]) -> Result<SecretValue, SecretError> {
            let words = words.iter().map(|word| (*word).to_owned()).collect();
            secrets(Hanging).read(&Secret::Command(words)).await
        }

        async fn shell(script: &str) -> Result<SecretValue, SecretError> {
            run(&["sh", "-c", script]).await
        }

        #[tokio::test]
        async fn the_first_line_of_a_command_is_the_secret() {
            assert_eq!(run(&["printf", "hunter2\\nuser: anna\\n"]).await.unwrap().expose(), "hunter2");
            assert_eq!(run(&["printf", "hunter2\\r\\n"]).await.unwrap().expose(), "hunter2");
            assert_eq!(run(&["printf", "hunter2"]).await.unwrap().expose(), "hunter2");
            assert_eq!(run(&["echo", "$HOME; ls"]).await.unwrap().expose(), "$HOME; ls", "no shell reads the arguments");
            assert!(shell("cat && echo end").await.unwrap().expose() == "end", "its input is empty");
        }

        #[tokio::test]
        async fn a_failing_command_is_named_and_its_output_is_not_repeated() {
            let error = shell("echo hunter2; echo 'gpg: no key' >&2; echo more >&2; exit 3").await.unwrap_err().to_string();
            assert!(error.contains("\"sh\"") && error.contains("exit status: 3") && error.contains("gpg: no key"), "{error}");
            assert!(!error.contains("hunter2") && !error.contains("more") && !error.contains("echo"), "{error}");
            let error = run(&["no-such-program-here"]).await.unwrap_err();
            assert!(matches!(error, SecretError::CommandMissing { .. }), "{error}");
        }

        #[tokio::test]
        async fn output_that_is_no_secret_is_refused() {
            for (script, problem) in [
                ("true", "is empty"),
                ("echo", "is empty"),
                ("printf '\\377\\n'", "is not UTF-8"),
                ("printf 'a\\tb\\n'", "holds control characters"),
                ("yes", "is longer than 64 KiB"),
            ] {
                let error = shell(script).await.unwrap_err().to_string();
                assert!(error.contains(problem), "{script}: {error}");
            }
        }

        #[tokio::test]
        async fn a_command_that_does_not_end_is_ended() {
            let begun = Instant::now();
            let error = impatient(Hanging).read(&Secret::Command(vec!["sleep".to_owned(), "90".to_owned()])).await.unwrap_err();
            assert_eq!(error, SecretError::CommandHangs { program: "\"sleep\"".to_owned(), after: Duration::from_millis(800) });
            assert!(begun.elapsed() < FOREVER);
        }

        #[tokio::test]
        async fn a_password_agent_that_keeps_the_pipe_open_does_not_hold_up_the_secret() {
            let begun = Instant::now();
            assert_eq!(shell("sleep 90 & echo hunter2").await.unwrap().expose(), "hunter2");
            assert!(begun.elapsed() < FOREVER, "{:?}", begun.elapsed());
        }
    }
}
