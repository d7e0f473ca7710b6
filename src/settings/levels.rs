//! Brings the levels together: which value of a setting is in force, and where it comes from.
//!
//! From wide to narrow: the built-in default; the organisation (policy file, then the CRM); the group (the CRM); the user (the CRM, then
//! the configuration file); the environment; the command line. The narrower level wins unless a wider one locks the setting (R115–R119).
//! Lists of addresses and domains add up instead: a narrower level takes nothing away, and what it adds to `mail.never_log` counts even
//! under a lock, because it is stricter (R121). A value that a lock keeps out is told as a warning; on the command line it is a fault.
//!
//! The switches of the employee's record (automatic synchronisation, interactive use, locked password) are no settings: they stand in
//! [`CrmSettings`] beside them, and a run needs all three of action, settings and record to allow it (R121).

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::Serialize;

use crate::model::{CrmSettings, KeyedSetting, SettingLevel};

use super::assemble::assemble;
use super::fault::{Fault, Place, Problem, SettingsFaults, Severity};
use super::file::{self, Assigned, Role};
use super::schema::{self, Merge, Setting};
use super::value::{Kind, Value, unique};
use super::{Secret, Settings};

/// Looks environment variables up. Injected, so that tests decide them.
pub type Environment = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// Where settings come from, apart from the CRM.
#[derive(Clone)]
pub struct Sources {
    /// The user's configuration file.
    pub config: PathBuf,
    /// The organisation's policy file, where there is one. It has to be readable then: a policy is never ignored.
    pub policy: Option<PathBuf>,
    /// The environment.
    pub environment: Environment,
    /// Key and value of settings given on the command line.
    pub overrides: Vec<(String, String)>,
}

impl Sources {
    /// This machine's sources: the policy file of the system (another one by `CRMSYNC_POLICY` only where the system has none, so that a
    /// user's environment does not lift the policy) and the process's environment.
    #[must_use]
    pub fn of_system(config: PathBuf, overrides: Vec<(String, String)>) -> Self {
        let environment: Environment = Arc::new(|name| std::env::var(name).ok());
        let standard = crate::system::policy_file(&|name| std::env::var_os(name));
        let named = || environment("CRMSYNC_POLICY").filter(|path| !path.is_empty()).map(PathBuf::from);
        // An error other than absence counts as presence: an unreadable policy is a fault, not a freedom.
        let policy = if standard.try_exists().unwrap_or(true) { Some(standard) } else { named() };
        Self { config, policy, environment, overrides }
    }
}

impl std::fmt::Debug for Sources {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.overrides.iter().map(|(key, _)| key).collect();
        f.debug_struct("Sources")
            .field("config", &self.config)
            .field("policy", &self.policy)
            .field("overrides", &keys)
            .finish_non_exhaustive()
    }
}

/// The level a value comes from, widest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
#[allow(missing_docs, reason = "the names say it")]
pub enum Level {
    Default,
    Organisation,
    Group,
    User,
    Environment,
    CommandLine,
}

impl From<SettingLevel> for Level {
    fn from(level: SettingLevel) -> Self {
        match level {
            SettingLevel::Organisation => Self::Organisation,
            SettingLevel::Group => Self::Group,
            SettingLevel::User => Self::User,
        }
    }
}

impl Level {
    /// Its name in tables and JSON.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Default => "default",
            Self::Organisation => "organisation",
            Self::Group => "group",
            Self::User => "user",
            Self::Environment => "environment",
            Self::CommandLine => "command-line",
        }
    }
}

/// Where a value, or a part of an added list, comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Origin {
    /// Level.
    pub level: Level,
    /// Place.
    pub place: Place,
}

/// One setting in force, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EffectiveSetting {
    /// Key, with the account's name.
    pub key: String,
    /// Value as it would stand in the file; of a secret, where it is. `None` when it is not set and has no default.
    pub value: Option<String>,
    /// The same as JSON.
    pub json: serde_json::Value,
    /// Where it comes from; several for lists that add up.
    pub origins: Vec<Origin>,
    /// Where it is locked.
    pub locked: Option<Place>,
    /// What it is for.
    pub doc: &'static str,
}

/// The settings in force with their origins.
#[derive(Debug, Clone)]
pub struct Effective {
    /// The settings.
    pub settings: Settings,
    /// Every setting with value and origin, in the order of the example.
    pub origins: Vec<EffectiveSetting>,
    /// Settings of the CRM that steer nothing here, kept and shown.
    pub other: Vec<KeyedSetting>,
    /// What is not as it was meant, though the program runs.
    pub warnings: Vec<Fault>,
}

/// A setting after merging.
#[derive(Debug, Clone)]
pub(super) struct Merged {
    pub(super) value: Value,
    pub(super) origins: Vec<Origin>,
}

impl Merged {
    /// The place of the narrowest origin.
    pub(super) fn place(&self) -> Place {
        self.origins.last().map_or(Place::Default, |origin| origin.place.clone())
    }
}

/// What all levels together say.
#[derive(Debug, Default)]
pub(super) struct Layers {
    pub(super) merged: BTreeMap<String, Merged>,
    /// Accounts by name, with the place of their table.
    pub(super) accounts: BTreeMap<String, Place>,
    pub(super) locks: BTreeMap<String, Place>,
    pub(super) faults: Vec<Fault>,
}

impl Layers {
    /// Where a setting is locked.
    pub(super) fn lock(&self, key: &str) -> Option<&Place> {
        self.locks.get(key).or_else(|| self.locks.get(&schema::pattern(key)))
    }

    /// Lays a narrower level over what is there.
    fn lay(&mut self, level: Level, assigned: Vec<Assigned>) {
        for Assigned { key, value, place } in assigned {
            let Some(setting) = schema::by_key(&key) else { continue };
            let lock = self.lock(&key).cloned().filter(|_| setting.key != "mail.never_log");
            if let Some(lock) = lock {
                let in_force = self.merged.get(&key).map(|merged| merged.value.clone()).or_else(|| setting.default_value());
                if in_force.as_ref() != Some(&value) {
                    self.locked_out(level, &key, place, &lock);
                }
                continue;
            }
            let origin = Origin { level, place };
            match (setting.merge, self.merged.get_mut(&key), value) {
                (Merge::Add, Some(Merged { value: Value::List(wider), origins }), Value::List(narrower)) => {
                    wider.extend(narrower);
                    *wider = unique(std::mem::take(wider));
                    origins.push(origin);
                }
                (_, _, value) => {
                    self.merged.insert(key, Merged { value, origins: vec![origin] });
                }
            }
        }
    }

    fn locked_out(&mut self, level: Level, key: &str, place: Place, lock: &Place) {
        let problem = Problem::new(format!("is locked by {lock}; this value has no effect"), "take it out, or ask your administrator");
        self.faults.push(match level {
            Level::CommandLine => Fault::error(place, key, problem),
            _ => Fault::warning(place, key, problem),
        });
    }
}

/// Loads the settings in force.
///
/// # Errors
/// Every fault found, and the warnings beside them.
pub fn load(sources: &Sources, crm: Option<&CrmSettings>) -> Result<Effective, SettingsFaults> {
    let mut layers = Layers::default();
    let mut other = Vec::new();
    if let Some(path) = &sources.policy {
        lay_file(&mut layers, path, Role::Policy, Level::Organisation);
    }
    // The file is read before the CRM's levels are laid, because those add to every account the file names.
    let user = read(&mut layers, &sources.config, Role::User);
    layers.accounts.extend(user.accounts);
    if let Some(crm) = crm {
        lay_crm(&mut layers, crm, &mut other);
    }
    layers.lay(Level::User, user.assigned);
    lay_environment(&mut layers, &sources.environment);
    lay_overrides(&mut layers, &sources.overrides);

    let settings = assemble(&mut layers, sources);
    let (errors, warnings): (Vec<_>, Vec<_>) = layers.faults.iter().cloned().partition(|fault| fault.severity == Severity::Error);
    match settings {
        Some(settings) if errors.is_empty() => {
            let origins = shown(&layers);
            Ok(Effective { settings, origins, other, warnings })
        }
        _ => Err(SettingsFaults(in_order(layers.faults))),
    }
}

/// Faults by place: a file's from top to bottom.
fn in_order(mut faults: Vec<Fault>) -> Vec<Fault> {
    faults.sort_by_key(|fault| match &fault.place {
        Place::File { path, line, column } => (0, path.clone(), *line, *column),
        _ => (1, PathBuf::new(), 0, 0),
    });
    faults
}

fn read(layers: &mut Layers, path: &Path, role: Role) -> file::FileContent {
    match file::read_text(path, role) {
        Ok(text) => {
            let mut content = file::parse(path, &text, role);
            layers.faults.append(&mut content.faults);
            content
        }
        Err(fault) => {
            layers.faults.push(fault);
            file::FileContent::default()
        }
    }
}

fn lay_file(layers: &mut Layers, path: &Path, role: Role, level: Level) {
    let content = read(layers, path, role);
    layers.accounts.extend(content.accounts);
    layers.lay(level, content.assigned);
    layers.locks.extend(content.locked);
}

fn lay_crm(layers: &mut Layers, crm: &CrmSettings, other: &mut Vec<KeyedSetting>) {
    let employee = |name: &str, level| Place::Crm { name: name.to_owned(), level };
    lay_texts(layers, "mail.internal", &crm.internal, &employee("internal addresses", SettingLevel::Organisation), Level::Organisation);
    for level in [SettingLevel::Organisation, SettingLevel::Group, SettingLevel::User] {
        let mut locks = Vec::new();
        for held in crm.settings.iter().filter(|held| held.level == level) {
            let place = Place::Crm { name: held.key.clone(), level };
            let Some(setting) = schema::by_crm_type(&held.key) else {
                other.push(held.clone());
                continue;
            };
            // An empty value is the CRM's way to say that a setting is not set.
            if !held.value.trim().is_empty() {
                let assigned = tolerant(setting, &held.value, &place, &mut layers.faults);
                layers.lay(level.into(), assigned.into_iter().collect());
            }
            if held.locked {
                locks.push((setting.key.to_owned(), place));
            }
        }
        for (key, place) in locks {
            layers.locks.entry(key).or_insert(place);
        }
    }
    let accounts: Vec<String> = layers.accounts.keys().cloned().collect();
    for account in accounts {
        let key = schema::of_account("accounts.*.addresses", &account);
        lay_texts(layers, &key, &crm.own_addresses, &employee("own addresses", SettingLevel::User), Level::User);
    }
}

fn lay_texts(layers: &mut Layers, key: &str, texts: &[String], place: &Place, level: Level) {
    let Some(Setting { kind: Kind::Many(element), .. }) = schema::by_key(key) else { return };
    let mut list = Vec::new();
    for text in texts {
        match element.check(text) {
            Ok(text) => list.push(text),
            Err(problem) => layers.faults.push(Fault::warning(place.clone(), key, problem)),
        }
    }
    if !list.is_empty() {
        layers.lay(level, vec![Assigned { key: key.to_owned(), value: Value::List(unique(list)), place: place.clone() }]);
    }
}

/// Reads a value of the CRM. What it gets wrong is told and left out; the sound entries of a list stay, so that one slip in a never-log
/// list does not open the rest.
fn tolerant(setting: &Setting, text: &str, place: &Place, faults: &mut Vec<Fault>) -> Option<Assigned> {
    let key = setting.key;
    // A language may come with its country: `de-DE`.
    let text = if key.ends_with("language") { text.split(['-', '_']).next().unwrap_or_default() } else { text };
    let parts = if matches!(setting.kind, Kind::Many(_)) { setting.kind.split(text).collect() } else { vec![text] };
    let mut read: Option<Value> = None;
    for part in parts {
        match (setting.kind.parse(part), &mut read) {
            (Ok(Value::List(more)), Some(Value::List(list))) => list.extend(more),
            (Ok(value), _) => read = Some(value),
            (Err(problem), _) => faults.push(Fault::warning(place.clone(), key, problem)),
        }
    }
    read.map(|value| Assigned { key: key.to_owned(), value, place: place.clone() })
}

/// Full keys of a setting: one, or one an account.
pub(super) fn keys_of(setting: &Setting, accounts: &BTreeMap<String, Place>) -> Vec<String> {
    if setting.key.contains('*') {
        accounts.keys().map(|account| schema::of_account(setting.key, account)).collect()
    } else {
        vec![setting.key.to_owned()]
    }
}

fn lay_environment(layers: &mut Layers, environment: &Environment) {
    for setting in schema::all() {
        for key in keys_of(setting, &layers.accounts) {
            let variable = Setting::variable(&key);
            let Some(text) = environment(&variable).filter(|text| !text.trim().is_empty()) else { continue };
            let place = Place::Environment(variable.clone());
            // The variable of a secret holds the secret itself: it becomes the place to read it from, and is not looked at here.
            let value =
                if setting.kind == Kind::Secret { Ok(Value::Secret(Secret::Environment(variable))) } else { setting.kind.parse(&text) };
            match value {
                Ok(value) => layers.lay(Level::Environment, vec![Assigned { key, value, place }]),
                Err(problem) => layers.faults.push(Fault::error(place, &key, problem)),
            }
        }
    }
}

fn lay_overrides(layers: &mut Layers, overrides: &[(String, String)]) {
    for (key, text) in overrides {
        let read = match schema::by_key(key).filter(|_| !key.contains('*')) {
            Some(setting) => setting.kind.parse(text),
            None => Err(schema::unknown(key)),
        };
        match read {
            Ok(value) => layers.lay(Level::CommandLine, vec![Assigned { key: key.clone(), value, place: Place::CommandLine }]),
            Err(problem) => layers.faults.push(Fault::error(Place::CommandLine, key, problem)),
        }
    }
}

fn shown(layers: &Layers) -> Vec<EffectiveSetting> {
    let mut rows = Vec::new();
    let (of_accounts, single): (Vec<&Setting>, Vec<&Setting>) = schema::all().partition(|setting| setting.key.contains('*'));
    let mut keys: Vec<(&Setting, String)> = single.into_iter().map(|setting| (setting, setting.key.to_owned())).collect();
    for account in layers.accounts.keys() {
        keys.extend(of_accounts.iter().map(|setting| (*setting, schema::of_account(setting.key, account))));
    }
    for (setting, key) in keys {
        let merged = layers.merged.get(&key);
        rows.push(EffectiveSetting {
            value: merged.map(|merged| merged.value.to_string()),
            json: merged.map_or(serde_json::Value::Null, |merged| merged.value.to_json()),
            origins: merged.map_or_else(|| vec![Origin { level: Level::Default, place: Place::Default }], |merged| merged.origins.clone()),
            locked: layers.lock(&key).cloned(),
            doc: setting.doc,
            key,
        });
    }
    rows
}
