//! Countries by name: what a card spells out is compared by its ISO 3166-1 code.

/// Code, the name that is written (in the country's language where that is German, Dutch or English, else in English), other names.
/// Lower and upper case do not matter. What is not here stays as it is written.
const COUNTRIES: &[(&str, &str, &[&str])] = &[
    ("AE", "United Arab Emirates", &["Vereinigte Arabische Emirate", "Verenigde Arabische Emiraten", "UAE", "VAE"]),
    ("AR", "Argentina", &["Argentinien", "Argentinië"]),
    ("AT", "Österreich", &["Austria", "Oostenrijk", "Oesterreich"]),
    ("AU", "Australia", &["Australien", "Australië"]),
    ("BA", "Bosnia and Herzegovina", &["Bosnien und Herzegowina", "Bosnië en Herzegovina"]),
    ("BE", "België", &["Belgium", "Belgien", "Belgique"]),
    ("BG", "Bulgaria", &["Bulgarien", "Bulgarije"]),
    ("BR", "Brazil", &["Brasilien", "Brazilië", "Brasil"]),
    ("CA", "Canada", &["Kanada"]),
    ("CH", "Schweiz", &["Switzerland", "Zwitserland", "Suisse", "Svizzera"]),
    ("CL", "Chile", &["Chili"]),
    ("CN", "China", &["Volksrepublik China", "People's Republic of China"]),
    ("CY", "Cyprus", &["Zypern"]),
    ("CZ", "Czechia", &["Czech Republic", "Tschechien", "Tschechische Republik", "Tsjechië", "Česko"]),
    ("DE", "Deutschland", &["Germany", "Duitsland", "Allemagne", "Bundesrepublik Deutschland"]),
    ("DK", "Denmark", &["Dänemark", "Denemarken", "Danmark"]),
    ("EE", "Estonia", &["Estland"]),
    ("EG", "Egypt", &["Ägypten", "Egypte"]),
    ("ES", "Spain", &["Spanien", "Spanje", "España"]),
    ("FI", "Finland", &["Finnland", "Suomi"]),
    ("FR", "France", &["Frankreich", "Frankrijk"]),
    (
        "GB",
        "United Kingdom",
        &["Vereinigtes Königreich", "Verenigd Koninkrijk", "Großbritannien", "Great Britain", "Groot-Brittannië", "England", "UK"],
    ),
    ("GR", "Greece", &["Griechenland", "Griekenland"]),
    ("HK", "Hong Kong", &["Hongkong"]),
    ("HR", "Croatia", &["Kroatien", "Kroatië"]),
    ("HU", "Hungary", &["Ungarn", "Hongarije"]),
    ("ID", "Indonesia", &["Indonesien", "Indonesië"]),
    ("IE", "Ireland", &["Irland", "Ierland"]),
    ("IL", "Israel", &["Israël"]),
    ("IN", "India", &["Indien"]),
    ("IS", "Iceland", &["Island", "IJsland"]),
    ("IT", "Italy", &["Italien", "Italië", "Italia"]),
    ("JP", "Japan", &[]),
    ("KR", "South Korea", &["Südkorea", "Zuid-Korea", "Republic of Korea"]),
    ("LI", "Liechtenstein", &[]),
    ("LT", "Lithuania", &["Litauen", "Litouwen"]),
    ("LU", "Luxembourg", &["Luxemburg"]),
    ("LV", "Latvia", &["Lettland", "Letland"]),
    ("MA", "Morocco", &["Marokko"]),
    ("MT", "Malta", &[]),
    ("MX", "Mexico", &["Mexiko", "México"]),
    ("MY", "Malaysia", &["Maleisië"]),
    ("NL", "Nederland", &["Netherlands", "The Netherlands", "Niederlande", "Holland"]),
    ("NO", "Norway", &["Norwegen", "Noorwegen", "Norge"]),
    ("NZ", "New Zealand", &["Neuseeland", "Nieuw-Zeeland"]),
    ("PL", "Poland", &["Polen", "Polska"]),
    ("PT", "Portugal", &[]),
    ("RO", "Romania", &["Rumänien", "Roemenië"]),
    ("RS", "Serbia", &["Serbien", "Servië"]),
    ("RU", "Russia", &["Russland", "Rusland", "Russian Federation", "Russische Föderation"]),
    ("SA", "Saudi Arabia", &["Saudi-Arabien", "Saoedi-Arabië"]),
    ("SE", "Sweden", &["Schweden", "Zweden", "Sverige"]),
    ("SG", "Singapore", &["Singapur"]),
    ("SI", "Slovenia", &["Slowenien", "Slovenië"]),
    ("SK", "Slovakia", &["Slowakei", "Slowakije"]),
    ("TH", "Thailand", &[]),
    ("TR", "Turkey", &["Türkei", "Turkije", "Türkiye"]),
    ("TW", "Taiwan", &[]),
    ("UA", "Ukraine", &["Oekraïne"]),
    (
        "US",
        "United States",
        &["USA", "U.S.A.", "United States of America", "Vereinigte Staaten", "Vereinigte Staaten von Amerika", "Verenigde Staten"],
    ),
    ("VN", "Vietnam", &["Viet Nam"]),
    ("ZA", "South Africa", &["Südafrika", "Zuid-Afrika"]),
];

/// The code of a country by its code or its name; what is written where it is not known.
pub(super) fn code(written: &str) -> String {
    let written = written.trim();
    let lower = written.to_lowercase();
    let known = COUNTRIES.iter().find(|(code, name, others)| {
        code.eq_ignore_ascii_case(written) || name.to_lowercase() == lower || others.iter().any(|other| other.to_lowercase() == lower)
    });
    known.map_or_else(|| written.to_owned(), |(code, ..)| (*code).to_owned())
}

/// A country as it is written on a letter; what is given where it is no code that is known.
pub(super) fn name(country: &str) -> &str {
    COUNTRIES.iter().find(|(code, ..)| *code == country).map_or(country, |(_, name, _)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_three_languages_are_one_country() {
        for written in ["Germany", "deutschland", "DUITSLAND", "de", " DE "] {
            assert_eq!(code(written), "DE", "{written}");
        }
        assert_eq!(code("ÖSTERREICH"), "AT");
        assert_eq!(code("Atlantis"), "Atlantis");
        assert_eq!((name("NL"), name("Atlantis")), ("Nederland", "Atlantis"));
    }

    #[test]
    fn every_name_that_is_written_is_read_as_its_code() {
        for (code, written, _) in COUNTRIES {
            assert_eq!(super::code(written), *code);
        }
    }
}
