//! Whose address is whose (R24, R26, R30): own, internal, external.

use std::collections::BTreeSet;

use crate::model::{Direction, Mail, MailAddress};

use super::freemail::is_freemail;

/// An address as it compares: trimmed, lower case, its domain in ASCII (IDNA). `None` when it is none.
#[must_use]
pub fn normalise_address(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let (local, domain) = (local.trim(), normalise_domain(domain));
    if local.is_empty() || domain.is_empty() { None } else { Some(format!("{}@{domain}", local.to_lowercase())) }
}

/// A domain as it compares: trimmed, lower case, ASCII, without a final dot. One that IDNA refuses is only lowered.
pub(super) fn normalise_domain(domain: &str) -> String {
    let domain = domain.trim().trim_end_matches('.');
    idna::domain_to_ascii(domain).unwrap_or_else(|_| domain.to_lowercase())
}

/// A set of addresses (`a@b`) and domains (`b`, also written `@b`, `*@b`, `*.b`); a domain covers its sub-domains.
#[derive(Debug, Clone, Default)]
pub struct AddressSet {
    addresses: BTreeSet<String>,
    domains: BTreeSet<String>,
}

impl AddressSet {
    /// A set from the entries of a setting. Empty entries do not count.
    #[must_use]
    pub fn new<S: AsRef<str>>(entries: &[S]) -> Self {
        let mut set = Self::default();
        for entry in entries {
            let entry = entry.as_ref().trim();
            match entry.rsplit_once('@') {
                Some((local, _)) if !matches!(local.trim(), "" | "*") => set.addresses.extend(normalise_address(entry)),
                split => {
                    let domain = normalise_domain(split.map_or(entry, |(_, domain)| domain).trim_start_matches("*."));
                    if !domain.is_empty() {
                        set.domains.insert(domain);
                    }
                }
            }
        }
        set
    }

    /// Whether the set covers an address.
    #[must_use]
    pub fn covers(&self, address: &str) -> bool {
        normalise_address(address).is_some_and(|address| self.entry_for(&address).is_some())
    }

    /// The entry that covers a normalised address.
    pub(super) fn entry_for(&self, address: &str) -> Option<&str> {
        if let Some(entry) = self.addresses.get(address) {
            return Some(entry);
        }
        let (_, mut domain) = address.rsplit_once('@')?;
        loop {
            if let Some(entry) = self.domains.get(domain) {
                return Some(entry);
            }
            domain = domain.split_once('.')?.1;
        }
    }
}

/// The organisation's addresses, against which a mail's parties are held.
#[derive(Debug, Clone)]
pub struct Addresses {
    inside: AddressSet,
    freemail: Vec<String>,
}

impl Addresses {
    /// `own`: the employee's addresses; `internal`: addresses and domains of the organisation; `freemail`: domains that belong to
    /// nobody in particular, beside the built-in list.
    pub fn new<S: AsRef<str>>(own: impl IntoIterator<Item = S>, internal: &[String], freemail: &[String]) -> Self {
        let mut inside = AddressSet::new(internal);
        inside.addresses.extend(own.into_iter().filter_map(|address| normalise_address(address.as_ref())));
        Self { inside, freemail: freemail.iter().map(|domain| normalise_domain(domain.trim().trim_start_matches('@'))).collect() }
    }

    /// Whether an address is the employee's own or the organisation's: never a customer's (R24, R26).
    #[must_use]
    pub fn is_internal(&self, address: &str) -> bool {
        self.inside.covers(address)
    }

    /// Which way a mail went. A mail without a readable sender counts as received: nothing says that it is internal.
    #[must_use]
    pub fn direction(&self, mail: &Mail) -> Direction {
        let mut senders = senders(mail).peekable();
        if senders.peek().is_none() || senders.any(|sender| self.inside.entry_for(&sender).is_none()) {
            Direction::Received
        } else if normalised(recipients(mail)).any(|address| self.inside.entry_for(&address).is_none()) {
            Direction::Sent
        } else if normalised(mail.reply_to.iter()).any(|address| self.inside.entry_for(&address).is_none()) {
            // A contact form of the organisation's own web site writes in the name of the visitor.
            Direction::Received
        } else {
            Direction::Internal
        }
    }

    /// The external addresses, normalised, each once, in the order of the headers: sender, reply-to, recipients. These are what is
    /// matched. `Sender` counts only where `From` has no readable address, because mailing lists write themselves there.
    #[must_use]
    pub fn external(&self, mail: &Mail) -> Vec<String> {
        let mut seen = BTreeSet::new();
        senders(mail)
            .chain(normalised(mail.reply_to.iter().chain(recipients(mail))))
            .filter(|address| self.inside.entry_for(address).is_none() && seen.insert(address.clone()))
            .collect()
    }

    /// The domains by which business partners are searched (R30): those of the external addresses that belong to somebody in
    /// particular (R31), each once.
    #[must_use]
    pub fn searchable_domains(&self, mail: &Mail) -> Vec<String> {
        let mut seen = BTreeSet::new();
        self.external(mail)
            .iter()
            .filter_map(|address| address.rsplit_once('@'))
            .map(|(_, domain)| domain)
            .filter(|domain| domain.contains('.') && !domain.starts_with('['))
            .filter(|domain| !is_freemail(domain, &self.freemail) && seen.insert((*domain).to_owned()))
            .map(str::to_owned)
            .collect()
    }
}

fn normalised<'a>(addresses: impl Iterator<Item = &'a MailAddress>) -> impl Iterator<Item = String> {
    addresses.filter_map(|address| normalise_address(&address.address))
}

fn recipients(mail: &Mail) -> impl Iterator<Item = &MailAddress> {
    mail.to.iter().chain(&mail.cc).chain(&mail.bcc)
}

/// `From`, or `Sender` where `From` has no readable address.
fn senders(mail: &Mail) -> impl Iterator<Item = String> {
    let from_is_readable = normalised(mail.from.iter()).next().is_some();
    normalised(mail.from.iter().chain(mail.sender.iter().filter(move |_| !from_is_readable)))
}
