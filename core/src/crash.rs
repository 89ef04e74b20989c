//! Places where a test lets the process die, as if by SIGKILL.
//!
//! Built only with the feature `crash-points`; otherwise nothing of it is there. `WAYBELL_PHONE_CRASH=name` dies at the
//! first passing of the place, `name:3` at the third. Places: `store.before_commit`, `store.after_commit` (each write
//! transaction), `http.before_send`, `http.sent` (a moment after the request has left), `http.answered` (before the
//! answer is used).

/// Dies here if the environment says so.
#[cfg(feature = "crash-points")]
pub(crate) fn point(name: &str) {
    if reached(name) {
        // no destructor, no flush: like a kill
        std::process::abort();
    }
}

/// Dies a moment later if the environment says so: while what was begun here goes on.
#[cfg(feature = "crash-points")]
pub(crate) fn soon(name: &str) {
    if reached(name) {
        std::thread::spawn(|| {
            std::thread::sleep(std::time::Duration::from_millis(3));
            std::process::abort();
        });
    }
}

#[cfg(feature = "crash-points")]
fn reached(name: &str) -> bool {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("WAYBELL_PHONE_CRASH").ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), nth.parse().unwrap_or(1)))
    });
    wanted
        .as_ref()
        .is_some_and(|(place, nth)| place == name && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth)
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn point(_name: &str) {}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub(crate) fn soon(_name: &str) {}
