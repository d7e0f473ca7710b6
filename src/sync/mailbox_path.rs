//! Mailbox names as paths: separator, INBOX in any case, parents and leaves.

use crate::groupware::{MailStoreFeatures, Mailbox};

/// The name every server gives the inbox; compared without regard to case (RFC 9051 §5.1).
pub(super) const INBOX: &str = "INBOX";

/// Whether `name` is the inbox.
pub(super) fn is_inbox(name: &str) -> bool {
    name.eq_ignore_ascii_case(INBOX)
}

/// The name with a leading `inbox` in capitals, so that names compare by bytes.
pub(super) fn canonical(name: &str, separator: Option<char>) -> String {
    let (first, rest) = match separator.and_then(|separator| name.find(separator)) {
        Some(at) => name.split_at(at),
        None => (name, ""),
    };
    if is_inbox(first) { format!("{INBOX}{rest}") } else { name.to_owned() }
}

/// The last part of a name.
pub(super) fn leaf(name: &str, separator: Option<char>) -> &str {
    separator.and_then(|separator| name.rsplit_once(separator)).map_or(name, |(_, leaf)| leaf)
}

/// The name without its last part; `None` at the top level.
pub(super) fn parent(name: &str, separator: Option<char>) -> Option<&str> {
    separator.and_then(|separator| name.rsplit_once(separator)).map(|(parent, _)| parent)
}

/// The part of `name` below `ancestor`; `None` when it is not below it. Both canonical.
pub(super) fn below<'a>(name: &'a str, ancestor: &str, separator: Option<char>) -> Option<&'a str> {
    name.strip_prefix(ancestor)?.strip_prefix(separator?)
}

/// `parent` and `leaf` as one name; the leaf alone on a flat server.
pub(super) fn join(parent: &str, leaf: &str, separator: Option<char>) -> String {
    match separator {
        Some(separator) => format!("{parent}{separator}{leaf}"),
        None => leaf.to_owned(),
    }
}

/// A listing with canonical names.
pub(super) struct Tree<'a> {
    features: &'a MailStoreFeatures,
    nodes: Vec<Node<'a>>,
}

/// One mailbox of a [`Tree`].
pub(super) struct Node<'a> {
    /// Canonical name.
    pub(super) name: String,
    /// Separator of its branch.
    pub(super) separator: Option<char>,
    /// As listed.
    pub(super) mailbox: &'a Mailbox,
}

impl<'a> Tree<'a> {
    pub(super) fn new(mailboxes: &'a [Mailbox], features: &'a MailStoreFeatures) -> Self {
        let nodes = mailboxes
            .iter()
            .map(|mailbox| {
                // INBOX may be listed with NIL where it has no children yet; the server's own separator then holds for them.
                let separator = mailbox.separator.or(features.separator);
                Node { name: canonical(&mailbox.name.0, separator), separator, mailbox }
            })
            .collect();
        Self { features, nodes }
    }

    pub(super) fn nodes(&self) -> &[Node<'a>] {
        &self.nodes
    }

    /// The mailbox of this very name.
    pub(super) fn exact(&self, name: &str) -> Option<&Node<'a>> {
        let name = canonical(name, self.features.separator);
        self.nodes.iter().find(|node| node.name == name)
    }

    /// The mailbox that a setting means: a child of INBOX, a full name, or a name in the personal namespace, in this order. A name
    /// that differs in case only is taken when it is the only one, because some servers (Exchange by DavMail) do not tell them apart.
    pub(super) fn find(&self, setting: &str) -> Option<&Node<'a>> {
        let candidates = self.candidates(setting);
        candidates.iter().find_map(|name| self.nodes.iter().find(|node| node.name == *name)).or_else(|| {
            candidates.iter().find_map(|name| {
                let folded = name.to_lowercase();
                let mut alike = self.nodes.iter().filter(|node| node.name.to_lowercase() == folded);
                alike.next().filter(|_| alike.next().is_none())
            })
        })
    }

    fn candidates(&self, setting: &str) -> Vec<String> {
        let separator = self.features.separator;
        let mut spellings = vec![setting.to_owned()];
        if let Some(separator) = separator.filter(|separator| *separator != '/' && setting.contains('/')) {
            spellings.push(setting.replace('/', &separator.to_string()));
        }
        spellings
            .iter()
            .flat_map(|spelling| {
                [
                    join(INBOX, spelling, separator),
                    canonical(spelling, separator),
                    canonical(&format!("{}{spelling}", self.features.personal_prefix), separator),
                ]
            })
            .collect()
    }
}

/// The full name under which the mailbox that a setting means is created: a child of INBOX, unless the setting is a path itself.
pub(super) fn creation_name(setting: &str, features: &MailStoreFeatures) -> String {
    let Some(separator) = features.separator else { return setting.to_owned() };
    let path = match setting.get(..INBOX.len() + 1) {
        Some(start) if start.eq_ignore_ascii_case("INBOX/") => setting.replace('/', &separator.to_string()),
        _ => setting.to_owned(),
    };
    if !path.contains(separator) {
        return join(INBOX, &path, Some(separator));
    }
    let path = canonical(&path, Some(separator));
    let prefix = canonical(&features.personal_prefix, Some(separator));
    if path.starts_with(&prefix) || below(&path, INBOX, Some(separator)).is_some() { path } else { format!("{prefix}{path}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_inbox_compares_without_case_and_nothing_else_does() {
        assert_eq!(canonical("inbox", Some('/')), "INBOX");
        assert_eq!(canonical("Inbox/inbox/A", Some('/')), "INBOX/inbox/A");
        assert_eq!(canonical("inboxes", Some('/')), "inboxes");
        assert_eq!(canonical("inbox.A", Some('/')), "inbox.A");
        assert_eq!(canonical("iNbOx", None), "INBOX");
    }

    #[test]
    fn a_name_is_below_another_only_at_a_separator() {
        assert_eq!(below("A/B/C", "A", Some('/')), Some("B/C"));
        assert_eq!(below("AB", "A", Some('/')), None);
        assert_eq!(below("A", "A", Some('/')), None);
        assert_eq!(below("A/B", "A", None), None);
    }

    #[test]
    fn a_flat_server_has_neither_parents_nor_paths() {
        assert_eq!(parent("A/B", None), None);
        assert_eq!(leaf("A/B", None), "A/B");
        assert_eq!(join("INBOX", "B", None), "B");
    }
}
