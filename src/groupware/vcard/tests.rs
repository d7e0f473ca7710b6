//! The mapping as a whole: corpus, built cards before other judges, random changes, hostile input.

mod corpus;
mod judges;
mod random;

use crate::groupware::{CrmLink, Draft, DraftPart};
use crate::model::contact::{ContactAddress, Handle, PHONE_KINDS, PartialDate, Phone, Photo, Place};
use crate::model::{Area, Digest, Field, Fields, Note, Value};

/// A contact of which every field says something.
fn full() -> Fields {
    let own = str::to_owned;
    let text = |text: &str| Value::Text(own(text));
    let place = Place {
        kind: own("work"),
        street: own("Königstraße 1\nHinterhaus; links"),
        post_box: own("PF 12"),
        postal_code: own("70173"),
        locality: own("Stuttgart"),
        region: own("Baden-Württemberg"),
        country: own("DE"),
    };
    let address = |address: &str, kind: &str, name: &str, preferred| ContactAddress {
        address: own(address),
        kind: own(kind),
        name: own(name),
        preferred,
    };
    let phone = |(at, kind): (usize, &&str)| Phone { kind: own(kind), number: format!("+49 711 {at}"), preferred: at == 2 };
    let picture: Vec<u8> = [b"GIF89a".to_vec(), (0..255).collect()].concat();
    let photo = Photo { digest: Digest::of(&picture), media_type: own("image/gif"), bytes: Some(picture.into()) };
    let lists = [
        (
            Field::Emails,
            Value::addresses([
                address("jane@nordwind.example", "work", "Doe, Jane", true),
                address("j@home.example", "home", "", false),
                address("x@y.example", "other", "", false),
            ]),
        ),
        (Field::Phones, Value::phones(PHONE_KINDS.iter().enumerate().map(phone))),
        (
            Field::Messaging,
            Value::handles(
                [("xmpp", "jane@x.example"), ("skype", "jane.doe")]
                    .map(|(service, name)| Handle { service: own(service), name: own(name) }),
            ),
        ),
        (Field::Places, Value::places([place.clone(), Place { kind: own("home"), country: own("Atlantis"), ..place }])),
        (Field::Birthday, Value::partial_date(PartialDate { year: None, month: 4, day: 15 })),
        (Field::Anniversary, Value::partial_date(PartialDate { year: Some(2009), month: 8, day: 8 })),
    ];
    let mut fields: Fields = lists.into_iter().filter_map(|(field, value)| Some((field, value?))).collect();
    fields.extend([
        (Field::Prefix, text("Dr.")),
        (Field::GivenName, text("Jané")),
        (Field::MiddleName, text("Q., R.")),
        (Field::FamilyName, text("Doe; Smith")),
        (Field::Suffix, text("MBA, jun.")),
        (Field::PhoneticGivenName, text("Dschein")),
        (Field::PhoneticFamilyName, text("Doh")),
        (Field::FileAs, text("Doe, Jané")),
        (Field::Company, text("Nordwind GmbH; Co")),
        (Field::Department, text("Einkauf; Süd")),
        (Field::JobTitle, text("Head, purchasing")),
        (Field::Role, text("decides")),
        (Field::Url, text("https://nordwind.example/a?b=c,d;e")),
        (Field::Categories, Value::Words(["CRMcorner".to_owned(), "a, b".to_owned()].into())),
        (Field::Private, Value::Flag(true)),
        (
            Field::Note,
            Value::Note(Note {
                text: own("Zeile 1\n\nZeile 2, lang genug, um gefaltet zu werden: äöü äöü äöü äöü äöü äöü"), html: None
            }),
        ),
        (Field::Photo, Value::Photo(photo)),
    ]);
    fields
}

fn draft(fields: Fields) -> Draft {
    let link = CrmLink { record: "4711".to_owned(), url: Some("https://crm.example.org/4711".to_owned()), lines: vec![] };
    let part = DraftPart { recurrence_id: None, fields, link: Some(link) };
    let uid = "5f5ec94f-7ea9-5c4f-9b1c-0123456789ab".to_owned();
    Draft { create_id: uid.clone(), uid, area: Area::Contacts, parts: vec![part] }
}
