//! Starts one command.

fn main() {}
