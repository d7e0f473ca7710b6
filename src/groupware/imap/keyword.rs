//! Keywords that every server keeps.
//!
//! Dovecot 2.3 refuses more than 50 characters and `[`; Cyrus 3.6 and Courier 5.0 refuse quotes and 8-bit; a blank makes two keywords of one on
//! all of them (DavMail 6 shows a category with a blank that way); Stalwart 0.15 alone tells upper from lower case.

/// Longest keyword that every server keeps.
const MAX_LEN: usize = 50;

/// Whether every server keeps `keyword` as it is: 1 to 50 of `A-Z a-z 0-9 _ - . $`.
#[must_use]
pub fn is_portable_keyword(keyword: &str) -> bool {
    (1..=MAX_LEN).contains(&keyword.len()) && keyword.bytes().all(is_portable)
}

/// The portable keyword nearest to `text`: every other character becomes `_`, and what is beyond 50 is cut. `None` when nothing of it would remain.
#[must_use]
pub fn portable_keyword(text: &str) -> Option<String> {
    let keyword: String = text.trim().chars().map(|c| if c.is_ascii() && is_portable(c as u8) { c } else { '_' }).take(MAX_LEN).collect();
    keyword.bytes().any(|b| b != b'_').then_some(keyword)
}

/// Whether two keywords are the same one.
#[must_use]
pub fn same_keyword(a: &str, b: &str) -> bool {
    a.eq_ignore_ascii_case(b)
}

const fn is_portable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b'$')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r21_a_blank_becomes_an_underscore() {
        assert_eq!(portable_keyword("Not Found").as_deref(), Some("Not_Found"));
        assert_eq!(portable_keyword("Überfällig [Ü]").as_deref(), Some("_berf_llig____"));
        assert_eq!(portable_keyword("  "), None);
        assert_eq!(portable_keyword("ÄÖ"), None);
    }

    #[test]
    fn only_what_every_server_keeps_is_portable() {
        for good in ["CRMcorner", "Processed", "$Forwarded", "a-b.c_9"] {
            assert!(is_portable_keyword(good), "{good}");
            assert_eq!(portable_keyword(good).as_deref(), Some(good));
        }
        let long = "x".repeat(51);
        for bad in ["", "Not Found", "[E]", "100%", "a/b", "Über", long.as_str()] {
            assert!(!is_portable_keyword(bad), "{bad}");
        }
        assert!(same_keyword("CRMcorner", "CRMCORNER"));
    }
}
