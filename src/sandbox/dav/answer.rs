//! Multistatus answers (RFC 4918 §13) and errors.

use std::fmt::Write as _;

use axum::body::Body;
use axum::http::{Response, StatusCode, header};

const HEAD: &str = "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:multistatus xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" \
xmlns:A=\"urn:ietf:params:xml:ns:carddav\" xmlns:S=\"http://calendarserver.org/ns/\">\n";

/// A multistatus body in the making.
#[derive(Debug)]
pub(super) struct Multistatus(String);

impl Multistatus {
    pub(super) fn new() -> Self {
        Self(HEAD.to_owned())
    }

    /// A resource with the properties it has, and those it lacks, each as XML.
    pub(super) fn properties(&mut self, href: &str, found: &[String], missing: &[String]) {
        let _ = write!(self.0, "<D:response><D:href>{}</D:href>", escape(href));
        for (properties, status) in [(found, "200 OK"), (missing, "404 Not Found")] {
            if !properties.is_empty() {
                let all = properties.concat();
                let _ = write!(self.0, "<D:propstat><D:prop>{all}</D:prop><D:status>HTTP/1.1 {status}</D:status></D:propstat>");
            }
        }
        self.0.push_str("</D:response>\n");
    }

    /// A resource with a status of its own.
    pub(super) fn status(&mut self, href: &str, status: &str) {
        let _ = writeln!(self.0, "<D:response><D:href>{}</D:href><D:status>HTTP/1.1 {status}</D:status></D:response>", escape(href));
    }

    pub(super) fn finish(mut self, sync_token: Option<&str>) -> Response<Body> {
        if let Some(token) = sync_token {
            let _ = write!(self.0, "<D:sync-token>{}</D:sync-token>", escape(token));
        }
        self.0.push_str("</D:multistatus>\n");
        xml(StatusCode::MULTI_STATUS, self.0)
    }
}

/// An answer without a body.
pub(super) fn status(code: StatusCode) -> Response<Body> {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = code;
    response
}

/// A failed precondition (RFC 4918 §16), by the element that names it.
pub(super) fn precondition(code: StatusCode, element: &str) -> Response<Body> {
    let body = format!(
        "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<D:error xmlns:D=\"DAV:\" xmlns:C=\"urn:ietf:params:xml:ns:caldav\" xmlns:A=\"urn:ietf:params:xml:ns:carddav\"><{element}/></D:error>\n"
    );
    xml(code, body)
}

fn xml(code: StatusCode, body: String) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = code;
    response.headers_mut().insert(header::CONTENT_TYPE, header::HeaderValue::from_static("application/xml; charset=utf-8"));
    response
}

/// Text as XML content.
pub(super) fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
