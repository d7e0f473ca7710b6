//! An in-process CRM and groupware on loopback, for the demo and for tests.

pub mod crm;
pub mod dav;
pub mod imap;
pub mod proxy;
pub mod samples;
