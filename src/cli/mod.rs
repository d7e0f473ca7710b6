//! A file per command: arguments in, text or JSON out.

mod activity;
mod arguments;
mod audit;
mod completions;
mod config;
mod conflicts;
mod consent;
mod contacts;
mod contacts_export;
mod contacts_found;
mod contacts_import;
mod demo;
mod doctor;
mod doctor_calendar;
mod doctor_contacts;
mod exit;
mod history;
mod imported;
mod item_plan;
mod journal;
mod logging;
mod openapi;
mod output;
mod pairs;
mod parked;
mod preview;
mod progress;
mod sandbox;
mod session;
mod setup;
mod sign_in;
mod status;
mod sync;
mod unlock;
mod values;
mod why;

use std::io::Write as _;
use std::process::ExitCode;

use clap::Parser as _;

pub use arguments::Arguments;
use arguments::Command;
pub use exit::{Exit, Failure, Outcome};

/// Runs the command of the process's arguments. The calling thread only waits, so that it can hold the tray's event loop.
#[must_use]
pub fn main() -> ExitCode {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => {
            // Help and version come this way too. Nobody may be reading.
            let _ = error.print();
            if !error.use_stderr() {
                return ExitCode::SUCCESS;
            }
            // What could not be parsed may hold the wish for JSON all the same.
            let json = std::env::args_os().any(|argument| argument == "--json");
            return told(&Failure::new(Exit::Usage, error.kind().to_string()), json);
        }
    };
    let json = arguments.global.json;
    logging::start(arguments.global.verbose);
    match on_runtime(arguments) {
        Ok(exit) => ExitCode::from(exit as u8),
        Err(failure) => {
            eprint_lines(&failure.message);
            told(&failure, json)
        }
    }
}

/// A failure as the one JSON object of a command that has no answer, and as exit code.
fn told(failure: &Failure, json: bool) -> ExitCode {
    if json {
        // The exit code tells it too.
        let _ = output::write_out(format!("{:#}\n", failure.to_json()).as_bytes());
    }
    ExitCode::from(failure.exit as u8)
}

/// Runs the command on the runtime's threads.
fn on_runtime(arguments: Arguments) -> Outcome {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (send, receive) = std::sync::mpsc::channel();
    let handle = runtime.handle().clone();
    std::thread::spawn(move || {
        // The receiver waits until this is sent.
        let _ = send.send(handle.block_on(run(arguments)));
    });
    let outcome = receive.recv().unwrap_or_else(|_| Err(Failure::new(Exit::Software, "the command ended abnormally")));
    // A keyring that hangs must not keep the process alive.
    runtime.shutdown_timeout(std::time::Duration::from_millis(200));
    outcome
}

async fn run(arguments: Arguments) -> Outcome {
    let Arguments { global, command } = arguments;
    match command {
        Command::Demo(command) => demo::run(&global, command).await,
        Command::Setup(command) => setup::run(&global, command).await,
        Command::SignIn(command) => sign_in::run(&global, &command).await,
        Command::SignOut(command) => sign_in::out(&global, &command).await,
        Command::Doctor(command) => doctor::run(&global, &command).await,
        Command::Sync(command) => sync::run(&global, &command).await,
        Command::Status => status::run(&global),
        Command::Imported(command) => imported::run(&global, &command).await,
        Command::Parked(command) => parked::run(&global, command).await,
        Command::Why(command) => why::run(&global, &command),
        Command::Pairs(command) => pairs::run(&global, command).await,
        // Boxed: the wizards are the largest futures here.
        Command::Contacts(command) => Box::pin(contacts::run(&global, command)).await,
        Command::Activity(command) => activity::run(&global, command).await,
        Command::Conflicts(command) => conflicts::run(&global, command).await,
        Command::History(command) => history::run(&global, &command),
        Command::Audit(command) => audit::run(&global, &command).await,
        Command::Unlock(command) => unlock::run(&global, &command).await,
        Command::Config(command) => config::run(&global, &command).await,
        Command::Journal(command) => journal::run(&global, command),
        Command::Openapi => openapi::run(),
        Command::Completions(command) => completions::completions(&command),
        Command::Man(command) => completions::man(&command),
        Command::Sandbox(command) => sandbox::run(&global, command).await,
    }
}

/// Tells a person. A closed standard error stops nothing.
fn eprint_lines(message: &str) {
    let mut err = std::io::stderr().lock();
    for line in message.lines() {
        let _ = writeln!(err, "crmsync: {line}");
    }
}
