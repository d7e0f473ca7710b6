//! What an activity can be linked to (R32): pure.

use crate::crm::contract::LinkedRecord;
use crate::sandbox::crm::directory::Directory;

const INQUIRIES: [(&str, &str); 3] =
    [("IN5001", "Wechselrichter für drei Hallen"), ("IN5002", "Wartungsvertrag Hafen"), ("IN5003", "Sonderlackierung Bleu")];

const PROJECTS: [(&str, &str); 3] = [("PR4001", "Dachanlage Hamburg"), ("PR4002", "Umzug Rotterdam"), ("PR4003", "Neue Fräse Brückner")];

/// Records for a main link whose name or id contains `text`, by name.
pub(super) fn records(directory: &Directory, link: &str, text: &str, limit: usize) -> Vec<LinkedRecord> {
    let record = |kind: &str, id: &str, name: &str| LinkedRecord { kind: kind.to_owned(), id: id.to_owned(), name: name.to_owned() };
    let fixed = |kind: &str, list: &[(&str, &str)]| list.iter().map(|(id, name)| record(kind, id, name)).collect();
    let mut found: Vec<LinkedRecord> = match link {
        "delegated-to" => directory.employees.iter().map(|employee| record("employee", &employee.id, &employee.name)).collect(),
        "activity-with" => {
            let contacts = directory.contacts.iter().map(|contact| record("contact", &contact.id, &contact.name));
            contacts.chain(directory.partners.iter().map(|partner| record("business-partner", &partner.id, &partner.name))).collect()
        }
        "main-inquiry" => fixed("inquiry", &INQUIRIES),
        "main-project" => fixed("project", &PROJECTS),
        _ => Vec::new(),
    };
    let text = text.to_lowercase();
    found.retain(|record| record.name.to_lowercase().contains(&text) || record.id.to_lowercase().contains(&text));
    found.sort_by(|one, other| (&one.name, &one.id).cmp(&(&other.name, &other.id)));
    found.truncate(limit);
    found
}
