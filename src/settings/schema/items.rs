//! Settings of the areas of items: calendar and tasks, which have the same ones with other defaults.

use super::Fallback::{Absent, Text};
use super::{CONFLICT_POLICIES, Setting, of_crm, setting};
use crate::settings::value::{Element, Kind};

/// A century: who wants the whole of an old calendar gets it.
const DAYS: Kind = Kind::Integer { min: 0, max: 36_600 };

macro_rules! area {
    ($area:literal, $items:literal, $future_type:literal, $future_days:literal, $on_delete:literal) => {
        &[
            setting(
                concat!($area, ".direction"),
                Kind::One(Element::Choice(&["both", "to-crm", "to-groupware"])),
                Text("both"),
                "Which way changes go.",
            ),
            setting(
                concat!($area, ".create_in_crm"),
                Kind::Bool,
                Text("true"),
                concat!("New ", $items, " of the groupware come into the CRM."),
            ),
            setting(
                concat!($area, ".create_in_groupware"),
                Kind::Bool,
                Text("true"),
                concat!("New ", $items, " of the CRM come into the groupware."),
            ),
            setting(
                concat!($area, ".conflicts"),
                Kind::One(Element::Choice(CONFLICT_POLICIES)),
                Text("two_way"),
                "When both sides changed a field: two_way lets the CRM win and keeps what lost (`crmsync conflicts`); crm_wins and\n\
                 groupware_wins hold whenever the two differ; ask leaves the item alone until you chose.",
            ),
            setting(
                concat!($area, ".field_conflicts"),
                Kind::Many(Element::FieldPolicy),
                Text(""),
                "Exceptions from conflicts by field, such as \"note=groupware_wins\".",
            ),
            setting(
                concat!($area, ".on_groupware_delete"),
                Kind::One(Element::Choice(&["keep", "cancel", "ask"])),
                Text($on_delete),
                "What a deletion in the groupware does to the activity in the CRM; nothing is ever deleted there.",
            ),
            of_crm(
                $future_type,
                setting(
                    concat!($area, ".future_days"),
                    DAYS,
                    Text($future_days),
                    concat!("CRM ", $items, " go to the groupware so many days ahead."),
                ),
            ),
            setting(
                concat!($area, ".past_days"),
                DAYS,
                Text("31"),
                concat!("Older ", $items, " are created on neither side. What is known is kept up to date, however old."),
            ),
            setting(
                concat!($area, ".private"),
                Kind::One(Element::Choice(&["as_private", "busy_only", "skip"])),
                Text("as_private"),
                "Private items of the groupware: as records that you alone see, only when they take place, or not at all.",
            ),
            setting(
                concat!($area, ".category"),
                Kind::One(Element::Text),
                Absent("CRMcorner"),
                "Only items with this category come into the CRM.",
            ),
            setting(
                concat!($area, ".collections"),
                Kind::Many(Element::Text),
                Text(""),
                "Names of the collections that take part; all, if empty.",
            ),
            setting(concat!($area, ".link_back"), Kind::Bool, Text("true"), "Write the link to the CRM into items of the groupware."),
            setting(
                concat!($area, ".invitations"),
                Kind::Bool,
                Text("false"),
                "true: items with attendees may be written, and the server may then mail invitations.",
            ),
            setting(
                concat!($area, ".update_scope"),
                Kind::One(Element::Choice(&["all", "time"])),
                Text("all"),
                "What is kept the same: every field, or only when an item takes place.",
            ),
        ]
    };
}

pub(super) static CALENDAR: &[Setting] = area!("calendar", "appointments", "CRM_MeetingFutureDays", "31", "ask");

pub(super) static TASKS: &[Setting] = area!("tasks", "tasks", "CRM_TaskFutureDays", "3", "keep");

/// What only appointments have.
pub(super) static CALENDAR_ONLY: &[Setting] = &[setting(
    "calendar.default_show_as",
    Kind::One(Element::Choice(&["free", "tentative", "busy", "out-of-office", "elsewhere"])),
    Text("busy"),
    "How the time of an appointment that comes from the CRM is shown.",
)];
