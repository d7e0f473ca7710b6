//! ID (RFC 2971).

use super::super::wire::Command;

/// Says who asks, and asks who answers.
pub(in super::super) fn command() -> Command {
    Command::new("ID").arg(concat!("(\"name\" \"crmsync\" \"version\" \"", env!("CARGO_PKG_VERSION"), "\")"))
}

/// The server's name and version, as far as it told them.
pub(in super::super) fn describe(fields: &[(String, String)]) -> String {
    let field = |name| fields.iter().find(|(key, value)| key == name && !value.is_empty()).map(|(_, value)| value.as_str());
    [field("name"), field("version")].into_iter().flatten().collect::<Vec<_>>().join(" ")
}
