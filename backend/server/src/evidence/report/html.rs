//! The report as a page of HTML.

use super::{Piece, TITLE};
use crate::sheet::escaped;
use std::fmt::Write;

const HEAD: &str = "<!doctype html>\n<html lang=\"zh-CN\"><head><meta charset=\"utf-8\">\
    <meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'; media-src 'self'\">\
    <title>通话证据 / Evidence of calls</title>\n<style>body{font:14px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em}\
    table{border-collapse:collapse;margin:.5em 0 1.5em}td,th{border:1px solid #999;padding:.2em .6em;text-align:left;\
    vertical-align:top}code,td{overflow-wrap:anywhere}h2{margin-top:2em}@media print{audio{display:none}}</style></head><body>\n";

/// The page. Every text is escaped; it loads nothing but the bundle's own sound.
pub(super) fn page(pieces: &[Piece]) -> String {
    let mut page = format!("{HEAD}<h1>{TITLE}</h1>\n");
    for piece in pieces {
        let _ = match piece {
            Piece::Heading(text) => writeln!(page, "<h2>{}</h2>", escaped(text)),
            Piece::Table(rows) => {
                page.push_str("<table>\n");
                for (name, value) in rows {
                    let _ = writeln!(page, "<tr><th>{name}</th><td>{}</td></tr>", escaped(value));
                }
                writeln!(page, "</table>")
            }
            Piece::Command(what, command) => writeln!(page, "<p>{what} <code>{command}</code></p>"),
            Piece::Sound(file) => writeln!(page, "<audio controls src=\"{}\"></audio>", escaped(file)),
        };
    }
    page.push_str("</body></html>\n");
    page
}
