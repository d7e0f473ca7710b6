//! What an error of a provider means, and what to do. Pure.

/// What follows from an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follow {
    /// The person has to sign in again.
    SignIn,
    /// The administrator has to correct the application's registration or the settings.
    Administrator,
    /// It passes.
    Wait,
}

/// What an error means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advice {
    pub(super) follow: Follow,
    /// One sentence or two, with the repair.
    pub(super) text: String,
}

use Follow::{Administrator, SignIn, Wait};

/// Codes of Microsoft's identity platform, as they begin its descriptions (`AADSTS700082: …`).
const MICROSOFT: &[(u32, Follow, &str)] = &[
    (16_000, SignIn, "several accounts are signed in at Microsoft and none was chosen; run `crmsync sign-in` and choose one"),
    (
        50_011,
        Administrator,
        "the way back from the browser is not registered: add http://localhost as a redirect of a mobile or desktop application",
    ),
    (50_020, Administrator, "this account belongs to another organisation; correct tenant, or sign in with an account of this one"),
    (50_034, SignIn, "Microsoft knows no such account in this organisation; check tenant and user, then run `crmsync sign-in`"),
    (50_053, SignIn, "the account is locked after too many wrong passwords; wait, or ask your administrator, then run `crmsync sign-in`"),
    (50_055, SignIn, "the password of the account has expired; set a new one in the browser: run `crmsync sign-in`"),
    (50_057, SignIn, "the account is disabled; ask your administrator, then run `crmsync sign-in`"),
    (50_058, SignIn, "nobody is signed in at Microsoft; run `crmsync sign-in`"),
    (50_072, SignIn, "a second factor has to be set up; run `crmsync sign-in`"),
    (50_074, SignIn, "a second factor is wanted; run `crmsync sign-in`"),
    (50_076, SignIn, "a second factor is wanted; run `crmsync sign-in`"),
    (50_078, SignIn, "the second factor has expired; run `crmsync sign-in`"),
    (50_079, SignIn, "a second factor has to be set up; run `crmsync sign-in`"),
    (50_089, SignIn, "the sign-in has expired; run `crmsync sign-in`"),
    (50_097, SignIn, "this device has to be known to your organisation; ask your administrator, then run `crmsync sign-in`"),
    (50_126, SignIn, "the name or the password is wrong; run `crmsync sign-in`"),
    (50_132, SignIn, "the session ended, because a password was changed or a sign-in was revoked; run `crmsync sign-in`"),
    (50_133, SignIn, "the session ended, because the password was changed; run `crmsync sign-in`"),
    (50_140, SignIn, "the browser asked whether to stay signed in and got no answer; run `crmsync sign-in`"),
    (50_158, SignIn, "a further step is wanted that your organisation has put before sign-ins; run `crmsync sign-in`"),
    (50_173, SignIn, "the sign-in was revoked, or the password was changed; run `crmsync sign-in`"),
    (50_194, Administrator, "the application is registered for one organisation alone; write its id as tenant"),
    (50_196, Wait, "Microsoft saw too many requests of the same kind"),
    (53_000, SignIn, "your organisation demands a managed device; ask your administrator, then run `crmsync sign-in`"),
    (53_001, SignIn, "your organisation demands a device that is joined to it; ask your administrator, then run `crmsync sign-in`"),
    (53_003, SignIn, "a rule of your organisation (conditional access) forbids it; ask your administrator, then run `crmsync sign-in`"),
    (54_005, SignIn, "the code from the browser was used before; run `crmsync sign-in`"),
    (
        65_001,
        SignIn,
        "nobody has agreed yet that crmsync may open the mailbox; run `crmsync sign-in`, or ask your administrator to agree for all",
    ),
    (65_004, SignIn, "you did not agree; run `crmsync sign-in` and accept what crmsync asks for"),
    (65_005, Administrator, "the registration lacks the permission IMAP.AccessAsUser.All of Office 365 Exchange Online; add it"),
    (70_000, SignIn, "the sign-in is not valid any more; run `crmsync sign-in`"),
    (70_002, Administrator, "the client id or the client secret is wrong; correct client_id and client_secret"),
    (70_008, SignIn, "the sign-in has expired; run `crmsync sign-in`"),
    (70_011, Administrator, "a scope is wrong; correct scopes, or leave it out"),
    (70_016, Wait, "the code was not typed yet"),
    (70_043, SignIn, "the sign-in has expired by a rule of your organisation; run `crmsync sign-in`"),
    (70_044, SignIn, "the session has expired by a rule of your organisation; run `crmsync sign-in`"),
    (70_046, SignIn, "the session was ended; run `crmsync sign-in`"),
    (90_002, Administrator, "there is no such organisation; correct tenant"),
    (90_033, Wait, "Microsoft says that this passes"),
    (90_055, Wait, "Microsoft sees too many requests"),
    (90_094, Administrator, "an administrator has to agree that crmsync may open mailboxes; ask for the consent of the organisation"),
    (135_010, SignIn, "Microsoft demands another way to sign in; run `crmsync sign-in`"),
    (500_011, Administrator, "the organisation has no such resource (Exchange Online); check tenant and scopes"),
    (
        500_113,
        Administrator,
        "no way back from the browser is registered: add http://localhost as a redirect of a mobile or desktop application",
    ),
    (500_133, SignIn, "a token has expired, or a clock is wrong; check this computer's clock, then run `crmsync sign-in`"),
    (500_341, SignIn, "the account was removed from the organisation; ask your administrator"),
    (530_003, SignIn, "your organisation demands a managed device; ask your administrator, then run `crmsync sign-in`"),
    (700_003, SignIn, "this device was removed from the organisation; ask your administrator, then run `crmsync sign-in`"),
    (700_016, Administrator, "the organisation knows no application of this client_id; correct client_id and tenant"),
    (700_027, Administrator, "the client's proof is wrong; correct client_id and client_secret"),
    (700_082, SignIn, "the sign-in has expired, because it was not used for long; run `crmsync sign-in`"),
    (700_084, SignIn, "the sign-in has expired; run `crmsync sign-in`"),
    (7_000_112, Administrator, "the application is disabled in the organisation; have it enabled"),
    (7_000_215, Administrator, "the client secret is wrong; correct client_secret"),
    (
        7_000_218,
        Administrator,
        "the registration does not allow public clients: set \"Allow public client flows\" to yes, or name a client_secret",
    ),
    (7_000_222, Administrator, "the client secret has expired; make a new one and store it"),
    (9_002_313, Administrator, "the request is malformed; check the settings below [accounts.NAME.oauth]"),
];

/// Error codes of the standards (RFC 6749 §5.2 and §4.1.2.1, RFC 8628 §3.5, `OpenID` Connect) and Google's.
const STANDARD: &[(&str, Follow, &str)] = &[
    ("invalid_grant", SignIn, "the sign-in is not valid any more (expired, revoked, or the password was changed); run `crmsync sign-in`"),
    ("interaction_required", SignIn, "the provider wants to ask you something; run `crmsync sign-in`"),
    ("login_required", SignIn, "the provider wants you to sign in; run `crmsync sign-in`"),
    ("consent_required", SignIn, "the provider wants your agreement; run `crmsync sign-in`"),
    ("account_selection_required", SignIn, "the provider wants you to choose an account; run `crmsync sign-in`"),
    ("access_denied", SignIn, "you or the provider said no; run `crmsync sign-in` and accept, or ask your administrator"),
    ("authorization_declined", SignIn, "the sign-in was declined; run `crmsync sign-in` and accept"),
    ("expired_token", SignIn, "the code was not typed in time; run `crmsync sign-in --device` again"),
    ("bad_verification_code", SignIn, "the code is not known; run `crmsync sign-in --device` again"),
    (
        "admin_policy_enforced",
        Administrator,
        "a rule of your Google Workspace forbids these scopes; have crmsync's client id allowed there",
    ),
    ("org_internal", Administrator, "the client id is for another organisation's own people; register one, or have it opened"),
    ("deleted_client", Administrator, "the client id was deleted; correct client_id"),
    (
        "invalid_client",
        Administrator,
        "the provider does not know the client id, or its secret is wrong; correct client_id and client_secret",
    ),
    ("unauthorized_client", Administrator, "the client id may not be used in this way; correct its registration or client_id"),
    ("unsupported_grant_type", Administrator, "the provider does not offer this way to sign in"),
    ("unsupported_response_type", Administrator, "the provider does not offer this way to sign in"),
    ("invalid_scope", Administrator, "a scope is wrong; correct scopes, or leave it out"),
    ("invalid_resource", Administrator, "the scopes name a resource that the organisation does not have; correct scopes"),
    ("invalid_request", Administrator, "the request is malformed; check the settings below [accounts.NAME.oauth]"),
    ("redirect_uri_mismatch", Administrator, "the way back from the browser is not registered; correct the registration, or redirect_port"),
    ("temporarily_unavailable", Wait, "the provider says that it is busy"),
    ("server_error", Wait, "the provider says that it has failed"),
    ("slow_down", Wait, "the provider sees too many requests"),
    ("rate_limit_exceeded", Wait, "the provider sees too many requests"),
];

/// What an error means: by Microsoft's number, where the description has one that is known, else by the code.
pub(super) fn advise(code: &str, description: &str) -> Advice {
    let number = number(description);
    let known = number.and_then(|number| MICROSOFT.iter().find(|(known, ..)| *known == number));
    let (follow, sentence) = match (known, STANDARD.iter().find(|(known, ..)| *known == code)) {
        (Some((_, follow, sentence)), _) | (None, Some((_, follow, sentence))) => (*follow, *sentence),
        (None, None) => (Administrator, "the provider gives an error that is not known; check the settings below [accounts.NAME.oauth]"),
    };
    let named = number.map_or_else(|| shown(code), |number| format!("AADSTS{number}"));
    let words = if known.is_some() { String::new() } else { words(description) };
    let text = if words.is_empty() { format!("{sentence} ({named})") } else { format!("{sentence} ({named}: {words})") };
    Advice { follow, text }
}

/// The number in `AADSTS700082: …`.
fn number(description: &str) -> Option<u32> {
    let rest = description.get(description.find("AADSTS")? + 6..)?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).take(9).collect();
    digits.parse().ok()
}

/// A code from a stranger: RFC 6749 allows printable ASCII.
fn shown(code: &str) -> String {
    code.chars().filter(char::is_ascii_graphic).take(60).collect()
}

/// The provider's words: one line, at most 200 characters, without the ids that Microsoft appends.
pub(super) fn words(description: &str) -> String {
    let line = description.lines().next().unwrap_or_default();
    let own = line.split(" Trace ID:").next().unwrap_or_default();
    own.chars().filter(|c| !c.is_control()).take(200).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_sentence_says_what_to_do() {
        for (code, follow, text) in MICROSOFT {
            assert!(*follow != SignIn || text.contains("crmsync sign-in") || text.contains("administrator"), "{code}: {text}");
            assert!(*follow != Administrator || text.contains(';') || text.contains(':'), "{code}: {text}");
        }
        assert!(MICROSOFT.is_sorted_by_key(|(code, ..)| *code));
    }

    #[test]
    fn microsofts_numbers_win_over_the_code_and_its_ids_are_left_out() {
        let said =
            "AADSTS700082: The refresh token has expired due to inactivity. Trace ID: 0f1e Correlation ID: 2d3c Timestamp: 2026-11-22";
        let advice = advise("invalid_grant", said);
        assert_eq!(advice.follow, SignIn);
        assert!(advice.text.contains("not used for long") && advice.text.ends_with("(AADSTS700082)"), "{}", advice.text);
        let application =
            advise("unauthorized_client", "AADSTS700016: Application with identifier 'x' was not found in the directory 'y'.");
        assert_eq!(application.follow, Administrator);
        let unknown = advise("invalid_grant", "AADSTS999999: Something new. Trace ID: 1");
        assert_eq!(unknown.follow, SignIn);
        assert!(unknown.text.ends_with("(AADSTS999999: AADSTS999999: Something new.)"), "{}", unknown.text);
        assert_eq!(advise("invalid_grant", "AADSTS50196: loop").follow, Wait, "a loop says nothing of the sign-in");
    }

    #[test]
    fn other_providers_speak_by_the_codes_of_the_standards() {
        let revoked = advise("invalid_grant", "Token has been expired or revoked.");
        assert_eq!(revoked.follow, SignIn);
        assert!(revoked.text.contains("(invalid_grant: Token has been expired or revoked.)"), "{}", revoked.text);
        assert_eq!(advise("temporarily_unavailable", "").follow, Wait);
        assert_eq!(advise("invalid_client", "The OAuth client was not found.").follow, Administrator);
        let strange = advise("a\u{1b}[2Jb", "x\u{1b}y\nz");
        assert!(!strange.text.contains('\u{1b}') && !strange.text.contains('z'), "{}", strange.text);
        assert_eq!(advise("", "").follow, Administrator);
    }
}
