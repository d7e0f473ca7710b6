//! `crmsync config`: `example`, `check`, `show`, `path`. Each writes to what it is given and returns an exit code.

use std::io::{self, Write};

use serde_json::json;

use crate::settings::{Effective, EffectiveSetting, Fault, Secrets, SettingsFaults, Severity, Sources, load};
use crate::system::Dirs;

use super::arguments::{Config, ConfigAction, Global};
use super::exit::{Exit, Failure, Outcome};
use super::output::write_out;
use super::session::{connect, crm_settings, sources};

pub(super) async fn run(global: &Global, arguments: &Config) -> Outcome {
    if let ConfigAction::Example = arguments.action {
        return printed(example);
    }
    let (sources, dirs) = sources(global)?;
    match arguments.action {
        ConfigAction::Show { offline } => {
            let effective = if offline { load(&sources, None)? } else { with_crm(&sources).await? };
            printed(|out| show(&effective, global.json, out))
        }
        ConfigAction::Path => printed(|out| path(&dirs, global.json, out)),
        ConfigAction::Check | ConfigAction::Example => printed(|out| check(&load(&sources, None), global.json, out)),
    }
}

/// Writes an answer to standard output, whole.
fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<Exit>) -> Outcome {
    let mut text = Vec::new();
    let exit = print(&mut text)?;
    write_out(&text)?;
    Ok(exit)
}

/// The settings with the CRM's level. A CRM that cannot be asked now is told; the rest is shown all the same.
async fn with_crm(sources: &Sources) -> Result<Effective, Failure> {
    let local = load(sources, None)?;
    let asked = match connect(&local.settings, &Secrets::of_system()).await {
        Ok(crm) => crm_settings(&crm).await,
        Err(failure) => Err(failure),
    };
    match asked {
        Ok(settings) => Ok(load(sources, settings.as_ref())?),
        Err(failure) => {
            super::eprint_lines(&format!("without the CRM's level: {}", failure.message));
            Ok(local)
        }
    }
}

/// Prints the commented example.
fn example(out: &mut dyn Write) -> io::Result<Exit> {
    out.write_all(crate::settings::example().as_bytes())?;
    Ok(Exit::Ok)
}

/// Prints every fault on a line of its own, or that there is none. `loaded` is what [`crate::settings::load`] gave.
///
/// JSON: `{"ok": …, "faults": […]}`; a fault has severity, place, file, line, column, key, what and repair.
fn check(loaded: &Result<Effective, SettingsFaults>, json: bool, out: &mut dyn Write) -> io::Result<Exit> {
    let faults: &[Fault] = match loaded {
        Ok(effective) => &effective.warnings,
        Err(SettingsFaults(faults)) => faults,
    };
    if json {
        let faults: Vec<_> = faults.iter().map(Fault::to_json).collect();
        write_json(&json!({ "ok": loaded.is_ok(), "faults": faults }), out)?;
    } else {
        for fault in faults {
            writeln!(out, "{fault}")?;
        }
        let errors = faults.iter().filter(|fault| fault.severity == Severity::Error).count();
        match (errors, faults.len()) {
            (0, 0) => writeln!(out, "The configuration is sound.")?,
            (0, warnings) => writeln!(out, "The configuration is usable; warnings: {warnings}.")?,
            (errors, all) => writeln!(out, "The configuration cannot be used; faults: {errors}, warnings: {}.", all - errors)?,
        }
    }
    Ok(if loaded.is_ok() { Exit::Ok } else { Exit::Config })
}

/// Prints every setting in force with where it comes from and whether it is locked, then the CRM's settings that steer nothing here. Of a
/// secret, only where it is.
///
/// JSON: `{"settings": [{key, value, origins: [{level, place}], locked}], "other": [{key, value, level, locked}], "warnings": […]}`.
fn show(effective: &Effective, json: bool, out: &mut dyn Write) -> io::Result<Exit> {
    if json {
        let settings: Vec<_> = effective.origins.iter().map(setting_json).collect();
        let other: Vec<_> = effective
            .other
            .iter()
            .map(|held| json!({ "key": held.key, "value": held.value, "level": held.level, "locked": held.locked }))
            .collect();
        let warnings: Vec<_> = effective.warnings.iter().map(Fault::to_json).collect();
        write_json(&json!({ "settings": settings, "other": other, "warnings": warnings }), out)?;
        return Ok(Exit::Ok);
    }
    let mut rows = vec![["SETTING".to_owned(), "VALUE".to_owned(), "FROM".to_owned(), "LOCKED".to_owned()]];
    rows.extend(effective.origins.iter().map(|setting| {
        let locked = setting.locked.as_ref().map(|place| format!("by {place}")).unwrap_or_default();
        [setting.key.clone(), setting.value.clone().unwrap_or_else(|| "-".to_owned()), from(setting), locked]
    }));
    rows.extend(effective.other.iter().map(|held| {
        let level = crate::settings::Level::from(held.level).name();
        let locked = if held.locked { "by the CRM" } else { "" };
        [held.key.clone(), held.value.clone(), format!("{level}: CRM setting (not used)"), locked.to_owned()]
    }));
    table(&rows, out)?;
    for warning in &effective.warnings {
        writeln!(out, "{warning}")?;
    }
    Ok(Exit::Ok)
}

/// Prints where files lie.
///
/// JSON: `{"config", "data", "cache", "runtime"}`.
fn path(dirs: &Dirs, json: bool, out: &mut dyn Write) -> io::Result<Exit> {
    let rows = [("config", &dirs.config_file), ("data", &dirs.data), ("cache", &dirs.cache), ("runtime", &dirs.runtime)];
    if json {
        let paths: serde_json::Map<_, _> =
            rows.iter().map(|(name, path)| ((*name).to_owned(), path.display().to_string().into())).collect();
        write_json(&paths.into(), out)?;
    } else {
        for (name, path) in rows {
            writeln!(out, "{name:8} {}", path.display())?;
        }
    }
    Ok(Exit::Ok)
}

fn setting_json(setting: &EffectiveSetting) -> serde_json::Value {
    let origins: Vec<_> =
        setting.origins.iter().map(|origin| json!({ "level": origin.level, "place": origin.place.to_string() })).collect();
    json!({
        "key": setting.key, "value": setting.json, "origins": origins, "locked": setting.locked.as_ref().map(ToString::to_string),
    })
}

fn from(setting: &EffectiveSetting) -> String {
    let origins: Vec<String> = setting
        .origins
        .iter()
        .map(|origin| {
            let (level, place) = (origin.level.name(), origin.place.to_string());
            // "default: default" and "command-line: command line" say nothing twice.
            if level.replace('-', " ") == place { place } else { format!("{level}: {place}") }
        })
        .collect();
    origins.join(" + ")
}

/// Columns as wide as their widest cell, the last one open; long values are cut at 60 characters, JSON has them whole.
fn table(rows: &[[String; 4]], out: &mut dyn Write) -> io::Result<()> {
    const WIDEST: usize = 60;
    let width = |text: &str| text.chars().count().min(WIDEST);
    let mut widths = [0; 3];
    for row in rows {
        for (widest, cell) in widths.iter_mut().zip(row) {
            *widest = width(cell).max(*widest);
        }
    }
    let [first, second, third] = widths;
    for [key, value, from, locked] in rows {
        let value: String =
            if value.chars().count() > WIDEST { value.chars().take(WIDEST - 1).chain(['…']).collect() } else { value.clone() };
        let line = format!("{key:first$}  {value:second$}  {from:third$}  {locked}");
        writeln!(out, "{}", line.trim_end())?;
    }
    Ok(())
}

fn write_json(value: &serde_json::Value, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, value)?;
    writeln!(out)
}

#[cfg(test)]
mod tests {
    use std::path::Path;
    use std::sync::Arc;

    use super::*;
    use crate::settings::{Sources, load};

    const SOUND: &str = "[crm]\nurl = \"https://crm.example.com/\"\nsecret = { command = [\"pass\", \"show\", \"hunter2\"] }\n\
        [accounts.work.imap]\nhost = \"imap.example.com\"\nuser = \"anna@example.com\"\nsecret = { keyring = \"work\" }\n";

    fn loaded(text: &str) -> Result<Effective, SettingsFaults> {
        let folder = tempfile::tempdir().unwrap();
        let config = folder.path().join("config.toml");
        std::fs::write(&config, text).unwrap();
        load(&Sources { config, policy: None, environment: Arc::new(|_| None), overrides: Vec::new() }, None)
    }

    fn printed(print: impl FnOnce(&mut dyn Write) -> io::Result<Exit>) -> (Exit, String) {
        let mut out = Vec::new();
        let code = print(&mut out).unwrap();
        (code, String::from_utf8(out).unwrap())
    }

    #[test]
    fn x31_check_ends_with_78_and_names_line_and_key() {
        let bad = loaded(&format!("{SOUND}[mail]\nselectors = [\"foldr\"]\n"));
        let (code, text) = printed(|out| check(&bad, false, out));
        assert_eq!(code, Exit::Config);
        assert!(
            text.contains("config.toml:9:14: mail.selectors: \"foldr\" is none of folder, category, inbox; did you mean \"folder\"?"),
            "{text}"
        );
        let (code, text) = printed(|out| check(&bad, true, out));
        let json: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!((code, &json["ok"], &json["faults"][0]["line"]), (Exit::Config, &false.into(), &9.into()));

        let (code, text) = printed(|out| check(&loaded(SOUND), false, out));
        assert_eq!((code, text.as_str()), (Exit::Ok, "The configuration is sound.\n"));
    }

    #[test]
    fn r121_show_prints_every_value_with_its_origin_and_no_secret() {
        let effective = loaded(SOUND).unwrap();
        let (code, text) = printed(|out| show(&effective, false, out));
        assert_eq!(code, Exit::Ok);
        assert!(
            text.lines().any(|line| line.starts_with("mail.category ") && line.contains("\"CRMcorner\"") && line.ends_with("default")),
            "{text}"
        );
        assert!(
            text.lines().any(|line| line.starts_with("crm.url ") && line.contains("user: ") && line.contains("config.toml:2:1")),
            "{text}"
        );
        let (_, json) = printed(|out| show(&effective, true, out));
        let parsed: serde_json::Value = serde_json::from_str(&json).unwrap();
        assert!(parsed["settings"].as_array().unwrap().len() > 45);
        for output in [text, json] {
            assert!(!output.contains("hunter2"), "arguments of a command are private");
        }
    }

    #[test]
    fn path_names_all_folders() {
        let lookup = |_: &str| None;
        let dirs = Dirs::locate_by(crate::system::Convention::Xdg, Some(Path::new("/c.toml")), Some(Path::new("/d")), &lookup).unwrap();
        let (_, text) = printed(|out| path(&dirs, false, out));
        assert!(text.starts_with("config   /c.toml\ndata     "), "{text}");
        let (_, text) = printed(|out| path(&dirs, true, out));
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap()["config"], "/c.toml");
    }
}
