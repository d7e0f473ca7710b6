//! The reference model: what the users wrote, which of their words an agent replaced, and every promise seen broken.
//!
//! Every user's edit of a text or a time bears a tag, a number that appears nowhere else. A tag remembers the tag it replaced before its
//! author's eyes, so that one can tell a value that was replaced knowingly from one that was run over.

use std::collections::{BTreeMap, BTreeSet};

use crmsync::model::contact::{Phone, Photo};
use crmsync::model::{Digest, Field, Fields, Instant, Moment, Slot, Value};

/// The number of an edit.
pub(crate) type Tag = u32;

/// Fields whose values bear tags.
pub(crate) const TAGGED: [Field; 9] = [
    Field::Subject,
    Field::Location,
    Field::Note,
    Field::Slot,
    Field::Due,
    Field::FamilyName,
    Field::Company,
    Field::JobTitle,
    Field::Photo,
];

/// What the tagged telephone numbers begin with.
const DIALLED: &str = "+49 40 ";

/// Seconds of the day at which the tagged times begin.
const FIRST_SECOND: u32 = 6 * 3600;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Side {
    Groupware,
    Crm,
}

/// A user's value that an agent replaced.
#[derive(Debug, Clone)]
pub(crate) struct RunOver {
    pub side: Side,
    pub what: String,
    pub field: Field,
    pub lost: Tag,
    pub won: Option<Tag>,
}

#[derive(Debug, Default)]
pub(crate) struct Book {
    parents: Vec<Option<Tag>>,
    /// Tags that a user wiped out, with all that came before them.
    emptied: BTreeSet<Tag>,
    /// Tags written into an item while it was private, with the account and the UID.
    pub secrets: BTreeMap<Tag, (usize, String)>,
    /// Tags on cards that are their owners' own: no contact's, and not chosen for the import.
    pub own: BTreeMap<Tag, (usize, String)>,
    /// Cards that their users chose for the CRM, by account, with what for.
    pub chosen: BTreeMap<(usize, String), String>,
    /// UIDs of items whose owner took the privacy off in the CRM.
    pub published: BTreeSet<String>,
    pub run_over: Vec<RunOver>,
    /// Broken promises.
    pub trouble: Vec<String>,
    /// Writes of agents that changed something.
    pub writes: u64,
    /// What agents wrote and users did, for the report of a failing seed.
    pub log: Vec<String>,
    /// UIDs of items that users removed, by account.
    pub removed_items: BTreeSet<(usize, String)>,
    /// UIDs of cards that an agent removed, by account.
    pub taken: BTreeSet<(usize, String)>,
    /// UIDs that lie in several items of one account by a user's doing.
    pub ambiguous: BTreeSet<String>,
    /// UIDs of items that an agent made, by account.
    pub made: BTreeSet<(usize, String)>,
    /// When each agent removed something or emptied a field, since its journal is what it is.
    pub risky: BTreeMap<(usize, &'static str), Vec<Instant>>,
    /// Logins with a rejected password since the user last set one, by agent.
    pub rejected: BTreeMap<usize, u32>,
}

impl Book {
    /// A new tag that replaces the one in `before`.
    pub(crate) fn tag(&mut self, before: Option<&Value>) -> Tag {
        self.parents.push(before.and_then(tag_of));
        u32::try_from(self.parents.len() - 1).unwrap()
    }

    /// The tag and all it replaced knowingly.
    pub(crate) fn lineage(&self, tag: Option<Tag>) -> BTreeSet<Tag> {
        let mut all = BTreeSet::new();
        let mut next = tag;
        while let Some(tag) = next {
            if !all.insert(tag) {
                break;
            }
            next = self.parents.get(tag as usize).copied().flatten();
        }
        all
    }

    /// The first of the tags that led to this one: the same for an object on both sides, for no other.
    pub(crate) fn root(&self, tag: Tag) -> Tag {
        self.lineage(Some(tag)).first().copied().unwrap_or(tag)
    }

    /// A user wiped out a value.
    pub(crate) fn empty(&mut self, before: Option<&Value>) {
        let lineage = self.lineage(before.and_then(tag_of));
        self.emptied.extend(lineage);
    }

    /// A user wiped out what bears these tags.
    pub(crate) fn wipe(&mut self, tags: impl IntoIterator<Item = Tag>) {
        self.emptied.extend(tags);
    }

    /// An agent replaced the fields of something.
    pub(crate) fn replaced(&mut self, side: Side, what: &str, before: &Fields, after: &Fields) {
        for field in TAGGED {
            let (lost, won) = (before.get(&field).and_then(tag_of), after.get(&field).and_then(tag_of));
            if let Some(lost) = lost.filter(|lost| Some(*lost) != won) {
                self.run_over.push(RunOver { side, what: what.to_owned(), field, lost, won });
            }
        }
        let left = entries(after);
        for lost in entries(before).into_iter().filter(|tag| !left.contains(tag)) {
            self.run_over.push(RunOver { side, what: what.to_owned(), field: Field::Phones, lost, won: None });
        }
    }

    /// Whether the winner's author had seen what lost, or wiped it out.
    pub(crate) fn is_fair(&self, case: &RunOver) -> bool {
        match case.won {
            Some(won) => self.lineage(Some(won)).contains(&case.lost) || self.emptied.contains(&case.lost),
            None => self.emptied.contains(&case.lost),
        }
    }

    pub(crate) fn blame(&mut self, promise: &str, what: impl std::fmt::Display) {
        self.trouble.push(format!("{promise}: {what}"));
    }

    pub(crate) fn note(&mut self, line: String) {
        self.log.push(line);
    }
}

/// The tag in a value.
pub(crate) fn tag_of(value: &Value) -> Option<Tag> {
    match value {
        Value::Text(text) => tag_in(text),
        Value::Note(note) => tag_in(&note.text),
        Value::Slot(Slot { start, .. }) => tag_of_time(start),
        Value::Moment(moment) => tag_of_time(moment),
        Value::Photo(photo) => tag_in(&photo.media_type),
        _ => None,
    }
}

/// All tags in a value: a list has one in every entry.
pub(crate) fn tags_of(value: &Value) -> Vec<Tag> {
    match value {
        Value::Phones(list) => list.iter().filter_map(|phone| phone.number.strip_prefix(DIALLED)?.parse().ok()).collect(),
        one => tag_of(one).into_iter().collect(),
    }
}

/// The tags of a contact's telephone numbers.
pub(crate) fn entries(fields: &Fields) -> Vec<Tag> {
    fields.get(&Field::Phones).map(tags_of).unwrap_or_default()
}

/// A telephone number that bears a tag.
pub(crate) fn phone(tag: Tag) -> Phone {
    Phone { kind: "work".into(), number: format!("{DIALLED}{tag}"), preferred: false }
}

/// A picture that bears a tag.
pub(crate) fn picture(tag: Tag) -> Photo {
    let bytes = format!("GIF89a{tag}").into_bytes();
    Photo { digest: Digest::of(&bytes), media_type: format!("t{tag}"), bytes: Some(bytes.into()) }
}

/// What an appointment, a task or a contact is called. It tells one from another on both sides.
pub(crate) fn head(fields: &Fields) -> Option<&Value> {
    fields.get(&Field::Subject).or_else(|| fields.get(&Field::FamilyName))
}

fn tag_in(text: &str) -> Option<Tag> {
    let digits: String = text.strip_prefix(['t', 'T'])?.chars().take_while(char::is_ascii_digit).collect();
    digits.parse().ok()
}

fn tag_of_time(moment: &Moment) -> Option<Tag> {
    use chrono::Timelike;
    let Moment::Zoned { instant, .. } = moment else { return None };
    instant.num_seconds_from_midnight().checked_sub(FIRST_SECOND)
}

/// A text that bears a tag.
pub(crate) fn text(tag: Tag) -> Value {
    Value::Text(format!("t{tag} words"))
}

/// A time on the day of `day` that bears a tag.
pub(crate) fn time(day: Instant, tag: Tag) -> Moment {
    let midnight = day.date_naive().and_time(chrono::NaiveTime::MIN).and_utc();
    Moment::utc(midnight + chrono::TimeDelta::seconds(i64::from(FIRST_SECOND + tag)))
}
