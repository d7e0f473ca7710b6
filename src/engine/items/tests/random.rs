//! Random edits on both sides, with answers that get lost and items that change while they are written. When it is quiet again, both
//! sides say the same, nothing is lost, nothing is doubled, and a further run writes nothing.

use super::*;
use crate::model::FieldChanges;

/// A small generator of its own, so that a seed means the same for ever.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % bound
    }

    fn change(&mut self, mark: u64) -> FieldChanges {
        let field = [Field::Subject, Field::Location, Field::Url, Field::Priority][usize::try_from(self.below(4)).unwrap()];
        let value = match field {
            Field::Priority => Some(Value::Number(i64::try_from(self.below(9)).unwrap() + 1)),
            _ => Some(text(&format!("{mark}"))),
        };
        [(field, value)].into()
    }
}

fn storm(seed: u64) {
    let (store, crm, mut agent) = world();
    let mut other = Agent::new(&store, &crm);
    let mut dice = Dice(seed);
    let mut born = 0;
    let mut records: BTreeSet<String> = BTreeSet::new();
    for step in 0..40 {
        let items: Vec<String> = store.lock().items.keys().cloned().collect();
        let ids: Vec<String> = crm.lock().records.keys().cloned().collect();
        let mut pick = |from: &[String]| (!from.is_empty()).then(|| from[usize::try_from(dice.below(from.len() as u64)).unwrap()].clone());
        let (item, id) = (pick(&items), pick(&ids));
        match (dice.below(12), item, id) {
            (0, ..) => {
                born += 1;
                store.put(&format!("i{born}"), &format!("uid-{born}"), event(&format!("item {born}"), 1));
            }
            (1, ..) => {
                born += 1;
                crm.put(&format!("N{born}"), "APPOINTMENT", event(&format!("record {born}"), 2));
                records.insert(format!("N{born}"));
            }
            (2..=4, Some(item), _) => store.edit(&item, &dice.change(step)),
            (5..=7, _, Some(id)) => crm.edit(&id, &dice.change(step)),
            (8, ..) => store.lock().lose_answers = 1,
            (9, ..) => crm.lock().lose_answers = 1,
            (10, Some(item), _) => store.lock().race = Some((item, Field::Location, text(&format!("race {step}")))),
            _ => {
                let _ = agent.try_run();
                if dice.below(4) == 0 {
                    let _ = other.try_run();
                }
            }
        }
    }
    store.lock().lose_answers = 0;
    store.lock().race = None;
    crm.lock().lose_answers = 0;
    for _ in 0..3 {
        agent.later(TimeDelta::days(1));
        agent.run();
        other.later(TimeDelta::days(1));
        other.run();
    }
    agent.converge();
    other.converge();
    let items: Vec<_> = store.lock().items.values().map(|(_, item)| item.clone()).collect();
    let views: Vec<_> = crm.lock().records.values().cloned().collect();
    assert_eq!((items.len(), views.len()), (born, born), "seed {seed}: nothing is lost, nothing is doubled");
    for view in views {
        let item = items.iter().find(|item| Some(&item.uid) == view.uid.as_ref()).unwrap_or_else(|| panic!("seed {seed}: {view:?}"));
        let mut fields = item.parts[0].fields.clone();
        fields.remove(&Field::ShowAs);
        assert_eq!(fields, view.fields, "seed {seed}");
    }
    assert!(agent.parked().is_empty() && agent.journal.intents(&account()).unwrap().is_empty(), "seed {seed}: {:?}", agent.parked());
}

#[test]
fn both_sides_converge_whatever_happens() {
    let seeds = std::env::var("CRMSYNC_SEEDS").ok().and_then(|count| count.parse().ok()).unwrap_or(60);
    for seed in 0..seeds {
        storm(seed);
    }
}
