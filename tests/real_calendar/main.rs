//! Appointments and tasks by the program itself on real servers, which `tests/run` starts, with the CRM at the other end.
#![allow(unreachable_pub, reason = "one crate of several files")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test that cannot go on ends")]

mod corpus;
mod faults;
mod many;
mod meetings;
mod scene;
#[path = "../support/mod.rs"]
mod support;
mod week;

/// Makes of every scenario a test on every server.
macro_rules! on_every_server {
    ($($module:ident::$scenario:ident),* $(,)?) => {
        on_every_server!(@server radicale "RADICALE" $($module $scenario)*);
        on_every_server!(@server radicale_debian "RADICALE_DEBIAN" $($module $scenario)*);
        on_every_server!(@server xandikos "XANDIKOS" $($module $scenario)*);
        on_every_server!(@server xandikos_debian "XANDIKOS_DEBIAN" $($module $scenario)*);
        on_every_server!(@server cyrus "CYRUS_DAV" $($module $scenario)*);
    };
    (@server $server:ident $name:literal $($module:ident $scenario:ident)*) => {
        mod $server {
            $(#[test]
            fn $scenario() {
                crate::$module::$scenario($name);
            })*
        }
    };
}

on_every_server!(
    week::a_week_is_the_same_at_both_ends,
    week::i10_a_series_with_overrides_follows_either_side,
    week::i10_days_privacy_tasks_and_people_follow_either_side,
    week::i7_a_window_that_moves_by_a_month_creates_and_never_deletes,
    faults::v4_an_unknown_sync_token_loses_and_doubles_nothing,
    faults::v8_a_calendar_made_anew_deletes_nothing_in_the_crm,
    corpus::v7_every_object_of_the_corpus_keeps_what_a_change_in_the_crm_does_not_name,
);

/// The same for scenarios that not every server is asked for.
macro_rules! on_some_servers {
    ($($test:ident: $module:ident::$scenario:ident($name:literal)),* $(,)?) => {
        $(#[test]
        fn $test() {
            $module::$scenario($name);
        })*
    };
}

on_some_servers!(
    killed_at_radicale: faults::v1_v2_killed_at_any_turn_with_the_server_each_item_is_once_on_each_side("RADICALE"),
    killed_at_cyrus: faults::v1_v2_killed_at_any_turn_with_the_server_each_item_is_once_on_each_side("CYRUS_DAV"),
    radicale_goes: faults::v4_a_server_that_goes_in_the_middle_of_a_run_loses_and_doubles_nothing("RADICALE"),
    cyrus_goes: faults::v4_a_server_that_goes_in_the_middle_of_a_run_loses_and_doubles_nothing("CYRUS_DAV"),
    full_disk: faults::a_full_disk_ends_the_run_and_the_next_one_with_room_takes_everything_up("CYRUS_DAV"),
    meetings_at_cyrus: meetings::v9_nobody_is_mailed_about_a_meeting_whoever_changes_or_deletes_it("CYRUS_DAV"),
    many_at_cyrus: many::two_thousand_items_are_paired_in_few_requests_and_a_quiet_run_costs_one("CYRUS_DAV"),
);
