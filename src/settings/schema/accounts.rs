//! Settings of groupware accounts.

use super::Fallback::{Absent, Derived, Mandatory, Text};
use super::{Merge, Setting, local};
use crate::settings::value::{Element, Kind};

pub(super) static SETTINGS: &[Setting] = &[
    Setting {
        merge: Merge::Add,
        ..local(
            "accounts.*.addresses",
            Kind::Many(Element::Address),
            Derived("the user name, when it is an address; it counts beside those written here", "anna@example.com"),
            "Your own addresses in this account.",
        )
    },
    local("accounts.*.imap.host", Kind::One(Element::Host), Mandatory("imap.example.com"), "Mailbox server."),
    local("accounts.*.imap.port", Kind::Integer { min: 1, max: 65_535 }, Derived("993 with tls, else 143", "993"), "Port."),
    local(
        "accounts.*.imap.security",
        Kind::One(Element::Choice(&["tls", "starttls", "none"])),
        Text("tls"),
        "Kind of connection. none is accepted to this machine only.",
    ),
    local(
        "accounts.*.imap.auth",
        Kind::One(Element::Choice(&["password", "xoauth2", "oauthbearer"])),
        Derived("password; xoauth2 with a provider below [accounts.NAME.oauth]", "password"),
        "A password, or an OAuth 2 access token by XOAUTH2 or OAUTHBEARER.",
    ),
    local("accounts.*.imap.user", Kind::One(Element::Text), Mandatory("anna@example.com"), "User name, often the address."),
    local(
        "accounts.*.imap.secret",
        Kind::Secret,
        Mandatory("work"),
        "Where the password or token is; see crm.secret. Leave it out with a provider below [accounts.NAME.oauth].",
    ),
    local("accounts.*.imap.ca_file", Kind::One(Element::Path), Absent("ca.pem"), "Certificate authorities of your organisation (PEM)."),
    local(
        "accounts.*.dav.url",
        Kind::One(Element::Url),
        Absent("https://dav.example.com/"),
        "Server of calendar, tasks and contacts (CalDAV, CardDAV): its address, or that of the account's home.",
    ),
    local(
        "accounts.*.dav.auth",
        Kind::One(Element::Choice(&["basic", "bearer"])),
        Derived("basic; bearer with a provider below [accounts.NAME.oauth]", "basic"),
        "User name and password, or an OAuth 2 token.",
    ),
    local("accounts.*.dav.user", Kind::One(Element::Text), Derived("that of imap", "anna@example.com"), "User name."),
    local("accounts.*.dav.secret", Kind::Secret, Derived("that of imap", "work"), "Where the password or token is; see crm.secret."),
    local(
        "accounts.*.dav.ca_file",
        Kind::One(Element::Path),
        Derived("that of imap", "ca.pem"),
        "Certificate authorities of your organisation (PEM).",
    ),
    local(
        "accounts.*.carddav.url",
        Kind::One(Element::Url),
        Derived("that of dav", "https://dav.example.com/"),
        "Server of contacts (CardDAV), where it is another one.",
    ),
    local(
        "accounts.*.carddav.auth",
        Kind::One(Element::Choice(&["basic", "bearer"])),
        Derived("that of dav", "basic"),
        "User name and password, or an OAuth 2 token.",
    ),
    local("accounts.*.carddav.user", Kind::One(Element::Text), Derived("that of dav", "anna@example.com"), "User name."),
    local("accounts.*.carddav.secret", Kind::Secret, Derived("that of dav", "work"), "Where the password or token is; see crm.secret."),
    local(
        "accounts.*.carddav.ca_file",
        Kind::One(Element::Path),
        Derived("that of dav", "ca.pem"),
        "Certificate authorities of your organisation (PEM).",
    ),
    local(
        "accounts.*.oauth.provider",
        Kind::One(Element::Choice(&["microsoft", "google", "custom"])),
        Absent("microsoft"),
        "Sign in by OAuth 2 (`crmsync sign-in`) instead of a password: Microsoft 365, Google, or any other by its endpoints.",
    ),
    local(
        "accounts.*.oauth.tenant",
        Kind::One(Element::Domain),
        Derived("organizations, any organisation", "organizations"),
        "Microsoft: id or domain of your organisation, or one of organizations, consumers and common.",
    ),
    local(
        "accounts.*.oauth.client_id",
        Kind::One(Element::Text),
        Absent("11112222-3333-4444-5555-666677778888"),
        "Id under which crmsync is registered at the provider; your administrator has it.",
    ),
    local(
        "accounts.*.oauth.client_secret",
        Kind::Secret,
        Absent("google-client"),
        "Where the secret of that registration is, if the provider demands one (Google does); see crm.secret.",
    ),
    local(
        "accounts.*.oauth.user",
        Kind::One(Element::Text),
        Derived("that of imap", "anna@example.com"),
        "Who signs in, where it is not the mailbox itself: for a shared mailbox, the person who may open it.",
    ),
    local(
        "accounts.*.oauth.scopes",
        Kind::Many(Element::Text),
        Derived("what the provider wants for the servers of this account; custom has none", "offline_access"),
        "What is asked for.",
    ),
    local(
        "accounts.*.oauth.authorization_url",
        Kind::One(Element::Endpoint),
        Absent("https://idp.example.com/authorize"),
        "custom: where the browser goes.",
    ),
    local(
        "accounts.*.oauth.token_url",
        Kind::One(Element::Endpoint),
        Absent("https://idp.example.com/token"),
        "custom: where tokens are issued.",
    ),
    local(
        "accounts.*.oauth.device_url",
        Kind::One(Element::Endpoint),
        Absent("https://idp.example.com/device"),
        "custom: where a code is had for signing in on another device.",
    ),
    local(
        "accounts.*.oauth.revocation_url",
        Kind::One(Element::Endpoint),
        Absent("https://idp.example.com/revoke"),
        "custom: where tokens are given back by `crmsync sign-out`.",
    ),
    local(
        "accounts.*.oauth.redirect_port",
        Kind::Integer { min: 0, max: 65_535 },
        Text("0"),
        "Port on this computer to which the browser comes back; 0 takes a free one. Only for a provider that knows one port alone.",
    ),
    local(
        "accounts.*.oauth.ca_file",
        Kind::One(Element::Path),
        Derived("that of imap", "ca.pem"),
        "Certificate authorities of your organisation (PEM).",
    ),
];
