//! What the engine asks of a CRM with the profile `contacts`, beside the changes and writes of [`super::CrmRecords`].

use std::future::Future;

use serde::{Deserialize, Serialize};

use crate::model::contact::{ContactAddress, Photo};
use crate::model::{Instant, OpId};

use super::{CrmError, RecordView, WriteVerdict};

/// Most bytes of a picture, whatever a CRM states.
pub const MAX_PHOTO: u64 = 4 * 1024 * 1024;

/// The contacts of a CRM, with the signed-in employee's rights. [`CrmError::NotOffered`] without the profile `contacts`.
///
/// A write that fails with an error may have been stored: the same `op` again gives the first result.
pub trait CrmContacts: Send + Sync {
    /// A page of the contacts the employee may see, his own or not, by name. [`CrmError::CursorExpired`] never: a cursor that is too old
    /// leads to wherever the list goes on by then.
    fn find_contacts(&self, query: &ContactQuery) -> impl Future<Output = Result<ContactPage, CrmError>> + Send;

    /// Whom the CRM knows by these marks: one answer for each query, in the order asked, however many there are.
    fn match_contacts(&self, queries: &[MatchQuery]) -> impl Future<Output = Result<Vec<MatchAnswer>, CrmError>> + Send;

    /// A contact's picture with its bytes, at most [`MAX_PHOTO`]; `None` where there is none.
    fn photo(&self, id: &str) -> impl Future<Output = Result<Option<Photo>, CrmError>> + Send;

    /// Puts a picture, or takes it away. `if_version`: only if the record has this version. A picture without bytes, or one that is too
    /// large for the CRM, is [`WriteVerdict::Rejected`].
    fn put_photo(
        &self,
        op: &OpId,
        id: &str,
        if_version: Option<&str>,
        photo: Option<&Photo>,
    ) -> impl Future<Output = Result<WriteVerdict, CrmError>> + Send;

    /// Adds a mail address to a contact, be he the employee's or not (R28).
    fn add_address(&self, op: &OpId, id: &str, address: &ContactAddress) -> impl Future<Output = Result<WriteVerdict, CrmError>> + Send;

    /// Sets the employee's switch for a contact (R85).
    fn set_switch(&self, op: &OpId, id: &str, switch: Switch) -> impl Future<Output = Result<WriteVerdict, CrmError>> + Send;

    /// Business partners by name or mail domain, in the order of their names, at most [`PartnerQuery::limit`].
    fn partners(&self, query: &PartnerQuery) -> impl Future<Output = Result<Vec<Partner>, CrmError>> + Send;

    /// The groups of contacts the employee may see: his own and public ones.
    fn groups(&self) -> impl Future<Output = Result<Vec<ContactGroup>, CrmError>> + Send;
}

/// What a contact's record says besides its fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ContactFacts {
    /// The business partner a person belongs to; `None` for a private person and for an organisation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partner: Option<PartnerName>,
    /// The employee owns it (R86).
    pub owned: bool,
    /// Ids of the groups it is in, of those the employee may see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// What the employee said about its replication.
    pub switch: Switch,
}

/// A business partner by id and name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PartnerName {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
}

/// What an employee said about the replication of a contact (R85, R112–R114).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Switch {
    /// Replicate it, whatever the rules say.
    On,
    /// Do not, whatever the rules say.
    Off,
    /// Nothing: the rules decide.
    #[default]
    #[serde(other)]
    Unset,
}

impl Switch {
    /// Its name in the contract.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::On => "on",
            Self::Off => "off",
            Self::Unset => "unset",
        }
    }
}

/// A search for contacts. All its conditions hold together.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactQuery {
    /// A name, a company or an address contains this, in any case and spelling of umlauts.
    pub text: Option<String>,
    /// The employee owns it.
    pub owned: bool,
    /// It is in the group with this id.
    pub group: Option<String>,
    /// It changed at or after this instant, by the CRM's clock.
    pub changed_since: Option<Instant>,
    /// Persons (`false`) or organisations (`true`) only.
    pub organisations: Option<bool>,
    /// Where to go on: [`ContactPage::next`].
    pub cursor: Option<String>,
    /// At most so many, 1 to 500.
    pub limit: usize,
}

/// A page of contacts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ContactPage {
    /// The contacts.
    pub contacts: Vec<RecordView>,
    /// Where to go on; `None` at the end.
    pub next: Option<String>,
}

/// Marks of somebody who may be in the CRM already. What is empty is not searched for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct MatchQuery {
    /// Mail addresses, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<String>,
    /// First name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub given_name: String,
    /// Last name.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub family_name: String,
    /// Mobile numbers in E.164, at most 20.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mobiles: Vec<String>,
    /// Name of the company; alone for an organisation.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub company: String,
}

/// Whom the CRM knows by the marks of one query.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MatchAnswer {
    /// Candidates, the strongest first, at most 20.
    pub candidates: Vec<Candidate>,
    /// There are more than were listed.
    pub more: bool,
}

/// A contact that may be the one looked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// The contact.
    pub contact: RecordView,
    /// By which marks it was found.
    pub matched: Vec<MatchedBy>,
}

/// By which mark a contact was found, the strongest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MatchedBy {
    /// A mail address is equal.
    Address,
    /// Last name and a mobile number are equal.
    LastNameAndMobile,
    /// First and last name are equal, in any order.
    Name,
    /// A mobile number is equal.
    Mobile,
    /// The company's name is equal: organisations only.
    Company,
    /// A mark of a later contract.
    #[serde(other)]
    Other,
}

/// A search for business partners.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartnerQuery {
    /// The name or id contains this.
    pub text: Option<String>,
    /// It has this mail domain.
    pub domain: Option<String>,
    /// At most so many.
    pub limit: usize,
}

/// A business partner.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partner {
    /// Its id.
    pub id: String,
    /// Its name for people.
    pub name: String,
    /// Its mail domains.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<String>,
    /// Its town, to tell namesakes apart.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub town: String,
    /// Address of its page.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
}

/// A group of contacts (R88).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ContactGroup {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The main group it is under; `Outlook` for those that are replicated.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub main_group: String,
    /// The employee owns it.
    #[serde(default)]
    pub owned: bool,
    /// Everybody may see it.
    #[serde(default)]
    pub public: bool,
    /// What its owner noted.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub memo: String,
}

/// What a CRM asks of contacts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContactRules {
    /// Organisations are replicated as contacts of their own.
    pub organisations: bool,
    /// Names in the contract of the fields that must not be empty.
    pub mandatory: Vec<String>,
    /// Most bytes of a picture.
    pub max_photo_bytes: u64,
}

impl Default for ContactRules {
    fn default() -> Self {
        Self { organisations: true, mandatory: vec!["familyName".to_owned()], max_photo_bytes: 1024 * 1024 }
    }
}
