//! `crmsync unlock`: clears "groupware password locked", here and at the CRM (R63).

use crate::crm::Crm as _;
use crate::journal::{Change, Lock};
use crate::model::AccountId;

use super::arguments::{Global, Unlock};
use super::exit::{Exit, Failure, Outcome};
use super::session::{Session, crm_settings};

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
    let at_crm = session.locked_at_crm().await;
    let Some((account, lock)) = chosen else {
        if !at_crm? {
            session.output.answer(&serde_json::json!({ "unlocked": null }), |out| writeln!(out, "No account is locked."))?;
            return Ok(Exit::Ok);
        }
        session.clear_at_crm().await?;
        let value = serde_json::json!({ "unlocked": null, "crm_unlocked": true });
        session.output.answer(&value, |out| writeln!(out, "The lock in your employee record at the CRM is cleared."))?;
        return Ok(Exit::Ok);
    };
    session.journal.commit(vec![Change::UnlockAccount(account.clone())]).await?;
    let remains = match at_crm {
        Ok(true) => session.clear_at_crm().await.err(),
        Ok(false) => None,
        Err(failure) => lock.mirrored.then_some(failure),
    };
    session.output.answer(&serde_json::json!({ "unlocked": account, "crm_still_locked": remains.is_some() }), |out| {
        let with = if lock.sign_in { "tries the sign-in once more" } else { "signs in once with the stored password" };
        writeln!(out, "Account {account} is unlocked; the next run {with}.")?;
        if let Some(failure) = &remains {
            writeln!(out, "The CRM still has the lock: {}; ask your administrator, or run `crmsync unlock` again.", failure.message)?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

impl Session {
    /// Whether the employee's record says so.
    async fn locked_at_crm(&self) -> Result<bool, Failure> {
        Ok(crm_settings(self.connect_crm().await?).await?.is_some_and(|record| record.password_locked))
    }

    pub(super) async fn clear_at_crm(&self) -> Result<(), Failure> {
        Ok(self.connect_crm().await?.mirror_lock(false).await?)
    }
}
