//! Pictures as they may be kept: JPEG, PNG or WebP by their bytes, without what a camera writes beside the picture.
//!
//! A photo says where it was taken, when and by which telephone. Of each format the parts are taken over that are needed to show it,
//! by a list; everything else is left out: Exif, XMP, comments, previews, and what hangs behind the end. The picture itself stays
//! bit by bit as it was. A JPEG that lies on its side keeps the one number that says so.

mod jpeg;
mod png;
#[cfg(test)]
mod tests;
mod webp;

use super::KnowledgeFlaw;
use serde::{Deserialize, Serialize};

/// Largest picture, bytes.
pub const MOST_BYTES: usize = 5 << 20;
/// Longest side, pixels.
const MOST_SIDE: u32 = 12_000;
/// Most pixels: four bytes each are needed to show one.
const MOST_PIXELS: u64 = 50_000_000;

/// What it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub enum PictureKind {
    /// `image/jpeg`.
    Jpeg,
    /// `image/png`.
    Png,
    /// `image/webp`.
    Webp,
}

impl PictureKind {
    /// Its media type.
    #[must_use]
    pub const fn media_type(self) -> &'static str {
        match self {
            PictureKind::Jpeg => "image/jpeg",
            PictureKind::Png => "image/png",
            PictureKind::Webp => "image/webp",
        }
    }

    /// How a file of it ends; also the word that is stored.
    #[must_use]
    pub const fn suffix(self) -> &'static str {
        match self {
            PictureKind::Jpeg => "jpg",
            PictureKind::Png => "png",
            PictureKind::Webp => "webp",
        }
    }

    /// The inverse of [`PictureKind::suffix`].
    #[must_use]
    pub fn parse(suffix: &str) -> Option<PictureKind> {
        [PictureKind::Jpeg, PictureKind::Png, PictureKind::Webp].into_iter().find(|k| k.suffix() == suffix)
    }
}

/// A picture that may be kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Picture {
    /// What it is.
    pub kind: PictureKind,
    /// Pixels.
    pub width: u32,
    /// Pixels.
    pub height: u32,
    /// The file.
    pub bytes: Vec<u8>,
}

/// What a format's reader finds: width, height and the file; or what is wrong.
type Read = Result<(u32, u32, Vec<u8>), &'static str>;

const BROKEN: &str = "breaks off, or is damaged";

/// Brings a file into the form in which it is kept. One that is so already stays as it is.
///
/// # Errors
/// It is none of the three formats, damaged, larger than [`MOST_BYTES`], or has too many pixels for a phone.
pub fn clean(file: &[u8]) -> Result<Picture, KnowledgeFlaw> {
    let flaw = |problem: &str, hint| Err(KnowledgeFlaw::new("picture", problem, hint));
    if file.len() > MOST_BYTES {
        return flaw("is larger than 5 MB", "make it smaller, as a telephone's screen is small");
    }
    let (kind, read) = match file {
        [0xff, 0xd8, 0xff, ..] => (PictureKind::Jpeg, jpeg::read(file)),
        [0x89, b'P', b'N', b'G', ..] => (PictureKind::Png, png::read(file)),
        [b'R', b'I', b'F', b'F', _, _, _, _, b'W', b'E', b'B', b'P', ..] => {
            (PictureKind::Webp, webp::read(file))
        }
        _ => {
            return flaw(
                "is no JPEG, PNG or WebP",
                "save it as one of these; the name of the file does not matter",
            );
        }
    };
    let (width, height, bytes) = match read {
        Ok(read) => read,
        Err(problem) => return flaw(problem, "open it and save it again"),
    };
    let too_many = u64::from(width) * u64::from(height) > MOST_PIXELS;
    if width == 0 || height == 0 || width > MOST_SIDE || height > MOST_SIDE || too_many {
        return flaw(
            "has no pixels, or too many for a telephone",
            "make it smaller: 2,000 pixels a side are plenty",
        );
    }
    Ok(Picture { kind, width, height, bytes })
}

fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    let two: [u8; 2] = bytes.get(at..at.checked_add(2)?)?.try_into().ok()?;
    Some(u16::from_be_bytes(two).into())
}

fn be32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

fn le32(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}
