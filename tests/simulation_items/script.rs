//! What happens in a simulation, as data: made from a seed, cut down when it fails, printed.

use std::collections::BTreeSet;

use crmsync::crm::Switch;
use crmsync::model::Field;
use crmsync::settings::{ConflictPolicy, OnGroupwareDelete, PrivateItems, SyncDirection};

use crate::crm;
use crate::groupware;
use crate::rng::Rng;

/// A world and what happens in it.
#[derive(Debug, Clone)]
pub(crate) struct Script {
    pub seed: u64,
    pub setup: Setup,
    pub steps: Vec<Step>,
}

/// How the world is made.
#[derive(Debug, Clone)]
pub(crate) struct Setup {
    pub cast: Cast,
    pub groupware: Vec<groupware::Quirks>,
    pub crm: crm::Quirks,
    pub settings: Settings,
    /// Records that are there from the beginning.
    pub crowd: u32,
    /// It is about contacts, else about appointments and tasks.
    pub contacts: bool,
}

/// Who takes part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cast {
    /// One employee with one computer.
    One,
    /// One employee with two computers.
    TwoAgents,
    /// Two employees with a computer each.
    TwoEmployees,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Settings {
    pub direction: SyncDirection,
    pub conflicts: ConflictPolicy,
    pub on_delete: OnGroupwareDelete,
    pub private: PrivateItems,
    pub link_back: bool,
}

/// What goes wrong with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    LostBefore,
    LostAfter,
    Busy,
    /// It arrives twice; the second answer is heard.
    Twice,
    /// No answer; it arrives so many requests later.
    Late(u8),
    /// It takes minutes.
    Slow,
    CrashBefore,
    CrashAfter,
}

/// One thing that happens. `pick` chooses among what is there, so that steps can be left out.
#[derive(Debug, Clone)]
pub(crate) enum Step {
    /// The user of a mailbox does something.
    Groupware { mailbox: usize, act: GroupwareAct, pick: usize },
    /// A user of the CRM does something.
    Crm { employee: usize, act: CrmAct, pick: usize },
    /// Time passes.
    Wait { hours: i64 },
    /// An agent runs.
    Run { agent: usize, faults: Vec<(u32, Fault)>, meanwhile: Vec<(u32, Self)>, crash_commit: Option<u64>, crash_write: Option<u64> },
    /// The computer's disk is lost.
    LoseJournal { agent: usize },
    /// The server forgets its cursors.
    ExpireGroupware { mailbox: usize },
    /// The next whole listings lack some items.
    Truncate { mailbox: usize },
    /// The CRM forgets its cursors.
    ExpireCrm,
    /// The CRM asks for patience with the next writes.
    Retry { writes: u32 },
    /// The settings change.
    Set(Settings),
    /// The user of an agent chooses a card for the import, or for a contact.
    Choose { agent: usize, link: bool, pick: usize },
    /// The password is wrong for the next run, then put right and unlocked.
    WrongPassword { agent: usize },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum GroupwareAct {
    /// A single appointment; days from now.
    New {
        day: i64,
    },
    NewAllDay {
        day: i64,
    },
    NewPrivate {
        day: i64,
    },
    NewMeeting {
        day: i64,
    },
    NewSeries {
        day: i64,
        weekly: bool,
    },
    NewTask {
        day: i64,
    },
    /// A new card, with the category or without.
    NewCard {
        marked: bool,
    },
    AddEntry,
    DropEntry,
    Mark,
    /// A new item that the CRM cannot digest or refuses.
    NewPoison {
        day: i64,
    },
    NewForbidden {
        day: i64,
    },
    Edit(Field),
    Empty(Field),
    Number(Field),
    Complete,
    TogglePrivate,
    ToggleMeeting,
    Override {
        nth: usize,
    },
    CancelOccurrence {
        nth: usize,
    },
    DropOverride,
    MoveSeries {
        days: i64,
    },
    Delete,
    /// A copy with another UID; the record's id is copied along.
    Copy,
    /// The same item once more.
    Double,
    /// The other employee gets the item into his calendar too.
    Invite,
    MoveToOther,
    Recreate,
    Break,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum CrmAct {
    New {
        day: i64,
    },
    NewTask {
        day: i64,
    },
    NewMeeting {
        day: i64,
    },
    NewContact {
        owned: bool,
    },
    AddEntry,
    DropEntry,
    /// The owner changes.
    Own,
    Switch(Switch),
    /// A record that the groupware refuses.
    NewUnspeakable {
        day: i64,
    },
    Edit(Field),
    Empty(Field),
    Number(Field),
    Complete,
    TogglePrivate,
    Delete,
    DeleteAll,
    EmptyAll,
    Hide,
    Share,
}

const TEXTS: [Field; 3] = [Field::Subject, Field::Location, Field::Note];
const NUMBERS: [Field; 2] = [Field::Priority, Field::Reminder];

impl Script {
    pub(crate) fn from_seed(seed: u64) -> Self {
        let rng = &mut Rng::new(seed);
        let cast = match rng.below(10) {
            0..5 => Cast::One,
            5..8 => Cast::TwoAgents,
            _ => Cast::TwoEmployees,
        };
        let crowd = if rng.percent(5) { 14 } else { 0 };
        let setup = Setup {
            cast,
            groupware: (0..2).map(|_| groupware_quirks(rng)).collect(),
            crm: crm_quirks(rng),
            settings: settings(rng),
            crowd,
            contacts: false,
        };
        Self::in_world(seed, setup, rng)
    }

    fn in_world(seed: u64, setup: Setup, rng: &mut Rng) -> Self {
        let mut steps = Vec::new();
        let count = if setup.contacts { 10 + rng.below(18) } else { 6 + rng.below(14) };
        while steps.len() < count {
            let step = step(rng, &setup);
            steps.push(step);
        }
        Self { seed, setup, steps }
    }

    /// A world of contacts.
    pub(crate) fn of_contacts(seed: u64) -> Self {
        let mut script = Self::from_seed(seed);
        let rng = &mut Rng::new(seed ^ 0xC0_47AC75);
        script.setup.contacts = true;
        // Nobody's card says no more than when it takes place.
        if script.setup.settings.private == PrivateItems::BusyOnly {
            script.setup.settings.private = PrivateItems::AsPrivate;
        }
        script.setup.crm.owns_new = rng.percent(50);
        script.setup.crm.tells_gone = rng.percent(50);
        for drops in script.setup.groupware.iter_mut().map(|quirks| &mut quirks.drops).chain([&mut script.setup.crm.drops]) {
            if !drops.is_empty() {
                *drops = [rng.pick(&[Field::Company, Field::JobTitle, Field::Photo, Field::Phones])].into();
            }
        }
        Self::in_world(seed, script.setup, rng)
    }
}

fn fields(rng: &mut Rng) -> BTreeSet<Field> {
    let mut fields = BTreeSet::new();
    if rng.percent(20) {
        fields.insert(rng.pick(&[Field::Location, Field::Priority, Field::Reminder]));
    }
    fields
}

fn groupware_quirks(rng: &mut Rng) -> groupware::Quirks {
    // Half of the servers are nearly ideal, so that every oddity is also seen alone.
    let odd = if rng.percent(50) { 25 } else { 6 };
    groupware::Quirks {
        schedules: rng.percent(30),
        versionless_writes: rng.percent(odd),
        repeating_versions: rng.percent(odd),
        shouts: rng.percent(odd),
        drops: if rng.percent(odd) { fields(rng) } else { BTreeSet::new() },
        drops_record: rng.percent(odd),
        drops_block: rng.percent(odd),
        no_delta: rng.percent(odd),
        no_state: rng.percent(odd),
        silent_reset: rng.percent(odd),
        repeats: rng.percent(odd),
        pieces: rng.percent(odd),
        delayed: rng.percent(odd),
        double_uids: rng.percent(odd),
        one_collection: rng.percent(odd),
        no_conditions: rng.percent(odd),
    }
}

fn crm_quirks(rng: &mut Rng) -> crm::Quirks {
    crm::Quirks {
        takes_series: rng.percent(75),
        repeats: rng.percent(25),
        owns_new: false,
        tells_gone: false,
        no_origin: rng.percent(25),
        drops: if rng.percent(25) { fields(rng) } else { BTreeSet::new() },
        cuts: rng.percent(15),
    }
}

fn settings(rng: &mut Rng) -> Settings {
    Settings {
        direction: if rng.percent(85) { SyncDirection::Both } else { rng.pick(&[SyncDirection::ToCrm, SyncDirection::ToGroupware]) },
        conflicts: if rng.percent(60) {
            ConflictPolicy::TwoWay
        } else {
            rng.pick(&[ConflictPolicy::CrmWins, ConflictPolicy::GroupwareWins, ConflictPolicy::Ask])
        },
        on_delete: rng.pick(&[OnGroupwareDelete::Keep, OnGroupwareDelete::Cancel, OnGroupwareDelete::Ask]),
        private: rng.pick(&[PrivateItems::AsPrivate, PrivateItems::BusyOnly, PrivateItems::Skip]),
        link_back: rng.percent(60),
    }
}

fn step(rng: &mut Rng, setup: &Setup) -> Step {
    let cast = setup.cast;
    let agent = if cast == Cast::One { 0 } else { rng.below(2) };
    let mailbox = if cast == Cast::TwoEmployees { agent } else { 0 };
    match rng.below(100) {
        0..30 => run(rng, agent, setup),
        30..38 if setup.contacts => Step::Choose { agent, link: rng.percent(25), pick: rng.below(1000) },
        30..84 => user(rng, setup, setup.crowd > 0),
        84..92 => Step::Wait { hours: rng.pick(&[1, 7, 7, 25, 72, 24 * 9, 24 * 31]) },
        92..94 => Step::LoseJournal { agent },
        94 => Step::ExpireGroupware { mailbox },
        95 => Step::Truncate { mailbox },
        96 => Step::ExpireCrm,
        97 => Step::Retry { writes: 3 },
        98 => Step::Set(other_settings(rng, setup)),
        _ => Step::WrongPassword { agent },
    }
}

fn other_settings(rng: &mut Rng, setup: &Setup) -> Settings {
    let other = settings(rng);
    let busy = setup.contacts && other.private == PrivateItems::BusyOnly;
    Settings { private: if busy { PrivateItems::Skip } else { other.private }, ..other }
}

fn run(rng: &mut Rng, agent: usize, setup: &Setup) -> Step {
    let mut faults = Vec::new();
    let mut meanwhile = Vec::new();
    let (mut crash_commit, mut crash_write) = (None, None);
    if rng.percent(60) {
        for _ in 0..=rng.below(2) {
            let at = u32::try_from(rng.below(14)).unwrap();
            let fault = match rng.below(9) {
                0 => Fault::LostBefore,
                1 | 2 => Fault::LostAfter,
                3 => Fault::Busy,
                4 => Fault::Twice,
                5 => Fault::Late(u8::try_from(1 + rng.below(12)).unwrap()),
                6 => Fault::Slow,
                7 => Fault::CrashBefore,
                _ => Fault::CrashAfter,
            };
            faults.push((at, fault));
        }
    }
    if rng.percent(25) {
        let at = u32::try_from(rng.below(14)).unwrap();
        meanwhile.push((at, user(rng, setup, false)));
    }
    if rng.percent(15) {
        crash_commit = Some(1 + rng.next() % 12);
    } else if rng.percent(8) {
        crash_write = Some(1 + rng.next() % 40);
    }
    Step::Run { agent, faults, meanwhile, crash_commit, crash_write }
}

fn day(rng: &mut Rng) -> i64 {
    let days = if rng.percent(80) { rng.below(25) } else { rng.below(110) };
    i64::try_from(days).unwrap() - if rng.percent(80) { 0 } else { 50 }
}

fn user(rng: &mut Rng, setup: &Setup, crowded: bool) -> Step {
    let pick = rng.below(1000);
    let other = usize::from(setup.cast == Cast::TwoEmployees && rng.percent(50));
    if setup.contacts {
        if rng.percent(50) {
            Step::Groupware { mailbox: other, act: card_act(rng), pick }
        } else {
            Step::Crm { employee: other, act: contact_act(rng, crowded), pick }
        }
    } else if rng.percent(55) {
        Step::Groupware { mailbox: other, act: groupware_act(rng), pick }
    } else {
        Step::Crm { employee: other, act: crm_act(rng, crowded), pick }
    }
}

fn groupware_act(rng: &mut Rng) -> GroupwareAct {
    use GroupwareAct as Act;
    match rng.below(100) {
        0..16 => Act::New { day: day(rng) },
        16..19 => Act::NewAllDay { day: day(rng) },
        19..23 => Act::NewPrivate { day: day(rng) },
        23..27 => Act::NewMeeting { day: day(rng) },
        27..33 => Act::NewSeries { day: day(rng), weekly: rng.percent(50) },
        33..38 => Act::NewTask { day: day(rng) },
        38 => Act::NewPoison { day: day(rng) },
        39 => Act::NewForbidden { day: day(rng) },
        40..60 => Act::Edit(rng.pick(&[Field::Subject, Field::Location, Field::Note, Field::Slot])),
        60..62 => Act::Empty(rng.pick(&[Field::Location, Field::Note])),
        62..66 => Act::Number(rng.pick(&NUMBERS)),
        66..68 => Act::Complete,
        68..72 => Act::TogglePrivate,
        72..75 => Act::ToggleMeeting,
        75..79 => Act::Override { nth: rng.below(4) },
        79..82 => Act::CancelOccurrence { nth: rng.below(4) },
        82 => Act::DropOverride,
        83 => Act::MoveSeries { days: 1 },
        84..89 => Act::Delete,
        89..92 => Act::Copy,
        92 => Act::Double,
        93..96 => Act::Invite,
        96 => Act::MoveToOther,
        97 => Act::Recreate,
        _ => Act::Break,
    }
}

fn crm_act(rng: &mut Rng, crowded: bool) -> CrmAct {
    use CrmAct as Act;
    if crowded && rng.percent(40) {
        return rng.pick(&[Act::DeleteAll, Act::EmptyAll]);
    }
    match rng.below(100) {
        0..20 => Act::New { day: day(rng) },
        20..26 => Act::NewTask { day: day(rng).min(5) },
        26..31 => Act::NewMeeting { day: day(rng) },
        31 => Act::NewUnspeakable { day: day(rng) },
        32..68 => Act::Edit(rng.pick(&[TEXTS[0], TEXTS[1], TEXTS[2], Field::Slot])),
        68..71 => Act::Empty(rng.pick(&[Field::Location, Field::Note])),
        71..76 => Act::Number(rng.pick(&NUMBERS)),
        76..79 => Act::Complete,
        79..83 => Act::TogglePrivate,
        83..93 => Act::Delete,
        93..96 => Act::Hide,
        _ => Act::Share,
    }
}

const WORDS: [Field; 5] = [Field::FamilyName, Field::Company, Field::JobTitle, Field::Note, Field::Photo];

fn card_act(rng: &mut Rng) -> GroupwareAct {
    use GroupwareAct as Act;
    match rng.below(100) {
        0..20 => Act::NewCard { marked: true },
        20..25 => Act::NewCard { marked: false },
        25..46 => Act::Edit(rng.pick(&WORDS)),
        46..50 => Act::Empty(rng.pick(&[Field::Company, Field::Note, Field::Photo])),
        50..60 => Act::AddEntry,
        60..66 => Act::DropEntry,
        66..70 => Act::Mark,
        70..75 => Act::TogglePrivate,
        75..84 => Act::Delete,
        84..89 => Act::Copy,
        89 => Act::Double,
        90..95 => Act::MoveToOther,
        95 | 96 => Act::Recreate,
        _ => Act::Break,
    }
}

fn contact_act(rng: &mut Rng, crowded: bool) -> CrmAct {
    use CrmAct as Act;
    if crowded && rng.percent(40) {
        return rng.pick(&[Act::DeleteAll, Act::EmptyAll]);
    }
    match rng.below(100) {
        0..18 => Act::NewContact { owned: true },
        18..24 => Act::NewContact { owned: false },
        24 => Act::NewUnspeakable { day: 0 },
        25..53 => Act::Edit(rng.pick(&WORDS)),
        53..57 => Act::Empty(rng.pick(&[Field::Company, Field::Note, Field::Photo])),
        57..65 => Act::AddEntry,
        65..70 => Act::DropEntry,
        70..75 => Act::Own,
        75..84 => Act::Switch(rng.pick(&[Switch::On, Switch::Off, Switch::Off, Switch::Unset])),
        84..92 => Act::Delete,
        92..96 => Act::Hide,
        _ => Act::Share,
    }
}
