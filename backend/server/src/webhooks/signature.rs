//! Signatures of both directions: Standard Webhooks 1.0 with a shared secret.
//!
//! A secret is `whsec_` and the Base64 of 24 to 64 bytes. Signed is `ID.TIMESTAMP.BODY`, with the body's bytes as they travel;
//! a signature is `v1,` and the Base64 of the HMAC-SHA256. The header may hold several, separated by spaces: while a
//! secret is being changed the sender signs with both. The id is covered, so nobody can repeat a request under another one.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, Mac};
use sha2::Sha256;

/// Header with the delivery's id.
pub const ID: &str = "webhook-id";
/// Header with the unix seconds of the sending.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// Header with the signatures.
pub const SIGNATURE: &str = "webhook-signature";
/// Largest difference of the two clocks, seconds.
pub const TOLERANCE: i64 = 300;

/// Signatures of a header that are looked at.
const SEVERAL: usize = 8;
const PREFIX: &str = "whsec_";

/// A new secret from random bytes.
pub fn new_secret(random: [u8; 32]) -> String {
    format!("{PREFIX}{}", STANDARD.encode(random))
}

/// The signature of a delivery; `None` for a secret that is none.
pub fn sign(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<String> {
    Some(format!("v1,{}", STANDARD.encode(mac(secret, id, timestamp, body)?.finalize().into_bytes())))
}

/// Whether one of the header's signatures was made with this secret. Compares in constant time.
pub fn verify(secret: &str, id: &str, timestamp: i64, body: &[u8], header: &str) -> bool {
    let Some(mac) = mac(secret, id, timestamp, body) else { return false };
    let mut good = false;
    for signature in header.split(' ').take(SEVERAL) {
        let Some(bytes) = signature.strip_prefix("v1,").and_then(|s| STANDARD.decode(s).ok()) else {
            continue;
        };
        good |= mac.clone().verify_slice(&bytes).is_ok();
    }
    good
}

/// Whether a request that was signed at `timestamp` (unix seconds) may come at `now` (unix milliseconds).
pub fn is_recent(timestamp: i64, now: i64) -> bool {
    timestamp.abs_diff(now.div_euclid(1000)) <= TOLERANCE.unsigned_abs()
}

fn mac(secret: &str, id: &str, timestamp: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    let key = STANDARD.decode(secret.strip_prefix(PREFIX)?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(id.as_bytes());
    mac.update(b".");
    mac.update(timestamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

#[cfg(test)]
mod tests {
    use super::*;

    // made with another program: openssl dgst -sha256 -mac HMAC, secret of 24 bytes
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    #[test]
    fn signs_as_other_programs_do() {
        assert_eq!(
            sign(SECRET, ID, 1_614_265_330, BODY).unwrap(),
            "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
        );
        assert_eq!(sign("secret", ID, 1, BODY), None);
        assert_eq!(sign("whsec_?", ID, 1, BODY), None);
    }

    #[test]
    fn id_time_body_and_secret_are_covered() {
        let good = sign(SECRET, ID, 100, BODY).unwrap();
        assert!(verify(SECRET, ID, 100, BODY, &good));
        assert!(verify(SECRET, ID, 100, BODY, &format!("v1a,x v1,AAAA {good}")));
        let other = new_secret([7; 32]);
        for (secret, id, time, body, header) in [
            (other.as_str(), ID, 100, BODY, good.as_str()),
            (SECRET, "msg", 100, BODY, good.as_str()),
            (SECRET, ID, 101, BODY, good.as_str()),
            (SECRET, ID, 100, b"{}".as_slice(), good.as_str()),
            (SECRET, ID, 100, BODY, good.trim_start_matches("v1,")),
            (SECRET, ID, 100, BODY, ""),
            (SECRET, ID, 100, BODY, "v1,"),
        ] {
            assert!(!verify(secret, id, time, body, header), "{secret} {id} {time} {header}");
        }
        // not endlessly many
        let late = format!("{}{good}", "v1,AAAA ".repeat(SEVERAL));
        assert!(!verify(SECRET, ID, 100, BODY, &late));
    }

    #[test]
    fn five_minutes_either_way() {
        let now = 1_700_000_000_999;
        for (timestamp, good) in [
            (1_700_000_000, true),
            (1_700_000_300, true),
            (1_699_999_700, true),
            (1_700_000_301, false),
            (1_699_999_699, false),
            (1_700_000_000_000, false),
            (i64::MIN, false),
            (i64::MAX, false),
        ] {
            assert_eq!(is_recent(timestamp, now), good, "{timestamp}");
        }
    }
}
