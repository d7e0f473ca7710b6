//! Pictures: what bytes are one, and small ones made for the samples.

use crate::model::Digest;
use crate::model::contact::Photo;

/// What picture bytes are.
pub(super) const fn media_type(bytes: &[u8]) -> Option<&'static str> {
    match bytes {
        [0xFF, 0xD8, 0xFF, ..] => Some("image/jpeg"),
        [0x89, b'P', b'N', b'G', ..] => Some("image/png"),
        [b'G', b'I', b'F', b'8', ..] => Some("image/gif"),
        _ => None,
    }
}

/// A picture from its bytes; `None` when they are none.
pub(super) fn photo(bytes: &[u8]) -> Option<Photo> {
    Some(Photo { digest: Digest::of(bytes), media_type: media_type(bytes)?.to_owned(), bytes: Some(bytes.into()) })
}

/// Width and height of a sample.
const SIDE: u8 = 24;

/// A small picture that is always the same for a name: blocks of one colour, mirrored, as PNG (ISO/IEC 15948).
pub(super) fn sample(name: &str) -> Vec<u8> {
    let hash = Digest::of(name.as_bytes());
    let mut bits = hash.as_str().bytes().cycle();
    let mut half = || bits.next().unwrap_or_default().is_multiple_of(2);
    let tone =
        |place: usize| hash.as_str().get(place..place + 2).and_then(|hex| u8::from_str_radix(hex, 16).ok()).unwrap_or(0x80) / 2 + 0x40;
    let (ink, paper) = ([tone(0), tone(2), tone(4)], [0xF4, 0xF4, 0xF0]);
    let blocks: Vec<[bool; 3]> = (0..6).map(|_| [half(), half(), half()]).collect();
    let mut pixels = Vec::new();
    for row in 0..SIDE {
        // Each line begins with its filter: none.
        pixels.push(0);
        for column in 0..SIDE {
            let mirrored = if column < SIDE / 2 { column } else { SIDE - 1 - column };
            let is_ink = blocks.get(usize::from(row / 4)).and_then(|line| line.get(usize::from(mirrored / 4))).copied().unwrap_or_default();
            pixels.extend(if is_ink { ink } else { paper });
        }
    }
    let mut png = vec![0x89, b'P', b'N', b'G', b'\r', b'\n', 0x1A, b'\n'];
    chunk(&mut png, *b"IHDR", &[0, 0, 0, SIDE, 0, 0, 0, SIDE, 8, 2, 0, 0, 0]);
    chunk(&mut png, *b"IDAT", &stored(&pixels));
    chunk(&mut png, *b"IEND", &[]);
    png
}

fn chunk(png: &mut Vec<u8>, name: [u8; 4], content: &[u8]) {
    png.extend(u32::try_from(content.len()).unwrap_or_default().to_be_bytes());
    let begin = png.len();
    png.extend(name);
    png.extend(content);
    let sum = crc(png.get(begin..).unwrap_or_default());
    png.extend(sum.to_be_bytes());
}

/// A zlib stream (RFC 1950) with one stored block (RFC 1951 §3.2.4); the pixels of a sample fit into one.
fn stored(bytes: &[u8]) -> Vec<u8> {
    let len = u16::try_from(bytes.len()).unwrap_or(u16::MAX);
    let mut stream = vec![0x78, 0x01, 0x01];
    stream.extend(len.to_le_bytes());
    stream.extend((!len).to_le_bytes());
    stream.extend(bytes);
    let (one, two) = bytes.iter().fold((1u32, 0u32), |(one, two), byte| {
        let one = (one + u32::from(*byte)) % 65_521;
        (one, (two + one) % 65_521)
    });
    stream.extend(((two << 16) | one).to_be_bytes());
    stream
}

/// CRC-32 (ISO/IEC 15948 annex D).
fn crc(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, byte| {
        (0..8).fold(crc ^ u32::from(*byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xEDB8_8320 } else { crc >> 1 })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_standards() {
        assert_eq!(crc(b"IEND"), 0xAE42_6082);
        assert_eq!(crc(b"123456789"), 0xCBF4_3926);
        assert_eq!(stored(b"Wikipedia")[16..], 0x11E6_0398u32.to_be_bytes());
    }

    #[test]
    fn a_sample_is_a_small_picture_of_its_name() {
        let clara = photo(&sample("Clara")).unwrap();
        assert_eq!(clara.media_type, "image/png");
        assert!(clara.bytes.as_ref().unwrap().len() < 3000);
        assert_eq!(clara, photo(&sample("Clara")).unwrap());
        assert_ne!(clara, photo(&sample("Dirk")).unwrap());
        assert_eq!(photo(b"no picture"), None);
    }
}
