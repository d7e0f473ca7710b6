//! Settings: the configuration file, its levels, and secrets.
//!
//! `schema` defines every setting once; `value` knows the kinds of values. `file` reads a file with all its faults, `levels` brings policy,
//! CRM, file, environment and command line together, `assemble` makes the typed [`Settings`] of them and `contradictions` finds what does
//! not go together. `example` and `edit` write; `secrets` reads what never stands in the file, from `keyring` or `secret_file`.

mod assemble;
mod contradictions;
mod digest;
mod edit;
mod effective;
mod example;
mod fault;
mod file;
mod items;
mod keyring;
mod levels;
mod names;
mod oauth;
mod schema;
mod secret_file;
mod secrets;
#[cfg(test)]
mod tests;
mod value;

pub use digest::{contact_rules_digest, item_rules_digest, mail_rules_digest};
pub use edit::{WriteError, write_account, write_crm, write_secrets, write_setting};
pub use effective::{
    Account, AuthMethod, CrmAccess, CrmAuth, ImapAccess, LeaveOut, MailMark, MailSelector, MailSettings, Payload, ResultDisplay, Secret,
    Security, Settings, SyncSettings, TnefPolicy, UnmatchedPolicy, WebFolder,
};
pub use example::example;
pub use fault::{Fault, Place, SettingsFaults, Severity};
pub use items::{
    ConflictPolicy, ContactSettings, DavAccess, DavAuth, ItemSettings, OnGroupwareDelete, PrivateItems, SyncDirection, UpdateScope,
};
pub use keyring::{SecretStore, StoreError};
pub use levels::{Effective, EffectiveSetting, Environment, Level, Origin, Sources, load};
pub use names::{archive_folder, import_folder};
pub use oauth::{Endpoints, OAuthProvider, SecretPlace, SecretSettings, SignInSettings};
pub use secret_file::{KdfCost, SecretFile};
pub use secrets::{AskPassphrase, SecretError, SecretValue, Secrets};
