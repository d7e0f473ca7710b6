//! Decisions of the areas of items. Pure.
//!
//! [`identity`] names things, [`expand`] says what occurrences are.

pub mod expand;
pub mod identity;

pub use expand::{Expander, Occurrence, Occurrences};
