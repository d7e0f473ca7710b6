//! Writes settings into the user's configuration file, and leaves all the rest of it as it is: comments, order, formatting.

use std::io::Write as _;
use std::path::{Path, PathBuf};

use toml_edit::{Array, DocumentMut, InlineTable, Item, Table, TableLike, Value as TomlValue};
use url::Url;

use crate::model::AccountId;

use super::fault::{Fault, Place, SettingsFaults};
use super::file::{self, Role};
use super::schema;
use super::value::Value;
use super::{Account, CrmAccess, DavAuth, Endpoints, OAuthProvider, Secret, SecretSettings};

/// The first lines of a new file.
const HEADER: &str = "# Configuration of crmsync. `crmsync config example` prints every setting with its default.\n";

/// The file was not written; it is as it was.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The file, or what was to be written, has faults.
    #[error("{0}")]
    Faults(#[from] SettingsFaults),
    /// The system did not let it be written.
    #[error("{} cannot be written: {cause}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        cause: std::io::Error,
    },
}

/// Creates or changes an account.
pub fn write_account(path: &Path, name: &AccountId, account: &Account) -> Result<(), WriteError> {
    let key = |leaf: &str| format!("accounts.{name}.{leaf}");
    let imap = &account.imap;
    let dav = account.dav.as_ref();
    let usual_dav = if account.oauth.is_some() { DavAuth::Bearer } else { DavAuth::Basic };
    let mut changes = sign_in(&key, account);
    changes.extend([
        (key("addresses"), Some(texts(&account.addresses))),
        (key("imap.host"), Some(imap.host.as_str().into())),
        (key("imap.port"), Some(i64::from(imap.port).into())),
        (key("imap.security"), Some(word(imap.security))),
        (key("imap.auth"), Some(word(imap.auth))),
        (key("imap.user"), Some(imap.user.as_str().into())),
        (key("imap.secret"), secret(&imap.secret)),
        (key("imap.ca_file"), imap.ca_file.as_ref().map(|path| path.to_string_lossy().as_ref().into())),
        (key("dav.url"), dav.map(|dav| dav.url.as_str().into())),
        // What is not written is that of imap.
        (key("dav.auth"), dav.filter(|dav| dav.auth != usual_dav).map(|dav| word(dav.auth))),
        (key("dav.user"), dav.filter(|dav| dav.user != imap.user).map(|dav| dav.user.as_str().into())),
        (key("dav.secret"), dav.filter(|dav| dav.secret != imap.secret).and_then(|dav| secret(&dav.secret))),
        (
            key("dav.ca_file"),
            dav.filter(|dav| dav.ca_file != imap.ca_file)
                .and_then(|dav| dav.ca_file.as_ref())
                .map(|path| path.to_string_lossy().as_ref().into()),
        ),
    ]);
    edit(path, &changes)
}

/// What stands below `oauth`; for an account without it, that nothing does.
fn sign_in(key: &impl Fn(&str) -> String, account: &Account) -> Vec<(String, Option<TomlValue>)> {
    let oauth = account.oauth.as_ref();
    let (mut provider, mut tenant, mut urls) = (None, None, [None, None, None, None]);
    match oauth.map(|oauth| &oauth.provider) {
        None => {}
        Some(OAuthProvider::Google) => provider = Some("google"),
        Some(OAuthProvider::Microsoft { tenant: named }) => (provider, tenant) = (Some("microsoft"), Some(named.as_str())),
        Some(OAuthProvider::Custom(endpoints)) => {
            let Endpoints { authorization, token, device, revocation } = endpoints.as_ref();
            provider = Some("custom");
            urls = [authorization.as_ref(), Some(token), device.as_ref(), revocation.as_ref()];
        }
    }
    let [authorization, token, device, revocation] = urls;
    let text = |leaf: &str, text: Option<&str>| (key(&format!("oauth.{leaf}")), text.map(TomlValue::from));
    vec![
        text("provider", provider),
        text("tenant", tenant),
        text("client_id", oauth.map(|oauth| oauth.client_id.as_str())),
        (key("oauth.client_secret"), oauth.and_then(|oauth| oauth.client_secret.as_ref()).and_then(secret)),
        text("user", oauth.map(|oauth| oauth.user.as_str()).filter(|user| *user != account.imap.user)),
        (key("oauth.scopes"), oauth.filter(|oauth| !oauth.scopes.is_empty()).map(|oauth| texts(&oauth.scopes))),
        text("authorization_url", authorization.map(Url::as_str)),
        text("token_url", token.map(Url::as_str)),
        text("device_url", device.map(Url::as_str)),
        text("revocation_url", revocation.map(Url::as_str)),
    ]
}

/// Writes how the CRM is reached.
pub fn write_crm(path: &Path, crm: &CrmAccess) -> Result<(), WriteError> {
    edit(
        path,
        &[
            ("crm.url".to_owned(), Some(crm.url.as_str().into())),
            ("crm.auth".to_owned(), Some(word(crm.auth))),
            ("crm.user".to_owned(), crm.user.as_deref().map(Into::into)),
            ("crm.secret".to_owned(), secret(&crm.secret)),
            ("crm.ca_file".to_owned(), crm.ca_file.as_ref().map(|path| path.to_string_lossy().as_ref().into())),
        ],
    )
}

/// Writes where secrets lie.
pub fn write_secrets(path: &Path, secrets: &SecretSettings) -> Result<(), WriteError> {
    let passphrase = secrets.passphrase.as_ref().and_then(secret);
    edit(path, &[("secrets.store".to_owned(), Some(word(secrets.store))), ("secrets.passphrase".to_owned(), passphrase)])
}

/// Writes one setting, given as text like on the command line; `None` takes it out.
pub fn write_setting(path: &Path, key: &str, text: Option<&str>) -> Result<(), WriteError> {
    let read = match (schema::by_key(key), text) {
        (None, _) => Err(schema::unknown(key)),
        (Some(_), None) => Ok(None),
        (Some(setting), Some(text)) => setting.kind.parse(text).map(Some),
    };
    let value = read.map_err(|problem| SettingsFaults(vec![Fault::error(Place::CommandLine, key, problem)]))?;
    edit(path, &[(key.to_owned(), value.and_then(toml))])
}

fn edit(path: &Path, changes: &[(String, Option<TomlValue>)]) -> Result<(), WriteError> {
    let old = if path.try_exists().unwrap_or(true) {
        file::read_text(path, Role::User).map_err(|fault| SettingsFaults(vec![fault]))?
    } else {
        HEADER.to_owned()
    };
    let Ok(mut document) = old.parse::<DocumentMut>() else {
        return Err(SettingsFaults(file::parse(path, &old, Role::User).faults).into());
    };
    for (key, value) in changes {
        if set(document.as_table_mut(), key, value.clone()).is_none() {
            return Err(SettingsFaults(file::parse(path, &old, Role::User).faults).into());
        }
    }
    let new = document.to_string();
    // What was wrong before is the owner's; what becomes wrong by the change is not written.
    let before = file::parse(path, &old, Role::User).faults;
    let known = |fault: &Fault| before.iter().any(|old| old.key == fault.key && old.what == fault.what);
    let faults: Vec<Fault> = file::parse(path, &new, Role::User).faults.into_iter().filter(|fault| !known(fault)).collect();
    if !faults.is_empty() {
        return Err(SettingsFaults(faults).into());
    }
    replace(path, &new).map_err(|cause| WriteError::Io { path: path.to_owned(), cause })
}

/// Sets or removes a value; the tables on the way are made. `None` when something else than a table is on the way.
fn set(root: &mut dyn TableLike, key: &str, value: Option<TomlValue>) -> Option<()> {
    let (path, leaf) = key.rsplit_once('.').unwrap_or(("", key));
    let mut table = root;
    for part in path.split('.').filter(|part| !part.is_empty()) {
        if !table.contains_key(part) {
            if value.is_none() {
                return Some(());
            }
            let mut made = Table::new();
            made.set_implicit(true);
            table.insert(part, Item::Table(made));
        }
        table = table.get_mut(part)?.as_table_like_mut()?;
    }
    match (value, table.get_mut(leaf)) {
        (None, _) => {
            table.remove(leaf);
        }
        (Some(mut value), Some(item)) => {
            // A comment behind the old value stays.
            if let Some(old) = item.as_value() {
                *value.decor_mut() = old.decor().clone();
            }
            *item = Item::Value(value);
        }
        (Some(value), None) => {
            table.insert(leaf, Item::Value(value));
        }
    }
    Some(())
}

/// Writes beside the file and renames, so that there is never half a file. The owner alone may read it. A link is followed.
fn replace(path: &Path, text: &str) -> std::io::Result<()> {
    let target = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let folder = target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if !folder.is_dir() {
        crate::system::private_dir(folder)?;
    }
    // Its mode is 0600 from the start.
    let mut file = tempfile::Builder::new().prefix(".config-").suffix(".tmp").tempfile_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(&target).map_err(|error| error.error)?;
    Ok(())
}

fn texts(list: &[String]) -> TomlValue {
    list.iter().map(String::as_str).collect::<Array>().into()
}

/// The word of an enum, by its serde name.
fn word(choice: impl serde::Serialize) -> TomlValue {
    serde_json::to_value(choice).ok().and_then(|json| json.as_str().map(Into::into)).unwrap_or_else(|| "".into())
}

/// Where a secret is; a token of a sign-in stands nowhere.
fn secret(secret: &Secret) -> Option<TomlValue> {
    let (name, value): (_, TomlValue) = match secret {
        Secret::Keyring(entry) => ("keyring", entry.as_str().into()),
        Secret::Environment(variable) => ("env", variable.as_str().into()),
        Secret::Command(words) => ("command", texts(words)),
        Secret::SignIn => return None,
    };
    Some(InlineTable::from_iter([(name, value)]).into())
}

fn toml(value: Value) -> Option<TomlValue> {
    Some(match value {
        Value::Bool(value) => value.into(),
        Value::Integer(value) => value.into(),
        Value::Size(_) => value.to_string().trim_matches('"').into(),
        Value::Text(text) => text.into(),
        Value::List(list) => texts(&list),
        Value::Secret(place) => return secret(&place),
    })
}
