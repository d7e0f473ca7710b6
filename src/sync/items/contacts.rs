//! What is particular to contacts in the decision of one item: names that are shown, and what the CRM would refuse.

use super::merge::Merge;
use crate::crm::contract::field_named;
use crate::model::{Field, Fields, Reason, ReasonCode, Value};
use crate::sync::contacts::{ContactPolicy, faults};

/// Parts of a name in the order in which they are shown.
const FULL: [Field; 5] = [Field::Prefix, Field::GivenName, Field::MiddleName, Field::FamilyName, Field::Suffix];
const SHORT: [Field; 2] = [Field::GivenName, Field::FamilyName];

/// A card shows a name of its own beside the parts of the name. Where the CRM says none and the card shows nothing but the parts, it
/// follows them: else the phone would show the old name for ever.
pub(super) fn rename(merge: &mut Merge, card: &Fields, record: &Fields) {
    let moves = |fields: &[Field]| fields.iter().any(|field| merge.to_groupware.contains_key(field));
    let is_said =
        record.contains_key(&Field::FileAs) || merge.to_groupware.contains_key(&Field::FileAs) || merge.to_crm.contains_key(&Field::FileAs);
    if is_said || !moves(&FULL) && !moves(&[Field::Company]) {
        return;
    }
    let mut after = card.clone();
    for (field, value) in &merge.to_groupware {
        match value {
            Some(value) => drop(after.insert(*field, value.clone())),
            None => drop(after.remove(field)),
        }
    }
    let Some(Value::Text(shown)) = card.get(&Field::FileAs) else { return };
    for parts in [&SHORT[..], &FULL[..], &[Field::Company]] {
        let now = joined(&after, parts);
        if *shown == joined(card, parts) && !now.is_empty() {
            if now != *shown {
                merge.to_groupware.insert(Field::FileAs, Some(Value::Text(now)));
            }
            return;
        }
    }
}

fn joined(fields: &Fields, parts: &[Field]) -> String {
    let text = |field: &Field| match fields.get(field) {
        Some(Value::Text(text)) => Some(text.as_str()),
        _ => None,
    };
    parts.iter().filter_map(text).collect::<Vec<_>>().join(" ")
}

/// What the CRM would refuse of a new contact, with the fields (R91).
pub(super) fn refusal(fields: &Fields, policy: &ContactPolicy) -> Option<Reason> {
    let faults = faults(fields, &policy.demands);
    let words: Vec<String> = faults.iter().map(ToString::to_string).collect();
    (!words.is_empty()).then(|| Reason::new(ReasonCode::RejectedByCrm, words.join("; ")))
}

/// Takes out of a merge what the CRM would refuse, and says what (R91): the other fields go on.
pub(super) fn hold_faults(merge: &mut Merge, record: &Fields, policy: &ContactPolicy) -> Option<Reason> {
    if merge.to_crm.is_empty() {
        return None;
    }
    let mut after = record.clone();
    for (field, value) in &merge.to_crm {
        match value {
            Some(value) => drop(after.insert(*field, value.clone())),
            None => drop(after.remove(field)),
        }
    }
    let mut words = Vec::new();
    for fault in faults(&after, &policy.demands) {
        // What the CRM says already is its own affair.
        let Some(field) = field_named(&fault.field).filter(|field| merge.to_crm.contains_key(field)) else { continue };
        words.push((field, fault.to_string()));
    }
    for (field, _) in &words {
        merge.to_crm.remove(field);
        merge.losers.retain(|loser| loser.field != *field);
    }
    let words: Vec<String> = words.into_iter().map(|(_, words)| words).collect();
    (!words.is_empty()).then(|| Reason::new(ReasonCode::RejectedByCrm, words.join("; ")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::FieldChanges;
    use crate::model::contact::{ContactAddress, Place};

    fn text(text: &str) -> Value {
        Value::Text(text.to_owned())
    }

    fn card(shown: &str) -> Fields {
        [
            (Field::FileAs, text(shown)),
            (Field::GivenName, text("Clara")),
            (Field::FamilyName, text("Hofmann")),
            (Field::Prefix, text("Dr.")),
        ]
        .into()
    }

    fn renamed(card: &Fields, record: &Fields, to: &[(Field, Option<Value>)]) -> Option<Option<Value>> {
        let mut merge = Merge { to_groupware: to.iter().cloned().collect(), ..Merge::default() };
        rename(&mut merge, card, record);
        merge.to_groupware.get(&Field::FileAs).cloned()
    }

    #[test]
    fn r92_a_shown_name_that_is_made_of_its_parts_follows_them() {
        let married = [(Field::FamilyName, Some(text("Brandt")))];
        let none = Fields::new();
        assert_eq!(renamed(&card("Clara Hofmann"), &none, &married), Some(Some(text("Clara Brandt"))));
        assert_eq!(renamed(&card("Dr. Clara Hofmann"), &none, &married), Some(Some(text("Dr. Clara Brandt"))));
        assert_eq!(renamed(&card("Hofmann, Clara (Einkauf)"), &none, &married), None, "what somebody wrote stays");
        assert_eq!(renamed(&card("Clara Hofmann"), &card("Clara Hofmann"), &married), None, "the CRM says what is shown");
        assert_eq!(renamed(&card("Clara Hofmann"), &none, &[(Field::Role, Some(text("buyer")))]), None);
    }

    #[test]
    fn r91_what_the_crm_would_refuse_waits_and_the_rest_goes_on() {
        let address =
            |address: &str| ContactAddress { address: address.to_owned(), kind: "work".to_owned(), name: String::new(), preferred: false };
        let place = Place {
            kind: "work".to_owned(),
            postal_code: "123".to_owned(),
            locality: "Kiel".to_owned(),
            country: "DE".to_owned(),
            ..Place::default()
        };
        let changes: FieldChanges = [
            (Field::Emails, Value::addresses([address("a@b.example")])),
            (Field::Places, Value::places([place])),
            (Field::FamilyName, None),
        ]
        .into();
        let mut merge = Merge { to_crm: changes, ..Merge::default() };
        let reason = hold_faults(&mut merge, &card("x"), &ContactPolicy::default()).unwrap();
        assert_eq!(merge.to_crm.keys().copied().collect::<Vec<_>>(), [Field::Emails]);
        assert!(reason.detail.contains("familyName") && reason.detail.contains("123"), "{}", reason.detail);
        assert_eq!(hold_faults(&mut merge, &card("x"), &ContactPolicy::default()), None);
    }
}
