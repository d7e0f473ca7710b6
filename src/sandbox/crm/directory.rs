//! Who is in the CRM: employees, contact persons, business partners.

/// Everyone the CRM knows.
#[derive(Debug, Clone, Default)]
pub struct Directory {
    /// Employees, who sign in by their tokens.
    pub employees: Vec<Employee>,
    /// Domains of the organisation itself.
    pub internal_domains: Vec<String>,
    /// Contact persons, private ones among them.
    pub contacts: Vec<Contact>,
    /// Business partners.
    pub partners: Vec<Partner>,
}

/// An employee.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Employee {
    /// Id, and user name for basic authentication.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Bearer token, and password for basic authentication.
    pub token: String,
    /// Own addresses.
    pub addresses: Vec<String>,
    /// Automatic synchronisation is on (R58).
    pub auto_sync: bool,
    /// Interactive use is allowed (R62).
    pub interactive: bool,
}

/// A contact person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// Id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Id of the business partner; `None` for a private person.
    pub partner: Option<String>,
    /// Addresses, the default one first.
    pub addresses: Vec<String>,
}

/// A business partner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Id.
    pub id: String,
    /// Name for people.
    pub name: String,
    /// Mail domains.
    pub domains: Vec<String>,
    /// Folder below the web folder (R37).
    pub folder: String,
}

impl Directory {
    /// Whether an address belongs to an employee or to the organisation.
    #[must_use]
    pub fn is_internal(&self, address: &str) -> bool {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        self.employees.iter().flat_map(|employee| &employee.addresses).any(|own| own.eq_ignore_ascii_case(address))
            || self.internal_domains.iter().any(|own| own.eq_ignore_ascii_case(domain))
    }

    /// Contact persons with this address.
    pub fn contacts_of<'a>(&'a self, address: &'a str) -> impl Iterator<Item = &'a Contact> {
        self.contacts.iter().filter(move |contact| contact.addresses.iter().any(|own| own.eq_ignore_ascii_case(address)))
    }

    /// The business partner with this id.
    #[must_use]
    pub fn partner(&self, id: &str) -> Option<&Partner> {
        self.partners.iter().find(|partner| partner.id == id)
    }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|&text| text.to_owned()).collect()
}

/// The invented organisation of the demo, "Nordwind", with its customers.
#[must_use]
pub fn sample_directory() -> Directory {
    let employee = |id: &str, name: &str, addresses: &[&str]| Employee {
        id: id.to_owned(),
        name: name.to_owned(),
        token: id.to_owned(),
        addresses: texts(addresses),
        auto_sync: true,
        interactive: true,
    };
    let partner = |id: &str, name: &str, domains: &[&str], folder: &str| Partner {
        id: id.to_owned(),
        name: name.to_owned(),
        domains: texts(domains),
        folder: folder.to_owned(),
    };
    let contact = |id: &str, name: &str, partner: Option<&str>, addresses: &[&str]| Contact {
        id: id.to_owned(),
        name: name.to_owned(),
        partner: partner.map(str::to_owned),
        addresses: texts(addresses),
    };
    Directory {
        employees: vec![
            employee("anna", "Anna Berger", &["anna.berger@nordwind.example"]),
            employee("ben", "Ben Vogt", &["ben.vogt@nordwind.example", "b.vogt@nordwind.example"]),
            employee("carla", "Carla Nowak", &["carla.nowak@nordwind.example"]),
        ],
        internal_domains: texts(&["nordwind.example"]),
        partners: vec![
            partner("BP1001", "Solaris Technik AG", &["solaris-technik.example"], "Solaris Technik AG"),
            partner("BP1002", "Müller & Söhne KG", &["mueller-soehne.example"], "Müller & Söhne KG"),
            partner("BP1003", "Van Dijk Logistics B.V.", &["vandijk.example"], "Van Dijk Logistics"),
            partner("BP1004", "Atelier Bleu SARL", &["atelier-bleu.example"], "Atelier Bleu"),
            partner("BP1005", "Hafen Energie GmbH", &["hafen-energie.example"], "Hafen Energie"),
            partner("BP1006", "Konzern Holding SE", &["konzern.example"], "Konzern Holding"),
            partner("BP1007", "Konzern Vertrieb GmbH", &["konzern.example"], "Konzern Vertrieb"),
            partner("BP1008", "Brückner Maschinenbau GmbH", &["brueckner-mb.example", "brueckner.example"], "Brückner Maschinenbau"),
        ],
        contacts: vec![
            contact(
                "CP2001",
                "Clara Hofmann",
                Some("BP1001"),
                &["clara.hofmann@solaris-technik.example", "c.hofmann@solaris-technik.example"],
            ),
            contact("CP2002", "Dirk Lang", Some("BP1001"), &["d.lang@solaris-technik.example", "dirk.lang@solaris-technik.example"]),
            contact("CP2003", "Jürgen Müller", Some("BP1002"), &["juergen.mueller@mueller-soehne.example"]),
            contact("CP2004", "Heike Müller", Some("BP1002"), &["heike.mueller@mueller-soehne.example", "buero@mueller-soehne.example"]),
            contact("CP2005", "Sanne van Dijk", Some("BP1003"), &["sanne@vandijk.example", "s.vandijk@vandijk.example"]),
            contact("CP2006", "Joost Bakker", Some("BP1003"), &["joost@vandijk.example"]),
            contact("CP2007", "Élodie Marchand", Some("BP1004"), &["elodie@atelier-bleu.example"]),
            contact("CP2008", "Bastien Roy", Some("BP1004"), &["bastien@atelier-bleu.example"]),
            contact("CP2009", "Emil Kraus", None, &["emil.kraus@gmx.example"]),
            contact("CP2010", "Petra Konrad", Some("BP1006"), &["petra.konrad@konzern.example"]),
            contact("CP2011", "Uwe Hahn", Some("BP1007"), &["uwe.hahn@konzern.example"]),
            contact("CP2012", "Tobias Brückner", Some("BP1008"), &["t.brueckner@brueckner-mb.example", "tobias@brueckner.example"]),
            contact("CP2013", "Irina Sokolova", Some("BP1008"), &["i.sokolova@brueckner-mb.example"]),
            contact("CP2014", "Lotte Janssen", None, &["lotte.janssen@posteo.example", "lotte@janssen.example"]),
            contact("CP2015", "Marek Wójcik", Some("BP1003"), &["marek@vandijk.example"]),
        ],
    }
}
