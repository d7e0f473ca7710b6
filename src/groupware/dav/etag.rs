//! Entity tags (RFC 9110 §8.8.3).

/// The tag in its strong form with quotes; `None` for an empty one.
///
/// Weak tags are taken for strong ones: Cyrus 3.6 weakens the tag of a compressed answer and keeps the value, and If-Match compares strongly.
/// Tags without quotes get them.
pub(super) fn strong(text: &str) -> Option<String> {
    let text = text.trim();
    let text = text.strip_prefix("W/").or_else(|| text.strip_prefix("w/")).unwrap_or(text).trim();
    let value = text.strip_prefix('"').unwrap_or(text);
    let value = value.strip_suffix('"').unwrap_or(value);
    let usable = !value.is_empty() && value.chars().all(|c| !c.is_control() && c != '"');
    usable.then(|| format!("\"{value}\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_are_compared_and_sent_in_their_strong_form() {
        for text in ["\"a1\"", "W/\"a1\"", "w/\"a1\"", "a1", " \"a1\" "] {
            assert_eq!(strong(text).as_deref(), Some("\"a1\""), "{text}");
        }
        for text in ["", "\"\"", "W/\"\"", "\"a\nb\"", "a\"b"] {
            assert_eq!(strong(text), None, "{text}");
        }
    }
}
