//! Which mailboxes a run looks into, and what it looks for in each (R11 to R20, C3, C11, C19).

use std::collections::BTreeMap;

use crate::crm::StatusKey;
use crate::groupware::{MailStoreFeatures, Mailbox, Query, SpecialUse};
use crate::model::{MailboxName, Reason, ReasonCode};
use crate::settings::{MailMark, MailSelector, MailSettings};

use super::folder_name::parse_folder_name;
use super::mailbox_path::{INBOX, Node, Tree, below, canonical, creation_name, is_inbox, join, leaf, parent};

/// The status of an imported mail whose folder names none (C1).
pub const DEFAULT_STATUS: &str = "I";

/// A mailbox to look into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MailSource {
    /// The mailbox, as the server spells it.
    pub mailbox: MailboxName,
    /// The mailbox that has its result sub-folders: itself; for a sub-folder of mails not found, the mailbox above it.
    pub home: MailboxName,
    /// Separator of its branch; `None` on a flat server.
    pub separator: Option<char>,
    /// How its mails were selected.
    pub selector: MailSelector,
    /// Status key of the activities made from them.
    pub status: String,
    /// Which of its mails are meant.
    pub query: Query,
}

/// Where a run looks, and what keeps it from looking elsewhere.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SourcePlan {
    /// Mailboxes to look into: folders first, then categories, the inbox last; by name within each.
    pub sources: Vec<MailSource>,
    /// Mailboxes that wait as a whole; their mails stay.
    pub parked: Vec<(MailboxName, Reason)>,
    /// Mailboxes that are wanted and not there.
    pub missing: Vec<MissingMailbox>,
    /// The import folder, where it exists: to be bound once (C19).
    pub import_folder: Option<MailboxName>,
    /// The archive folder, where it exists: to be bound once (C19).
    pub archive_folder: Option<MailboxName>,
}

/// A mailbox that is wanted and not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MissingMailbox {
    /// To be created under this name, and if the server refuses that, under [`beside_inbox`].
    ImportFolder(MailboxName),
    /// To be created under this name (R18), and if the server refuses that, under [`beside_inbox`].
    ArchiveFolder(MailboxName),
    /// Named in `mail.category_folders`; never created, only told.
    CategoryFolder(MailboxName),
}

/// What the sources follow from.
#[derive(Debug, Clone, Copy)]
pub struct SourceInputs<'a> {
    /// The server's listing.
    pub mailboxes: &'a [Mailbox],
    /// The server.
    pub features: &'a MailStoreFeatures,
    /// The settings in force.
    pub settings: &'a MailSettings,
    /// Status keys of the CRM.
    pub statuses: &'a [StatusKey],
    /// The mailbox the import folder was bound to.
    pub import_binding: Option<&'a MailboxName>,
    /// The mailbox the archive folder was bound to.
    pub archive_binding: Option<&'a MailboxName>,
}

/// Which result sub-folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ResultKind {
    /// `Processed`: the CRM has the mail.
    Processed,
    /// `Not Found`: the CRM knows none of its addresses.
    NotFound,
}

impl ResultKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Processed, Self::NotFound];

    /// The sub-folder's own name. Not translated, so that a change of language never forks folders (C19).
    #[must_use]
    pub const fn folder_name(self) -> &'static str {
        match self {
            Self::Processed => "Processed",
            Self::NotFound => "Not Found",
        }
    }

    fn is_name(name: &str) -> bool {
        Self::ALL.into_iter().any(|kind| kind.folder_name().eq_ignore_ascii_case(name))
    }
}

/// The result sub-folder of a source; `None` on a flat server, which has no sub-folders.
#[must_use]
pub fn result_subfolder(source: &MailSource, kind: ResultKind) -> Option<MailboxName> {
    let separator = source.separator?;
    Some(MailboxName(format!("{}{separator}{}", source.home.0, kind.folder_name())))
}

/// The full name under which the archive folder is created: a sibling of the import folder, unless the setting is a path (R18).
#[must_use]
pub fn archive_mailbox(import_folder: &MailboxName, features: &MailStoreFeatures, settings: &MailSettings) -> MailboxName {
    let separator = features.separator;
    let name = settings.archive_folder.as_str();
    if separator.is_some_and(|separator| name.contains(separator)) || name.contains('/') {
        return MailboxName(creation_name(name, features));
    }
    MailboxName(match parent(&import_folder.0, separator) {
        Some(parent) => join(parent, name, separator),
        None if is_inbox(&import_folder.0) => creation_name(name, features),
        None => name.to_owned(),
    })
}

/// The name beside INBOX of a mailbox that could not be created below it, because INBOX takes no children (some mbox servers).
#[must_use]
pub fn beside_inbox(name: &MailboxName, features: &MailStoreFeatures) -> Option<MailboxName> {
    let name = canonical(&name.0, features.separator);
    let rest = below(&name, INBOX, features.separator)?;
    // With the personal namespace below INBOX there is nothing beside it.
    if features.personal_prefix.is_empty() { Some(MailboxName(rest.to_owned())) } else { None }
}

/// Decides where a run looks.
#[must_use]
pub fn plan_sources(inputs: &SourceInputs<'_>) -> SourcePlan {
    let tree = Tree::new(inputs.mailboxes, inputs.features);
    let mut planner = Planner { inputs, sources: BTreeMap::new(), plan: SourcePlan::default(), barred: Vec::new() };
    let selectors = &inputs.settings.selectors;

    let import = inputs.import_binding.and_then(|bound| tree.exact(&bound.0)).or_else(|| tree.find(&inputs.settings.import_folder));
    let import_name = import
        .map_or_else(|| MailboxName(creation_name(&inputs.settings.import_folder, inputs.features)), |node| node.mailbox.name.clone());
    planner.archive(&tree, &import_name);
    planner.bar_special_use(&tree);

    if selectors.contains(&MailSelector::Folder) {
        planner.plan.import_folder = import.map(|node| node.mailbox.name.clone());
        planner.folders(&tree, import, import_name);
    }
    if selectors.contains(&MailSelector::Inbox) {
        planner.inbox(&tree);
    }
    if selectors.contains(&MailSelector::Category) {
        planner.categories(&tree);
    }
    planner.not_found_subfolders(&tree);
    let mut plan = planner.plan;
    plan.sources = planner.sources.into_values().collect();
    plan.sources.sort_by(|a, b| (a.selector, &a.mailbox).cmp(&(b.selector, &b.mailbox)));
    plan
}

struct Planner<'a> {
    inputs: &'a SourceInputs<'a>,
    /// By canonical name: a mailbox is a source once.
    sources: BTreeMap<String, MailSource>,
    plan: SourcePlan,
    /// Canonical names of mailboxes that are never sources, with all below them.
    barred: Vec<String>,
}

impl Planner<'_> {
    /// Finds the archive folder, and bars it whether or not mails are moved now: it holds what was imported before.
    fn archive(&mut self, tree: &Tree<'_>, import_folder: &MailboxName) {
        let name = archive_mailbox(import_folder, self.inputs.features, self.inputs.settings);
        let bound = self.inputs.archive_binding.and_then(|bound| tree.exact(&bound.0));
        let named = tree.exact(&name.0).or_else(|| tree.find(&name.0));
        self.barred.extend(bound.into_iter().chain(named).map(|node| node.name.clone()));

        let selectors = &self.inputs.settings.selectors;
        let moves = self.inputs.settings.marks.contains(&MailMark::Move)
            && (selectors.contains(&MailSelector::Folder) || selectors.contains(&MailSelector::Category));
        if !moves {
            return;
        }
        match bound.or(named).filter(|node| node.mailbox.selectable) {
            Some(node) => self.plan.archive_folder = Some(node.mailbox.name.clone()),
            None => self.plan.missing.push(MissingMailbox::ArchiveFolder(name)),
        }
    }

    fn bar_special_use(&mut self, tree: &Tree<'_>) {
        let barred = [SpecialUse::Trash, SpecialUse::Junk, SpecialUse::Drafts];
        self.barred.extend(
            tree.nodes().iter().filter(|node| node.mailbox.special_use.is_some_and(|u| barred.contains(&u))).map(|node| node.name.clone()),
        );
    }

    fn is_barred(&self, node: &Node<'_>) -> bool {
        !node.mailbox.selectable
            || self.barred.iter().any(|barred| node.name == *barred || below(&node.name, barred, node.separator).is_some())
    }

    fn folders(&mut self, tree: &Tree<'_>, import: Option<&Node<'_>>, import_name: MailboxName) {
        if let Some(import) = import {
            // An inbox named as import folder is still an inbox: nothing in it is moved, and what lies below it is not meant (R12).
            if import.name == INBOX {
                return self.inbox(tree);
            }
            self.folder(import);
            for node in tree.nodes() {
                let inner = below(&node.name, &import.name, import.separator);
                let result = inner.is_some_and(|path| import.separator.is_some_and(|s| path.split(s).any(ResultKind::is_name)));
                if inner.is_some() && !result {
                    self.folder(node);
                }
            }
        }
        if import.is_none_or(|node| !node.mailbox.selectable) {
            self.plan.missing.insert(0, MissingMailbox::ImportFolder(import_name));
        }
        if self.inputs.settings.inbox_children {
            for node in tree.nodes() {
                let child = below(&node.name, INBOX, node.separator).filter(|path| !node.separator.is_some_and(|s| path.contains(s)));
                if child.is_some_and(|name| parse_folder_name(name).is_some()) {
                    self.folder(node);
                }
            }
        }
    }

    fn folder(&mut self, node: &Node<'_>) {
        if self.is_barred(node) || self.sources.contains_key(&node.name) {
            return;
        }
        let name = &node.mailbox.name;
        let status = match parse_folder_name(leaf(&node.name, node.separator)) {
            None => DEFAULT_STATUS.to_owned(),
            Some(parsed) if self.inputs.statuses.iter().any(|known| known.key.trim() == parsed.status) => parsed.status,
            Some(parsed) => {
                if !self.plan.parked.iter().any(|(parked, _)| parked == name) {
                    self.plan.parked.push((name.clone(), Reason::new(ReasonCode::UnknownStatus, parsed.status)));
                }
                return;
            }
        };
        let marks = &self.inputs.settings.marks;
        // A mail that is moved away needs no filter, and one whose move failed after its mark must be found again.
        let stays = !marks.contains(&MailMark::Move) && !marks.contains(&MailMark::Subfolders);
        let query = Query { without_keyword: self.processed().filter(|_| stays), ..Query::default() };
        self.add(node, MailSelector::Folder, status, query);
    }

    fn inbox(&mut self, tree: &Tree<'_>) {
        let query = Query { without_keyword: self.processed(), ..Query::default() };
        self.add_inbox(tree, MailSelector::Inbox, query);
    }

    fn categories(&mut self, tree: &Tree<'_>) {
        let settings = self.inputs.settings;
        let query = Query {
            with_keyword: Some(settings.category.clone()),
            // Where the category goes, a mail that bears both marks was left half done and must be found.
            without_keyword: self.processed().filter(|_| settings.keep_category),
            ..Query::default()
        };
        for folder in &settings.category_folders {
            if is_inbox(folder) {
                self.add_inbox(tree, MailSelector::Category, query.clone());
                continue;
            }
            match tree.find(folder) {
                Some(node) if self.is_barred(node) || ResultKind::is_name(leaf(&node.name, node.separator)) => {}
                Some(node) => self.add(node, MailSelector::Category, DEFAULT_STATUS.to_owned(), query.clone()),
                None => self.plan.missing.push(MissingMailbox::CategoryFolder(MailboxName(folder.clone()))),
            }
        }
    }

    /// Mails without a match wait in a sub-folder of their source and are tried again from there (I5).
    fn not_found_subfolders(&mut self, tree: &Tree<'_>) {
        let settings = self.inputs.settings;
        if !settings.marks.contains(&MailMark::Subfolders) {
            return;
        }
        for home in self.sources.values().cloned().collect::<Vec<_>>() {
            let Some(name) = result_subfolder(&home, ResultKind::NotFound) else { continue };
            let Some(node) = tree.exact(&name.0).filter(|node| !self.is_barred(node)) else { continue };
            let mut query = home.query.clone();
            if home.selector == MailSelector::Inbox {
                // Only what bears the category was moved out of the inbox (R12); anything else in there was not chosen.
                if !settings.selectors.contains(&MailSelector::Category) {
                    continue;
                }
                query.with_keyword = Some(settings.category.clone());
            }
            let source = MailSource { mailbox: node.mailbox.name.clone(), query, ..home };
            self.sources.entry(node.name.clone()).or_insert(source);
        }
    }

    fn processed(&self) -> Option<String> {
        let settings = self.inputs.settings;
        settings.marks.contains(&MailMark::Keyword).then(|| settings.processed_keyword.clone())
    }

    /// INBOX exists on every server (RFC 9051 §5.1), listed or not.
    fn add_inbox(&mut self, tree: &Tree<'_>, selector: MailSelector, query: Query) {
        let separator = self.inputs.features.separator;
        let (mailbox, separator) =
            tree.exact(INBOX).map_or_else(|| (MailboxName::from(INBOX), separator), |node| (node.mailbox.name.clone(), node.separator));
        self.sources.entry(INBOX.to_owned()).or_insert_with(|| MailSource {
            home: mailbox.clone(),
            mailbox,
            separator,
            selector,
            status: DEFAULT_STATUS.to_owned(),
            query,
        });
    }

    fn add(&mut self, node: &Node<'_>, selector: MailSelector, status: String, query: Query) {
        self.sources.entry(node.name.clone()).or_insert_with(|| MailSource {
            mailbox: node.mailbox.name.clone(),
            home: node.mailbox.name.clone(),
            separator: node.separator,
            selector,
            status,
            query,
        });
    }
}

#[cfg(test)]
mod tests;
