//! `crmsync activity`: sends a single activity to the groupware, and takes one back (R78 to R81).

use crate::crm::{CrmRecords as _, RecordKind};
use crate::journal::{Change, PairState, Wish};
use crate::model::{AccountId, Area};

use super::arguments::{Activity, ActivityAction, Global, PushAs, Sync};
use super::exit::{Exit, Failure, Outcome};
use super::pairs::{find, find_one};
use super::session::Session;
use super::sync;

pub(super) async fn run(global: &Global, arguments: Activity) -> Outcome {
    let session = Session::online(global).await?;
    session.permit()?;
    let (account, area, wish) = match &arguments.action {
        ActivityAction::Push { id, kind, account } => push(&session, id, *kind, account.as_deref()).await?,
        ActivityAction::Remove { what } => {
            let found = find_one(&session, what)?;
            (found.account, found.area, Wish::RemoveItem { key: found.key })
        }
    };
    session.journal.commit(vec![Change::PutWish { account: account.clone(), area, wish }]).await?;
    let run = Sync { area: vec![area], account: Some(account.0), dry_run: false, all: true, yes: false };
    sync::run_in(&session, &run).await
}

async fn push(session: &Session, id: &str, kind: PushAs, account: Option<&str>) -> Result<(AccountId, Area, Wish), Failure> {
    let Some(record) = session.crm()?.record(id).await?.into_view() else {
        return Err(Failure::new(Exit::NoInput, format!("the CRM has no activity \"{id}\" of yours")));
    };
    let pairs = find(session, id)?;
    if pairs.iter().any(|found| found.pair.state == PairState::Active) {
        return Err(Failure::new(Exit::Usage, format!("{id} is in the groupware already")));
    }
    if record.kind != RecordKind::Other && pairs.is_empty() {
        return Err(Failure::new(Exit::Usage, format!("{id} is of the type {}, which is synchronised by itself", record.activity_type)));
    }
    let mut accounts = session.accounts(account)?;
    accounts.retain(|name| session.settings.accounts.get(name).is_some_and(|account| account.dav.is_some()));
    let account = match (accounts.pop(), accounts.is_empty()) {
        (Some(account), true) => account,
        (Some(_), false) => return Err(Failure::new(Exit::Usage, "there are several accounts with a calendar; name one with --account")),
        (None, _) => return Err(Failure::new(Exit::Config, "no account has a calendar server; set accounts.NAME.dav.url")),
    };
    let area = match kind {
        PushAs::Appointment => Area::Calendar,
        PushAs::Task => Area::Tasks,
    };
    Ok((account, area, Wish::Push { record: id.to_owned() }))
}
