//! A password or token on its way to the login.

/// A password or an OAuth 2 access token. Never printed.
#[derive(Clone)]
pub struct LoginSecret(String);

impl LoginSecret {
    /// Wraps a secret.
    pub fn new(secret: impl Into<String>) -> Self {
        Self(secret.into())
    }

    pub(super) fn expose(&self) -> &str {
        &self.0
    }
}

impl std::fmt::Debug for LoginSecret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LoginSecret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn v11_a_secret_does_not_show_in_debug_output() {
        assert!(!format!("{:?}", LoginSecret::new("pä\"ss")).contains("ss\""));
    }
}
