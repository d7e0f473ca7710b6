//! `crmsync openapi`: prints the contract a CRM implements.

use super::exit::{Exit, Outcome};
use super::output::write_out;

pub(super) fn run() -> Outcome {
    write_out(crate::crm::contract::openapi::document().as_bytes())?;
    Ok(Exit::Ok)
}
