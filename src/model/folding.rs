//! Names as they compare: without case, accents, blanks and the ways to write an umlaut.

use icu_normalizer::DecomposingNormalizerBorrowed;

/// Legal forms and joining words, which one writes and the other leaves out.
#[rustfmt::skip]
const LEGAL_FORMS: &[&str] = &[
    "ab", "ag", "and", "as", "bv", "cie", "co", "company", "corp", "corporation", "cv", "ek", "eg", "et", "ev", "gbr", "ges", "gesellschaft", "gmbh",
    "group", "gruppe", "holding", "inc", "incorporated", "kg", "kgaa", "limited", "llc", "llp", "ltd", "mbh", "nv", "ohg", "oy", "plc", "sa", "sarl",
    "sas", "se", "sl", "spa", "srl", "the", "ug", "und", "vof",
];

/// The words of a text in lower case without accents. `ä`, `ae` and `a` are one, so `Müller`, `Mueller` and `Muller` are the same (and
/// so are `Bauer` and `Baur`, which is why an equal name alone proves nothing).
#[must_use]
pub fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    for letter in DecomposingNormalizerBorrowed::new_nfkd().normalize_iter(text.chars()).flat_map(char::to_lowercase) {
        let Some(word) = words.last_mut() else { break };
        match letter {
            '\u{300}'..='\u{36f}' | '\'' | '’' | '.' => {}
            'ß' => word.push_str("ss"),
            'ø' | 'œ' => word.push('o'),
            'æ' => word.push('a'),
            'ł' => word.push('l'),
            'đ' | 'ð' => word.push('d'),
            'þ' => word.push_str("th"),
            'ı' => word.push('i'),
            'e' if word.ends_with(['a', 'o', 'u']) => {}
            letter if letter.is_alphanumeric() => word.push(letter),
            _ => {
                if !word.is_empty() {
                    words.push(String::new());
                }
            }
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// A name as one word: [`words`] joined, so that `van Dijk` and `vanDijk` are the same.
#[must_use]
pub fn name(text: &str) -> String {
    words(text).concat()
}

/// The name of a company without its legal form: `Müller & Söhne KG` is `mullersohne`. A name of nothing but legal forms stays whole.
#[must_use]
pub fn company(text: &str) -> String {
    let all = words(text);
    let telling: String = all.iter().filter(|word| !LEGAL_FORMS.contains(&word.as_str())).map(String::as_str).collect();
    if telling.is_empty() { all.concat() } else { telling }
}

/// A street as it compares: `Hauptstraße 5`, `Hauptstr. 5` and `Haupt Str 5` are the same.
#[must_use]
pub fn street(text: &str) -> String {
    let street = name(text);
    // What the folding leaves of `straße` and `strasse`; the house number follows.
    street.replacen("strasse", "str", 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_the_same_however_it_is_spelt() {
        for (one, other) in [
            ("Müller", "MUELLER"),
            ("Müller", "Muller"),
            ("Mu\u{308}ller", "müller"),
            ("Groß", "Gross"),
            ("van Dijk", "VanDijk"),
            ("Müller-Lüdenscheidt", "Mueller Luedenscheidt"),
            ("Élodie", "Elodie"),
            ("Søren", "Soeren"),
            ("Wójcik", "Wojcik"),
            ("O’Neill", "O'Neill"),
            ("\u{FB01}nk", "Fink"),
        ] {
            assert_eq!(name(one), name(other), "{one} {other}");
        }
        assert_ne!(name("Meier"), name("Maier"));
        assert_eq!(name(" - "), "");
        assert_eq!(name("Ирина"), "ирина");
    }

    #[test]
    fn a_company_is_the_same_with_and_without_its_legal_form() {
        for other in ["Müller & Söhne", "Mueller und Soehne GmbH & Co. KG", "MÜLLER SÖHNE"] {
            assert_eq!(company("Müller & Söhne KG"), company(other), "{other}");
        }
        assert_eq!(company("Van Dijk Logistics B.V."), company("Van Dijk Logistics"));
        assert_eq!(company("SE"), "se");
    }

    #[test]
    fn a_street_is_the_same_written_out_and_short() {
        for other in ["Hauptstr. 5", "Haupt Str 5", "hauptstrasse 5"] {
            assert_eq!(street("Hauptstraße 5"), street(other), "{other}");
        }
        assert_ne!(street("Hauptstraße 5"), street("Hauptstraße 51"));
    }
}
