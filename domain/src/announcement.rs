//! Announcements (公告): what may be posted, when one shows, and when somebody has read it.
//!
//! An announcement goes to an organisation or to one branch, and there to everybody or to some roles. Its audience is not
//! written down: it is whoever belongs to it at the moment, so that who joins later finds what is in force. A text that is
//! edited is a new version; where it must be read, only a receipt of the version in force counts.

use crate::clock::{DAY, UnixMs};

/// Longest title, characters.
pub const MOST_TITLE: usize = 80;
/// Longest body, characters.
pub const MOST_BODY: usize = 4_000;
/// One may begin so far ahead, ms.
const MOST_AHEAD: i64 = 366 * DAY;
/// One may end so far ahead, ms.
const LAST_END: i64 = 3_653 * DAY;

/// What an announcement cannot be posted for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AnnouncementFlaw {
    /// Field of the request.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: &'static str,
}

impl AnnouncementFlaw {
    fn new(field: &'static str, problem: impl Into<String>, hint: &'static str) -> AnnouncementFlaw {
        AnnouncementFlaw { field, problem: problem.into(), hint }
    }
}

/// A title as it is stored: one line, without spaces around it.
///
/// # Errors
/// It is missing, longer than [`MOST_TITLE`], or has a line break or another control character.
pub fn title(text: &str) -> Result<String, AnnouncementFlaw> {
    let title = text.trim();
    if title.is_empty() {
        return Err(AnnouncementFlaw::new("title", "is missing", "say in a line what it is about"));
    }
    if title.chars().count() > MOST_TITLE {
        let problem = format!("has more than {MOST_TITLE} characters");
        return Err(AnnouncementFlaw::new("title", problem, "shorten it; the body has room for the rest"));
    }
    if title.chars().any(char::is_control) {
        return Err(AnnouncementFlaw::new("title", "has control characters", "write one line of plain text"));
    }
    Ok(title.to_owned())
}

/// A body as it is stored: lines end with a line feed, nothing stands around it.
///
/// # Errors
/// It is missing, longer than [`MOST_BODY`], or has control characters other than line breaks and tabs.
pub fn body(text: &str) -> Result<String, AnnouncementFlaw> {
    let body = text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned();
    if body.is_empty() {
        return Err(AnnouncementFlaw::new("body", "is missing", "write what is announced"));
    }
    if body.chars().count() > MOST_BODY {
        let problem = format!("has more than {MOST_BODY} characters");
        return Err(AnnouncementFlaw::new("body", problem, "shorten it, or post it in parts"));
    }
    if body.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        let hint = "write plain text; lines and tabs are taken";
        return Err(AnnouncementFlaw::new("body", "has control characters", hint));
    }
    Ok(body)
}

/// Checks from when until when one shows.
///
/// # Errors
/// It begins more than 366 days ahead; its end has passed, does not lie after its beginning, or lies more than ten years ahead.
pub fn times(starts: UnixMs, ends: Option<UnixMs>, now: UnixMs) -> Result<(), AnnouncementFlaw> {
    let flaw = |field, problem: &str, hint| Err(AnnouncementFlaw::new(field, problem, hint));
    if starts.0 > now.0.saturating_add(MOST_AHEAD) {
        let hint = "begin sooner, or post it later; times are milliseconds since 1970";
        return flaw("starts_at", "is more than 366 days ahead", hint);
    }
    let Some(ends) = ends else { return Ok(()) };
    if ends <= now {
        return flaw("ends_at", "has passed", "end it later, or withdraw the announcement");
    }
    if ends <= starts {
        return flaw("ends_at", "is not after starts_at", "end it later, or begin sooner");
    }
    if ends.0 > now.0.saturating_add(LAST_END) {
        return flaw("ends_at", "is more than ten years ahead", "leave it out for one without an end");
    }
    Ok(())
}

/// Whether one shows at this moment.
#[must_use]
pub fn is_shown(starts: UnixMs, ends: Option<UnixMs>, now: UnixMs) -> bool {
    starts <= now && ends.is_none_or(|ends| now < ends)
}

/// The oldest version whose receipt counts.
#[must_use]
pub fn counts_from(must_read: bool, version: u32) -> u32 {
    if must_read { version } else { 1 }
}

/// Whether somebody has read it whose newest receipt is of this version.
#[must_use]
pub fn is_read(must_read: bool, version: u32, receipt: Option<u32>) -> bool {
    receipt.is_some_and(|receipt| receipt >= counts_from(must_read, version))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    fn of<T: std::fmt::Debug>(done: Result<T, AnnouncementFlaw>) -> (&'static str, String) {
        let flaw = done.unwrap_err();
        (flaw.field, flaw.problem)
    }

    #[test]
    fn texts_are_taken_as_people_write_them() {
        assert_eq!(title("  暴雨停派通知 \n").unwrap(), "暴雨停派通知");
        assert_eq!(body("一\r\n二\r三\n\t四\n").unwrap(), "一\n二\n三\n\t四");
        let (most_title, most_body) = ("雨".repeat(MOST_TITLE), "雨".repeat(MOST_BODY));
        assert_eq!(title(&most_title).unwrap(), most_title);
        assert_eq!(body(&most_body).unwrap(), most_body);
    }

    #[test]
    fn what_cannot_be_posted_says_why() {
        for (text, problem) in [
            ("", "is missing"),
            (" \u{3000}\n", "is missing"),
            ("a\nb", "has control characters"),
            ("a\u{1b}[31mb", "has control characters"),
        ] {
            assert_eq!(of(title(text)), ("title", problem.to_owned()), "{text:?}");
        }
        assert_eq!(of(title(&"雨".repeat(81))).1, "has more than 80 characters");
        assert_eq!(of(body("\t\r\n")).1, "is missing");
        assert_eq!(of(body(&"雨".repeat(4_001))).1, "has more than 4000 characters");
        assert_eq!(of(body("a\u{0}b")).1, "has control characters");
    }

    #[test]
    fn it_ends_after_it_begins_and_neither_lies_in_another_age() {
        assert_eq!(times(NOW, None, NOW), Ok(()));
        assert_eq!(times(NOW, Some(NOW + 1), NOW), Ok(()));
        assert_eq!(times(NOW + 366 * DAY, Some(NOW + 367 * DAY), NOW), Ok(()));
        // it began long ago
        assert_eq!(times(UnixMs(0), Some(NOW + 1), NOW), Ok(()));
        assert_eq!(of(times(NOW, Some(NOW), NOW)), ("ends_at", "has passed".to_owned()));
        assert_eq!(of(times(NOW + 9, Some(NOW + 9), NOW)).1, "is not after starts_at");
        assert_eq!(of(times(NOW + 366 * DAY + 1, None, NOW)).0, "starts_at");
        assert_eq!(of(times(NOW, Some(UnixMs(i64::MAX)), NOW)).1, "is more than ten years ahead");
        assert_eq!(of(times(UnixMs(i64::MAX), None, UnixMs(i64::MAX - 1 - 366 * DAY))).0, "starts_at");
    }

    #[test]
    fn it_shows_from_its_beginning_until_its_end() {
        let (from, until) = (NOW, Some(NOW + 10));
        let shown: Vec<bool> = [-1, 0, 9, 10].map(|by| is_shown(from, until, NOW + by)).into();
        assert_eq!(shown, [false, true, true, false]);
        assert!(is_shown(from, None, UnixMs(i64::MAX)));
    }

    #[test]
    fn an_edited_text_must_be_read_again_only_where_it_must_be_read() {
        for (must_read, version, receipt, read) in [
            (true, 1, None, false),
            (false, 1, None, false),
            (true, 1, Some(1), true),
            (true, 2, Some(1), false),
            (true, 2, Some(2), true),
            (false, 2, Some(1), true),
        ] {
            assert_eq!(is_read(must_read, version, receipt), read, "{must_read} {version} {receipt:?}");
        }
    }
}
