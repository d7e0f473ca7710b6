//! `crmsync unlock`: clears "groupware password locked" (R63).

use crate::crm::Crm as _;
use crate::journal::{Change, Lock};
use crate::model::AccountId;

use super::arguments::{Global, Unlock};
use super::exit::{Exit, Failure, Outcome};
use super::session::Session;

pub(super) async fn run(global: &Global, arguments: &Unlock) -> Outcome {
    let session = Session::offline(global)?;
    let mut locked: Vec<(AccountId, Lock)> = Vec::new();
    for account in session.settings.accounts.keys() {
        locked.extend(session.journal.lock(account)?.map(|lock| (account.clone(), lock)));
    }
    let chosen = match &arguments.account {
        Some(name) if !session.settings.accounts.contains_key(&AccountId(name.clone())) => {
            return Err(Failure::new(Exit::NoInput, format!("the configuration has no account \"{name}\"")));
        }
        Some(name) => locked.into_iter().find(|(account, _)| account.as_str() == name),
        None if locked.len() > 1 => {
            let names: Vec<&str> = locked.iter().map(|(account, _)| account.as_str()).collect();
            return Err(Failure::new(Exit::Usage, format!("several accounts are locked: name one of {}", names.join(", "))));
        }
        None => locked.into_iter().next(),
    };
    let Some((account, lock)) = chosen else {
        session.output.answer(&serde_json::json!({ "unlocked": null }), |out| writeln!(out, "No account is locked."))?;
        return Ok(Exit::Ok);
    };
    session.journal.commit(vec![Change::UnlockAccount(account.clone())]).await?;
    // The mirror is for the administrator's eyes; that it cannot be cleared now is told, and does not hold up the user.
    let mirror = if lock.mirrored { session.connect_crm().await.err().or(session.clear_mirror().await) } else { None };
    session.output.answer(&serde_json::json!({ "unlocked": account, "crm_still_shows_lock": mirror.is_some() }), |out| {
        writeln!(out, "Account {account} is unlocked; the next run signs in once with the stored password.")?;
        if let Some(failure) = &mirror {
            writeln!(out, "The CRM still shows the lock: {}", failure.message)?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

impl Session {
    async fn clear_mirror(&self) -> Option<Failure> {
        match self.crm() {
            Ok(crm) => crm.mirror_lock(false).await.err().map(Failure::from),
            Err(failure) => Some(failure),
        }
    }
}
