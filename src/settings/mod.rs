//! Settings: the configuration file, its levels, and secrets.

mod assemble;
mod contradictions;
mod digest;
mod edit;
mod effective;
mod example;
mod fault;
mod file;
mod levels;
mod names;
mod schema;
mod secrets;
#[cfg(test)]
mod tests;
mod value;

pub use digest::mail_rules_digest;
pub use edit::{WriteError, write_account, write_crm, write_setting};
pub use effective::{
    Account, AuthMethod, CrmAccess, CrmAuth, FutureDays, ImapAccess, LeaveOut, MailMark, MailSelector, MailSettings, Payload,
    ResultDisplay, Secret, Security, Settings, SyncSettings, TnefPolicy, UnmatchedPolicy, WebFolder,
};
pub use example::example;
pub use fault::{Fault, Place, SettingsFaults, Severity};
pub use levels::{Effective, EffectiveSetting, Environment, Level, Origin, Sources, load};
pub use names::{archive_folder, import_folder};
pub use secrets::{SecretError, SecretStore, SecretValue, Secrets, StoreError};
