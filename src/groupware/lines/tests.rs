use proptest::prelude::*;

use super::*;

fn names(text: &str) -> Vec<(String, usize, usize)> {
    Document::parse(text).unwrap().components().iter().map(|c| (c.name.to_string(), c.begin, c.end)).collect()
}

fn first(text: &str, name: &str) -> Property<'static> {
    let owned: &'static str = Box::leak(text.to_owned().into_boxed_str());
    Document::parse(owned).unwrap().first(0, name).unwrap()
}

#[test]
fn an_unchanged_document_comes_back_byte_for_byte() {
    for text in [
        "",
        "\n",
        "\u{feff}BEGIN:VCALENDAR\r\nSUMMARY:a\r\n b\r\n\tc\r\n\r\nEND:VCALENDAR",
        "BEGIN:A\r\r\nX:1\r\r\nEND:A\r\r\n",
        " starts with a blank\nBEGIN:A\rB:C\nEND:B\n",
    ] {
        let document = Document::parse(text).unwrap();
        assert_eq!(Editor::new(&document).finish(), text);
    }
}

#[test]
fn only_the_replaced_line_is_folded_anew() {
    let text = "BEGIN:A\nX:1\n 2\nY:a very\n  odd folding\nZ:3\nEND:A\n";
    let document = Document::parse(text).unwrap();
    let mut editor = Editor::new(&document);
    editor.replace(1, format!("X:{}", "ä".repeat(60)));
    editor.insert_before(document.place_for_new(0), "NEW:1");
    let written = editor.finish();
    let expected = format!("BEGIN:A\nX:{}\n {}\nY:a very\n  odd folding\nZ:3\nNEW:1\nEND:A\n", "ä".repeat(36), "ä".repeat(24));
    assert_eq!(written, expected);
    assert_eq!(Document::parse(&written).unwrap().first(0, "x").unwrap().value(), "ä".repeat(60));
}

#[test]
fn the_same_content_keeps_its_folding() {
    let text = "BEGIN:A\r\nX:1\r\n 2\r\nEND:A\r\n";
    let document = Document::parse(text).unwrap();
    let mut editor = Editor::new(&document);
    editor.replace(1, "X:12".to_owned());
    assert!(editor.is_unchanged());
    assert_eq!(editor.finish(), text);
}

#[test]
fn lines_keep_their_own_line_ends() {
    let text = "BEGIN:A\r\nX:1\nY:2\r\r\nEND:A";
    let document = Document::parse(text).unwrap();
    let mut editor = Editor::new(&document);
    editor.replace(1, "X:9".to_owned());
    editor.replace(2, "Y:9".to_owned());
    editor.insert_before(4, "Z:1");
    assert_eq!(editor.finish(), "BEGIN:A\r\nX:9\nY:9\r\r\nEND:A\r\nZ:1\r\n");
}

#[test]
fn components_are_found_whatever_their_case_and_missing_ends() {
    assert_eq!(names("begin:a\nBegin:B\nEND:b\nEnd:A\n"), [("a".to_owned(), 0, 3), ("B".to_owned(), 1, 2)]);
    assert_eq!(names("BEGIN:A\nBEGIN:B\nEND:A\n"), [("A".to_owned(), 0, 2), ("B".to_owned(), 1, 2)]);
    assert_eq!(names("BEGIN:A\nBEGIN:B\nX:1"), [("A".to_owned(), 0, 3), ("B".to_owned(), 1, 3)]);
    assert_eq!(names("END:A\nBEGIN:A\nEND:C\nEND:A\n"), [("A".to_owned(), 1, 3)]);
}

#[test]
fn properties_of_nested_components_are_not_the_outer_ones() {
    let text = "BEGIN:A\nX:1\nBEGIN:B\nX:2\nEND:B\nX:3\nEND:A\n";
    let document = Document::parse(text).unwrap();
    let values = |index| document.properties(index, "X").map(|p| p.value().to_owned()).collect::<Vec<_>>();
    assert_eq!(values(0), ["1", "3"]);
    assert_eq!(values(1), ["2"]);
    assert_eq!(document.children(0, "b").collect::<Vec<_>>(), [1]);
}

#[test]
fn nesting_has_a_bound() {
    let deep = "BEGIN:A\n".repeat(MAX_DEPTH);
    assert!(Document::parse(&deep).is_ok());
    assert_eq!(Document::parse(&format!("{deep}BEGIN:A\n")).unwrap_err(), TooDeep);
}

#[test]
fn a_name_may_be_folded() {
    assert_eq!(first("BEGIN:A\nSUMM\n ARY:x\nEND:A\n", "SUMMARY").value(), "x");
}

#[test]
fn parameters_are_split_outside_of_quotes_and_decoded() {
    let property = first("BEGIN:A\nX;A=\"b;c:d\";E=f^ng^'h^^i^j;G:va:l;ue\nEND:A\n", "X");
    assert_eq!(property.parameter("a").unwrap(), "b;c:d");
    assert_eq!(property.parameter("E").unwrap(), "f\ng\"h^i^j");
    assert_eq!(property.parameter("G").unwrap(), "");
    assert_eq!(property.value(), "va:l;ue");
    assert_eq!(property.with(&[("E", None), ("H", Some("1:2"))], "new"), "X;A=\"b;c:d\";G;H=\"1:2\":new");
}

#[test]
fn exchange_zone_names_with_a_colon_need_no_quotes() {
    let property = first("BEGIN:A\nDTSTART;TZID=(UTC+01:00) Amsterdam, Berlin:20260101T090000\nEND:A\n", "DTSTART");
    assert_eq!(property.parameter("TZID").unwrap(), "(UTC+01:00) Amsterdam, Berlin");
    assert_eq!(property.value(), "20260101T090000");
    assert_eq!(first("BEGIN:A\nX;CN=a (b:20260101\nEND:A\n", "X").value(), "20260101");
}

#[test]
fn text_escapes_round_trip_and_forgotten_ones_stay() {
    assert_eq!(escape("a\\b;c,d\ne\u{7}"), "a\\\\b\\;c\\,d\\ne");
    assert_eq!(unescape("a\\\\n\\;\\,\\N\\\"C:\\temp\\"), "a\\n;,\n\"C:\\temp\\");
    assert_eq!(split("a\\,b,c\\\\,d,", b',').collect::<Vec<_>>(), ["a\\,b", "c\\\\", "d", ""]);
}

#[test]
fn hostile_texts_take_linear_time() {
    let long = format!("BEGIN:A\nX:{}\nEND:A\n", "a".repeat(10_000_000));
    let many = format!("BEGIN:A\n{}END:A\n", "X:1\n".repeat(100_000));
    let folded = format!("BEGIN:A\n{}END:A\n", "\n ".repeat(100_000));
    let unclosed = format!("BEGIN:A\n{}", "BEGIN:B\nEND:B\nEND:C\n".repeat(20_000));
    for text in [long, many, folded, unclosed] {
        let document = Document::parse(&text).unwrap();
        assert!(document.first(0, "NONE").is_none());
        let mut editor = Editor::new(&document);
        editor.insert_before(document.place_for_new(0), "Y:1");
        assert!(editor.finish().len() > text.len());
    }
}

proptest! {
    #[test]
    fn any_text_comes_back(text in "([A-Z:;=\"^\\\\ \t\r\nä]|BEGIN:A|END:A|\r\n){0,60}") {
        let document = Document::parse(&text).unwrap();
        prop_assert_eq!(Editor::new(&document).finish(), text.clone());
        for line in 0..document.lines.len() {
            let property = document.property(line).unwrap();
            let _ = (property.name(), property.value(), property.parameters().count());
        }
    }

    #[test]
    fn folding_is_undone_by_unfolding(content in "\\PC{0,300}") {
        let mut folded = String::new();
        fold(&content, "\r\n", &mut folded);
        prop_assert!(folded.split("\r\n").all(|line| line.len() <= 75));
        prop_assert_eq!(unfold(&folded).into_owned(), content);
    }

    #[test]
    fn text_round_trips(text in "[^\u{0}-\u{8}\u{b}-\u{1f}\u{7f}-\u{9f}]{0,80}") {
        prop_assert_eq!(unescape(&escape(&text)).into_owned(), text);
    }

    #[test]
    fn parameters_round_trip(value in "[^\u{0}-\u{9}\u{b}-\u{1f}\u{7f}-\u{9f}]{0,40}") {
        let line = Property::line("X", &[("P", Some(&value))], "v");
        let property = Property::new(0, Cow::Owned(line), 0);
        prop_assert_eq!(property.parameter("P").unwrap().into_owned(), value);
        prop_assert_eq!(property.value(), "v");
    }
}

#[test]
fn vcard_2_1_quoted_printable_goes_on_after_its_soft_breaks() {
    let text = "BEGIN:VCARD\r\nNOTE;ENCODING=QUOTED-PRINTABLE:a=0D=0A=\r\nb:c=\r\n d\r\nTEL:1=\r\nFN:x\r\nURL;QUOTED-PRINTABLE:=\r\nhttp://x\r\nEND:VCARD\r\n";
    let document = Document::parse(text).unwrap();
    assert_eq!(document.first(0, "NOTE").unwrap().value(), "a=0D=0Ab:c d");
    assert_eq!(document.first(0, "URL").unwrap().value(), "http://x");
    assert_eq!(document.first(0, "TEL").unwrap().value(), "1=");
    assert_eq!(document.lines_of(0).count(), 4);
    assert_eq!(Editor::new(&document).finish(), text);

    let mut editor = Editor::new(&document);
    let long = format!("NOTE;ENCODING=QUOTED-PRINTABLE:{}", "=C3=A4b".repeat(40));
    editor.replace(1, long.clone());
    let written = editor.finish();
    assert!(written.lines().all(|line| line.len() <= 75 && !line.starts_with(' ')), "{written}");
    assert!(written.lines().all(|line| !line.ends_with("=C") && !line.ends_with("==")), "{written}");
    assert_eq!(Document::parse(&written).unwrap().first(0, "NOTE").unwrap().content(), long);
}

#[test]
fn groups_and_bare_parameters_are_told_apart() {
    let property = first("BEGIN:A\nX;WORK;TYPE=\"a;b\",c;PREF=:1\nEND:A\n", "X");
    assert_eq!(property.raw_parameters().collect::<Vec<_>>(), ["WORK", "TYPE=\"a;b\",c", "PREF="]);
    let text = "BEGIN:A\nitem1.X-ABLabel;A=b.c:x\nEND:A\n";
    let document = Document::parse(text).unwrap();
    let property = document.property(1).unwrap();
    assert_eq!((property.group(), property.own_name()), (Some("item1"), "X-ABLabel"));
    assert_eq!(raw_parameter("N", "a,b"), "N=\"a,b\"");
}
