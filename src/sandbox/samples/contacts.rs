//! Cards of Anna's own address book, for the demo and for tests.

use super::USER;
use crate::sandbox::dav::Handle;

/// Name of each card with its text.
const CARDS: &[(&str, &str)] = &[
    // To be imported: the mail domain says under whom.
    (
        "nora-neumann.vcf",
        "UID:nora-neumann@nordwind.example\nN:Neumann;Nora;;;\nFN:Nora Neumann\nORG:Solaris Technik AG\nTITLE:Projektleitung\n\
         EMAIL;TYPE=WORK:nora.neumann@solaris-technik.example\nTEL;TYPE=CELL:+49 171 5550199\nCATEGORIES:CRMcorner\n",
    ),
    // Certainly in the CRM already: the mail address is the same.
    (
        "clara.vcf",
        "UID:clara-private@nordwind.example\nN:Hofmann;Clara;;;\nFN:Clara Hofmann\nEMAIL;TYPE=WORK:clara.hofmann@solaris-technik.example\n\
         CATEGORIES:CRMcorner\n",
    ),
    // Nobody's business: without the category it is never read into the CRM.
    ("mum.vcf", "UID:mum@nordwind.example\nN:Berger;Marianne;;;\nFN:Mama\nTEL;TYPE=HOME:+49 40 5550 999\n"),
];

/// Puts every card into Anna's address book.
pub fn populate(dav: &Handle) {
    for (name, text) in CARDS {
        let card = format!("BEGIN:VCARD\nVERSION:3.0\n{text}END:VCARD\n").replace('\n', "\r\n");
        dav.put(USER, "contacts", name, &card);
    }
}
