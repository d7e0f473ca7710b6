//! The two hashes of a mail, with two names, so that they are never confused.

use serde::{Deserialize, Serialize};

use super::ItemKey;

/// SHA-256 of bytes: proves that they are unchanged. Written as 64 lower-case hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Digest(String);

impl Digest {
    /// The digest of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        use sha2::Digest as _;
        Self::from_sha256(&sha2::Sha256::digest(bytes))
    }

    /// A digest from the 32 bytes of a finished SHA-256.
    #[must_use]
    pub fn from_sha256(hash: &[u8]) -> Self {
        Self(data_encoding::HEXLOWER.encode(hash))
    }

    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// The identity of a mail: a hash over its normalised Message-ID, Date, From, Subject, decoded text and attachment digests, and
/// nothing else, because copies of one mail differ in trace headers and gateways regenerate MIME.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Fingerprint(pub Digest);

impl Fingerprint {
    /// The fingerprint that an item key was made from.
    #[must_use]
    pub fn of_key(key: &ItemKey) -> Self {
        Self(Digest(key.as_str().trim_start_matches("mail:").to_owned()))
    }

    /// The hexadecimal digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl std::fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}
