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
    let tenths = bytes.saturating_mul(10).div_ceil(1024 * 1024);
    format!("{}.{} MiB", tenths / 10, tenths % 10)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::testing::{address, mail, settings};

    fn reason(mail: &Mail, settings: &MailSettings) -> Option<ReasonCode> {
        let addresses = Addresses::new(["anna@private.example"], &settings.internal, &[]);
        left_out(mail, &addresses, settings).map(|reason| reason.code)
    }

    fn customer_mail() -> Mail {
        mail(&["c@customer.example"], &["x@firm.example"])
    }

    #[test]
    fn r24_purely_internal_mail_is_skipped_unless_the_settings_import_it() {
        let internal = mail(&["x@firm.example"], &["anna@private.example"]);
        assert_eq!(reason(&internal, &settings()), Some(ReasonCode::InternalOnly));
        assert_eq!(reason(&internal, &MailSettings { internal_mail: LeaveOut::Import, ..settings() }), None);
        assert_eq!(reason(&customer_mail(), &settings()), None);
    }

    #[test]
    fn x5_private_and_encrypted_mail_stays_out_by_default() {
        for (sensitivity, out) in [
            (Sensitivity::Private, Some(ReasonCode::Private)),
            (Sensitivity::Personal, Some(ReasonCode::Private)),
            (Sensitivity::CompanyConfidential, None),
        ] {
            let mail = Mail { sensitivity, ..customer_mail() };
            assert_eq!(reason(&mail, &settings()), out);
            assert_eq!(reason(&mail, &MailSettings { private: LeaveOut::Import, ..settings() }), None);
        }
        let sealed = Mail { protection: Protection::Encrypted, ..customer_mail() };
        assert_eq!(reason(&sealed, &settings()), Some(ReasonCode::Encrypted));
        assert_eq!(reason(&sealed, &MailSettings { encrypted: LeaveOut::Import, ..settings() }), None);
        assert_eq!(reason(&Mail { protection: Protection::Signed, ..customer_mail() }, &settings()), None);
    }

    #[test]
    fn x4_any_address_on_the_never_log_list_keeps_the_mail_out() {
        let never = MailSettings { never_log: vec!["Doctor@clinic.example".to_owned(), "union.example".to_owned()], ..settings() };
        for party in ["doctor@CLINIC.example", "a@union.example", "a@sub.union.example"] {
            let mails: [fn(&mut Mail, &str); 6] = [
                |mail, party| mail.from = vec![address(party)],
                |mail, party| mail.sender = Some(address(party)),
                |mail, party| mail.reply_to = vec![address(party)],
                |mail, party| mail.to.push(address(party)),
                |mail, party| mail.cc.push(address(party)),
                |mail, party| mail.bcc.push(address(party)),
            ];
            for put in mails {
                let mut mail = customer_mail();
                put(&mut mail, party);
                assert_eq!(reason(&mail, &never), Some(ReasonCode::NeverLog));
            }
        }
        for party in ["nurse@clinic.example", "a@reunion.example"] {
            assert_eq!(reason(&mail(&[party], &[]), &never), None);
        }
    }

    #[test]
    fn x4_the_reason_names_the_entry_and_comes_before_all_others() {
        let settings = MailSettings { never_log: vec!["@Firm.example".to_owned()], ..settings() };
        let mail = Mail { sensitivity: Sensitivity::Private, ..mail(&["x@firm.example"], &[]) };
        let addresses = Addresses::new(["anna@private.example"], &settings.internal, &[]);
        assert_eq!(left_out(&mail, &addresses, &settings), Some(Reason::new(ReasonCode::NeverLog, "firm.example")));
    }

    #[test]
    fn a_mail_larger_than_the_smallest_of_the_three_bounds_is_too_large() {
        let limits = |max_item_bytes, max_bytes| Limits { max_bytes, max_item_bytes, ..Limits::DEFAULT };
        let settings = MailSettings { max_size: 1000, ..settings() };
        for (limits, allowed) in [(limits(5000, 5000), 1000), (limits(500, 5000), 500), (limits(5000, 300), 300)] {
            assert_eq!(too_large(allowed, &settings, &limits), None);
            assert_eq!(too_large(allowed + 1, &settings, &limits).unwrap().code, ReasonCode::TooLarge);
        }
        let reason = too_large(60 * 1024 * 1024 + 1, &MailSettings { max_size: 50 * 1024 * 1024, ..settings }, &Limits::DEFAULT).unwrap();
        assert_eq!(reason.detail, "60.1 MiB of at most 50.0 MiB");
    }
}
