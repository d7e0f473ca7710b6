//! Where commands write: text for people, one JSON object for programs.

use std::io::{self, IsTerminal as _, Write as _};

use serde::Serialize;

use super::exit::Failure;

/// How a command answers.
#[derive(Debug, Clone, Copy)]
pub(super) struct Output {
    /// One JSON object on standard output.
    pub json: bool,
}

impl Output {
    /// Writes the answer: `value` as JSON, or the text.
    pub(super) fn answer<T: Serialize>(self, value: &T, text: impl FnOnce(&mut dyn io::Write) -> io::Result<()>) -> Result<(), Failure> {
        // Standard output alone writes every line by itself.
        let mut out = io::BufWriter::new(io::stdout().lock());
        let written = if self.json {
            serde_json::to_writer_pretty(&mut out, value).map_err(io::Error::from).and_then(|()| writeln!(out))
        } else {
            text(&mut out)
        };
        finish(written.and_then(|()| out.flush()))
    }

    /// Whether a person sits in front: prompts and bars make sense.
    #[must_use]
    pub(super) fn interactive(self) -> bool {
        !self.json && io::stdin().is_terminal() && io::stderr().is_terminal()
    }
}

/// Writes a document to standard output.
pub(super) fn write_out(text: &[u8]) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    finish(out.write_all(text).and_then(|()| out.flush()))
}

/// A reader that has gone (`crmsync … | head`) is no failure.
fn finish(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => Ok(other?),
    }
}

/// Writes rows as columns, each as wide as its widest cell; the last one is free.
pub(super) fn table(out: &mut dyn io::Write, head: &[&str], rows: &[Vec<String>]) -> io::Result<()> {
    let width = |text: &str| text.chars().count();
    let mut widths: Vec<usize> = head.iter().map(|cell| width(cell)).collect();
    for row in rows {
        for (column, cell) in widths.iter_mut().zip(row) {
            *column = (*column).max(width(cell)).min(60);
        }
    }
    let mut line = |cells: &mut dyn Iterator<Item = &str>| -> io::Result<()> {
        let mut text = String::new();
        for (cell, column) in cells.zip(&widths) {
            text.push_str(&plain(cell));
            text.extend(std::iter::repeat_n(' ', column.saturating_sub(width(cell)) + 2));
        }
        writeln!(out, "{}", text.trim_end())
    };
    line(&mut head.iter().copied())?;
    for row in rows {
        line(&mut row.iter().map(String::as_str))?;
    }
    Ok(())
}

/// Text from a mail without the characters that would steer a terminal.
#[must_use]
pub(super) fn plain(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_aligns_its_columns() {
        let mut out = Vec::new();
        table(&mut out, &["AREA", "COUNT"], &[vec!["mail".into(), "3".into()], vec!["calendar".into(), "12".into()]]).unwrap();
        assert_eq!(String::from_utf8(out).unwrap(), "AREA      COUNT\nmail      3\ncalendar  12\n");
    }

    #[test]
    fn a_subject_cannot_steer_the_terminal() {
        assert_eq!(plain("a\u{1b}[2Jb\nc"), "a [2Jb c");
    }
}
