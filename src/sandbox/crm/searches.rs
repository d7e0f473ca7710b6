//! `GET /v1/activities`: the quick searches, over mails and over records.

use std::ops::ControlFlow;
use std::sync::Arc;

use axum::Extension;
use axum::extract::{Request, State};
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, NaiveDate, Utc};

use super::activity::StoredActivity;
use super::answers::Failure;
use super::api::{answer, parameters};
use super::directory::Employee;
use super::imports::blocking;
use super::records::StoredRecord;
use super::server::App;
use super::store::StoreError;
use crate::crm::contract::{ActivityDocument, ActivityPage, Origin};

pub(super) async fn activities(State(app): State<Arc<App>>, Extension(employee): Extension<Employee>, request: Request) -> Response {
    let filter = match app.has_profile("activities").and_then(|()| Filter::read(request.uri().query().unwrap_or_default())) {
        Ok(filter) => filter,
        Err(failure) => return failure.into_response(),
    };
    answer(blocking(move || page(&app, &employee, &filter)).await)
}

/// Where a page begins: mails come first, newest first, then records, newest first.
#[derive(Debug, Clone, Copy)]
enum Start {
    Mail(u64),
    Record(u64),
}

/// The filters of the quick searches.
#[derive(Debug)]
struct Filter {
    from_agent: Option<bool>,
    run: Option<String>,
    since: Option<DateTime<Utc>>,
    until: Option<DateTime<Utc>>,
    day: Option<NaiveDate>,
    unassigned: Option<bool>,
    activity_type: Option<String>,
    text: Option<String>,
    limit: usize,
    start: Start,
}

impl Filter {
    fn read(query: &str) -> Result<Self, Failure> {
        let mut filter = Self {
            from_agent: None,
            run: None,
            since: None,
            until: None,
            day: None,
            unassigned: None,
            activity_type: None,
            text: None,
            limit: 50,
            start: Start::Mail(u64::MAX),
        };
        for (name, value) in parameters("/v1/activities", query)? {
            let instant = || DateTime::parse_from_rfc3339(&value).ok().map(|date| date.to_utc());
            match name.as_str() {
                "origin" => filter.from_agent = Some(value == "agent"),
                "run" => filter.run = Some(value),
                "importedSince" => filter.since = instant(),
                "importedUntil" => filter.until = instant(),
                "day" => filter.day = value.parse().ok(),
                "unassigned" => filter.unassigned = value.parse().ok(),
                "type" => filter.activity_type = Some(value),
                "text" => filter.text = Some(value.to_lowercase()),
                "limit" => filter.limit = value.parse().unwrap_or(filter.limit),
                "cursor" => filter.start = start(&value),
                _ => {}
            }
        }
        Ok(filter)
    }

    fn takes_mail(&self, activity: &StoredActivity) -> bool {
        let sent_on = || activity.date.as_deref().and_then(|date| DateTime::parse_from_rfc3339(date).ok()).map(|date| date.date_naive());
        activity.owners.iter().any(|owner| self.takes_origin(Some(&owner.origin)))
            && self.day.is_none_or(|day| sent_on() == Some(day))
            && self.takes(activity.linked.is_empty(), &activity.activity_type, &activity.subject)
    }

    fn takes_record(&self, record: &StoredRecord) -> bool {
        let origin = record.imported_at.map(|imported_at| Origin { run: None, imported_at });
        self.takes_origin(origin.as_ref())
            && self.day.is_none_or(|day| record.day() == Some(day))
            && self.takes(record.linked.is_empty(), &record.activity_type, record.subject())
    }

    fn takes_origin(&self, origin: Option<&Origin>) -> bool {
        let at = origin.map(|origin| origin.imported_at);
        self.from_agent.is_none_or(|from_agent| origin.is_some() == from_agent)
            && self.run.as_ref().is_none_or(|run| origin.and_then(|origin| origin.run.as_ref()).is_some_and(|own| own.as_str() == run))
            && self.since.is_none_or(|since| at.is_some_and(|at| at >= since))
            && self.until.is_none_or(|until| at.is_some_and(|at| at < until))
    }

    fn takes(&self, unassigned: bool, activity_type: &str, subject: &str) -> bool {
        self.unassigned.is_none_or(|wanted| unassigned == wanted)
            && self.activity_type.as_ref().is_none_or(|wanted| activity_type == wanted)
            && self.text.as_ref().is_none_or(|text| subject.to_lowercase().contains(text))
    }
}

/// A cursor that never was leads to an empty page.
fn start(cursor: &str) -> Start {
    let number = |prefix: &str| cursor.strip_prefix(prefix).and_then(|number| number.parse().ok());
    number("before-").map(Start::Mail).or_else(|| number("records-before-").map(Start::Record)).unwrap_or(Start::Record(0))
}

fn page(app: &App, employee: &Employee, filter: &Filter) -> Result<ActivityPage, StoreError> {
    let (mut items, mut next) = (Vec::new(), None);
    let mut records_from = u64::MAX;
    match filter.start {
        Start::Record(before) => records_from = before,
        Start::Mail(before) => {
            let mut last = before;
            app.store.activities(before, |activity| {
                if !filter.takes_mail(&activity) {
                    return ControlFlow::Continue(());
                }
                if items.len() == filter.limit {
                    next = Some(format!("before-{last}"));
                    return ControlFlow::Break(());
                }
                last = activity.number;
                items.push(mail(app, activity));
                ControlFlow::Continue(())
            })?;
        }
    }
    if next.is_none() {
        let mut last = records_from;
        app.store.records(records_from, |record| {
            if !visible(&record, employee) || !filter.takes_record(&record) {
                return ControlFlow::Continue(());
            }
            if items.len() == filter.limit {
                next = Some(format!("records-before-{last}"));
                return ControlFlow::Break(());
            }
            last = record.number;
            items.push(listed(app, &record));
            ControlFlow::Continue(())
        })?;
    }
    Ok(ActivityPage { items, next })
}

/// R72: what is private is its owners' only.
fn visible(record: &StoredRecord, employee: &Employee) -> bool {
    !record.deleted && (!record.is_private() || record.is_of(&employee.id))
}

fn mail(app: &App, activity: StoredActivity) -> ActivityDocument {
    let id = activity.id();
    ActivityDocument {
        link: Some(app.activity_link().replace("{id}", &id)),
        id,
        activity_type: activity.activity_type,
        status: activity.status,
        subject: activity.subject,
        date: activity.date,
        direction: Some(activity.direction),
        linked: activity.linked,
        origin: activity.owners.into_iter().next().map(|owner| owner.origin),
    }
}

fn listed(app: &App, record: &StoredRecord) -> ActivityDocument {
    let id = record.id();
    ActivityDocument {
        link: Some(app.activity_link().replace("{id}", &id)),
        id,
        activity_type: record.activity_type.clone(),
        status: record.status().to_owned(),
        subject: record.subject().to_owned(),
        date: record.instant().map(|instant| instant.to_rfc3339()),
        direction: None,
        linked: record.linked.clone(),
        origin: record.imported_at.map(|imported_at| Origin { run: None, imported_at }),
    }
}
