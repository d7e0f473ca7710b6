//! JSON Web Tokens signed by HS256 (RFC 7515 §3, RFC 7518 §3.2, RFC 7519).

use data_encoding::BASE64URL_NOPAD;
use ring::hmac;
use serde::{Deserialize, Serialize};

/// What a token claims. Times are seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) iat: i64,
    pub(super) nbf: i64,
    pub(super) exp: i64,
    pub(super) scope: String,
    pub(super) jti: String,
}

/// Signs claims.
pub(super) fn sign(claims: &Claims, key: &[u8]) -> String {
    let part = |json: serde_json::Value| BASE64URL_NOPAD.encode(json.to_string().as_bytes());
    let head = part(serde_json::json!({ "alg": "HS256", "typ": "JWT" }));
    let body = part(serde_json::to_value(claims).unwrap_or_default());
    let signed = format!("{head}.{body}");
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes());
    format!("{signed}.{}", BASE64URL_NOPAD.encode(signature.as_ref()))
}

/// The claims of a token whose signature is right.
pub(super) fn verify(token: &str, key: &[u8]) -> Option<Claims> {
    let (signed, signature) = token.rsplit_once('.')?;
    let signature = BASE64URL_NOPAD.decode(signature.as_bytes()).ok()?;
    hmac::verify(&hmac::Key::new(hmac::HMAC_SHA256, key), signed.as_bytes(), &signature).ok()?;
    let body = BASE64URL_NOPAD.decode(signed.split_once('.')?.1.as_bytes()).ok()?;
    serde_json::from_slice(&body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_whose_signature_is_not_ours_is_none() {
        let claims = Claims {
            iss: "i".to_owned(),
            sub: "anna".to_owned(),
            aud: "a".to_owned(),
            iat: 1,
            nbf: 1,
            exp: 2,
            scope: String::new(),
            jti: "1".to_owned(),
        };
        let token = sign(&claims, b"key");
        assert_eq!(verify(&token, b"key"), Some(claims));
        assert_eq!(verify(&token, b"yek"), None);
        assert_eq!(verify(&token.replace('.', ""), b"key"), None);
        assert_eq!(verify("", b"key"), None);
    }
}
