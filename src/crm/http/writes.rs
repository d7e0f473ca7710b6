//! `POST /v1/items/batch`.

use std::collections::BTreeMap;

use reqwest::Method;
use reqwest::header::{HeaderName, HeaderValue};

use super::answer::{Purpose, one_line};
use super::client::HttpCrm;
use super::request::Request;
use crate::crm::contract::{IDEMPOTENCY_KEY, ItemBatch, ItemBatchAnswer, ItemResultDocument, ItemVerdict, ItemWriteDocument, MAX_ITEMS};
use crate::crm::{CrmError, RecordAction, RecordView, RecordWrite, WriteResult, WriteVerdict};
use crate::model::{Digest, OpId};

/// Writes in as few requests as the CRM's limits allow. What an earlier request stored before a later one failed is given again when
/// the same operations are written again.
pub(super) async fn write(crm: &HttpCrm, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
    let mut results = Vec::with_capacity(writes.len());
    // Parts that are still to be sent, the next one last.
    let mut parts: Vec<&[RecordWrite]> = in_bounds(crm, writes)?;
    parts.reverse();
    while let Some(part) = parts.pop() {
        match (send(crm, part).await, part) {
            (Ok(answer), _) => results.extend(in_order(answer, part)?),
            // V10: one write that is too large for the CRM does not hold up the others.
            (Err(CrmError::TooLarge), [single]) => results.push(WriteResult {
                op: single.op.clone(),
                verdict: WriteVerdict::Rejected { reason: "it is larger than the CRM takes".to_owned(), field: None },
            }),
            (Err(CrmError::TooLarge), _) => {
                let (first, second) = part.split_at(part.len() / 2);
                parts.push(second);
                parts.push(first);
            }
            (Err(error), _) => return Err(error),
        }
    }
    Ok(results)
}

/// Cuts the writes into parts within the limits of items and bytes.
fn in_bounds<'a>(crm: &HttpCrm, writes: &'a [RecordWrite]) -> Result<Vec<&'a [RecordWrite]>, CrmError> {
    let limits = crm.limits();
    let max_items = limits.max_items.clamp(1, MAX_ITEMS);
    let (mut parts, mut rest, mut count, mut bytes) = (Vec::new(), writes, 0, 0);
    for write in writes {
        let size = serde_json::to_vec(&ItemWriteDocument::from(write)).map_err(|error| CrmError::Contract(error.to_string()))?.len() as u64;
        // The agent's name and the punctuation around.
        if count == max_items || (count > 0 && bytes + size + 512 > limits.max_bytes) {
            let (part, left) = rest.split_at(count);
            parts.push(part);
            (rest, count, bytes) = (left, 0, 0);
        }
        count += 1;
        bytes += size + 1;
    }
    if !rest.is_empty() {
        parts.push(rest);
    }
    Ok(parts)
}

async fn send(crm: &HttpCrm, writes: &[RecordWrite]) -> Result<ItemBatchAnswer, CrmError> {
    let batch = ItemBatch { agent: crm.agent().to_owned(), items: writes.iter().map(ItemWriteDocument::from).collect() };
    let bytes = serde_json::to_vec(&batch).map_err(|error| CrmError::Contract(error.to_string()))?;
    // The key follows from the content: another content never goes out under the same key.
    let key = HeaderValue::from_str(Digest::of(&bytes).as_str()).map_err(|error| CrmError::Contract(error.to_string()))?;
    let request = Request::new(Method::POST, crm.address(&["v1", "items", "batch"]))
        .json_bytes(bytes)
        .header(HeaderName::from_static(IDEMPOTENCY_KEY), key);
    crm.send(request).await?.accept(Purpose::Batch)?.json()
}

/// One result for each write, in the order of the writes.
fn in_order(answer: ItemBatchAnswer, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
    let contract = |text: &str| CrmError::Contract(text.to_owned());
    let mut by_op: BTreeMap<OpId, ItemResultDocument> = BTreeMap::new();
    for result in answer.results {
        if by_op.insert(result.op_id.clone(), result).is_some() {
            return Err(contract("a write has two results"));
        }
    }
    let mut results = Vec::with_capacity(writes.len());
    for write in writes {
        let result = by_op.remove(&write.op).ok_or_else(|| contract("a write has no result"))?;
        results.push(WriteResult { op: write.op.clone(), verdict: verdict(result, written(write))? });
    }
    if by_op.is_empty() { Ok(results) } else { Err(contract("a result is for no write")) }
}

/// The record that a write is about, where it exists already.
fn written(write: &RecordWrite) -> Option<&str> {
    match &write.action {
        RecordAction::Update { id, .. } | RecordAction::Delete { id, .. } => Some(id),
        RecordAction::Create { .. } | RecordAction::CreateContact { .. } => None,
    }
}

/// What became of a write; `id` is the record it was about, where that existed.
pub(super) fn verdict(result: ItemResultDocument, id: Option<&str>) -> Result<WriteVerdict, CrmError> {
    let stored = |verdict: fn(RecordView) -> WriteVerdict| -> Result<WriteVerdict, CrmError> {
        let item = result.item.ok_or_else(|| CrmError::Contract("a result lacks the record".to_owned()))?;
        if id.is_some_and(|id| id != item.id) {
            return Err(CrmError::Contract("a result holds another record than was written".to_owned()));
        }
        // V10: a record that cannot be read does not hold up the others; its write is asked for again and has its answer there.
        Ok(item.read().map_or_else(|fault| WriteVerdict::Retry { reason: one_line(&fault.to_string()) }, verdict))
    };
    let reason = if result.reason.is_empty() { "the CRM gave no reason".to_owned() } else { one_line(&result.reason) };
    Ok(match result.verdict {
        ItemVerdict::Applied => stored(WriteVerdict::Applied)?,
        ItemVerdict::Unchanged => stored(WriteVerdict::Unchanged)?,
        ItemVerdict::Joined => stored(WriteVerdict::Joined)?,
        ItemVerdict::Conflict => stored(WriteVerdict::Conflict)?,
        ItemVerdict::Gone => WriteVerdict::Gone,
        ItemVerdict::Rejected => WriteVerdict::Rejected { reason, field: result.field.as_deref().map(one_line) },
        ItemVerdict::Retry => WriteVerdict::Retry { reason },
    })
}
