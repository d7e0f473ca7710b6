use super::*;
use crate::sync::testing::{features, mailbox, settings, settings_with, source};

use MailMark::{Keyword, Move, Subfolders};
use MailSelector::{Category, Folder, Inbox};

struct Server {
    mailboxes: Vec<Mailbox>,
    features: MailStoreFeatures,
}

impl Server {
    fn new(names: &[&str]) -> Self {
        Self::with('/', "", names)
    }

    fn with(separator: char, prefix: &str, names: &[&str]) -> Self {
        Self { mailboxes: names.iter().map(|name| mailbox(name, separator)).collect(), features: features(separator, prefix) }
    }

    fn plan(&self, settings: &MailSettings) -> SourcePlan {
        self.plan_bound(settings, None, None)
    }

    fn plan_bound(&self, settings: &MailSettings, import: Option<&str>, archive: Option<&str>) -> SourcePlan {
        let statuses = ["I", "E", "Ü"].map(|key| StatusKey { key: key.to_owned(), name: key.to_owned() });
        plan_sources(&SourceInputs {
            mailboxes: &self.mailboxes,
            features: &self.features,
            settings,
            statuses: &statuses,
            import_binding: import.map(MailboxName::from).as_ref(),
            archive_binding: archive.map(MailboxName::from).as_ref(),
        })
    }
}

fn found(plan: &SourcePlan) -> Vec<(&str, &str)> {
    plan.sources.iter().map(|source| (source.mailbox.0.as_str(), source.status.as_str())).collect()
}

#[test]
fn r11_r13_the_import_folder_and_all_below_it_at_any_depth_are_sources() {
    let server = Server::new(&[
        "INBOX",
        "INBOX/Import Folder",
        "INBOX/Import Folder/CRM Erledigt [E]",
        "INBOX/Import Folder/Project/CRM Überfällig [Ü]",
        "INBOX/Import Folder/Project",
        "INBOX/CRM activities",
        "INBOX/Other",
        "INBOX/Import Folder 2",
        "Sent",
    ]);
    let plan = server.plan(&settings());
    assert_eq!(
        found(&plan),
        [
            ("INBOX/Import Folder", "I"),
            ("INBOX/Import Folder/CRM Erledigt [E]", "E"),
            ("INBOX/Import Folder/Project", "I"),
            ("INBOX/Import Folder/Project/CRM Überfällig [Ü]", "Ü"),
        ]
    );
    assert_eq!((plan.parked, plan.missing), (vec![], vec![]));
    assert_eq!(plan.import_folder, Some("INBOX/Import Folder".into()));
    assert_eq!(plan.archive_folder, Some("INBOX/CRM activities".into()));
}

#[test]
fn r14_direct_children_of_the_inbox_that_follow_the_grammar_are_sources_when_switched_on() {
    let server = Server::new(&["INBOX", "Inbox/CRM Done [E]", "INBOX/Deep/CRM Done [E]", "INBOX/CRM plain", "CRM Done [E]"]);
    assert_eq!(found(&server.plan(&settings())), [("Inbox/CRM Done [E]", "E")]);
    assert!(found(&server.plan(&MailSettings { inbox_children: false, ..settings() })).is_empty());
}

#[test]
fn r16_a_folder_with_an_unknown_status_key_is_parked_once_as_a_whole() {
    let server = Server::new(&["INBOX/CRM a [X]", "INBOX/Import Folder", "INBOX/Import Folder/CRM b [e]"]);
    let plan = server.plan(&settings());
    assert_eq!(found(&plan), [("INBOX/Import Folder", "I")]);
    assert_eq!(
        plan.parked,
        [
            ("INBOX/Import Folder/CRM b [e]".into(), Reason::new(ReasonCode::UnknownStatus, "e")),
            ("INBOX/CRM a [X]".into(), Reason::new(ReasonCode::UnknownStatus, "X")),
        ]
    );
}

#[test]
fn r13_the_import_folder_is_found_with_any_separator_and_prefix() {
    let courier = Server::with('.', "INBOX.", &["INBOX", "INBOX.Import Folder", "INBOX.Import Folder.CRM a [E]"]);
    assert_eq!(found(&courier.plan(&settings())), [("INBOX.Import Folder", "I"), ("INBOX.Import Folder.CRM a [E]", "E")]);

    let exchange = Server::new(&["Inbox", "inbox/Import Folder"]);
    assert_eq!(found(&exchange.plan(&settings())), [("inbox/Import Folder", "I")]);

    let beside = Server::new(&["INBOX", "Import Folder", "Import Folder/CRM a [E]"]);
    assert_eq!(found(&beside.plan(&settings())), [("Import Folder", "I"), ("Import Folder/CRM a [E]", "E")]);

    let both = Server::new(&["Import Folder", "INBOX/Import Folder"]);
    assert_eq!(found(&both.plan(&settings())), [("INBOX/Import Folder", "I")], "below INBOX comes first");
}

#[test]
fn r13_the_import_folder_may_be_a_full_name_in_the_servers_or_the_common_spelling() {
    for name in ["INBOX.Kunden.Import", "INBOX/Kunden/Import", "inbox/Kunden/Import", "Kunden.Import", "Kunden/Import"] {
        let server = Server::with('.', "INBOX.", &["INBOX", "INBOX.Kunden", "INBOX.Kunden.Import"]);
        let plan = server.plan(&MailSettings { import_folder: name.to_owned(), ..settings() });
        assert_eq!(found(&plan), [("INBOX.Kunden.Import", "I")], "{name}");
    }
}

#[test]
fn r13_a_name_that_differs_in_case_only_is_taken_when_it_is_the_only_one() {
    assert_eq!(found(&Server::new(&["INBOX/import folder"]).plan(&settings())), [("INBOX/import folder", "I")]);
    let two = Server::new(&["INBOX/import folder", "INBOX/IMPORT FOLDER"]).plan(&settings());
    assert!(found(&two).is_empty());
    assert!(two.missing.contains(&MissingMailbox::ImportFolder("INBOX/Import Folder".into())));
}

#[test]
fn c19_the_bound_mailbox_wins_over_the_name_as_long_as_it_exists() {
    let server = Server::new(&["INBOX", "INBOX/Import Folder", "INBOX/Importordner", "INBOX/CRM activities", "INBOX/CRM Aktivitäten"]);
    let german = MailSettings { import_folder: "Importordner".to_owned(), archive_folder: "CRM Aktivitäten".to_owned(), ..settings() };
    let plan = server.plan_bound(&german, Some("INBOX/Import Folder"), Some("INBOX/CRM activities"));
    assert_eq!(plan.import_folder, Some("INBOX/Import Folder".into()));
    assert_eq!(plan.archive_folder, Some("INBOX/CRM activities".into()));
    assert!(plan.missing.is_empty());

    let plan = server.plan_bound(&german, Some("INBOX/Gone"), Some("INBOX/Gone too"));
    assert_eq!(plan.import_folder, Some("INBOX/Importordner".into()));
    assert_eq!(plan.archive_folder, Some("INBOX/CRM Aktivitäten".into()));
}

#[test]
fn r18_missing_folders_are_created_below_the_inbox_with_the_servers_separator() {
    let missing = |server: Server| server.plan(&settings()).missing;
    let expected =
        |import: &str, archive: &str| vec![MissingMailbox::ImportFolder(import.into()), MissingMailbox::ArchiveFolder(archive.into())];
    assert_eq!(missing(Server::new(&["INBOX"])), expected("INBOX/Import Folder", "INBOX/CRM activities"));
    assert_eq!(missing(Server::with('.', "INBOX.", &["INBOX"])), expected("INBOX.Import Folder", "INBOX.CRM activities"));
    let flat = Server { mailboxes: vec![], features: MailStoreFeatures::default() };
    assert_eq!(missing(flat), expected("Import Folder", "CRM activities"));
}

#[test]
fn r18_the_archive_is_created_beside_the_import_folder() {
    let archive = |import: &str, name: &str, separator| {
        let settings = MailSettings { archive_folder: name.to_owned(), ..settings() };
        archive_mailbox(&import.into(), &features(separator, ""), &settings).0
    };
    assert_eq!(archive("INBOX/Import Folder", "Done", '/'), "INBOX/Done");
    assert_eq!(archive("Shared/Team/Import Folder", "Done", '/'), "Shared/Team/Done");
    assert_eq!(archive("Import Folder", "Done", '/'), "Done");
    assert_eq!(archive("INBOX.Import Folder", "INBOX/CRM/Done", '.'), "INBOX.CRM.Done");
    assert_eq!(archive("INBOX", "Done", '/'), "INBOX/Done");
}

#[test]
fn a_mailbox_that_the_inbox_does_not_take_is_created_beside_it_except_where_there_is_no_beside() {
    assert_eq!(beside_inbox(&"inbox/Import Folder".into(), &features('/', "")), Some("Import Folder".into()));
    assert_eq!(beside_inbox(&"INBOX.Import Folder".into(), &features('.', "INBOX.")), None);
    assert_eq!(beside_inbox(&"Import Folder".into(), &features('/', "")), None);
}

#[test]
fn a_full_name_is_created_in_the_personal_namespace() {
    let named = |name: &str, separator, prefix| creation_name(name, &features(separator, prefix));
    assert_eq!(named("Kunden.Import", '.', "INBOX."), "INBOX.Kunden.Import");
    assert_eq!(named("inbox.Kunden", '.', "INBOX."), "INBOX.Kunden");
    assert_eq!(named("INBOX/Kunden/Import", '.', "INBOX."), "INBOX.Kunden.Import");
    assert_eq!(named("Kunden/Import", '/', ""), "Kunden/Import");
    assert_eq!(named("Überfällig", '/', ""), "INBOX/Überfällig");
}

#[test]
fn archive_results_trash_junk_and_drafts_are_never_sources_nor_what_lies_below_them() {
    let mut server = Server::new(&[
        "INBOX/Import Folder",
        "INBOX/Import Folder/Processed",
        "INBOX/Import Folder/Not Found",
        "INBOX/Import Folder/not found/CRM a [E]",
        "INBOX/Import Folder/Old",
        "INBOX/Import Folder/Old/CRM a [E]",
        "INBOX/Import Folder/Bin",
        "INBOX/Import Folder/Bin/CRM a [E]",
        "INBOX/CRM Archive [E]",
    ]);
    server.mailboxes[6].special_use = Some(SpecialUse::Trash);
    let archive = MailSettings { archive_folder: "INBOX/Import Folder/Old".to_owned(), ..settings() };
    assert_eq!(found(&server.plan(&archive)), [("INBOX/CRM Archive [E]", "E"), ("INBOX/Import Folder", "I")]);

    let kept = MailSettings { archive_folder: "CRM Archive [E]".to_owned(), marks: [Keyword].into(), ..settings() };
    let plan = server.plan(&kept);
    assert!(!found(&plan).contains(&("INBOX/CRM Archive [E]", "E")), "even when mails are no longer moved");
    assert_eq!(plan.archive_folder, None);
}

#[test]
fn a_parent_that_cannot_be_selected_is_skipped_and_its_children_count() {
    let mut server = Server::new(&["INBOX/Import Folder", "INBOX/Import Folder/A", "INBOX/Import Folder/A/CRM a [E]"]);
    server.mailboxes[0].selectable = false;
    server.mailboxes[1].selectable = false;
    let plan = server.plan(&settings());
    assert_eq!(found(&plan), [("INBOX/Import Folder/A/CRM a [E]", "E")]);
    assert_eq!(plan.missing[0], MissingMailbox::ImportFolder("INBOX/Import Folder".into()));
}

#[test]
fn r12_the_inbox_is_looked_through_whole_but_for_processed_mails() {
    let server = Server::new(&["INBOX"]);
    let plan = server.plan(&settings_with(&[Inbox], &[Keyword]));
    assert_eq!(found(&plan), [("INBOX", "I")]);
    assert_eq!(plan.sources[0].query, Query { without_keyword: Some("Processed".to_owned()), ..Query::default() });
    let journal_alone = server.plan(&settings_with(&[Inbox], &[]));
    assert_eq!(journal_alone.sources[0].query, Query::default());
    assert!(journal_alone.missing.is_empty() && journal_alone.import_folder.is_none());
}

#[test]
fn r12_an_inbox_named_as_import_folder_is_still_an_inbox() {
    let plan = Server::new(&["INBOX", "INBOX/Private"]).plan(&MailSettings { import_folder: "INBOX".to_owned(), ..settings() });
    assert_eq!(found(&plan), [("INBOX", "I")]);
    assert_eq!(plan.sources[0].selector, Inbox);
}

#[test]
fn r20_the_category_is_looked_for_in_the_configured_folders() {
    let folders = MailSettings {
        category_folders: ["inbox", "Customers", "Gone", "Bin"].map(str::to_owned).into(),
        ..settings_with(&[Category], &[Keyword])
    };
    let mut server = Server::new(&["INBOX", "Customers", "Bin"]);
    server.mailboxes[2].special_use = Some(SpecialUse::Trash);
    let plan = server.plan(&folders);
    assert_eq!(found(&plan), [("Customers", "I"), ("INBOX", "I")]);
    assert!(plan.sources.iter().all(|source| source.query.with_keyword.as_deref() == Some("CRMcorner")));
    assert!(plan.sources.iter().all(|source| source.query.without_keyword.is_none()), "half-done mails are found again");
    assert_eq!(plan.missing, [MissingMailbox::CategoryFolder("Gone".into())]);

    let kept = server.plan(&MailSettings { keep_category: true, ..folders });
    assert_eq!(kept.sources[0].query.without_keyword.as_deref(), Some("Processed"));
}

#[test]
fn c11_a_folder_whose_mails_stay_is_searched_for_those_not_processed() {
    let server = Server::new(&["INBOX/Import Folder"]);
    let filter = |marks: &[MailMark]| server.plan(&settings_with(&[Folder], marks)).sources[0].query.without_keyword.clone();
    assert_eq!(filter(&[Keyword]).as_deref(), Some("Processed"));
    assert_eq!([filter(&[Keyword, Move]), filter(&[Keyword, Subfolders]), filter(&[Move]), filter(&[])], [None, None, None, None]);
}

#[test]
fn c11_a_mailbox_found_by_several_selectors_is_a_source_once() {
    let both = MailSettings {
        category_folders: ["INBOX", "INBOX/Import Folder", "Import Folder"].map(str::to_owned).into(),
        ..settings_with(&[Folder, Category, Inbox], &[Move])
    };
    let plan = Server::new(&["INBOX", "INBOX/Import Folder"]).plan(&both);
    let selectors: Vec<_> = plan.sources.iter().map(|source| (source.mailbox.0.as_str(), source.selector)).collect();
    assert_eq!(selectors, [("INBOX/Import Folder", Folder), ("INBOX", Inbox)]);
}

#[test]
fn the_inbox_is_a_source_even_when_the_server_does_not_list_it() {
    let plan = Server::new(&[]).plan(&settings_with(&[Inbox], &[]));
    assert_eq!(found(&plan), [("INBOX", "I")]);
}

#[test]
fn a_result_subfolder_lies_below_its_source() {
    let import = source("INBOX/Import Folder", Folder);
    assert_eq!(result_subfolder(&import, ResultKind::NotFound), Some("INBOX/Import Folder/Not Found".into()));
    assert_eq!(result_subfolder(&MailSource { separator: None, ..import }, ResultKind::Processed), None);
}

#[test]
fn i5_mails_that_wait_in_a_not_found_subfolder_are_looked_at_again() {
    let server = Server::new(&["INBOX", "INBOX/Not Found", "INBOX/Import Folder", "INBOX/Import Folder/Not Found"]);
    let plan = server.plan(&settings_with(&[Folder], &[Subfolders]));
    let homes: Vec<_> = plan.sources.iter().map(|source| (source.mailbox.0.as_str(), source.home.0.as_str())).collect();
    let import = "INBOX/Import Folder";
    assert_eq!(homes, [(import, import), ("INBOX/Import Folder/Not Found", import)]);
    assert_eq!(server.plan(&settings_with(&[Folder], &[Move])).sources.len(), 1, "without sub-folders as marks it is none of ours");

    let category = server.plan(&settings_with(&[Category], &[Subfolders]));
    assert!(category.sources.iter().all(|source| source.query.with_keyword.as_deref() == Some("CRMcorner")), "only what was chosen");
    assert_eq!(category.sources.len(), 2);
    assert_eq!(server.plan(&settings_with(&[Inbox], &[Subfolders])).sources.len(), 1, "the inbox selector never moves");
}

proptest::proptest! {
    #[test]
    fn any_listing_gives_a_plan_without_doubles(
        names in proptest::collection::vec("(INBOX|inbox|Import Folder|CRM a \\[E\\]|x)([/.](INBOX|Import Folder|CRM b \\[X\\]|Processed|é)){0,3}", 0..12),
        separator in proptest::sample::select(&['/', '.'][..]),
        import_folder in "(INBOX[/.])?(Import Folder|é|)",
    ) {
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.sort_unstable();
        names.dedup();
        let settings = MailSettings { import_folder, ..settings_with(&[Folder, Category, Inbox], &[Move, Keyword]) };
        let plan = Server::with(separator, "", &names).plan(&settings);
        let mut seen = std::collections::BTreeSet::new();
        proptest::prop_assert!(plan.sources.iter().all(|source| seen.insert(source.mailbox.clone())));
        proptest::prop_assert!(plan.parked.iter().all(|(name, _)| seen.insert(name.clone())));
    }
}
