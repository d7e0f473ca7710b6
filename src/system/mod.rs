//! What differs between machines and tests: clock, randomness, resolver and folders, injected; the authorities TLS trusts; the browser.

mod browser;
mod clock;
mod dirs;
mod random;
mod resolver;
mod tls;

pub use browser::open_browser;
pub use clock::{Clock, SystemClock};
pub use dirs::{Convention, Dirs, Lookup, NoHome, policy_file, private_dir};
pub use random::{Random, SystemRandom};
pub use resolver::{Resolver, SystemResolver};
pub use tls::tls_config;
