//! Pictures: what they are, and without what a camera adds to them.
//!
//! EXIF holds where a picture was taken and with which device; neither belongs into a CRM or on every phone. It is taken out by a walk along
//! the segments, without decoding: the picture itself stays byte for byte. How a JPEG is turned stays with it, in an EXIF block of its own.
//!
//! A picture is compared in this form on both sides, so that one that was cleaned on its way does not come back as another.

use std::sync::Arc;

use crate::model::Digest;
use crate::model::contact::Photo;

/// Largest picture in bytes. Servers draw lower lines (Stalwart 0.15 at 512 kB for the whole card) and say so themselves.
pub const MAX_PICTURE: usize = 8 * 1024 * 1024;

const JPEG: &[u8] = b"\xFF\xD8\xFF";
const PNG: &[u8] = b"\x89PNG\r\n\x1A\n";
const EXIF: &[u8] = b"Exif\0\0";
/// TIFF tag of the orientation.
const ORIENTATION: u16 = 0x0112;

/// The picture that these bytes are, without what a camera adds; `None` when they are no JPEG, PNG or GIF, or too many.
pub(super) fn picture(bytes: &[u8]) -> Option<Photo> {
    if bytes.len() > MAX_PICTURE {
        return None;
    }
    let (media_type, bytes) = if bytes.starts_with(JPEG) {
        ("image/jpeg", clean_jpeg(bytes).unwrap_or_else(|| bytes.to_vec()))
    } else if bytes.starts_with(PNG) {
        ("image/png", clean_png(bytes).unwrap_or_else(|| bytes.to_vec()))
    } else if bytes.starts_with(b"GIF87a") || bytes.starts_with(b"GIF89a") {
        ("image/gif", bytes.to_vec())
    } else {
        return None;
    };
    Some(Photo { digest: Digest::of(&bytes), media_type: media_type.to_owned(), bytes: Some(Arc::from(bytes)) })
}

/// A JPEG without EXIF, XMP, IPTC and comments (ITU T.81 §B.1.1.3); `None` where its segments cannot be followed.
fn clean_jpeg(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::with_capacity(bytes.len());
    clean.extend_from_slice(bytes.get(..2)?);
    let mut turned = None;
    let mut head = clean.len();
    let mut at = 2;
    loop {
        let [0xFF, marker] = *bytes.get(at..at + 2)? else { return None };
        match marker {
            // A marker may be filled up from the left.
            0xFF => at += 1,
            // From the scan on everything is picture.
            0xDA => {
                clean.extend_from_slice(bytes.get(at..)?);
                break;
            }
            0x01 | 0xD0..=0xD9 => {
                clean.extend_from_slice(bytes.get(at..at + 2)?);
                at += 2;
            }
            _ => {
                let length = usize::from(u16::from_be_bytes(bytes.get(at + 2..at + 4)?.try_into().ok()?));
                let end = at + 2 + length.max(2);
                let segment = bytes.get(at..end)?;
                let content = segment.get(4..).unwrap_or_default();
                // APP1 (EXIF, XMP), APP13 (IPTC), COM.
                if matches!(marker, 0xE1 | 0xED | 0xFE) {
                    turned = turned.or_else(|| content.strip_prefix(EXIF).and_then(orientation));
                } else {
                    clean.extend_from_slice(segment);
                    // JFIF wants to be the first.
                    if marker == 0xE0 && head == 2 {
                        head = clean.len();
                    }
                }
                at = end;
            }
        }
    }
    if let Some(turned) = turned.filter(|turned| (2..=8).contains(turned)) {
        clean.splice(head..head, exif_of(turned));
    }
    Some(clean)
}

/// The orientation in a TIFF block (EXIF 2.32 §4.6.4).
fn orientation(tiff: &[u8]) -> Option<u16> {
    let little = match tiff.get(..2)? {
        b"II" => true,
        b"MM" => false,
        _ => return None,
    };
    let short = |at: usize| {
        let bytes: [u8; 2] = tiff.get(at..at.checked_add(2)?)?.try_into().ok()?;
        Some(if little { u16::from_le_bytes(bytes) } else { u16::from_be_bytes(bytes) })
    };
    let long = |at: usize| {
        let bytes: [u8; 4] = tiff.get(at..at.checked_add(4)?)?.try_into().ok()?;
        usize::try_from(if little { u32::from_le_bytes(bytes) } else { u32::from_be_bytes(bytes) }).ok()
    };
    let directory = long(4)?;
    let entries = directory.checked_add(2)?;
    (0..usize::from(short(directory)?))
        .filter_map(|entry| entries.checked_add(entry * 12))
        .find(|at| short(*at) == Some(ORIENTATION))
        .and_then(|at| short(at.checked_add(8)?))
}

/// An EXIF segment that says nothing but how the picture is turned.
fn exif_of(turned: u16) -> Vec<u8> {
    let mut segment = vec![0xFF, 0xE1, 0, 34];
    segment.extend_from_slice(EXIF);
    // Big endian, one entry of one SHORT, no further directory.
    segment.extend_from_slice(b"MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01");
    segment.extend_from_slice(&turned.to_be_bytes());
    segment.extend_from_slice(&[0; 6]);
    segment
}

/// A PNG without EXIF, texts and times; `None` where its chunks cannot be followed.
fn clean_png(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut clean = Vec::with_capacity(bytes.len());
    clean.extend_from_slice(bytes.get(..PNG.len())?);
    let mut at = PNG.len();
    while at < bytes.len() {
        let length = usize::try_from(u32::from_be_bytes(bytes.get(at..at + 4)?.try_into().ok()?)).ok()?;
        let end = at.checked_add(length)?.checked_add(12)?;
        let chunk = bytes.get(at..end)?;
        let kind = chunk.get(4..8)?;
        if !matches!(kind, b"eXIf" | b"tEXt" | b"zTXt" | b"iTXt" | b"tIME") {
            clean.extend_from_slice(chunk);
        }
        at = end;
        if kind == b"IEND" {
            break;
        }
    }
    Some(clean)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    fn segment(marker: u8, content: &[u8]) -> Vec<u8> {
        let length = u16::try_from(content.len() + 2).unwrap().to_be_bytes();
        [&[0xFF, marker], &length[..], content].concat()
    }

    fn jpeg(segments: &[Vec<u8>]) -> Vec<u8> {
        [&[0xFF, 0xD8][..], &segments.concat(), &segment(0xDA, b"scan"), b"\x01\xFF\x00\x02\xFF\xD9"].concat()
    }

    /// A small JPEG with a place in its EXIF.
    pub(in super::super) fn with_exif(turned: u16) -> Vec<u8> {
        let mut tiff = b"II\x2A\0\x08\0\0\0\x02\0".to_vec();
        tiff.extend_from_slice(b"\x25\x88\x04\0\x01\0\0\0\x99\0\0\0");
        tiff.extend_from_slice(b"\x12\x01\x03\0\x01\0\0\0");
        tiff.extend_from_slice(&turned.to_le_bytes());
        tiff.extend_from_slice(b"\0\0\0\0\0\0GPS");
        jpeg(&[
            segment(0xE0, b"JFIF\0"),
            segment(0xE1, &[EXIF, &tiff].concat()),
            segment(0xFE, b"comment"),
            segment(0xE2, b"ICC_PROFILE\0"),
            segment(0xDB, b"table"),
        ])
    }

    #[test]
    fn what_a_camera_adds_is_taken_out_and_the_picture_stays() {
        let clean = picture(&with_exif(1)).unwrap();
        assert_eq!(clean.media_type, "image/jpeg");
        let expected = jpeg(&[segment(0xE0, b"JFIF\0"), segment(0xE2, b"ICC_PROFILE\0"), segment(0xDB, b"table")]);
        assert_eq!(clean.bytes.as_deref(), Some(&expected[..]));
        assert_eq!(picture(&expected).unwrap(), clean);
    }

    #[test]
    fn a_picture_stays_turned_as_it_was() {
        let once = picture(&with_exif(6)).unwrap();
        let bytes = once.bytes.clone().unwrap();
        assert!(!bytes.windows(3).any(|window| window == b"GPS"));
        let exif = bytes.windows(EXIF.len()).position(|window| window == EXIF).unwrap();
        assert_eq!(orientation(&bytes[exif + EXIF.len()..]), Some(6));
        assert_eq!(&bytes[..4], b"\xFF\xD8\xFF\xE0");
        assert_eq!(picture(&bytes).unwrap(), once, "cleaning again changes nothing");
    }

    #[test]
    fn texts_of_a_png_are_taken_out() {
        let chunk =
            |kind: &[u8], content: &[u8]| [&u32::try_from(content.len()).unwrap().to_be_bytes()[..], kind, content, b"crc4"].concat();
        let png = |extra: &[u8]| [PNG, &chunk(b"IHDR", b"13"), extra, &chunk(b"IDAT", b"data"), &chunk(b"IEND", b"")].concat();
        let clean = picture(&png(&[chunk(b"tEXt", b"author"), chunk(b"eXIf", b"x")].concat())).unwrap();
        assert_eq!(clean.bytes.as_deref(), Some(&png(b"")[..]));
    }

    #[test]
    fn what_cannot_be_followed_is_left_as_it_is() {
        let whole = with_exif(6);
        for length in 3..whole.len() {
            assert!(picture(&whole[..length]).is_some());
        }
        for bytes in [&b"BM"[..], b"", b"<svg>", &[0; 100]] {
            assert_eq!(picture(bytes), None);
        }
        assert_eq!(picture(&[JPEG, &vec![0; MAX_PICTURE]].concat()), None);
    }
}
