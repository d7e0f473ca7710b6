//! In what the server deviates: the differences between real servers, as switches. Versions are those of the measurements.

use std::collections::BTreeSet;
use std::time::Duration;

/// How the server behaves. May be changed while it runs; requests read it anew each time.
#[derive(Debug, Clone)]
pub struct Quirks {
    /// `sync-collection` is offered. `DavMail` 6.0.1 has `CTag` and ETags alone.
    pub sync_collection: bool,
    /// `PUT` answers with the new ETag. Cyrus 3.6 sends none for an item with attendees, `DAViCal` none at all.
    pub etag_on_put: bool,
    /// `If-Match` counts. `SOGo` 5.8 ignores it.
    pub if_match: bool,
    /// `If-None-Match: *` counts. `SOGo` and `DavMail` ignore it.
    pub create_only: bool,
    /// What is stored differs from what was sent: lines are unfolded and folded anew, `X-` parameters dropped, a property added.
    pub rewrites: bool,
    /// Properties that are not kept, in upper case.
    pub dropped: BTreeSet<String>,
    /// What a sync token that is not known is answered with.
    pub invalid_token: InvalidToken,
    /// `sync-collection` gives at most so many items at once.
    pub truncates: Option<(usize, TokenAnswer)>,
    /// `sync-collection` lists known items again that did not change. Radicale 3.9 and `SOGo` do so.
    pub repeats_items: bool,
    /// `sync-collection` lists the collection itself, without its slash. Stalwart 0.15.
    pub lists_itself: bool,
    /// Items of `sync-collection` bear no ETag: the property stands in a 404 propstat.
    pub no_etag_in_sync: bool,
    /// Deleted items stand in an initial `sync-collection`. Radicale 3.9.
    pub initial_tombstones: bool,
    /// A multiget leaves out what is not there, instead of saying 404. `DAViCal` 1.1.
    pub multiget_leaves_out: bool,
    /// A multiget that names one of these items fails with 500.
    pub broken_items: BTreeSet<String>,
    /// What becomes of the version of a card.
    pub card_versions: CardVersions,
    /// Versions of cards that `supported-address-data` names; none leaves the property out, as Xandikos does.
    pub address_data: Vec<String>,
    /// A card without UID gets one: `DAViCal` 1.1, `SOGo` 5.8. Else it is refused, as Radicale and Cyrus do.
    pub adds_uid: bool,
    /// REV becomes the time of the write: `DAViCal` 1.1.
    pub replaces_rev: bool,
    /// Groups and the names of their properties come back in upper case: `DAViCal` 1.1, `SOGo` 5.8.
    pub upper_case_groups: bool,
    /// The only properties of a card that are kept, in upper case: `DavMail` rebuilds cards from what Exchange knows.
    pub card_properties: Option<BTreeSet<String>>,
    /// A filter by UID is ignored: `SOGo` 5.8, `DavMail` 6.
    pub ignores_filters: bool,
    /// The server mails attendees: `calendar-auto-schedule`.
    pub schedules: bool,
    /// Largest item in bytes; beyond it 412 with `max-resource-size`, as Stalwart answers.
    pub max_size: usize,
    /// A `PUT` takes this long.
    pub slow_put: Option<Duration>,
    /// Requests that fail, each once, in this order.
    pub failures: Vec<Failure>,
}

/// What an unknown sync token is answered with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum InvalidToken {
    /// This status with `valid-sync-token` in the body: 403 (Radicale, Cyrus), 412 (Xandikos), 409, 410.
    Status(u16),
    /// A whole listing without any hint, so that deletions are missing: `DAViCal`, `SOGo`, Stalwart.
    WholeListing,
}

/// What becomes of the version of a card.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CardVersions {
    /// It stays: Radicale, Xandikos, `DAViCal`, Stalwart.
    Kept,
    /// `VERSION:3.0` is written above whatever comes: `SOGo` 5.8.
    Relabelled,
    /// 4.0 becomes 3.0: Cyrus 3.6 stores `KIND` as `X-ADDRESSBOOKSERVER-KIND`.
    Converted,
}

/// How a truncated `sync-collection` ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TokenAnswer {
    /// 507 for the collection and a token to go on with: Cyrus.
    GoOn,
    /// No hint and a final token: the rest is lost. Xandikos 0.4.
    Lost,
}

/// A request that fails once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// Method, upper case.
    pub method: String,
    /// Status of the answer.
    pub status: u16,
    /// The request has its effect all the same.
    pub applied: bool,
    /// `Retry-After` in seconds.
    pub retry_after: Option<u64>,
}

impl Default for Quirks {
    /// A server as the RFCs want it.
    fn default() -> Self {
        Self {
            sync_collection: true,
            etag_on_put: true,
            if_match: true,
            create_only: true,
            rewrites: false,
            dropped: BTreeSet::new(),
            invalid_token: InvalidToken::Status(403),
            truncates: None,
            repeats_items: false,
            lists_itself: false,
            no_etag_in_sync: false,
            initial_tombstones: false,
            multiget_leaves_out: false,
            broken_items: BTreeSet::new(),
            card_versions: CardVersions::Kept,
            address_data: vec!["3.0".to_owned(), "4.0".to_owned()],
            adds_uid: false,
            replaces_rev: false,
            upper_case_groups: false,
            card_properties: None,
            ignores_filters: false,
            schedules: false,
            max_size: 10 * 1024 * 1024,
            slow_put: None,
            failures: Vec::new(),
        }
    }
}

impl Quirks {
    /// Like `SOGo` 5.8: no conditions, whole listings for any token, rewritten bodies.
    #[must_use]
    pub fn sogo() -> Self {
        Self {
            if_match: false,
            create_only: false,
            rewrites: true,
            invalid_token: InvalidToken::WholeListing,
            repeats_items: true,
            schedules: true,
            card_versions: CardVersions::Relabelled,
            address_data: vec!["3.0".to_owned()],
            adds_uid: true,
            upper_case_groups: true,
            ignores_filters: true,
            ..Self::default()
        }
    }

    /// Like `DavMail` 6.0.1: `CTag` and ETags alone, create-only ignored, no ETag on `PUT`, meetings are mailed, cards rebuilt.
    #[must_use]
    pub fn davmail() -> Self {
        const KNOWN: [&str; 22] = [
            "BEGIN",
            "END",
            "VERSION",
            "UID",
            "REV",
            "FN",
            "N",
            "NICKNAME",
            "TEL",
            "ADR",
            "EMAIL",
            "ORG",
            "TITLE",
            "ROLE",
            "URL",
            "NOTE",
            "BDAY",
            "ANNIVERSARY",
            "CATEGORIES",
            "CLASS",
            "PHOTO",
            "IMPP",
        ];
        Self {
            sync_collection: false,
            etag_on_put: false,
            create_only: false,
            rewrites: true,
            schedules: true,
            card_properties: Some(KNOWN.map(str::to_owned).into()),
            ignores_filters: true,
            ..Self::default()
        }
    }

    /// Like `DAViCal` 1.1.12 with cards: UID added, REV replaced, groups in upper case, no ETag on `PUT`.
    #[must_use]
    pub fn davical() -> Self {
        Self {
            etag_on_put: false,
            rewrites: true,
            invalid_token: InvalidToken::WholeListing,
            multiget_leaves_out: true,
            adds_uid: true,
            replaces_rev: true,
            upper_case_groups: true,
            address_data: Vec::new(),
            ..Self::default()
        }
    }

    /// Like Cyrus 3.6 with cards: 4.0 is taken and kept as 3.0.
    #[must_use]
    pub fn cyrus() -> Self {
        Self { card_versions: CardVersions::Converted, ..Self::default() }
    }
}
