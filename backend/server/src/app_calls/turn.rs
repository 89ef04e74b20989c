//! Servers that help apps through NATs, as the configuration names them.

use crate::app::Shared;
use crate::config::Turn;
use aws_lc_rs::hmac;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use waybell_domain::clock::UnixMs;
use waybell_domain::id::UserId;
use waybell_domain::wire::IceServer;

/// How long a password for one call is good: longer than any call.
const GOOD_SECONDS: i64 = 6 * 3_600;

/// What an app is told for a call.
pub(crate) fn ice_servers(app: &Shared, person: UserId) -> Vec<IceServer> {
    app.config.turn.iter().map(|turn| one(turn, person, app.clock.wall())).collect()
}

/// With a shared secret each call has a name and a password of its own, which the TURN server checks without asking us: the name is
/// when it ends and for whom, the password its HMAC-SHA1 (draft-uberti-behave-turn-rest-00, which TURN servers implement).
fn one(turn: &Turn, person: UserId, now: UnixMs) -> IceServer {
    let urls = turn.urls.clone();
    match &turn.secret {
        Some(secret) => {
            let name = format!("{}:{person}", now.0 / 1_000 + GOOD_SECONDS);
            let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
            let tag = BASE64_STANDARD.encode(hmac::sign(&key, name.as_bytes()));
            IceServer { urls, username: Some(name), credential: Some(tag) }
        }
        None => IceServer { urls, username: turn.user.clone(), credential: turn.password.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_for_one_call_is_the_hmac_of_its_name() {
        let person = UserId::at(1, [1; 10]);
        let mut turn = Turn {
            urls: vec!["turn:t.example:3478".into()],
            secret: Some("north".into()),
            ..Turn::default()
        };
        let made = one(&turn, person, UnixMs(1_700_000_000_000));
        let name = format!("1700021600:{person}");
        assert_eq!(made.username.as_deref(), Some(name.as_str()));
        let tag = BASE64_STANDARD.decode(made.credential.unwrap()).unwrap();
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, b"north");
        assert!(hmac::verify(&key, name.as_bytes(), &tag).is_ok());
        turn.secret = None;
        turn.user = Some("u".into());
        turn.password = Some("p".into());
        let made = one(&turn, person, UnixMs(1));
        assert_eq!((made.username.as_deref(), made.credential.as_deref()), (Some("u"), Some("p")));
    }
}
