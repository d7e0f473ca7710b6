//! What is left out by a rule of the settings, decided before anything leaves the machine (V13, X4, X5, R24).

use crate::crm::Limits;
use crate::model::{Direction, Mail, Protection, Reason, ReasonCode, Sensitivity};
use crate::settings::{LeaveOut, MailSettings};

use super::addresses::{AddressSet, Addresses, normalise_address};

/// Why a mail stays out, if it does. The strictest reason is named first: never-log list, private, encrypted, internal.
#[must_use]
pub fn left_out(mail: &Mail, addresses: &Addresses, settings: &MailSettings) -> Option<Reason> {
    if !settings.never_log.is_empty() {
        let never = AddressSet::new(&settings.never_log);
        let hit = mail
            .addresses()
            .filter_map(|address| normalise_address(&address.address))
            .find_map(|address| never.entry_for(&address).map(str::to_owned));
        if let Some(entry) = hit {
            return Some(Reason::new(ReasonCode::NeverLog, entry));
        }
    }
    if settings.private == LeaveOut::Skip && matches!(mail.sensitivity, Sensitivity::Personal | Sensitivity::Private) {
        return Some(ReasonCode::Private.into());
    }
    if settings.encrypted == LeaveOut::Skip && mail.protection == Protection::Encrypted {
        return Some(ReasonCode::Encrypted.into());
    }
    if settings.internal_mail == LeaveOut::Skip && addresses.direction(mail) == Direction::Internal {
        return Some(ReasonCode::InternalOnly.into());
    }
    None
}

/// Why a mail of `size` bytes is not even fetched, if it is larger than the settings or the CRM allow.
#[must_use]
pub fn too_large(size: u64, settings: &MailSettings, limits: &Limits) -> Option<Reason> {
    let allowed = settings.max_size.min(limits.max_item_bytes).min(limits.max_bytes);
    (size > allowed).then(|| Reason::new(ReasonCode::TooLarge, format!("{} of at most {}", mebibytes(size), mebibytes(allowed))))
}

/// Bytes for people, in MiB with one decimal, rounded up so that a size just above a bound does not look equal to it.
fn mebibytes(bytes: u64) -> String {
    let tenths = bytes.div_ceil(1024 * 1024 / 10);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}
