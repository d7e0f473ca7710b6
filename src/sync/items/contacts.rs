//! What is particular to contacts in the decision of one item: names that are shown, and what the CRM would refuse.

use super::merge::Merge;
use crate::crm::contract::field_named;
use crate::model::{Field, Fields, Reason, ReasonCode, Value};
use crate::sync::contacts::{ContactPolicy, faults};

/// Parts of a name in the order in which they are shown.
const FULL: [Field; 5] = [Field::Prefix, Field::GivenName, Field::MiddleName, Field::FamilyName, Field::Suffix];
const SHORT: [Field; 2] = [Field::GivenName, Field::FamilyName];

/// A card must show a name (RFC 6350 §6.2.1), and the CRM need not say one. One that is nothing but the parts of the name is not carried
/// into the CRM, and follows the parts when the CRM changes them: else the phone would show the old name for ever.
pub(super) fn rename(merge: &mut Merge, card: &Fields, record: &Fields) {
    if record.contains_key(&Field::FileAs) || merge.to_groupware.contains_key(&Field::FileAs) {
        return;
    }
    let Some((shown, parts)) = derived(card) else { return };
    if merge.to_crm.get(&Field::FileAs) == Some(&Some(Value::Text(shown.to_owned()))) {
        merge.to_crm.remove(&Field::FileAs);
        merge.agreed.insert(Field::FileAs);
    }
    let mut after = card.clone();
    for (field, value) in &merge.to_groupware {
        match value {
            Some(value) => drop(after.insert(*field, value.clone())),
            None => drop(after.remove(field)),
        }
    }
    let now = joined(&after, parts);
    if now != shown && !now.is_empty() {
        merge.to_groupware.insert(Field::FileAs, Some(Value::Text(now)));
    }
}

/// What a card shows, and which parts it is made of, where it is made of them.
fn derived(card: &Fields) -> Option<(&str, &'static [Field])> {
    let Some(Value::Text(shown)) = card.get(&Field::FileAs) else { return None };
    let forms: [&[Field]; 3] = [&SHORT, &FULL, &[Field::Company]];
    forms.into_iter().find(|parts| joined(card, parts) == *shown).map(|parts| (shown.as_str(), parts))
}

/// A new contact without a shown name that is nothing but the parts of its name.
pub(super) fn without_derived(mut fields: Fields) -> Fields {
    if derived(&fields).is_some() {
        fields.remove(&Field::FileAs);
    }
    fields
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

    #[allow(clippy::option_option, reason = "the outer one is absence of a change")]
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
