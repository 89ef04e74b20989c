use super::*;
use proptest::prelude::*;

const SECRET: &[u8] = b"39.9042N 116.4074E";

fn holds(bytes: &[u8], what: &[u8]) -> bool {
    bytes.windows(what.len()).any(|w| w == what)
}

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap();
    [&[0xff, marker][..], &length.to_be_bytes(), body].concat()
}

/// Exif with an orientation and a place.
fn exif(how: u8, little: bool) -> Vec<u8> {
    let mut body = b"Exif\0\0".to_vec();
    if little {
        body.extend(b"II\x2a\0\x08\0\0\0\x02\0\x00\x01\x03\0\x01\0\0\0\x05\0\0\0\x12\x01\x03\0\x01\0\0\0");
        body.extend([how, 0, 0, 0, 0, 0, 0, 0]);
    } else {
        body.extend(b"MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0");
        body.extend([how, 0, 0, 0, 0, 0, 0]);
    }
    body.extend(SECRET);
    segment(0xe1, &body)
}

fn jpeg(before: &[Vec<u8>]) -> Vec<u8> {
    let frame = segment(0xc0, &[8, 0, 48, 0, 64, 1, 1, 0x11, 0]);
    let scan = [segment(0xda, &[1, 1, 0, 0, 63, 0]), vec![1, 0xff, 0, 2, 0xff, 0xd0, 3]].concat();
    [vec![0xff, 0xd8], before.concat(), frame, scan, vec![0xff, 0xd9]].concat()
}

fn chunk(kind: &[u8], body: &[u8]) -> Vec<u8> {
    [&u32::try_from(body.len()).unwrap().to_be_bytes(), kind, body, &[1, 2, 3, 4]].concat()
}

fn png(between: &[Vec<u8>]) -> Vec<u8> {
    let head = chunk(b"IHDR", &[0, 0, 0, 64, 0, 0, 0, 48, 8, 2, 0, 0, 0]);
    let data = [chunk(b"IDAT", &[7; 9]), chunk(b"IEND", &[])].concat();
    [b"\x89PNG\r\n\x1a\n".to_vec(), head, between.concat(), data].concat()
}

fn riff(chunks: &[(&[u8], &[u8])]) -> Vec<u8> {
    let mut body = b"WEBP".to_vec();
    for (kind, content) in chunks {
        body.extend(*kind);
        body.extend(u32::try_from(content.len()).unwrap().to_le_bytes());
        body.extend(*content);
        body.extend(vec![0; content.len() % 2]);
    }
    [&b"RIFF"[..], &u32::try_from(body.len()).unwrap().to_le_bytes(), &body].concat()
}

const LOSSY: &[u8] = &[0, 0, 0, 0x9d, 1, 0x2a, 64, 0, 48, 0, 9];
const EXTENDED: &[u8] = &[0b0010_1100, 0, 0, 0, 63, 0, 0, 47, 0, 0];

#[test]
fn where_a_photo_was_taken_is_left_out_and_the_picture_stays() {
    let plain = jpeg(&[]);
    let jfif = segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    let photo = jpeg(&[
        jfif.clone(),
        exif(1, false),
        segment(0xe1, b"http://ns.adobe.com/xap/1.0/\0 39.9042N 116.4074E"),
        segment(0xed, SECRET),
        segment(0xfe, SECRET),
        segment(0xe2, b"MPF\0 39.9042N 116.4074E"),
    ]);
    let behind = [&photo[..], &jpeg(&[exif(1, true)])].concat();
    for (file, kept) in [
        (&plain, plain.clone()),
        (&photo, jpeg(std::slice::from_ref(&jfif))),
        (&behind, jpeg(std::slice::from_ref(&jfif))),
    ] {
        let picture = clean(file).unwrap();
        assert_eq!((picture.kind, picture.width, picture.height), (PictureKind::Jpeg, 64, 48));
        assert_eq!(picture.bytes, kept);
    }
    let profile = segment(0xe2, b"ICC_PROFILE\0\x01\x01colours");
    assert_eq!(clean(&jpeg(std::slice::from_ref(&profile))).unwrap().bytes, jpeg(&[profile]), "colours stay");

    let text = png(&[
        chunk(b"eXIf", SECRET),
        chunk(b"tEXt", SECRET),
        chunk(b"gAMA", &[0; 4]),
        chunk(b"xxXx", SECRET),
    ]);
    let picture = clean(&[&text[..], SECRET].concat()).unwrap();
    assert_eq!((picture.kind, picture.width, picture.height), (PictureKind::Png, 64, 48));
    assert_eq!(picture.bytes, png(&[chunk(b"gAMA", &[0; 4])]));

    let file = riff(&[
        (b"VP8X", EXTENDED),
        (b"ICCP", b"abc"),
        (b"VP8 ", LOSSY),
        (b"EXIF", SECRET),
        (b"XMP ", SECRET),
    ]);
    let picture = clean(&[&file[..], SECRET].concat()).unwrap();
    assert_eq!((picture.kind, picture.width, picture.height), (PictureKind::Webp, 64, 48));
    let mut flags = EXTENDED.to_vec();
    flags[0] = 0b0010_0000;
    assert_eq!(picture.bytes, riff(&[(b"VP8X", &flags), (b"ICCP", b"abc"), (b"VP8 ", LOSSY)]));
    let lossless = riff(&[(b"VP8L", &[0x2f, 63, 0xc0, 0x0b, 0, 9])]);
    assert_eq!((clean(&lossless).unwrap().width, clean(&lossless).unwrap().height), (64, 48));
}

#[test]
fn a_photo_on_its_side_stays_on_its_side() {
    for little in [false, true] {
        for how in 2..=8 {
            let picture = clean(&jpeg(&[exif(how, little)])).unwrap();
            assert!(!holds(&picture.bytes, SECRET));
            assert_eq!(picture.width, if how >= 5 { 48 } else { 64 }, "as it is shown");
            let again = clean(&picture.bytes).unwrap();
            assert_eq!(again, picture, "the number was kept");
        }
    }
    let jfif = segment(0xe0, b"JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
    let picture = clean(&jpeg(&[jfif.clone(), exif(6, true)])).unwrap();
    assert_eq!(picture.bytes[2..2 + jfif.len()], jfif[..], "JFIF comes first");
}

#[test]
fn what_is_no_picture_says_so() {
    let huge = [&jpeg(&[])[..], &vec![0; MOST_BYTES]].concat();
    let mut wide = png(&[]);
    wide[16..20].copy_from_slice(&20_000u32.to_be_bytes());
    let mut empty = png(&[]);
    empty[16..20].copy_from_slice(&[0; 4]);
    for (file, problem) in [
        (&b""[..], "is no JPEG, PNG or WebP"),
        (b"GIF89a", "is no JPEG, PNG or WebP"),
        (b"<svg onload=alert(1)>", "is no JPEG, PNG or WebP"),
        (&jpeg(&[])[..40.min(jpeg(&[]).len() - 1)], BROKEN),
        (&png(&[])[..60], BROKEN),
        (&riff(&[(b"VP8 ", LOSSY)])[..25], BROKEN),
        (&riff(&[(b"EXIF", LOSSY)]), BROKEN),
        (&huge, "is larger than 5 MB"),
        (&wide, "has no pixels, or too many for a telephone"),
        (&empty, "has no pixels, or too many for a telephone"),
    ] {
        assert_eq!(clean(file).unwrap_err().problem, problem);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    /// Any bytes are a picture or an error, and a clean picture stays as it is.
    #[test]
    fn total(which in 0usize..3, changes in prop::collection::vec((0usize..200, any::<u8>()), 0..6), cut in 0usize..250) {
        let mut file = match which {
            0 => jpeg(&[exif(6, true), segment(0xfe, b"x")]),
            1 => png(&[chunk(b"tEXt", b"x")]),
            _ => riff(&[(b"VP8X", EXTENDED), (b"VP8 ", LOSSY), (b"EXIF", SECRET)]),
        };
        for (at, byte) in changes {
            let at = at % file.len();
            file[at] = byte;
        }
        file.truncate(cut.max(12));
        if let Ok(picture) = clean(&file) {
            prop_assert_eq!(clean(&picture.bytes).unwrap(), picture);
        }
    }
}
