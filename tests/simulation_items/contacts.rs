//! The contacts of the CRM in memory: whose they are, what each employee switched, whose card is whose, and pictures.

use std::collections::BTreeMap;

use crmsync::crm::{
    ContactFacts, ContactGroup, ContactPage, ContactQuery, CrmContacts, CrmError, MatchAnswer, MatchQuery, Partner, PartnerQuery,
    RecordAction, RecordKind, RecordWrite, Switch, WriteVerdict,
};
use crmsync::model::contact::{ContactAddress, Photo};
use crmsync::model::{Field, FieldChanges, Fields, OpId, Value};

use crate::book;
use crate::crm::{FakeCrm, Record, Writer, origin, trouble, watch_privacy, write_once};
use crate::world::State;

/// What a contact is to the employees.
#[derive(Debug, Clone, Default)]
pub(crate) struct Standing {
    pub owner: Option<usize>,
    pub switches: BTreeMap<usize, Switch>,
    /// UIDs of their cards.
    pub cards: BTreeMap<usize, String>,
}

impl Standing {
    pub(crate) fn facts(&self, employee: usize) -> ContactFacts {
        let switch = self.switches.get(&employee).copied().unwrap_or_default();
        ContactFacts { owned: self.owner == Some(employee), switch, ..ContactFacts::default() }
    }

    /// Whether it belongs into the employee's address book.
    pub(crate) fn is_chosen_by(&self, employee: usize) -> bool {
        match self.switches.get(&employee).copied().unwrap_or_default() {
            Switch::On => true,
            Switch::Off => false,
            Switch::Unset => self.owner == Some(employee),
        }
    }
}

impl Record {
    /// Whether the CRM tells the employee of its changes.
    pub(crate) fn concerns(&self, employee: usize) -> bool {
        self.contact.as_ref().is_none_or(|standing| {
            standing.owner == Some(employee) || standing.cards.contains_key(&employee) || standing.switches.contains_key(&employee)
        })
    }
}

/// A new contact, or the employee's with this card.
pub(crate) fn create(
    state: &mut State,
    writer: Writer<'_>,
    write: &RecordWrite,
    kind: RecordKind,
    uid: &str,
    fields: &Fields,
) -> WriteVerdict {
    let twin = state.crm.records.values().find(|record| record.is_seen_by(writer.employee) && record.uid(writer.employee) == Some(uid));
    if let Some(record) = twin {
        return WriteVerdict::Joined(record.view(writer.employee));
    }
    if !state.book.chosen.contains_key(&(writer.employee, uid.to_owned())) {
        state.book.blame("R102 nothing is imported by itself", format!("{write:?}"));
    }
    if !fields.contains_key(&Field::FamilyName) {
        return WriteVerdict::Rejected { reason: "it is missing".into(), field: Some("familyName".into()) };
    }
    watch_privacy(state, writer, fields, fields, write);
    let opaque = format!("made by agent {}", writer.agent);
    let id = state.crm.insert(kind, "CONTACT", None, fields.clone(), writer.employee, opaque, origin(writer, write));
    let owner = state.crm.quirks.owns_new.then_some(writer.employee);
    if let Some(record) = state.crm.records.get_mut(&id) {
        let cards = [(writer.employee, uid.to_owned())].into();
        record.contact = Some(Standing { owner, switches: BTreeMap::new(), cards });
    }
    state.book.writes += 1;
    state.book.note(format!("    agent {} imports {id} ({uid}): {fields:?}", writer.agent));
    WriteVerdict::Applied(state.crm.records[&id].view(writer.employee))
}

impl FakeCrm {
    fn write_contact(
        &self,
        name: &str,
        work: impl Fn(&mut State, Writer<'_>) -> WriteVerdict + Send + 'static,
    ) -> Result<WriteVerdict, CrmError> {
        let (employee, agent, instance, now) = (self.employee, self.agent, self.instance.clone(), self.world.instant());
        self.world.request(name, trouble, move |state| Ok(work(state, Writer { employee, agent, instance: &instance, now })))
    }
}

impl CrmContacts for FakeCrm {
    async fn find_contacts(&self, _: &ContactQuery) -> Result<ContactPage, CrmError> {
        Ok(ContactPage::default())
    }

    async fn match_contacts(&self, queries: &[MatchQuery]) -> Result<Vec<MatchAnswer>, CrmError> {
        Ok(vec![MatchAnswer::default(); queries.len()])
    }

    async fn photo(&self, id: &str) -> Result<Option<Photo>, CrmError> {
        let (employee, id) = (self.employee, id.to_owned());
        self.world.request("CRM photo", trouble, move |state| {
            let record = state.crm.records.get(&id).filter(|record| record.is_seen_by(employee));
            let tag = record.and_then(|record| record.view.fields.get(&Field::Photo)).and_then(book::tag_of);
            Ok(tag.map(book::picture))
        })
    }

    async fn put_photo(&self, op: &OpId, id: &str, if_version: Option<&str>, photo: Option<&Photo>) -> Result<WriteVerdict, CrmError> {
        let value = photo.cloned().map(Value::Photo);
        let changes: FieldChanges = [(Field::Photo, value)].into();
        let if_version = if_version.unwrap_or_default().to_owned();
        let action = RecordAction::Update { id: id.to_owned(), if_version, bind: None, activity_type: None, changes };
        let write = RecordWrite { op: op.clone(), action };
        let is_at_hand = photo.is_none_or(|photo| photo.bytes.is_some());
        self.write_contact("CRM photo write", move |state, writer| {
            if !is_at_hand {
                state.book.blame("a picture is put with its bytes", format!("{write:?}"));
            }
            write_once(state, writer, &write)
        })
    }

    async fn add_address(&self, _: &OpId, _: &str, _: &ContactAddress) -> Result<WriteVerdict, CrmError> {
        panic!("a run of contacts adds no address of its own")
    }

    async fn set_switch(&self, op: &OpId, id: &str, switch: Switch) -> Result<WriteVerdict, CrmError> {
        let (op, id) = (op.clone(), id.to_owned());
        self.write_contact("CRM switch", move |state, writer| {
            let Some(record) = state.crm.records.get_mut(&id).filter(|record| record.is_seen_by(writer.employee)) else {
                return WriteVerdict::Gone;
            };
            let Some(standing) = &mut record.contact else { return WriteVerdict::Gone };
            let unasked =
                standing.cards.get(&writer.employee).is_none_or(|uid| !state.book.chosen.contains_key(&(writer.employee, uid.clone())));
            if switch != Switch::On || unasked {
                state.book.blame("R85 only an import sets the switch", format!("{id} {switch:?}"));
            }
            if standing.switches.insert(writer.employee, switch) == Some(switch) {
                return WriteVerdict::Unchanged(record.view(writer.employee));
            }
            state.book.writes += 1;
            state.book.note(format!("    agent {} switches {id} {switch:?}", writer.agent));
            let change = RecordWrite { op: op.clone(), action: RecordAction::Delete { id: id.clone(), if_version: String::new() } };
            state.crm.touch(&id, origin(writer, &change));
            WriteVerdict::Applied(state.crm.records[&id].view(writer.employee))
        })
    }

    async fn partners(&self, _: &PartnerQuery) -> Result<Vec<Partner>, CrmError> {
        Ok(Vec::new())
    }

    async fn groups(&self) -> Result<Vec<ContactGroup>, CrmError> {
        Ok(Vec::new())
    }
}
