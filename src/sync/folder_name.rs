//! The name grammar of import folders (R15, R16): `CRM <description> [<status>]`.

/// What the name of an import folder says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FolderName {
    /// The words between `CRM` and the brackets, without blanks around them; may hold brackets, may be empty.
    pub description: String,
    /// The status key in the last brackets, without blanks around it; never empty.
    pub status: String,
}

/// Reads the last part of a mailbox name. `None` when it does not follow the grammar: it begins with exactly `CRM ` and ends with a
/// status key in square brackets. Blanks after the closing bracket, which a mail client may leave, do not count.
#[must_use]
pub fn parse_folder_name(leaf: &str) -> Option<FolderName> {
    let (description, status) = leaf.strip_prefix("CRM ")?.trim_end().strip_suffix(']')?.rsplit_once('[')?;
    let status = status.trim();
    if status.is_empty() || status.contains(']') {
        return None;
    }
    Some(FolderName { description: description.trim().to_owned(), status: status.to_owned() })
}
