//! ENVELOPE (RFC 9051 §7.5.2), simple: groups are flattened.

use mail_parser::{Address, MessageParser};

use super::header::values;
use super::output::Output;

/// Adds the envelope of a message.
pub(super) fn push(out: &mut Output, raw: &[u8]) {
    let first = |name: &str| values(raw, name).into_iter().next();
    let parsed = MessageParser::default().parse_headers(raw);
    let addresses = |pick: fn(&mail_parser::Message<'_>) -> Option<Addresses>| parsed.as_ref().and_then(pick);
    let from = addresses(|message| message.from().map(flatten));
    out.push("(");
    out.nstring(first("Date").as_deref());
    out.push(" ");
    out.nstring(first("Subject").as_deref());
    for list in [
        from.clone(),
        addresses(|message| message.sender().map(flatten)).or_else(|| from.clone()),
        addresses(|message| message.reply_to().map(flatten)).or(from),
        addresses(|message| message.to().map(flatten)),
        addresses(|message| message.cc().map(flatten)),
        addresses(|message| message.bcc().map(flatten)),
    ] {
        out.push(" ");
        push_addresses(out, &list.unwrap_or_default());
    }
    out.push(" ");
    out.nstring(first("In-Reply-To").as_deref());
    out.push(" ");
    out.nstring(first("Message-ID").as_deref());
    out.push(")");
}

/// Display names and addresses.
type Addresses = Vec<(Option<String>, String)>;

fn flatten(address: &Address<'_>) -> Addresses {
    address.iter().filter_map(|one| Some((one.name().map(str::to_owned), one.address()?.to_owned()))).collect()
}

fn push_addresses(out: &mut Output, addresses: &[(Option<String>, String)]) {
    if addresses.is_empty() {
        out.push("NIL");
        return;
    }
    out.push("(");
    for (name, address) in addresses {
        let (local, domain) = address.rsplit_once('@').unwrap_or((address, ""));
        let name = name.as_ref().map(|name| if name.is_ascii() { name.clone() } else { encoded_word(name) });
        out.push("(");
        out.nstring(name.as_deref());
        out.push(" NIL ");
        out.string(local);
        out.push(" ");
        out.string(domain);
        out.push(")");
    }
    out.push(")");
}

/// RFC 2047; one word whatever its length, which readers accept.
fn encoded_word(text: &str) -> String {
    format!("=?UTF-8?B?{}?=", data_encoding::BASE64.encode(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_envelope_has_ten_fields() {
        let mut out = Output::default();
        push(&mut out, b"From: =?UTF-8?Q?J=C3=BCrgen?= <j@x.example>\r\nTo: a@b.example, c@d.example\r\nSubject: Hi\r\n\r\n");
        let text = String::from_utf8(out.into_pieces(usize::MAX).concat()).unwrap();
        assert_eq!(
            text,
            "(NIL \"Hi\" ((\"=?UTF-8?B?SsO8cmdlbg==?=\" NIL \"j\" \"x.example\")) ((\"=?UTF-8?B?SsO8cmdlbg==?=\" NIL \"j\" \"x.example\")) \
             ((\"=?UTF-8?B?SsO8cmdlbg==?=\" NIL \"j\" \"x.example\")) ((NIL NIL \"a\" \"b.example\")(NIL NIL \"c\" \"d.example\")) NIL NIL NIL NIL)"
        );
    }
}
