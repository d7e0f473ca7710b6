//! What a provider answers. Pure.

use std::time::Duration;

use serde::Deserialize;
use serde_json::Value;

use crate::model::Instant;
use crate::settings::SecretValue;

use super::advice::{self, Follow, words};
use super::{Grant, OAuthError};

/// The lifetime of a token whose provider does not tell it.
const USUAL_LIFETIME: Duration = Duration::from_hours(1);
/// No token counts as good for longer.
const LONGEST_LIFETIME: Duration = Duration::from_hours(24 * 90);

/// An answer read whole.
#[derive(Debug)]
pub(super) struct Answer {
    /// The provider's host.
    pub(super) server: String,
    pub(super) status: u16,
    pub(super) retry_after: Option<Duration>,
    pub(super) body: Vec<u8>,
}

/// An error of the provider (RFC 6749 §5.2).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refusal {
    pub(super) code: String,
    pub(super) description: String,
}

/// A new access token, not yet dated.
#[derive(Debug)]
pub(super) struct Issued {
    access: SecretValue,
    refresh: Option<SecretValue>,
    lifetime: Duration,
}

impl Issued {
    /// The grant that this makes at `now`; without a new refresh token the old one stays (RFC 6749 §6).
    pub(super) fn into_grant(self, now: Instant, old_refresh: Option<SecretValue>) -> Grant {
        Grant { refresh: self.refresh.or(old_refresh), access: Some(self.access), issued: now, lifetime: self.lifetime }
    }
}

/// The answer of a device endpoint (RFC 8628 §3.2).
#[derive(Debug, Deserialize)]
pub(super) struct DeviceAnswer {
    pub(super) device_code: String,
    pub(super) user_code: String,
    // Google's name for it before the standard.
    #[serde(alias = "verification_url")]
    pub(super) verification_uri: String,
    pub(super) verification_uri_complete: Option<String>,
    pub(super) expires_in: Option<Value>,
    pub(super) interval: Option<Value>,
}

impl Answer {
    /// A token, or the provider's error, or a failure that is no answer at all.
    pub(super) fn token(self) -> Result<Result<Issued, Refusal>, OAuthError> {
        let document = match self.document()? {
            Ok(document) => document,
            Err(refusal) => return Ok(Err(refusal)),
        };
        let text = |name: &str| document.get(name).and_then(Value::as_str).filter(|text| !text.is_empty());
        if let Some(kind) = text("token_type").filter(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(self.protocol(format!("the token is of the type \"{}\", not a bearer token", words(kind))));
        }
        let sendable = |token: &&str| token.bytes().all(|byte| byte.is_ascii_graphic());
        let access = text("access_token").filter(sendable).ok_or_else(|| self.protocol("there is no access token in it".to_owned()))?;
        Ok(Ok(Issued {
            access: SecretValue::new(access.to_owned()),
            refresh: text("refresh_token").map(|token| SecretValue::new(token.to_owned())),
            lifetime: seconds(document.get("expires_in")).unwrap_or(USUAL_LIFETIME).min(LONGEST_LIFETIME),
        }))
    }

    /// A code to type elsewhere.
    pub(super) fn device(self) -> Result<Result<DeviceAnswer, Refusal>, OAuthError> {
        match self.document()? {
            Err(refusal) => Ok(Err(refusal)),
            Ok(document) => serde_json::from_value(document).map(Ok).map_err(|_| self.protocol("there is no code in it".to_owned())),
        }
    }

    fn document(&self) -> Result<Result<Value, Refusal>, OAuthError> {
        let document: Option<Value> = serde_json::from_slice(&self.body).ok();
        let error = document.as_ref().and_then(|document| document.get("error"));
        // Google answers some errors of its gateways with an object.
        let code = error.and_then(|error| error.as_str().or_else(|| error.get("status")?.as_str())).map(str::to_owned);
        let waits = matches!(self.status, 408 | 425 | 429 | 500..=599);
        if let Some(code) = code {
            let description = document.as_ref().and_then(|document| document.get("error_description")).and_then(Value::as_str);
            let refusal = Refusal { code, description: description.unwrap_or_default().to_owned() };
            if waits && !matches!(refusal.code.as_str(), "slow_down" | "authorization_pending") {
                let text = format!("{} ({})", advice::advise(&refusal.code, &refusal.description).text, self.status);
                return Err(OAuthError::Unavailable { server: self.server.clone(), text, retry_after: self.retry_after });
            }
            return Ok(Err(refusal));
        }
        if waits {
            let text = format!("status {}", self.status);
            return Err(OAuthError::Unavailable { server: self.server.clone(), text, retry_after: self.retry_after });
        }
        match document {
            Some(document) if (200..300).contains(&self.status) => Ok(Ok(document)),
            // A proxy or a captive portal answers with a page.
            _ => Err(self.protocol(format!("status {} without a document in JSON", self.status))),
        }
    }

    fn protocol(&self, text: String) -> OAuthError {
        OAuthError::Protocol { server: self.server.clone(), text }
    }
}

impl Refusal {
    /// What follows from it for a sign-in that exists.
    pub(super) fn into_error(self, server: &str) -> OAuthError {
        let advice = advice::advise(&self.code, &self.description);
        let server = server.to_owned();
        match advice.follow {
            Follow::SignIn => OAuthError::SignInNeeded { server, code: self.code, text: advice.text },
            Follow::Administrator => OAuthError::Refused { server, text: advice.text },
            Follow::Wait => OAuthError::Unavailable { server, text: advice.text, retry_after: None },
        }
    }

    /// What follows from it while somebody signs in.
    pub(super) fn while_signing_in(self, server: &str) -> OAuthError {
        match self.into_error(server) {
            OAuthError::SignInNeeded { text, .. } => OAuthError::Denied { text },
            other => other,
        }
    }
}

/// Seconds as a number, or as a text, as some providers write it.
pub(super) fn seconds(value: Option<&Value>) -> Option<Duration> {
    let value = value?;
    let seconds = value.as_u64().or_else(|| value.as_str()?.trim().parse().ok())?;
    Some(Duration::from_secs(seconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, body: &str) -> Answer {
        Answer { server: "idp.example".to_owned(), status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    #[test]
    fn a_token_is_read_with_what_a_provider_may_leave_out() {
        let now = Instant::UNIX_EPOCH;
        let full = answer(200, r#"{"access_token":"a.b-c","token_type":"Bearer","expires_in":"3599","refresh_token":"r","scope":"x"}"#);
        let grant = full.token().unwrap().unwrap().into_grant(now, None);
        assert_eq!((grant.lifetime.as_secs(), grant.refresh.unwrap().expose()), (3599, "r"));
        let bare = answer(200, r#"{"access_token":"a"}"#).token().unwrap().unwrap();
        let grant = bare.into_grant(now, Some(SecretValue::new("old".to_owned())));
        assert_eq!((grant.lifetime, grant.refresh.unwrap().expose()), (USUAL_LIFETIME, "old"), "the old refresh token stays");
        let endless = answer(200, r#"{"access_token":"a","expires_in":99999999999999}"#).token().unwrap().unwrap();
        assert_eq!(endless.into_grant(now, None).lifetime, LONGEST_LIFETIME);
    }

    #[test]
    fn what_is_no_token_is_told_apart() {
        for body in [
            "",
            "<html>Sign in to the hotel</html>",
            "[]",
            "{}",
            r#"{"access_token":""}"#,
            r#"{"access_token":7}"#,
            r#"{"access_token":"a\r\nb"}"#,
            r#"{"access_token":"a","token_type":"mac"}"#,
        ] {
            assert!(matches!(answer(200, body).token(), Err(OAuthError::Protocol { .. })), "{body}");
        }
        for status in [429, 500, 503, 504] {
            assert!(matches!(answer(status, "<html>").token(), Err(OAuthError::Unavailable { .. })), "{status}");
            assert!(matches!(answer(status, r#"{"error":"invalid_grant"}"#).token(), Err(OAuthError::Unavailable { .. })), "{status}");
        }
        assert!(matches!(answer(404, "<html>").token(), Err(OAuthError::Protocol { .. })));
    }

    #[test]
    fn r63_a_provider_that_is_busy_never_asks_for_a_new_sign_in() {
        let refused = |body: &str| answer(400, body).token().unwrap().unwrap_err().into_error("idp.example");
        assert!(matches!(refused(r#"{"error":"invalid_grant"}"#), OAuthError::SignInNeeded { .. }));
        assert!(matches!(refused(r#"{"error":"temporarily_unavailable"}"#), OAuthError::Unavailable { .. }));
        assert!(matches!(refused(r#"{"error":"invalid_client"}"#), OAuthError::Refused { .. }));
        let transient = refused(r#"{"error":"invalid_grant","error_description":"AADSTS90033: A transient error has occurred."}"#);
        assert!(transient.is_transient(), "{transient}");
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(status in 100_u16..600, body in "[\\[\\]{}\":,a-zé0-9 _\u{1}]{0,80}", error in "\\PC{0,40}") {
            let _ = answer(status, &body).token();
            let _ = answer(status, &body).device();
            let refused = serde_json::json!({ "error": error, "error_description": body, "expires_in": body }).to_string();
            if let Ok(Err(refusal)) = answer(status, &refused).token() {
                let _ = refusal.clone().into_error("x");
                let _ = refusal.while_signing_in("x");
            }
        }
    }

    #[test]
    fn a_code_for_elsewhere_is_read() {
        let read =
            answer(200, r#"{"device_code":"d","user_code":"AB-CD","verification_url":"https://x.example/","expires_in":900,"interval":5}"#);
        let code = read.device().unwrap().unwrap();
        assert_eq!((code.user_code.as_str(), code.verification_uri.as_str()), ("AB-CD", "https://x.example/"));
        assert_eq!(
            (seconds(code.expires_in.as_ref()), seconds(code.interval.as_ref()).unwrap().as_secs()),
            (Some(Duration::from_mins(15)), 5)
        );
    }
}
