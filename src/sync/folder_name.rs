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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(leaf: &str) -> Option<(String, String)> {
        parse_folder_name(leaf).map(|name| (name.description, name.status))
    }

    #[test]
    fn r15_r16_the_key_in_the_last_brackets_is_the_status() {
        for (leaf, description, status) in [
            ("CRM Erledigt [E]", "Erledigt", "E"),
            ("CRM Überfällig [Ü]", "Überfällig", "Ü"),
            ("CRM offers [north] 2026 [OPEN]", "offers [north] 2026", "OPEN"),
            ("CRM odd ] [ one [E]", "odd ] [ one", "E"),
            ("CRM Done[E]", "Done", "E"),
            ("CRM [E]", "", "E"),
            ("CRM   wide   [ E ]  ", "wide", "E"),
            ("CRM Done [E]\u{a0}", "Done", "E"),
        ] {
            assert_eq!(parsed(leaf), Some((description.to_owned(), status.to_owned())), "{leaf}");
        }
    }

    #[test]
    fn r15_other_names_are_not_of_the_grammar() {
        for leaf in [
            "",
            "CRM",
            "CRM ",
            "CRM Done",
            "crm Done [E]",
            "CRMDone [E]",
            " CRM Done [E]",
            "CRM Done []",
            "CRM Done [ ]",
            "CRM [E] Done",
            "CRM E]",
            "CRM Done [E]]",
            "CRM\tDone [E]",
            "CRM activities",
        ] {
            assert_eq!(parsed(leaf), None, "{leaf}");
        }
    }

    proptest! {
        #[test]
        fn r15_every_description_and_key_come_back(description in "\\PC{0,20}", status in "[^\\[\\]]{1,8}") {
            prop_assume!(!status.trim().is_empty());
            let name = FolderName { description: description.trim().to_owned(), status: status.trim().to_owned() };
            prop_assert_eq!(parse_folder_name(&format!("CRM {description} [{status}]")), Some(name));
        }

        #[test]
        fn any_name_is_read_without_a_panic(leaf: String) {
            let _ = parse_folder_name(&leaf);
        }
    }
}
