//! Settings that are right one by one and wrong together.

use std::collections::BTreeMap;

use crate::model::Area;

use super::fault::{Fault, Place, Problem};
use super::levels::{Layers, Merged};
use super::schema::Setting;
use super::value::is_loopback;
use super::{
    Account, AuthMethod, DavAccess, DavAuth, MailMark, MailSelector, OAuthProvider, Secret, SecretPlace, Security, Settings,
    SignInSettings, WebFolder,
};

/// Finds them; each fault stands at the setting that is to be changed.
pub(super) fn find(layers: &mut Layers, settings: &Settings) {
    let mut finder = Finder { layers, found: Vec::new() };
    finder.selection(settings);
    finder.names(settings);
    finder.never_log(settings);
    finder.connections(settings);
    finder.secrets(settings);
    let mut found = finder.found;
    layers.faults.append(&mut found);
}

struct Finder<'a> {
    layers: &'a Layers,
    found: Vec<Fault>,
}

impl Finder<'_> {
    fn place(&self, key: &str) -> Place {
        self.layers.merged.get(key).map_or(Place::Default, Merged::place)
    }

    fn error(&mut self, key: &str, what: impl Into<String>, repair: &str) {
        self.found.push(Fault::error(self.place(key), key, Problem::new(what, repair)));
    }

    fn warn(&mut self, key: &str, what: impl Into<String>, repair: &str) {
        self.found.push(Fault::warning(self.place(key), key, Problem::new(what, repair)));
    }

    fn selection(&mut self, settings: &Settings) {
        let mail = &settings.mail;
        if settings.areas.is_empty() {
            self.warn("sync.areas", "is empty: nothing is synchronised", "name areas, such as [\"mail\"]");
        }
        if settings.areas.contains(&Area::Mail) && mail.selectors.is_empty() {
            self.error("mail.selectors", "is empty: no mail would be found", "write [\"folder\"], or take mail out of sync.areas");
        }
        let moves = mail.marks.contains(&MailMark::Move) || mail.marks.contains(&MailMark::Subfolders);
        let inbox_alone = mail.selectors.len() == 1 && mail.selectors.contains(&MailSelector::Inbox);
        if inbox_alone && moves && !mail.marks.contains(&MailMark::Keyword) {
            self.error(
                "mail.marks",
                "moves mails, and the selector inbox never moves one",
                "write marks = [\"keyword\"], or marks = [] to keep the result in the journal alone",
            );
        }
        if mail.selectors.contains(&MailSelector::Category) && mail.category_folders.is_empty() {
            self.error(
                "mail.category_folders",
                "is empty, and the category is looked for nowhere",
                "write [\"INBOX\"], or take category out of mail.selectors",
            );
        }
    }

    fn names(&mut self, settings: &Settings) {
        let mail = &settings.mail;
        let keywords = [
            ("mail.category", &mail.category),
            ("mail.processed_keyword", &mail.processed_keyword),
            ("mail.not_found_keyword", &mail.not_found_keyword),
        ];
        // Servers compare keywords without regard to case (RFC 9051 §2.3.2).
        let mut seen: BTreeMap<String, &str> = BTreeMap::new();
        for (key, keyword) in keywords {
            if let Some(other) = seen.insert(keyword.to_lowercase(), key) {
                self.error(key, format!("is the same keyword as {other}"), "give each its own");
            }
        }
        for (key, folder) in [("mail.import_folder", &mail.import_folder), ("mail.archive_folder", &mail.archive_folder)] {
            if folder.eq_ignore_ascii_case("INBOX") {
                self.error(key, "is the inbox itself", "name another folder; the selector inbox imports the whole inbox");
            }
        }
        if mail.import_folder == mail.archive_folder {
            self.error("mail.archive_folder", "is the import folder: every mail would be found again", "name another folder");
        }
        let webdav = matches!(mail.web_folder, Some(WebFolder::WebDav { .. }));
        for key in ["mail.web_folder_user", "mail.web_folder_secret"] {
            if !webdav && self.layers.merged.contains_key(key) {
                self.warn(key, "has no effect, because mail.web_folder is no WebDAV address", "take it out");
            }
        }
    }

    fn never_log(&mut self, settings: &Settings) {
        for address in settings.accounts.values().flat_map(|account| &account.addresses) {
            let domain = address.rsplit('@').next().unwrap_or_default();
            if let Some(entry) = settings.mail.never_log.iter().find(|entry| *entry == address || covers(entry, domain)) {
                let what = format!("\"{entry}\" covers your own address {address}: no mail of yours would be imported");
                self.warn("mail.never_log", what, "take it out, if that is not what you want");
            }
        }
    }

    fn connections(&mut self, settings: &Settings) {
        let mut seen = BTreeMap::new();
        let mut variables = BTreeMap::new();
        for (name, account) in &settings.accounts {
            if let Some(other) = variables.insert(Setting::variable(name.as_str()), name) {
                let place = self.layers.accounts.get(name.as_str()).cloned().unwrap_or(Place::Default);
                let what = format!("differs from account {other} only in case, - or _, and would share its environment variables");
                self.found.push(Fault::error(place, &format!("accounts.{name}"), Problem::new(what, "rename one of the two")));
            }
            self.sign_in(name.as_str(), account);
            let key = |leaf: &str| format!("accounts.{name}.imap.{leaf}");
            let imap = &account.imap;
            if imap.security == Security::None && !is_loopback(&imap.host) {
                self.error(
                    &key("security"),
                    "\"none\" would send the password and all mails unencrypted",
                    "write \"tls\" or \"starttls\"; none is for this machine (127.0.0.1) alone",
                );
            }
            match (imap.security, imap.port) {
                (Security::Tls, 143) => {
                    self.warn(&key("port"), "143 is usually the port of starttls", "write 993, or security = \"starttls\"");
                }
                (Security::Starttls, 993) => self.warn(&key("port"), "993 is usually the port of tls", "write 143, or security = \"tls\""),
                _ => {}
            }
            for area in [Area::Calendar, Area::Tasks] {
                if settings.areas.contains(&area) && account.dav.is_none() {
                    let what = format!("is not set, so that nothing of the area {area} is synchronised for this account");
                    self.warn(
                        &format!("accounts.{name}.dav.url"),
                        what,
                        "write the address of the calendar server, or take the area out of sync.areas",
                    );
                }
            }
            if settings.areas.contains(&Area::Contacts) && account.carddav.is_none() {
                self.warn(
                    &format!("accounts.{name}.carddav.url"),
                    "is not set, so that no contacts are synchronised for this account",
                    "write the address of the contacts server, or take contacts out of sync.areas",
                );
            }
            if let Some(other) = seen.insert((imap.host.to_lowercase(), imap.port, imap.user.to_lowercase()), name) {
                self.error(
                    &key("user"),
                    format!("is the mailbox of account {other} too: its mails would be imported twice"),
                    "keep one of the two accounts",
                );
            }
        }
    }

    fn secrets(&mut self, settings: &Settings) {
        if settings.secrets.store == SecretPlace::File && matches!(settings.secrets.passphrase, Some(Secret::Keyring(_))) {
            self.error(
                "secrets.passphrase",
                "lies in the file that it opens",
                "write { env = \"VARIABLE\" } or { command = [\"program\"] }",
            );
        }
        if settings.secrets.store == SecretPlace::Keyring && settings.secrets.passphrase.is_some() {
            self.warn("secrets.passphrase", "has no effect, because secrets lie in the keyring", "take it out, or write store = \"file\"");
        }
    }

    fn sign_in(&mut self, name: &str, account: &Account) {
        let key = |leaf: &str| format!("accounts.{name}.oauth.{leaf}");
        let of = |table, dav: Option<&'_ DavAccess>| dav.map(|dav| (table, dav.secret.clone(), dav.auth == DavAuth::Bearer, "bearer"));
        let imap = ("imap", account.imap.secret.clone(), account.imap.auth != AuthMethod::Password, "xoauth2");
        let servers = [Some(imap), of("dav", account.dav.as_ref()), of("carddav", account.carddav.as_ref())];
        let mut takes_token = false;
        for (table, _, token, auth) in servers.into_iter().flatten().filter(|(_, secret, ..)| *secret == Secret::SignIn) {
            takes_token |= token;
            if !token {
                let repair = format!("write auth = \"{auth}\", or where the password is as secret = {{ keyring = \"{name}-{table}\" }}");
                self.error(&format!("accounts.{name}.{table}.auth"), "takes a password, and the account signs in by OAuth 2", &repair);
            }
        }
        let Some(oauth) = &account.oauth else {
            for leaf in ["client_id", "client_secret", "token_url", "authorization_url", "device_url", "scopes"] {
                if self.layers.merged.contains_key(&key(leaf)) && !self.layers.merged.contains_key(&key("provider")) {
                    self.warn(&key(leaf), "has no effect without a provider", "write provider = \"microsoft\", \"google\" or \"custom\"");
                }
            }
            return;
        };
        if !takes_token {
            let what = "has no effect, because every server of the account is told another way to sign in";
            self.warn(&key("provider"), what, "take auth and secret out below [accounts.NAME.imap] and [accounts.NAME.dav]");
        }
        self.provider(&key, oauth);
    }

    fn provider(&mut self, key: &impl Fn(&str) -> String, oauth: &SignInSettings) {
        match &oauth.provider {
            OAuthProvider::Custom(endpoints) if endpoints.authorization.is_none() && endpoints.device.is_none() => {
                self.error(&key("provider"), "is \"custom\", and there is no way in", "write authorization_url, device_url or both");
            }
            OAuthProvider::Google if oauth.client_secret.is_none() => self.error(
                &key("provider"),
                "is \"google\", which demands a client secret of desktop applications too",
                "write client_secret = { keyring = \"google-client\" } and store it there",
            ),
            _ => {}
        }
        let custom = matches!(oauth.provider, OAuthProvider::Custom(_));
        for leaf in ["authorization_url", "token_url", "device_url", "revocation_url"] {
            if !custom && self.layers.merged.contains_key(&key(leaf)) {
                self.warn(&key(leaf), "has no effect, because the provider is known", "take it out, or write provider = \"custom\"");
            }
        }
        if oauth.scopes.iter().any(|scope| scope.contains(|c: char| c.is_whitespace() || c == '"' || c == '\\')) {
            self.error(&key("scopes"), "holds a scope with a blank or a quote", "write each scope as an element of its own");
        }
    }
}

/// A domain covers its sub-domains.
fn covers(entry: &str, domain: &str) -> bool {
    domain.strip_suffix(entry).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
}
