//! `GET /v1/activities`.

use super::client::HttpCrm;
use crate::crm::contract::{ActivityDocument, ActivityPage};
use crate::crm::{ActivityQuery, ActivitySummary, CrmError};

/// Most activities asked for in one page.
const PAGE: usize = 100;

pub(super) async fn find(crm: &HttpCrm, query: &ActivityQuery) -> Result<Vec<ActivitySummary>, CrmError> {
    let mut found = Vec::new();
    let mut cursor: Option<String> = None;
    while found.len() < query.limit {
        let wanted = (query.limit - found.len()).min(PAGE);
        let page: ActivityPage = crm.get(address(crm, query, wanted, cursor.as_deref())).await?;
        let is_empty = page.items.is_empty();
        found.extend(page.items.into_iter().take(wanted).map(summary));
        // An empty page that promises another, or a cursor that stands still, would never end.
        if page.next.is_none() || page.next == cursor || is_empty {
            break;
        }
        cursor = page.next;
    }
    Ok(found)
}

fn address(crm: &HttpCrm, query: &ActivityQuery, limit: usize, cursor: Option<&str>) -> url::Url {
    let mut url = crm.address(&["v1", "activities"]);
    {
        let mut pairs = url.query_pairs_mut();
        pairs.append_pair("limit", &limit.to_string());
        if let Some(run) = &query.run {
            pairs.append_pair("run", run.as_str());
        }
        if let Some(since) = query.imported_since {
            pairs.append_pair("importedSince", &since.to_rfc3339_opts(chrono::SecondsFormat::Micros, true));
        }
        if query.unassigned {
            pairs.append_pair("unassigned", "true");
        }
        if let Some(from_agent) = query.from_agent {
            pairs.append_pair("origin", if from_agent { "agent" } else { "crm" });
        }
        if let Some(day) = query.day {
            pairs.append_pair("day", &day.format("%Y-%m-%d").to_string());
        }
        if let Some(activity_type) = &query.activity_type {
            pairs.append_pair("type", activity_type);
        }
        if let Some(text) = &query.text {
            pairs.append_pair("text", text);
        }
        if let Some(cursor) = cursor {
            pairs.append_pair("cursor", cursor);
        }
    }
    url
}

fn summary(document: ActivityDocument) -> ActivitySummary {
    ActivitySummary {
        id: document.id,
        activity_type: document.activity_type,
        status: document.status,
        subject: document.subject,
        date: document.date,
        imported_at: document.origin.map(|origin| origin.imported_at),
        linked: document.linked,
        link: document.link,
    }
}
