//! INTERNALDATE: `" 1-Jan-2024 10:00:00 +0100"`.

use chrono::{DateTime, FixedOffset};

/// Reads a date-time (RFC 3501 §9). `None` when it is none, which loses nothing but a hint.
pub(super) fn read(text: &[u8]) -> Option<DateTime<FixedOffset>> {
    let text = std::str::from_utf8(text).ok()?.trim();
    DateTime::parse_from_str(text, "%e-%b-%Y %H:%M:%S %z").ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_with_one_or_two_digits_are_read() {
        for text in [" 1-Jan-2024 10:00:00 +0100", "01-Jan-2024 10:00:00 +0100", "1-Jan-2024 09:00:00 +0000"] {
            assert_eq!(read(text.as_bytes()).unwrap().timestamp(), 1_704_099_600, "{text}");
        }
        assert_eq!(read(b"NIL"), None);
        assert_eq!(read(b"99-Foo-0000 99:99:99 +9999"), None);
    }
}
