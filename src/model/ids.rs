//! Names of things. Each is its own type, so that none is passed for another.

use serde::{Deserialize, Serialize};

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub String);

        impl $name {
            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self(text.to_owned())
            }
        }
    };
}

text_id! {
    /// The user's name for a groupware account: the key of its table in the configuration file.
    AccountId
}
text_id! {
    /// One pass over the chosen areas: `YYYYMMDDThhmmssZ-xxxxxxxx`, so that run ids sort by time.
    RunId
}
text_id! {
    /// What makes an item itself, in its area and account, on every machine and after a lost journal. For a mail: `mail:` and its fingerprint.
    ItemKey
}
text_id! {
    /// The identity of one write, chosen and journalled before it is sent (V2).
    OpId
}
text_id! {
    /// The `Idempotency-Key` of one batch of mails.
    BatchKey
}
