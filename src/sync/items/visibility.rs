//! What of an item may leave the machine, decided before anything does (V13).

use crate::model::{Field, Fields, Reason, ReasonCode, Value};
use crate::settings::PrivateItems;

use super::Rules;

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

    /// What may leave of these fields.
    #[must_use]
    pub fn of_fields(&self, fields: &Fields) -> Fields {
        fields.iter().filter(|(field, _)| self.shows(**field)).map(|(field, value)| (*field, value.clone())).collect()
    }
}

/// What the CRM may learn of a part. An occurrence is as private as its series, so the caller passes the master's fields too.
#[must_use]
pub fn visibility(fields: &Fields, master: Option<&Fields>, rules: &Rules<'_>) -> Visibility {
    let private = |fields: &Fields| fields.contains_key(&Field::Private);
    if !private(fields) && !master.is_some_and(private) {
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
