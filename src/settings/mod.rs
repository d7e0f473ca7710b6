//! Settings: the configuration file, its levels, and secrets.

mod effective;

pub use effective::{
    Account, AuthMethod, CrmAccess, CrmAuth, FutureDays, ImapAccess, LeaveOut, MailMark, MailSelector, MailSettings, Payload,
    ResultDisplay, Secret, Security, Settings, SyncSettings, TnefPolicy, UnmatchedPolicy, WebFolder,
};
