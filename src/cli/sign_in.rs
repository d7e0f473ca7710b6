//! `crmsync sign-in` and `crmsync sign-out`: tokens by OAuth 2 instead of a password.

use std::io::Write as _;
use std::sync::Arc;

use serde::Serialize;

use crate::journal::Change;
use crate::model::{AccountId, Instant};
use crate::oauth::{OAuthError, SignIn, SignIns, SignedOut, Standing};
use crate::settings::{Settings, load};
use crate::system::open_browser;

use super::arguments::{Global, OneAccount, SignInArguments};
use super::exit::{Exit, Failure, Outcome};
use super::output::{Output, plain};
use super::session::{Session, secrets_of, sign_ins, sources};
use super::status::local;

/// How a person signs in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// By the browser of this computer.
    Browser,
    /// By an address that the person opens.
    Address,
    /// By a code on another device.
    Device,
}

#[derive(Serialize)]
struct Answer {
    user: String,
    provider: &'static str,
    accounts: Vec<AccountId>,
    expires: Option<Instant>,
    renews: bool,
    unlocked: Vec<AccountId>,
    /// Why a lock may still be there.
    #[serde(skip_serializing_if = "Option::is_none")]
    remains: Option<String>,
}

pub(super) async fn run(global: &Global, arguments: &SignInArguments) -> Outcome {
    let chosen = Chosen::of(global, arguments.account.as_deref())?;
    let way = match (arguments.device, arguments.no_browser) {
        (true, _) => Way::Device,
        (false, true) => Way::Address,
        (false, false) => usual_way(&chosen.sign_in),
    };
    let standing = sign_in(&chosen.sign_in, way).await?;
    let (unlocked, remains) = match unlock(global, &chosen.accounts).await {
        Ok(done) => done,
        // The tokens are there; a lock that could not be looked at is told, and is no failure of the sign-in.
        Err(failure) => (Vec::new(), Some(failure.message)),
    };
    let Standing { user, provider, expires, renews } = standing;
    let answer = Answer { user, provider, accounts: chosen.accounts, expires, renews, unlocked, remains };
    chosen.output.answer(&answer, |out| {
        let names: Vec<&str> = answer.accounts.iter().map(AccountId::as_str).collect();
        writeln!(out, "Signed in at {} as {}, for {}.", answer.provider, plain(&answer.user), names.join(", "))?;
        writeln!(out, "{}", lasts(answer.expires, answer.renews))?;
        for account in &answer.unlocked {
            writeln!(out, "Account {account} is unlocked.")?;
        }
        if let Some(remains) = &answer.remains {
            writeln!(out, "Whether a lock is left could not be found out ({remains}); if a run says so, `crmsync unlock` clears it.")?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}

pub(super) async fn out(global: &Global, arguments: &OneAccount) -> Outcome {
    let chosen = Chosen::of(global, arguments.account.as_deref())?;
    let was = chosen.sign_in.sign_out().await?;
    let word = match was {
        SignedOut::Revoked => "revoked",
        SignedOut::Forgotten => "forgotten",
        SignedOut::Nobody => "nobody",
    };
    let value = serde_json::json!({ "accounts": chosen.accounts, "signed_out": word });
    chosen.output.answer(&value, |out| match was {
        SignedOut::Revoked => writeln!(out, "Signed out; the provider has taken the sign-in back."),
        SignedOut::Forgotten => {
            writeln!(
                out,
                "Signed out on this computer. At the provider the sign-in may last until you end it there, among your account's apps."
            )
        }
        SignedOut::Nobody => writeln!(out, "Nobody was signed in."),
    })?;
    Ok(Exit::Ok)
}

/// The sign-in a command is about, and the accounts that share it.
struct Chosen {
    output: Output,
    sign_in: Arc<SignIn>,
    accounts: Vec<AccountId>,
}

impl Chosen {
    fn of(global: &Global, name: Option<&str>) -> Result<Self, Failure> {
        let (sources, _) = sources(global)?;
        let effective = load(&sources, None)?;
        for warning in &effective.warnings {
            super::eprint_lines(&warning.to_string());
        }
        let output = Output { json: global.json };
        let settings = effective.settings;
        let account = choose(&settings, name)?;
        let sign_ins = sign_ins(&secrets_of(&settings.secrets, &sources, output));
        let account = settings.accounts.get(&account).ok_or_else(|| Failure::new(Exit::NoInput, "there is no such account"))?;
        let accounts = SignIns::shared(account, &settings.accounts).into_iter().cloned().collect();
        let sign_in = sign_ins.of(account)?.ok_or_else(|| Failure::new(Exit::Config, "the account does not sign in by OAuth 2"))?;
        Ok(Self { output, sign_in, accounts })
    }
}

/// The named account, or the one whose sign-in is the only one.
fn choose(settings: &Settings, name: Option<&str>) -> Result<AccountId, Failure> {
    if let Some(name) = name {
        let account = AccountId::from(name);
        return match settings.accounts.get(&account).map(|account| account.oauth.is_some()) {
            Some(true) => Ok(account),
            Some(false) => {
                let repair = format!("write provider = \"microsoft\", \"google\" or \"custom\" below [accounts.{name}.oauth]");
                Err(Failure::new(Exit::Config, format!("account \"{name}\" signs in by a password; {repair}")))
            }
            None => Err(Failure::new(Exit::NoInput, format!("the configuration has no account \"{name}\""))),
        };
    }
    let able: Vec<(&AccountId, _)> = settings.accounts.iter().filter(|(_, account)| account.oauth.is_some()).collect();
    let Some((first, account)) = able.first() else {
        let repair = "write provider = \"microsoft\", \"google\" or \"custom\" below [accounts.NAME.oauth], or run `crmsync setup`";
        return Err(Failure::new(Exit::Config, format!("no account signs in by OAuth 2; {repair}")));
    };
    if SignIns::shared(account, &settings.accounts).len() == able.len() {
        return Ok((*first).clone());
    }
    let names: Vec<&str> = able.iter().map(|(name, _)| name.as_str()).collect();
    Err(Failure::new(Exit::Usage, format!("several accounts sign in: name one with --account: {}", names.join(", "))))
}

/// By the browser where there is one; else by a code where the provider has codes.
pub(super) fn usual_way(sign_in: &SignIn) -> Way {
    let provider = sign_in.provider();
    let screen = cfg!(any(windows, target_os = "macos"))
        || ["DISPLAY", "WAYLAND_DISPLAY", "BROWSER"].into_iter().any(|name| std::env::var_os(name).is_some_and(|value| !value.is_empty()));
    if provider.device.is_some() && (provider.authorization.is_none() || !screen) { Way::Device } else { Way::Browser }
}

/// Has a person sign in; what to do is said on standard error.
pub(super) async fn sign_in(sign_in: &SignIn, way: Way) -> Result<Standing, Failure> {
    let tell = |lines: &str| {
        // A closed standard error stops nothing.
        let _ = writeln!(std::io::stderr().lock(), "{lines}");
    };
    let standing = match way {
        Way::Browser | Way::Address => {
            sign_in
                .by_browser(|url| {
                    tell(&format!("Open this address in a browser of this computer:\n\n    {url}\n"));
                    if way == Way::Browser
                        && let Err(error) = open_browser(url)
                    {
                        tell(&format!("(No browser could be started: {error}.)"));
                    }
                })
                .await?
        }
        Way::Device => {
            sign_in
                .by_device(|code| {
                    let minutes = code.lifetime.as_secs() / 60;
                    let user_code = &code.user_code;
                    tell(&format!("Open {} on any device and type the code {user_code} within {minutes} minutes.", code.address));
                    if let Some(complete) = &code.complete {
                        tell(&format!("Or open {complete}"));
                    }
                })
                .await?
        }
    };
    Ok(standing)
}

/// Has the person in front sign in, if the account signs in by OAuth 2 and nobody has (R39).
pub(super) async fn ask_if_nobody_is(session: &Session, account: &AccountId) -> Result<(), Failure> {
    let Some(account) = session.settings.accounts.get(account).filter(|_| session.output.interactive()) else { return Ok(()) };
    if let Some(known) = session.sign_ins.of(account)?
        && let Err(OAuthError::NotSignedIn { .. }) = known.standing().await
    {
        sign_in(&known, usual_way(&known)).await?;
    }
    Ok(())
}

/// How long a sign-in lasts, in words.
pub(super) fn lasts(expires: Option<Instant>, renews: bool) -> String {
    match (expires, renews) {
        (Some(at), true) => format!("The token is good until {} and renews itself.", local(at)),
        (Some(at), false) => format!("The token is good until {}; then you have to sign in again.", local(at)),
        (None, true) => "The token is renewed at the next run.".to_owned(),
        (None, false) => "There is no token left: run `crmsync sign-in`.".to_owned(),
    }
}

/// Clears the locks that rejected sign-ins have set, here and at the CRM. Who signs in anew has done what a lock asks for (R63).
async fn unlock(global: &Global, accounts: &[AccountId]) -> Result<(Vec<AccountId>, Option<String>), Failure> {
    let session = Session::offline(global)?;
    let (mut unlocked, mut mirrored) = (Vec::new(), false);
    for account in accounts {
        if let Some(lock) = session.journal.lock(account)?.filter(|lock| lock.sign_in) {
            session.journal.commit(vec![Change::UnlockAccount(account.clone())]).await?;
            mirrored |= lock.mirrored;
            unlocked.push(account.clone());
        }
    }
    let remains = if mirrored { session.clear_at_crm().await.err().map(|failure| failure.message) } else { None };
    Ok((unlocked, remains))
}
