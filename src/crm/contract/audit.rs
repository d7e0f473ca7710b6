//! `POST /v1/audit/mail`: proves that nothing was lost.

use serde::{Deserialize, Serialize};

use super::IdentityDocument;
use crate::model::ItemKey;

/// Mails the agent holds for imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRequest {
    /// 1 to 1000 mails.
    pub items: Vec<IdentityDocument>,
}

/// Those the CRM does not have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditAnswer {
    /// Their item keys.
    pub missing: Vec<ItemKey>,
}
