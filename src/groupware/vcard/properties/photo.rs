//! PHOTO (RFC 6350 §6.2.4) ↔ photo. A picture at an address is not ours.

use std::borrow::Cow;

use data_encoding::BASE64;

use super::{Source, Target, VcardFault};
use crate::groupware::lines::unescape;
use crate::groupware::vcard::line::{Line, escaped_uri};
use crate::groupware::vcard::picture::{MAX_PICTURE, picture};
use crate::groupware::vcard::source::{Entry, Style};
use crate::groupware::vcard::transfer;
use crate::model::contact::Photo;
use crate::model::{Field, Value};

const NAME: &str = "PHOTO";
/// Four characters stand for three bytes; blanks come on top.
const MAX_TEXT: usize = MAX_PICTURE / 3 * 4 + MAX_PICTURE / 16;

/// The picture that lies in an entry.
fn photo(entry: &Entry<'_>) -> Option<Photo> {
    let value = entry.property.value().trim();
    if value.len() > MAX_TEXT {
        return None;
    }
    let is_data = value.get(..5).is_some_and(|scheme| scheme.eq_ignore_ascii_case("data:"));
    let text = if is_data {
        // Some escape what no URI needs to have escaped.
        let head = value.get(..value.floor_char_boundary(200)).unwrap_or_default();
        let value = if head.contains('\\') { unescape(value) } else { Cow::Borrowed(value) };
        let (head, data) = value.split_once(',')?;
        head.to_ascii_lowercase().ends_with("base64").then(|| data.to_owned())?
    } else {
        value.to_owned()
    };
    picture(&transfer::from_base64(&text)?)
}

fn first<'a, 's>(source: &'a Source<'s>) -> Option<(&'a Entry<'s>, Photo)> {
    source.all(NAME).find_map(|entry| photo(entry).map(|photo| (entry, photo)))
}

pub(super) fn read(source: &Source<'_>) -> Option<Value> {
    first(source).map(|(_, photo)| Value::Photo(photo))
}

pub(super) fn write(target: &mut Target<'_, '_>, value: Option<&Value>) -> Result<(), VcardFault> {
    let source = target.source;
    let present = first(source);
    let wanted = match value {
        None => {
            if let Some((entry, _)) = present {
                target.remove(entry);
            }
            return Ok(());
        }
        Some(Value::Photo(photo)) => photo,
        Some(_) => return Err(VcardFault::BadField { field: Field::Photo }),
    };
    let wanted = picture(wanted.bytes.as_deref().ok_or(VcardFault::NoPicture)?).ok_or(VcardFault::BadPicture)?;
    // Only what a camera adds differs.
    if present.as_ref().is_some_and(|(_, photo)| *photo == wanted) {
        return Ok(());
    }
    // No parameter of another picture is one of this (`X-ABCROP-RECTANGLE`).
    let name = present.as_ref().map_or(NAME, |(entry, _)| entry.property.name());
    let data = BASE64.encode(wanted.bytes.as_deref().unwrap_or_default());
    let kind = wanted.media_type.trim_start_matches("image/").to_ascii_uppercase();
    let line = match source.style {
        Style::V4 => Line::new(name).value(escaped_uri(&format!("data:{};base64,{data}", wanted.media_type))),
        Style::V3 => Line::new(name).parameter("ENCODING", Some("b")).parameter("TYPE", Some(&kind)).value(data),
        Style::V21 => Line::new(name).parameter("ENCODING", Some("BASE64")).parameter("TYPE", Some(&kind)).value(data),
    };
    match present {
        Some((entry, _)) => target.change(entry, line),
        None => target.add(line),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::super::testing::{card, card4, card21, edited, part, try_edit, value};
    use super::*;
    use crate::groupware::vcard::picture::tests::with_exif;
    use crate::model::Digest;

    fn gif(name: &str) -> Vec<u8> {
        format!("GIF89a{name}").into_bytes()
    }

    fn photo(bytes: &[u8]) -> Option<Value> {
        picture(bytes).map(Value::Photo)
    }

    #[test]
    fn r94_pictures_are_read_wherever_they_lie() {
        let data = BASE64.encode(&gif("x"));
        for text in [
            card(&format!("PHOTO;ENCODING=b;TYPE=GIF:{data}")),
            card(&format!("PHOTO;TYPE=GIF;ENCODING=BASE64:{}\r\n  {}", &data[..4], &data[4..])),
            card(&format!("PHOTO:data:image/gif;base64,{data}")),
            card(&format!("PHOTO;VALUE=uri:http://x.example/a.gif\r\nPHOTO:data:image/gif\\;base64\\,{data}")),
            card21(&format!("PHOTO;GIF;BASE64:\r\n {data}\r\n")),
            card4(&format!("PHOTO:data:image/gif;base64,{data}")),
        ] {
            assert_eq!(value(&text, Field::Photo), photo(&gif("x")), "{text}");
        }
        for line in ["PHOTO;VALUE=uri:http://x.example/a.gif", "PHOTO:data:text/plain,abc", "PHOTO;ENCODING=b:QUJD", "PHOTO:"] {
            assert_eq!(value(&card(line), Field::Photo), None, "{line}");
        }
    }

    #[test]
    fn a_picture_is_written_as_the_version_has_it_and_only_if_it_is_another() {
        let data = BASE64.encode(&gif("y"));
        assert_eq!(edited(&card("FN:x"), Field::Photo, photo(&gif("y"))), card(&format!("FN:x\r\nPHOTO;ENCODING=b;TYPE=GIF:{data}")));
        assert_eq!(edited(&card4("FN:x"), Field::Photo, photo(&gif("y"))), card4(&format!("FN:x\r\nPHOTO:data:image/gif;base64\\,{data}")));
        let text = card(&format!("PHOTO;TYPE=GIF;X-ABCROP-RECTANGLE=1;ENCODING=b:{}\r\nFN:x", BASE64.encode(&gif("x"))));
        assert_eq!(edited(&text, Field::Photo, photo(&gif("x"))), text);
        assert_eq!(edited(&text, Field::Photo, photo(&gif("y"))), card(&format!("PHOTO;ENCODING=b;TYPE=GIF:{data}\r\nFN:x")));
        assert_eq!(edited(&text, Field::Photo, None), card("FN:x"));
        let at_an_address = card("PHOTO;VALUE=uri:http://x.example/a.gif");
        assert_eq!(try_edit(&at_an_address, Field::Photo, None).unwrap(), at_an_address);
    }

    #[test]
    fn v6_a_picture_that_was_cleaned_does_not_come_back_as_another() {
        let raw = with_exif(6);
        let wanted = Photo { digest: Digest::of(&raw), media_type: "image/jpeg".to_owned(), bytes: Some(raw.clone().into()) };
        let written = try_edit(&card("FN:x"), Field::Photo, Some(Value::Photo(wanted.clone()))).unwrap();
        let Some(Value::Photo(read)) = part(&written).fields.remove(&Field::Photo) else { panic!() };
        assert_eq!(Some(Value::Photo(read)), photo(&raw));
        assert_eq!(try_edit(&written, Field::Photo, Some(Value::Photo(wanted))).unwrap(), written);
    }

    #[test]
    fn what_is_no_picture_or_not_at_hand_is_refused() {
        let known = Photo { digest: Digest::of(b"x"), media_type: "image/gif".to_owned(), bytes: None };
        assert_eq!(try_edit(&card("FN:x"), Field::Photo, Some(Value::Photo(known.clone()))), Err(VcardFault::NoPicture));
        let odd = Photo { bytes: Some(b"<svg>".to_vec().into()), ..known };
        assert_eq!(try_edit(&card("FN:x"), Field::Photo, Some(Value::Photo(odd))), Err(VcardFault::BadPicture));
    }
}
