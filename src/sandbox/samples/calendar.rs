//! Appointments and tasks of the same week, for the demo and for tests. Their dates are counted from a given day, because calendars are
//! about what lies ahead.

use chrono::{Days, NaiveDate};

use super::USER;
use crate::sandbox::dav::Handle;

/// Collection and name of each item with its text; `{+n}` is the day `n` days after the first.
const ITEMS: &[(&str, &str, &str)] = &[
    // Without participants: an appointment.
    (
        "calendar",
        "offer-preparation.ics",
        "BEGIN:VEVENT\nUID:offer-preparation@nordwind.example\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:{+1}T090000\n\
         DTEND;TZID=Europe/Berlin:{+1}T103000\nSUMMARY:Prepare the offer for Solaris\nLOCATION:Office\nDESCRIPTION:Prices of last year are in\n  \
         the folder.\nCATEGORIES:Sales\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER:-PT15M\nDESCRIPTION:Reminder\nEND:VALARM\nEND:VEVENT\n",
    ),
    // With participants: a meeting, which the sandbox never mails anybody about.
    (
        "calendar",
        "showroom-visit.ics",
        "BEGIN:VEVENT\nUID:showroom-visit@nordwind.example\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:{+2}T140000\n\
         DTEND;TZID=Europe/Berlin:{+2}T153000\nSUMMARY:Showroom lighting: visit\nLOCATION:Showroom\n\
         ORGANIZER;CN=Anna Berger:mailto:anna.berger@nordwind.example\n\
         ATTENDEE;CN=Anna Berger;PARTSTAT=ACCEPTED:mailto:anna.berger@nordwind.example\n\
         ATTENDEE;CN=Clara Hofmann;PARTSTAT=NEEDS-ACTION:mailto:clara.hofmann@solaris-technik.example\nEND:VEVENT\n",
    ),
    // All day, over two days.
    (
        "calendar",
        "trade-fair.ics",
        "BEGIN:VEVENT\nUID:trade-fair@nordwind.example\nDTSTAMP:20261101T080000Z\nDTSTART;VALUE=DATE:{+8}\nDTEND;VALUE=DATE:{+10}\n\
         SUMMARY:Trade fair\nLOCATION:Hannover\nTRANSP:OPAQUE\nX-MICROSOFT-CDO-BUSYSTATUS:OOF\nEND:VEVENT\n",
    ),
    // A series with one occurrence moved and one that does not take place.
    (
        "calendar",
        "weekly-planning.ics",
        "BEGIN:VEVENT\nUID:weekly-planning@nordwind.example\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:{+3}T083000\n\
         DTEND;TZID=Europe/Berlin:{+3}T090000\nRRULE:FREQ=WEEKLY;COUNT=6\nEXDATE;TZID=Europe/Berlin:{+17}T083000\nSUMMARY:Weekly planning\nEND:VEVENT\n\
         BEGIN:VEVENT\nUID:weekly-planning@nordwind.example\nDTSTAMP:20261101T080000Z\nRECURRENCE-ID;TZID=Europe/Berlin:{+10}T083000\n\
         DTSTART;TZID=Europe/Berlin:{+11}T100000\nDTEND;TZID=Europe/Berlin:{+11}T103000\nSUMMARY:Weekly planning (moved)\nEND:VEVENT\n",
    ),
    // Private: the CRM gets it as visible to its owner alone.
    (
        "calendar",
        "dentist.ics",
        "BEGIN:VEVENT\nUID:dentist@nordwind.example\nDTSTAMP:20261101T080000Z\nDTSTART;TZID=Europe/Berlin:{+4}T073000\n\
         DTEND;TZID=Europe/Berlin:{+4}T081500\nSUMMARY:Dentist\nCLASS:PRIVATE\nEND:VEVENT\n",
    ),
    (
        "tasks",
        "price-list.ics",
        "BEGIN:VTODO\nUID:price-list@nordwind.example\nDTSTAMP:20261101T080000Z\nDUE;VALUE=DATE:{+2}\nSUMMARY:Send the price list to Van Dijk\nPRIORITY:1\n\
         STATUS:NEEDS-ACTION\nEND:VTODO\n",
    ),
    (
        "tasks",
        "call-back.ics",
        "BEGIN:VTODO\nUID:call-back@nordwind.example\nDTSTAMP:20261101T080000Z\nDUE;TZID=Europe/Berlin:{+0}T170000\nSUMMARY:Call Jürgen Müller back\n\
         STATUS:IN-PROCESS\nPERCENT-COMPLETE:50\nEND:VTODO\n",
    ),
];

/// Puts every item into Anna's collections, as if `first` were today.
pub fn populate(dav: &Handle, first: NaiveDate) {
    for (collection, name, text) in ITEMS {
        let mut text = (*text).to_owned();
        for days in 0..=31_u64 {
            let day = first.checked_add_days(Days::new(days)).unwrap_or(first).format("%Y%m%d").to_string();
            text = text.replace(&format!("{{+{days}}}"), &day);
        }
        let object = format!("BEGIN:VCALENDAR\nVERSION:2.0\nPRODID:-//Nordwind//Sample//EN\n{text}END:VCALENDAR\n").replace('\n', "\r\n");
        dav.put(USER, collection, name, &object);
    }
}
