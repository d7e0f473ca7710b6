//! The part of `crmsync doctor` that tries the server of contacts.

use crate::groupware::ItemStore as _;
use crate::model::{AccountId, Area};

use super::doctor::{Findings, lock_if_rejected};
use super::exit::Failure;
use super::session::Session;

/// Signs in, says what the server can do, and which address books take part.
pub(super) async fn examine(session: &Session, account: &AccountId, findings: &mut Findings) -> Result<(), Failure> {
    let store = match session.contact_connector(account)?.connect().await {
        Ok(store) => store,
        Err(error) => return Err(lock_if_rejected(session, account, error).await),
    };
    let features = store.features();
    let name = if features.server.is_empty() { "it does not say its name" } else { &features.server };
    findings.facts.push(format!("contacts server: {name}"));
    if !features.delta {
        findings.advice.push("the contacts server does not tell what changed: listings are compared, which is slower".to_owned());
    }
    if !features.conditional_writes {
        findings.advice.push("the contacts server ignores conditions on writes: each is checked before and after".to_owned());
    }
    let books = store.collections(Area::Contacts).await?;
    let names: Vec<String> =
        books.iter().map(|book| format!("\"{}\"{}", book.name, if book.writable { "" } else { " (read only)" })).collect();
    findings.facts.push(format!("address books: {}", names.join(", ")));
    let wanted = &session.settings.contacts.address_book;
    if !books.iter().any(|book| book.name == *wanted || book.id.0 == *wanted) {
        findings.advice.push(format!("the address book \"{wanted}\" for contacts of the CRM is made at the first run"));
    }
    Ok(())
}
