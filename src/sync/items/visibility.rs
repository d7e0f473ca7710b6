//! What of an item may leave the machine, decided before anything does (V13).

use crate::model::{Field, Fields, Reason, ReasonCode, Value};
use crate::settings::PrivateItems;

use super::{Guard, Rules};

/// Title of a record of which nothing but the time is told.
const BUSY_TITLE: &str = "Private";

/// What the CRM may learn of an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Visibility {
    /// All of it. A private one goes with its mark, so that only its owner sees it.
    Full,
    /// When it takes place, and that it is private.
    Busy,
    /// Nothing.
    Hidden(Reason),
}

impl Visibility {
    /// Whether the CRM may learn a field.
    #[must_use]
    pub const fn shows(&self, field: Field) -> bool {
        match self {
            Self::Full => true,
            Self::Busy => matches!(
                field,
                Field::Slot | Field::Start | Field::Due | Field::Recurrence | Field::ShowAs | Field::Private | Field::Cancelled
            ),
            Self::Hidden(_) => false,
        }
    }

    /// What may leave of these fields, for a new record. One that says no more than when it takes place has a title in place of its own,
    /// because CRMs demand one.
    #[must_use]
    pub fn of_fields(&self, fields: &Fields) -> Fields {
        let mut shown: Fields =
            fields.iter().filter(|(field, _)| self.shows(**field)).map(|(field, value)| (*field, value.clone())).collect();
        if *self == Self::Busy {
            shown.insert(Field::Subject, Value::Text(BUSY_TITLE.to_owned()));
        }
        shown
    }
}

/// What the CRM may learn of a part. An occurrence is as private as its series, so the caller passes the master's fields too.
#[must_use]
pub fn visibility(fields: &Fields, master: Option<&Fields>, rules: &Rules<'_>) -> Visibility {
    let private = |fields: &Fields| fields.contains_key(&Field::Private);
    if !private(fields) && !master.is_some_and(private) || !rules.guards.on(Guard::PrivateStaysPrivate) {
        return Visibility::Full;
    }
    match rules.settings.private {
        PrivateItems::AsPrivate => Visibility::Full,
        PrivateItems::BusyOnly => Visibility::Busy,
        PrivateItems::Skip => Visibility::Hidden(ReasonCode::PrivateItem.into()),
    }
}

/// Whether an unpaired item lacks the label that the settings ask for. A paired one needs none: it is the CRM's already.
#[must_use]
pub fn lacks_category(fields: &Fields, master: Option<&Fields>, rules: &Rules<'_>) -> bool {
    let Some(wanted) = rules.settings.category.as_deref().map(str::to_lowercase) else { return false };
    let bears = |fields: &Fields| matches!(fields.get(&Field::Categories), Some(Value::Words(words)) if words.iter().any(|word| word.to_lowercase() == wanted));
    !bears(fields) && !master.is_some_and(bears)
}

#[cfg(test)]
mod tests {
    use super::super::testing::{event, rules, settings, text};
    use super::*;

    fn private() -> Fields {
        let mut fields = event("Doctor", 1);
        fields.insert(Field::Private, Value::Flag(true));
        fields
    }

    #[test]
    fn v13_a_private_item_goes_as_private_as_busy_or_not_at_all() {
        let mut settings = settings();
        assert_eq!(visibility(&private(), None, &rules(&settings)), Visibility::Full);
        settings.private = PrivateItems::BusyOnly;
        let shown = visibility(&private(), None, &rules(&settings));
        let told: Vec<Field> = shown.of_fields(&private()).into_keys().collect();
        assert_eq!(told, [Field::Subject, Field::Slot, Field::Private]);
        assert_eq!(shown.of_fields(&private())[&Field::Subject], Value::Text("Private".into()), "not its own");
        settings.private = PrivateItems::Skip;
        assert_eq!(visibility(&private(), None, &rules(&settings)), Visibility::Hidden(ReasonCode::PrivateItem.into()));
        assert_eq!(visibility(&event("Visit", 1), None, &rules(&settings)), Visibility::Full);
    }

    #[test]
    fn v13_an_occurrence_is_as_private_as_its_series() {
        let mut settings = settings();
        settings.private = PrivateItems::Skip;
        assert_ne!(visibility(&event("Visit", 1), Some(&private()), &rules(&settings)), Visibility::Full);
    }

    #[test]
    fn an_item_without_the_label_asked_for_stays_out() {
        let mut settings = settings();
        assert!(!lacks_category(&event("a", 1), None, &rules(&settings)));
        settings.category = Some("CRMcorner".into());
        let mut labelled = event("a", 1);
        labelled.insert(Field::Categories, Value::Words(["crmCORNER".to_owned()].into()));
        assert!(lacks_category(&event("a", 1), None, &rules(&settings)));
        assert!(!lacks_category(&labelled, None, &rules(&settings)));
        assert!(!lacks_category(&event("a", 1), Some(&labelled), &rules(&settings)));
        let _ = text;
    }
}
