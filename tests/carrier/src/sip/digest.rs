//! Digest authentication (RFC 2617, MD5, with and without `qop=auth`), the verifying side.

use md5::{Digest as _, Md5};

/// Hex MD5 of a text.
pub(crate) fn md5_hex(text: &str) -> String {
    use std::fmt::Write as _;
    let mut out = String::with_capacity(32);
    for byte in Md5::digest(text.as_bytes()) {
        let _ = write!(out, "{byte:02x}");
    }
    out
}

/// A field of a `Digest a="b", c=d` header value.
pub(crate) fn field(value: &str, name: &str) -> Option<String> {
    let text = value.trim();
    let text = text.get(6..).filter(|_| text.len() > 6 && text[..6].eq_ignore_ascii_case("Digest"))?;
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        let (key, after) = rest.split_once('=')?;
        let after = after.trim_start();
        let (content, tail) = match after.strip_prefix('"') {
            Some(quoted) => {
                let end = quoted.find('"')?;
                (&quoted[..end], &quoted[end + 1..])
            }
            None => {
                let end = after.find(',').unwrap_or(after.len());
                (after[..end].trim(), &after[end..])
            }
        };
        if key.trim().eq_ignore_ascii_case(name) {
            return Some(content.to_owned());
        }
        rest = tail.trim_start().trim_start_matches(',').trim_start();
    }
    None
}

/// True when `credentials` prove the password for `method`, with the nonce that we gave.
pub(crate) fn verify(
    credentials: &str,
    method: &str,
    user: &str,
    password: &str,
    realm: &str,
    nonce: &str,
) -> bool {
    let get = |name| field(credentials, name).unwrap_or_default();
    if get("username") != user || get("realm") != realm || get("nonce") != nonce {
        return false;
    }
    let ha1 = md5_hex(&format!("{user}:{realm}:{password}"));
    let ha2 = md5_hex(&format!("{method}:{}", get("uri")));
    let expected = match field(credentials, "qop") {
        Some(qop) => md5_hex(&format!("{ha1}:{nonce}:{}:{}:{qop}:{ha2}", get("nc"), get("cnonce"))),
        None => md5_hex(&format!("{ha1}:{nonce}:{ha2}")),
    };
    get("response").eq_ignore_ascii_case(&expected)
}
