//! Lists that are no CSV: workbooks made here part by part, JSON, and what only looks like a list.

use super::*;
use proptest::prelude::*;
use std::io::{Cursor, Write};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

/// A sheet: its name, whether it is hidden, its rows of cells. A cell that begins with `=` is a number.
pub(super) type Sheet<'a> = (&'a str, bool, &'a [&'a [&'a str]]);

fn part(zip: &mut ZipWriter<Cursor<Vec<u8>>>, name: &str, text: &[u8]) {
    zip.start_file(name, SimpleFileOptions::default()).unwrap();
    zip.write_all(text).unwrap();
}

pub(super) fn book(sheets: &[Sheet<'_>]) -> Vec<u8> {
    let xml: Vec<String> = sheets.iter().map(|(_, _, rows)| sheet_xml(rows)).collect();
    let listed: Vec<(&str, bool, &str)> =
        sheets.iter().zip(&xml).map(|((name, hidden, _), xml)| (*name, *hidden, xml.as_str())).collect();
    pack(&listed)
}

pub(super) fn sheet_xml(rows: &[&[&str]]) -> String {
    let mut xml = String::new();
    for (r, cells) in rows.iter().enumerate() {
        xml.push_str(&format!("<row r=\"{}\">", r + 1));
        for (c, cell) in cells.iter().enumerate() {
            let at = format!("{}{}", (b'A' + c as u8) as char, r + 1);
            match cell.strip_prefix('=') {
                Some(number) => xml.push_str(&format!("<c r=\"{at}\"><v>{number}</v></c>")),
                None => xml.push_str(&format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>")),
            }
        }
        xml.push_str("</row>");
    }
    format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{xml}</sheetData></worksheet>"
    )
}

pub(super) fn pack(sheets: &[(&str, bool, &str)]) -> Vec<u8> {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    let (mut types, mut names, mut links) = (String::new(), String::new(), String::new());
    for (n, (name, hidden, _)) in sheets.iter().enumerate() {
        let state = if *hidden { " state=\"hidden\"" } else { "" };
        types += &format!(
            "<Override PartName=\"/xl/worksheets/sheet{n}.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml\"/>"
        );
        names += &format!("<sheet name=\"{name}\" sheetId=\"{}\"{state} r:id=\"r{n}\"/>", n + 1);
        links += &format!(
            "<Relationship Id=\"r{n}\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet\" Target=\"worksheets/sheet{n}.xml\"/>"
        );
    }
    part(&mut zip, "[Content_Types].xml", format!("<Types xmlns=\"http://schemas.openxmlformats.org/package/2006/content-types\"><Default Extension=\"rels\" ContentType=\"application/vnd.openxmlformats-package.relationships+xml\"/><Override PartName=\"/xl/workbook.xml\" ContentType=\"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml\"/>{types}</Types>").as_bytes());
    part(&mut zip, "_rels/.rels", b"<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\"><Relationship Id=\"r\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument\" Target=\"xl/workbook.xml\"/></Relationships>");
    part(&mut zip, "xl/workbook.xml", format!("<workbook xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\" xmlns:r=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships\"><sheets>{names}</sheets></workbook>").as_bytes());
    part(&mut zip, "xl/_rels/workbook.xml.rels", format!("<Relationships xmlns=\"http://schemas.openxmlformats.org/package/2006/relationships\">{links}</Relationships>").as_bytes());
    for (n, (_, _, xml)) in sheets.iter().enumerate() {
        part(&mut zip, &format!("xl/worksheets/sheet{n}.xml"), xml.as_bytes());
    }
    zip.finish().unwrap().into_inner()
}

/// The workbook with styles, by which its days are days.
pub(super) fn with_styles(workbook: &[u8], styles: &str) -> Vec<u8> {
    let mut from = zip::ZipArchive::new(Cursor::new(workbook)).unwrap();
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    for at in 0..from.len() {
        let mut old = from.by_index(at).unwrap();
        let (name, mut text) = (old.name().unwrap().into_owned(), String::new());
        std::io::Read::read_to_string(&mut old, &mut text).unwrap();
        if name == "xl/_rels/workbook.xml.rels" {
            text = text.replace("</Relationships>", "<Relationship Id=\"s\" Type=\"http://schemas.openxmlformats.org/officeDocument/2006/relationships/styles\" Target=\"styles.xml\"/></Relationships>");
        }
        part(&mut zip, &name, text.as_bytes());
    }
    part(&mut zip, "xl/styles.xml", styles.as_bytes());
    zip.finish().unwrap().into_inner()
}

const HEAD: &[&str] = &["运单号", "收件人", "电话", "地址"];

#[test]
fn a_workbook_is_a_list() {
    let rows: &[&[&str]] = &[
        &["9月1日派件", "", "", ""],
        HEAD,
        &["YT0000000001", "王芳", "=13800000001", "幸福花园3栋"],
        &["=773012345678901", "李伟", "13800000002转12", "幸福花园4栋"],
        &["YT0000000003", "张磊", "=1.38000000031234E+15", "幸福花园5栋"],
        &[],
        &["", "", "=13800000004", ""],
    ];
    let table = read_list(&book(&[("封面", false, &[&["说明"]]), ("清单", false, rows)])).unwrap();
    assert_eq!(table.total, 4);
    let good: Vec<_> = table.rows.iter().map(|r| (r.line, r.waybill_no.as_str(), r.phone.as_str())).collect();
    assert_eq!(good, [(3, "YT0000000001", "13800000001"), (4, "773012345678901", "13800000002转12")]);
    let bad: Vec<_> = table.problems.iter().map(|p| (p.line, p.problem.as_str())).collect();
    assert_eq!(bad[0], (5, "number was rounded by a spreadsheet"));
    assert_eq!(bad[1], (7, "waybill number is empty"));
}

#[test]
fn a_hidden_sheet_comes_last() {
    let old: &[&[&str]] = &[HEAD, &["YT0000000001", "王芳", "13800000001", ""]];
    let new: &[&[&str]] = &[HEAD, &["YT0000000002", "王芳", "13800000001", ""]];
    let table = read_list(&book(&[("旧", true, old), ("新", false, new)])).unwrap();
    assert_eq!(table.rows[0].waybill_no, "YT0000000002");
    let table = read_list(&book(&[("旧", true, old)])).unwrap();
    assert_eq!(table.rows[0].waybill_no, "YT0000000001");
    assert!(
        table.notes[0].problem.starts_with("the list is on the hidden sheet \"旧\""),
        "{:?}",
        table.notes
    );
}

#[test]
fn what_unpacks_without_end_is_refused() {
    let mut zip = ZipWriter::new(Cursor::new(Vec::new()));
    zip.start_file("xl/sharedStrings.xml", SimpleFileOptions::default()).unwrap();
    let block = vec![b' '; 1 << 20];
    (0..201).for_each(|_| zip.write_all(&block).unwrap());
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 1 << 20);
    let e = read_list(&bytes).unwrap_err();
    assert!(e.problem.contains("more than 200 MB"), "{e}");
}

#[test]
fn a_sheet_that_says_it_is_huge_is_read_all_the_same() {
    let far = "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><dimension ref=\"A1:XFD1048576\"/><sheetData>\
        <row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>运单号</t></is></c></row>\
        <row r=\"1048576\"><c r=\"A1048576\" t=\"inlineStr\"><is><t>YT0000000009</t></is></c>\
        <c r=\"XFD1048576\"><v>1</v></c></row></sheetData></worksheet>";
    let table = read_list(&pack(&[("清单", false, far)])).unwrap();
    assert_eq!((table.rows[0].line, table.rows[0].waybill_no.as_str()), (1_048_576, "YT0000000009"));
}

#[test]
fn json_lists() {
    let text = r#"{"data":[{"waybillNo":"YT0000000001","phone":13800000001,"address":"幸福花园3栋","kind":null},
        {"waybillNo":"YT0000000002","phone":["13800000002"],"extra":{"a":1}}, 7]}"#;
    let table = read_list(text.as_bytes()).unwrap();
    let good: Vec<_> = table.rows.iter().map(|r| (r.line, r.waybill_no.as_str(), r.phone.as_str())).collect();
    assert_eq!(good, [(1, "YT0000000001", "13800000001"), (2, "YT0000000002", "13800000002")]);
    assert_eq!(table.problems.len(), 1, "what is no object has no waybill: {:?}", table.problems);
    assert!(read_list(b"[{\"a\": }]").unwrap_err().problem.contains("line 1 column"));
    assert!(read_list(b"{\"a\": 1}").unwrap_err().problem.contains("no list"));
    assert_eq!(read_list(b"[]").unwrap_err().problem, "file has no rows");
}

#[test]
fn what_is_no_list_is_named() {
    assert!(read_list(b"<html><table>").unwrap_err().problem.contains("web page"));
    assert!(read_list(b"\xd0\xcf\x11\xe0\xa1\xb1").unwrap_err().problem.contains("XLS"));
    assert!(read_list(b"PK\x03\x04rest").unwrap_err().problem.contains("XLSX"));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// A workbook that was cut, or has other bytes in it, is read or refused.
    #[test]
    fn a_broken_workbook_is_no_harm(cut in 0_usize..3_000, changes in prop::collection::vec((0_usize..3_000, any::<u8>()), 0..6)) {
        let rows: &[&[&str]] = &[HEAD, &["YT0000000001", "王芳", "=13800000001", "幸福花园3栋"]];
        let mut bytes = book(&[("清单", false, rows)]);
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        if cut < 1_500 {
            bytes.truncate(cut);
        }
        let _ = read_list(&bytes);
    }
}

#[test]
fn a_list_is_found_under_the_best_of_its_names() {
    let text = r#"{"data":[{"waybill_no":"YT0000000001"}],"count":{"rows":1},"rows":[{},{"x":[[1],{"a":[]},"y","z"],"waybill_no":"YT0000000002"}],"list":"no"}"#;
    let rows = json::rows(text, false).unwrap();
    assert_eq!(rows[0].cells, ["x", "waybill_no"]);
    assert_eq!(
        (rows[1].at.object, &rows[1].cells),
        (Some(2), &vec!["y z".to_owned(), "YT0000000002".into()])
    );
    assert_eq!(rows.len(), 2);
}

#[test]
fn a_small_file_of_very_many_rows_is_refused_and_empty_objects_are_none() {
    let names: Vec<String> = (0..200).map(|n| format!("\"k{n}\":\"\"")).collect();
    let list = |rest: &str, n: usize| {
        format!("[{{{},\"waybill_no\":\"YT0000000001\"}}{}]", names[1..].join(","), rest.repeat(n))
    };
    let table = read_list(list(",{}", 1_000_000).as_bytes()).unwrap();
    assert_eq!((table.total, table.rows.len()), (1, 1), "empty objects are no rows");
    for rest in [",{\"a\":0}", ",0", ",[]", ",null"] {
        let e = read_list(list(rest, MOST_ROWS).as_bytes()).unwrap_err();
        assert!(e.problem.contains("more than 200000 rows") && e.hint.contains("split"), "{e}");
    }
    // one cell in the last column of each row
    let e = read_list(list(",{\"k199\":1}", 60_000).as_bytes()).unwrap_err();
    assert!(e.problem.contains("cells"), "{e}");
    let csv = format!("运单号\n{}", "YT0000000001\n".repeat(MOST_ROWS));
    let e = read_list(csv.as_bytes()).unwrap_err();
    assert!(e.problem.contains("more than 200000 rows"), "{e}");
    let csv = format!("运单号\n{}", "YT0000000001\n".repeat(MOST_ROWS - 1));
    assert_eq!(read_list(csv.as_bytes()).unwrap().rows.len(), MOST_ROWS - 1);
}

#[test]
fn cells_are_kept_up_to_the_last_used_one() {
    let rows = csv_rows(&format!("a,b{}\n,x,,\n", ",".repeat(100_000))).unwrap();
    assert_eq!(rows[0].cells, ["a", "b"]);
    assert_eq!(rows[1].cells, ["", "x"]);
}

#[test]
fn a_sheet_of_far_cells_is_refused() {
    let mut xml = String::from(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>",
    );
    (1..=50_000).for_each(|r| xml.push_str(&format!("<row r=\"{r}\"><c r=\"IV{r}\"><v>1</v></c></row>")));
    xml.push_str("</sheetData></worksheet>");
    let e = read_list(&pack(&[("清单", false, &xml)])).unwrap_err();
    assert!(e.problem.contains("cells"), "{e}");
}
