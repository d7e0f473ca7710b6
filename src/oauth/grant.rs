//! What a sign-in gave: a refresh token, and an access token for a while.

use std::time::Duration;

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::model::Instant;
use crate::settings::SecretValue;

/// Longest time before its end at which an access token counts as nearly expired.
const MARGIN: Duration = Duration::from_mins(5);
/// A token issued this far in the future is from a clock that was wrong then, or is now.
const CLOCK_TOLERANCE: Duration = Duration::from_mins(2);

/// What the provider gave. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Grant {
    /// Renews the access token; some providers give a new one each time.
    pub refresh: Option<SecretValue>,
    /// The access token; `None` when it was rejected or is about to be replaced.
    pub access: Option<SecretValue>,
    /// When the access token came, by this computer's clock; the provider's is not asked.
    pub issued: Instant,
    /// How long it is good from then.
    pub lifetime: Duration,
}

/// Its form in the store.
#[derive(Serialize, Deserialize)]
struct Stored {
    v: u8,
    refresh: Option<String>,
    access: Option<String>,
    issued: Instant,
    lifetime: u64,
}

impl std::fmt::Debug for Grant {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Grant")
            .field("refresh", &self.refresh.is_some())
            .field("access", &self.access.is_some())
            .field("expires", &self.expires())
            .finish_non_exhaustive()
    }
}

impl Grant {
    /// When the access token ends.
    #[must_use]
    pub fn expires(&self) -> Instant {
        let lifetime = TimeDelta::from_std(self.lifetime).unwrap_or(TimeDelta::MAX);
        self.issued.checked_add_signed(lifetime).unwrap_or(Instant::MAX_UTC)
    }

    /// The access token, if it is good for a while yet: not within five minutes of its end, or the last quarter of a shorter life.
    #[must_use]
    pub fn fresh(&self, now: Instant) -> Option<&SecretValue> {
        let margin = TimeDelta::from_std(MARGIN.min(self.lifetime / 4)).unwrap_or_default();
        self.valid(now.checked_add_signed(margin)?)
    }

    /// The access token, if it has not expired.
    pub(super) fn valid(&self, now: Instant) -> Option<&SecretValue> {
        let tolerance = TimeDelta::from_std(CLOCK_TOLERANCE).unwrap_or_default();
        // Whose clock was put back would take an old token for good long after its end.
        let from_the_future = self.issued.signed_duration_since(now) > tolerance;
        self.access.as_ref().filter(|_| !from_the_future && now < self.expires())
    }

    /// The same without its access token.
    pub(super) fn spent(&self) -> Self {
        Self { access: None, ..self.clone() }
    }

    /// Its text in the store.
    pub(super) fn to_text(&self) -> SecretValue {
        let text = |secret: &Option<SecretValue>| secret.as_ref().map(|secret| secret.expose().to_owned());
        let (refresh, access) = (text(&self.refresh), text(&self.access));
        let stored = Stored { v: 1, refresh, access, issued: self.issued, lifetime: self.lifetime.as_secs() };
        SecretValue::new(serde_json::to_string(&stored).unwrap_or_default())
    }

    /// Reads it; `None` when it is none.
    pub(super) fn from_text(text: &str) -> Option<Self> {
        let stored: Stored = serde_json::from_str(text).ok().filter(|stored: &Stored| stored.v == 1)?;
        Some(Self {
            refresh: stored.refresh.map(SecretValue::new),
            access: stored.access.map(SecretValue::new),
            issued: stored.issued,
            lifetime: Duration::from_secs(stored.lifetime),
        })
    }
}

#[cfg(test)]
mod tests {
    use chrono::{TimeZone as _, Utc};

    use super::*;

    fn grant(lifetime: u64) -> Grant {
        Grant {
            refresh: Some(SecretValue::new("r3fresh".to_owned())),
            access: Some(SecretValue::new("acc3ss".to_owned())),
            issued: Utc.with_ymd_and_hms(2026, 11, 22, 12, 0, 0).unwrap(),
            lifetime: Duration::from_secs(lifetime),
        }
    }

    #[test]
    fn a_token_is_renewed_a_little_before_its_end() {
        for (lifetime, good, nearly, gone) in [(3600, 3299, 3300, 3600), (60, 44, 45, 60), (4, 2, 3, 4)] {
            let grant = grant(lifetime);
            let after = |seconds| grant.issued + TimeDelta::seconds(seconds);
            assert!(grant.fresh(after(0)).is_some() && grant.fresh(after(good)).is_some(), "{lifetime}");
            assert!(grant.fresh(after(nearly)).is_none() && grant.valid(after(nearly)).is_some(), "{lifetime}");
            assert!(grant.valid(after(gone)).is_none(), "{lifetime}");
        }
        assert!(grant(0).fresh(grant(0).issued).is_none());
    }

    #[test]
    fn a_clock_that_was_put_back_does_not_make_a_token_good_for_longer() {
        let grant = grant(3600);
        assert!(grant.fresh(grant.issued - TimeDelta::seconds(60)).is_some(), "a small step is nothing");
        assert!(grant.fresh(grant.issued - TimeDelta::hours(1)).is_none());
        assert!(grant.fresh(grant.issued + TimeDelta::days(9)).is_none(), "put forward: renewed once too often");
    }

    #[test]
    fn no_number_in_the_store_makes_it_panic() {
        for text in [
            "{\"v\":1,\"refresh\":null,\"access\":\"a\",\"issued\":\"2026-11-22T12:00:00Z\",\"lifetime\":18446744073709551615}",
            "{\"v\":1,\"refresh\":null,\"access\":\"a\",\"issued\":\"+262142-12-31T23:59:59Z\",\"lifetime\":1}",
            "{\"v\":2,\"refresh\":null,\"access\":\"a\",\"issued\":\"2026-11-22T12:00:00Z\",\"lifetime\":1}",
            "",
            "[]",
        ] {
            if let Some(grant) = Grant::from_text(text) {
                let _ = (grant.expires(), grant.fresh(Instant::MAX_UTC), grant.fresh(Instant::MIN_UTC), grant.fresh(grant.issued));
            }
        }
    }

    #[test]
    fn a_grant_comes_back_from_its_text_and_shows_in_no_debug_output() {
        let grant = grant(3600);
        assert_eq!(Grant::from_text(grant.to_text().expose()), Some(grant.clone()));
        assert!(!format!("{grant:?}").contains("r3fresh") && !format!("{grant:?}").contains("acc3ss"));
    }
}
