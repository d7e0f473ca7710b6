//! The MIME format: what can be read of a mail.
