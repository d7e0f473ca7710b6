//! The arguments of `contacts`.

use clap::{Args, Subcommand};

use super::OneAccount;

/// Arguments of `contacts`.
#[derive(Debug, Args)]
pub struct Contacts {
    /// What to do with them
    #[command(subcommand)]
    pub action: ContactsAction,
}

/// What to do with contacts.
#[derive(Debug, Subcommand)]
pub enum ContactsAction {
    /// Contacts of the CRM, and whether each is in the address book and why
    List(ContactsList),
    /// Choose contacts of the CRM for the address book
    Export(ContactsExport),
    /// Import cards that bear the category
    Import(ContactsImport),
    /// Switch contacts on: they become cards and are kept the same
    Link(ContactsLink),
    /// Switch contacts off: their cards go, the contacts stay in the CRM
    Unlink(ContactsUnlink),
    /// Look for cards with the category whom the CRM may know already
    Duplicates(OneAccount),
}

/// Arguments of `contacts list`.
#[derive(Debug, Args)]
pub struct ContactsList {
    /// Of which a name, a company or an address contains this [default: those you own, and those with a card]
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
}

/// Arguments of `contacts export`.
#[derive(Debug, Args)]
pub struct ContactsExport {
    /// Of which a name, a company or an address contains this
    #[arg(long, value_name = "TEXT")]
    pub search: Option<String>,
    /// Put this contact into the address book; several with several uses; "all" for all that were found
    #[arg(long, value_name = "ID")]
    pub select: Vec<String>,
    /// Take this contact out of the address book; several with several uses
    #[arg(long, value_name = "ID")]
    pub deselect: Vec<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `contacts import`.
#[derive(Debug, Args)]
pub struct ContactsImport {
    /// Import the card with this UID; several with several uses; "all" for all that have a business partner and no certain duplicate
    #[arg(long, value_name = "UID")]
    pub select: Vec<String>,
    /// Business partner by its id, for every card or for one (UID=ID); what is prefilled counts without it
    #[arg(long, value_name = "[UID=]ID")]
    pub partner: Vec<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `contacts link`.
#[derive(Debug, Args)]
pub struct ContactsLink {
    /// Ids of contacts
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    /// Link this card, by its UID, to the one contact instead of making another
    #[arg(long, value_name = "UID")]
    pub card: Option<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `contacts unlink`.
#[derive(Debug, Args)]
pub struct ContactsUnlink {
    /// Ids of contacts
    #[arg(required = true, value_name = "ID")]
    pub ids: Vec<String>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Do not ask
    #[arg(long)]
    pub yes: bool,
}
