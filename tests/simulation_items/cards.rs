//! Cards and contacts: what their users do with them, and what must be true of them in the end.

use crmsync::crm::{RecordKind, Switch};
use crmsync::groupware::Part;
use crmsync::journal::{ItemPlace, PairState, Wish};
use crmsync::model::{Area, Field, Fields, Value};
use crmsync::settings::{PrivateItems, SyncDirection};
use crmsync::sync::items::identity::part_key;

use crate::book::{self, Tag, head, tag_of, tags_of};
use crate::check::{Seen, origin, waits};
use crate::contacts::Standing;
use crate::crm::Record;
use crate::groupware::Entry;
use crate::play::Stage;
use crate::script::{CrmAct, Step};
use crate::users::{fresh, insert};
use crate::world::State;

/// The address book that contacts of the CRM go into.
pub(crate) const ADDRESS_BOOK: &str = "crm";
/// Marks cards for the import.
pub(crate) const CATEGORY: &str = "CRMcorner";

/// The fields of a new card or contact.
pub(crate) fn new_fields(state: &mut State) -> Fields {
    let mut fields = Fields::new();
    for field in [Field::FamilyName, Field::Company, Field::Note] {
        let value = fresh(state, field, None, chrono::DateTime::UNIX_EPOCH);
        fields.insert(field, value);
    }
    add_entry(state, &mut fields);
    fields
}

/// A user adds a telephone number.
pub(crate) fn add_entry(state: &mut State, fields: &mut Fields) {
    let tag = state.book.tag(None);
    let mut list = match fields.get(&Field::Phones) {
        Some(Value::Phones(list)) => list.clone(),
        _ => Vec::new(),
    };
    list.push(book::phone(tag));
    fields.extend(Value::phones(list).map(|value| (Field::Phones, value)));
}

/// A user takes a telephone number away.
pub(crate) fn drop_entry(state: &mut State, fields: &mut Fields, pick: usize) {
    let Some(Value::Phones(mut list)) = fields.remove(&Field::Phones) else { return };
    let gone = list.remove(pick % list.len());
    state.book.wipe(tags_of(&Value::Phones(vec![gone])));
    fields.extend(Value::phones(list).map(|value| (Field::Phones, value)));
}

/// A user sets the category, or takes it off.
pub(crate) fn toggle_mark(fields: &mut Fields) {
    if fields.remove(&Field::Categories).is_none() {
        fields.insert(Field::Categories, Value::Words([CATEGORY.to_owned()].into()));
    }
}

fn is_marked(fields: &Fields) -> bool {
    fields.contains_key(&Field::Categories) && !fields.contains_key(&Field::Private)
}

/// A user renames what a program shows as the name together with the name.
pub(crate) fn follow_name(before: &Fields, after: &mut Fields) {
    if before.get(&Field::FileAs) == before.get(&Field::FamilyName)
        && let Some(name) = after.get(&Field::FamilyName).cloned()
    {
        after.insert(Field::FileAs, name);
    }
}

/// A copy is something new in all that bears tags.
pub(crate) fn renew(state: &mut State, before: &Fields, after: &mut Fields) {
    follow_name(before, after);
    if after.contains_key(&Field::Photo) {
        let photo = fresh(state, Field::Photo, None, chrono::DateTime::UNIX_EPOCH);
        after.insert(Field::Photo, photo);
    }
    if after.remove(&Field::Phones).is_some() {
        add_entry(state, after);
    }
}

/// Whether a card is its owner's alone: no contact's, and not chosen for the CRM.
pub(crate) fn is_own(state: &State, mailbox: usize, entry: &Entry) -> bool {
    let key = (mailbox, entry.uid.clone());
    entry.area == Area::Contacts
        && entry.parts.iter().all(|part| part.record.is_none())
        && !state.book.made.contains(&key)
        && !state.book.chosen.contains_key(&key)
}

/// Notes which of a card's words are its owner's alone.
pub(crate) fn watch(state: &mut State, mailbox: usize, entry: &Entry) {
    if !is_own(state, mailbox, entry) {
        return;
    }
    let tags: Vec<Tag> = entry.parts.iter().flat_map(|part| part.fields.values().flat_map(tags_of)).collect();
    state.book.own.extend(tags.into_iter().map(|tag| (tag, (mailbox, entry.uid.clone()))));
}

/// The user chooses a card with the category for the import, or for a contact that is there.
pub(crate) fn choose(state: &mut State, mailbox: usize, link: bool, pick: usize) -> Option<Wish> {
    let may_be = |entry: &Entry| entry.readable && is_own(state, mailbox, entry) && entry.parts.iter().all(|part| is_marked(&part.fields));
    let cards: Vec<_> = state.mailboxes[mailbox].items().filter(|(_, _, entry)| may_be(entry)).collect();
    let (folder, id, entry) = cards.get(pick % cards.len().max(1)).copied()?;
    let (item, uid) = (ItemPlace { collection: folder.clone(), id: id.clone() }, entry.uid.clone());
    let key = part_key(&uid, None);
    let free = |record: &&Record| {
        let standing = record.contact.as_ref();
        record.is_seen_by(mailbox)
            && standing.is_some_and(|standing| standing.is_chosen_by(mailbox) && !standing.cards.contains_key(&mailbox))
    };
    let wish = if link {
        let records: Vec<&String> = state.crm.records.iter().filter(|(_, record)| free(record)).map(|(id, _)| id).collect();
        let record = (*records.get((pick / 5) % records.len().max(1))?).clone();
        Wish::Link { key, item, record }
    } else {
        Wish::Import { key, item, partner: Some("BP1".into()) }
    };
    state.book.chosen.insert((mailbox, uid.clone()), format!("{wish:?}"));
    state.book.own.retain(|_, (owner, other)| *owner != mailbox || *other != uid);
    Some(wish)
}

/// A contact that a user of the CRM makes.
pub(crate) fn new_contact(state: &mut State, employee: usize, act: CrmAct) {
    let mut fields = new_fields(state);
    if let (CrmAct::NewUnspeakable { .. }, Some(Value::Text(text))) = (act, fields.get_mut(&Field::Company)) {
        *text = format!("{text} unspeakable");
    }
    let owned = !matches!(act, CrmAct::NewContact { owned: false });
    let id = insert(state, employee, RecordKind::Contact, "CONTACT", fields);
    let record = state.crm.records.get_mut(&id).unwrap();
    record.contact = Some(Standing { owner: owned.then_some(employee), ..Standing::default() });
}

/// Whose a contact is, and what its user switched.
pub(crate) fn change_standing(state: &mut State, employee: usize, id: &str, act: CrmAct) {
    let Some(standing) = state.crm.records.get_mut(id).and_then(|record| record.contact.as_mut()) else { return };
    match act {
        CrmAct::Own => standing.owner = if standing.owner == Some(employee) { None } else { Some(employee) },
        CrmAct::Switch(Switch::Unset) => drop(standing.switches.remove(&employee)),
        CrmAct::Switch(switch) => drop(standing.switches.insert(employee, switch)),
        _ => return,
    }
    state.crm.touch(id, None);
    state.book.note(format!("  CRM user {employee} {act:?} {id}"));
}

/// Every contact that belongs into the address book is there, or waits with a reason; none is that does not; every choice was heard.
pub(crate) fn are_settled(state: &mut State, stage: &Stage, seen: &Seen<'_>) {
    let direction = stage.settings.direction;
    let mut troubles = Vec::new();
    for (id, record) in state.crm.records.iter().filter(|(_, record)| record.is_seen_by(seen.mailbox) && record.contact.is_some()) {
        let chosen = record.contact.as_ref().is_some_and(|standing| standing.is_chosen_by(seen.mailbox));
        let pairs = || seen.pairs.values().filter(|pair| pair.record.as_ref().is_some_and(|link| link.id == *id));
        if waits(seen.parked, record.uid(seen.mailbox), None, Some(id)) {
            continue;
        }
        let card_is_there = cards_of(state, seen.mailbox, id, record);
        if chosen && direction != SyncDirection::ToCrm {
            let ended = pairs().any(|pair| pair.state != PairState::Active);
            let uid = record.uid(seen.mailbox).unwrap_or_default().to_owned();
            let removed = state.book.removed_items.contains(&(seen.mailbox, uid));
            if !card_is_there && !ended && !removed {
                troubles.push(format!("contact {id} is neither in the address book nor parked"));
            }
        }
        let lies_there = |uid: &str| state.mailboxes[seen.mailbox].by_uid(uid).iter().any(|entry| entry.readable);
        if !chosen && pairs().any(|pair| pair.state == PairState::Active && lies_there(&pair.uid)) {
            troubles.push(format!("contact {id}, which nobody chose, is still in the address book"));
        }
    }
    // A choice lives in the journal until it is done.
    let forgot = stage.script.steps.iter().any(|step| match step {
        Step::LoseJournal { .. } => true,
        Step::Run { crash_commit, crash_write, .. } => crash_commit.is_some() || crash_write.is_some(),
        _ => false,
    });
    if !forgot && direction != SyncDirection::ToGroupware && stage.settings.private != PrivateItems::Skip {
        troubles.extend(unheard(state, stage, seen));
    }
    for what in troubles {
        state.book.blame("nothing is passed over", what);
    }
}

fn unheard(state: &State, stage: &Stage, seen: &Seen<'_>) -> Vec<String> {
    let is_open =
        |folder: &String, id: &String, entry: &Entry| {
            let key = (seen.mailbox, entry.uid.clone());
            state.book.chosen.get(&key).is_some_and(|wish| {
                wish.starts_with("Import") && wish.contains(&format!("{folder:?}")) && wish.contains(&format!("{id:?}"))
            }) && entry.readable
                && !state.book.ambiguous.contains(&entry.uid)
                && entry.master().is_some_and(|part| is_marked(&part.fields))
                && !waits(seen.parked, Some(&entry.uid), Some(id), None)
        };
    let open = state.mailboxes[seen.mailbox].items().filter(|(folder, id, entry)| is_open(folder, id, entry));
    let heard = |uid: &str| {
        state.crm.records.values().any(|record| record.uid(seen.mailbox) == Some(uid))
            || stage.agents.len() > 1
            || seen.pairs.contains_key(&format!("uid:{uid}"))
    };
    open.filter(|(_, _, entry)| !heard(&entry.uid)).map(|(_, _, entry)| format!("the import of {} was not heard", entry.uid)).collect()
}

/// Whether the contact has a card.
fn cards_of(state: &State, mailbox: usize, id: &str, record: &Record) -> bool {
    let first = origin(state, &record.view.fields);
    let uid = record.uid(mailbox);
    let is_of = |part: &Part| {
        part.record.as_deref() == Some(id) || head(&part.fields).and_then(tag_of).is_some() && origin(state, &part.fields) == first
    };
    state.mailboxes[mailbox].items().any(|(_, _, entry)| Some(entry.uid.as_str()) == uid || entry.master().is_some_and(is_of))
}
