//! Every command, argument and help text, defined once; completions and man pages are made from here.

mod contacts;

use std::path::PathBuf;

use clap::{ArgAction, Args, Parser, Subcommand, ValueEnum};

use crate::model::Area;

pub(super) use contacts::{Contacts, ContactsAction, ContactsExport, ContactsImport, ContactsLink, ContactsList, ContactsUnlink};

/// Keeps a CRM and a groupware account the same: imports mails, files them under the right people, marks or archives them.
#[derive(Debug, Parser)]
#[command(name = "crmsync", version, propagate_version = true, max_term_width = 110)]
pub struct Arguments {
    /// Arguments of every command.
    #[command(flatten)]
    pub global: Global,
    /// The command.
    #[command(subcommand)]
    pub command: Command,
}

/// Arguments of every command.
#[derive(Debug, Clone, Args)]
pub struct Global {
    /// Configuration file [default: the user's configuration folder, crmsync/config.toml]
    #[arg(long, global = true, value_name = "FILE", env = "CRMSYNC_CONFIG")]
    pub config: Option<PathBuf>,
    /// Folder of the journal and of large mails on their way [default: the user's data folder, crmsync]
    #[arg(long, global = true, value_name = "DIR", env = "CRMSYNC_DATA_DIR")]
    pub data_dir: Option<PathBuf>,
    /// Answer with one JSON object on standard output
    #[arg(long, global = true)]
    pub json: bool,
    /// Tell more on standard error; twice for debugging
    #[arg(short, long, global = true, action = ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show it working: a sandbox CRM and mailbox on this computer, sample mails, one import
    Demo(Demo),
    /// Set up an account: asks for what is missing, tries it, writes the configuration file
    Setup(Box<Setup>),
    /// Sign in by OAuth 2 (Microsoft 365, Google and others), in a browser or by a code on another device
    SignIn(SignInArguments),
    /// Forget a sign-in, and give it back where the provider takes it
    SignOut(OneAccount),
    /// Try the mailbox server and the CRM, and say what each can do and what follows
    Doctor(OneAccount),
    /// Synchronise now
    Sync(Sync),
    /// Accounts, last runs, locks, and what waits
    Status,
    /// List imported activities: of the last run unless asked otherwise
    Imported(Imported),
    /// Items that wait: list them, try them again, or ignore their senders
    Parked(Parked),
    /// Why a mail, appointment or task was, or was not, synchronised
    Why(Why),
    /// Which appointment or task belongs to which record of the CRM
    Pairs(Pairs),
    /// Contacts: list them, choose which are cards of your address book, import cards, look for duplicates
    Contacts(Contacts),
    /// Send a single activity of the CRM to the groupware, or take it back
    Activity(Activity),
    /// What both sides changed at once: what lost, and what waits for your choice
    Conflicts(Conflicts),
    /// What was written where, with what stood there before
    History(History),
    /// Prove that nothing was lost
    Audit(Audit),
    /// Clear the lock that a rejected password has set
    Unlock(Unlock),
    /// Show, check or explain the configuration
    Config(Config),
    /// Look after the journal
    Journal(Journal),
    /// Print the `OpenAPI` document of the HTTP contract that a CRM implements
    Openapi,
    /// Print completions for a shell
    Completions(Completions),
    /// Print the manual page, or write all of them into a folder
    Man(Man),
    /// Start a sandbox server alone, for trying things out
    Sandbox(Sandbox),
}

/// Arguments of `demo`.
#[derive(Debug, Args)]
pub struct Demo {
    /// End after the import instead of keeping the CRM's page open
    #[arg(long)]
    pub once: bool,
    /// Port of the sandbox CRM's page [default: any free one]
    #[arg(long, default_value_t = 0, hide_default_value = true)]
    pub port: u16,
}

/// Arguments of `setup`. What is not given is asked for on a terminal.
#[derive(Debug, Args)]
pub struct Setup {
    /// Name of the account in the configuration
    #[arg(long, default_value = "work")]
    pub account: String,
    /// Your mail address; further ones with further uses
    #[arg(long, value_name = "ADDRESS")]
    pub address: Vec<String>,
    /// IMAP server
    #[arg(long, value_name = "HOST")]
    pub imap_host: Option<String>,
    /// IMAP port [default: 993 with tls, else 143]
    #[arg(long, value_name = "PORT")]
    pub imap_port: Option<u16>,
    /// Kind of connection: tls, starttls, or none (loopback only)
    #[arg(long, value_name = "KIND")]
    pub imap_security: Option<String>,
    /// Sign-in: password, xoauth2 or oauthbearer
    #[arg(long, value_name = "METHOD")]
    pub imap_auth: Option<String>,
    /// IMAP user name [default: the first address]
    #[arg(long, value_name = "NAME")]
    pub imap_user: Option<String>,
    /// Where the IMAP password is: keyring, env:NAME, or command:PROGRAM ARGUMENTS
    #[arg(long, value_name = "WHERE", conflicts_with = "oauth_provider")]
    pub imap_secret: Option<String>,
    /// Sign in by OAuth 2 instead of a password: microsoft, google or custom
    #[arg(long, value_name = "PROVIDER", value_parser = ["microsoft", "google", "custom"])]
    pub oauth_provider: Option<String>,
    /// Id under which crmsync is registered at the provider
    #[arg(long, value_name = "ID", requires = "oauth_provider")]
    pub oauth_client_id: Option<String>,
    /// Where the secret of that registration is, if there is one: keyring, env:NAME, or command:PROGRAM ARGUMENTS
    #[arg(long, value_name = "WHERE", requires = "oauth_provider")]
    pub oauth_client_secret: Option<String>,
    /// Microsoft: id or domain of the organisation [default: organizations]
    #[arg(long, value_name = "TENANT", requires = "oauth_provider")]
    pub oauth_tenant: Option<String>,
    /// Who signs in, for a shared mailbox [default: the IMAP user]
    #[arg(long, value_name = "NAME", requires = "oauth_provider")]
    pub oauth_user: Option<String>,
    /// What is asked for, with commas [default: what the provider wants]
    #[arg(long, value_name = "LIST", value_delimiter = ',', requires = "oauth_provider")]
    pub oauth_scopes: Vec<String>,
    /// custom: where the browser goes
    #[arg(long, value_name = "URL", requires = "oauth_provider")]
    pub oauth_authorization_url: Option<String>,
    /// custom: where tokens are issued
    #[arg(long, value_name = "URL", requires = "oauth_provider")]
    pub oauth_token_url: Option<String>,
    /// custom: where a code is had for signing in on another device
    #[arg(long, value_name = "URL", requires = "oauth_provider")]
    pub oauth_device_url: Option<String>,
    /// Certificate authorities of the organisation for the mailbox server, PEM
    #[arg(long, value_name = "FILE")]
    pub imap_ca_file: Option<PathBuf>,
    /// Server of calendar, tasks and contacts (CalDAV, CardDAV)
    #[arg(long, value_name = "URL")]
    pub dav_url: Option<String>,
    /// User name at the calendar server [default: that of IMAP]
    #[arg(long, value_name = "NAME")]
    pub dav_user: Option<String>,
    /// Where the password for the calendar server is [default: that of IMAP]
    #[arg(long, value_name = "WHERE")]
    pub dav_secret: Option<String>,
    /// Base address of the CRM
    #[arg(long, value_name = "URL")]
    pub crm_url: Option<String>,
    /// Sign-in at the CRM: bearer or basic
    #[arg(long, value_name = "METHOD")]
    pub crm_auth: Option<String>,
    /// User name at the CRM (basic)
    #[arg(long, value_name = "NAME")]
    pub crm_user: Option<String>,
    /// Where the CRM's token or password is: keyring, env:NAME, or command:PROGRAM ARGUMENTS
    #[arg(long, value_name = "WHERE")]
    pub crm_secret: Option<String>,
    /// Where secrets and tokens lie: keyring, or file (encrypted with a passphrase, beside the configuration)
    #[arg(long, value_name = "PLACE", value_parser = ["keyring", "file"])]
    pub secret_store: Option<String>,
    /// Where the passphrase of that file is: env:NAME or command:PROGRAM ARGUMENTS [default: it is asked for on a terminal]
    #[arg(long, value_name = "WHERE")]
    pub passphrase: Option<String>,
    /// How mails are selected: folder, category, inbox; several with commas
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub selectors: Vec<String>,
    /// Write the configuration without trying the servers
    #[arg(long)]
    pub no_check: bool,
}

/// Arguments of `sign-in`.
#[derive(Debug, Args)]
pub struct SignInArguments {
    /// The account; needed only where several sign in separately
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// By a code that is typed on another device
    #[arg(long, conflicts_with = "no_browser")]
    pub device: bool,
    /// Print the address instead of opening it
    #[arg(long)]
    pub no_browser: bool,
}

/// One account, or all.
#[derive(Debug, Args)]
pub struct OneAccount {
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
}

/// Arguments of `sync`.
#[derive(Debug, Args)]
pub struct Sync {
    /// Areas to synchronise, with commas [default: those of the settings]
    #[arg(long, value_delimiter = ',', value_name = "AREAS")]
    pub area: Vec<Area>,
    /// Only this account
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// Show what would be done, and write nothing anywhere
    #[arg(long)]
    pub dry_run: bool,
    /// Go on batch after batch without asking
    #[arg(long)]
    pub all: bool,
    /// Agree to the first writes to an account
    #[arg(long)]
    pub yes: bool,
}

/// Arguments of `imported`.
#[derive(Debug, Args)]
#[group(multiple = false)]
pub struct Imported {
    /// Of this run
    #[arg(long, value_name = "RUN")]
    pub run: Option<String>,
    /// Of today
    #[arg(long)]
    pub today: bool,
    /// Not assigned to anybody
    #[arg(long)]
    pub unassigned: bool,
    /// All of them
    #[arg(long)]
    pub all: bool,
}

/// Arguments of `parked`.
#[derive(Debug, Args)]
pub struct Parked {
    /// What to do with them
    #[command(subcommand)]
    pub action: Option<ParkedAction>,
}

/// What to do with parked items.
#[derive(Debug, Subcommand)]
pub enum ParkedAction {
    /// List them
    List,
    /// Try them again at the next run
    Retry {
        /// Ids as the list shows them; all when none is given
        ids: Vec<String>,
    },
    /// Do what waits for your word: a deletion, a cancellation, a change of many
    Confirm {
        /// Ids as the list shows them
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Do not do it; what waits stays as it was
    Refuse {
        /// Ids as the list shows them
        #[arg(required = true)]
        ids: Vec<String>,
    },
    /// Never import mail of an address (`a@b.example`) or domain (`b.example`) again
    Ignore {
        /// The address or domain
        who: String,
    },
}

/// Arguments of `why`.
#[derive(Debug, Args)]
pub struct Why {
    /// Message-ID, with or without angle brackets; or the UID of an appointment or task, or the id of a record
    pub what: String,
}

/// Arguments of `pairs`.
#[derive(Debug, Args)]
pub struct Pairs {
    /// What to do with them
    #[command(subcommand)]
    pub action: Option<PairsAction>,
}

/// What to do with pairs.
#[derive(Debug, Subcommand)]
pub enum PairsAction {
    /// List them
    List {
        /// Only this area
        #[arg(long)]
        area: Option<Area>,
    },
    /// Show one: what both sides last agreed on, and what each says now
    Show {
        /// UID, key or record
        what: String,
    },
    /// Part them: both sides stay as they are, and follow each other no longer
    Unlink {
        /// UID, key or record
        what: String,
    },
}

/// Arguments of `activity`.
#[derive(Debug, Args)]
pub struct Activity {
    /// What to do
    #[command(subcommand)]
    pub action: ActivityAction,
}

/// What to do with a single activity.
#[derive(Debug, Subcommand)]
pub enum ActivityAction {
    /// Send it to the groupware; from then on both follow each other
    Push {
        /// Id of the activity
        id: String,
        /// What it becomes there
        #[arg(long = "as", value_enum, value_name = "KIND")]
        kind: PushAs,
        /// Into the calendar of this account
        #[arg(long, value_name = "NAME")]
        account: Option<String>,
    },
    /// Remove its item from the groupware; the activity stays in the CRM
    Remove {
        /// UID, key or record
        what: String,
    },
}

/// What an activity becomes in the groupware.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum PushAs {
    /// An appointment
    Appointment,
    /// A task
    Task,
}

/// Arguments of `conflicts`.
#[derive(Debug, Args)]
pub struct Conflicts {
    /// What to do with them
    #[command(subcommand)]
    pub action: Option<ConflictsAction>,
}

/// What to do with conflicts.
#[derive(Debug, Subcommand)]
pub enum ConflictsAction {
    /// List them
    List,
    /// Choose whose value holds
    Resolve {
        /// UID, key or record
        what: String,
        /// Whose value holds
        #[arg(long, value_enum)]
        keep: SideArgument,
        /// Only this field; several with several uses
        #[arg(long, value_name = "FIELD")]
        field: Vec<String>,
    },
}

/// One of the two sides.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum SideArgument {
    /// The CRM
    Crm,
    /// The groupware
    Groupware,
}

/// Arguments of `history`.
#[derive(Debug, Args)]
pub struct History {
    /// At most so many entries, newest first
    #[arg(long, default_value_t = 100)]
    pub limit: usize,
}

/// Arguments of `audit`.
#[derive(Debug, Args)]
pub struct Audit {
    /// What to prove
    #[arg(value_enum, default_value_t = AuditWhat::Mail)]
    pub what: AuditWhat,
}

/// What an audit covers.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub enum AuditWhat {
    /// Every imported mail is in the CRM
    Mail,
}

/// Arguments of `unlock`.
#[derive(Debug, Args)]
pub struct Unlock {
    /// The account; the only locked one when not given
    pub account: Option<String>,
}

/// Arguments of `config`.
#[derive(Debug, Args)]
pub struct Config {
    /// What to do
    #[command(subcommand)]
    pub action: ConfigAction,
}

/// What to do with the configuration.
#[derive(Debug, Clone, Copy, Subcommand)]
pub enum ConfigAction {
    /// Print a commented example
    Example,
    /// Name every fault with file, line and key
    Check,
    /// Print every effective value with its origin
    Show {
        /// Without asking the CRM for its settings
        #[arg(long)]
        offline: bool,
    },
    /// Print where the files are
    Path,
}

/// Arguments of `journal`.
#[derive(Debug, Args)]
pub struct Journal {
    /// What to do
    #[command(subcommand)]
    pub action: JournalAction,
}

/// What to do with the journal.
#[derive(Debug, Subcommand)]
pub enum JournalAction {
    /// Check that it is sound
    Check,
    /// Give unused space back to the disk
    Compact,
    /// Write everything as lines of JSON
    Export {
        /// Into this file instead of standard output
        #[arg(long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Forget everything about an account
    ForgetAccount {
        /// The account
        account: String,
        /// Without asking
        #[arg(long)]
        yes: bool,
    },
}

/// Arguments of `completions`.
#[derive(Debug, Args)]
pub struct Completions {
    /// The shell
    pub shell: clap_complete::Shell,
}

/// Arguments of `man`.
#[derive(Debug, Args)]
pub struct Man {
    /// Write one page per command into this folder
    #[arg(long, value_name = "DIR")]
    pub dir: Option<PathBuf>,
}

/// Arguments of `sandbox`.
#[derive(Debug, Args)]
pub struct Sandbox {
    /// Which server
    #[command(subcommand)]
    pub server: SandboxServer,
}

/// A sandbox server.
#[derive(Debug, Subcommand)]
pub enum SandboxServer {
    /// A CRM that implements the published contract, with a page to look at
    Crm {
        /// Port on 127.0.0.1 [default: any free one]
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        port: u16,
        /// Folder that keeps its records [default: a temporary one]
        #[arg(long, value_name = "DIR")]
        dir: Option<PathBuf>,
        /// Token of its employee Anna Berger, instead of a random one
        #[arg(long)]
        token: Option<String>,
        /// Take mails and throw them away, for measurements
        #[arg(long)]
        discard: bool,
    },
    /// A CalDAV server with sample appointments and tasks: user anna, password demo
    Dav {
        /// Port on 127.0.0.1 [default: any free one]
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        port: u16,
        /// Without samples
        #[arg(long)]
        empty: bool,
    },
    /// An IMAP server with sample mails: user anna, password demo
    Imap {
        /// Port on 127.0.0.1 [default: any free one]
        #[arg(long, default_value_t = 0, hide_default_value = true)]
        port: u16,
        /// Without sample mails
        #[arg(long)]
        empty: bool,
    },
}
