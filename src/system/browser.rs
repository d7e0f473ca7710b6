//! The browser of the system.

use std::io;
use std::process::{Command, Stdio};

use url::Url;

/// Opens an address in the user's browser, without waiting for it. On Linux and other Unix systems the program in `BROWSER` is used, where
/// it is set, else `xdg-open`.
///
/// # Errors
/// The program that opens addresses cannot be started. That it shows a browser in the end is not known.
pub fn open_browser(url: &Url) -> io::Result<()> {
    let mut command = opener();
    command.arg(url.as_str()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn()?;
    // It may live as long as the browser does; somebody has to take note of its end.
    std::thread::Builder::new().name("browser".to_owned()).spawn(move || child.wait()).map(drop)
}

#[cfg(windows)]
fn opener() -> Command {
    // No shell reads the address: its `&` would end it.
    let mut command = Command::new("rundll32.exe");
    command.arg("url.dll,FileProtocolHandler");
    command
}

#[cfg(target_os = "macos")]
fn opener() -> Command {
    Command::new("/usr/bin/open")
}

#[cfg(not(any(windows, target_os = "macos")))]
fn opener() -> Command {
    Command::new(std::env::var_os("BROWSER").filter(|program| !program.is_empty()).unwrap_or_else(|| "xdg-open".into()))
}
