//! Names of time zones that programs write, and the IANA zones they mean.

use std::str::FromStr;

use chrono_tz::{TZ_VARIANTS, Tz};
use windows_timezones::WindowsTimezone;

/// The name of UTC in a [`crate::model::Moment`].
pub const UTC: &str = "UTC";

/// The IANA zone a name means. Knows IANA names in any case and behind a path (`/mozilla.org/20070129_1/Europe/Berlin`), Windows names
/// and their descriptions (`(UTC+01:00) Amsterdam, Berlin, …`), German Windows names, and plain offsets.
#[must_use]
pub fn iana(name: &str) -> Option<Tz> {
    if let Ok(zone) = Tz::from_str(name) {
        return Some(plain(zone));
    }
    let name = name.trim().trim_matches('"').trim();
    if name.is_empty() || name.len() > 200 {
        return None;
    }
    exact(name)
        .or_else(|| windows(name))
        .or_else(|| alias(name))
        .or_else(|| path(name))
        .or_else(|| description(name))
        .or_else(|| offset(name))
        .map(plain)
}

/// The many names of UTC are one.
fn plain(zone: Tz) -> Tz {
    match zone {
        Tz::Etc__UTC
        | Tz::Etc__UCT
        | Tz::Etc__GMT
        | Tz::Etc__GMT0
        | Tz::Etc__Greenwich
        | Tz::Etc__Universal
        | Tz::Etc__Zulu
        | Tz::Etc__GMTPlus0
        | Tz::Etc__GMTMinus0
        | Tz::GMT
        | Tz::GMT0
        | Tz::GMTPlus0
        | Tz::GMTMinus0
        | Tz::Greenwich
        | Tz::UCT
        | Tz::Universal
        | Tz::Zulu => Tz::UTC,
        zone => zone,
    }
}

fn exact(name: &str) -> Option<Tz> {
    TZ_VARIANTS.iter().copied().find(|zone| zone.name().eq_ignore_ascii_case(name))
}

fn windows(name: &str) -> Option<Tz> {
    WindowsTimezone::from_str(name).ok().map(Tz::from)
}

/// Names in none of the tables.
fn alias(name: &str) -> Option<Tz> {
    let zone = ALIASES.iter().find(|(alias, _)| alias.eq_ignore_ascii_case(name)).map(|(_, zone)| *zone);
    // Windows in German writes "Mitteleuropäische Zeit"; Unicode letters do not fold by ASCII rules, so these are compared as they are.
    zone.or_else(|| GERMAN.iter().find(|(alias, _)| *alias == name).map(|(_, zone)| *zone))
}

/// `/mozilla.org/20070129_1/Europe/Berlin`, `/softwarestudio.org/Olson_20011030_5/Pacific/Auckland`,
/// `/freeassociation.sourceforge.net/Tzfile/Europe/Berlin`: the IANA name is the end.
fn path(name: &str) -> Option<Tz> {
    let starts = name.match_indices('/').map(|(at, _)| at + 1);
    starts.filter_map(|at| name.get(at..)).take(8).find_map(|tail| Tz::from_str(tail).ok().or_else(|| exact(tail)))
}

/// `(UTC+01:00) Amsterdam, Berlin, Bern, Rom, …`: the whole text of Windows, or the first of its cities that is known. The offset of
/// a description counts only for that look-up: it is the one of winter.
fn description(name: &str) -> Option<Tz> {
    let rest = name.strip_prefix('(')?;
    let (offset, cities) = rest.split_once(')')?;
    let cities = cities.trim();
    if cities.is_empty() {
        return self::offset(offset);
    }
    let whole = |zone: &Tz| {
        WindowsTimezone::try_from(*zone)
            .is_ok_and(|windows| windows.description().split_once(')').is_some_and(|(_, text)| text.trim().eq_ignore_ascii_case(cities)))
    };
    TZ_VARIANTS.iter().find(|zone| whole(zone)).copied().and_then(canonical).or_else(|| {
        let known = |city: &str| {
            TZ_VARIANTS.iter().copied().find(|zone| {
                zone.name().rsplit('/').next().is_some_and(|place| {
                    place.len() == city.len()
                        && place.bytes().zip(city.bytes()).all(|(a, b)| a.eq_ignore_ascii_case(&b) || (a == b'_' && b == b' '))
                })
            })
        };
        cities.split(',').map(str::trim).find_map(known).or_else(|| self::offset(offset))
    })
}

/// The zone CLDR names first for the Windows zone of this one.
fn canonical(zone: Tz) -> Option<Tz> {
    WindowsTimezone::try_from(zone).ok().map(Tz::from)
}

/// `GMT+0200`, `UTC-05:00`, `+01:00`, `(GMT +01:00)`: an offset of whole hours has a name in IANA's database, with the sign turned.
fn offset(name: &str) -> Option<Tz> {
    let bare = name.trim_matches(['(', ')']).trim();
    let digits = ["UTC", "GMT"]
        .iter()
        .find_map(|prefix| bare.get(..3).filter(|head| head.eq_ignore_ascii_case(prefix)).and_then(|_| bare.get(3..)))
        .unwrap_or(bare)
        .trim();
    if digits.is_empty() && bare.len() == 3 {
        return Some(Tz::UTC);
    }
    let (sign, digits) = digits.strip_prefix('+').map(|rest| (1, rest)).or_else(|| digits.strip_prefix('-').map(|rest| (-1, rest)))?;
    let digits: String = digits.chars().filter(|character| *character != ':').collect();
    if !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let (hours, minutes) = if digits.len() <= 2 { (digits.as_str(), "0") } else { digits.split_at_checked(digits.len() - 2)? };
    fixed((hours.parse::<i32>().ok()? * 60 + minutes.parse::<i32>().ok()?) * 60 * sign)
}

/// The zone of a fixed offset in seconds east, where IANA has one.
pub(super) fn fixed(seconds: i32) -> Option<Tz> {
    if seconds == 0 {
        return Some(Tz::UTC);
    }
    let hours = seconds / 3600;
    // IANA's sign is that of POSIX: west is positive.
    (hours * 3600 == seconds).then(|| Tz::from_str(&format!("Etc/GMT{:+}", -hours)).ok()).flatten()
}

/// Windows names that CLDR no longer has or writes otherwise, names of other programs, and abbreviations. A bare abbreviation is taken
/// for what most of the world means by it.
const ALIASES: &[(&str, Tz)] = &[
    ("tzone://Microsoft/Utc", Tz::UTC),
    ("tzone://Microsoft/Custom", Tz::UTC),
    ("Coordinated Universal Time", Tz::UTC),
    ("Z", Tz::UTC),
    ("Kamchatka Standard Time", Tz::Asia__Kamchatka),
    ("South Sudan Standard Time", Tz::Africa__Juba),
    ("Mid-Atlantic Standard Time", Tz::Etc__GMTPlus2),
    ("Kyiv Standard Time", Tz::Europe__Kyiv),
    ("Mexico Standard Time", Tz::America__Mexico_City),
    ("Mexico Standard Time 2", Tz::America__Chihuahua),
    ("Armenian Standard Time", Tz::Asia__Yerevan),
    ("Central Europe", Tz::Europe__Budapest),
    ("W. Europe", Tz::Europe__Berlin),
    ("Western Europe", Tz::Europe__Berlin),
    ("Romance", Tz::Europe__Paris),
    ("Eastern", Tz::America__New_York),
    ("Central", Tz::America__Chicago),
    ("Mountain", Tz::America__Denver),
    ("Pacific", Tz::America__Los_Angeles),
    ("Eastern Time (US & Canada)", Tz::America__New_York),
    ("Central Time (US & Canada)", Tz::America__Chicago),
    ("Mountain Time (US & Canada)", Tz::America__Denver),
    ("Pacific Time (US & Canada)", Tz::America__Los_Angeles),
    ("Amsterdam, Berlin, Bern, Rome, Stockholm, Vienna", Tz::Europe__Berlin),
    ("CEST", Tz::Europe__Berlin),
    ("Central European Time", Tz::Europe__Berlin),
    ("Central European Standard Time", Tz::Europe__Warsaw),
    ("MEZ", Tz::Europe__Berlin),
    ("MESZ", Tz::Europe__Berlin),
    ("BST", Tz::Europe__London),
    ("EDT", Tz::America__New_York),
    ("CST", Tz::America__Chicago),
    ("CDT", Tz::America__Chicago),
    ("MDT", Tz::America__Denver),
    ("PST", Tz::America__Los_Angeles),
    ("PDT", Tz::America__Los_Angeles),
];

/// Windows in German, as Outlook writes into objects it exports.
const GERMAN: &[(&str, Tz)] = &[
    ("Mitteleuropäische Zeit", Tz::Europe__Berlin),
    ("Mitteleuropäische Sommerzeit", Tz::Europe__Berlin),
    ("Mitteleuropäische Normalzeit", Tz::Europe__Berlin),
    ("Westeuropäische Zeit", Tz::Europe__London),
    ("Westeuropäische Normalzeit", Tz::Europe__London),
    ("Osteuropäische Zeit", Tz::Europe__Helsinki),
    ("Osteuropäische Normalzeit", Tz::Europe__Helsinki),
    ("GMT-Zeit", Tz::Europe__London),
    ("Romanische Zeit", Tz::Europe__Paris),
    ("Romanische Normalzeit", Tz::Europe__Paris),
    ("Mitteleuropa", Tz::Europe__Budapest),
];
