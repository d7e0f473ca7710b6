//! The HTTP adapter to a CRM that implements the published contract.
