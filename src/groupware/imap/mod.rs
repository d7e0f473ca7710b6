//! The IMAP adapter.
