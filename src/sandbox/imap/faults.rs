//! Faults at a chosen command, and the counters tests read.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::ImapHandle;

/// When a fault strikes.
#[derive(Debug, Clone)]
pub struct Trigger {
    /// Upper-case command, for example `UID FETCH`; `LOGIN` stands for AUTHENTICATE too; `GREETING` is the greeting; `None` is any command.
    pub command: Option<String>,
    /// At which occurrence, counted from 1 since the fault was set.
    pub nth: u64,
    /// At every later occurrence too.
    pub and_later: bool,
}

impl Trigger {
    /// At the next such command.
    #[must_use]
    pub fn next(command: &str) -> Self {
        Self::nth(command, 1)
    }

    /// At the `nth` such command from now, counted from 1.
    #[must_use]
    pub fn nth(command: &str, nth: u64) -> Self {
        Self { command: Some(command.to_ascii_uppercase()), nth, and_later: false }
    }

    /// At every such command from now.
    #[must_use]
    pub fn every(command: &str) -> Self {
        Self { and_later: true, ..Self::next(command) }
    }

    /// At the `nth` command of any kind from now (the greeting does not count).
    #[must_use]
    pub const fn any(nth: u64) -> Self {
        Self { command: None, nth, and_later: false }
    }
}

/// What happens.
#[derive(Clone)]
pub enum Fault {
    /// The command is not executed; its tagged answer is this, for example `NO [UNAVAILABLE] Try later` or `BAD no`.
    Answer(String),
    /// The command is executed and its untagged answers are sent, but the tagged one is this.
    AnswerAfter(String),
    /// The command is not executed; exactly these bytes are sent, `{tag}` replaced. For hostile answers.
    Raw(Vec<u8>),
    /// The command is not executed; `* BYE` with this text and the end.
    Bye(String),
    /// The connection ends before the command is executed.
    DropBefore,
    /// The connection ends after the command was executed, without an answer.
    DropAfter,
    /// The command is executed, and the connection ends after so many bytes of its answer.
    Truncate(usize),
    /// Neither executed nor answered; the connection stays open.
    SilenceBefore,
    /// Executed but never answered; the connection stays open.
    SilenceAfter,
    /// Executed after this time.
    Delay(Duration),
    /// This runs first, for example an EXPUNGE by someone else; then the command is executed.
    Run(Arc<dyn Fn(&ImapHandle) + Send + Sync>),
}

impl Fault {
    /// `run` takes place before the command is executed.
    pub fn run(run: impl Fn(&ImapHandle) + Send + Sync + 'static) -> Self {
        Self::Run(Arc::new(run))
    }
}

impl fmt::Debug for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Answer(text) => f.debug_tuple("Answer").field(text).finish(),
            Self::AnswerAfter(text) => f.debug_tuple("AnswerAfter").field(text).finish(),
            Self::Raw(bytes) => f.debug_tuple("Raw").field(&bytes.len()).finish(),
            Self::Bye(text) => f.debug_tuple("Bye").field(text).finish(),
            Self::DropBefore => f.write_str("DropBefore"),
            Self::DropAfter => f.write_str("DropAfter"),
            Self::Truncate(bytes) => f.debug_tuple("Truncate").field(bytes).finish(),
            Self::SilenceBefore => f.write_str("SilenceBefore"),
            Self::SilenceAfter => f.write_str("SilenceAfter"),
            Self::Delay(time) => f.debug_tuple("Delay").field(time).finish(),
            Self::Run(_) => f.write_str("Run"),
        }
    }
}

/// Faults that wait for their moment.
#[derive(Debug, Default)]
pub(super) struct Faults(Vec<Armed>);

#[derive(Debug)]
struct Armed {
    trigger: Trigger,
    fault: Fault,
    seen: u64,
}

impl Faults {
    pub(super) fn arm(&mut self, trigger: Trigger, fault: Fault) {
        self.0.push(Armed { trigger, fault, seen: 0 });
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults that strike at this command, in the order in which they were set. Spent ones are forgotten.
    pub(super) fn strike(&mut self, command: &str) -> Vec<Fault> {
        let mut struck = Vec::new();
        self.0.retain_mut(|armed| {
            let concerned = match armed.trigger.command.as_deref() {
                None => command != "GREETING",
                Some("LOGIN") => matches!(command, "LOGIN" | "AUTHENTICATE"),
                Some(name) => name == command,
            };
            if !concerned {
                return true;
            }
            armed.seen += 1;
            if armed.seen >= armed.trigger.nth {
                struck.push(armed.fault.clone());
            }
            armed.seen < armed.trigger.nth || armed.trigger.and_later
        });
        struck
    }
}

/// What was asked of the server.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counters {
    /// Connections accepted.
    pub connections: u64,
    /// Logins tried, by LOGIN or AUTHENTICATE, also those a fault refused.
    pub logins_tried: u64,
    /// Logins refused because of a wrong name, password or token.
    pub logins_failed: u64,
    /// Times the server waited for the client: commands that were not pipelined, and continuations.
    pub round_trips: u64,
    /// Commands by upper-case name, for example `UID FETCH`.
    pub commands: BTreeMap<String, u64>,
}

impl Counters {
    /// How often this command came.
    #[must_use]
    pub fn of(&self, command: &str) -> u64 {
        self.commands.get(command).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_strikes_at_its_occurrence_once() {
        let mut faults = Faults::default();
        faults.arm(Trigger::nth("UID FETCH", 2), Fault::DropBefore);
        assert!(faults.strike("UID FETCH").is_empty());
        assert!(faults.strike("NOOP").is_empty());
        assert_eq!(faults.strike("UID FETCH").len(), 1);
        assert!(faults.strike("UID FETCH").is_empty());
    }

    #[test]
    fn a_login_fault_strikes_authenticate_too_and_again_if_asked() {
        let mut faults = Faults::default();
        faults.arm(Trigger::every("LOGIN"), Fault::Answer("NO [UNAVAILABLE] later".into()));
        assert_eq!(faults.strike("AUTHENTICATE").len(), 1);
        assert_eq!(faults.strike("LOGIN").len(), 1);
    }
}
