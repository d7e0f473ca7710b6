//! Tests of the whole room.

mod crash;
mod disk;
mod lifecycle;
mod reads;
mod samples;
