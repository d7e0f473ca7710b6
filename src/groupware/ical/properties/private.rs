//! CLASS (RFC 5545 §3.8.1.3) ↔ private.
//!
//! CONFIDENTIAL is private too, and so is any unknown class, as the RFC demands. `X-CALENDARSERVER-ACCESS` (Calendar Server, DavMail) says
//! the same in another word. Whatever says "private" wins: private data must not leave by mistake (V13).

use super::{IcalFault, Source, Target};
use crate::model::{Field, Value};

const NAMES: [&str; 2] = ["CLASS", "X-CALENDARSERVER-ACCESS"];

pub(super) fn read(source: &Source<'_>) -> Result<Option<Value>, IcalFault> {
    let private = NAMES.iter().filter_map(|name| source.raw(name)).any(|class| !class.eq_ignore_ascii_case("PUBLIC"));
    Ok(private.then_some(Value::Flag(true)))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), IcalFault> {
    if super::flag(Field::Private, value)? {
        target.put("CLASS", &[], "PRIVATE");
    } else {
        for name in NAMES {
            if target.source.first(name).is_some() {
                target.put(name, &[], "PUBLIC");
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{edited, event, value};
    use crate::model::{Field, Value};

    #[test]
    fn r72_everything_that_is_not_public_is_private() {
        for (line, private) in [
            ("CLASS:PRIVATE", true),
            ("CLASS:confidential", true),
            ("CLASS:X-SECRET", true),
            ("CLASS:PUBLIC", false),
            ("X-A:1", false),
            ("CLASS:PUBLIC\r\nX-CALENDARSERVER-ACCESS:RESTRICTED", true),
        ] {
            assert_eq!(value(&event(line), Field::Private), private.then_some(Value::Flag(true)), "{line}");
        }
    }

    #[test]
    fn r73_is_written_both_ways() {
        let private = edited(&event("X-A:1"), Field::Private, Some(Value::Flag(true)));
        assert_eq!(private, event("X-A:1\r\nCLASS:PRIVATE"));
        let text = event("CLASS:PRIVATE\r\nX-CALENDARSERVER-ACCESS:PRIVATE");
        assert_eq!(edited(&text, Field::Private, None), event("CLASS:PUBLIC\r\nX-CALENDARSERVER-ACCESS:PUBLIC"));
    }
}
