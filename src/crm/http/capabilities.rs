//! `GET /v1/capabilities`.

use super::client::{Coding, HttpCrm};
use crate::crm::contract::{ActivityType, CapabilitiesDocument, MAX_ITEMS, kind_named};
use crate::crm::{ActivityTypeInfo, Capabilities, ContactRules, CrmError, Limits, MAX_PHOTO, MailTypes, Profile, RecordKind, StatusKey};

pub(super) async fn get(crm: &HttpCrm) -> Result<Capabilities, CrmError> {
    let document: CapabilitiesDocument = crm.get(crm.address(&["v1", "capabilities"])).await?;
    let capabilities = read(document)?;
    crm.set_limits(capabilities.limits);
    crm.set_coding(match &capabilities {
        capabilities if capabilities.accepts_zstd => Coding::Zstd,
        capabilities if capabilities.accepts_gzip => Coding::Gzip,
        _ => Coding::Identity,
    });
    Ok(capabilities)
}

/// Profiles of a later contract are ignored; another major version is refused.
fn read(document: CapabilitiesDocument) -> Result<Capabilities, CrmError> {
    if document.contract.split('.').next() != Some("1") {
        return Err(CrmError::Contract(format!(
            "the CRM speaks version {} of the contract, crmsync version 1",
            super::answer::one_line(&document.contract)
        )));
    }
    let takes = |coding: &str| document.compression.iter().any(|name| name.eq_ignore_ascii_case(coding));
    let (accepts_zstd, accepts_gzip) = (takes("zstd"), takes("gzip"));
    let default = Limits::DEFAULT;
    let stated = |value: u64, default: u64| if value == 0 { default } else { value };
    let received = document.mail_types.received;
    Ok(Capabilities {
        product: document.product,
        contract: document.contract,
        profiles: document.profiles.iter().filter_map(|name| profile(name)).collect(),
        limits: Limits {
            max_items: document.limits.max_items.clamp(1, MAX_ITEMS),
            max_bytes: stated(document.limits.max_bytes, default.max_bytes),
            max_item_bytes: stated(document.limits.max_item_bytes, default.max_item_bytes),
            parallelism: document.limits.parallelism.clamp(1, 16),
        },
        mail_types: MailTypes { sent: document.mail_types.sent.unwrap_or_else(|| received.clone()), received },
        activity_types: document.activity_types.into_iter().map(activity_type).collect(),
        series_taken: document.series,
        statuses: document.statuses.into_iter().map(|status| StatusKey { key: status.key, name: status.name }).collect(),
        document_categories: document.document_categories,
        document_keywords: document.document_keywords,
        accepts_zstd,
        accepts_gzip,
        activity_link: document.links.activity,
        contacts: ContactRules {
            organisations: document.contacts.organisations,
            mandatory: document.contacts.mandatory,
            max_photo_bytes: stated(document.contacts.max_photo_bytes, ContactRules::default().max_photo_bytes).min(MAX_PHOTO),
        },
        server_time: document.server_time,
    })
}

fn activity_type(document: ActivityType) -> ActivityTypeInfo {
    ActivityTypeInfo {
        kind: document.kind.as_deref().map_or(RecordKind::Other, kind_named),
        key: document.key,
        name: document.name,
        mandatory: document.mandatory,
        selectable: document.selectable,
    }
}

fn profile(name: &str) -> Option<Profile> {
    Some(match name {
        "mail" => Profile::Mail,
        "activities" => Profile::Activities,
        "contacts" => Profile::Contacts,
        "settings" => Profile::Settings,
        "events" => Profile::Events,
        "audit" => Profile::Audit,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(text: &str) -> Result<Capabilities, CrmError> {
        read(serde_json::from_str(text).unwrap())
    }

    #[test]
    fn a_crm_that_states_the_least_gets_the_defaults() {
        let capabilities = read_text(r#"{"product":"Tiny 1","contract":"1.0","profiles":["mail"]}"#).unwrap();
        assert_eq!(capabilities.profiles, [Profile::Mail]);
        assert_eq!(capabilities.limits, Limits::DEFAULT);
        assert_eq!((capabilities.mail_types.received.as_str(), capabilities.mail_types.sent.as_str()), ("MAILIN", "MAILIN"));
        assert!(!capabilities.accepts_zstd && !capabilities.accepts_gzip);
    }

    #[test]
    fn unknown_fields_and_profiles_of_a_later_contract_are_ignored() {
        let text =
            r#"{"product":"x","contract":"1.7","profiles":["mail","telepathy"],"new":{"a":1},"limits":{"maxItems":5000,"maxBytes":0}}"#;
        let capabilities = read_text(text).unwrap();
        assert_eq!(capabilities.profiles, [Profile::Mail]);
        assert_eq!(capabilities.limits.max_items, 150);
        assert_eq!(capabilities.limits.max_bytes, Limits::DEFAULT.max_bytes);
    }

    #[test]
    fn another_major_version_is_refused() {
        assert!(matches!(read_text(r#"{"product":"x","contract":"2.0","profiles":[]}"#), Err(CrmError::Contract(_))));
    }
}
