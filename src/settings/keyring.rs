//! The keyring of the operating system, and what stands for it in tests.

/// Name of the service under which entries stand in the keyring.
const SERVICE: &str = "crmsync";

/// Why a keyring did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoreError {
    /// There is no keyring.
    Absent(String),
    /// It is locked, or access was denied.
    Locked(String),
    /// There is no such entry.
    NoEntry,
    /// Something else.
    Failed(String),
}

/// A keyring. Its calls may block, and even hang.
pub trait SecretStore: Send + Sync + 'static {
    /// Reads an entry.
    fn read(&self, entry: &str) -> Result<String, StoreError>;
    /// Creates or replaces an entry.
    fn write(&self, entry: &str, secret: &str) -> Result<(), StoreError>;
    /// Deletes an entry.
    fn delete(&self, entry: &str) -> Result<(), StoreError>;
}

/// The keyring of the operating system: Secret Service, Keychain or Windows Credential Manager.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct SystemKeyring;

impl SystemKeyring {
    fn entry(name: &str) -> Result<::keyring::Entry, StoreError> {
        ::keyring::Entry::new(SERVICE, name).map_err(|error| store_error(&error))
    }
}

/// The store of a process is opened once (keyring 4.2): a keyring that was absent at the first try stays so until crmsync starts anew.
fn store_error(error: &::keyring::Error) -> StoreError {
    match error {
        ::keyring::Error::NoDefaultStore => {
            let cause = ::keyring::Entry::store_status().as_ref().err().map(ToString::to_string);
            StoreError::Absent(cause.unwrap_or_else(|| error.to_string()))
        }
        ::keyring::Error::NoStorageAccess(cause) => StoreError::Locked(cause.to_string()),
        // The service behind the store has gone, or never came up.
        ::keyring::Error::PlatformFailure(cause) => StoreError::Absent(cause.to_string()),
        ::keyring::Error::NoEntry => StoreError::NoEntry,
        // These hold the stored bytes: nothing of them is repeated.
        ::keyring::Error::BadEncoding(_) | ::keyring::Error::BadDataFormat(..) => {
            StoreError::Failed("what is stored there is no text".to_owned())
        }
        ::keyring::Error::Ambiguous(_) => StoreError::Failed("there are several such entries".to_owned()),
        other => StoreError::Failed(other.to_string()),
    }
}

impl SecretStore for SystemKeyring {
    fn read(&self, entry: &str) -> Result<String, StoreError> {
        Self::entry(entry)?.get_password().map_err(|error| store_error(&error))
    }

    fn write(&self, entry: &str, secret: &str) -> Result<(), StoreError> {
        Self::entry(entry)?.set_password(secret).map_err(|error| store_error(&error))
    }

    fn delete(&self, entry: &str) -> Result<(), StoreError> {
        Self::entry(entry)?.delete_credential().map_err(|error| store_error(&error))
    }
}
