//! The report as pages to be printed (PDF 1.7).
//!
//! Letters of ASCII are Courier, one of the fourteen fonts that every reader has. Everything else is the simplified Chinese font of
//! the reader's own (STSong-Light with the predefined character map UniGB-UTF16-H, ISO 32000-1 9.7.5.2), so that no font is shipped.
//! Both have one width a letter, so that lines are broken without measuring. The same report gives the same bytes.

use super::{Piece, TITLE};
use pdf_writer::types::{CidFontType, FontFlags, SystemInfo};
use pdf_writer::{Content, Finish, Name, Pdf, Rect, Ref, Str, TextStr};

/// A4, points.
const PAGE: (f32, f32) = (595.0, 842.0);
const MARGIN: f32 = 48.0;
/// Where values begin.
const VALUES: f32 = MARGIN + 150.0;
const SIZE: f32 = 8.5;
const LEADING: f32 = 1.45;
const ASCII: Name<'static> = Name(b"A");
const OTHER: Name<'static> = Name(b"B");

/// Points that a letter takes.
fn advance(letter: char, size: f32) -> f32 {
    if letter.is_ascii() { 0.6 * size } else { size }
}

/// Lines of at most `width` points; broken at a space where one is near.
fn lines(text: &str, width: f32, size: f32) -> Vec<String> {
    let (mut lines, mut line, mut used) = (Vec::new(), String::new(), 0.0);
    for letter in text.chars().map(|c| if c.is_control() { ' ' } else { c }) {
        let step = advance(letter, size);
        if used + step > width {
            let near = line.rfind(' ').filter(|at| line[*at..].chars().count() < 16 && *at > 0);
            let rest = near.map(|at| line.split_off(at).trim_start().to_owned()).unwrap_or_default();
            lines.push(std::mem::replace(&mut line, rest));
            used = line.chars().map(|c| advance(c, size)).sum();
        }
        line.push(letter);
        used += step;
    }
    lines.push(line);
    lines
}

/// Pages under work; the last is open.
struct Pages {
    done: Vec<Content>,
    page: Content,
    /// Where the next line goes, from the foot of the page.
    y: f32,
}

impl Pages {
    fn new() -> Self {
        Self { done: Vec::new(), page: Content::new(), y: PAGE.1 - MARGIN }
    }

    /// Begins a page where so many points are not left.
    fn room(&mut self, points: f32) {
        if self.y - points < MARGIN {
            self.done.push(std::mem::replace(&mut self.page, Content::new()));
            self.y = PAGE.1 - MARGIN;
        }
    }

    /// Writes at the height of the last line that was made room for.
    fn text(&mut self, x: f32, text: &str, size: f32) {
        put(&mut self.page, (x, self.y), text, size);
    }

    fn line(&mut self, text: &str, size: f32) {
        for line in lines(text, PAGE.0 - 2.0 * MARGIN, size) {
            self.room(size * LEADING);
            self.y -= size * LEADING;
            self.text(MARGIN, &line, size);
        }
    }

    fn row(&mut self, name: &str, value: &str) {
        for (n, line) in lines(value, PAGE.0 - MARGIN - VALUES, SIZE).iter().enumerate() {
            self.room(SIZE * LEADING);
            self.y -= SIZE * LEADING;
            if n == 0 {
                self.text(MARGIN, name, SIZE);
            }
            self.text(VALUES, line, SIZE);
        }
        let under = self.y - 3.0;
        self.page.set_line_width(0.3).set_stroke_gray(0.6);
        self.page.move_to(MARGIN, under).line_to(PAGE.0 - MARGIN, under).stroke();
        self.y -= 2.0;
    }
}

/// One line of text: a run of letters of one font after the other.
fn put(page: &mut Content, (x, y): (f32, f32), text: &str, size: f32) {
    page.begin_text();
    page.next_line(x, y);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let end = rest.find(|c: char| c.is_ascii() != first.is_ascii()).unwrap_or(rest.len());
        let (run, after) = rest.split_at(end);
        if first.is_ascii() {
            page.set_font(ASCII, size).show(Str(run.as_bytes()));
        } else {
            let utf16: Vec<u8> = run.encode_utf16().flat_map(u16::to_be_bytes).collect();
            page.set_font(OTHER, size).show(Str(&utf16));
        }
        rest = after;
    }
    page.end_text();
}

/// The document.
pub(super) fn document(pieces: &[Piece]) -> Vec<u8> {
    let mut pages = Pages::new();
    pages.line(TITLE, 15.0);
    pages.y -= 6.0;
    for piece in pieces {
        match piece {
            Piece::Heading(text) => {
                // not alone at the foot of a page
                pages.room(80.0);
                pages.y -= 12.0;
                pages.line(text, 11.0);
                pages.y -= 3.0;
            }
            Piece::Table(rows) => {
                rows.iter().for_each(|(name, value)| pages.row(name, value));
                pages.y -= 8.0;
            }
            Piece::Command(what, command) => pages.line(&format!("{what} {command}"), SIZE),
            // paper plays nothing; its name is in the table
            Piece::Sound(_) => {}
        }
    }
    let Pages { mut done, page, .. } = pages;
    done.push(page);
    written(done)
}

fn written(pages: Vec<Content>) -> Vec<u8> {
    let mut next = 0;
    let mut id = || {
        next += 1;
        Ref::new(next)
    };
    let (catalog, tree, ascii, other, cid, descriptor, info) = (id(), id(), id(), id(), id(), id(), id());
    let ids: Vec<(Ref, Ref)> = pages.iter().map(|_| (id(), id())).collect();
    let mut pdf = Pdf::new();
    pdf.catalog(catalog).pages(tree).lang(TextStr("zh-CN"));
    pdf.document_info(info).title(TextStr(TITLE)).producer(TextStr("Waybell"));
    let count = i32::try_from(ids.len()).unwrap_or(i32::MAX);
    pdf.pages(tree).kids(ids.iter().map(|i| i.0)).count(count);
    pdf.type1_font(ascii).base_font(Name(b"Courier"));
    const SONG: Name<'static> = Name(b"STSong-Light");
    pdf.type0_font(other)
        .base_font(Name(b"STSong-Light-UniGB-UTF16-H"))
        .encoding_predefined(Name(b"UniGB-UTF16-H"))
        .descendant_font(cid);
    let info = SystemInfo { registry: Str(b"Adobe"), ordering: Str(b"GB1"), supplement: 5 };
    pdf.cid_font(cid)
        .subtype(CidFontType::Type0)
        .base_font(SONG)
        .system_info(info)
        .font_descriptor(descriptor)
        .default_width(1000.0);
    pdf.font_descriptor(descriptor)
        .name(SONG)
        .flags(FontFlags::SYMBOLIC | FontFlags::SERIF)
        .bbox(Rect::new(-25.0, -254.0, 1000.0, 880.0))
        .italic_angle(0.0)
        .ascent(880.0)
        .descent(-120.0)
        .cap_height(880.0)
        .stem_v(93.0);
    for (n, (mut content, (page_id, content_id))) in pages.into_iter().zip(ids).enumerate() {
        put(&mut content, (PAGE.0 / 2.0 - 15.0, MARGIN / 2.0), &format!("{} / {count}", n + 1), SIZE);
        pdf.stream(content_id, &content.finish());
        let mut page = pdf.page(page_id);
        page.media_box(Rect::new(0.0, 0.0, PAGE.0, PAGE.1)).parent(tree).contents(content_id);
        let mut resources = page.resources();
        resources.fonts().pair(ASCII, ascii).pair(OTHER, other);
        resources.finish();
        page.finish();
    }
    pdf.finish()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn long_texts_are_broken_and_long_reports_have_pages() {
        let hash = "0123456789abcdef".repeat(4);
        assert_eq!(lines(&hash, PAGE.0 - MARGIN - VALUES, SIZE), [&*hash], "a hash is one line");
        let words = lines("one two three four", 0.6 * 10.0 * 8.0, 10.0);
        assert_eq!(words, ["one two", "three", "four"]);
        assert_eq!(lines("派送派送派送", 30.0, 10.0), ["派送派", "送派送"]);
        assert_eq!(lines("", 30.0, 10.0), [""]);
        let rows = (0..300).map(|n| ("编号 / Id", format!("{n} {hash}"))).collect();
        let long = document(&[Piece::Heading("1. 来电".to_owned()), Piece::Table(rows)]);
        let text = String::from_utf8_lossy(&long);
        let count: usize = text
            .split("/Count ")
            .nth(1)
            .and_then(|t| t.split(|c: char| !c.is_ascii_digit()).next())
            .unwrap()
            .parse()
            .unwrap();
        assert!((5..15).contains(&count), "{count} pages");
        assert_eq!(long, document_again(), "the same report, the same bytes");
        fn document_again() -> Vec<u8> {
            let hash = "0123456789abcdef".repeat(4);
            let rows = (0..300).map(|n| ("编号 / Id", format!("{n} {hash}"))).collect();
            document(&[Piece::Heading("1. 来电".to_owned()), Piece::Table(rows)])
        }
    }

    proptest! {
        #[test]
        fn nothing_is_lost_by_breaking_and_no_line_is_too_long(text in "[a-z 0-9\\PC\r\n\t]{0,200}", width in 20.0f32..400.0) {
            let broken = lines(&text, width, 10.0);
            let letters = |t: &str| t.chars().filter(|c| !c.is_whitespace() && !c.is_control()).collect::<String>();
            prop_assert_eq!(letters(&broken.concat()), letters(&text));
            for line in &broken {
                prop_assert!(line.chars().map(|c| advance(c, 10.0)).sum::<f32>() <= width + 0.1, "{}", line);
            }
            let _ = document(&[Piece::Table(vec![("x", text)])]);
        }
    }
}
