//! A small IMAP server with switches for faults.
