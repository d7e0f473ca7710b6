//! Logs on standard error. By default only warnings, and never a secret, an address or a subject.

use tracing_subscriber::EnvFilter;

/// Starts logging: warnings, with `-v` information, with `-vv` debugging of crmsync; `CRMSYNC_LOG` overrides (a filter such as `crmsync=trace`).
pub(super) fn start(verbose: u8) {
    let default = match verbose {
        0 => "warn",
        1 => "crmsync=info,warn",
        _ => "crmsync=debug,info",
    };
    let filter = EnvFilter::try_from_env("CRMSYNC_LOG").unwrap_or_else(|_| EnvFilter::new(default));
    // A second start in one process (tests) keeps the first.
    let _ = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false).try_init();
}
