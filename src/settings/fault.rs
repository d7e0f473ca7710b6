//! What is wrong with a configuration: what, where, and how to repair it.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::model::SettingLevel;

/// Where a value stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// Nowhere: the built-in default.
    Default,
    /// In a file, at a line and column counted from 1; line 0 is the file as a whole.
    File {
        /// The file as it was named.
        path: PathBuf,
        /// Line.
        line: usize,
        /// Column in characters.
        column: usize,
    },
    /// In the CRM, as this setting type at this level.
    Crm {
        /// Setting type.
        name: String,
        /// Level.
        level: SettingLevel,
    },
    /// In an environment variable.
    Environment(String),
    /// On the command line.
    CommandLine,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { path, line: 0, .. } => write!(f, "{}", path.display()),
            Self::File { path, line, column } => write!(f, "{}:{line}:{column}", path.display()),
            Self::Crm { name, .. } => write!(f, "CRM setting {name}"),
            Self::Environment(variable) => write!(f, "environment variable {variable}"),
            Self::CommandLine => f.write_str("command line"),
        }
    }
}

/// How bad a fault is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The program runs; something is not as it was meant.
    Warning,
    /// The program does not start with it.
    Error,
}

/// One fault. Its text never holds a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// How bad it is.
    pub severity: Severity,
    /// Where it stands.
    pub place: Place,
    /// Key of the setting, where it is about one.
    pub key: Option<String>,
    /// What is wrong.
    pub what: String,
    /// What to do about it.
    pub repair: String,
}

impl Fault {
    /// A fault that keeps the program from starting.
    pub(super) fn error(place: Place, key: &str, problem: Problem) -> Self {
        Self { severity: Severity::Error, place, key: Some(key.to_owned()), what: problem.what, repair: problem.repair }
    }

    /// A fault to tell about.
    pub(super) fn warning(place: Place, key: &str, problem: Problem) -> Self {
        Self { severity: Severity::Warning, ..Self::error(place, key, problem) }
    }

    /// The fault as JSON: severity, place, file, line, column, key, what, repair.
    #[must_use]
    pub fn to_json(&self) -> serde_json::Value {
        let (file, line, column) = match &self.place {
            Place::File { path, line: 0, .. } => (Some(path.display().to_string()), None, None),
            Place::File { path, line, column } => (Some(path.display().to_string()), Some(*line), Some(*column)),
            _ => (None, None, None),
        };
        serde_json::json!({
            "severity": self.severity, "place": self.place.to_string(), "file": file, "line": line, "column": column,
            "key": self.key, "what": self.what, "repair": self.repair,
        })
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: ", self.place)?;
        if self.severity == Severity::Warning {
            f.write_str("warning: ")?;
        }
        if let Some(key) = &self.key {
            write!(f, "{key}: ")?;
        }
        write!(f, "{}; {}", self.what, self.repair)
    }
}

/// What is wrong with a value, before it is known where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    /// What is wrong.
    pub(super) what: String,
    /// What to do about it.
    pub(super) repair: String,
}

impl Problem {
    /// A problem with its repair.
    pub(super) fn new(what: impl Into<String>, repair: impl Into<String>) -> Self {
        Self { what: what.into(), repair: repair.into() }
    }
}

/// Every fault of a configuration that cannot be used, one a line. Warnings found on the way stand among them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SettingsFaults(pub Vec<Fault>);

impl fmt::Display for SettingsFaults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, fault) in self.0.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for SettingsFaults {}
