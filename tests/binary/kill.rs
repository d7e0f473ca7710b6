//! kill -9 at every turn of the conversations with the mailbox server and the CRM: nothing is lost, nothing is doubled (V1–V4, V6).

use crmsync::sandbox::imap::SandboxImapOptions;

use super::scene::{BY_CATEGORY, BY_FOLDER, BY_FOLDER_WITH_BOTH_MARKS, Scene, without_move};
use super::stage::{Side, Stage, sample, soak};

/// One way of importing.
struct Case {
    name: &'static str,
    imap: fn() -> SandboxImapOptions,
    mail: &'static str,
    fill: fn(&Scene, &Stage),
    check: fn(&Scene, &Stage, &str),
}

impl Case {
    fn stage(&self, scene: &Scene) -> Stage {
        let stage = Stage::new((self.imap)(), self.mail).behind_proxies(self.mail);
        (self.fill)(scene, &stage);
        stage
    }

    /// Every turn, alone; in the soak also each with a second death in the recovery.
    fn survives(&self, most: usize) {
        let scene = Scene::new();
        let stage = self.stage(&scene);
        stage.sync_ok();
        let turns = [Side::Imap, Side::Crm].map(|side| (side, stage.steps(side)));
        (self.check)(&scene, &stage, self.name);
        stage.assert_quiet(self.name);
        drop(stage);
        println!("{}: {turns:?}", self.name);
        assert!(turns[0].1 > 20 && turns[1].1 >= 6, "{}: {turns:?}", self.name);
        let points: Vec<Vec<(Side, u64)>> = turns.iter().flat_map(|(side, count)| (1..=*count).map(|turn| vec![(*side, turn)])).collect();
        // Twice: the recovery is cut off as well, somewhere behind the first death.
        let twice: Vec<Vec<(Side, u64)>> =
            points.iter().flat_map(|first| [6, 10, 13, 17].map(|further| vec![first[0], (first[0].0, first[0].1 + further)])).collect();
        let all = points.len();
        let mut struck = 0;
        let points = sample(self.name, points, most);
        let chosen = points.len();
        for strikes in points {
            struck += self.dies_at(&scene, &strikes);
        }
        assert!(struck + 1 >= chosen, "{}: only {struck} of {chosen} (of {all}) deaths took place", self.name);
        for strikes in sample(self.name, twice, most / 4) {
            self.dies_at(&scene, &strikes);
        }
    }

    /// Dies at these turns, is started until it completes, and is judged. Returns how often it died.
    fn dies_at(&self, scene: &Scene, strikes: &[(Side, u64)]) -> usize {
        let stage = self.stage(scene);
        stage.strike_at(strikes);
        let name = format!("{} {strikes:?}", self.name);
        stage.sync_until_ok(strikes.len() + 1, &name);
        stage.spare();
        let struck = stage.struck();
        let context = format!("{name} died at {struck:?}");
        (self.check)(scene, &stage, &context);
        let check = stage.json(&["journal", "check"]);
        assert_eq!(check["faults"].as_array().map_or(0, Vec::len), 0, "{context}: {check}");
        stage.assert_quiet(&context);
        (self.check)(scene, &stage, &context);
        struck.len()
    }
}

#[test]
fn v1_v2_killed_at_every_turn_with_move() {
    let case =
        Case { name: "move", imap: SandboxImapOptions::default, mail: BY_FOLDER, fill: Scene::fill_folders, check: Scene::check_folders };
    case.survives(26);
}

#[test]
fn v1_v2_killed_at_every_turn_with_copy_and_expunge() {
    let case = Case { name: "copy", imap: without_move, mail: BY_FOLDER, fill: Scene::fill_folders, check: Scene::check_folders };
    case.survives(26);
}

#[test]
fn v1_v2_killed_at_every_turn_with_keyword_marks() {
    let case =
        Case { name: "keywords", imap: SandboxImapOptions::default, mail: BY_CATEGORY, fill: Scene::fill_inbox, check: Scene::check_inbox };
    case.survives(14);
}

#[test]
fn v1_v2_killed_at_every_turn_with_both_marks_on_a_server_that_knows_little() {
    let case = Case {
        name: "both marks",
        imap: || {
            let mut options = without_move();
            (options.quirks.condstore, options.quirks.literal_plus, options.quirks.list_status) = (false, false, false);
            options.quirks.uid_plus = false;
            options
        },
        mail: BY_FOLDER_WITH_BOTH_MARKS,
        fill: Scene::fill_folders,
        check: Scene::check_folders,
    };
    case.survives(if soak() { usize::MAX } else { 10 });
}
