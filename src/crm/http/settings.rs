//! `GET` and `PATCH /v1/settings`.

use reqwest::Method;

use super::answer::Purpose;
use super::client::HttpCrm;
use super::request::Request;
use crate::crm::contract::{SettingsDocument, SettingsPatch};
use crate::crm::{CrmError, CrmSettings, KeyedSetting};

pub(super) async fn get(crm: &HttpCrm) -> Result<CrmSettings, CrmError> {
    let document: SettingsDocument = crm.get(crm.address(&["v1", "settings"])).await?;
    let employee = document.employee;
    Ok(CrmSettings {
        employee: employee.name,
        auto_sync: employee.auto_sync,
        interactive: employee.interactive,
        password_locked: employee.password_locked,
        own_addresses: employee.addresses,
        internal: document.internal,
        settings: document
            .settings
            .into_iter()
            .map(|setting| KeyedSetting { key: setting.key, value: setting.value, level: setting.level, locked: setting.locked })
            .collect(),
    })
}

pub(super) async fn mirror_lock(crm: &HttpCrm, locked: bool) -> Result<(), CrmError> {
    let patch = SettingsPatch { password_locked: locked };
    let request = Request::new(Method::PATCH, crm.address(&["v1", "settings"])).json(&patch, "application/merge-patch+json")?;
    crm.send(request).await?.accept(Purpose::Other).map(drop)
}
