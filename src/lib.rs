//! crmsync keeps a CRM and a groupware account the same, from the workstation.
//!
//! The rooms of the house, top to bottom; an arrow between them always points down:
//!
//! | room | holds |
//! |---|---|
//! | [`cli`] | a file per command: arguments in, text or JSON out |
//! | [`engine`] | carries plans out: one run = collect → decide → intend → write → settle |
//! | [`sync`] | pure decisions: no I/O, no clock, no async |
//! | [`groupware`] | port traits of the groupware, and their adapters |
//! | [`crm`] | port trait of the CRM, the published HTTP contract, and its adapter |
//! | [`oauth`] | signs in by OAuth 2: how a token is had, renewed and kept |
//! | [`journal`] | the embedded key-value journal of what belongs to what |
//! | [`settings`] | configuration file, levels, presets, secrets |
//! | [`model`] | plain data that every room speaks |
//! | [`system`] | clock, randomness, resolver, folders: what differs between machines and tests |
//!
//! [`sandbox`] stands beside the house: an in-process CRM and groupware on loopback for the demo and the tests. Only [`cli`]
//! starts it, and it knows nothing but [`crm::contract`] and [`model`].

pub mod cli;
pub mod crm;
pub mod engine;
pub mod groupware;
pub mod journal;
pub mod model;
pub mod oauth;
pub mod sandbox;
pub mod settings;
pub mod sync;
pub mod system;
