//! V9 on a server that mails whoever is invited: nothing that crmsync does makes it send anything, whoever changed what at which end.

use std::time::Duration;

use chrono::TimeDelta;
use crmsync::model::{Field, FieldChanges, Moment, Note, Person, Slot, Value};
use crmsync::sandbox::crm::StoredRecord;

use crate::scene::{Scene, said};
use crate::support::servers::variable;
use crate::week::{at, day, event};

/// What the server has sent: mails that went out, and what it put into a colleague's calendars.
type Sent = (usize, Vec<(u16, String)>);

/// A calendar with meetings, and a colleague on the same server.
struct Office {
    scene: Scene,
    colleague: Scene,
    /// Part of every UID.
    own: String,
}

impl Office {
    fn new(server: &'static str) -> Self {
        let scene = Scene::new(server);
        let own = scene.calendar.rsplit('/').nth(1).unwrap()[..8].to_owned();
        Self { scene, colleague: Scene::new(server), own }
    }

    fn people(&self, organiser: &str) -> String {
        let (me, colleague) = (&self.scene.user, &self.colleague.user);
        format!(
            "ORGANIZER:mailto:{organiser}\nATTENDEE;PARTSTAT=NEEDS-ACTION:mailto:{me}@example.test\n\
             ATTENDEE;RSVP=TRUE:mailto:guest@elsewhere.example\nATTENDEE;RSVP=TRUE:mailto:{colleague}@example.test\n"
        )
    }

    fn as_organiser(&self) -> String {
        self.people(&format!("{}@example.test", self.scene.user))
    }

    fn put(&self, name: &str, lines: &str) {
        self.scene.put(&format!("{name}.ics"), &event(&format!("{name}-{}", self.own), lines));
    }

    fn item(&self, name: &str) -> String {
        self.scene.item(&format!("{name}.ics"))
    }

    fn sent(&self) -> Sent {
        let mails = std::fs::read_dir(variable("CYRUS_OUTBOX")).unwrap().filter(|file| {
            let text = std::fs::read_to_string(file.as_ref().unwrap().path()).unwrap_or_default();
            text.contains(&self.own)
        });
        let home = format!("/dav/calendars/user/{}/", self.colleague.user);
        let listings = ["Inbox/", "Default/"].map(|name| self.colleague.list(&format!("{home}{name}")));
        (mails.count(), listings.into())
    }

    /// What was sent, once nothing more comes.
    fn sent_at_last(&self) -> Sent {
        let mut before = self.sent();
        loop {
            std::thread::sleep(Duration::from_millis(250));
            let now = self.sent();
            if now == before {
                return now;
            }
            before = now;
        }
    }

    /// Runs, after which nobody was mailed.
    #[track_caller]
    fn sync_without_a_mail(&self, sent: &Sent, what: &str) {
        self.scene.sync();
        assert_eq!(&self.sent(), sent, "v9: {what}");
    }
}

/// Every change that a meeting's record is given, one after the other.
fn changes(record: &StoredRecord) -> Vec<(&'static str, FieldChanges)> {
    let text = |text: &str| Some(Value::Text(text.to_owned()));
    let note = Value::Note(Note { text: "Bring the plans".to_owned(), html: None });
    let mut changes: Vec<(&str, FieldChanges)> = vec![
        ("location", [(Field::Location, text("Room 9"))].into()),
        ("text", [(Field::Note, Some(note))].into()),
        ("private", [(Field::Private, Some(Value::Flag(true)))].into()),
        ("cancelled", [(Field::Cancelled, Some(Value::Flag(true)))].into()),
    ];
    if let Some(Value::Slot(slot)) = record.fields.get(&Field::Slot) {
        let start = slot.start.approximate_instant() + TimeDelta::hours(2);
        let slot = Slot { start: Moment::utc(start), end: Moment::utc(start + TimeDelta::hours(1)) };
        changes.push(("time", [(Field::Slot, Some(Value::Slot(slot)))].into()));
    }
    changes
}

pub fn v9_nobody_is_mailed_about_a_meeting_whoever_changes_or_deletes_it(server: &'static str) {
    let office = Office::new(server);
    let scene = &office.scene;
    let time = |days| format!("DTSTART:{0}T120000Z\nDTEND:{0}T130000Z\n", day(days));
    office.put("mine", &format!("{}SUMMARY:Mine\n{}", time(6), office.as_organiser()));
    office.put("theirs", &format!("{}SUMMARY:Theirs\n{}", time(7), office.people("boss@elsewhere.example")));
    let series = format!("{}RRULE:FREQ=WEEKLY;COUNT=3\nSUMMARY:Weekly\n{}", time(3), office.as_organiser());
    let uid = format!("weekly-{}", office.own);
    let moved = format!(
        "RECURRENCE-ID:{0}T120000Z\nDTSTART:{0}T140000Z\nDTEND:{0}T150000Z\nSUMMARY:Weekly, later\n{1}",
        day(10),
        office.as_organiser()
    );
    scene.put("weekly.ics", &(event(&uid, &series) + &event(&uid, &moved)));
    office.put("plain", &format!("{}SUMMARY:Plain\n", time(5)));
    // This server does mail: else the rest would prove nothing.
    let sent = office.sent_at_last();
    assert!(sent.0 >= 2, "{sent:?}");

    // Born in the CRM, with somebody to invite.
    let guest = Person {
        address: "guest@elsewhere.example".to_owned(),
        name: "Guest".to_owned(),
        role: "required".to_owned(),
        answer: String::new(),
    };
    let slot = Slot { start: Moment::utc(at(4)), end: Moment::utc(at(4) + TimeDelta::hours(1)) };
    let fields = [
        (Field::Subject, Value::Text(format!("Born {}", office.own))),
        (Field::Slot, Value::Slot(slot)),
        (Field::Participants, Value::People(vec![guest])),
    ];
    scene.crm.running().add_record("MEETING", "anna", fields.into()).unwrap();
    office.sync_without_a_mail(&sent, "first pairing");
    scene.settle();
    assert_eq!(office.sent_at_last(), sent, "v9: pairs and links");
    changed_in_the_crm(&office, &sent);
    let sent = changed_on_the_phone(&office, &sent);
    deleted_at_either_end(&office, &sent);
}

fn changed_in_the_crm(office: &Office, sent: &Sent) {
    let scene = &office.scene;
    let stored = ["mine", "theirs", "weekly"].map(|name| office.item(name));

    for subject in ["Mine", "Theirs", "Weekly", "Weekly, later"] {
        let record = scene.record(subject);
        assert_eq!(record.activity_type, "MEETING", "{subject}");
        for (what, change) in changes(&record) {
            scene.crm.running().change_record(&record.id(), change).unwrap().unwrap();
            office.sync_without_a_mail(sent, &format!("{what} of {subject} changed in the CRM"));
        }
    }
    let born = scene.record(&format!("Born {}", office.own));
    for (what, change) in changes(&born) {
        scene.crm.running().change_record(&born.id(), change).unwrap().unwrap();
        office.sync_without_a_mail(sent, &format!("{what} of the CRM's own changed"));
    }
    scene.settle();
    assert_eq!(["mine", "theirs", "weekly"].map(|name| office.item(name)), stored, "v9: not touched");
    assert_eq!(scene.parked().iter().filter(|reason| *reason == "needs-invitations").count(), 3, "{:?}", scene.parked());
}

/// The phone has the server mail; crmsync adds nothing to that.
fn changed_on_the_phone(office: &Office, before: &Sent) -> Sent {
    let scene = &office.scene;
    let later = |name: &str, from: &str, to: &str| {
        let text = office.item(name);
        assert!(text.contains(from), "{text}");
        let (status, words) = scene.send("PUT", &format!("{name}.ics"), text.replace(from, to));
        assert!(matches!(status, 200..300), "{name}: {status} {words}");
    };
    later("mine", "SUMMARY:Mine", "SUMMARY:Mine, by phone");
    later("theirs", "PARTSTAT=NEEDS-ACTION", "PARTSTAT=ACCEPTED");
    later("weekly", "T140000Z", "T143000Z");
    later("plain", "SUMMARY:Plain", &format!("{}SUMMARY:Plain no more", office.as_organiser().replace('\n', "\r\n")));
    let sent = office.sent_at_last();
    assert!(sent.0 > before.0, "the phone's own changes are mailed");
    office.sync_without_a_mail(&sent, "changed on the phone");
    scene.settle();
    assert_eq!(scene.record("Plain no more").activity_type, "MEETING");
    scene.change("Plain no more", Field::Location, "Room 9");
    office.sync_without_a_mail(&sent, "an appointment that has become a meeting");
    sent
}

fn deleted_at_either_end(office: &Office, sent: &Sent) {
    let scene = &office.scene;
    let born = scene.record(&format!("Born {}", office.own));
    for subject in ["Theirs", "Weekly, later", "Weekly", "Plain no more"] {
        scene.crm.running().delete_record(&scene.record(subject).id()).unwrap();
        office.sync_without_a_mail(sent, &format!("{subject} deleted in the CRM"));
    }
    scene.crm.running().delete_record(&born.id()).unwrap();
    office.sync_without_a_mail(sent, "the CRM's own deleted");
    scene.settle();
    for name in ["theirs", "weekly", "plain"] {
        office.item(name);
    }
    assert!(matches!(scene.send("DELETE", "mine.ics", "").0, 200..300));
    let sent = office.sent_at_last();
    scene.settle();
    assert_eq!(office.sent_at_last(), sent, "v9: deleted on the phone");
    let all: Vec<String> = scene.records().iter().map(|record| said(record, Field::Subject)).collect();
    assert_eq!(all.iter().filter(|subject| subject.starts_with("Mine")).count(), 1, "c9: {all:?}");
}
