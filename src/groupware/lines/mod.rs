//! Text made of content lines (RFC 5545 §3.1, RFC 6350 §3.2), edited without touching what an edit does not name (V7).

/// How deep components may lie in each other.
pub const MAX_DEPTH: usize = 32;
