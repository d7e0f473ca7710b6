//! A durable CRM that implements the published contract, with a page to look at and switches for faults.
