//! Signing in by OAuth 2 (RFC 6749) as a native application (RFC 8252): how a token is had, renewed and kept.
//!
//! Pure: [`Provider`] knows the endpoints, `request` builds what is sent (PKCE, RFC 7636), `answer` reads what comes back and `advice` says
//! what an error means and what to do; a [`Grant`] knows how long its token is good. With I/O: `endpoint` speaks to the provider, `loopback`
//! waits for the browser, `device` asks until a code was typed elsewhere (RFC 8628), `store` keeps the grant among the secrets.
//! [`SignIn`] puts them together, one for everybody who uses the same sign-in ([`SignIns`]); [`Credentials`] is what a connection is given.

mod advice;
mod answer;
mod credentials;
mod device;
mod endpoint;
mod error;
mod grant;
mod loopback;
mod provider;
mod request;
mod sign_in;
mod store;
#[cfg(test)]
mod tests;

pub use credentials::{Credentials, Proof};
pub use device::DeviceCode;
pub use error::OAuthError;
pub use grant::Grant;
pub use provider::Provider;
pub use sign_in::{SignIn, SignIns, SignedOut, Standing};
