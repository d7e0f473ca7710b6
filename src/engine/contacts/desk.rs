//! The CRM as the engine of items sees it: a picture is a field like others. It travels by itself, after the fields of its contact.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::shelf::Shelf;
use crate::crm::{
    ChangePage, CrmContacts, CrmError, CrmRecords, RecordAction, RecordChange, RecordKind, RecordState, RecordView, RecordWrite, Switch,
    WriteResult, WriteVerdict,
};
use crate::model::contact::Photo;
use crate::model::{Field, OpId, Value};
use crate::sync::contacts::{Belonging, ExportRule, belonging};

/// Stands before the CRM.
pub(super) struct Desk<'a, C> {
    pub(super) crm: &'a C,
    pub(super) shelf: &'a Shelf,
    /// Pictures take part.
    pub(super) photos: bool,
    pub(super) export: &'a ExportRule,
}

impl<C: CrmRecords + CrmContacts> Desk<'_, C> {
    /// A contact as the engine is to see it.
    fn seen(&self, mut view: RecordView) -> RecordView {
        if self.photos {
            self.shelf.note(&view);
        } else {
            view.fields.remove(&Field::Photo);
        }
        view
    }

    fn seen_verdict(&self, verdict: WriteVerdict) -> WriteVerdict {
        match verdict {
            WriteVerdict::Applied(view) => WriteVerdict::Applied(self.seen(view)),
            WriteVerdict::Unchanged(view) => WriteVerdict::Unchanged(self.seen(view)),
            WriteVerdict::Joined(view) => WriteVerdict::Joined(self.seen(view)),
            WriteVerdict::Conflict(view) => WriteVerdict::Conflict(self.seen(view)),
            other => other,
        }
    }

    /// What follows after the fields were written: the picture, and of a new contact the switch.
    async fn finish(
        &self,
        write: &RecordWrite,
        written: Option<WriteVerdict>,
        picture: Option<PhotoWrite>,
    ) -> Result<WriteVerdict, CrmError> {
        let is_new = matches!(write.action, RecordAction::CreateContact { .. });
        let mut verdict = match (written, picture, &write.action) {
            (Some(WriteVerdict::Applied(view) | WriteVerdict::Unchanged(view)), Some(picture), _) => {
                let put = self.put(write, &view.link.id, &view.link.version, picture.0.as_ref()).await?;
                match put {
                    // The contact is there and lacks its picture: what is wrong with that is found out when it is changed.
                    WriteVerdict::Rejected { .. } | WriteVerdict::Retry { .. } | WriteVerdict::Gone | WriteVerdict::Conflict(_)
                        if is_new =>
                    {
                        WriteVerdict::Joined(view)
                    }
                    put => put,
                }
            }
            (Some(written), _, _) => written,
            (None, Some(picture), RecordAction::Update { id, if_version, .. }) => {
                self.put(write, id, if_version, picture.0.as_ref()).await?
            }
            (None, ..) => return Err(CrmError::Contract("a write has no result".to_owned())),
        };
        let joined = matches!(verdict, WriteVerdict::Joined(_));
        if is_new
            && let WriteVerdict::Applied(view) | WriteVerdict::Joined(view) = &verdict
            && view.contact.as_ref().is_some_and(|facts| facts.switch == Switch::Unset)
            && matches!(belonging(view, self.export), Belonging::Out(_))
        {
            // Else its card would be taken away by the next run.
            let switched = self.crm.set_switch(&derived(&write.op, "switch"), &view.link.id, Switch::On).await?;
            if let WriteVerdict::Applied(now) | WriteVerdict::Unchanged(now) = switched {
                // What somebody changed in between is heard with the next changes: it is not what was written. That it is switched is known.
                let is_same = now.fields == view.fields;
                let now = if is_same { now } else { RecordView { contact: now.contact, ..view.clone() } };
                verdict = if joined { WriteVerdict::Joined(now) } else { WriteVerdict::Applied(now) };
            }
        }
        Ok(verdict)
    }

    async fn put(&self, write: &RecordWrite, id: &str, version: &str, picture: Option<&Photo>) -> Result<WriteVerdict, CrmError> {
        let put = self.crm.put_photo(&derived(&write.op, "photo"), id, Some(version), picture).await?;
        Ok(match put {
            WriteVerdict::Unchanged(view) | WriteVerdict::Joined(view) => WriteVerdict::Applied(view),
            put => put,
        })
    }
}

/// A picture that is put, or taken away.
struct PhotoWrite(Option<Photo>);

/// The identity of a write that follows another one.
fn derived(op: &OpId, what: &str) -> OpId {
    OpId(Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{what} of {}", op.as_str()).as_bytes()).to_string())
}

/// A write without its picture, if anything is left of it, and the picture.
fn parted(write: &RecordWrite) -> (Option<RecordWrite>, Option<PhotoWrite>) {
    let mut rest = write.clone();
    let picture = |value: Option<Value>| match value {
        Some(Value::Photo(photo)) => PhotoWrite(Some(photo)),
        _ => PhotoWrite(None),
    };
    match &mut rest.action {
        RecordAction::CreateContact { fields, .. } => {
            let photo = fields.remove(&Field::Photo).map(|value| picture(Some(value)));
            (Some(rest), photo)
        }
        RecordAction::Update { changes, bind, activity_type, .. } => {
            let photo = changes.remove(&Field::Photo).map(picture);
            let is_empty = changes.is_empty() && bind.is_none() && activity_type.is_none();
            let alone = is_empty && photo.is_some();
            ((!alone).then_some(rest), photo)
        }
        RecordAction::Create { .. } | RecordAction::Delete { .. } => (Some(rest), None),
    }
}

impl<C: CrmRecords + CrmContacts> CrmRecords for Desk<'_, C> {
    async fn changes(&self, kinds: &BTreeSet<RecordKind>, cursor: Option<&str>) -> Result<ChangePage, CrmError> {
        let mut page = self.crm.changes(kinds, cursor).await?;
        let seen = |change| match change {
            RecordChange::Present(view) => RecordChange::Present(self.seen(view)),
            other => other,
        };
        page.changes = page.changes.into_iter().map(seen).collect();
        Ok(page)
    }

    async fn record(&self, id: &str) -> Result<RecordState, CrmError> {
        Ok(match self.crm.record(id).await? {
            RecordState::Present(view) => RecordState::Present(self.seen(view)),
            other => other,
        })
    }

    async fn write_records(&self, writes: &[RecordWrite]) -> Result<Vec<WriteResult>, CrmError> {
        let mut plain = Vec::new();
        let mut pictures = Vec::new();
        for write in writes {
            let (rest, picture) = parted(write);
            plain.extend(rest);
            pictures.push(picture.filter(|_| self.photos));
        }
        let mut answers = if plain.is_empty() { Vec::new() } else { self.crm.write_records(&plain).await? };
        let mut results = Vec::with_capacity(writes.len());
        for (write, picture) in writes.iter().zip(pictures) {
            let at = answers.iter().position(|answer| answer.op == write.op);
            let written = at.map(|at| answers.swap_remove(at).verdict);
            let verdict = self.finish(write, written, picture).await?;
            results.push(WriteResult { op: write.op.clone(), verdict: self.seen_verdict(verdict) });
        }
        Ok(results)
    }
}
