//! `crmsync imported`: the quick searches (R34, R51). They ask the CRM; without its profile `activities` the journal answers for its own runs.

use crate::crm::{ActivityQuery, ActivitySummary, Crm as _, CrmError};
use crate::journal::ItemOutcome;
use crate::model::RunId;
use crate::settings::ResultDisplay;

use super::arguments::{Global, Imported};
use super::exit::{Exit, Failure, Outcome};
use super::output::table;
use super::session::Session;

const LIMIT: usize = 10_000;

pub(super) async fn run(global: &Global, arguments: &Imported) -> Outcome {
    let session = Session::online(global).await?;
    let query = query(&session, arguments)?;
    let activities = match session.crm()?.activities(&query).await {
        Ok(activities) => activities,
        Err(CrmError::NotOffered { what }) => match &query.run {
            Some(run) => from_journal(&session, run)?,
            None => {
                return Err(Failure::new(
                    Exit::Unavailable,
                    format!("the CRM does not offer {what}; use --run with a run of this computer"),
                ));
            }
        },
        Err(error) => return Err(error.into()),
    };
    session.output.answer(&activities, |out| {
        if activities.is_empty() {
            return writeln!(out, "None.");
        }
        let rows: Vec<Vec<String>> = activities
            .iter()
            .map(|activity| {
                let linked: Vec<&str> = activity.linked.iter().map(|record| record.name.as_str()).collect();
                vec![
                    activity.id.clone(),
                    activity.activity_type.clone(),
                    activity.status.clone(),
                    activity.date.clone().unwrap_or_default().chars().take(16).collect(),
                    activity.subject.clone(),
                    if linked.is_empty() { "(unassigned)".to_owned() } else { linked.join(", ") },
                ]
            })
            .collect();
        table(out, &["ID", "TYPE", "STATUS", "DATE", "SUBJECT", "LINKED TO"], &rows)
    })?;
    Ok(Exit::Ok)
}

/// The search the arguments ask for; without any, what the user's preset says: the last run, or today.
fn query(session: &Session, arguments: &Imported) -> Result<ActivityQuery, Failure> {
    let mut query = ActivityQuery { limit: LIMIT, ..ActivityQuery::default() };
    if arguments.all {
        return Ok(query);
    }
    if arguments.unassigned {
        query.unassigned = true;
    } else if let Some(run) = &arguments.run {
        query.run = Some(RunId(run.clone()));
    } else if arguments.today || session.settings.sync.result_display == ResultDisplay::Today {
        let midnight = chrono::Local::now().date_naive().and_time(chrono::NaiveTime::MIN);
        query.imported_since = midnight.and_local_timezone(chrono::Local).earliest().map(|at| at.to_utc());
    } else {
        let last = session.journal.runs(1)?.into_iter().next();
        query.run = Some(last.ok_or_else(|| Failure::new(Exit::NoInput, "there was no run yet; start one with `crmsync sync`"))?.id);
    }
    Ok(query)
}

fn from_journal(session: &Session, run: &RunId) -> Result<Vec<ActivitySummary>, Failure> {
    let mut activities = Vec::new();
    let mut after = None;
    loop {
        let page = session.journal.run_items(run, after, 500)?;
        let Some((last, _)) = page.last() else { return Ok(activities) };
        after = Some(*last);
        for (_, item) in page {
            let (ItemOutcome::Imported | ItemOutcome::Joined, Some(record)) = (item.outcome, item.record) else { continue };
            activities.push(ActivitySummary {
                id: record.id,
                activity_type: String::new(),
                status: String::new(),
                subject: item.title,
                date: item.date,
                imported_at: None,
                linked: Vec::new(),
                link: record.link,
            });
        }
    }
}
