//! Exit codes (sysexits) and the one error type of the command line.

use crate::crm::CrmError;
use crate::engine::EngineError;
use crate::groupware::GroupwareError;
use crate::journal::JournalError;
use crate::oauth::OAuthError;
use crate::settings::{SecretError, SettingsFaults};

/// Exit codes after sysexits.h.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// All is well.
    Ok = 0,
    /// Something was found that needs attention (a check that fails).
    Findings = 1,
    /// `EX_USAGE`: the command line is wrong.
    Usage = 64,
    /// `EX_DATAERR`: the journal or an answer makes no sense.
    Data = 65,
    /// `EX_NOINPUT`: what was asked for does not exist.
    NoInput = 66,
    /// `EX_UNAVAILABLE`: a server lacks what is needed.
    Unavailable = 69,
    /// `EX_SOFTWARE`: a fault of crmsync.
    Software = 70,
    /// `EX_IOERR`: disk.
    Io = 74,
    /// `EX_TEMPFAIL`: try again later.
    TempFail = 75,
    /// `EX_PROTOCOL`: a server broke the protocol or the contract.
    Protocol = 76,
    /// `EX_NOPERM`: rejected, locked, or not agreed to.
    NoPermission = 77,
    /// `EX_CONFIG`: the configuration has faults.
    Config = 78,
}

impl Exit {
    /// A stable name for programs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Findings => "findings",
            Self::Usage => "usage",
            Self::Data => "data",
            Self::NoInput => "no-input",
            Self::Unavailable => "unavailable",
            Self::Software => "software",
            Self::Io => "io",
            Self::TempFail => "temporary",
            Self::Protocol => "protocol",
            Self::NoPermission => "no-permission",
            Self::Config => "config",
        }
    }
}

/// A command's failure: what to say, and the exit code.
#[derive(Debug)]
pub struct Failure {
    /// The exit code.
    pub exit: Exit,
    /// What went wrong, and what to do. Several lines for several faults.
    pub message: String,
}

impl Failure {
    /// A failure.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into() }
    }

    /// What `--json` answers instead of the command's own object.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        serde_json::json!({ "error": { "code": self.exit.name(), "exit": self.exit as u8, "message": self.message } })
    }
}

/// What a command returns.
pub type Outcome = Result<Exit, Failure>;

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        let exit = match &error {
            EngineError::Groupware(error) => groupware_exit(error),
            EngineError::Crm(error) => crm_exit(error),
            EngineError::Journal(error) => journal_exit(error),
            EngineError::Locked { .. } | EngineError::ConsentNeeded { .. } => Exit::NoPermission,
            EngineError::ProfileMissing { .. } => Exit::Unavailable,
            EngineError::Folder { .. } => Exit::Io,
            EngineError::Task(_) => Exit::Software,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<GroupwareError> for Failure {
    fn from(error: GroupwareError) -> Self {
        Self::new(groupware_exit(&error), error.to_string())
    }
}

impl From<CrmError> for Failure {
    fn from(error: CrmError) -> Self {
        Self::new(crm_exit(&error), error.to_string())
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        Self::new(journal_exit(&error), error.to_string())
    }
}

impl From<SecretError> for Failure {
    fn from(error: SecretError) -> Self {
        Self::new(if error.is_transient() { Exit::TempFail } else { Exit::Config }, error.to_string())
    }
}

impl From<OAuthError> for Failure {
    fn from(error: OAuthError) -> Self {
        let exit = match &error {
            OAuthError::Secret(error) => return error.clone().into(),
            OAuthError::Unavailable { .. } | OAuthError::Offline { .. } | OAuthError::GaveUp { .. } => Exit::TempFail,
            OAuthError::NotSignedIn { .. } | OAuthError::SignInNeeded { .. } | OAuthError::Denied { .. } => Exit::NoPermission,
            OAuthError::Refused { .. } | OAuthError::NotOffered { .. } => Exit::Config,
            OAuthError::Tls { .. } | OAuthError::Port { .. } => Exit::Unavailable,
            OAuthError::Protocol { .. } => Exit::Protocol,
        };
        Self::new(exit, error.to_string())
    }
}

impl From<SettingsFaults> for Failure {
    fn from(faults: SettingsFaults) -> Self {
        Self::new(Exit::Config, faults.to_string())
    }
}

impl From<crate::sandbox::crm::StoreError> for Failure {
    fn from(error: crate::sandbox::crm::StoreError) -> Self {
        Self::new(Exit::Io, format!("the sandbox CRM cannot start: {error}"))
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(Exit::Io, error.to_string())
    }
}

const fn groupware_exit(error: &GroupwareError) -> Exit {
    match error {
        GroupwareError::Offline { .. }
        | GroupwareError::Timeout { .. }
        | GroupwareError::Unavailable { .. }
        | GroupwareError::OverQuota { .. } => Exit::TempFail,
        GroupwareError::LoginRejected { .. } | GroupwareError::SignInEnded { .. } | GroupwareError::Locked { .. } => Exit::NoPermission,
        GroupwareError::Tls { .. } | GroupwareError::NoSuchMailbox { .. } | GroupwareError::Refused { .. } => Exit::Unavailable,
        GroupwareError::Secret { .. } => Exit::Config,
        GroupwareError::Protocol { .. } | GroupwareError::TooLarge { .. } => Exit::Protocol,
        GroupwareError::Spool(_) => Exit::Io,
    }
}

const fn crm_exit(error: &CrmError) -> Exit {
    match error {
        CrmError::Offline { .. } | CrmError::Timeout { .. } | CrmError::Busy { .. } | CrmError::InFlight | CrmError::CursorExpired => {
            Exit::TempFail
        }
        CrmError::Unauthorized { .. } | CrmError::Forbidden { .. } => Exit::NoPermission,
        CrmError::Tls { .. } | CrmError::NotOffered { .. } | CrmError::Failed { .. } | CrmError::TooLarge => Exit::Unavailable,
        CrmError::Secret { .. } => Exit::Config,
        CrmError::KeyReused | CrmError::Contract(_) => Exit::Protocol,
        CrmError::Spool(_) => Exit::Io,
    }
}

const fn journal_exit(error: &JournalError) -> Exit {
    match error {
        JournalError::HeldByAnother => Exit::TempFail,
        JournalError::Disk { .. } | JournalError::DiskFull { .. } | JournalError::Export { .. } => Exit::Io,
        _ => Exit::Data,
    }
}
