//! The contract as an OpenAPI 3.1 text: printed by `crmsync openapi`, served by the sandbox, kept true by `tests/contract.rs`.

/// The OpenAPI document, JSON.
#[must_use]
pub const fn document() -> &'static str {
    include_str!("openapi.json")
}
