//! The real servers that `tests/run` starts and names in the environment.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;

use super::imap::Imap;

/// Users `user01` to `user40` that the launchers make on every server.
const USERS: usize = 40;

/// One running server.
#[derive(Debug, Clone)]
pub struct Server {
    /// Name of its environment variable after `CRMSYNC_TEST_`.
    pub name: &'static str,
    /// `127.0.0.1:PORT`, plain and STARTTLS.
    pub address: String,
    /// `127.0.0.1:PORT`, TLS from the first byte.
    pub tls_address: String,
    /// Separator of its mailbox names.
    pub separator: char,
}

/// An account of a server that no other test uses.
#[derive(Debug, Clone)]
pub struct User {
    /// The server.
    pub server: Server,
    /// User name.
    pub name: String,
    /// Password.
    pub password: String,
}

impl Server {
    /// Dovecot as it comes.
    pub fn dovecot() -> Self {
        Self::named("DOVECOT", '/')
    }

    /// Dovecot that hides MOVE, CONDSTORE, QRESYNC, LITERAL+ and LIST-STATUS.
    pub fn dovecot_nomove() -> Self {
        Self::named("DOVECOT_NOMOVE", '/')
    }

    /// Dovecot with `.` as separator and everything below `INBOX.`.
    pub fn dovecot_dots() -> Self {
        Self::named("DOVECOT_DOTS", '.')
    }

    /// Cyrus.
    pub fn cyrus() -> Self {
        Self::named("CYRUS", '/')
    }

    /// Courier: no CONDSTORE, no MOVE, no LITERAL+, no LIST-EXTENDED.
    pub fn courier() -> Self {
        Self::named("COURIER", '.')
    }

    /// Any server by the name of its variable.
    pub fn named(name: &'static str, separator: char) -> Self {
        let address = variable(name);
        let tls_address = variable(&format!("{name}_TLS"));
        Self { name, address, tls_address, separator }
    }

    /// A user whom no other test of this process has, with an empty mailbox.
    pub fn user(&self) -> User {
        static TAKEN: Mutex<BTreeMap<&str, usize>> = Mutex::new(BTreeMap::new());
        let number = {
            let mut taken = TAKEN.lock().unwrap();
            let count = taken.entry(self.name).or_default();
            *count += 1;
            *count
        };
        assert!(number <= USERS, "{}: more users than the launchers make", self.name);
        let name = format!("user{number:02}");
        let user = User { server: self.clone(), password: format!("pw-{name}"), name };
        let mut imap = user.connect();
        imap.empty();
        imap.logout();
        user
    }

    /// The log, which Dovecot alone writes to a file.
    pub fn log(&self) -> String {
        let path = PathBuf::from(variable(&format!("{}_LOG", self.name)));
        std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
    }
}

impl User {
    /// A connection, signed in, at a server that may still count one which has just ended.
    pub fn connect_when_there_is_room(&self) -> Imap {
        super::wait_for("a login below the limit of connections", std::time::Duration::from_mins(1), || {
            let mut imap = Imap::connect(&self.server.address);
            imap.try_login(&self.name, &self.password).is_ok().then_some(imap)
        })
    }

    /// A connection, signed in.
    pub fn connect(&self) -> Imap {
        let mut imap = Imap::connect(&self.server.address);
        imap.login(&self.name, &self.password);
        imap
    }

    /// A child of INBOX, in this server's spelling: `child(&["Import Folder", "CRM Erledigt [E]"])`.
    pub fn child(&self, path: &[&str]) -> String {
        let mut name = String::from("INBOX");
        for part in path {
            name.push(self.server.separator);
            name.push_str(part);
        }
        name
    }

    /// A mailbox beside INBOX, where the server has any.
    pub fn beside(&self, name: &str) -> String {
        if self.server.separator == '.' { self.child(&[name]) } else { name.to_owned() }
    }
}

/// The certificate authority of all servers, PEM.
pub fn ca_file() -> PathBuf {
    PathBuf::from(variable("CA"))
}

/// The folder of real-life files, if it is to be used.
pub fn corpus() -> Option<PathBuf> {
    std::env::var_os("CRMSYNC_CORPUS").filter(|value| !value.is_empty()).map(PathBuf::from)
}

/// A variable of `tests/servers/up`, by its name after `CRMSYNC_TEST_`.
pub fn variable(name: &str) -> String {
    let name = format!("CRMSYNC_TEST_{name}");
    std::env::var(&name).unwrap_or_else(|_| panic!("{name} is not set: run these tests by `tests/run`, which starts the servers"))
}
