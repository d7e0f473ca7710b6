//! What the mail import of one run works with, apart from its servers.

use std::sync::Arc;

use crate::crm::Capabilities;
use crate::engine::web_folder::WebFolderWriter;
use crate::groupware::mime::ReadOptions;
use crate::settings::{MailSettings, TnefPolicy};
use crate::sync::Addresses;

/// Settings and facts that do not change during a run.
#[derive(Clone)]
pub struct MailJob {
    /// The settings of the mail import.
    pub settings: Arc<MailSettings>,
    /// What the CRM offers.
    pub capabilities: Arc<Capabilities>,
    /// Whose address is whose.
    pub addresses: Arc<Addresses>,
    /// Digest of the settings that decide which mails are left out: other rules, another look.
    pub rules: String,
    /// Where attachments are stored (R37).
    pub web_folder: Option<Arc<WebFolderWriter>>,
}

impl MailJob {
    /// How mails are read under these settings.
    #[must_use]
    pub fn read_options(&self) -> ReadOptions {
        ReadOptions { unpack_tnef: self.settings.tnef == TnefPolicy::Unpack, ..ReadOptions::default() }
    }
}
