//! Reads a configuration or policy file: every fault in it, each with its line and column.

use std::ops::Range;
use std::path::Path;

use toml_edit::{Document, Item, TableLike};

use super::Secret;
use super::fault::{Fault, Place, Problem};
use super::schema;
use super::value::{Kind, SECRET_REPAIR, Value, unique};

/// Larger files are no configuration.
const MAX_FILE: u64 = 1024 * 1024;

/// A value where it was found.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Assigned {
    /// Full key, with the account's name.
    pub(super) key: String,
    pub(super) value: Value,
    pub(super) place: Place,
}

/// What a file says.
#[derive(Debug, Default)]
pub(super) struct FileContent {
    pub(super) assigned: Vec<Assigned>,
    /// Tables of accounts, empty ones too.
    pub(super) accounts: Vec<(String, Place)>,
    /// Keys (or patterns with `*`) that narrower levels may not change; a policy file's.
    pub(super) locked: Vec<(String, Place)>,
    pub(super) faults: Vec<Fault>,
}

/// What kind of file it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// The user's configuration file.
    User,
    /// The organisation's policy file: may hold `locked`.
    Policy,
}

/// Reads the text of a file.
pub(super) fn read_text(path: &Path, role: Role) -> Result<String, Fault> {
    use std::io::Read as _;
    let at = |what: String, repair: &str| Fault {
        severity: super::Severity::Error,
        place: Place::File { path: path.to_owned(), line: 0, column: 0 },
        key: None,
        what,
        repair: repair.to_owned(),
    };
    let readable = "make it a file that you may read";
    let file = std::fs::File::open(path).map_err(|error| match (error.kind(), role) {
        (std::io::ErrorKind::NotFound, Role::User) => {
            at("there is no configuration file".to_owned(), "run `crmsync setup`, or write one from `crmsync config example`")
        }
        (std::io::ErrorKind::NotFound, Role::Policy) => at("there is no policy file".to_owned(), "correct CRMSYNC_POLICY"),
        _ => at(format!("cannot be read: {error}"), readable),
    })?;
    let mut bytes = Vec::new();
    file.take(MAX_FILE + 1).read_to_end(&mut bytes).map_err(|error| at(format!("cannot be read: {error}"), readable))?;
    if bytes.len() as u64 > MAX_FILE {
        return Err(at("is larger than 1 MiB".to_owned(), "name the right file"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let before = error.as_bytes().get(..error.utf8_error().valid_up_to()).unwrap_or_default();
        let (line, column) = position(&String::from_utf8_lossy(before), before.len());
        let mut fault = at("is not UTF-8 here".to_owned(), "save the file as UTF-8");
        fault.place = Place::File { path: path.to_owned(), line, column };
        fault
    })
}

/// Reads the settings in the text of a file.
pub(super) fn parse(path: &Path, text: &str, role: Role) -> FileContent {
    let mut reader = Reader { path, text, lines: Lines::of(text), content: FileContent::default() };
    match Document::parse(text) {
        Ok(document) => reader.tables(document.as_table(), role),
        Err(error) => {
            let place = reader.place(error.span());
            let what = format!("is not TOML: {}", error.message().replace('\n', ", "));
            let repair = "correct this line; `crmsync config example` shows how it is written".to_owned();
            reader.content.faults.push(Fault { severity: super::Severity::Error, place, key: None, what, repair });
        }
    }
    reader.content
}

struct Reader<'a> {
    path: &'a Path,
    text: &'a str,
    lines: Lines,
    content: FileContent,
}

impl Reader<'_> {
    fn place(&self, span: Option<Range<usize>>) -> Place {
        let (line, column) = span.map_or((0, 0), |span| self.lines.position(self.text, span.start));
        Place::File { path: self.path.to_owned(), line, column }
    }

    fn fault(&mut self, span: Option<Range<usize>>, key: &str, problem: Problem) {
        let place = self.place(span);
        self.content.faults.push(Fault::error(place, key, problem));
    }

    /// Walks the tables. A table is entered only where the schema has one, so the depth is the schema's.
    fn tables(&mut self, root: &dyn TableLike, role: Role) {
        let mut waiting = vec![(String::new(), root)];
        while let Some((prefix, table)) = waiting.pop() {
            for (name, item) in table.iter() {
                let key = if prefix.is_empty() { name.to_owned() } else { format!("{prefix}.{name}") };
                let key_span = table.key(name).and_then(toml_edit::Key::span).or_else(|| item.span());
                if prefix == "accounts" && !is_account_name(name) {
                    let what = "an account's name has 1 to 40 of the characters A-Z a-z 0-9 _ -";
                    self.fault(key_span, &key, Problem::new(what, "rename it, for example [accounts.work]"));
                } else if prefix.is_empty() && name == "locked" && role == Role::Policy {
                    self.locks(item, key_span);
                } else if let Some(setting) = schema::by_key(&key) {
                    self.setting(&key, setting.kind, item, key_span);
                } else if schema::is_table(&key) {
                    match item.as_table_like() {
                        Some(inner) => {
                            if prefix == "accounts" {
                                let place = self.place(key_span);
                                self.content.accounts.push((name.to_owned(), place));
                            }
                            waiting.push((key, inner));
                        }
                        None => self.not_a_table(&key, item, key_span),
                    }
                } else {
                    self.unknown(&key, key_span);
                }
            }
        }
    }

    fn not_a_table(&mut self, key: &str, item: &Item, span: Option<Range<usize>>) {
        let header = if key == "accounts" { "accounts.NAME" } else { key };
        let what = if item.is_array_of_tables() { "is a list of tables" } else { "is a value, and has to be a table" };
        self.fault(span, key, Problem::new(what, format!("write [{header}]")));
    }

    fn unknown(&mut self, key: &str, span: Option<Range<usize>>) {
        let mut problem = schema::unknown(key);
        if key == "locked" {
            "only a policy file locks settings".clone_into(&mut problem.repair);
        } else if looks_like_secret(key) {
            problem.repair = format!("a secret never stands in the file; set `secret`: {SECRET_REPAIR}");
        }
        self.fault(span, key, problem);
    }

    fn locks(&mut self, item: &Item, span: Option<Range<usize>>) {
        let Some(list) = item.as_array() else {
            return self.fault(
                item.span().or(span),
                "locked",
                Problem::new(wrong_type(item), "write a list of keys: locked = [\"mail.never_log\"]"),
            );
        };
        for element in list {
            match element.as_str() {
                Some(key) if schema::by_key(key).is_some() => {
                    let place = self.place(element.span());
                    self.content.locked.push((key.to_owned(), place));
                }
                Some(key) => {
                    let mut problem = schema::unknown(key);
                    problem.what = format!("there is no setting {}", super::value::quote(key));
                    self.fault(element.span(), "locked", problem);
                }
                None => self.fault(element.span(), "locked", Problem::new("is not the key of a setting", "write it as a text")),
            }
        }
    }

    fn setting(&mut self, key: &str, kind: Kind, item: &Item, key_span: Option<Range<usize>>) {
        let span = item.span().or(key_span.clone());
        let read = match (kind, item) {
            (Kind::Secret, _) => secret(item).map(Value::Secret).map_err(|problem| vec![(span, problem)]),
            (Kind::Many(element), _) if item.is_array() => {
                let mut texts = Vec::new();
                let mut problems = Vec::new();
                for part in item.as_array().into_iter().flatten() {
                    match part.as_str().map(|text| element.check(text)) {
                        Some(Ok(text)) => texts.push(text),
                        Some(Err(problem)) => problems.push((part.span(), problem)),
                        None => problems.push((
                            part.span(),
                            Problem::new(format!("a value of type {} stands in a list of texts", part.type_name()), kind.expected()),
                        )),
                    }
                }
                if problems.is_empty() { Ok(Value::List(unique(texts))) } else { Err(problems) }
            }
            _ => {
                let value = match (kind, item.as_bool(), item.as_integer(), item.as_str()) {
                    (Kind::Bool, Some(value), ..) => Ok(Value::Bool(value)),
                    (Kind::Integer { .. } | Kind::Size { .. }, _, Some(number), _) => kind.integer(number),
                    (Kind::Size { .. }, _, _, Some(text)) => kind.size(text),
                    (Kind::One(element), _, _, Some(text)) => element.check(text).map(Value::Text),
                    _ => Err(Problem::new(wrong_type(item), kind.expected())),
                };
                value.map_err(|problem| vec![(span, problem)])
            }
        };
        match read {
            Ok(value) => {
                let place = self.place(key_span);
                self.content.assigned.push(Assigned { key: key.to_owned(), value, place });
            }
            Err(problems) => {
                for (span, problem) in problems {
                    self.fault(span, key, problem);
                }
            }
        }
    }
}

/// Reads where a secret is. No message repeats what stands there: it may be the secret.
fn secret(item: &Item) -> Result<Secret, Problem> {
    let problem = |what: &str| Err(Problem::new(what, SECRET_REPAIR));
    let Some(table) = item.as_table_like() else {
        return problem("a secret never stands in the file");
    };
    let mut entries = table.iter();
    let (Some((name, value)), None) = (entries.next(), entries.next()) else {
        return problem("a secret has exactly one of keyring, env and command");
    };
    match (name, value.as_str(), value.as_array()) {
        ("keyring", Some(entry), _) if !entry.trim().is_empty() && !entry.chars().any(char::is_control) => {
            Ok(Secret::Keyring(entry.to_owned()))
        }
        ("keyring", ..) => problem("keyring has to be the name of an entry"),
        ("env", Some(variable), _) if is_variable(variable) => Ok(Secret::Environment(variable.to_owned())),
        ("env", ..) => problem("env has to be the name of an environment variable: letters, digits and _"),
        ("command", _, Some(words)) => {
            let words: Option<Vec<String>> = words.iter().map(|word| word.as_str().map(str::to_owned)).collect();
            match words {
                Some(words)
                    if words.first().is_some_and(|program| !program.trim().is_empty()) && !words.iter().any(|word| word.contains('\0')) =>
                {
                    Ok(Secret::Command(words))
                }
                _ => problem("command has to be a list of texts that begins with a program"),
            }
        }
        ("command", ..) => problem("command has to be a list: the program, then its arguments; no shell reads it"),
        _ => problem("a secret is one of keyring, env and command"),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && !name.starts_with(|c: char| c.is_ascii_digit()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// 1 to 40 of `A-Z a-z 0-9 _ -`: the name becomes part of keys, of environment variables and of the names of keyring entries.
pub(super) fn is_account_name(name: &str) -> bool {
    (1..=40).contains(&name.len()) && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
}

fn looks_like_secret(key: &str) -> bool {
    let leaf = key.rsplit('.').next().unwrap_or_default().to_ascii_lowercase();
    ["password", "passwd", "token", "api_key", "apikey", "pass"].contains(&leaf.as_str())
}

fn wrong_type(item: &Item) -> String {
    format!("is of type {}", item.type_name())
}

/// Line and column, counted from 1, of a byte offset; the column in characters.
fn position(text: &str, offset: usize) -> (usize, usize) {
    Lines::of(text).position(text, offset)
}

/// Where the lines of a text begin.
struct Lines(Vec<usize>);

impl Lines {
    fn of(text: &str) -> Self {
        Self(std::iter::once(0).chain(text.match_indices('\n').map(|(newline, _)| newline + 1)).collect())
    }

    fn position(&self, text: &str, offset: usize) -> (usize, usize) {
        let line = self.0.partition_point(|start| *start <= offset);
        let start = self.0.get(line.saturating_sub(1)).copied().unwrap_or_default();
        // An offset inside of a character counts as the character itself.
        let column = text.get(start..).unwrap_or_default().char_indices().take_while(|(at, _)| start + at < offset);
        (line, column.filter(|(_, c)| *c != '\u{feff}').count() + 1)
    }
}
