//! `POST /v1/addresses/resolve`: previews to whom a mail would be linked (R24). Optional; the server decides when it imports.

use serde::{Deserialize, Serialize};

use super::LinkedRecord;

/// Addresses to look up.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveRequest {
    /// 1 to 1000 addresses.
    pub addresses: Vec<String>,
}

/// What the CRM knows of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResolveAnswer {
    /// In the order asked.
    pub results: Vec<AddressMatch>,
}

/// What the CRM knows of one address.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AddressMatch {
    /// The address as asked.
    pub address: String,
    /// Records it belongs to, or the one business partner of its domain; empty when unknown.
    pub linked: Vec<LinkedRecord>,
    /// It belongs to the organisation itself.
    #[serde(default)]
    pub internal: bool,
}
