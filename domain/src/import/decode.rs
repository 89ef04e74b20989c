//! From bytes to text.

use super::{TableError, error};

/// The text of a file in UTF-8, UTF-16 with a byte order mark, or GB18030 (which contains GBK and GB2312).
///
/// # Errors
/// [`TableError`] for other encodings, and for the spreadsheet formats that are often sent as CSV by mistake.
pub fn decode(bytes: &[u8]) -> Result<String, TableError> {
    if bytes.starts_with(b"PK\x03\x04") || bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        return Err(error("file", "file is a spreadsheet, not CSV", "save it as CSV and import that"));
    }
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return if broken { Err(unknown()) } else { Ok(text.into_owned()) };
    }
    if let Ok(text) = std::str::from_utf8(bytes) {
        return if text.contains('\0') { Err(unknown()) } else { Ok(text.to_owned()) };
    }
    match encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes) {
        Some(text) if !text.contains('\0') => Ok(text.into_owned()),
        _ => Err(unknown()),
    }
}

fn unknown() -> TableError {
    error("encoding", "encoding of the file is not known", "save it as CSV in UTF-8 or GB18030")
}
