//! What the failure of a sign-in means to a connection.

use crate::model::AccountId;
use crate::oauth::OAuthError;

use super::{GroupwareError, TlsFault};

/// No server has seen a login. A provider that takes the sign-in back counts as a rejection (R63): it locks the account until somebody signs
/// in again. A store of secrets that is locked or away passes, as a provider does that is away; neither locks anything.
pub(super) fn sign_in_failed(account: &AccountId, error: OAuthError) -> GroupwareError {
    let text = error.to_string();
    match error {
        OAuthError::Secret(secret) if secret.is_transient() => {
            GroupwareError::Unavailable { server: "the store of secrets".to_owned(), text, retry_after: None }
        }
        OAuthError::SignInNeeded { server, text, .. } => GroupwareError::SignInEnded { server, text },
        OAuthError::Unavailable { server, text, retry_after } => GroupwareError::Unavailable { server, text, retry_after },
        OAuthError::Offline { server, cause } => GroupwareError::Offline { server, cause },
        OAuthError::Tls { server, cause } => GroupwareError::Tls { server, fault: TlsFault::Other(cause) },
        OAuthError::Secret(_)
        | OAuthError::NotSignedIn { .. }
        | OAuthError::Refused { .. }
        | OAuthError::Protocol { .. }
        | OAuthError::Denied { .. }
        | OAuthError::GaveUp { .. }
        | OAuthError::Port { .. }
        | OAuthError::NotOffered { .. } => GroupwareError::Secret { account: account.to_string(), cause: text },
    }
}

/// A rejection of a token that was renewed a moment ago: another one would fare no better.
pub(super) fn rejected_twice(error: GroupwareError) -> GroupwareError {
    match error {
        GroupwareError::LoginRejected { server, refusal } => {
            let text = format!(
                "it took a renewed token no more than the first one ({}); check the user name, and whether the account may be used in this way \
                 (with your administrator), then run `crmsync sign-in`",
                refusal.text
            );
            GroupwareError::SignInEnded { server, text }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::settings::SecretError;

    fn failed(error: OAuthError) -> GroupwareError {
        sign_in_failed(&AccountId::from("work"), error)
    }

    #[test]
    fn r63_only_a_sign_in_that_the_provider_took_back_counts_as_a_rejection() {
        let (server, text) = (|| "idp.example".to_owned(), || "words".to_owned());
        let needed = OAuthError::SignInNeeded { server: server(), code: "invalid_grant".to_owned(), text: text() };
        assert!(failed(needed).is_rejection());
        for error in [OAuthError::NotSignedIn { user: "anna".to_owned() }, OAuthError::Refused { server: server(), text: text() }] {
            assert!(matches!(failed(error), GroupwareError::Secret { .. }));
        }
        let wait = Some(Duration::from_mins(1));
        let busy = OAuthError::Unavailable { server: server(), text: text(), retry_after: wait };
        assert!(matches!(failed(busy), GroupwareError::Unavailable { retry_after, .. } if retry_after == wait));
        assert!(matches!(failed(OAuthError::Offline { server: server(), cause: text() }), GroupwareError::Offline { .. }));
    }

    #[test]
    fn a_store_that_is_locked_absent_or_hangs_passes_and_is_named() {
        for error in [
            SecretError::KeyringLocked { detail: "x".to_owned() },
            SecretError::NoKeyring { detail: "x".to_owned() },
            SecretError::KeyringHangs { after: Duration::from_secs(5) },
        ] {
            let failed = failed(OAuthError::Secret(error.clone()));
            assert!(matches!(&failed, GroupwareError::Unavailable { .. }) && failed.to_string().contains(&error.to_string()), "{failed}");
        }
        let missing = OAuthError::Secret(SecretError::NoVariable { variable: "X".to_owned() });
        assert!(matches!(failed(missing), GroupwareError::Secret { .. }));
    }
}
