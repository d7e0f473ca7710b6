//! TRANSP (RFC 5545 §3.8.2.7) with X-MICROSOFT-CDO-BUSYSTATUS and STATUS:TENTATIVE ↔ show-as (C15).
//!
//! TRANSP knows free and busy; Exchange's property knows all five and wins within what TRANSP says, because a program that knows only
//! TRANSP leaves the other one as it was. Without any of them an appointment is busy, which is the default of TRANSP.

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

const BUSY_STATUS: &str = "X-MICROSOFT-CDO-BUSYSTATUS";
const WORDS: [(&str, &str); 5] =
    [("FREE", "free"), ("TENTATIVE", "tentative"), ("BUSY", "busy"), ("OOF", "out-of-office"), ("WORKINGELSEWHERE", "elsewhere")];

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    Ok(Some(Value::Text(shown(source).to_owned())))
}

fn shown(source: &Source<'_>) -> &'static str {
    let exchange = source.raw(BUSY_STATUS);
    let exchange = exchange.and_then(|word| WORDS.iter().find(|(theirs, _)| theirs.eq_ignore_ascii_case(&word)).map(|(_, ours)| *ours));
    let transparency = source.raw("TRANSP").map(|value| value.eq_ignore_ascii_case("TRANSPARENT"));
    match (transparency, exchange) {
        (Some(true), Some("elsewhere")) => "elsewhere",
        (Some(true), _) => "free",
        (Some(false), Some("free")) => "busy",
        (_, Some(word)) => word,
        (_, None) if source.is("STATUS", "TENTATIVE") => "tentative",
        _ => "busy",
    }
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    let wanted = super::text(Field::ShowAs, value)?.unwrap_or("busy");
    let (word, ours) = WORDS.iter().find(|(_, ours)| *ours == wanted).ok_or(IcalFault::BadField { field: Field::ShowAs })?;
    if shown(&target.source) == *ours {
        return Ok(());
    }
    let transparency = target.source.raw("TRANSP").map(|value| value.eq_ignore_ascii_case("TRANSPARENT"));
    let free = *ours == "free";
    let fits = if *ours == "elsewhere" { true } else { transparency.unwrap_or(false) == free };
    if !fits {
        target.put("TRANSP", &[], if free { "TRANSPARENT" } else { "OPAQUE" });
    }
    let said_by_transparency = free || *ours == "busy";
    if !said_by_transparency || target.source.first(BUSY_STATUS).is_some() {
        target.put(BUSY_STATUS, &[], word);
    }
    if *ours == "busy" && target.source.is("STATUS", "TENTATIVE") {
        target.put("STATUS", &[], "CONFIRMED");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, value};
    use crate::model::{Field, Value};

    const ALL: [&str; 5] = ["free", "tentative", "busy", "out-of-office", "elsewhere"];

    fn text(word: &str) -> Option<Value> {
        Some(Value::Text(word.to_owned()))
    }

    #[test]
    fn c15_five_values_are_read() {
        for (lines, word) in [
            ("X-A:1", "busy"),
            ("TRANSP:TRANSPARENT", "free"),
            ("TRANSP:OPAQUE", "busy"),
            ("STATUS:TENTATIVE", "tentative"),
            ("TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:OOF", "out-of-office"),
            ("X-MICROSOFT-CDO-BUSYSTATUS:WORKINGELSEWHERE\r\nTRANSP:TRANSPARENT", "elsewhere"),
            ("X-MICROSOFT-CDO-BUSYSTATUS:FREE", "free"),
            ("X-MICROSOFT-CDO-BUSYSTATUS:BUSY\r\nSTATUS:TENTATIVE", "busy"),
        ] {
            assert_eq!(value(&event(lines), Field::ShowAs), text(word), "{lines}");
        }
    }

    #[test]
    fn transp_changed_by_another_program_wins() {
        assert_eq!(value(&event("TRANSP:TRANSPARENT\r\nX-MICROSOFT-CDO-BUSYSTATUS:BUSY"), Field::ShowAs), text("free"));
        assert_eq!(value(&event("TRANSP:OPAQUE\r\nX-MICROSOFT-CDO-BUSYSTATUS:FREE"), Field::ShowAs), text("busy"));
    }

    #[test]
    fn every_value_can_follow_every_other() {
        for before in ["X-A:1", "STATUS:TENTATIVE", "TRANSP:TRANSPARENT"] {
            for first in ALL {
                for second in ALL {
                    let once = edited(&event(before), Field::ShowAs, text(first));
                    assert_eq!(value(&once, Field::ShowAs), text(first), "{before} {first}");
                    let twice = edited(&once, Field::ShowAs, text(second));
                    assert_eq!(value(&twice, Field::ShowAs), text(second), "{before} {first} {second}");
                }
            }
        }
    }

    #[test]
    fn busy_and_free_need_no_property_of_exchange() {
        assert_eq!(edited(&event("X-A:1"), Field::ShowAs, text("free")), event("X-A:1\r\nTRANSP:TRANSPARENT"));
        assert_eq!(edited(&event("STATUS:TENTATIVE"), Field::ShowAs, text("busy")), event("STATUS:CONFIRMED"));
    }
}
