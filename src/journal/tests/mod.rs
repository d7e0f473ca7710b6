//! Tests of the whole room.

mod care;
mod crash;
mod disk;
mod items;
mod lifecycle;
mod migration;
mod reads;
mod samples;
