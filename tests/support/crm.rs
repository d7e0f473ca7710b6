//! The sandbox CRM, in this process: what it holds can be looked at without trusting the program under test.

use std::sync::Arc;

use crmsync::crm::contract::LimitsDocument;
use crmsync::sandbox::crm::{Contact, Directory, Employee, Partner, RunningCrm, SandboxCrm as Sandbox, SandboxCrmOptions};
use tokio::runtime::Runtime;

/// A running CRM, signed in as one employee. Its clones are the same CRM.
#[derive(Clone)]
pub struct SandboxCrm {
    inner: Arc<Inner>,
    employee: &'static str,
}

struct Inner {
    running: RunningCrm,
    runtime: Runtime,
}

/// An activity as the CRM holds it.
#[derive(Debug, Clone)]
pub struct Activity {
    /// Message-ID, empty when there is none.
    pub message_id: String,
    /// Activity type.
    pub activity_type: String,
    /// Status key.
    pub status: String,
    /// Names of the records it is linked to.
    pub linked: Vec<String>,
    /// How many employees imported it.
    pub employees: usize,
    /// The original bytes.
    pub raw: Vec<u8>,
}

impl SandboxCrm {
    /// A CRM of its own, on a free port: Anna and Bert of firma.example, the customer Kunde AG with one contact person.
    pub fn start() -> Self {
        Self::with_batches_of(150)
    }

    /// The same, taking so many mails in a batch.
    pub fn with_batches_of(max_items: usize) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let limits = LimitsDocument { max_items, ..SandboxCrmOptions::default().limits };
        let options = SandboxCrmOptions { directory: directory(), limits, ..SandboxCrmOptions::default() };
        let running = runtime.block_on(Sandbox::start(options)).unwrap();
        Self { inner: Arc::new(Inner { running, runtime }), employee: "anna" }
    }

    /// The same CRM for another employee, by id.
    pub fn as_employee(&self, employee: &'static str) -> Self {
        Self { inner: Arc::clone(&self.inner), employee }
    }

    /// Base address.
    pub fn url(&self) -> &str {
        &self.inner.running.url
    }

    /// The employee's token.
    pub fn token(&self) -> String {
        format!("token-of-{}", self.employee)
    }

    /// Every activity, oldest first.
    pub fn activities(&self) -> Vec<Activity> {
        let stored = self.inner.running.activities().unwrap();
        stored
            .into_iter()
            .map(|activity| Activity {
                raw: self.inner.running.raw(&activity).unwrap(),
                message_id: activity.message_id.unwrap_or_default(),
                activity_type: activity.activity_type,
                status: activity.status,
                linked: activity.linked.into_iter().map(|record| record.name).collect(),
                employees: activity.owners.len(),
            })
            .collect()
    }

    /// The CRM itself, where its users look at records and change them.
    pub fn running(&self) -> &RunningCrm {
        &self.inner.running
    }

    /// Batches posted so far.
    pub fn batches(&self) -> usize {
        self.inner.running.requests().iter().filter(|request| *request == "POST /v1/mail-imports").count()
    }

    /// Makes an address known, as that of a private person.
    pub fn add_contact(&self, name: &str, address: &str) {
        self.inner.running.change_directory(|directory| {
            let id = format!("CP{}", directory.contacts.len());
            directory.contacts.push(Contact { id, name: name.to_owned(), partner: None, addresses: vec![address.to_owned()] });
        });
    }

    /// "Groupware password locked" on the employee's record.
    pub fn password_locked(&self) -> bool {
        self.inner.running.is_locked(self.employee).unwrap()
    }
}

fn directory() -> Directory {
    let employee = |id: &str, name: &str| Employee {
        id: id.to_owned(),
        name: name.to_owned(),
        token: format!("token-of-{id}"),
        addresses: vec![format!("{id}@firma.example")],
        auto_sync: true,
        interactive: true,
    };
    Directory {
        employees: vec![employee("anna", "Anna"), employee("bert", "Bert")],
        internal_domains: vec!["firma.example".to_owned()],
        contacts: vec![Contact {
            id: "CP1".to_owned(),
            name: "Karl Kunde".to_owned(),
            partner: Some("BP1".to_owned()),
            addresses: vec!["kontakt@kunde.example".to_owned()],
        }],
        partners: vec![Partner {
            id: "BP1".to_owned(),
            name: "Kunde AG".to_owned(),
            domains: vec!["kunde.example".to_owned()],
            folder: "Kunde AG".to_owned(),
        }],
    }
}
