//! The part of `crmsync doctor` that tries the server of calendar and tasks.

use crate::groupware::ItemStore as _;
use crate::model::{AccountId, Area};

use super::doctor::{Findings, lock_if_rejected};
use super::exit::Failure;
use super::session::Session;

/// Signs in, says what the server can do, what follows from it, and which collections take part.
pub(super) async fn examine(session: &Session, account: &AccountId, findings: &mut Findings) -> Result<(), Failure> {
    let store = match session.item_connector(account)?.connect().await {
        Ok(store) => store,
        Err(error) => return Err(lock_if_rejected(session, account, error).await),
    };
    let features = store.features();
    findings
        .facts
        .push(format!("calendar server: {}", if features.server.is_empty() { "it does not say its name" } else { &features.server }));
    for step in store.discovery() {
        findings.facts.push(format!("asked {}: {}", step.path, step.outcome));
    }
    if features.schedules && !session.settings.calendar.invitations {
        findings.advice.push(
            "the calendar server mails attendees by itself: meetings flow into the CRM, and are never changed or removed in the calendar"
                .to_owned(),
        );
    }
    if !features.delta {
        findings.advice.push("the calendar server does not tell what changed: listings are compared, which is slower".to_owned());
    }
    if !features.conditional_writes {
        findings.advice.push("the calendar server ignores conditions on writes: each is checked before and after".to_owned());
    }
    for area in [Area::Calendar, Area::Tasks] {
        let collections = store.collections(area).await?;
        let names: Vec<String> = collections
            .iter()
            .map(|collection| format!("\"{}\"{}", collection.name, if collection.writable { "" } else { " (read only)" }))
            .collect();
        if names.is_empty() {
            findings.advice.push(format!("the calendar server has no collection for {area}"));
        } else {
            findings.facts.push(format!("{area}: {}", names.join(", ")));
        }
    }
    Ok(())
}
