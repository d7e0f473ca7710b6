//! What a server means by NO, BAD and BYE: pure decisions on its response code and its words.

use std::time::Duration;

use crate::groupware::{GroupwareError, LoginRefusal};
use crate::model::MailboxName;

use super::wire::{Condition, Status};

/// What a tagged NO to LOGIN or AUTHENTICATE says about the credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// They are wrong, or no longer valid.
    Rejected,
    /// The server cannot tell now.
    Temporary,
    /// The server wants something else than other credentials.
    Demand,
}

/// The error for a login that ended in `status`, which is not OK.
///
/// A tagged NO rejects the credentials unless it says otherwise, because Cyrus 3.6, Courier 5.0 and DavMail 6 send no code with it. DavMail's `NO LOGIN
/// failed` may also mean that its own upstream is away; that cannot be told here and counts as a rejection. BAD never does.
pub(super) fn login_failed(server: &str, command: &'static str, status: &Status) -> GroupwareError {
    match (status.condition, verdict(status.code_name(), &status.text)) {
        (Condition::No, Verdict::Rejected) => GroupwareError::LoginRejected {
            server: server.to_owned(),
            refusal: LoginRefusal { code: status.code_name().map(str::to_owned), text: status.text.clone() },
        },
        (Condition::No, Verdict::Demand) => refused(command, status),
        (Condition::No, Verdict::Temporary) => unavailable(server, status),
        _ => failed(server, command, status, None),
    }
}

/// The error for a command that ended in `status`, which is not OK. `mailbox` is the one it was about.
pub(super) fn failed(server: &str, command: &'static str, status: &Status, mailbox: Option<&MailboxName>) -> GroupwareError {
    let text = status.text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    match (status.code_name(), mailbox) {
        (Some("OVERQUOTA"), _) => return GroupwareError::OverQuota { text: status.text.clone() },
        (Some("TRYCREATE" | "NONEXISTENT"), Some(name)) => return GroupwareError::NoSuchMailbox { name: name.0.clone() },
        (Some("UNAVAILABLE" | "INUSE" | "THROTTLED" | "SERVERBUG" | "SYS/TEMP"), _) => return unavailable(server, status),
        // Cyrus 3.6 sends no code with it.
        _ if has(&["over quota", "quota exceeded", "overquota"]) => return GroupwareError::OverQuota { text: status.text.clone() },
        _ if retry_after(&status.text).is_some() || has(&["throttl", "unable to handle request"]) => return unavailable(server, status),
        // Dovecot 2.3 ("Mailbox doesn't exist: X"), Cyrus 3.6, Courier 5.0 and DavMail 6 ("Not found") send no code to SELECT.
        (_, Some(name)) if has(&["does not exist", "doesn't exist", "not found", "no such mailbox", "unknown mailbox", "nonexistent"]) => {
            return GroupwareError::NoSuchMailbox { name: name.0.clone() };
        }
        _ => {}
    }
    if status.condition == Condition::No {
        refused(command, status)
    } else {
        GroupwareError::Protocol { server: server.to_owned(), command, text: said(status) }
    }
}

/// The error for trouble of the server's own.
pub(super) fn unavailable(server: &str, status: &Status) -> GroupwareError {
    GroupwareError::Unavailable { server: server.to_owned(), text: said(status), retry_after: retry_after(&status.text) }
}

fn refused(command: &'static str, status: &Status) -> GroupwareError {
    GroupwareError::Refused { command, code: status.code_name().map(str::to_owned), text: said(status) }
}

fn said(status: &Status) -> String {
    if !status.text.is_empty() {
        return status.text.clone();
    }
    let condition = match status.condition {
        Condition::Bad => "BAD",
        Condition::Bye => "BYE",
        _ => "NO",
    };
    format!("{condition} without a reason")
}

fn verdict(code: Option<&str>, text: &str) -> Verdict {
    let text = text.to_ascii_lowercase();
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    let names_credentials = has(&["credential", "password", "passwd", "authentication fail", "authorization fail", "login fail"]);
    let temporary = has(&[
        "temporar",
        "unavailable",
        "too many",
        "internal error",
        "server error",
        "try again later",
        "try later",
        "busy",
        "overload",
        "maintenance",
        "throttl",
        "rate limit",
        "backoff",
        "timed out",
    ]) || (has(&["try again"]) && !names_credentials);
    match code {
        Some("AUTHENTICATIONFAILED" | "AUTHORIZATIONFAILED" | "EXPIRED" | "AUTH") => Verdict::Rejected,
        Some("UNAVAILABLE" | "LIMIT" | "INUSE" | "SERVERBUG" | "THROTTLED" | "SYS/TEMP" | "CONTACTADMIN") => Verdict::Temporary,
        // TLS is missing, or another server is meant: the credentials were not judged.
        Some("PRIVACYREQUIRED" | "REFERRAL" | "CANNOT" | "BADCHARSET") => Verdict::Demand,
        // Gmail tells of a wrong password and of other trouble by the same code.
        Some("ALERT") if !names_credentials => Verdict::Temporary,
        _ if temporary => Verdict::Temporary,
        // Cyrus 3.6: the method is not switched on; the credentials were not judged.
        _ if has(&["no mechanism available", "unsupported", "not supported"]) => Verdict::Demand,
        _ => Verdict::Rejected,
    }
}

/// How long the server asks to wait. Exchange: `Request is throttled. Suggested Backoff Time: 12345 milliseconds`.
fn retry_after(text: &str) -> Option<Duration> {
    let text = text.to_ascii_lowercase();
    let rest = text.split_once("backoff time:")?.1.trim_start();
    let digits = rest.find(|c: char| !c.is_ascii_digit()).map_or(rest, |end| rest.get(..end).unwrap_or_default());
    let number = digits.parse::<u64>().ok()?;
    let unit = rest.get(digits.len()..)?.trim_start();
    Some(if unit.starts_with('s') { Duration::from_secs(number) } else { Duration::from_millis(number) })
}

#[cfg(test)]
mod tests {
    use super::super::wire::Code;
    use super::*;

    fn status(condition: Condition, code: Option<&str>, text: &str) -> Status {
        Status { condition, code: code.map(|code| Code::Other(code.to_owned())), text: text.to_owned() }
    }

    fn login(code: Option<&str>, text: &str) -> GroupwareError {
        login_failed("mail.example.test:993", "LOGIN", &status(Condition::No, code, text))
    }

    #[test]
    fn r63_a_tagged_no_rejects_with_and_without_code() {
        for (code, text) in [
            (Some("AUTHENTICATIONFAILED"), "Authentication failed."),
            (None, "Login failed: authentication failure"),
            (None, "Login failed."),
            (None, "LOGIN failed"),
            (None, "Invalid password, please try again"),
            (None, ""),
            (Some("AUTHORIZATIONFAILED"), "No"),
            (Some("EXPIRED"), "Password expired"),
            (Some("ALERT"), "Invalid credentials (Failure)"),
            (Some("XYZ"), "bad"),
        ] {
            assert!(matches!(login(code, text), GroupwareError::LoginRejected { .. }), "{code:?} {text}");
        }
    }

    #[test]
    fn r63_trouble_that_is_no_rejection_never_locks() {
        for (code, text) in [
            (Some("UNAVAILABLE"), "Internal error occurred. Refer to server log for more information."),
            (Some("LIMIT"), "Maximum number of connections from user+IP exceeded (mail_max_userip_connections=2)"),
            (Some("INUSE"), "Mailbox in use"),
            (Some("SERVERBUG"), "LOGIN Server error - Please try again later"),
            (Some("CONTACTADMIN"), "Account suspended"),
            (Some("ALERT"), "Please log in via your web browser"),
            (None, "Temporary authentication failure. Try again later."),
            (None, "Too many connections"),
            (None, "Please try again"),
        ] {
            assert!(matches!(login(code, text), GroupwareError::Unavailable { .. }), "{code:?} {text}");
        }
        for (code, text) in [(Some("PRIVACYREQUIRED"), "TLS needed"), (None, "no mechanism available")] {
            assert!(matches!(login(code, text), GroupwareError::Refused { .. }), "{code:?} {text}");
        }
        for text in ["Error in IMAP command received by server.", ""] {
            let error = login_failed("s", "LOGIN", &status(Condition::Bad, Some("AUTHENTICATIONFAILED"), text));
            assert!(matches!(error, GroupwareError::Protocol { .. }));
        }
        let davmail = status(Condition::Bad, None, "unable to handle request: connect timed out");
        assert!(matches!(login_failed("s", "LOGIN", &davmail), GroupwareError::Unavailable { .. }));
    }

    #[test]
    fn a_servers_wish_to_be_left_alone_is_understood() {
        let text = "Request is throttled. Suggested Backoff Time: 12345 milliseconds";
        let error = failed("s", "UID FETCH", &status(Condition::No, None, text), None);
        assert!(matches!(error, GroupwareError::Unavailable { retry_after: Some(wait), .. } if wait == Duration::from_millis(12_345)));
        assert_eq!(retry_after("Suggested Backoff Time: 99999999999999999999999 ms"), None);
        assert_eq!(retry_after("nothing"), None);
    }

    #[test]
    fn full_and_absent_mailboxes_are_recognised_by_code_or_words() {
        let name = MailboxName::from("Archive");
        let no = |code, text| failed("s", "UID COPY", &status(Condition::No, code, text), Some(&name));
        for (code, text) in [(Some("OVERQUOTA"), "Quota exceeded (mailbox for user is full)"), (None, "Over quota")] {
            assert!(matches!(no(code, text), GroupwareError::OverQuota { .. }), "{text}");
        }
        for (code, text) in [
            (Some("TRYCREATE"), "Mailbox doesn't exist: Archive"),
            (None, "Mailbox doesn't exist: Archive"),
            (None, "Mailbox does not exist, or must be subscribed to."),
            (Some("NONEXISTENT"), "gone"),
            (None, "Not found"),
        ] {
            assert!(matches!(no(code, text), GroupwareError::NoSuchMailbox { .. }), "{text}");
        }
        assert!(matches!(no(Some("CANNOT"), "Invalid"), GroupwareError::Refused { code: Some(code), .. } if code == "CANNOT"));
        assert!(matches!(no(None, ""), GroupwareError::Refused { .. }));
    }
}
