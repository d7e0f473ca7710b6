//! Kinds of values: how each is read and checked, from TOML and from text, and how it is shown.

use std::fmt;
use std::net::IpAddr;

use url::{Host, Url};

use super::Secret;
use super::fault::Problem;
use super::schema::{CONFLICT_POLICIES, nearest};
use crate::model::Field;

/// The kind of a setting's value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Bool,
    /// A whole number.
    Integer {
        min: i64,
        max: i64,
    },
    /// A number of bytes, written as such or as "25 MB".
    Size {
        min: u64,
        max: u64,
    },
    One(Element),
    Many(Element),
    Secret,
}

/// What a text, or each text of a list, has to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Element {
    Choice(&'static [&'static str]),
    Text,
    /// Name of a mailbox.
    Folder,
    /// An IMAP keyword that every server keeps.
    Keyword,
    /// `a@b`.
    Address,
    /// `a@b` or `b`.
    AddressOrDomain,
    Domain,
    /// `field=policy`.
    FieldPolicy,
    /// `type/subtype` or `type/*`.
    MediaType,
    Host,
    Path,
    /// HTTPS, or HTTP to loopback; ends in a slash, for paths are appended.
    Url,
    /// The same for an address that is used as it is written.
    Endpoint,
    /// A path or an address.
    WebFolder,
}

/// A value that was checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Value {
    Bool(bool),
    Integer(i64),
    Size(u64),
    Text(String),
    List(Vec<String>),
    Secret(Secret),
}

impl Kind {
    /// Reads a value written as text: in the environment, in the CRM, on the command line. Lists are separated by semicolons, and by
    /// commas where no element can hold one.
    pub(super) fn parse(self, text: &str) -> Result<Value, Problem> {
        let text = text.trim();
        match self {
            Self::Bool => match text.to_ascii_lowercase().as_str() {
                "true" | "yes" | "on" | "1" => Ok(Value::Bool(true)),
                "false" | "no" | "off" | "0" => Ok(Value::Bool(false)),
                _ => Err(Problem::new(format!("\"{}\" is neither true nor false", shorten(text)), "write true or false")),
            },
            Self::Integer { .. } => {
                let number = text.parse().map_err(|_| Problem::new(format!("\"{}\" is not a number", shorten(text)), self.expected()))?;
                self.integer(number)
            }
            Self::Size { .. } => self.size(text),
            Self::One(element) => element.check(text).map(Value::Text),
            Self::Many(element) => Ok(Value::List(unique(self.split(text).map(|part| element.check(part)).collect::<Result<_, _>>()?))),
            Self::Secret => Err(Problem::new("a secret never stands in an argument or in the CRM", SECRET_REPAIR)),
        }
    }

    /// The parts of a list written as text.
    pub(super) fn split(self, text: &str) -> impl Iterator<Item = &str> {
        let commas = !matches!(self, Self::Many(Element::Folder | Element::Path | Element::Text));
        text.split(move |c| c == ';' || (commas && c == ',')).map(str::trim).filter(|part| !part.is_empty())
    }

    /// Checks a number.
    pub(super) fn integer(self, number: i64) -> Result<Value, Problem> {
        match self {
            Self::Integer { min, max } if (min..=max).contains(&number) => Ok(Value::Integer(number)),
            Self::Size { min, max } => match u64::try_from(number) {
                Ok(bytes) if (min..=max).contains(&bytes) => Ok(Value::Size(bytes)),
                _ => Err(Problem::new(format!("{number} is out of range"), self.expected())),
            },
            _ => Err(Problem::new(format!("{number} is out of range"), self.expected())),
        }
    }

    /// Reads a size.
    pub(super) fn size(self, text: &str) -> Result<Value, Problem> {
        let Self::Size { min, max } = self else { return Err(Problem::new("is not a size", self.expected())) };
        let bytes = parse_size(text).ok_or_else(|| {
            Problem::new(format!("\"{}\" is not a size", shorten(text)), "write a number of bytes, or one with kB, MB, GB, KiB, MiB or GiB")
        })?;
        if (min..=max).contains(&bytes) {
            Ok(Value::Size(bytes))
        } else {
            Err(Problem::new(format!("\"{}\" is out of range", shorten(text)), self.expected()))
        }
    }

    /// What belongs here, as a repair.
    pub(super) fn expected(self) -> String {
        match self {
            Self::Bool => "write true or false".to_owned(),
            Self::Integer { min, max } => format!("write a whole number from {min} to {max}"),
            Self::Size { min, max } => format!("write a size from {} to {}, such as \"25 MB\"", show_size(min), show_size(max)),
            Self::One(element) => format!("write {}", element.expected()),
            Self::Many(element) => format!("write a list: [\"…\"] of {}", element.expected()),
            Self::Secret => SECRET_REPAIR.to_owned(),
        }
    }
}

/// How a secret is written.
pub(super) const SECRET_REPAIR: &str = "write { keyring = \"entry\" }, { env = \"VARIABLE\" } or { command = [\"program\", \"argument\"] }; `crmsync setup` stores it in the keyring";

impl Element {
    /// Checks one text and gives it in the form it is compared in.
    pub(super) fn check(self, text: &str) -> Result<String, Problem> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Problem::new("is empty", format!("write {}, or leave the setting out", self.expected())));
        }
        if text.chars().any(char::is_control) {
            return Err(Problem::new("holds a control character", "write it without"));
        }
        if text.len() > 4096 {
            return Err(Problem::new("is longer than 4096 bytes", format!("write {}", self.expected())));
        }
        match self {
            Self::Choice(choices) => choice(text, choices),
            Self::Folder => folder(text),
            Self::Keyword => keyword(text),
            Self::Address => address(text),
            Self::AddressOrDomain if text.trim_start_matches('@').contains('@') => address(text),
            Self::AddressOrDomain | Self::Domain => domain(text),
            Self::FieldPolicy => field_policy(text),
            Self::MediaType => media_type(text),
            Self::Host => host(text),
            Self::Url => url(text),
            Self::Endpoint => endpoint(text).map(String::from),
            Self::WebFolder if text.contains("://") => url(text),
            Self::Text | Self::Path | Self::WebFolder => Ok(text.to_owned()),
        }
    }

    /// What belongs here.
    fn expected(self) -> String {
        match self {
            Self::Choice(choices) => choices.join(", "),
            Self::Text => "a text".to_owned(),
            Self::Folder => "the name of a mail folder".to_owned(),
            Self::Keyword => "a keyword, such as \"CRMcorner\"".to_owned(),
            Self::Address => "an address, such as \"anna@example.com\"".to_owned(),
            Self::AddressOrDomain => "an address (\"anna@example.com\") or a domain (\"example.com\")".to_owned(),
            Self::Domain => "a domain, such as \"example.com\"".to_owned(),
            Self::FieldPolicy => "a field and a policy, such as \"note=groupware_wins\"".to_owned(),
            Self::MediaType => "a media type, such as \"image/*\"".to_owned(),
            Self::Host => "the name of a server, such as \"imap.example.com\"".to_owned(),
            Self::Path => "the path of a file".to_owned(),
            Self::Url | Self::Endpoint => "an address, such as \"https://crm.example.com/api/\"".to_owned(),
            Self::WebFolder => "the path of a folder, or an https address".to_owned(),
        }
    }
}

fn choice(text: &str, choices: &'static [&'static str]) -> Result<String, Problem> {
    if let Some(found) = choices.iter().find(|choice| choice.eq_ignore_ascii_case(text)) {
        return Ok((*found).to_owned());
    }
    let what = format!("\"{}\" is none of {}", shorten(text), choices.join(", "));
    let near = nearest(text, choices.iter().copied()).map(|near| format!("did you mean \"{near}\"?"));
    Err(Problem::new(what, near.unwrap_or_else(|| "choose one of these".to_owned())))
}

fn field_policy(text: &str) -> Result<String, Problem> {
    let (field, policy) = text
        .split_once('=')
        .ok_or_else(|| Problem::new(format!("\"{}\" names no policy", shorten(text)), "write it like \"note=groupware_wins\""))?;
    let (field, policy) = (field.trim().to_lowercase(), choice(policy.trim(), CONFLICT_POLICIES)?);
    if Field::by_name(&field).is_none() {
        let near = nearest(&field, Field::ALL.iter().map(|field| field.name())).map(|near| format!("did you mean \"{near}\"?"));
        let repair = near.unwrap_or_else(|| "name a field as `crmsync pairs show` does".to_owned());
        return Err(Problem::new(format!("\"{}\" is no field", shorten(&field)), repair));
    }
    Ok(format!("{field}={policy}"))
}

fn folder(text: &str) -> Result<String, Problem> {
    if text.contains(['*', '%']) {
        return Err(Problem::new(format!("\"{}\" holds * or %, which servers take for wildcards", shorten(text)), "choose another name"));
    }
    Ok(text.to_owned())
}

/// `A-Z a-z 0-9 _ - . $`, at most 50 characters: Dovecot refuses longer keywords, and a blank makes two keywords of one on Dovecot,
/// Cyrus, Courier and Stalwart.
fn keyword(text: &str) -> Result<String, Problem> {
    if let Some(bad) = text.chars().find(|c| !(c.is_ascii_alphanumeric() || "_-.$".contains(*c))) {
        let what = format!("\"{}\" holds '{}', which mail servers refuse or change in a keyword", shorten(text), bad.escape_default());
        return Err(Problem::new(what, "use only A-Z a-z 0-9 _ - . $"));
    }
    if text.len() > 50 {
        return Err(Problem::new(format!("is {} characters long, and mail servers refuse a keyword above 50", text.len()), "shorten it"));
    }
    Ok(text.to_owned())
}

fn address(text: &str) -> Result<String, Problem> {
    let fault = || {
        Problem::new(
            format!("\"{}\" is not an e-mail address", shorten(text)),
            "write it like \"anna@example.com\", without name and brackets",
        )
    };
    let (local, domain_part) = text.rsplit_once('@').ok_or_else(fault)?;
    if local.is_empty() || local.contains(|c: char| c.is_whitespace() || "<>,;:\"()[]@".contains(c)) {
        return Err(fault());
    }
    let domain_part = domain(domain_part).map_err(|_| fault())?;
    Ok(format!("{}@{domain_part}", local.to_lowercase()))
}

fn domain(text: &str) -> Result<String, Problem> {
    let bare = text.strip_prefix('@').unwrap_or(text);
    if let Some(rest) = bare.strip_prefix("*.") {
        return Err(Problem::new(format!("\"{}\" holds a wildcard", shorten(text)), format!("write \"{}\"", shorten(rest))));
    }
    let label = |label: &str| {
        !label.is_empty()
            && label.chars().all(|c| c.is_alphanumeric() || c == '-' || c == '_')
            && !label.starts_with('-')
            && !label.ends_with('-')
    };
    if bare.len() <= 253 && bare.split('.').all(label) {
        Ok(bare.to_lowercase())
    } else {
        Err(Problem::new(
            format!("\"{}\" is neither an address nor a domain", shorten(text)),
            "write it like \"anna@example.com\" or \"example.com\"",
        ))
    }
}

fn media_type(text: &str) -> Result<String, Problem> {
    let token = |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "!#$&^_.+-".contains(c));
    match text.split_once('/') {
        Some((kind, sub)) if token(kind) && (sub == "*" || token(sub)) => Ok(text.to_ascii_lowercase()),
        _ => Err(Problem::new(format!("\"{}\" is not a media type", shorten(text)), "write it like \"application/pdf\" or \"image/*\"")),
    }
}

fn host(text: &str) -> Result<String, Problem> {
    if text.contains("://") || text.contains('/') {
        return Err(Problem::new("is an address, not the name of a server", "write the name alone, such as \"imap.example.com\""));
    }
    let bare = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(text);
    if bare.parse::<IpAddr>().is_ok() {
        return Ok(bare.to_owned());
    }
    if text.contains(':') {
        return Err(Problem::new("holds a port", "write the port as the setting `port`"));
    }
    match domain(text.trim_end_matches('.')) {
        Ok(name) if !text.starts_with('@') => Ok(name),
        _ => Err(Problem::new(format!("\"{}\" is not the name of a server", shorten(text)), "write it like \"imap.example.com\"")),
    }
}

fn url(text: &str) -> Result<String, Problem> {
    let mut url = endpoint(text)?;
    if !url.path().ends_with('/') {
        let path = format!("{}/", url.path());
        url.set_path(&path);
    }
    Ok(url.into())
}

/// Never repeats the address in a fault: it may hold a password.
fn endpoint(text: &str) -> Result<Url, Problem> {
    let example = "write it like \"https://crm.example.com/api/\"";
    let url = Url::parse(text).map_err(|error| Problem::new(format!("is not an address: {error}"), example))?;
    if !url.username().is_empty() || url.password().is_some() {
        return Err(Problem::new("holds a user name or password", "take it out; the user name and the secret have settings of their own"));
    }
    if url.host().is_none() || !matches!(url.scheme(), "http" | "https") {
        return Err(Problem::new(format!("begins with \"{}:\", not with https://", shorten(url.scheme())), example));
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err(Problem::new("holds a query or a fragment (? or #)", example));
    }
    if url.scheme() == "http" && !is_loopback_url(&url) {
        return Err(Problem::new("http would send mails and secrets unencrypted", "write https://"));
    }
    Ok(url)
}

fn is_loopback_url(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => is_loopback(name),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}

/// Whether a host name or address is this machine. `localhost` and the names below it always are (RFC 6761 §6.3).
pub(super) fn is_loopback(host: &str) -> bool {
    let name = host.trim_end_matches('.').to_ascii_lowercase();
    name == "localhost" || name.ends_with(".localhost") || name.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// `1500`, `25 MB`, `1.5 GiB`: bytes. Powers of 1000, or of 1024 with an i.
fn parse_size(text: &str) -> Option<u64> {
    let text = text.trim();
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at_checked(digits)?;
    let unit: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1_000,
        "m" | "mb" => 1_000_000,
        "g" | "gb" => 1_000_000_000,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, ""));
    if fraction.len() > 6 || (number.contains('.') && fraction.is_empty()) {
        return None;
    }
    let mut bytes = whole.parse::<u64>().ok()?.checked_mul(unit)?;
    if !fraction.is_empty() {
        let scale = 10_u64.pow(u32::try_from(fraction.len()).ok()?);
        bytes = bytes.checked_add(fraction.parse::<u64>().ok()?.checked_mul(unit)? / scale)?;
    }
    Some(bytes)
}

/// A size as people write it, exact.
fn show_size(bytes: u64) -> String {
    for (unit, name) in
        [(1 << 40, "TiB"), (1_000_000_000, "GB"), (1 << 30, "GiB"), (1_000_000, "MB"), (1 << 20, "MiB"), (1_000, "kB"), (1 << 10, "KiB")]
    {
        if bytes >= unit && bytes.is_multiple_of(unit) {
            return format!("{} {name}", bytes / unit);
        }
    }
    format!("{bytes} B")
}

/// Removes later equals; order stays.
pub(super) fn unique(mut list: Vec<String>) -> Vec<String> {
    let mut seen = std::collections::BTreeSet::new();
    list.retain(|element| seen.insert(element.clone()));
    list
}

/// A value for a message: at most 60 characters of it.
pub(super) fn shorten(text: &str) -> String {
    if text.chars().count() <= 60 { text.to_owned() } else { text.chars().take(59).chain(['…']).collect() }
}

impl Value {
    /// The value as JSON. Of a secret, where it is.
    pub(super) fn to_json(&self) -> serde_json::Value {
        match self {
            Self::Bool(value) => (*value).into(),
            Self::Integer(value) => (*value).into(),
            Self::Size(bytes) => (*bytes).into(),
            Self::Text(text) => text.clone().into(),
            Self::List(list) => list.clone().into(),
            Self::Secret(Secret::Keyring(name)) => serde_json::json!({ "keyring": name }),
            Self::Secret(Secret::Environment(name)) => serde_json::json!({ "env": name }),
            // Arguments may be private; the program is enough to know where the secret is.
            Self::Secret(Secret::Command(words)) => serde_json::json!({ "command": words.first() }),
            Self::Secret(Secret::SignIn) => serde_json::json!({ "sign_in": true }),
        }
    }
}

/// A text as a TOML basic string.
pub(super) fn quote(text: &str) -> String {
    toml_edit::value(text).to_string()
}

/// As it is written in the file. Of a secret, where it is.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(value) => write!(f, "{value}"),
            Self::Integer(value) => write!(f, "{value}"),
            Self::Size(bytes) => write!(f, "\"{}\"", show_size(*bytes)),
            Self::Text(text) => f.write_str(&quote(text)),
            Self::List(list) => write!(f, "[{}]", list.iter().map(|text| quote(text)).collect::<Vec<_>>().join(", ")),
            Self::Secret(Secret::Keyring(name)) => write!(f, "{{ keyring = {} }}", quote(name)),
            Self::Secret(Secret::Environment(name)) => write!(f, "{{ env = {} }}", quote(name)),
            Self::Secret(Secret::Command(words)) => {
                let program = words.first().map(|word| quote(word)).unwrap_or_default();
                write!(f, "{{ command = [{program}{}] }}", if words.len() > 1 { ", …" } else { "" })
            }
            Self::Secret(Secret::SignIn) => f.write_str("(the sign-in by OAuth 2)"),
        }
    }
}
