//! What a telephone proves itself with (RFC 7616, RFC 8760): challenges, nonces, and the check of an answer.
//!
//! A nonce is made without being kept: when it was made, a number of its own, and a keyed hash over both and the address that
//! it was made for. So a flood of requests takes no memory, and a nonce that somebody else overheard is worth nothing from
//! another address. Only a nonce that was answered rightly is remembered, with the highest count used, until it is too old:
//! what was overheard on the wire cannot be sent again.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use aws_lc_rs::{constant_time, hmac};
use md5::Md5;
use sha2::{Digest, Sha256};

use crate::config::DigestHash;
use crate::sip::message::split_list;

/// Longest value of a field that is looked at.
const MAX_FIELD: usize = 512;
/// Nonces that were used and are not too old, at most: over all users, and of one, so that none takes the room of others.
const MAX_USED: usize = 262_144;
const MAX_OF_USER: u32 = 64;

impl DigestHash {
    /// The hash of a text, lowercase hexadecimal.
    pub(crate) fn hex(self, text: &str) -> String {
        match self {
            DigestHash::Sha256 => hex(&Sha256::digest(text.as_bytes())),
            DigestHash::Md5 => hex(&<Md5 as md5::Digest>::digest(text.as_bytes())),
        }
    }

    /// Its name in a header.
    fn name(self) -> &'static str {
        match self {
            DigestHash::Sha256 => "SHA-256",
            DigestHash::Md5 => "MD5",
        }
    }
}

/// What is kept of a password: the hash of user name, realm and password (`HA1`), lowercase hexadecimal.
#[must_use]
pub fn ha1(hash: DigestHash, user: &str, realm: &str, password: &str) -> String {
    hash.hex(&format!("{user}:{realm}:{password}"))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut out, b| {
        let _ = write!(out, "{b:02x}");
        out
    })
}

/// An answer to a challenge, as it came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Authorization {
    pub(crate) user: String,
    pub(crate) realm: String,
    pub(crate) nonce: String,
    pub(crate) uri: String,
    response: String,
    pub(crate) hash: DigestHash,
    /// `nc` with its text, and `cnonce`; `None` where the telephone is of before RFC 2617.
    quality: Option<(u32, String, String)>,
}

impl Authorization {
    /// Reads an `Authorization` value; `None` where it is of another scheme, wants what was not offered or makes no sense.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (scheme, rest) = value.trim().split_once(char::is_whitespace)?;
        if !scheme.eq_ignore_ascii_case("Digest") {
            return None;
        }
        let get = |name: &str| {
            split_list(rest).find_map(|p| {
                let (key, v) = p.split_once('=')?;
                let v = v.trim();
                let v = v.strip_prefix('"').and_then(|v| v.strip_suffix('"')).unwrap_or(v);
                (key.trim().eq_ignore_ascii_case(name) && v.len() <= MAX_FIELD).then(|| v.to_owned())
            })
        };
        let hash = match get("algorithm").map(|a| a.to_ascii_uppercase()).as_deref() {
            None | Some("MD5") => DigestHash::Md5,
            Some("SHA-256") => DigestHash::Sha256,
            Some(_) => return None,
        };
        let quality = match get("qop") {
            None => None,
            Some(q) if q.eq_ignore_ascii_case("auth") => {
                let text = get("nc").filter(|t| t.len() == 8)?;
                let count = u32::from_str_radix(&text, 16).ok().filter(|n| *n > 0)?;
                Some((count, text, get("cnonce")?))
            }
            Some(_) => return None,
        };
        Some(Self {
            user: get("username").filter(|u| !u.is_empty() && u.len() <= 64)?,
            realm: get("realm")?,
            nonce: get("nonce")?,
            uri: get("uri")?,
            response: get("response")?.to_ascii_lowercase(),
            hash,
            quality,
        })
    }

    /// Whether whoever wrote it knows what is hashed in `ha1`.
    pub(crate) fn proves(&self, ha1: &str, method: &str) -> bool {
        let ha2 = self.hash.hex(&format!("{method}:{}", self.uri));
        let nonce = &self.nonce;
        let right = match &self.quality {
            Some((_, nc, cnonce)) => self.hash.hex(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}")),
            None => self.hash.hex(&format!("{ha1}:{nonce}:{ha2}")),
        };
        constant_time::verify_slices_are_equal(right.as_bytes(), self.response.as_bytes()).is_ok()
    }

    /// How often this nonce was used with this answer; without a count it may be used once.
    pub(crate) fn count(&self) -> u32 {
        self.quality.as_ref().map_or(u32::MAX, |q| q.0)
    }
}

/// What a nonce is worth.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Worth {
    Good,
    /// Ours, and too old or used before: the same password may be tried with a new one.
    Stale,
    /// Not ours, or not for this address.
    Foreign,
}

/// Makes nonces and knows them again.
pub(crate) struct Nonces {
    key: hmac::Key,
    start: Instant,
    life: Duration,
    serial: u32,
    /// Those that were answered rightly.
    used: HashMap<String, Used>,
    /// How many of them are whose.
    of_user: HashMap<String, u32>,
}

/// A nonce that was answered rightly.
struct Used {
    /// The highest count.
    count: u32,
    until: Instant,
    user: String,
}

impl Nonces {
    /// With a secret that lasts as long as the process: after a restart every nonce is stale.
    pub(crate) fn new(secret: &[u8; 32], life: Duration, start: Instant) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, secret);
        Self { key, start, life, serial: 0, used: HashMap::new(), of_user: HashMap::new() }
    }

    fn sealed(&self, head: &str, source: IpAddr) -> String {
        let tag = hmac::sign(&self.key, format!("{head}|{source}").as_bytes());
        format!("{head}{}", hex(&tag.as_ref()[..16]))
    }

    pub(crate) fn make(&mut self, source: IpAddr, now: Instant) -> String {
        self.serial = self.serial.wrapping_add(1);
        let at = now.saturating_duration_since(self.start).as_secs();
        self.sealed(&format!("{at:012x}{:08x}", self.serial), source)
    }

    /// Before the answer is checked.
    pub(crate) fn worth(&self, nonce: &str, count: u32, source: IpAddr, now: Instant) -> Worth {
        let Some(head) = nonce.get(..20) else { return Worth::Foreign };
        let same = self.sealed(head, source);
        if constant_time::verify_slices_are_equal(same.as_bytes(), nonce.as_bytes()).is_err() {
            // Of an earlier life of this process, or made for an address that has changed: a right password gets a new one.
            return Worth::Foreign;
        }
        let made = head.get(..12).and_then(|t| u64::from_str_radix(t, 16).ok()).unwrap_or(0);
        let age = now.saturating_duration_since(self.start).saturating_sub(Duration::from_secs(made));
        let used = self.used.get(nonce).is_some_and(|u| count <= u.count);
        if age > self.life || used { Worth::Stale } else { Worth::Good }
    }

    /// The answer of this user was right: this count is used up. False where there is no room to remember that.
    pub(crate) fn use_up(&mut self, nonce: &str, user: &str, count: u32, now: Instant) -> bool {
        if let Some(used) = self.used.get_mut(nonce) {
            used.count = count;
            return true;
        }
        // room of one's own comes back with the next sweep
        if self.of_user.get(user).is_some_and(|have| *have >= MAX_OF_USER) {
            return false;
        }
        if self.used.len() >= MAX_USED {
            self.forget_old(now);
            if self.used.len() >= MAX_USED {
                return false;
            }
        }
        let until = now + self.life + Duration::from_secs(1);
        self.used.insert(nonce.to_owned(), Used { count, until, user: user.to_owned() });
        *self.of_user.entry(user.to_owned()).or_default() += 1;
        true
    }

    /// Forgets nonces that are too old to be used again in any case.
    pub(crate) fn forget_old(&mut self, now: Instant) {
        let of_user = &mut self.of_user;
        self.used.retain(|_, used| {
            let stays = used.until > now;
            if !stays && let Some(have) = of_user.get_mut(&used.user) {
                *have = have.saturating_sub(1);
            }
            stays
        });
        of_user.retain(|_, have| *have > 0);
    }

    #[cfg(test)]
    pub(crate) fn remembered(&self) -> usize {
        self.used.len()
    }
}

/// The header lines of a challenge, one for each hash (RFC 8760 2.3).
pub(crate) fn challenge(
    header: &str,
    realm: &str,
    nonce: &str,
    stale: bool,
    hashes: &[DigestHash],
) -> String {
    let stale = if stale { ", stale=true" } else { "" };
    hashes.iter().fold(String::new(), |mut out, hash| {
        let _ = write!(
            out,
            "{header}: Digest realm=\"{realm}\", nonce=\"{nonce}\", algorithm={}, qop=\"auth\"{stale}\r\n",
            hash.name()
        );
        out
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Credentials;
    use crate::sip::digest::Challenge;

    const HERE: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));

    fn nonces(now: Instant) -> Nonces {
        Nonces::new(&[7; 32], Duration::from_secs(300), now)
    }

    #[test]
    fn what_our_own_client_answers_is_right_and_a_wrong_password_is_not() {
        let nonce = nonces(Instant::now()).make(HERE, Instant::now());
        for (at, hash) in [DigestHash::Sha256, DigestHash::Md5].into_iter().enumerate() {
            let lines = challenge(
                "WWW-Authenticate",
                "waybell",
                &nonce,
                false,
                &[DigestHash::Sha256, DigestHash::Md5],
            );
            let line =
                lines.lines().nth(at).and_then(|l| l.split_once(": ")).map(|l| l.1).unwrap_or_default();
            let challenge = Challenge::parse(line).expect("a challenge");
            let who = |password: &str| Credentials {
                username: "d1".into(),
                password: password.into(),
                realm: None,
            };
            for (password, right) in [("secret", true), ("Secret", false)] {
                let text = challenge.answer(&who(password), "REGISTER", "sip:waybell", "c");
                let answer = Authorization::parse(&text).expect("an answer");
                assert_eq!((answer.hash, answer.count()), (hash, 1));
                assert_eq!(answer.proves(&ha1(hash, "d1", "waybell", "secret"), "REGISTER"), right);
                assert!(
                    !answer.proves(&ha1(hash, "d1", "waybell", password), "INVITE"),
                    "for another method"
                );
            }
        }
    }

    #[test]
    fn the_example_of_rfc_7616_is_proved() {
        let text = "Digest username=\"Mufasa\", realm=\"http-auth@example.org\", uri=\"/dir/index.html\", \
            algorithm=SHA-256, nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", nc=00000001, \
            cnonce=\"f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ\", qop=auth, \
            response=\"753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1\"";
        let answer = Authorization::parse(text).expect("an answer");
        assert!(
            answer
                .proves(&ha1(DigestHash::Sha256, "Mufasa", "http-auth@example.org", "Circle of Life"), "GET")
        );
    }

    #[test]
    fn a_nonce_is_good_for_a_while_once_for_each_count_and_from_one_address() {
        let start = Instant::now();
        let mut n = nonces(start);
        let (nonce, other) = (n.make(HERE, start), n.make(HERE, start));
        assert_ne!(nonce, other, "two telephones behind one address have two");
        assert_eq!(n.worth(&nonce, 1, HERE, start), Worth::Good);
        assert!(n.use_up(&nonce, "d1", 1, start));
        assert_eq!(n.worth(&nonce, 1, HERE, start), Worth::Stale, "sent again");
        assert_eq!(n.worth(&nonce, 2, HERE, start), Worth::Good);
        assert_eq!(n.worth(&other, 1, HERE, start + Duration::from_secs(300)), Worth::Good);
        let late = start + Duration::from_secs(302);
        assert_eq!(n.worth(&other, 1, HERE, late), Worth::Stale);
        assert_eq!(n.worth(&nonce, 3, IpAddr::from([192, 0, 2, 9]), start), Worth::Foreign);
        for made_up in ["", "0", "ä", &nonce[..30], &nonce.replace('0', "1"), &"f".repeat(52)] {
            assert_eq!(n.worth(made_up, 1, HERE, start), Worth::Foreign, "{made_up}");
        }
        let earlier = Nonces::new(&[8; 32], Duration::from_secs(300), start).make(HERE, start);
        assert_eq!(n.worth(&earlier, 1, HERE, start), Worth::Foreign, "of an earlier process");
        n.forget_old(late);
        assert_eq!(n.remembered(), 0);
    }

    #[test]
    fn one_user_cannot_take_the_room_of_others() {
        let start = Instant::now();
        let mut n = nonces(start);
        let used = |n: &mut Nonces, user: &str, at: Instant| {
            let nonce = n.make(HERE, at);
            n.use_up(&nonce, user, 1, at)
        };
        let taken = (0..10_000).filter(|_| used(&mut n, "d1", start)).count();
        assert_eq!(taken, MAX_OF_USER as usize);
        assert!(used(&mut n, "d2", start));
        let later = start + Duration::from_secs(302);
        n.forget_old(later);
        assert!(used(&mut n, "d1", later) && used(&mut n, "d2", later), "later there is room again");
        assert_eq!((n.remembered(), n.of_user.len()), (2, 2));
        n.forget_old(later + Duration::from_secs(302));
        assert_eq!((n.remembered(), n.of_user.len()), (0, 0));
    }

    #[test]
    fn what_makes_no_sense_is_no_answer() {
        let good = "Digest username=\"u\", realm=\"r\", nonce=\"n\", uri=\"sip:r\", response=\"ab\"";
        assert!(Authorization::parse(good).is_some());
        assert_eq!(Authorization::parse(good).map(|a| a.count()), Some(u32::MAX));
        for bad in [
            "Basic dTpw".to_owned(),
            "Digest".to_owned(),
            good.replace("username=\"u\"", "username=\"\""),
            good.replace("username=\"u\"", &format!("username=\"{}\"", "u".repeat(65))),
            format!("{good}, algorithm=SHA-512"),
            format!("{good}, qop=auth-int, nc=00000001, cnonce=\"c\""),
            format!("{good}, qop=auth, nc=1, cnonce=\"c\""),
            format!("{good}, qop=auth, nc=00000000, cnonce=\"c\""),
            format!("{good}, qop=auth, nc=00000001"),
        ] {
            assert_eq!(Authorization::parse(&bad), None, "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_survived(text in "[dD]igest [a-z=\", \\\\ä0-9]{0,200}") {
            let _ = Authorization::parse(&text);
        }
    }
}
