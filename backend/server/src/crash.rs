//! Places where a test lets the process die, as if by SIGKILL.
//!
//! Built only with the feature `crash-points`; otherwise [`point`] is nothing. `WAYBELL_CRASH=name` dies at the first
//! passing of the place, `name:3` at the third.

/// Dies here if the environment says so.
#[cfg(feature = "crash-points")]
pub fn point(name: &str) {
    use std::sync::OnceLock;
    use std::sync::atomic::{AtomicU32, Ordering};
    static WANTED: OnceLock<Option<(String, u32)>> = OnceLock::new();
    static PASSED: AtomicU32 = AtomicU32::new(0);
    let wanted = WANTED.get_or_init(|| {
        let text = std::env::var("WAYBELL_CRASH").ok()?;
        let (name, nth) = text.split_once(':').unwrap_or((&text, "1"));
        Some((name.to_owned(), nth.parse().unwrap_or(1)))
    });
    if let Some((place, nth)) = wanted
        && place == name
        && PASSED.fetch_add(1, Ordering::SeqCst) + 1 == *nth
    {
        // no destructor, no flush: like a kill
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "crash-points"))]
#[inline(always)]
pub fn point(_name: &str) {}
