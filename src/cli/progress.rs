//! Shows a run while it goes on: the status table (R53), redrawn in place on a terminal, plain lines elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::engine::{Observer, RunEvent};
use crate::journal::{AreaCount, ItemOutcome};
use crate::model::Area;

use super::exit::Failure;
use super::output::{Output, plain};
use super::status::write_areas;

/// Listens to a run for the command line.
pub(super) struct Progress {
    output: Output,
    /// Goes on without asking.
    all: bool,
    bar: Option<ProgressBar>,
    areas: Mutex<BTreeMap<Area, AreaCount>>,
}

impl Progress {
    pub(super) fn new(output: Output, all: bool) -> Self {
        let bar = io::stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
            bar.set_style(ProgressStyle::with_template("{spinner} {msg}").unwrap_or_else(|_| ProgressStyle::default_spinner()));
            bar.enable_steady_tick(std::time::Duration::from_millis(250));
            bar
        });
        Self { output, all, bar, areas: Mutex::default() }
    }

    /// Removes the table from the terminal.
    pub(super) fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    fn say(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.println(line),
            None => {
                // Progress is a courtesy: a closed standard error stops nothing.
                let _ = writeln!(io::stderr(), "{line}");
            }
        }
    }

    fn redraw(&self, area: Area, count: AreaCount) {
        let Ok(mut areas) = self.areas.lock() else { return };
        areas.insert(area, count);
        if let Some(bar) = &self.bar {
            let mut text = Vec::new();
            // Writing into memory does not fail.
            let _ = write_areas(&mut text, &areas);
            bar.set_message(format!("{} left\n{}", count.left, String::from_utf8_lossy(&text)));
        } else if !self.output.json {
            self.say(&format!("{area}: {} done, {} changed, {} errors, {} left", count.count, count.changed, count.errors, count.left));
        }
    }
}

impl Observer for Progress {
    fn event(&self, event: &RunEvent) {
        match event {
            RunEvent::Surveyed { collection, found, .. } if *found > 0 && !self.output.json => {
                self.say(&format!("{}: {found} to look at", plain(collection)));
            }
            RunEvent::Progress { area, count } => self.redraw(*area, *count),
            RunEvent::Waiting { why, delay } => self.say(&format!("waiting {} s: {why}", delay.as_secs())),
            RunEvent::Item(item) if item.outcome == ItemOutcome::Parked && !self.output.json => {
                let why = item.reason.as_ref().map_or_else(String::new, ToString::to_string);
                self.say(&format!("waits: {} ({})", plain(&item.title), plain(&why)));
            }
            _ => {}
        }
    }

    fn asks(&self) -> bool {
        !self.all
    }

    fn go_on(&self, left: u64) -> bool {
        if !self.output.interactive() {
            return false;
        }
        let question = format!("{left} are left. Go on with the next batch?");
        let answer = match &self.bar {
            Some(bar) => bar.suspend(|| ask(self.output, &question)),
            None => ask(self.output, &question),
        };
        answer.unwrap_or(false)
    }
}

/// Asks a question on the terminal; without one, the answer is no.
pub(super) fn ask(output: Output, question: &str) -> Result<bool, Failure> {
    if !output.interactive() {
        return Ok(false);
    }
    let mut err = io::stderr().lock();
    write!(err, "{question} [y/N] ")?;
    err.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes" | "j" | "ja"))
}

/// Asks for a line on the terminal; `None` at its end.
pub(super) fn prompt(question: &str) -> Result<Option<String>, Failure> {
    let mut err = io::stderr().lock();
    write!(err, "{question} ")?;
    err.flush()?;
    let mut answer = String::new();
    Ok((io::stdin().read_line(&mut answer)? > 0).then(|| answer.trim_end().to_owned()))
}
