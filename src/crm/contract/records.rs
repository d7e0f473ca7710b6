//! `GET /v1/records`: what an activity can be linked to (R32).

use serde::{Deserialize, Serialize};

use super::LinkedRecord;

/// Records in the order of their names.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RecordList {
    /// The records.
    pub items: Vec<LinkedRecord>,
}
