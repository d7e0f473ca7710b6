//! The duplicate check of n cards against n contacts: how long it takes and how much memory it needs, for n = 1,000, 10,000, 100,000,
//! or those given. Each n runs in a process of its own, so that memory is that of n alone.
//!
//! `cargo run --release --example duplicates [n …]`
#![allow(clippy::print_stdout, clippy::unwrap_used, clippy::indexing_slicing, reason = "a measurement, not a part of the product")]

use std::time::Instant;

use crmsync::model::contact::{ContactAddress, Phone, Place};
use crmsync::model::dialling::Country;
use crmsync::model::{Field, Fields, Value};
use crmsync::sync::contacts::{DuplicateIndex, Likeness};

const GIVEN: [&str; 24] = [
    "Clara", "Jürgen", "Heike", "Sanne", "Élodie", "Emil", "Petra", "Uwe", "Tobias", "Irina", "Lotte", "Marek", "Anna", "Ben", "Carla",
    "Dirk", "Eva", "Frank", "Greta", "Hans", "Ida", "Jonas", "Katja", "Lars",
];
const FAMILY: [&str; 24] = [
    "Müller",
    "Schmidt",
    "Hofmann",
    "van Dijk",
    "Marchand",
    "Kraus",
    "Konrad",
    "Hahn",
    "Brückner",
    "Sokolova",
    "Janssen",
    "Wójcik",
    "Lang",
    "Bakker",
    "Roy",
    "Berger",
    "Vogt",
    "Nowak",
    "Weiß",
    "Schäfer",
    "Koch",
    "Richter",
    "Klein",
    "Wolf",
];

/// The contact with a number. Names repeat as in real life: the commonest ones many times, most seldom.
fn contact(number: usize, card: bool) -> Fields {
    let spread = number.wrapping_mul(2_654_435_761) >> 7;
    let given = GIVEN[spread / 120 % GIVEN.len()];
    let family = format!(
        "{}{}",
        FAMILY[spread % FAMILY.len()],
        ["", "-Nord", "mann", "son", "hagen"][spread / 24 % 5].to_owned() + ["", "-Berg", "-Tal", "-Feld", "-Bach"][spread / 2880 % 5]
    );
    let firm = format!("Firma {} GmbH", number / 7);
    let text = |text: &str| Value::Text(text.to_owned());
    // Of four cards one has the address of a contact, one the mobile number, one the name alone, one nothing.
    let kind = if card { number % 4 } else { 0 };
    let address =
        if kind == 0 { format!("p{number}@firma{}.example", number / 7) } else { format!("card{number}@elsewhere{number}.example") };
    let mobile = if kind < 2 { format!("0171 {number:07}") } else { format!("0160 {number:07}") };
    let mut fields = Fields::from([(Field::GivenName, text(given)), (Field::FamilyName, text(&family)), (Field::Company, text(&firm))]);
    let list = [ContactAddress { address, kind: "work".into(), name: String::new(), preferred: true }];
    fields.extend(Value::addresses(list).map(|value| (Field::Emails, value)));
    let phone = |kind: &str, number: String| Phone { kind: kind.into(), number, preferred: false };
    let phones = [phone("mobile", mobile), phone("work", format!("040 {:06}-0", number / 7))];
    fields.extend(Value::phones(phones).map(|value| (Field::Phones, value)));
    let street = format!("Hauptstraße {}", number / 7);
    let place = Place { kind: "work".into(), street, postal_code: "20457".into(), locality: "Hamburg".into(), ..Place::default() };
    fields.extend(Value::places([place]).map(|value| (Field::Places, value)));
    fields
}

/// Peak memory of this process in KiB, where the system tells it.
fn peak() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?.trim().trim_end_matches(" kB").parse().ok()
}

fn measure(count: usize) {
    let before = peak().unwrap_or(0);
    let home = Country::by_iso("DE");
    let begin = Instant::now();
    // One contact at a time: they come in pages from the CRM and are not kept.
    let index = DuplicateIndex::new(home, (0..count).map(|number| (format!("CP{number}"), contact(number, false))));
    let built = begin.elapsed();
    let mut found = [0usize; 3];
    let begin = Instant::now();
    for number in 0..count {
        found[match index.check(&contact(number, true), None).likeness {
            Likeness::Certain => 0,
            Likeness::Possible => 1,
            Likeness::None => 2,
        }] += 1;
    }
    let checked = begin.elapsed();
    #[allow(clippy::cast_precision_loss, reason = "for people")]
    let per_step = (built + checked).as_nanos() as f64 / (count as f64 * (count as f64).log2());
    println!(
        "{count:>7} × {count:<7} index {built:>8.1?}, check {checked:>8.1?}, {per_step:>5.0} ns per n·log2 n, {:>6} KiB more than the bare process; {found:?} certain, possible, none",
        peak().unwrap_or(0).saturating_sub(before)
    );
}

fn main() {
    let counts: Vec<usize> = std::env::args().skip(1).filter_map(|text| text.parse().ok()).collect();
    match counts.as_slice() {
        [one] => measure(*one),
        several => {
            let all = if several.is_empty() { &[1_000, 10_000, 100_000][..] } else { several };
            for count in all {
                let status = std::process::Command::new(std::env::current_exe().unwrap()).arg(count.to_string()).status().unwrap();
                assert!(status.success(), "{count}");
            }
        }
    }
}
