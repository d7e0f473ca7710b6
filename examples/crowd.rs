//! The sandbox CRM with many contacts of its employee, for `benches/run contacts`: `crowd PORT TOKEN FOLDER CONTACTS PICTURES`.
#![allow(clippy::print_stdout, clippy::indexing_slicing, reason = "a program for measurements")]

use std::path::PathBuf;

use crmsync::model::contact::{ContactAddress, Phone, Place};
use crmsync::model::{Field, Fields, Value};
use crmsync::sandbox::crm::{SandboxCrm, SandboxCrmOptions};

const GIVEN: [&str; 8] = ["Anna", "Björn", "Clara", "Dörte", "Emil", "Fatma", "Günther", "Hanna"];
const FAMILY: [&str; 9] = ["Müller", "Öztürk", "Schmidt", "van den Berg", "Groß", "Novák", "Hofmann", "Weiß", "Lang"];

fn fields(number: usize) -> Fields {
    let text = |text: String| Some(Value::Text(text));
    let (given, family) = (GIVEN[number % GIVEN.len()], FAMILY[number / 3 % FAMILY.len()]);
    let address =
        ContactAddress { address: format!("kontakt{number}@kunde.example"), kind: "work".into(), name: String::new(), preferred: true };
    let phone = |kind: &str, number: String| Phone { kind: kind.into(), number, preferred: false };
    let place = Place {
        kind: "work".into(),
        street: format!("Hauptstraße {number}"),
        postal_code: format!("{:05}", 10_000 + number % 80_000),
        locality: "Kiel".into(),
        country: "DE".into(),
        ..Place::default()
    };
    let fields = [
        (Field::GivenName, text(given.into())),
        (Field::FamilyName, text(format!("{family}-{number:05}"))),
        (Field::JobTitle, text("Leitung Einkauf".into())),
        (Field::Company, text(format!("Kunde {} GmbH", number / 4))),
        (Field::Emails, Value::addresses([address])),
        (Field::Phones, Value::phones([phone("work", format!("+49 431 {number:06}")), phone("mobile", format!("+49 170 {number:07}"))])),
        (Field::Places, Value::places([place])),
    ];
    fields.into_iter().filter_map(|(field, value)| Some((field, value?))).collect()
}

/// About 20 kB, no two the same.
fn picture(number: usize) -> Vec<u8> {
    let mut bytes = b"GIF89a".to_vec();
    let mut state = number as u64 + 1;
    while bytes.len() < 20_000 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bytes.extend(state.to_be_bytes());
    }
    bytes
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [port, token, folder, contacts, pictures] = arguments.as_slice() else {
        return Err("crowd PORT TOKEN FOLDER CONTACTS PICTURES".into());
    };
    let options = SandboxCrmOptions {
        dir: Some(PathBuf::from(folder)),
        port: port.parse()?,
        token: Some(token.clone()),
        ..SandboxCrmOptions::default()
    };
    let employee = options.directory.employees.first().map(|employee| employee.id.clone()).ok_or("nobody is in the CRM")?;
    let crm = SandboxCrm::start(options).await?;
    let (contacts, pictures): (usize, usize) = (contacts.parse()?, pictures.parse()?);
    for number in 0..contacts {
        let contact = crm.add_contact(Some("BP1"), Some(&employee), fields(number))?;
        if number < pictures {
            crm.put_contact_photo(&contact.id, Some(&picture(number)))?;
        }
    }
    println!("ready");
    tokio::signal::ctrl_c().await?;
    crm.shutdown().await;
    Ok(())
}
