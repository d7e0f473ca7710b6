use chrono::NaiveDateTime;

use super::names::fixed;
use super::*;

fn at(text: &str) -> NaiveDateTime {
    text.parse().unwrap()
}

fn name(text: &str) -> Option<&'static str> {
    iana(text).map(Tz::name)
}

#[test]
fn i10_names_of_many_programs_are_known() {
    for (written, zone) in [
        ("Europe/Berlin", "Europe/Berlin"),
        ("europe/berlin", "Europe/Berlin"),
        ("W. Europe Standard Time", "Europe/Berlin"),
        ("Romance Standard Time", "Europe/Paris"),
        ("E. South America Standard Time", "America/Sao_Paulo"),
        ("Mitteleuropäische Zeit", "Europe/Berlin"),
        ("tzone://Microsoft/Utc", "UTC"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", "Europe/Berlin"),
        ("(UTC+01:00) Amsterdam, Berlin, Bern, Rom, Stockholm, Wien", "Europe/Amsterdam"),
        ("(UTC-05:00) Eastern Time (US & Canada)", "America/New_York"),
        ("(UTC) Coordinated Universal Time", "UTC"),
        ("(UTC)", "UTC"),
        ("/mozilla.org/20070129_1/Europe/Berlin", "Europe/Berlin"),
        ("/softwarestudio.org/Olson_20011030_5/Pacific/Auckland", "Pacific/Auckland"),
        ("/freeassociation.sourceforge.net/Tzfile/America/Argentina/Buenos_Aires", "America/Argentina/Buenos_Aires"),
        ("Kamchatka Standard Time", "Asia/Kamchatka"),
        ("South Sudan Standard Time", "Africa/Juba"),
        ("\"Europe/Berlin\"", "Europe/Berlin"),
        ("GMT+0200", "Etc/GMT-2"),
        ("UTC-05:00", "Etc/GMT+5"),
        ("+01:00", "Etc/GMT-1"),
        ("(GMT +01:00)", "Etc/GMT-1"),
        ("Etc/GMT", "UTC"),
        ("Z", "UTC"),
    ] {
        assert_eq!(name(written), Some(zone), "{written}");
    }
    for unknown in ["", "Customized Time Zone", "(", "()", "(UTC+01:30) Nowhere", "+99:00", "+ä1:00", "/", "UTC+"] {
        assert_eq!(name(unknown), None, "{unknown}");
    }
}

#[test]
fn a_skipped_time_takes_the_offset_before_the_gap_and_a_doubled_one_is_the_first() {
    let berlin = Tz::Europe__Berlin;
    assert_eq!(instant(berlin, at("2026-03-29T02:30:00")).naive_utc(), at("2026-03-29T01:30:00"));
    assert_eq!(instant(berlin, at("2026-10-25T02:30:00")).naive_utc(), at("2026-10-25T00:30:00"));
    // Samoa skipped a whole day.
    assert_eq!(instant(Tz::Pacific__Apia, at("2011-12-30T12:00:00")).naive_utc(), at("2011-12-30T22:00:00"));
}

fn calendar(tzid: &str, observances: &str) -> String {
    format!("BEGIN:VCALENDAR\nBEGIN:VTIMEZONE\nTZID:{tzid}\n{observances}END:VTIMEZONE\nEND:VCALENDAR\n")
}

const EUROPEAN: &str = "BEGIN:STANDARD\nDTSTART:16011028T030000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\nTZOFFSETFROM:+0200\n\
    TZOFFSETTO:+0100\nEND:STANDARD\nBEGIN:DAYLIGHT\nDTSTART:16010325T020000\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\n\
    TZOFFSETFROM:+0100\nTZOFFSETTO:+0200\nEND:DAYLIGHT\n";

fn moment(text: &str, tzid: &str, local: &str) -> Moment {
    let document = Document::parse(text).unwrap();
    Zones::new(&document, 0).moment(tzid, at(local))
}

#[test]
fn a_zone_without_a_known_name_is_known_by_its_rules() {
    let text = calendar("Customized Time Zone", EUROPEAN);
    assert_eq!(moment(&text, "Customized Time Zone", "2026-07-01T09:00:00"), moment_in(Tz::Europe__Berlin, at("2026-07-01T09:00:00")));
    let fixed = calendar("Home", "BEGIN:STANDARD\nDTSTART:16010101T000000\nTZOFFSETFROM:+0530\nTZOFFSETTO:+0530\nEND:STANDARD\n");
    assert_eq!(moment(&fixed, "Home", "2026-07-01T09:00:00"), moment_in(Tz::Asia__Calcutta, at("2026-07-01T09:00:00")));
    let american = EUROPEAN.replace("-1SU;BYMONTH=10", "1SU;BYMONTH=11").replace("-1SU;BYMONTH=3", "2SU;BYMONTH=3");
    let american = american.replace("+0100", "-0500").replace("+0200", "-0400").replace("T030000", "T020000");
    assert_eq!(moment(&calendar("Eastern?", &american), "Eastern?", "2026-03-10T09:00:00").key(), "20260310T130000Z");
}

#[test]
fn rules_that_no_place_has_still_give_the_instant() {
    let odd = EUROPEAN.replace("+0100", "+0117").replace("+0200", "+0217");
    let text = calendar("Odd", &odd);
    assert_eq!(moment(&text, "Odd", "2026-07-01T09:00:00"), Moment::utc(at("2026-07-01T06:43:00").and_utc()));
    assert_eq!(moment(&text, "Odd", "2026-01-01T09:00:00").key(), "20260101T074300Z");
}

#[test]
fn a_zone_nobody_knows_leaves_the_time_on_the_clock() {
    for text in [
        "BEGIN:VCALENDAR\nEND:VCALENDAR\n".to_owned(),
        calendar("Other", EUROPEAN),
        calendar("X", ""),
        calendar("X", "BEGIN:STANDARD\nEND:STANDARD\n"),
    ] {
        assert_eq!(moment(&text, "X", "2026-07-01T09:00:00"), Moment::Floating(at("2026-07-01T09:00:00")));
    }
    assert_eq!(fixed(5400), None);
}

#[test]
fn hostile_rules_do_no_harm() {
    let rules = [
        "RRULE:FREQ=YEARLY;BYDAY=-99SU;BYMONTH=13",
        "RRULE:FREQ=YEARLY;BYDAY=5SU;BYMONTH=2;UNTIL=99991231T235959Z",
        "RRULE:FREQ=YEARLY;BYMONTHDAY=99;BYDAY=SU",
        "RRULE:FREQ=SECONDLY",
        "RDATE:19700101T000000,x,99991231T235959",
    ];
    for rule in rules {
        for start in ["00010101T000000", "99991231T235959", "20260101T000000"] {
            let observance = format!("BEGIN:STANDARD\nDTSTART:{start}\n{rule}\nTZOFFSETFROM:-2359\nTZOFFSETTO:+2359\nEND:STANDARD\n");
            for local in ["0001-01-01T00:00:00", "2026-07-01T09:00:00", "9999-12-31T23:59:59"] {
                let _ = moment(&calendar("X", &observance), "X", local);
            }
        }
    }
}

/// What is written for a zone means that zone when it is read, without its name.
#[test]
fn a_written_vtimezone_has_the_rules_of_its_zone() {
    for zone in [
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
        Tz::Africa__Casablanca,
        Tz::America__Sao_Paulo,
        Tz::Asia__Tehran,
        Tz::Europe__Dublin,
        Tz::Asia__Jerusalem,
        Tz::Africa__Cairo,
    ] {
        let near = at("2026-11-22T09:00:00");
        let lines = vtimezone(zone, near);
        let text = format!("BEGIN:VCALENDAR\n{}\nEND:VCALENDAR\n", lines.join("\n"));
        let document = Document::parse(&text).unwrap();
        let rules = Rules::read(&document, 1).unwrap();
        assert!(rules.matches(zone, near), "{text}");
        assert!(lines.len() < 18 || matches!(zone, Tz::Africa__Casablanca | Tz::Asia__Jerusalem | Tz::Africa__Cairo), "{text}");
    }
}
