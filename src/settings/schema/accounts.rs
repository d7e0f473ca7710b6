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
        Text("password"),
        "A password, or an OAuth 2 access token by XOAUTH2 or OAUTHBEARER.",
    ),
    local("accounts.*.imap.user", Kind::One(Element::Text), Mandatory("anna@example.com"), "User name, often the address."),
    local("accounts.*.imap.secret", Kind::Secret, Mandatory("work"), "Where the password or token is; see crm.secret."),
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
        Text("basic"),
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
];
