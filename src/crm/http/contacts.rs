//! The profile `contacts`: searches, matches, pictures, switches, business partners and groups.

use std::sync::Arc;

use chrono::SecondsFormat;
use reqwest::header::{CONTENT_TYPE, HeaderValue};
use reqwest::{Method, StatusCode};
use url::Url;

use super::answer::{Answer, Purpose, one_line};
use super::client::HttpCrm;
use super::request::Request;
use super::writes::verdict;
use crate::crm::contract::{
    AddressWrite, ContactPageDocument, GroupList, ItemResultDocument, MAX_CANDIDATES, MAX_QUERIES, MatchAnswerDocument, MatchRequest,
    MatchResultDocument, PartnerPage, SwitchWrite,
};
use crate::crm::{
    ContactGroup, ContactPage, ContactQuery, CrmError, MAX_PHOTO, MatchAnswer, MatchQuery, Partner, PartnerQuery, Switch, WriteVerdict,
};
use crate::model::contact::{ContactAddress, Photo};
use crate::model::{Digest, OpId};

/// Most business partners asked for in one page.
const PAGE: usize = 100;

pub(super) async fn find(crm: &HttpCrm, query: &ContactQuery) -> Result<ContactPage, CrmError> {
    let mut url = crm.address(&["v1", "contacts"]);
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("limit", &query.limit.clamp(1, 500).to_string());
        if let Some(text) = &query.text {
            pairs.append_pair("text", text);
        }
        if query.owned {
            pairs.append_pair("owner", "me");
        }
        if let Some(group) = &query.group {
            pairs.append_pair("group", group);
        }
        if let Some(since) = query.changed_since {
            pairs.append_pair("changedSince", &since.to_rfc3339_opts(SecondsFormat::Micros, true));
        }
        if let Some(organisations) = query.organisations {
            pairs.append_pair("kind", if organisations { "organisation" } else { "contact" });
        }
        if let Some(cursor) = &query.cursor {
            pairs.append_pair("cursor", cursor);
        }
    }
    let page: ContactPageDocument = crm.get(url).await?;
    if page.next.is_some() && page.next == query.cursor {
        return Err(CrmError::Contract("more contacts are promised, but the cursor stands still".to_owned()));
    }
    let (contacts, next) = page.read().map_err(|fault| CrmError::Contract(format!("a contact: {}", one_line(&fault.to_string()))))?;
    Ok(ContactPage { contacts, next })
}

pub(super) async fn find_matches(crm: &HttpCrm, queries: &[MatchQuery]) -> Result<Vec<MatchAnswer>, CrmError> {
    let mut answers = Vec::with_capacity(queries.len());
    for part in queries.chunks(MAX_QUERIES) {
        let request = MatchRequest { queries: part.iter().map(bounded).collect() };
        let answer: MatchAnswerDocument = crm.post(crm.address(&["v1", "contacts", "match"]), &request).await?;
        if answer.results.len() != part.len() {
            return Err(CrmError::Contract("there is not one answer for each query".to_owned()));
        }
        answers.extend(answer.results.into_iter().map(MatchResultDocument::read));
    }
    Ok(answers)
}

/// A query within the bounds of the contract: a card with hundreds of addresses is found by its first ones.
fn bounded(query: &MatchQuery) -> MatchQuery {
    let first = |list: &[String]| list.iter().take(MAX_CANDIDATES).map(|text| cut(text)).collect();
    MatchQuery {
        addresses: first(&query.addresses),
        mobiles: first(&query.mobiles),
        given_name: cut(&query.given_name),
        family_name: cut(&query.family_name),
        company: cut(&query.company),
    }
}

fn cut(text: &str) -> String {
    text.chars().take(300).collect()
}

pub(super) async fn photo(crm: &HttpCrm, id: &str) -> Result<Option<Photo>, CrmError> {
    let answer = crm.send(Request::new(Method::GET, photo_address(crm, id))).await?;
    if matches!(answer.status, StatusCode::NOT_FOUND | StatusCode::NO_CONTENT | StatusCode::GONE) {
        return Ok(None);
    }
    let answer = answer.accept(Purpose::Other)?;
    if answer.body.len() as u64 > MAX_PHOTO {
        return Err(CrmError::Contract(format!("the picture is larger than {MAX_PHOTO} bytes")));
    }
    let Some(media_type) = media_type(&answer) else {
        return Err(CrmError::Contract("the picture is no JPEG, PNG or GIF".to_owned()));
    };
    Ok(Some(Photo { digest: Digest::of(&answer.body), media_type: media_type.to_owned(), bytes: Some(Arc::from(answer.body)) }))
}

/// What the bytes are: what a server calls them is often wrong.
fn media_type(answer: &Answer) -> Option<&'static str> {
    match answer.body.as_slice() {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ => None,
    }
}

fn photo_address(crm: &HttpCrm, id: &str) -> Url {
    crm.address(&["v1", "contacts", id, "photo"])
}

pub(super) async fn put_photo(
    crm: &HttpCrm,
    op: &OpId,
    id: &str,
    if_version: Option<&str>,
    photo: Option<&Photo>,
) -> Result<WriteVerdict, CrmError> {
    let refused = |reason: &str| WriteVerdict::Rejected { reason: reason.to_owned(), field: Some("photo".to_owned()) };
    let mut url = photo_address(crm, id);
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("agent", crm.agent()).append_pair("opId", op.as_str());
        if let Some(version) = if_version {
            pairs.append_pair("ifVersion", version);
        }
    }
    let request = match photo {
        None => Request::new(Method::DELETE, url),
        Some(Photo { bytes: None, .. }) => return Ok(refused("the picture is not at hand")),
        Some(Photo { bytes: Some(bytes), .. }) if bytes.len() as u64 > MAX_PHOTO => {
            return Ok(refused("the picture is larger than the CRM takes"));
        }
        Some(Photo { bytes: Some(bytes), media_type, .. }) => {
            let Ok(media_type) = HeaderValue::from_str(media_type) else { return Ok(refused("the picture is of an unknown kind")) };
            let body = bytes::Bytes::from_owner(Arc::clone(bytes));
            let len = body.len() as u64;
            Request::new(Method::PUT, url).header(CONTENT_TYPE, media_type).body(body.into(), len)
        }
    };
    let answer = crm.send(request).await?;
    match answer.status {
        StatusCode::PAYLOAD_TOO_LARGE => Ok(refused("the picture is larger than the CRM takes")),
        StatusCode::UNSUPPORTED_MEDIA_TYPE => Ok(refused("the CRM takes no picture of this kind")),
        _ => single(answer, op, id),
    }
}

pub(super) async fn add_address(crm: &HttpCrm, op: &OpId, id: &str, address: &ContactAddress) -> Result<WriteVerdict, CrmError> {
    let document = AddressWrite { agent: crm.agent().to_owned(), op_id: op.clone(), address: address.clone() };
    let request = Request::new(Method::POST, crm.address(&["v1", "contacts", id, "addresses"])).json(&document, "application/json")?;
    single(crm.send(request).await?, op, id)
}

pub(super) async fn set_switch(crm: &HttpCrm, op: &OpId, id: &str, switch: Switch) -> Result<WriteVerdict, CrmError> {
    let document = SwitchWrite { agent: crm.agent().to_owned(), op_id: op.clone(), switch };
    let request = Request::new(Method::PUT, crm.address(&["v1", "contacts", id, "switch"])).json(&document, "application/json")?;
    single(crm.send(request).await?, op, id)
}

/// The one result of a single write.
fn single(answer: Answer, op: &OpId, id: &str) -> Result<WriteVerdict, CrmError> {
    let result: ItemResultDocument = answer.accept(Purpose::Other)?.json()?;
    if result.op_id != *op {
        return Err(CrmError::Contract("a result is for another write".to_owned()));
    }
    verdict(result, Some(id))
}

pub(super) async fn partners(crm: &HttpCrm, query: &PartnerQuery) -> Result<Vec<Partner>, CrmError> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    while found.len() < query.limit {
        let wanted = (query.limit - found.len()).min(PAGE);
        let page: PartnerPage = crm.get(partners_address(crm, query, wanted, cursor.as_deref())).await?;
        let is_empty = page.items.is_empty();
        found.extend(page.items.into_iter().take(wanted));
        // An empty page that promises another, or a cursor that stands still, would never end.
        if page.next.is_none() || page.next == cursor || is_empty {
            break;
        }
        cursor = page.next;
    }
    Ok(found)
}

fn partners_address(crm: &HttpCrm, query: &PartnerQuery, limit: usize, cursor: Option<&str>) -> Url {
    let mut url = crm.address(&["v1", "business-partners"]);
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("limit", &limit.to_string());
        if let Some(text) = &query.text {
            pairs.append_pair("text", text);
        }
        if let Some(domain) = &query.domain {
            pairs.append_pair("domain", domain);
        }
        if let Some(cursor) = cursor {
            pairs.append_pair("cursor", cursor);
        }
    }
    url
}

pub(super) async fn groups(crm: &HttpCrm) -> Result<Vec<ContactGroup>, CrmError> {
    let list: GroupList = crm.get(crm.address(&["v1", "groups"])).await?;
    Ok(list.items)
}
