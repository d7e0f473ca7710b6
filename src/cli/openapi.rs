//! `crmsync openapi`: prints the contract a CRM implements.

use std::io::Write as _;

use super::exit::{Exit, Outcome};

pub(super) fn run() -> Outcome {
    std::io::stdout().lock().write_all(crate::crm::contract::openapi::document().as_bytes())?;
    Ok(Exit::Ok)
}
