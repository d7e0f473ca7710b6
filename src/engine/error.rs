//! Why a run could not go on.

use crate::crm::CrmError;
use crate::groupware::GroupwareError;
use crate::journal::{JournalError, Lock};
use crate::model::AccountId;

/// A failure that ends a run. Failures of single items are outcomes, not errors.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The groupware.
    #[error(transparent)]
    Groupware(#[from] GroupwareError),
    /// The CRM.
    #[error(transparent)]
    Crm(#[from] CrmError),
    /// The journal. Nothing was lost: the next run takes up where this one stopped.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// The account's password is locked since a rejected login (R63, R64).
    #[error("{}", locked(account, cause, *sign_in))]
    Locked {
        /// The account.
        account: AccountId,
        /// What the server said then.
        cause: String,
        /// It was a sign-in by OAuth 2.
        sign_in: bool,
    },
    /// The user has not agreed to writes yet (R55).
    #[error("account \"{account}\" was never synchronised: look at `crmsync sync --dry-run`, then agree with `crmsync sync --yes`")]
    ConsentNeeded {
        /// The account.
        account: AccountId,
    },
    /// The CRM lacks what the area needs.
    #[error("the CRM does not offer the profile \"{profile}\" that {area} needs")]
    ProfileMissing {
        /// The profile.
        profile: &'static str,
        /// The area.
        area: crate::model::Area,
    },
    /// A folder of crmsync's own cannot be used.
    #[error("the folder {path} cannot be used: {cause}")]
    Folder {
        /// The folder.
        path: String,
        /// What the system said.
        cause: std::io::Error,
    },
    /// A task of the run ended abnormally. The run is taken up again by the next one.
    #[error("a task of the run ended abnormally: {0}")]
    Task(String),
}

impl EngineError {
    /// An account that is locked.
    #[must_use]
    pub fn locked(account: &AccountId, lock: Lock) -> Self {
        Self::Locked { account: account.clone(), cause: lock.cause, sign_in: lock.sign_in }
    }
}

fn locked(account: &AccountId, cause: &str, sign_in: bool) -> String {
    if sign_in {
        return format!(
            "account \"{account}\" is locked since its sign-in was rejected ({cause}); run `crmsync sign-in --account {account}`, or ask your \
             administrator"
        );
    }
    format!(
        "the groupware password of account \"{account}\" is locked since a rejected login ({cause}); ask your administrator, correct the \
         password, then run `crmsync unlock {account}`"
    )
}
