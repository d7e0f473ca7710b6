//! An in-process CRM, groupware and provider of tokens on loopback, for the demo and for tests.

pub mod crm;
pub mod dav;
pub mod imap;
pub mod oauth;
pub mod proxy;
pub mod samples;
