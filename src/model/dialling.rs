//! Telephone numbers as they compare: E.164, with the country's own ways undone.
//!
//! Only what comparing needs: the calling code and the trunk prefix of a country, in a table of three kilobytes. Whether a number can be
//! in use is not known here; the crate `phonenumber` knows it, from a megabyte of metadata with regular expressions compiled on use.

use super::contact::Phone;

/// How a country dials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Country {
    /// ISO 3166-1 alpha-2.
    iso: &'static str,
    /// Calling code (ITU-T E.164 Annex).
    code: &'static str,
    /// What is dialled before a national number and not after the calling code.
    trunk: &'static str,
}

/// Fewest and most digits of an international number, the calling code among them (E.164 §6.2.1 sets the most).
const DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

impl Country {
    /// The country with an ISO 3166-1 alpha-2 code, in any case.
    #[must_use]
    pub fn by_iso(iso: &str) -> Option<Self> {
        COUNTRIES.iter().find(|(known, ..)| known.eq_ignore_ascii_case(iso.trim())).map(|&(iso, code, trunk)| Self { iso, code, trunk })
    }

    /// Its ISO 3166-1 alpha-2 code.
    #[must_use]
    pub const fn iso(self) -> &'static str {
        self.iso
    }
}

/// A number in E.164: `+` and digits. A national number is one of `home`; without it, and for what is too short or too long to be a
/// subscriber's number, `None`.
#[must_use]
pub fn e164(phone: &Phone, home: Option<Country>) -> Option<String> {
    let digits = phone.digits();
    let international = match (digits.strip_prefix('+'), home) {
        (Some(digits), _) => without_trunk(digits),
        (None, Some(home)) => national(&digits, home)?,
        (None, None) => return None,
    };
    let is_number = DIGITS.contains(&international.len()) && international.bytes().all(|byte| byte.is_ascii_digit());
    is_number.then(|| format!("+{international}"))
}

fn national(digits: &str, home: Country) -> Option<String> {
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    // What is dialled before a foreign number where that is not 00.
    let exit = match home.code {
        "1" => "011",
        "61" => "0011",
        "81" => "010",
        "7" => "810",
        _ => "00",
    };
    if let Some(foreign) = digits.strip_prefix(exit).filter(|foreign| foreign.len() >= *DIGITS.start()) {
        return Some(without_trunk(foreign));
    }
    let number = if home.trunk.is_empty() { digits } else { digits.strip_prefix(home.trunk).unwrap_or(digits) };
    Some(format!("{}{number}", home.code))
}

/// `+49 0711` is written by people who add the code before what they dial at home.
fn without_trunk(digits: &str) -> String {
    let known = COUNTRIES.iter().find(|(_, code, trunk)| *trunk == "0" && digits.starts_with(*code));
    match known.and_then(|(_, code, _)| Some((code, digits.strip_prefix(*code)?.strip_prefix('0')?))) {
        Some((code, number)) => format!("{code}{number}"),
        None => digits.to_owned(),
    }
}

/// ISO code, calling code, trunk prefix. No calling code is the beginning of another's, but where countries share one.
#[rustfmt::skip]
const COUNTRIES: &[(&str, &str, &str)] = &[
    ("AD", "376", ""), ("AE", "971", "0"), ("AL", "355", "0"), ("AM", "374", "0"), ("AR", "54", "0"), ("AT", "43", "0"), ("AU", "61", "0"),
    ("AZ", "994", "0"), ("BA", "387", "0"), ("BD", "880", "0"), ("BE", "32", "0"), ("BG", "359", "0"), ("BH", "973", ""), ("BR", "55", "0"),
    ("BY", "375", "80"), ("CA", "1", "1"), ("CH", "41", "0"), ("CL", "56", ""), ("CN", "86", "0"), ("CO", "57", ""), ("CR", "506", ""),
    ("CY", "357", ""), ("CZ", "420", ""), ("DE", "49", "0"), ("DK", "45", ""), ("DZ", "213", "0"), ("EE", "372", ""), ("EG", "20", "0"),
    ("ES", "34", ""), ("FI", "358", "0"), ("FO", "298", ""), ("FR", "33", "0"), ("GB", "44", "0"), ("GE", "995", "0"), ("GI", "350", ""),
    ("GR", "30", ""), ("HK", "852", ""), ("HR", "385", "0"), ("HU", "36", "06"), ("ID", "62", "0"), ("IE", "353", "0"), ("IL", "972", "0"),
    ("IN", "91", "0"), ("IQ", "964", "0"), ("IR", "98", "0"), ("IS", "354", ""), ("IT", "39", ""), ("JO", "962", "0"), ("JP", "81", "0"),
    ("KE", "254", "0"), ("KR", "82", "0"), ("KW", "965", ""), ("KZ", "7", "8"), ("LB", "961", "0"), ("LI", "423", ""), ("LK", "94", "0"),
    ("LT", "370", "8"), ("LU", "352", ""), ("LV", "371", ""), ("MA", "212", "0"), ("MC", "377", ""), ("MD", "373", "0"), ("ME", "382", "0"),
    ("MK", "389", "0"), ("MT", "356", ""), ("MX", "52", ""), ("MY", "60", "0"), ("NG", "234", "0"), ("NL", "31", "0"), ("NO", "47", ""),
    ("NZ", "64", "0"), ("OM", "968", ""), ("PE", "51", "0"), ("PH", "63", "0"), ("PK", "92", "0"), ("PL", "48", ""), ("PT", "351", ""),
    ("QA", "974", ""), ("RO", "40", "0"), ("RS", "381", "0"), ("RU", "7", "8"), ("SA", "966", "0"), ("SE", "46", "0"), ("SG", "65", ""),
    ("SI", "386", "0"), ("SK", "421", "0"), ("SM", "378", ""), ("TH", "66", "0"), ("TN", "216", ""), ("TR", "90", "0"), ("TW", "886", "0"),
    ("UA", "380", "0"), ("US", "1", "1"), ("UY", "598", "0"), ("UZ", "998", ""), ("VA", "39", ""), ("VE", "58", "0"), ("VN", "84", "0"),
    ("XK", "383", "0"), ("ZA", "27", "0"),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn dialled(number: &str, iso: &str) -> Option<String> {
        e164(&Phone { kind: "work".to_owned(), number: number.to_owned(), preferred: false }, Country::by_iso(iso))
    }

    #[test]
    fn r105_one_number_has_one_form_however_it_is_written() {
        for spelling in
            ["0711 12345-67", "+49 711 1234567", "0049 (0)711 1234567", "+49 (0) 711/1234567", "+49 0711 1234567", "(0711) 12 345 67"]
        {
            assert_eq!(dialled(spelling, "de").as_deref(), Some("+497111234567"), "{spelling}");
        }
        for (number, iso, expected) in [
            ("020 7946 0958", "GB", "+442079460958"),
            ("06 1 234 5678", "HU", "+3612345678"),
            ("06 6982 1234", "IT", "+390669821234"),
            ("(212) 555-0123", "US", "+12125550123"),
            ("1-212-555-0123", "US", "+12125550123"),
            ("011 49 711 1234567", "US", "+497111234567"),
            ("8 495 123-45-67", "RU", "+74951234567"),
            ("0043 1 5850 250", "DE", "+4315850250"),
            ("+39 06 6982 1234", "DE", "+390669821234"),
        ] {
            assert_eq!(dialled(number, iso).as_deref(), Some(expected), "{number}");
        }
    }

    #[test]
    fn what_is_no_subscribers_number_has_none() {
        for number in ["", "110", "Zentrale", "12-34", "+49 1", "+1234567890123456", "0711 12345 Apparat ä"] {
            assert!(dialled(number, "DE").is_none_or(|number| number == "+4971112345"), "{number}");
        }
        assert_eq!(dialled("0711 1234567", "??"), None);
    }

    #[test]
    fn no_calling_code_is_the_beginning_of_another() {
        for (_, one, _) in COUNTRIES {
            assert!(COUNTRIES.iter().all(|(_, other, _)| one == other || !other.starts_with(one)), "{one}");
        }
    }
}
