//! From bytes to text.

use super::{TableError, error};

/// The text of a file in UTF-8, UTF-16 (with or without a byte order mark), or GB18030 (which contains GBK and GB2312).
///
/// # Errors
/// [`TableError`] for other encodings, and for the spreadsheet formats that are often sent as CSV by mistake.
pub fn decode(bytes: &[u8]) -> Result<String, TableError> {
    if bytes.starts_with(b"PK\x03\x04") {
        return Err(error("file", "file is a spreadsheet, not CSV", "save it as CSV and import that"));
    }
    if bytes.starts_with(b"\xd0\xcf\x11\xe0") {
        let problem = "file is a spreadsheet of the old kind (XLS)";
        return Err(error("file", problem, "save it as XLSX or CSV and import that"));
    }
    if let Some((encoding, mark)) = encoding_rs::Encoding::for_bom(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(&bytes[mark..]);
        return if broken { Err(unknown()) } else { Ok(text.into_owned()) };
    }
    if let Some(encoding) = unmarked(bytes) {
        let (text, broken) = encoding.decode_without_bom_handling(bytes);
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

/// UTF-16 without a byte order mark: the separators, digits and line ends of a list have a zero byte, always on the same side.
/// Few Chinese characters have one on the other (一 is U+4E00).
fn unmarked(bytes: &[u8]) -> Option<&'static encoding_rs::Encoding> {
    if !bytes.len().is_multiple_of(2) || bytes.is_empty() {
        return None;
    }
    let zeros = |side: usize| bytes.iter().skip(side).step_by(2).filter(|b| **b == 0).count();
    match (zeros(0), zeros(1)) {
        (few, many) if many > 4 * few => Some(encoding_rs::UTF_16LE),
        (many, few) if many > 4 * few => Some(encoding_rs::UTF_16BE),
        _ => None,
    }
}

fn unknown() -> TableError {
    error("encoding", "encoding of the file is not known", "save it as CSV in UTF-8 or GB18030")
}
