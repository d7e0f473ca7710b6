//! Changes of an object in its own text.

use std::collections::BTreeMap;

use chrono::NaiveDateTime;
use chrono_tz::Tz;

use super::fault::IcalFault;
use super::object::{self, Layout, Place};
use super::properties::{self, names_people, note};
use super::source::{Source, Target};
use super::{Context, dates, rules, series};
use crate::groupware::lines::{Document, Editor, Property, fold};
use crate::groupware::zones::{Zones, vtimezone};
use crate::groupware::{CrmLink, Item, Part, PartEdit};
use crate::model::{Field, FieldChanges, Fields, Moment, Recurrence, Slot, Value};

/// Zones that written lines name, each with a time in it.
pub(super) type UsedZones = BTreeMap<String, (Tz, NaiveDateTime)>;

/// All that is wanted of one component.
#[derive(Debug, Default)]
struct Wanted {
    id: Option<Moment>,
    changes: FieldChanges,
    #[allow(clippy::option_option, reason = "the outer one is absence, as in the port")]
    link: Option<Option<CrmLink>>,
    excluded: bool,
}

pub(super) fn edit(item: &Item, edits: &[PartEdit], context: &Context) -> Result<String, IcalFault> {
    let document = Document::parse(&item.original)?;
    let zones = Zones::new(&document, object::calendar(&document));
    let layout = object::layout(&document, &zones, context)?;
    let mut work =
        Work { item, document: &document, zones: &zones, context, layout: &layout, editor: Editor::new(&document), used: UsedZones::new() };
    work.run(collect(edits))?;
    define_zones(&mut work.editor, &zones, &layout, &work.used);
    Ok(work.editor.finish())
}

/// The edits by component: the master first. What is excluded cannot be changed besides.
fn collect(edits: &[PartEdit]) -> BTreeMap<Option<String>, Wanted> {
    let mut plan: BTreeMap<Option<String>, Wanted> = BTreeMap::new();
    for edit in edits {
        match edit {
            PartEdit::Set { recurrence_id, changes, link } => {
                let wanted = plan.entry(recurrence_id.as_ref().map(Moment::key)).or_default();
                wanted.id.clone_from(recurrence_id);
                wanted.changes.extend(changes.clone());
                if link.is_some() {
                    wanted.link.clone_from(link);
                }
            }
            PartEdit::Exclude { recurrence_id } => {
                let wanted = plan.entry(Some(recurrence_id.key())).or_default();
                *wanted = Wanted { id: Some(recurrence_id.clone()), excluded: true, ..Wanted::default() };
            }
        }
    }
    plan
}

struct Work<'w> {
    item: &'w Item,
    document: &'w Document<'w>,
    zones: &'w Zones<'w>,
    context: &'w Context,
    layout: &'w Layout,
    editor: Editor<'w>,
    used: UsedZones,
}

impl<'w> Work<'w> {
    fn run(&mut self, mut plan: BTreeMap<Option<String>, Wanted>) -> Result<(), IcalFault> {
        let excluded: Vec<Moment> = plan.values().filter(|wanted| wanted.excluded).filter_map(|wanted| wanted.id.clone()).collect();
        let wanted = plan.remove(&None);
        let master = self.part(None).map(|part| &part.fields);
        let (moved, ended) = match (master, wanted) {
            (None, Some(_)) => return Err(IcalFault::NoSuchPart),
            (None, None) => (None, false),
            (Some(_), None) if excluded.is_empty() => (None, false),
            (Some(before), wanted) => self.master(before, wanted.unwrap_or_default(), &excluded)?,
        };
        self.overrides(&mut plan, moved.as_ref(), ended)?;
        for wanted in plan.values() {
            self.new_override(wanted)?;
        }
        Ok(())
    }

    /// Changes the master. Answers how its start moved, and whether it no longer repeats.
    fn master(&mut self, before: &Fields, mut wanted: Wanted, excluded: &[Moment]) -> Result<(Option<Move>, bool), IcalFault> {
        let mut after = merged(before, &wanted.changes);
        let repeated = before.get(&Field::Recurrence);
        if repeated.is_none() && !excluded.is_empty() {
            return Err(IcalFault::NoSuchPart);
        }
        let moved = anchor(before).zip(anchor(&after)).filter(|(from, to)| from != to && repeated.is_some());
        let moved = moved.map(|(from, to)| Move { from, to, additional: additional_keys(before) });
        if let Some(Value::Recurrence(recurrence)) = after.get(&Field::Recurrence) {
            let mut recurrence = recurrence.clone();
            let given = wanted.changes.contains_key(&Field::Recurrence);
            if let Some(moved) = moved.as_ref().filter(|_| !given) {
                // Exceptions are told by the start they replace (RFC 5545 §3.8.5.1): they move with it.
                recurrence.excluded = recurrence.excluded.iter().map(|moment| moved.apply(moment)).collect();
            }
            recurrence
                .excluded
                .extend(excluded.iter().map(|moment| moved.as_ref().map_or_else(|| moment.clone(), |moved| moved.apply(moment))));
            rules::tidy(&mut recurrence);
            let recurrence = Value::Recurrence(recurrence);
            if repeated != Some(&recurrence) {
                after.insert(Field::Recurrence, recurrence.clone());
                wanted.changes.insert(Field::Recurrence, Some(recurrence));
            }
        } else if !excluded.is_empty() {
            return Err(IcalFault::NoSuchPart);
        }
        let ended = repeated.is_some() && !after.contains_key(&Field::Recurrence);
        if let Some(place) = self.layout.places.iter().find(|place| place.recurrence_id.is_none()) {
            self.apply(place.component, before, &after, &wanted)?;
        }
        Ok((moved, ended))
    }

    /// Changes the overrides that exist, and takes their wishes out of the plan.
    fn overrides(&mut self, plan: &mut BTreeMap<Option<String>, Wanted>, moved: Option<&Move>, ended: bool) -> Result<(), IcalFault> {
        let mut left = self.layout.places.len();
        for Place { recurrence_id, component } in &self.layout.places {
            let Some(id) = recurrence_id else { continue };
            let wanted = plan.remove(&Some(id.key()));
            // Without its series an occurrence is none.
            if ended || wanted.as_ref().is_some_and(|wanted| wanted.excluded) {
                self.editor.remove_component(*component);
                left -= 1;
                continue;
            }
            if let Some(moved) = moved.filter(|moved| !moved.additional.contains(&id.key())) {
                let fields = Fields::new();
                let source = self.source(*component);
                let mut target = Target { source, editor: &mut self.editor, after: &fields, used_zones: &mut self.used };
                target.put_moment("RECURRENCE-ID", &moved.apply(id));
            }
            if let Some(wanted) = wanted {
                let before = &self.part(Some(id)).ok_or(IcalFault::NoSuchPart)?.fields;
                self.apply(*component, before, &merged(before, &wanted.changes), &wanted)?;
            }
        }
        if left == 0 {
            return Err(IcalFault::NoSuchPart);
        }
        plan.retain(|_, wanted| !wanted.excluded);
        Ok(())
    }

    /// Makes an override of an occurrence from the master, with every line of it that is not about the series.
    fn new_override(&mut self, wanted: &Wanted) -> Result<(), IcalFault> {
        let id = wanted.id.clone().ok_or(IcalFault::NoSuchPart)?;
        let master = self.part(None).ok_or(IcalFault::NoSuchPart)?;
        let place = self.layout.places.iter().find(|place| place.recurrence_id.is_none()).ok_or(IcalFault::NoSuchPart)?;
        let component = self.document.component(place.component).ok_or(IcalFault::NoSuchPart)?;
        let start = anchor(&master.fields).ok_or(IcalFault::NoSuchPart)?;
        if !series::occurs(self.item, &id) {
            return Err(IcalFault::NoSuchPart);
        }
        if names_people(&self.source(place.component)) && !self.context.allow_attendees {
            return Err(IcalFault::AttendeesNotAllowed);
        }
        let id = dates::told_like(&start, &id);
        let mut before = master.fields.clone();
        before.remove(&Field::Recurrence);
        let mut changes = occurrence(&before, &start, &id);
        changes.extend(wanted.changes.clone());

        let raw = self.document.raw(component.begin, component.end);
        let document = Document::parse(raw)?;
        let source = object::source(&document, self.zones, self.context, 0, self.layout.task);
        let mut editor = Editor::new(&document);
        let after = merged(&before, &changes);
        let mut target = Target { source, editor: &mut editor, after: &after, used_zones: &mut self.used };
        for name in ["RRULE", "RDATE", "EXDATE", "EXRULE"] {
            target.remove(name);
        }
        let like = source.first("DTSTART").or_else(|| source.first("DUE"));
        let (tzid, value) = target.stamp(&id, like.as_ref());
        let kind = matches!(id, Moment::Day(_)).then_some("DATE");
        let content = Property::line("RECURRENCE-ID", &[("VALUE", kind), ("TZID", tzid.as_deref())], &value);
        let place = like.map_or_else(|| document.place_for_new(0), |property| property.line);
        target.editor.insert_before(place, &content);
        write_fields(&mut target, &before, &changes, wanted.link.as_ref())?;
        let mut written = editor.finish();
        if !written.ends_with('\n') {
            written.push_str(self.document.ending());
        }
        self.editor.insert_raw_before(component.end + 1, &written);
        Ok(())
    }

    fn apply(&mut self, component: usize, before: &Fields, after: &Fields, wanted: &Wanted) -> Result<(), IcalFault> {
        let source = self.source(component);
        let mut target = Target { source, editor: &mut self.editor, after, used_zones: &mut self.used };
        write_fields(&mut target, before, &wanted.changes, wanted.link.as_ref())
    }

    fn source(&self, component: usize) -> Source<'w> {
        object::source(self.document, self.zones, self.context, component, self.layout.task)
    }

    fn part(&self, id: Option<&Moment>) -> Option<&'w Part> {
        let key = id.map(Moment::key);
        self.item.parts.iter().find(|part| part.recurrence_id.as_ref().map(Moment::key) == key)
    }
}

/// Writes fields that differ, in the order of the mappers, and the link.
pub(super) fn write_fields(
    target: &mut Target<'_, '_>,
    before: &Fields,
    changes: &FieldChanges,
    link: Option<&Option<CrmLink>>,
) -> Result<(), IcalFault> {
    let mappers = properties::of(target.source.task);
    if let Some((field, _)) = changes.iter().find(|(field, value)| value.is_some() && !mappers.iter().any(|mapper| mapper.field == **field))
    {
        return Err(IcalFault::BadField { field: *field });
    }
    for mapper in mappers {
        let change = changes.get(&mapper.field).filter(|value| before.get(&mapper.field) != value.as_ref());
        match (mapper.field, change) {
            (Field::Note, change) if link.is_some() => {
                let text = match change {
                    Some(Some(Value::Note(note))) => Some(Some(note)),
                    Some(Some(_)) => return Err(IcalFault::BadField { field: Field::Note }),
                    Some(None) => Some(None),
                    None => None,
                };
                note::write_both(target, text, link.map(Option::as_ref));
            }
            (_, Some(value)) => (mapper.write)(target, value.as_ref())?,
            (_, None) => {}
        }
    }
    Ok(())
}

/// Adds a VTIMEZONE for each zone that written lines name and the object does not define.
pub(super) fn define_zones(editor: &mut Editor<'_>, zones: &Zones<'_>, layout: &Layout, used: &UsedZones) {
    let document = editor.document();
    let components = layout.places.iter().filter_map(|place| document.component(place.component));
    let Some(place) = components.map(|component| component.begin).min() else { return };
    for (zone, near) in used.iter().filter(|(name, _)| !zones.defines(name)).map(|(_, used)| used) {
        let mut text = String::new();
        for line in vtimezone(*zone, *near) {
            fold(&line, document.ending(), &mut text);
            text.push_str(document.ending());
        }
        editor.insert_raw_before(place, &text);
    }
}

/// How the start of a series moved.
#[derive(Debug, Clone)]
struct Move {
    from: Moment,
    to: Moment,
    /// Keys of RDATE, which do not follow the start.
    additional: Vec<String>,
}

impl Move {
    /// An occurrence told by the old start, told by the new one: moved by as much on the clock.
    fn apply(&self, moment: &Moment) -> Moment {
        let by = dates::wall(&self.to) - dates::wall(&self.from);
        let at = dates::wall(&dates::told_like(&self.from, moment));
        dates::like(&self.to, at.checked_add_signed(by).unwrap_or(at))
    }
}

fn additional_keys(fields: &Fields) -> Vec<String> {
    match fields.get(&Field::Recurrence) {
        Some(Value::Recurrence(Recurrence { additional, .. })) => additional.iter().map(Moment::key).collect(),
        _ => Vec::new(),
    }
}

fn merged(before: &Fields, changes: &FieldChanges) -> Fields {
    let mut after = before.clone();
    for (field, value) in changes {
        match value {
            Some(value) => after.insert(*field, value.clone()),
            None => after.remove(field),
        };
    }
    after
}

/// What an item's occurrences are counted from: the start, or the due time of a task without one.
pub(super) fn anchor(fields: &Fields) -> Option<Moment> {
    match (fields.get(&Field::Slot), fields.get(&Field::Start), fields.get(&Field::Due)) {
        (Some(Value::Slot(slot)), _, _) => Some(slot.start.clone()),
        (_, Some(Value::Moment(moment)), _) | (_, None, Some(Value::Moment(moment))) => Some(moment.clone()),
        _ => None,
    }
}

/// The times of one occurrence, as changes of the master's.
fn occurrence(master: &Fields, start: &Moment, id: &Moment) -> FieldChanges {
    let moved = |moment: &Moment| series::moved(moment, start, id);
    let mut changes = FieldChanges::new();
    for (field, value) in master {
        let value = match value {
            Value::Slot(slot) => Value::Slot(Slot { start: moved(&slot.start), end: moved(&slot.end) }),
            Value::Moment(moment) if matches!(field, Field::Start | Field::Due) => Value::Moment(moved(moment)),
            _ => continue,
        };
        changes.insert(*field, Some(value));
    }
    changes
}
