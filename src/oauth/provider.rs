//! Who issues tokens: endpoints, scopes and ways of two that everybody has, and of any other.

use url::Url;

use crate::settings::{Account, OAuthProvider};

/// A provider, resolved from the settings of an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Provider {
    /// Its name for people.
    pub name: &'static str,
    /// Where the browser goes.
    pub authorization: Option<Url>,
    /// Where tokens are issued.
    pub token: Url,
    /// Where a code is had to type elsewhere.
    pub device: Option<Url>,
    /// Where tokens are given back.
    pub revocation: Option<Url>,
    /// What is asked for.
    pub scopes: Vec<String>,
    /// Host by which the browser comes back: Microsoft accepts any port at `localhost`, Google at `127.0.0.1` (RFC 8252 §7.3).
    pub redirect_host: &'static str,
    /// Parameters of its own for the browser.
    pub extra: &'static [(&'static str, &'static str)],
}

impl Provider {
    /// The provider of an account; `None` where the account does not sign in by OAuth 2.
    #[must_use]
    pub fn of(account: &Account) -> Option<Self> {
        let settings = account.oauth.as_ref()?;
        let mut provider = match &settings.provider {
            OAuthProvider::Microsoft { tenant } => Self::microsoft(tenant)?,
            OAuthProvider::Google => Self::google(account.dav.is_some() || account.carddav.is_some())?,
            OAuthProvider::Custom(endpoints) => Self {
                name: "the provider",
                authorization: endpoints.authorization.clone(),
                token: endpoints.token.clone(),
                device: endpoints.device.clone(),
                revocation: endpoints.revocation.clone(),
                scopes: Vec::new(),
                redirect_host: "127.0.0.1",
                extra: &[],
            },
        };
        if !settings.scopes.is_empty() {
            provider.scopes.clone_from(&settings.scopes);
        }
        Some(provider)
    }

    /// Microsoft's identity platform, version 2. The scope of the resource Outlook serves IMAP of Exchange Online; a shared mailbox is opened
    /// with the token of a person who may, as another user. Nothing can be revoked there by an application.
    fn microsoft(tenant: &str) -> Option<Self> {
        let base = Url::parse("https://login.microsoftonline.com/").ok()?;
        let endpoint = |leaf: &str| base.join(&format!("{tenant}/oauth2/v2.0/{leaf}")).ok();
        Some(Self {
            name: "Microsoft",
            authorization: endpoint("authorize"),
            token: endpoint("token")?,
            device: endpoint("devicecode"),
            revocation: None,
            scopes: texts(&["https://outlook.office.com/IMAP.AccessAsUser.All", "offline_access"]),
            redirect_host: "localhost",
            extra: &[("prompt", "select_account")],
        })
    }

    /// Google. Its sign-in by code does not give the scope of mail. A refresh token is issued only with `access_type=offline`, and again only
    /// when consent is asked for again.
    fn google(items: bool) -> Option<Self> {
        let mut scopes = texts(&["https://mail.google.com/"]);
        if items {
            scopes.extend(texts(&["https://www.googleapis.com/auth/calendar", "https://www.googleapis.com/auth/carddav"]));
        }
        Some(Self {
            name: "Google",
            authorization: Url::parse("https://accounts.google.com/o/oauth2/v2/auth").ok(),
            token: Url::parse("https://oauth2.googleapis.com/token").ok()?,
            device: None,
            revocation: Url::parse("https://oauth2.googleapis.com/revoke").ok(),
            scopes,
            redirect_host: "127.0.0.1",
            extra: &[("access_type", "offline"), ("prompt", "consent")],
        })
    }

    /// Its host, for messages.
    #[must_use]
    pub fn server(&self) -> String {
        server(&self.token)
    }
}

/// Host, and port where it is not the usual one.
pub(super) fn server(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}
