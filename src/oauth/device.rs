//! Asks the provider until a code was typed on another device (RFC 8628).

use std::time::Duration;

use crate::model::Instant;
use crate::system::Clock;

use super::answer::{Answer, Issued, seconds};
use super::{OAuthError, advice};

/// The time between two questions that the provider does not tell (RFC 8628 §3.2).
const USUAL_INTERVAL: Duration = Duration::from_secs(5);
/// What `slow_down` adds (RFC 8628 §3.5).
const SLOWER: Duration = Duration::from_secs(5);
/// No question waits for longer.
const LONGEST_INTERVAL: Duration = Duration::from_mins(2);
/// How long a code is good whose provider does not tell it, and at most.
const USUAL_LIFETIME: Duration = Duration::from_mins(15);
const LONGEST_LIFETIME: Duration = Duration::from_hours(1);

/// What a person has to do elsewhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceCode {
    /// The code to type.
    pub user_code: String,
    /// Where to type it.
    pub address: String,
    /// The same with the code in it, for a click or a picture.
    pub complete: Option<String>,
    /// How long it is good.
    pub lifetime: Duration,
}

/// A code that waits to be typed.
pub(super) struct Pending {
    pub(super) code: DeviceCode,
    device_code: String,
    interval: Duration,
    until: Instant,
}

impl Pending {
    /// Reads what the provider gave.
    pub(super) fn read(answer: Answer, clock: &dyn Clock) -> Result<Self, OAuthError> {
        let server = answer.server.clone();
        let given = answer.device()?.map_err(|refusal| refusal.while_signing_in(&server))?;
        let lifetime = seconds(given.expires_in.as_ref()).unwrap_or(USUAL_LIFETIME).min(LONGEST_LIFETIME);
        let interval = seconds(given.interval.as_ref()).unwrap_or(USUAL_INTERVAL).clamp(Duration::from_secs(1), LONGEST_INTERVAL);
        let code = DeviceCode {
            user_code: advice::words(&given.user_code),
            address: advice::words(&given.verification_uri),
            complete: given.verification_uri_complete.as_deref().map(advice::words),
            lifetime,
        };
        let until = clock.now() + chrono::TimeDelta::from_std(lifetime).unwrap_or_default();
        Ok(Self { code, device_code: given.device_code, interval, until })
    }

    /// Asks with `ask` until there is a token, or there never will be. A lost connection makes it ask less often, not give up.
    pub(super) async fn poll<F: Future<Output = Result<Answer, OAuthError>>>(
        self,
        clock: &dyn Clock,
        mut ask: impl FnMut(String) -> F,
    ) -> Result<Issued, OAuthError> {
        let mut interval = self.interval;
        loop {
            clock.sleep(interval).await;
            if clock.now() >= self.until {
                return Err(OAuthError::GaveUp { after: self.code.lifetime });
            }
            let answer = match ask(self.device_code.clone()).await {
                Ok(answer) => answer,
                Err(error) if error.is_transient() => {
                    interval = (interval * 2).min(LONGEST_INTERVAL);
                    continue;
                }
                Err(error) => return Err(error),
            };
            let server = answer.server.clone();
            match answer.token() {
                Ok(Ok(issued)) => return Ok(issued),
                Ok(Err(refusal)) => match refusal.code.as_str() {
                    "authorization_pending" => {}
                    "slow_down" => interval = (interval + SLOWER).min(LONGEST_INTERVAL),
                    "expired_token" | "code_expired" => return Err(OAuthError::GaveUp { after: self.code.lifetime }),
                    _ => match refusal.while_signing_in(&server) {
                        error if error.is_transient() => interval = (interval * 2).min(LONGEST_INTERVAL),
                        error => return Err(error),
                    },
                },
                Err(error) if error.is_transient() => interval = (interval * 2).min(LONGEST_INTERVAL),
                Err(error) => return Err(error),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::pin::Pin;
    use std::sync::Mutex;

    use super::*;

    /// A clock that only moves when somebody sleeps.
    #[derive(Default)]
    struct Asleep(Mutex<Vec<u64>>);

    impl Clock for Asleep {
        fn now(&self) -> Instant {
            Instant::UNIX_EPOCH + chrono::TimeDelta::seconds(self.0.lock().unwrap().iter().sum::<u64>().cast_signed())
        }
        fn sleep(&self, duration: Duration) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
            self.0.lock().unwrap().push(duration.as_secs());
            Box::pin(std::future::ready(()))
        }
    }

    fn answer(status: u16, body: &str) -> Answer {
        Answer { server: "idp.example".to_owned(), status, retry_after: None, body: body.as_bytes().to_vec() }
    }

    /// Plays answers; what came of it, and how long was slept each time.
    async fn played(answers: &[&str]) -> (Result<Issued, OAuthError>, Vec<u64>) {
        let clock = Asleep::default();
        let given = r#"{"device_code":"d","user_code":"AB-CD","verification_uri":"https://x.example/","expires_in":900,"interval":5}"#;
        let pending = Pending::read(answer(200, given), &clock).unwrap();
        let mut answers = answers.iter();
        let result = pending
            .poll(&clock, |code| {
                assert_eq!(code, "d");
                let next = answers.next().copied().unwrap_or(r#"{"error":"authorization_pending"}"#);
                let offline = OAuthError::Offline { server: "idp.example".to_owned(), cause: "reset".to_owned() };
                std::future::ready(match next {
                    "offline" => Err(offline),
                    "503" => Ok(answer(503, "")),
                    token if token.contains("access_token") => Ok(answer(200, token)),
                    error => Ok(answer(400, error)),
                })
            })
            .await;
        let slept = clock.0.lock().unwrap().clone();
        (result, slept)
    }

    #[tokio::test]
    async fn it_asks_until_the_code_was_typed_and_slower_when_told_so() {
        let (result, slept) = played(&[
            r#"{"error":"authorization_pending"}"#,
            r#"{"error":"slow_down"}"#,
            r#"{"error":"authorization_pending"}"#,
            r#"{"access_token":"a"}"#,
        ])
        .await;
        assert!(result.is_ok());
        assert_eq!(slept, [5, 5, 10, 10]);
    }

    #[tokio::test]
    async fn a_lost_connection_is_not_the_end() {
        let (result, slept) = played(&["offline", "503", r#"{"access_token":"a"}"#]).await;
        assert!(result.is_ok());
        assert_eq!(slept, [5, 10, 20]);
    }

    #[tokio::test]
    async fn a_no_and_a_code_that_has_expired_end_it() {
        let (result, _) = played(&[r#"{"error":"authorization_declined","error_description":"AADSTS70000"}"#]).await;
        assert!(matches!(result, Err(OAuthError::Denied { .. })), "{result:?}");
        let (result, _) = played(&[r#"{"error":"access_denied"}"#]).await;
        assert!(matches!(result, Err(OAuthError::Denied { .. })), "{result:?}");
        let (result, _) = played(&[r#"{"error":"expired_token"}"#]).await;
        assert!(matches!(result, Err(OAuthError::GaveUp { .. })), "{result:?}");
        let (result, slept) = played(&[]).await;
        assert!(matches!(result, Err(OAuthError::GaveUp { .. })), "{result:?}");
        assert_eq!(slept.len(), 180, "never beyond its life");
        let (result, _) = played(&[r#"{"error":"invalid_client"}"#]).await;
        assert!(matches!(result, Err(OAuthError::Refused { .. })), "{result:?}");
    }
}
