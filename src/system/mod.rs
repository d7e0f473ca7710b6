//! What differs between machines and tests, injected: clock, randomness, resolver, folders.

mod clock;
mod random;
mod resolver;

pub use clock::{Clock, SystemClock};
pub use random::{Random, SystemRandom};
pub use resolver::{Resolver, SystemResolver};
