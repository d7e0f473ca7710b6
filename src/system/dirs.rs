//! Where files lie: configuration, data (journal, spool), cache, run-time files, and the organisation's policy.
//!
//! Linux and other Unix systems follow the XDG base directories, where a relative path counts as not set; Windows uses `APPDATA` and
//! `LOCALAPPDATA`; macOS uses `~/Library`.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};

/// Looks an environment variable up. Injected, so that tests decide it.
pub type Lookup<'a> = &'a dyn Fn(&str) -> Option<OsString>;

/// The rules that decide where files lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Convention {
    /// XDG base directories.
    Xdg,
    /// Known folders of Windows.
    Windows,
    /// `~/Library` of macOS.
    MacOs,
}

impl Convention {
    /// This system's.
    #[must_use]
    pub const fn of_system() -> Self {
        if cfg!(windows) {
            Self::Windows
        } else if cfg!(target_os = "macos") {
            Self::MacOs
        } else {
            Self::Xdg
        }
    }
}

/// Where crmsync's files lie.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dirs {
    /// The configuration file.
    pub config_file: PathBuf,
    /// Journal and spool. One process at a time holds it.
    pub data: PathBuf,
    /// What can be made anew.
    pub cache: PathBuf,
    /// Endpoint and token of a running agent.
    pub runtime: PathBuf,
}

/// No folder of the user is known.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no home folder ({variable} is not set or not absolute); set it, or give --config and --data-dir")]
pub struct NoHome {
    /// The variable that was looked at.
    pub variable: &'static str,
}

impl Dirs {
    /// This user's folders. `--config` and `--data-dir` win over `CRMSYNC_CONFIG` and `CRMSYNC_DATA_DIR`, and those over the system's
    /// convention. A chosen data folder holds cache and run-time files too, so that two of them never meet.
    pub fn locate(config: Option<&Path>, data: Option<&Path>) -> Result<Self, NoHome> {
        Self::locate_by(Convention::of_system(), config, data, &|name| std::env::var_os(name))
    }

    /// The same by another convention and environment.
    pub fn locate_by(convention: Convention, config: Option<&Path>, data: Option<&Path>, lookup: Lookup<'_>) -> Result<Self, NoHome> {
        let chosen = |argument: Option<&Path>, variable: &str| {
            argument.map(Path::to_owned).or_else(|| lookup(variable).filter(|value| !value.is_empty()).map(PathBuf::from))
        };
        let config = chosen(config, "CRMSYNC_CONFIG");
        let data = chosen(data, "CRMSYNC_DATA_DIR");
        if let (Some(config_file), Some(data)) = (&config, &data) {
            return Ok(Self { config_file: config_file.clone(), ..Self::inside(PathBuf::new(), data) });
        }
        let usual = Self::usual(convention, lookup)?;
        let config_file = config.unwrap_or_else(|| usual.config_file.clone());
        Ok(match data {
            Some(data) => Self::inside(config_file, &data),
            None => Self { config_file, ..usual },
        })
    }

    fn inside(config_file: PathBuf, data: &Path) -> Self {
        Self { config_file, data: data.to_owned(), cache: data.join("cache"), runtime: data.join("run") }
    }

    fn usual(convention: Convention, lookup: Lookup<'_>) -> Result<Self, NoHome> {
        let folder = |name: &str| lookup(name).map(PathBuf::from).filter(|path| is_absolute(convention, path));
        let needed = |variable: &'static str| folder(variable).ok_or(NoHome { variable });
        match convention {
            Convention::Xdg => {
                let base = |name: &str, below_home: &str| match folder(name) {
                    Some(folder) => Ok(folder.join("crmsync")),
                    None => Ok(needed("HOME")?.join(below_home).join("crmsync")),
                };
                let data = base("XDG_DATA_HOME", ".local/share")?;
                let runtime = folder("XDG_RUNTIME_DIR").map_or_else(|| data.join("run"), |folder| folder.join("crmsync"));
                let config_file = base("XDG_CONFIG_HOME", ".config")?.join("config.toml");
                Ok(Self { config_file, cache: base("XDG_CACHE_HOME", ".cache")?, runtime, data })
            }
            Convention::Windows => {
                let local = needed("LOCALAPPDATA")?.join("crmsync");
                let config_file = needed("APPDATA")?.join("crmsync").join("config.toml");
                Ok(Self { config_file, data: local.join("data"), cache: local.join("cache"), runtime: local.join("run") })
            }
            Convention::MacOs => {
                let library = needed("HOME")?.join("Library");
                let support = library.join("Application Support").join("crmsync");
                let data = support.join("data");
                Ok(Self {
                    config_file: support.join("config.toml"),
                    cache: library.join("Caches").join("crmsync"),
                    runtime: data.join("run"),
                    data,
                })
            }
        }
    }
}

/// Whether a path is absolute by a convention that may not be this system's.
fn is_absolute(convention: Convention, path: &Path) -> bool {
    if convention == Convention::of_system() {
        return path.is_absolute();
    }
    let text = path.to_string_lossy();
    match convention {
        Convention::Windows => text.starts_with("\\\\") || text.chars().nth(1) == Some(':'),
        Convention::Xdg | Convention::MacOs => text.starts_with('/'),
    }
}

/// The organisation's policy file on this system, whether or not there is one.
#[must_use]
pub fn policy_file(lookup: Lookup<'_>) -> PathBuf {
    match Convention::of_system() {
        Convention::Xdg => PathBuf::from("/etc/crmsync/policy.toml"),
        Convention::MacOs => PathBuf::from("/Library/Application Support/crmsync/policy.toml"),
        Convention::Windows => {
            let data = lookup("ProgramData").map_or_else(|| PathBuf::from("C:\\ProgramData"), PathBuf::from);
            data.join("crmsync").join("policy.toml")
        }
    }
}

/// Creates a folder, with those above it, that only its owner may read. On Windows the user's own folders are private already.
///
/// # Errors
/// What the system says; also when something else lies there.
pub fn private_dir(path: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::DirBuilderExt as _;
        builder.mode(0o700);
    }
    builder.create(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn located(convention: Convention, config: Option<&str>, data: Option<&str>, variables: &[(&str, &str)]) -> Result<Dirs, NoHome> {
        let lookup = |name: &str| variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| OsString::from(value));
        Dirs::locate_by(convention, config.map(Path::new), data.map(Path::new), &lookup)
    }

    fn paths(dirs: &Dirs) -> [String; 4] {
        [&dirs.config_file, &dirs.data, &dirs.cache, &dirs.runtime].map(|path| path.display().to_string().replace('\\', "/"))
    }

    #[test]
    fn xdg_folders_are_used_and_relative_ones_are_not() {
        let dirs = located(Convention::Xdg, None, None, &[("HOME", "/home/a")]).unwrap();
        assert_eq!(
            paths(&dirs),
            [
                "/home/a/.config/crmsync/config.toml",
                "/home/a/.local/share/crmsync",
                "/home/a/.cache/crmsync",
                "/home/a/.local/share/crmsync/run"
            ]
        );
        let xdg = [
            ("HOME", "/home/a"),
            ("XDG_CONFIG_HOME", "/c"),
            ("XDG_DATA_HOME", "relative"),
            ("XDG_CACHE_HOME", ""),
            ("XDG_RUNTIME_DIR", "/run/user/1"),
        ];
        let dirs = located(Convention::Xdg, None, None, &xdg).unwrap();
        assert_eq!(
            paths(&dirs),
            ["/c/crmsync/config.toml", "/home/a/.local/share/crmsync", "/home/a/.cache/crmsync", "/run/user/1/crmsync"]
        );
    }

    #[test]
    fn windows_and_macos_have_their_own() {
        let dirs = located(Convention::Windows, None, None, &[("APPDATA", "C:/R"), ("LOCALAPPDATA", "C:/L")]).unwrap();
        assert_eq!(paths(&dirs), ["C:/R/crmsync/config.toml", "C:/L/crmsync/data", "C:/L/crmsync/cache", "C:/L/crmsync/run"]);
        let dirs = located(Convention::MacOs, None, None, &[("HOME", "/Users/a")]).unwrap();
        let support = "/Users/a/Library/Application Support/crmsync";
        let expected = [
            format!("{support}/config.toml"),
            format!("{support}/data"),
            "/Users/a/Library/Caches/crmsync".to_owned(),
            format!("{support}/data/run"),
        ];
        assert_eq!(paths(&dirs), expected);
    }

    #[test]
    fn arguments_win_over_the_environment_and_a_chosen_data_folder_holds_all() {
        let variables = [("HOME", "/home/a"), ("CRMSYNC_CONFIG", "/e/c.toml"), ("CRMSYNC_DATA_DIR", "/e/d")];
        let dirs = located(Convention::Xdg, None, None, &variables).unwrap();
        assert_eq!(paths(&dirs), ["/e/c.toml", "/e/d", "/e/d/cache", "/e/d/run"]);
        let dirs = located(Convention::Xdg, Some("my.toml"), Some("/x"), &variables).unwrap();
        assert_eq!(paths(&dirs), ["my.toml", "/x", "/x/cache", "/x/run"]);
        let dirs = located(Convention::Xdg, None, Some("/x"), &[("HOME", "/home/a")]).unwrap();
        assert_eq!(paths(&dirs)[0], "/home/a/.config/crmsync/config.toml");
    }

    #[test]
    fn without_a_home_both_have_to_be_given() {
        assert_eq!(located(Convention::Xdg, None, Some("/x"), &[]), Err(NoHome { variable: "HOME" }));
        assert!(located(Convention::Xdg, Some("c"), Some("/x"), &[]).is_ok());
        assert_eq!(located(Convention::Windows, None, None, &[("APPDATA", "C:/R")]), Err(NoHome { variable: "LOCALAPPDATA" }));
    }

    #[test]
    fn a_private_folder_is_for_its_owner_alone() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().join("a").join("b");
        private_dir(&path).unwrap();
        private_dir(&path).unwrap();
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        }
        std::fs::write(parent.path().join("file"), "").unwrap();
        assert!(private_dir(&parent.path().join("file")).is_err());
    }
}
