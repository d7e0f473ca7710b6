//! Whose address is whose (R24, R26, R30): own, internal, external.

use std::collections::BTreeSet;

use crate::model::{Direction, Mail, MailAddress};

use super::freemail::is_freemail;

/// An address as it compares: trimmed, lower case, its domain in ASCII (IDNA). `None` when it is none.
#[must_use]
pub fn normalise_address(address: &str) -> Option<String> {
    let (local, domain) = address.trim().rsplit_once('@')?;
    let (local, domain) = (local.trim(), normalise_domain(domain));
    if local.is_empty() || domain.is_empty() || domain.contains('@') { None } else { Some(format!("{}@{domain}", local.to_lowercase())) }
}

/// A domain as it compares: trimmed, lower case, ASCII, without a final dot. One that IDNA refuses is only lowered.
pub(super) fn normalise_domain(domain: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.');
    if domain.as_bytes().iter().all(plain)
        && !domain.split('.').any(|label| label.get(..4).is_some_and(|start| start.eq_ignore_ascii_case("xn--")))
    {
        // IDNA only lowers it.
        return domain.trim_end_matches('.').to_ascii_lowercase();
    }
    let domain = idna::domain_to_ascii(domain.trim()).unwrap_or_else(|_| domain.to_lowercase());
    // After the mapping, because IDNA maps other dots, blanks and at signs to the plain ones.
    domain.trim_start().trim_end_matches(|c: char| c == '.' || c.is_whitespace()).to_owned()
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::sync::testing::{address, mail};

    fn firm() -> Addresses {
        Addresses::new(["Anna@Private.Example ", "no address"], &["firm.example".to_owned(), "partner@agency.example".to_owned()], &[])
    }

    #[test]
    fn an_address_compares_trimmed_lowered_and_in_ascii() {
        assert_eq!(normalise_address(" Jörg@BÜCHER.example. ").as_deref(), Some("jörg@xn--bcher-kva.example"));
        assert_eq!(normalise_address("\"a@b\"@C.example").as_deref(), Some("\"a@b\"@c.example"));
        assert_eq!(normalise_address("a@b。example。").as_deref(), Some("a@b.example"));
        for none in ["", "@", "a@", "@b", "a", " @ ", "a@ .", "a@﹫"] {
            assert_eq!(normalise_address(none), None, "{none:?}");
        }
    }

    #[test]
    fn r24_own_and_internal_addresses_are_internal() {
        let firm = firm();
        for inside in ["anna@private.example", "x@firm.example", "x@Mail.Firm.Example", "PARTNER@agency.example"] {
            assert!(firm.is_internal(inside), "{inside}");
        }
        for outside in
            ["bert@private.example", "x@otherfirm.example", "x@firm.example.org", "x@agency.example", "no address", "firm.example"]
        {
            assert!(!firm.is_internal(outside), "{outside}");
        }
    }

    #[test]
    fn domains_may_be_written_with_at_sign_or_star() {
        for entry in ["firm.example", "@firm.example", "*@firm.example", "*.firm.example", " FIRM.example. "] {
            assert!(AddressSet::new(&[entry]).covers("a@x.firm.example"), "{entry}");
        }
        for entry in ["", "@", "*", " ", "."] {
            assert!(!AddressSet::new(&[entry]).covers("a@firm.example"), "{entry:?}");
        }
    }

    #[test]
    fn r24_the_direction_follows_from_sender_and_recipients() {
        let direction = |from: &[&str], to: &[&str]| firm().direction(&mail(from, to));
        assert_eq!(direction(&["c@customer.example"], &["x@firm.example"]), Direction::Received);
        assert_eq!(direction(&["x@firm.example"], &["y@firm.example", "c@customer.example"]), Direction::Sent);
        assert_eq!(direction(&["anna@private.example"], &["c@customer.example"]), Direction::Sent);
        assert_eq!(direction(&["x@firm.example"], &["anna@private.example"]), Direction::Internal);
        assert_eq!(direction(&["x@firm.example"], &[]), Direction::Internal);
        assert_eq!(direction(&["c@customer.example"], &["d@customer.example"]), Direction::Received);
    }

    #[test]
    fn a_mail_without_a_readable_sender_is_received_and_not_taken_for_internal() {
        assert_eq!(firm().direction(&mail(&[], &[])), Direction::Received);
        assert_eq!(firm().direction(&mail(&["unreadable"], &["x@firm.example"])), Direction::Received);
        assert!(firm().external(&mail(&["unreadable"], &["x@firm.example"])).is_empty());
    }

    #[test]
    fn the_sender_header_counts_only_where_from_says_nothing() {
        let mut listed = mail(&["x@firm.example"], &["y@firm.example"]);
        listed.sender = Some(address("bounces@lists.example"));
        assert_eq!(firm().direction(&listed), Direction::Internal);
        listed.from.clear();
        assert_eq!(firm().external(&listed), ["bounces@lists.example"]);
    }

    #[test]
    fn a_contact_form_that_writes_for_a_visitor_is_received_from_him() {
        let mut form = mail(&["web@firm.example"], &["sales@firm.example"]);
        form.reply_to = vec![address("Visitor@Customer.example")];
        assert_eq!(firm().direction(&form), Direction::Received);
        assert_eq!(firm().external(&form), ["visitor@customer.example"]);
    }

    #[test]
    fn r26_external_addresses_come_once_in_the_order_of_the_headers() {
        let mut mail = mail(&["C@customer.example"], &["x@firm.example", "d@customer.example"]);
        mail.cc = vec![address("c@CUSTOMER.example"), address("e@other.example"), address("anna@private.example")];
        mail.bcc = vec![address("f@other.example")];
        let expected = ["c@customer.example", "d@customer.example", "e@other.example", "f@other.example"];
        assert_eq!(firm().external(&mail), expected);
    }

    #[test]
    fn r30_r31_business_partners_are_searched_by_domains_that_belong_to_somebody() {
        let addresses = Addresses::new(["x@firm.example"], &[], &["@Freebie.example".to_owned()]);
        let from =
            ["a@customer.example", "b@CUSTOMER.example", "c@gmail.com", "d@gmx.at", "e@freebie.example", "f@[192.0.2.1]", "g@localhost"];
        assert_eq!(addresses.searchable_domains(&mail(&from, &["h@other.example"])), ["customer.example", "other.example"]);
    }

    const PEOPLE: &[&str] =
        &["Anna@private.example", "x@firm.example", "y@mail.FIRM.example", "c@customer.example", "C@customer.example", "d@gmail.com", "?"];

    proptest! {
        #[test]
        fn r24_own_and_internal_addresses_never_match_as_a_customer(
            from in proptest::sample::subsequence(PEOPLE, 0..3),
            to in proptest::sample::subsequence(PEOPLE, 0..PEOPLE.len()),
        ) {
            let mail = mail(&from, &to);
            let external = firm().external(&mail);
            prop_assert!(external.iter().all(|address| !firm().is_internal(address)));
            prop_assert!(firm().direction(&mail) != Direction::Internal || external.is_empty());
            prop_assert!(firm().direction(&mail) != Direction::Sent || !external.is_empty());
        }

        #[test]
        fn normalising_twice_changes_nothing(text in "\\PC{0,8}@\\PC{0,12}") {
            if let Some(once) = normalise_address(&text) {
                prop_assert_eq!(normalise_address(&once), Some(once));
            }
        }
    }
}
