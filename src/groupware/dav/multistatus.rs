//! `DAV:multistatus` (RFC 4918 §13) and `DAV:error` (§16), read with patience.
//!
//! libdav 0.11 reads them too, but takes an item without an ETag for a deleted one, drops the mark of a cut listing, and fails as a whole
//! for one odd row; `tests/libdav_limits.rs` shows it.

use std::collections::BTreeSet;

use libdav::PropertyName;
use libdav::names;
use roxmltree::{Document, Node};

use super::{href, xml};

/// A name of an element.
pub(super) type Name = PropertyName<'static, 'static>;

const ERROR: Name = PropertyName::new(names::DAV, "error");
const DESCRIPTION: Name = PropertyName::new(names::DAV, "responsedescription");

/// One `DAV:response`.
pub(super) struct Row<'a, 'input> {
    /// Canonical path.
    pub(super) path: String,
    /// Status of the whole row.
    pub(super) status: Option<u16>,
    node: Node<'a, 'input>,
}

/// The rows of a document, their paths resolved against the requested `base`. A row with several hrefs (§14.24) becomes several.
pub(super) fn rows<'a, 'input>(document: &'a Document<'input>, base: &str) -> Vec<Row<'a, 'input>> {
    let mut rows = Vec::new();
    for node in document.root_element().children().filter(|node| is(*node, &names::RESPONSE)) {
        let status = child(node, &names::STATUS).and_then(|status| status_code(&xml::text(status)));
        for reference in node.children().filter(|node| is(*node, &names::HREF)) {
            let text = xml::text(reference);
            // Cyrus 3.6 answers an unencoded href with an empty one: it names nothing.
            if let Some(path) = Some(text.trim()).filter(|text| !text.is_empty()).and_then(|text| href::canonical(base, text)) {
                rows.push(Row { path, status, node });
            }
        }
    }
    rows
}

/// The requested resource itself does not exist: Xandikos 0.2.8 says so in a multistatus.
pub(super) fn is_gone(rows: &[Row<'_, '_>], path: &str) -> bool {
    rows.iter().any(|row| row.is_gone() && href::same(&row.path, path))
}

/// `DAV:sync-token` of a sync report.
pub(super) fn sync_token(document: &Document<'_>) -> Option<String> {
    let node = child(document.root_element(), &names::SYNC_TOKEN)?;
    Some(xml::text(node).trim().to_owned()).filter(|token| !token.is_empty())
}

/// Local names of the conditions in `DAV:error` elements, wherever they stand: Xandikos 0.2.8 puts one into a multistatus.
pub(super) fn conditions(body: &[u8]) -> BTreeSet<String> {
    let names = |document: &Document<'_>| {
        let errors = document.descendants().filter(|node| is(*node, &ERROR));
        let inside = errors.flat_map(|error| error.descendants().filter(Node::is_element));
        let inside = inside.filter(|node| ![&ERROR, &DESCRIPTION, &names::HREF].iter().any(|name| is(*node, name)));
        inside.map(|node| node.tag_name().name().to_owned()).collect()
    };
    if body.trim_ascii_start().starts_with(b"<") { xml::read(body, names).unwrap_or_default() } else { BTreeSet::new() }
}

/// The server's own words on what failed (RFC 4918 §14.25), as Cyrus 3.6 and Xandikos give them.
pub(super) fn description(body: &[u8]) -> Option<String> {
    let words = |document: &Document<'_>| document.descendants().find(|node| is(*node, &DESCRIPTION)).map(xml::text);
    xml::read(body, words).ok().flatten()
}

/// Where `DAV:error` says the other item lies (`no-uid-conflict`, RFC 4791 §5.3.2.1).
pub(super) fn conflicting(body: &[u8], base: &str) -> Option<String> {
    let found = xml::read(body, |document| {
        let error = document.descendants().find(|node| is(*node, &ERROR))?;
        let reference = error.descendants().find(|node| is(*node, &names::HREF))?;
        href::canonical(base, &xml::text(reference))
    });
    found.ok().flatten()
}

impl<'a, 'input> Row<'a, 'input> {
    /// A property that the server has (its propstat says 2xx, or nothing).
    pub(super) fn prop(&self, name: &Name) -> Option<Node<'a, 'input>> {
        self.node.children().filter(|node| is(*node, &names::PROPSTAT)).find_map(|propstat| {
            let status = child(propstat, &names::STATUS).and_then(|status| status_code(&xml::text(status)));
            if status.is_some_and(|status| !(200..300).contains(&status)) {
                return None;
            }
            child(child(propstat, &names::PROP)?, name)
        })
    }

    /// The text of a property, unless it is empty.
    pub(super) fn text(&self, name: &Name) -> Option<String> {
        let text = xml::text(self.prop(name)?);
        Some(text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    /// Local names of the elements inside of a property.
    pub(super) fn element_names(&self, name: &Name) -> Option<BTreeSet<String>> {
        let node = self.prop(name)?;
        Some(node.descendants().filter(|n| n.is_element() && *n != node).map(|n| n.tag_name().name().to_owned()).collect())
    }

    /// Canonical paths of the hrefs in a property.
    pub(super) fn hrefs(&self, name: &Name, base: &str) -> Vec<String> {
        let hrefs = self.prop(name).into_iter().flat_map(|node| node.children().filter(|node| is(*node, &names::HREF)));
        hrefs.filter_map(|node| href::canonical(base, &xml::text(node))).collect()
    }

    /// The raw text of the hrefs in a property.
    pub(super) fn raw_hrefs(&self, name: &Name) -> Vec<String> {
        let hrefs = self.prop(name).into_iter().flat_map(|node| node.children().filter(|node| is(*node, &names::HREF)));
        hrefs.map(|node| xml::text(node).trim().to_owned()).collect()
    }

    /// Whether the resource is a collection of any kind.
    pub(super) fn is_collection(&self) -> bool {
        self.path.ends_with('/') || self.prop(&names::RESOURCETYPE).is_some_and(|node| child(node, &names::COLLECTION).is_some())
    }

    /// The row says that the resource does not exist.
    pub(super) fn is_gone(&self) -> bool {
        matches!(self.status, Some(404 | 410))
    }

    /// The strong form of `DAV:getetag`.
    pub(super) fn version(&self) -> Option<String> {
        super::etag::strong(&self.text(&names::GETETAG)?)
    }
}

fn is(node: Node<'_, '_>, name: &Name) -> bool {
    node.is_element() && node.tag_name() == *name
}

/// The first child of this name.
pub(super) fn child<'a, 'input>(node: Node<'a, 'input>, name: &Name) -> Option<Node<'a, 'input>> {
    node.children().find(|node| is(*node, name))
}

/// The code of an HTTP status line.
fn status_code(line: &str) -> Option<u16> {
    line.split_whitespace().find_map(|word| Some(word).filter(|word| word.len() == 3)?.parse().ok())
}
