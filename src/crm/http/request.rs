//! A request before it is sent.

use reqwest::Method;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderValue};
use serde::Serialize;
use url::Url;

use crate::crm::CrmError;

/// A request before it is sent.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<reqwest::Body>,
    // Bytes of the body, uncompressed: decides the time it may take.
    pub(super) len: u64,
}

impl Request {
    pub(super) fn new(method: Method, url: Url) -> Self {
        Self { method, url, headers: HeaderMap::new(), body: None, len: 0 }
    }

    pub(super) fn json(mut self, document: &impl Serialize, media_type: &'static str) -> Result<Self, CrmError> {
        let bytes = serde_json::to_vec(document).map_err(|error| CrmError::Contract(error.to_string()))?;
        self = self.json_bytes(bytes);
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
        Ok(self)
    }

    /// A JSON document that is written already.
    pub(super) fn json_bytes(mut self, bytes: Vec<u8>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        self.len = bytes.len() as u64;
        self.body = Some(bytes.into());
        self
    }

    pub(super) fn header(mut self, name: reqwest::header::HeaderName, value: HeaderValue) -> Self {
        self.headers.insert(name, value);
        self
    }

    pub(super) fn body(mut self, body: reqwest::Body, uncompressed: u64) -> Self {
        self.body = Some(body);
        self.len = uncompressed;
        self
    }
}
