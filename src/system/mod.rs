//! What differs between machines and tests, injected: clock, randomness, resolver, folders.

mod clock;
mod dirs;
mod random;
mod resolver;

pub use clock::{Clock, SystemClock};
pub use dirs::{Convention, Dirs, Lookup, NoHome, policy_file, private_dir};
pub use random::{Random, SystemRandom};
pub use resolver::{Resolver, SystemResolver};
