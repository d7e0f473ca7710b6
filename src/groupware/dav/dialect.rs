//! What CalDAV (RFC 4791) and CardDAV (RFC 6352) say differently.

use libdav::{PropertyName, names};

use crate::model::Area;

use super::multistatus::Name;

/// The kind of items.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    /// Appointments and tasks.
    CalDav,
    /// Contacts.
    CardDav,
}

impl Dialect {
    /// Where the home collections are named.
    pub(super) const fn home_set(self) -> &'static Name {
        match self {
            Self::CalDav => &names::CALENDAR_HOME_SET,
            Self::CardDav => &names::ADDRESSBOOK_HOME_SET,
        }
    }

    /// RFC 6764 §5.
    pub(super) const fn well_known(self) -> &'static str {
        match self {
            Self::CalDav => "/.well-known/caldav",
            Self::CardDav => "/.well-known/carddav",
        }
    }

    /// Where servers keep their tree, for those that neither the typed address nor the well-known one leads to: SOGo, DAViCal, Cyrus and
    /// others, Nextcloud and ownCloud, Stalwart.
    pub(super) const fn known_prefixes(self) -> [&'static str; 5] {
        match self {
            Self::CalDav => ["/SOGo/dav/", "/caldav.php/", "/dav/", "/remote.php/dav/", "/dav/cal/"],
            Self::CardDav => ["/SOGo/dav/", "/caldav.php/", "/dav/", "/remote.php/dav/", "/dav/card/"],
        }
    }

    /// Collections hold items of this area.
    pub(super) const fn holds(self, area: Area) -> bool {
        match self {
            Self::CalDav => matches!(area, Area::Calendar | Area::Tasks),
            Self::CardDav => matches!(area, Area::Contacts),
        }
    }

    /// In which versions a collection takes its items; only address books say so in a way that matters (RFC 6352 §6.2.2).
    pub(super) const fn versions(self) -> Option<&'static Name> {
        const DATA: Name = PropertyName::new(names::CARDDAV, "supported-address-data");
        match self {
            Self::CalDav => None,
            Self::CardDav => Some(&DATA),
        }
    }

    /// The element of `DAV:resourcetype` that marks a collection of such items.
    pub(super) const fn resource_type(self) -> &'static str {
        match self {
            Self::CalDav => "calendar",
            Self::CardDav => "addressbook",
        }
    }

    /// The element that holds an item's content.
    pub(super) const fn data(self) -> &'static Name {
        match self {
            Self::CalDav => &names::CALENDAR_DATA,
            Self::CardDav => &names::ADDRESS_DATA,
        }
    }

    /// The components that a collection takes; only calendars say.
    pub(super) const fn components(self) -> Option<&'static Name> {
        const SET: Name = PropertyName::new(names::CALDAV, "supported-calendar-component-set");
        match self {
            Self::CalDav => Some(&SET),
            Self::CardDav => None,
        }
    }

    /// `Content-Type` of an item.
    pub(super) const fn content_type(self) -> &'static str {
        match self {
            Self::CalDav => "text/calendar; charset=utf-8",
            Self::CardDav => "text/vcard; charset=utf-8",
        }
    }

    /// How names of items end.
    pub(super) const fn extension(self) -> &'static str {
        match self {
            Self::CalDav => ".ics",
            Self::CardDav => ".vcf",
        }
    }
}
