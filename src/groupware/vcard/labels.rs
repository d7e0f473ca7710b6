//! Labels that Apple's programs and those after them write beside a property: `item1.X-ABLabel:_$!<HomeFAX>!$_`.

/// The property that labels the others of its group, in upper case.
pub(super) const NAME: &str = "X-ABLABEL";

/// Properties that only say something of others in their group, in upper case.
pub(super) const ABOUT_OTHERS: [&str; 3] = [NAME, "X-ABADR", "X-ABRELATEDNAMES"];

/// What a person or a program calls a kind, in lower case.
const WORDS: &[(&str, &[&str])] = &[
    ("work", &["work", "arbeit", "büro", "geschäftlich", "dienstlich", "office", "werk", "kantoor"]),
    ("home", &["home", "privat", "zuhause", "privé", "thuis"]),
    ("mobile", &["mobile", "mobil", "handy", "mobiel", "iphone", "cell"]),
    ("work-mobile", &["work mobile", "workmobile", "diensthandy", "mobil geschäftlich"]),
    ("work-fax", &["workfax", "work fax", "fax", "fax geschäftlich", "fax arbeit"]),
    ("home-fax", &["homefax", "home fax", "fax privat"]),
    ("pager", &["pager"]),
    ("main", &["main", "zentrale", "hauptnummer", "haupt", "hoofdnummer"]),
    ("car", &["car", "auto", "autotelefon", "autotelefoon"]),
    ("assistant", &["assistant", "assistenz", "assistentin", "assistent", "sekretariat", "secretariaat"]),
    ("other", &["other", "otherfax", "andere", "sonstige", "overig"]),
    ("anniversary", &["anniversary", "jahrestag", "hochzeitstag", "jubiläum", "trouwdag", "jubileum"]),
];

/// The kind that a label names, if it is known: `work`, `home-fax`, …, `anniversary`.
pub(super) fn word(label: &str) -> Option<&'static str> {
    let bare = label.trim().trim_start_matches("_$!<").trim_end_matches(">!$_").to_lowercase();
    WORDS.iter().find(|(_, words)| words.contains(&bare.as_str())).map(|(word, _)| *word)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_of_programs_and_people_are_known() {
        for (label, kind) in
            [("_$!<HomeFAX>!$_", "home-fax"), ("Büro", "work"), ("_$!<Anniversary>!$_", "anniversary"), ("Zentrale", "main")]
        {
            assert_eq!(word(label), Some(kind), "{label}");
        }
        assert_eq!(word("Ferienhaus"), None);
    }
}
