//! What the tests of this room share.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta};

use crate::model::{Area, Field, Fields, Instant, Moment, Slot, Value};
use crate::settings::{ConflictPolicy, ItemSettings, OnGroupwareDelete, PrivateItems, SyncDirection, UpdateScope};

use super::{Guards, Rules};

pub(super) fn settings() -> ItemSettings {
    ItemSettings {
        direction: SyncDirection::Both,
        create_in_crm: true,
        create_in_groupware: true,
        conflicts: ConflictPolicy::TwoWay,
        field_conflicts: BTreeMap::new(),
        on_groupware_delete: OnGroupwareDelete::Ask,
        future_days: 31,
        past_days: 30,
        private: PrivateItems::AsPrivate,
        category: None,
        collections: BTreeSet::new(),
        link_back: true,
        invitations: false,
        update_scope: UpdateScope::All,
        default_show_as: "busy".into(),
    }
}

pub(super) fn now() -> Instant {
    DateTime::from_timestamp(1_800_000_000, 0).unwrap()
}

pub(super) fn rules(settings: &ItemSettings) -> Rules<'_> {
    static OWN: std::sync::LazyLock<BTreeSet<String>> = std::sync::LazyLock::new(|| ["anna@nordwind.example".to_owned()].into());
    Rules {
        area: Area::Calendar,
        settings,
        own: &OWN,
        takes_series: true,
        schedules: true,
        now: now(),
        guards: Guards::default(),
        contacts: None,
    }
}

pub(super) fn text(value: &str) -> Value {
    Value::Text(value.into())
}

pub(super) fn at(days: i64) -> Moment {
    Moment::utc(now() + TimeDelta::days(days))
}

pub(super) fn slot(days: i64) -> Value {
    Value::Slot(Slot { start: at(days), end: Moment::utc(now() + TimeDelta::days(days) + TimeDelta::hours(1)) })
}

pub(super) fn event(subject: &str, days: i64) -> Fields {
    [(Field::Subject, text(subject)), (Field::Slot, slot(days))].into()
}
