//! A file per command: arguments in, text or JSON out.

pub mod config;
