//! Bodies of requests, built by libdav. Addresses and headers are ours: libdav cannot address a name with a percent sign, and leaves `Depth`
//! out of sync reports, which RFC 6578 §3.2 wants to be 0.

use libdav::caldav::GetCalendarResources;
use libdav::carddav::GetAddressBookResources;
use libdav::dav::{Propfind, SyncCollection};
use libdav::requests::DavRequest;
use libdav::xmlutils::XmlNode;
use libdav::{PropertyName, names};

use super::dialect::Dialect;
use super::http::Request;
use super::limits::Patience;
use super::multistatus::Name;

/// `PROPFIND` of depth 0 or 1.
pub(super) fn propfind(path: &str, depth: &'static str, properties: &[&Name], patience: Patience) -> Request {
    Request::xml("PROPFIND", path, depth, body(&Propfind::new("/").with_properties(properties)), patience)
}

/// `sync-collection` (RFC 6578 §3.2). Never with a limit: Xandikos 0.4 and Stalwart 0.15 drop what is beyond it for good.
pub(super) fn sync_collection(path: &str, token: Option<&str>) -> Request {
    let report = SyncCollection::new("/");
    let body = token.map_or_else(|| body(&report), |token| body(&SyncCollection::new("/").with_sync_token(token)));
    Request::xml("REPORT", path, "0", body, Patience::Listing)
}

/// `calendar-multiget` (RFC 4791 §7.9) or `addressbook-multiget`.
pub(super) fn multiget(dialect: Dialect, path: &str, items: &[&str]) -> Request {
    let body = match dialect {
        Dialect::CalDav => body(&GetCalendarResources::new("/").with_hrefs(items)),
        Dialect::CardDav => body(&GetAddressBookResources::new("/").with_hrefs(items)),
    };
    Request::xml("REPORT", path, "1", body, Patience::Items)
}

/// `calendar-query` for the items with a UID (RFC 4791 §7.8.6). SOGo 5.8 and DavMail 6 ignore the filter and answer with all items.
pub(super) fn by_uid(path: &str, component: &str, uid: &str) -> Request {
    const COMP_FILTER: Name = PropertyName::new(names::CALDAV, "comp-filter");
    const PROP_FILTER: Name = PropertyName::new(names::CALDAV, "prop-filter");
    const TEXT_MATCH: Name = PropertyName::new(names::CALDAV, "text-match");
    let text = XmlNode::new(&TEXT_MATCH).with_attributes(vec![("collation", "i;octet")]).with_text(uid);
    let property = XmlNode::new(&PROP_FILTER).with_attributes(vec![("name", "UID")]).with_children(vec![text]);
    let component = XmlNode::new(&COMP_FILTER).with_attributes(vec![("name", component)]).with_children(vec![property]);
    let calendar = XmlNode::new(&COMP_FILTER).with_attributes(vec![("name", "VCALENDAR")]).with_children(vec![component]);
    let filter = XmlNode::new(&names::FILTER).with_children(vec![calendar]);
    let properties = XmlNode::new(&names::PROP).with_children(vec![XmlNode::new(&names::GETETAG), XmlNode::new(&names::CALENDAR_DATA)]);
    let query = XmlNode::new(&names::CALENDAR_QUERY).with_children(vec![properties, filter]);
    Request::xml("REPORT", path, "1", query.render_node(), Patience::Listing)
}

/// `calendar-query` for every item with its content.
pub(super) fn every(path: &str) -> Request {
    Request::xml("REPORT", path, "1", body(&GetCalendarResources::new("/")), Patience::Listing)
}

fn body<R: DavRequest>(request: &R) -> String {
    // It fails for addresses alone, and this one is fixed.
    let base = "http://localhost/".parse().ok();
    base.and_then(|base| request.prepare_request(base).ok()).map(axum::http::Request::into_body).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(request: &Request) -> &str {
        std::str::from_utf8(&request.body).unwrap()
    }

    #[test]
    fn bodies_are_what_the_standards_say() {
        let token = sync_collection("/c/", Some("data:,1&2"));
        assert!(text(&token).contains("<D:sync-token>data:,1&amp;2</D:sync-token><D:sync-level>1</D:sync-level>"), "{}", text(&token));
        assert!(!text(&token).contains("limit"));
        assert!(token.headers.iter().any(|(name, value)| name == "depth" && value == "0"));
        assert!(text(&sync_collection("/c/", None)).contains("<D:sync-token/>"));
        let items = multiget(Dialect::CalDav, "/c/", &["/c/a%40b.ics"]);
        assert!(text(&items).contains("<D:href>/c/a%40b.ics</D:href>"), "{}", text(&items));
        assert!(text(&multiget(Dialect::CardDav, "/c/", &["/c/a.vcf"])).contains("addressbook-multiget"));
        assert!(text(&by_uid("/c/", "VEVENT", "a<b")).contains(">a&lt;b</C:text-match>"));
    }
}
