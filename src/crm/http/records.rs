//! `GET /v1/changes`, `GET /v1/items/{id}` and `GET /v1/records`.

use std::collections::BTreeSet;

use reqwest::{Method, StatusCode};

use super::answer::{Purpose, one_line};
use super::client::HttpCrm;
use super::request::Request;
use crate::crm::contract::{ChangeDocument, ChangesDocument, FieldFault, ItemDocument, ProblemKind, RecordList, kind_name};
use crate::crm::{ChangePage, CrmError, LinkedRecord, MainLink, RecordChange, RecordKind, RecordState};

/// Changes asked for in one page.
const PAGE: &str = "200";

pub(super) async fn changes(crm: &HttpCrm, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> Result<ChangePage, CrmError> {
    let mut url = crm.address(&["v1", "changes"]);
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("limit", PAGE);
        if !kinds.is_empty() {
            pairs.append_pair("kinds", &kinds.iter().map(|&kind| kind_name(kind)).collect::<Vec<_>>().join(","));
        }
        if let Some(cursor) = cursor {
            pairs.append_pair("cursor", cursor);
        }
    }
    let page: ChangesDocument = crm.get(url).await?;
    if page.more && cursor == Some(page.cursor.as_str()) {
        return Err(CrmError::Contract("more changes are promised, but the cursor stands still".to_owned()));
    }
    let changes = page.changes.into_iter().map(change).collect::<Result<_, _>>()?;
    Ok(ChangePage { changes, cursor: page.cursor, more: page.more })
}

fn change(document: ChangeDocument) -> Result<RecordChange, CrmError> {
    match document {
        ChangeDocument { item: Some(item), deleted: None } => {
            let (id, version) = (item.id.clone(), item.version.clone());
            Ok(item
                .read()
                .map_or_else(|fault| RecordChange::Unreadable { id, version, reason: one_line(&fault.to_string()) }, RecordChange::Present))
        }
        ChangeDocument { item: None, deleted: Some(tombstone) } => Ok(RecordChange::Gone { id: tombstone.id, version: tombstone.version }),
        _ => Err(CrmError::Contract("a change is neither a record nor a tombstone".to_owned())),
    }
}

pub(super) async fn record(crm: &HttpCrm, id: &str) -> Result<RecordState, CrmError> {
    let answer = crm.send(Request::new(Method::GET, crm.address(&["v1", "items", id]))).await?;
    match answer.status {
        // A gateway's 410 proves nothing.
        StatusCode::GONE if answer.problem().kind == ProblemKind::Deleted.uri() => return Ok(RecordState::Deleted),
        StatusCode::GONE | StatusCode::NOT_FOUND => return Ok(RecordState::Withheld),
        _ => {}
    }
    let item: ItemDocument = answer.accept(Purpose::Other)?.json()?;
    if item.id != id {
        return Err(CrmError::Contract("another record was answered than was asked for".to_owned()));
    }
    let fault = |fault: FieldFault| CrmError::Contract(format!("record {}: {}", one_line(id), one_line(&fault.to_string())));
    item.read().map(RecordState::Present).map_err(fault)
}

pub(super) async fn find(crm: &HttpCrm, link: MainLink, text: &str, limit: usize) -> Result<Vec<LinkedRecord>, CrmError> {
    let mut url = crm.address(&["v1", "records"]);
    let kind = match link {
        MainLink::DelegatedTo => "delegated-to",
        MainLink::ActivityWith => "activity-with",
        MainLink::MainInquiry => "main-inquiry",
        MainLink::MainProject => "main-project",
    };
    url.query_pairs_mut().append_pair("kind", kind).append_pair("text", text).append_pair("limit", &limit.clamp(1, 500).to_string());
    let list: RecordList = crm.get(url).await?;
    Ok(list.items)
}
