//! The profile `contacts`, beside `/v1/changes` and `/v1/items`: searches, matches, single writes, business partners, groups.

use serde::{Deserialize, Serialize};

use super::{FieldFault, ItemDocument};
use crate::crm::{Candidate, ContactGroup, MatchAnswer, MatchQuery, MatchedBy, Partner, RecordView, Switch};
use crate::model::OpId;
use crate::model::contact::ContactAddress;

/// Most queries in one `match` request.
pub const MAX_QUERIES: usize = 200;

/// Most candidates for one query.
pub const MAX_CANDIDATES: usize = 20;

/// A page of contacts, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ContactPageDocument {
    /// The contacts.
    pub items: Vec<ItemDocument>,
    /// Cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// Whom to look for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchRequest {
    /// 1 to 200 queries.
    pub queries: Vec<MatchQuery>,
}

/// Whom the CRM knows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchAnswerDocument {
    /// One for each query, in the order asked.
    pub results: Vec<MatchResultDocument>,
}

/// Whom the CRM knows by one query.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MatchResultDocument {
    /// Candidates, the strongest first.
    pub candidates: Vec<CandidateDocument>,
    /// There are more.
    #[serde(default)]
    pub more: bool,
}

/// A contact that may be the one looked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CandidateDocument {
    /// The contact.
    pub item: ItemDocument,
    /// By which marks it was found.
    pub matched: Vec<MatchedBy>,
}

/// A mail address for a contact (R28).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AddressWrite {
    /// The agent's instance id, which comes back in `origin`.
    pub agent: String,
    /// Authoritative for idempotency, for each employee.
    pub op_id: OpId,
    /// The address.
    pub address: ContactAddress,
}

/// The employee's switch for a contact (R85).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SwitchWrite {
    /// The agent's instance id, which comes back in `origin`.
    pub agent: String,
    /// Authoritative for idempotency, for each employee.
    pub op_id: OpId,
    /// What the employee says.
    pub switch: Switch,
}

/// A page of business partners, by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartnerPage {
    /// The business partners.
    pub items: Vec<Partner>,
    /// Cursor of the next page; absent on the last.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// The groups the employee may see.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct GroupList {
    /// The groups.
    pub items: Vec<ContactGroup>,
}

/// What a CRM asks of contacts, in its capabilities. What is absent has the default.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactRulesDocument {
    /// Organisations are replicated as contacts of their own.
    pub organisations: bool,
    /// Fields that must not be empty.
    pub mandatory: Vec<String>,
    /// Most bytes of a picture.
    pub max_photo_bytes: u64,
}

impl Default for ContactRulesDocument {
    fn default() -> Self {
        let rules = crate::crm::ContactRules::default();
        Self { organisations: rules.organisations, mandatory: rules.mandatory, max_photo_bytes: rules.max_photo_bytes }
    }
}

impl MatchResultDocument {
    /// The answer, without candidates that cannot be read: they are not worth the others.
    #[must_use]
    pub fn read(self) -> MatchAnswer {
        let (mut more, mut candidates) = (self.more, Vec::new());
        for document in self.candidates {
            match document.item.read() {
                Ok(contact) => candidates.push(Candidate { contact, matched: document.matched }),
                Err(_) => more = true,
            }
        }
        candidates.truncate(MAX_CANDIDATES);
        MatchAnswer { candidates, more }
    }
}

impl ContactPageDocument {
    /// The contacts, or which one cannot be read.
    pub fn read(self) -> Result<(Vec<RecordView>, Option<String>), FieldFault> {
        let contacts = self.items.into_iter().map(ItemDocument::read).collect::<Result<_, _>>()?;
        Ok((contacts, self.next))
    }
}
