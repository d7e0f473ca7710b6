//! Why an object cannot be read or written, in words for the list of parked items.

/// A failure of the iCalendar mapping. None of them concerns any other object (V10).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum IcalFault {
    /// Components lie deeper in each other than [`crate::groupware::lines::MAX_DEPTH`].
    #[error("the calendar object is nested too deeply")]
    TooDeep,
    /// There is no VEVENT and no VTODO.
    #[error("the calendar object holds no appointment and no task{}", found.as_deref().map(|name| format!(", but a {name}")).unwrap_or_default())]
    NoItem {
        /// What it holds instead, such as `VJOURNAL`.
        found: Option<String>,
    },
    /// vCalendar 1.0, which is another format under the same name.
    #[error("the calendar object is written in the outdated format vCalendar 1.0")]
    Outdated,
    /// RFC 5545 §3.8.4.7 demands a UID.
    #[error("the calendar object has no UID")]
    NoUid,
    /// More than one UID in one object (RFC 4791 §4.1 allows one).
    #[error("the calendar object holds several appointments or tasks")]
    SeveralItems,
    /// Two masters, or two overrides of one occurrence.
    #[error("the calendar object says the same occurrence twice")]
    DoubledPart,
    /// A property without which the item would be misunderstood has a value that cannot be read.
    #[error("the calendar object's {property} cannot be read: {value}")]
    BadValue {
        /// The property.
        property: &'static str,
        /// Its value, cut to 80 characters.
        value: String,
    },
    /// An edit names a component that does not exist and cannot be made.
    #[error("the appointment or task has no such occurrence")]
    NoSuchPart,
    /// An edit would write ORGANIZER or ATTENDEE although that is not allowed (V9).
    #[error("this change would have to write the participants, which needs invitations to be allowed")]
    AttendeesNotAllowed,
    /// The value of a field is of the wrong kind or cannot be expressed.
    #[error("the field {field} cannot take this value")]
    BadField {
        /// The field.
        field: crate::model::Field,
    },
}

impl IcalFault {
    pub(super) fn bad_value(property: &'static str, value: &str) -> Self {
        Self::BadValue { property, value: value.chars().take(80).collect() }
    }
}
