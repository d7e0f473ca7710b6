//! Makes typed [`Settings`] of merged values, fills in derived defaults, and finds what is missing or contradicts itself.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::de::DeserializeOwned;
use url::Url;

use crate::model::dialling::Country;
use crate::model::{AccountId, Field};

use super::fault::{Fault, Place, Problem};
use super::levels::{Layers, Level, Merged, Origin, Sources, keys_of};
use super::names;
use super::schema::{self, Fallback};
use super::value::{Element, Kind, Value};
use super::{
    Account, ConflictPolicy, ContactSettings, CrmAccess, CrmAuth, DavAccess, Endpoints, ImapAccess, ItemSettings, MailSettings,
    OAuthProvider, OnGroupwareDelete, Secret, SecretSettings, Settings, SignInSettings, SyncSettings, UpdateScope, WebFolder,
};

/// The settings in force, or `None` when something needed is missing; why stands among the faults.
pub(super) fn assemble(layers: &mut Layers, sources: &Sources) -> Option<Settings> {
    fill_defaults(layers);
    derive(layers);
    missing(layers, sources);
    let settings = Assembler { layers, sources }.settings();
    if let Some(settings) = &settings {
        super::contradictions::find(layers, settings);
    }
    settings
}

fn origin_default() -> Vec<Origin> {
    vec![Origin { level: Level::Default, place: Place::Default }]
}

fn default_to(layers: &mut Layers, key: String, value: Value) {
    layers.merged.entry(key).or_insert_with(|| Merged { value, origins: origin_default() });
}

fn fill_defaults(layers: &mut Layers) {
    for setting in schema::all() {
        if let Some(value) = setting.default_value() {
            for key in keys_of(setting, &layers.accounts) {
                default_to(layers, key, value.clone());
            }
        }
    }
}

/// Defaults that follow from other settings.
fn derive(layers: &mut Layers) {
    let language = text(layers, "general.groupware_language").unwrap_or_default();
    default_to(layers, "mail.import_folder".to_owned(), Value::Text(names::import_folder(&language).to_owned()));
    default_to(layers, "mail.archive_folder".to_owned(), Value::Text(names::archive_folder(&language).to_owned()));

    let selectors = list(layers, "mail.selectors");
    let mut marks = Vec::new();
    if selectors.iter().any(|selector| selector == "folder") {
        marks.push("move".to_owned());
    }
    if selectors.iter().any(|selector| selector != "folder") {
        marks.push("keyword".to_owned());
    }
    default_to(layers, "mail.marks".to_owned(), Value::List(marks));

    for account in layers.accounts.keys().cloned().collect::<Vec<_>>() {
        let key = |name: &str| format!("accounts.{account}.{name}");
        let port = if text(layers, &key("imap.security")).as_deref() == Some("tls") { 993 } else { 143 };
        default_to(layers, key("imap.port"), Value::Integer(port));
        derive_sign_in(layers, &key);
        for (table, leaf) in [("dav", "user"), ("dav", "secret"), ("dav", "ca_file"), ("oauth", "user"), ("oauth", "ca_file")] {
            if let Some(of_imap) = layers.merged.get(&key(&format!("imap.{leaf}"))).cloned() {
                default_to(layers, key(&format!("{table}.{leaf}")), of_imap.value);
            }
        }
        for leaf in ["url", "auth", "user", "secret", "ca_file"] {
            if let Some(of_dav) = layers.merged.get(&key(&format!("dav.{leaf}"))).cloned() {
                default_to(layers, key(&format!("carddav.{leaf}")), of_dav.value);
            }
        }
        let user = text(layers, &key("imap.user")).unwrap_or_default();
        if let Ok(address) = Element::Address.check(&user) {
            own_address(layers, key("addresses"), address);
        }
    }
}

/// With a provider the servers of an account take its token, unless they are told otherwise.
fn derive_sign_in(layers: &mut Layers, key: &impl Fn(&str) -> String) {
    let signs_in = layers.merged.contains_key(&key("oauth.provider"));
    for (table, without, with) in [("imap", "password", "xoauth2"), ("dav", "basic", "bearer")] {
        let auth = key(&format!("{table}.auth"));
        default_to(layers, auth.clone(), Value::Text(if signs_in { with } else { without }.to_owned()));
        if signs_in && text(layers, &auth).is_some_and(|auth| auth != without) {
            default_to(layers, key(&format!("{table}.secret")), Value::Secret(Secret::SignIn));
        }
    }
    default_to(layers, key("oauth.tenant"), Value::Text("organizations".to_owned()));
}

/// A user name that is an address is always one of the user's own, whatever else is: it never matches as a customer (R24).
fn own_address(layers: &mut Layers, key: String, address: String) {
    match layers.merged.get_mut(&key) {
        Some(Merged { value: Value::List(own), origins }) if !own.contains(&address) => {
            own.push(address);
            origins.insert(0, Origin { level: Level::Default, place: Place::Default });
        }
        Some(_) => {}
        None => default_to(layers, key, Value::List(vec![address])),
    }
}

/// Tells of what has to be set and is not. What was set wrongly is told already.
fn missing(layers: &mut Layers, sources: &Sources) {
    let told: BTreeSet<String> = layers.faults.iter().filter_map(|fault| fault.key.clone()).collect();
    // Without a file, or with one that is no TOML, nothing more can be said about it.
    if layers.faults.iter().any(|fault| fault.key.is_none()) {
        return;
    }
    let file = Place::File { path: sources.config.clone(), line: 0, column: 0 };
    let mut faults = Vec::new();
    if layers.accounts.is_empty() && !told.iter().any(|key| key.starts_with("accounts")) {
        let problem =
            Problem::new("there is no account", "run `crmsync setup`, or write [accounts.work.imap] as in `crmsync config example`");
        faults.push(Fault::error(file.clone(), "accounts", problem));
    }
    for setting in schema::all() {
        let example = match setting.default {
            Fallback::Mandatory(example) if setting.kind == Kind::Secret => format!("{{ keyring = \"{example}\" }}"),
            Fallback::Mandatory(example) => format!("\"{example}\""),
            Fallback::Derived(..) if setting.key == "accounts.*.addresses" => "[\"anna@example.com\"]".to_owned(),
            _ => continue,
        };
        for key in keys_of(setting, &layers.accounts) {
            let user = key.replace(".addresses", ".imap.user");
            if layers.merged.contains_key(&key) || told.contains(&key) || (key != user && !layers.merged.contains_key(&user)) {
                continue;
            }
            let account = key.strip_prefix("accounts.").and_then(|rest| rest.split('.').next());
            let place = account.and_then(|account| layers.accounts.get(account)).unwrap_or(&file).clone();
            let (table, leaf) = key.rsplit_once('.').unwrap_or(("", &key));
            let problem = Problem::new("is not set", format!("write {leaf} = {example} below [{table}], or run `crmsync setup`"));
            faults.push(Fault::error(place, &key, problem));
        }
    }
    layers.faults.append(&mut faults);
}

fn text(layers: &Layers, key: &str) -> Option<String> {
    match &layers.merged.get(key)?.value {
        Value::Text(text) => Some(text.clone()),
        _ => None,
    }
}

fn list(layers: &Layers, key: &str) -> Vec<String> {
    match layers.merged.get(key).map(|merged| &merged.value) {
        Some(Value::List(list)) => list.clone(),
        _ => Vec::new(),
    }
}

/// A choice as the enum it stands for. The enums' serde names are the words of the schema.
fn word<T: DeserializeOwned>(word: String) -> Option<T> {
    serde_json::from_value(serde_json::Value::String(word)).ok()
}

struct Assembler<'a> {
    layers: &'a mut Layers,
    sources: &'a Sources,
}

impl Assembler<'_> {
    fn settings(&mut self) -> Option<Settings> {
        // Every part is assembled before any is missed, so that the faults of all are told.
        let crm = self.crm();
        let accounts = self.accounts();
        let mail = self.mail();
        Some(Settings {
            areas: self.choices("sync.areas"),
            sync: SyncSettings { consent: self.bool("sync.consent"), result_display: self.choice("sync.result_display")? },
            secrets: SecretSettings { store: self.choice("secrets.store")?, passphrase: self.secret("secrets.passphrase") },
            crm: crm?,
            accounts: accounts?,
            mail: mail?,
            calendar: self.items("calendar")?,
            tasks: self.items("tasks")?,
            contacts: self.contacts()?,
            groupware_language: text(self.layers, "general.groupware_language")?,
            language: text(self.layers, "general.language")?,
        })
    }

    fn crm(&mut self) -> Option<CrmAccess> {
        let ca_file = self.existing_file("crm.ca_file");
        let auth = self.choice("crm.auth")?;
        let user = text(self.layers, "crm.user");
        if auth == CrmAuth::Basic && user.is_none() {
            let place = self.place("crm.auth");
            let problem = Problem::new("is \"basic\", and there is no user name", "write user = \"…\" below [crm], or auth = \"bearer\"");
            self.layers.faults.push(Fault::error(place, "crm.auth", problem));
        }
        Some(CrmAccess { url: self.url("crm.url")?, auth, user, secret: self.secret("crm.secret")?, ca_file })
    }

    fn accounts(&mut self) -> Option<BTreeMap<AccountId, Account>> {
        let names: Vec<String> = self.layers.accounts.keys().cloned().collect();
        let accounts: Vec<_> = names.into_iter().map(|name| Some((AccountId(name.clone()), self.account(&name)?))).collect();
        accounts.into_iter().collect()
    }

    fn account(&mut self, name: &str) -> Option<Account> {
        let key = |leaf: &str| format!("accounts.{name}.{leaf}");
        let ca_file = self.existing_file(&key("imap.ca_file"));
        let imap = ImapAccess {
            host: text(self.layers, &key("imap.host"))?,
            port: self.number(&key("imap.port"))?,
            security: self.choice(&key("imap.security"))?,
            auth: self.choice(&key("imap.auth"))?,
            user: text(self.layers, &key("imap.user"))?,
            secret: self.secret(&key("imap.secret"))?,
            ca_file,
        };
        let dav = self.dav(name, "dav");
        let carddav = self.dav(name, "carddav");
        let oauth = self.sign_in(name);
        Some(Account { addresses: list(self.layers, &key("addresses")), imap, dav, carddav, oauth })
    }

    fn sign_in(&mut self, name: &str) -> Option<SignInSettings> {
        let key = |leaf: &str| format!("accounts.{name}.oauth.{leaf}");
        let provider = match text(self.layers, &key("provider"))?.as_str() {
            "microsoft" => OAuthProvider::Microsoft { tenant: text(self.layers, &key("tenant"))? },
            "google" => OAuthProvider::Google,
            _ => OAuthProvider::Custom(Box::new(Endpoints {
                authorization: self.url(&key("authorization_url")),
                token: self.needed(&key("token_url"), "https://idp.example.com/token").and_then(|url| Url::parse(&url).ok())?,
                device: self.url(&key("device_url")),
                revocation: self.url(&key("revocation_url")),
            })),
        };
        let ca_file = self.existing_file(&key("ca_file"));
        Some(SignInSettings {
            provider,
            client_id: self.needed(&key("client_id"), "11112222-3333-4444-5555-666677778888")?,
            client_secret: self.secret(&key("client_secret")),
            user: text(self.layers, &key("user"))?,
            scopes: list(self.layers, &key("scopes")),
            redirect_port: self.number(&key("redirect_port"))?,
            ca_file,
        })
    }

    /// A text that has to be there once the provider is named.
    fn needed(&mut self, key: &str, example: &str) -> Option<String> {
        let found = text(self.layers, key);
        if found.is_none() && !self.layers.faults.iter().any(|fault| fault.key.as_deref() == Some(key)) {
            let (table, leaf) = key.rsplit_once('.').unwrap_or(("", key));
            let place = self.place(&format!("{table}.provider"));
            let problem = Problem::new("is not set", format!("write {leaf} = \"{example}\" below [{table}]"));
            self.layers.faults.push(Fault::error(place, key, problem));
        }
        found
    }

    fn mail(&mut self) -> Option<MailSettings> {
        let web_folder = self.web_folder();
        Some(MailSettings {
            selectors: self.choices("mail.selectors"),
            import_folder: text(self.layers, "mail.import_folder")?,
            inbox_children: self.bool("mail.inbox_children"),
            category_folders: list(self.layers, "mail.category_folders"),
            category: text(self.layers, "mail.category")?,
            marks: self.choices("mail.marks"),
            archive_folder: text(self.layers, "mail.archive_folder")?,
            processed_keyword: text(self.layers, "mail.processed_keyword")?,
            not_found_keyword: text(self.layers, "mail.not_found_keyword")?,
            keep_category: self.bool("mail.keep_category"),
            unmatched: self.choice("mail.unmatched")?,
            internal: list(self.layers, "mail.internal"),
            internal_mail: self.choice("mail.internal_mail")?,
            never_log: list(self.layers, "mail.never_log"),
            private: self.choice("mail.private")?,
            encrypted: self.choice("mail.encrypted")?,
            freemail: list(self.layers, "mail.freemail"),
            payload: self.choice("mail.payload")?,
            max_size: self.size("mail.max_size")?,
            attachment_max_size: self.size("mail.attachment_max_size"),
            attachment_exclude: list(self.layers, "mail.attachment_exclude"),
            inline_attachments: self.bool("mail.inline_attachments"),
            tnef: self.choice("mail.tnef")?,
            web_folder,
            retry_hours: self.number("mail.retry_hours")?,
        })
    }

    fn field_conflicts(&self, area: &str) -> BTreeMap<Field, ConflictPolicy> {
        let policy = |text: &String| {
            let (field, policy) = text.split_once('=')?;
            Some((Field::by_name(field)?, word(policy.to_owned())?))
        };
        list(self.layers, &format!("{area}.field_conflicts")).iter().filter_map(policy).collect()
    }

    fn contacts(&mut self) -> Option<ContactSettings> {
        let items = ItemSettings {
            direction: self.choice("contacts.direction")?,
            create_in_crm: true,
            create_in_groupware: true,
            conflicts: self.choice("contacts.conflicts")?,
            field_conflicts: self.field_conflicts("contacts"),
            on_groupware_delete: OnGroupwareDelete::Keep,
            future_days: 0,
            past_days: 0,
            private: self.choice("contacts.private")?,
            category: None,
            collections: list(self.layers, "contacts.collections").into_iter().collect(),
            link_back: true,
            invitations: false,
            update_scope: UpdateScope::All,
            default_show_as: String::new(),
        };
        let iso = text(self.layers, "contacts.country");
        let country = iso.as_deref().and_then(Country::by_iso);
        if let (Some(iso), None) = (iso, country) {
            let problem = Problem::new(format!("\"{iso}\" is no country known by its ISO 3166 code"), "write two letters, such as \"DE\"");
            self.layers.faults.push(Fault::error(self.place("contacts.country"), "contacts.country", problem));
        }
        Some(ContactSettings {
            items,
            address_book: text(self.layers, "contacts.address_book")?,
            owned: self.bool("contacts.owned"),
            groups: self.bool("contacts.groups"),
            search: text(self.layers, "contacts.search"),
            organisations: self.bool("contacts.organisations"),
            photos: self.bool("contacts.photos"),
            category: text(self.layers, "contacts.category")?,
            country,
        })
    }

    fn items(&self, area: &str) -> Option<ItemSettings> {
        let key = |leaf: &str| format!("{area}.{leaf}");
        Some(ItemSettings {
            direction: self.choice(&key("direction"))?,
            create_in_crm: self.bool(&key("create_in_crm")),
            create_in_groupware: self.bool(&key("create_in_groupware")),
            conflicts: self.choice(&key("conflicts"))?,
            field_conflicts: self.field_conflicts(area),
            on_groupware_delete: self.choice(&key("on_groupware_delete"))?,
            future_days: self.number(&key("future_days"))?,
            past_days: self.number(&key("past_days"))?,
            private: self.choice(&key("private"))?,
            category: text(self.layers, &key("category")),
            collections: list(self.layers, &key("collections")).into_iter().collect(),
            link_back: self.bool(&key("link_back")),
            invitations: self.bool(&key("invitations")),
            update_scope: self.choice(&key("update_scope"))?,
            default_show_as: text(self.layers, "calendar.default_show_as")?,
        })
    }

    fn dav(&mut self, name: &str, table: &str) -> Option<DavAccess> {
        let key = |leaf: &str| format!("accounts.{name}.{table}.{leaf}");
        let url = self.url(&key("url"))?;
        let ca_file = self.existing_file(&key("ca_file"));
        Some(DavAccess {
            url,
            user: text(self.layers, &key("user"))?,
            auth: self.choice(&key("auth"))?,
            secret: self.secret(&key("secret"))?,
            ca_file,
        })
    }

    fn web_folder(&self) -> Option<WebFolder> {
        let folder = text(self.layers, "mail.web_folder")?;
        if folder.contains("://") {
            let url = Url::parse(&folder).ok()?;
            return Some(WebFolder::WebDav {
                url,
                user: text(self.layers, "mail.web_folder_user"),
                secret: self.secret("mail.web_folder_secret"),
            });
        }
        Some(WebFolder::Path(self.path("mail.web_folder", &folder)))
    }

    fn place(&self, key: &str) -> Place {
        self.layers.merged.get(key).map_or(Place::Default, Merged::place)
    }

    fn bool(&self, key: &str) -> bool {
        matches!(self.layers.merged.get(key).map(|merged| &merged.value), Some(Value::Bool(true)))
    }

    fn number<T: TryFrom<i64>>(&self, key: &str) -> Option<T> {
        match self.layers.merged.get(key)?.value {
            Value::Integer(number) => T::try_from(number).ok(),
            _ => None,
        }
    }

    fn size(&self, key: &str) -> Option<u64> {
        match self.layers.merged.get(key)?.value {
            Value::Size(bytes) => Some(bytes),
            _ => None,
        }
    }

    fn choice<T: DeserializeOwned>(&self, key: &str) -> Option<T> {
        word(text(self.layers, key)?)
    }

    fn choices<T: DeserializeOwned + Ord>(&self, key: &str) -> BTreeSet<T> {
        list(self.layers, key).into_iter().filter_map(word).collect()
    }

    fn secret(&self, key: &str) -> Option<Secret> {
        match &self.layers.merged.get(key)?.value {
            Value::Secret(secret) => Some(secret.clone()),
            _ => None,
        }
    }

    fn url(&self, key: &str) -> Option<Url> {
        Url::parse(&text(self.layers, key)?).ok()
    }

    /// A path as written: `~` is the user's home, and a relative one in a file starts where the file lies.
    fn path(&self, key: &str, written: &str) -> PathBuf {
        let home = || ["HOME", "USERPROFILE"].into_iter().find_map(|name| (self.sources.environment)(name).filter(|home| !home.is_empty()));
        if let Some(rest) = written.strip_prefix("~/").or_else(|| written.strip_prefix("~\\"))
            && let Some(home) = home()
        {
            return Path::new(&home).join(rest);
        }
        match self.place(key) {
            Place::File { path, .. } => path.parent().map_or_else(|| PathBuf::from(written), |folder| folder.join(written)),
            _ => PathBuf::from(written),
        }
    }

    fn existing_file(&mut self, key: &str) -> Option<PathBuf> {
        let path = self.path(key, &text(self.layers, key)?);
        if !path.is_file() {
            let problem = Problem::new(format!("there is no file {}", path.display()), "correct the path");
            let place = self.place(key);
            self.layers.faults.push(Fault::error(place, key, problem));
        }
        Some(path)
    }
}
