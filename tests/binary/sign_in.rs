//! Signing in by OAuth 2 before a simulated provider: what a browser, a code, a rotation and a revocation do to the installation, and how
//! many logins the mailbox server sees (R63, V11): none when the provider says no, at most two when the server does.

use std::net::{Ipv4Addr, TcpListener};

use crmsync::sandbox::dav::SandboxDavOptions;
use crmsync::sandbox::imap::{Fault, Quirks, SandboxImapOptions, Trigger, User};
use crmsync::sandbox::oauth::{Consent, RunningOAuth, SandboxOAuthOptions, Switches};
use serde_json::Value;

use super::scene::{BY_FOLDER, Scene};
use super::stage::{Finished, Stage, USER, soak};

/// What goes wrong at the provider.
type Trouble = fn(&mut Switches);

/// An installation that signs in at a provider.
struct Office {
    stage: Stage,
    provider: RunningOAuth,
    scene: Scene,
}

impl Office {
    fn new() -> Self {
        Self::with(SandboxImapOptions::default(), SandboxOAuthOptions::default(), "")
    }

    fn with(imap: SandboxImapOptions, oauth: SandboxOAuthOptions, more: &str) -> Self {
        let stage = Stage::new(imap, BY_FOLDER);
        let provider = stage.start_oauth(oauth);
        let scene = Scene::new();
        scene.fill_folders(&stage);
        let office = Self { stage, provider, scene };
        office.configure("xoauth2", more);
        office
    }

    /// Writes the configuration, with `more` at its end.
    fn configure(&self, auth: &str, more: &str) {
        self.stage.configure(BY_FOLDER);
        let password = "secret = { env = \"TEST_IMAP_PASSWORD\" }\n";
        let text = std::fs::read_to_string(self.stage.config_file()).unwrap();
        let text = format!(
            "{}{}{more}\n[secrets]\nstore = \"file\"\npassphrase = {{ env = \"TEST_PASSPHRASE\" }}\n",
            text.replace(password, &format!("auth = \"{auth}\"\n")),
            self.oauth("work"),
        );
        std::fs::write(self.stage.config_file(), text).unwrap();
    }

    fn oauth(&self, account: &str) -> String {
        format!(
            "\n[accounts.{account}.oauth]\nprovider = \"custom\"\nclient_id = \"crmsync-test\"\nuser = \"{USER}\"\nscopes = [\"mail\", \"offline_access\"]\n\
             authorization_url = \"{}\"\ntoken_url = \"{}\"\ndevice_url = \"{}\"\nrevocation_url = \"{}\"\n",
            self.provider.endpoint("authorize"),
            self.provider.endpoint("token"),
            self.provider.endpoint("device"),
            self.provider.endpoint("revoke"),
        )
    }

    /// Signs in by a browser.
    fn sign_in(&self) -> Value {
        let mut command = self.stage.start(&["sign-in", "--no-browser", "--json"]);
        assert_eq!(self.stage.browse(&command.word("http://")), 200);
        let finished = command.finish();
        assert_eq!(finished.code, Some(0), "{finished:?}");
        finished.json()
    }

    fn signed_in() -> Self {
        let office = Self::new();
        office.sign_in();
        office
    }

    /// Logins that the mailbox server saw since the last call: tried, refused.
    fn logins(&self) -> (u64, u64) {
        let counters = self.stage.imap.counters();
        self.stage.imap.reset_counters();
        (counters.logins_tried, counters.logins_failed)
    }

    fn is_locked(&self) -> bool {
        let status = self.stage.json(&["status"]);
        let text = self.stage.run(&["status"]).stdout;
        let locked = !status["accounts"][0]["locked"].is_null();
        assert_eq!(text.contains("LOCKED"), locked, "{text} {status}");
        assert!(!locked || text.contains("crmsync sign-in --account work") && text.contains("administrator"), "R64: {text}");
        locked
    }
}

#[test]
fn a_browser_signs_in_and_every_run_after_it_is_one_login() {
    for auth in ["xoauth2", "oauthbearer"] {
        let office = Office::new();
        office.configure(auth, "");
        let before = office.stage.sync();
        assert_eq!(before.code, Some(78), "{before:?}");
        assert!(before.stderr.contains("nobody is signed in as anna") && before.stderr.contains("crmsync sign-in"), "{before:?}");
        assert_eq!(office.logins(), (0, 0));
        let answer = office.sign_in();
        assert_eq!(
            (&answer["user"], &answer["accounts"][0], &answer["renews"]),
            (&"anna".into(), &"work".into(), &true.into()),
            "{answer}"
        );
        office.stage.sync_ok();
        office.scene.check_folders(&office.stage, auth);
        assert_eq!(office.logins(), (1, 0), "{auth}");
        office.stage.assert_quiet(auth);
        assert_eq!(office.provider.counts().refreshes, 0);
    }
}

#[test]
fn servers_without_sasl_ir_take_the_token_too() {
    let imap = SandboxImapOptions { quirks: Quirks { sasl_ir: false, ..Quirks::default() }, ..SandboxImapOptions::default() };
    let office = Office::with(imap, SandboxOAuthOptions::default(), "");
    office.sign_in();
    office.stage.sync_ok();
    office.provider.void_access_tokens();
    office.logins();
    office.stage.sync_ok();
    assert_eq!(office.logins(), (2, 1), "the error challenge is answered, and the second attempt goes through");
}

#[test]
fn a_token_that_nearly_expired_is_renewed_before_the_login() {
    let office = Office::signed_in();
    office.provider.switches(|switches| switches.told_lifetime = Some(0));
    office.stage.sync_ok();
    assert_eq!((office.logins(), office.provider.counts().refreshes), ((1, 0), 0));
    // From now on every token counts as expired as soon as it comes.
    office.provider.void_access_tokens();
    office.stage.sync_ok();
    assert_eq!((office.logins(), office.provider.counts().renewed), ((2, 1), 1), "one rejection, one renewal, one more login");
    for round in 2..5 {
        office.stage.sync_ok();
        assert_eq!((office.logins(), office.provider.counts().renewed), ((1, 0), round), "renewed first, and rotated each time");
    }
    assert!(!office.is_locked());
}

#[test]
fn r63_a_revoked_sign_in_locks_without_a_login_until_somebody_signs_in_again() {
    let office = Office::new();
    office.provider.switches(|switches| switches.told_lifetime = Some(0));
    office.sign_in();
    office.provider.revoke_sign_ins();
    let refused = office.stage.sync();
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert!(refused.stderr.contains("was revoked") && refused.stderr.contains("crmsync sign-in --account work"), "{refused:?}");
    assert!(refused.stderr.contains("AADSTS50173") && !refused.stderr.contains("Trace ID"), "{refused:?}");
    assert!(office.is_locked() && office.stage.crm.is_locked("anna").unwrap(), "mirrored to the employee's record");
    for arguments in [super::stage::SYNC, &["sync", "--dry-run"], &["doctor"]] {
        let again = office.stage.run(arguments).sane();
        assert_ne!(again.code, Some(0), "{again:?}");
    }
    assert_eq!(office.logins(), (0, 0), "the mailbox server never saw a login");
    assert_eq!(office.provider.counts().refreshes, 1, "the provider was asked once");

    // `unlock` alone asks the provider once more, and no server.
    office.stage.json(&["unlock"]);
    assert_eq!(office.stage.sync().code, Some(77));
    assert_eq!((office.logins(), office.provider.counts().refreshes), ((0, 0), 2));

    office.provider.switches(|switches| switches.told_lifetime = None);
    let answer = office.sign_in();
    assert_eq!(answer["unlocked"], serde_json::json!(["work"]), "{answer}");
    assert!(!office.is_locked() && !office.stage.crm.is_locked("anna").unwrap(), "signing in clears both");
    office.stage.sync_ok();
    office.scene.check_folders(&office.stage, "after signing in again");
    assert_eq!(office.logins(), (1, 0));
}

#[test]
fn r63_a_server_that_rejects_every_token_sees_two_logins_and_then_none() {
    let troubles: [(&str, Trouble); 3] = [
        ("wrong audience", |switches| switches.wrong_audience = Some("https://graph.sandbox.example".to_owned())),
        ("the provider's clock is fast", |switches| switches.clock_ahead = 3600),
        ("the provider's clock is slow", |switches| switches.clock_ahead = -7200),
    ];
    for (name, trouble) in troubles {
        let office = Office::new();
        office.provider.switches(trouble);
        office.sign_in();
        let refused = office.stage.sync();
        assert_eq!(refused.code, Some(77), "{name}: {refused:?}");
        assert!(refused.stderr.contains("administrator") && refused.stderr.contains("crmsync sign-in"), "{name}: {refused:?}");
        assert_eq!((office.logins(), office.provider.counts().refreshes), ((2, 2), 1), "{name}");
        assert!(office.is_locked(), "{name}");
        for arguments in [super::stage::SYNC, &["sync", "--dry-run"], &["doctor"]] {
            assert_ne!(office.stage.run(arguments).sane().code, Some(0), "{name}");
        }
        assert_eq!((office.logins(), office.provider.counts().refreshes), ((0, 0), 1), "{name}");
    }
}

#[test]
fn r63_a_provider_that_is_away_locks_nothing_and_no_login_is_tried() {
    let office = Office::new();
    office.provider.switches(|switches| switches.told_lifetime = Some(0));
    office.sign_in();
    office.provider.switches(|switches| {
        switches.refusals.extend([
            (503, "temporarily_unavailable".to_owned(), String::new()),
            (429, "slow_down".to_owned(), String::new()),
            (400, "invalid_grant".to_owned(), "AADSTS90033: A transient error has occurred. Please try again.".to_owned()),
        ]);
    });
    for _ in 0..3 {
        let failed = office.stage.sync();
        assert_eq!(failed.code, Some(75), "{failed:?}");
        assert!(!office.is_locked() && !office.stage.crm.is_locked("anna").unwrap());
    }
    assert_eq!(office.logins(), (0, 0));
    office.stage.sync_ok();
    office.logins();
    let Office { stage, provider, .. } = office;
    stage.block_on(provider.shutdown());
    let failed = stage.sync();
    assert_eq!((failed.code, stage.imap.counters().logins_tried), (Some(75), 0), "{failed:?}");
    assert!(failed.stderr.contains("cannot be reached"), "{failed:?}");
}

#[test]
fn a_token_that_ends_in_the_middle_of_a_run_is_renewed_and_the_run_goes_on() {
    let office = Office::signed_in();
    let dav = office.stage.start_dav(SandboxDavOptions { bearers: Some(office.provider.bearers()), ..SandboxDavOptions::default() });
    office.configure("xoauth2", &format!("\n[accounts.work.dav]\nurl = \"{}\"\n", dav.url()));
    // The mailbox server has let us in, the calendar server will not.
    let provider = office.provider.handle();
    office.stage.imap.fault(Trigger::next("LIST"), Fault::run(move |_| provider.void_access_tokens()));
    let answer = office.stage.run(&["sync", "--area", "mail,calendar,tasks,contacts", "--all", "--yes", "--json"]).sane();
    assert_eq!(answer.code, Some(0), "{answer:?}");
    let counts = office.provider.counts();
    assert_eq!((counts.renewed, counts.bearers_rejected), (1, 1), "one renewal serves calendar, tasks and contacts: {counts:?}");
    assert_eq!(office.logins(), (1, 0));

    // The mailbox server ends the session when the token has ended, and the next login is one rejection later.
    let office = Office::signed_in();
    let provider = office.provider.handle();
    office.stage.imap.fault(Trigger::next("UID FETCH"), Fault::run(move |_| provider.void_access_tokens()));
    office.stage.imap.fault(Trigger::next("UID FETCH"), Fault::DropBefore);
    let mut runs = 0;
    while office.stage.sync().code != Some(0) {
        runs += 1;
        assert!(runs < 4);
    }
    office.scene.check_folders(&office.stage, "expired between two logins");
    let (tried, failed) = office.logins();
    assert!(failed == 1 && tried >= 3, "{tried} {failed}");
    assert_eq!(office.provider.counts().renewed, 1);
    assert!(!office.is_locked());
}

#[test]
fn r63_a_calendar_server_sees_two_attempts_at_most_and_the_account_is_locked() {
    let office = Office::signed_in();
    // This one believes nobody.
    let stranger = office.stage.block_on(crmsync::sandbox::oauth::SandboxOAuth::start(SandboxOAuthOptions {
        key: b"another key, of another provider".to_vec(),
        ..SandboxOAuthOptions::default()
    }));
    let stranger = stranger.unwrap();
    let dav = office.stage.start_dav(SandboxDavOptions { bearers: Some(stranger.bearers()), ..SandboxDavOptions::default() });
    office.configure("xoauth2", &format!("\n[accounts.work.dav]\nurl = \"{}\"\n", dav.url()));
    let calendar = &["sync", "--area", "calendar", "--all", "--yes", "--json"];
    assert_eq!(office.stage.run(calendar).sane().code, Some(77));
    assert_eq!((stranger.counts().bearers_rejected, office.provider.counts().renewed), (2, 1));
    assert!(office.is_locked());
    assert_eq!(office.stage.run(calendar).sane().code, Some(77));
    assert_eq!(stranger.counts().bearers_rejected, 2);
}

#[test]
fn a_code_on_another_device_signs_in() {
    let office = Office::new();
    let mut command = office.stage.start(&["sign-in", "--device", "--json"]);
    let address = command.word("https://");
    assert_eq!(address, "https://idp.sandbox.example/device");
    // "… type the code ABCD1234 within …"
    let code = command.word_after("code");
    assert!(office.provider.type_code(&code, USER), "{code}");
    let finished = command.finish();
    assert_eq!((finished.code, &finished.json()["user"]), (Some(0), &"anna".into()), "{finished:?}");
    office.stage.sync_ok();
    let mut command = office.stage.start(&["sign-in", "--device"]);
    assert!(office.provider.decline_code(&command.word_after("code")));
    let declined = command.finish();
    assert_eq!(declined.code, Some(77), "{declined:?}");
    office.stage.sync_ok();
}

#[cfg(all(unix, not(target_os = "macos")))]
#[test]
fn the_browser_of_the_system_is_opened() {
    use std::os::unix::fs::PermissionsExt as _;
    let office = Office::new();
    let (script, shown) = (office.stage.data_dir().with_file_name("browser"), office.stage.data_dir().with_file_name("shown"));
    std::fs::write(&script, format!("#!/bin/sh\necho \"$1\" >'{0}.tmp'\nmv '{0}.tmp' '{0}'\n", shown.display())).unwrap();
    std::fs::set_permissions(&script, std::fs::Permissions::from_mode(0o755)).unwrap();
    let command = office.stage.start_with(&["sign-in"], &[("BROWSER", &script.display().to_string())]);
    let url = loop {
        if let Ok(url) = std::fs::read_to_string(&shown) {
            break url;
        }
        std::thread::sleep(std::time::Duration::from_millis(5));
    };
    assert_eq!(office.stage.browse(url.trim()), 200);
    let finished = command.finish();
    assert!(finished.code == Some(0) && finished.stdout.contains("Signed in at the provider as anna, for work."), "{finished:?}");
}

#[test]
fn a_person_who_says_no_and_a_forged_answer_sign_nobody_in() {
    let office = Office::new();
    office.provider.switches(|switches| switches.consent = Consent::Denied);
    let mut command = office.stage.start(&["sign-in", "--no-browser"]);
    office.stage.browse(&command.word("http://"));
    let denied = command.finish();
    assert_eq!(denied.code, Some(77), "{denied:?}");
    assert!(denied.stderr.contains("you did not agree") && denied.stderr.contains("AADSTS65004"), "{denied:?}");

    office.provider.switches(|switches| switches.consent = Consent::Forged);
    let mut command = office.stage.start(&["sign-in", "--no-browser"]);
    let url = command.word("http://");
    assert_eq!(office.stage.browse(&url), 400, "the forged answer is turned away");
    office.provider.switches(|switches| switches.consent = Consent::Given);
    assert_eq!(office.stage.browse(&url), 200, "and the right one is waited for");
    assert_eq!(command.finish().code, Some(0));
    assert_eq!(office.provider.counts().redeemed, 1);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let office = Office::new();
    let held = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let port = held.local_addr().unwrap().port();
    let text = std::fs::read_to_string(office.stage.config_file()).unwrap();
    std::fs::write(office.stage.config_file(), text.replace("client_id =", &format!("redirect_port = {port}\nclient_id ="))).unwrap();
    let refused = office.stage.run(&["sign-in", "--no-browser"]).sane();
    assert_eq!(refused.code, Some(69), "{refused:?}");
    assert!(refused.stderr.contains(&format!("port {port}")) && refused.stderr.contains("redirect_port = 0"), "{refused:?}");
}

#[test]
fn two_sign_ins_at_once_do_not_take_each_others_answer() {
    let office = Office::new();
    let (mut first, mut second) = (office.stage.start(&["sign-in", "--no-browser"]), office.stage.start(&["sign-in", "--no-browser"]));
    let (one, two) = (first.word("http://"), second.word("http://"));
    let parts = |url: &str| {
        let url = url::Url::parse(url).unwrap();
        let value = |name: &str| url.query_pairs().find(|(key, _)| key == name).unwrap().1.into_owned();
        (value("redirect_uri"), value("state"))
    };
    let ((back_one, _), (back_two, state_two)) = (parts(&one), parts(&two));
    assert_ne!(back_one, back_two);
    assert_eq!(office.stage.browse(&format!("{back_one}/?code=x&state={state_two}")), 400);
    assert_eq!((office.stage.browse(&two), office.stage.browse(&one)), (200, 200));
    assert_eq!((first.finish().code, second.finish().code), (Some(0), Some(0)));
    office.stage.sync_ok();
}

#[test]
fn a_browser_that_was_closed_ends_the_wait() {
    // The wait is five minutes.
    if !soak() {
        return;
    }
    let office = Office::new();
    office.provider.switches(|switches| switches.consent = Consent::Closed);
    let mut command = office.stage.start(&["sign-in", "--no-browser"]);
    assert_eq!(office.stage.browse(&command.word("http://")), 200);
    let Finished { code, stderr, .. } = command.finish();
    assert!(code == Some(75) && stderr.contains("5 minutes"), "{stderr}");
}

#[test]
fn signing_out_forgets_the_sign_in_and_gives_it_back() {
    let office = Office::signed_in();
    office.stage.sync_ok();
    assert_eq!(office.stage.json(&["sign-out"])["signed_out"], "revoked");
    office.logins();
    let refused = office.stage.sync();
    assert!(refused.code == Some(78) && refused.stderr.contains("nobody is signed in"), "{refused:?}");
    assert_eq!((office.logins(), office.provider.counts().revocations), ((0, 0), 1));
    assert!(!office.is_locked());
    assert_eq!(office.stage.json(&["sign-out"])["signed_out"], "nobody");
}

#[test]
fn doctor_says_how_the_sign_in_stands() {
    let office = Office::new();
    let nobody = office.stage.run(&["doctor"]).sane();
    assert!(nobody.code == Some(1) && nobody.stdout.contains("nobody is signed in as anna; run `crmsync sign-in`"), "{nobody:?}");
    assert_eq!(office.logins(), (0, 0));
    office.sign_in();
    let fine = office.stage.run(&["doctor"]).sane();
    assert!(fine.code == Some(0) && fine.stdout.contains("signed in at the provider as anna"), "{fine:?}");
    assert!(fine.stdout.contains("good until") && fine.stdout.contains("renews itself"), "{fine:?}");
}

#[test]
fn no_token_shows_anywhere() {
    let office = Office::signed_in();
    let mut told = String::new();
    for arguments in
        [super::stage::SYNC, &["-vv", "sync", "--all"], &["-vv", "doctor"], &["config", "show", "--offline"], &["-vv", "sign-out"]]
    {
        let finished = office.stage.run(arguments).sane();
        told.push_str(&finished.stdout);
        told.push_str(&finished.stderr);
    }
    // A token of the provider is a JSON Web Token; a refresh token has 32 digits.
    assert!(!told.contains("eyJ") && !told.contains("Bearer "), "{told}");
    office.sign_in();
    let file = office.stage.config_file().with_file_name("secrets.json");
    let bytes = std::fs::read_to_string(&file).unwrap();
    assert!(!bytes.contains("eyJ") && !bytes.contains("anna") && !bytes.contains("sign-in"), "{bytes}");
    let journal = std::fs::read(office.stage.data_dir().join("journal.redb")).unwrap();
    assert!(!journal.windows(3).any(|window| window == b"eyJ"));
}

#[test]
fn a_wrong_passphrase_is_no_wrong_password() {
    let mut office = Office::signed_in();
    office.stage.passphrase = "battery staple".to_owned();
    let failed = office.stage.sync();
    assert_eq!(failed.code, Some(75), "{failed:?}");
    assert!(failed.stderr.contains("passphrase") && failed.stderr.contains("secrets.json"), "{failed:?}");
    assert_eq!(office.logins(), (0, 0));
    assert!(!office.is_locked());
    office.stage.passphrase = String::new();
    let missing = office.stage.sync();
    assert!(missing.stderr.contains("TEST_PASSPHRASE"), "{missing:?}");
    office.stage.passphrase = "correct horse".to_owned();
    office.stage.sync_ok();
}

#[test]
fn x25_a_shared_mailbox_is_opened_with_the_token_of_a_person_who_may() {
    let imap = SandboxImapOptions { users: vec![User::new(USER, "demo"), User::new("info", "demo")], ..SandboxImapOptions::default() };
    let oauth = SandboxOAuthOptions { shared: vec![(USER.to_owned(), "info".to_owned())], ..SandboxOAuthOptions::default() };
    let office = Office::with(imap, oauth, "");
    let addr = office.stage.imap_addr();
    let shared = format!(
        "\n[accounts.info]\naddresses = [\"info@nordwind.example\"]\n[accounts.info.imap]\nhost = \"{}\"\nport = {}\nsecurity = \"none\"\nuser = \"info\"\n{}",
        addr.ip(),
        addr.port(),
        office.oauth("info")
    );
    office.configure("xoauth2", &shared);
    let answer = office.sign_in();
    assert_eq!(answer["accounts"], serde_json::json!(["info", "work"]), "one sign-in for both: {answer}");
    let answer = office.stage.sync_ok();
    assert_eq!(answer["accounts"].as_array().map(Vec::len), Some(2), "{answer}");
    assert_eq!(office.logins(), (2, 0));
    // Who may not open it is told so, and the person's own mailbox goes on.
    let office = Office::with(
        SandboxImapOptions { users: vec![User::new(USER, "demo"), User::new("info", "demo")], ..SandboxImapOptions::default() },
        SandboxOAuthOptions::default(),
        "",
    );
    let shared = shared.replace(&addr.port().to_string(), &office.stage.imap_addr().port().to_string());
    let shared = format!("{}{}", shared.split("\n[accounts.info.oauth]").next().unwrap(), office.oauth("info"));
    office.configure("xoauth2", &shared);
    office.sign_in();
    let refused = office.stage.sync();
    assert_eq!(refused.code, Some(77), "{refused:?}");
    assert_eq!(office.logins(), (3, 2), "two for the mailbox that may not be opened, one for the other");
    let status = office.stage.json(&["status"]);
    let locked: Vec<bool> = status["accounts"].as_array().unwrap().iter().map(|account| !account["locked"].is_null()).collect();
    assert_eq!(locked, [true, false], "{status}");
}

#[test]
fn setup_writes_a_sign_in_and_says_what_comes_next() {
    let office = Office::new();
    std::fs::remove_file(office.stage.config_file()).unwrap();
    let (host, port) = (office.stage.imap_addr().ip().to_string(), office.stage.imap_addr().port().to_string());
    let (authorize, token) = (office.provider.endpoint("authorize"), office.provider.endpoint("token"));
    let arguments = [
        "setup",
        "--address=anna.berger@nordwind.example",
        &format!("--imap-host={host}"),
        &format!("--imap-port={port}"),
        "--imap-security=none",
        "--imap-user=anna",
        "--oauth-provider=custom",
        "--oauth-client-id=crmsync-test",
        "--oauth-scopes=mail,offline_access",
        &format!("--oauth-authorization-url={authorize}"),
        &format!("--oauth-token-url={token}"),
        &format!("--crm-url={}", office.stage.crm.url),
        "--crm-secret=env:TEST_CRM_TOKEN",
        "--secret-store=file",
        "--passphrase=env:TEST_PASSPHRASE",
    ];
    let done = office.stage.run(&arguments).sane();
    assert_eq!(done.code, Some(0), "{done:?}");
    assert!(done.stdout.contains("crmsync sign-in --account work"), "{done:?}");
    assert_eq!(office.logins(), (0, 0), "nobody is signed in yet");
    office.sign_in();
    let again = office.stage.run(&arguments).sane();
    assert!(again.code == Some(0) && !again.stdout.contains("sign-in"), "{again:?}");
    assert_eq!(office.logins(), (1, 0));
    office.stage.sync_ok();
    let text = std::fs::read_to_string(office.stage.config_file()).unwrap();
    assert!(text.contains("provider = \"custom\"") && !text.contains("\nsecret = { sign"), "{text}");
}
