//! Lists as people really send them: merged cells, days, errors of spreadsheets, totals, groups of columns, JSON in one line.

use super::files::{book, pack};
use super::*;

/// A worksheet of rows of raw cells, and what stands behind them.
fn sheet(rows: &[&[&str]], behind: &str) -> Vec<u8> {
    let mut xml = String::new();
    for (r, cells) in rows.iter().enumerate() {
        xml.push_str(&format!("<row r=\"{}\">", r + 1));
        for (c, cell) in cells.iter().enumerate().filter(|(_, cell)| !cell.is_empty()) {
            let at = format!("{}{}", (b'A' + c as u8) as char, r + 1);
            match cell.strip_prefix('<') {
                Some(raw) => xml.push_str(&format!("<c r=\"{at}\" {raw}</c>")),
                None => xml.push_str(&format!("<c r=\"{at}\" t=\"inlineStr\"><is><t>{cell}</t></is></c>")),
            }
        }
        xml.push_str("</row>");
    }
    let xml = format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><sheetData>{xml}</sheetData>{behind}</worksheet>"
    );
    pack(&[("清单", false, &xml)])
}

fn merged(cells: &[&str]) -> String {
    let one = |cells: &&str| format!("<mergeCell ref=\"{cells}\"/>");
    format!(
        "<mergeCells count=\"{}\">{}</mergeCells>",
        cells.len(),
        cells.iter().map(one).collect::<String>()
    )
}

const HEAD: &[&str] = &["运单号", "收件人", "电话", "地址"];

fn good(table: &Table) -> Vec<(u32, &str, &str, &str)> {
    table.rows.iter().map(|r| (r.line, r.waybill_no.as_str(), r.phone.as_str(), r.address.as_str())).collect()
}

fn told(problems: &[crate::wire::RowProblem]) -> Vec<String> {
    problems.iter().map(|p| format!("{} {}: {}", p.line, p.column, p.problem)).collect()
}

#[test]
fn a_number_with_a_fraction_is_nobodys() {
    let table = read_list(&sheet(
        &[
            HEAD,
            &["YT0000000001", "a", "<><v>13911120006.5</v>", "x"],
            &["YT0000000002", "b", "<><v>13911120006.0</v>", "x"],
            &["YT0000000003", "c", "<><v>1.3911120007E10</v>", "x"],
            &["YT0000000004", "d", "<><v>13911120006.000002</v>", "x"],
            &["YT0000000005", "e", "13911120006.25", "x"],
        ],
        "",
    ))
    .unwrap();
    let phones: Vec<_> = good(&table).iter().map(|(line, _, phone, _)| (*line, phone.to_string())).collect();
    let want = [(3, "13911120006"), (4, "13911120007"), (5, "13911120006")].map(|(l, p)| (l, p.to_owned()));
    assert_eq!(phones, want);
    let bad = told(&table.problems);
    assert_eq!(bad.len(), 2);
    assert!(bad.iter().all(|b| b.contains("电话: number has a fraction")), "{bad:?}");
    assert!(table.problems[0].hint.contains("转"));
}

#[test]
fn merged_cells_hold_for_all_their_rows() {
    let rows: &[&[&str]] = &[
        &["9月1日派件清单"],
        HEAD,
        &["YT0000000001", "王芳", "13800000001", "幸福花园3栋"],
        &["YT0000000002", "李伟", "13800000002"],
        &["YT0000000003", "", "", ""],
        &["YT0000000004", "赵敏", "13800000004", "文一路18号"],
        &["", "", "13800000005", "文一路19号"],
    ];
    let table =
        read_list(&sheet(rows, &merged(&["A1:D1", "D3:D5", "C4:C5", "B4:B5", "A6:A7", "A900:B1000"])))
            .unwrap();
    assert_eq!(
        good(&table),
        [
            (3, "YT0000000001", "13800000001", "幸福花园3栋"),
            (4, "YT0000000002", "13800000002", "幸福花园3栋"),
            (5, "YT0000000003", "13800000002", "幸福花园3栋"),
            (6, "YT0000000004", "13800000004", "文一路18号"),
        ]
    );
    assert_eq!(table.rows[2].recipient_name, "李伟");
    assert_eq!((table.total, table.problems.len()), (4, 0));
    let notes = told(&table.notes);
    assert_eq!(
        notes,
        [
            "7 运单号: 1 rows stand under a merged waybill number, the first in this line",
            "5 电话: 1 rows have the telephone number of a merged cell, the first in this line",
        ]
    );
}

#[test]
fn a_cell_that_is_merged_over_everything_costs_nothing() {
    let rows: &[&[&str]] = &[HEAD, &["YT0000000001", "a", "13800000001", "x"]];
    let table = read_list(&sheet(rows, &merged(&["D2:XFD1048576"; 500]))).unwrap();
    assert_eq!(table.rows.len(), 1);
    let mut many: Vec<Vec<String>> = vec![HEAD.iter().map(|h| (*h).to_owned()).collect()];
    many.extend((0..3_000).map(|n| vec![format!("YT{n:010}")]));
    let many: Vec<Vec<&str>> = many.iter().map(|r| r.iter().map(String::as_str).collect()).collect();
    let many: Vec<&[&str]> = many.iter().map(Vec::as_slice).collect();
    let e = read_list(&sheet(&many, &merged(&["A1:A1048576"; 4_000]))).unwrap_err();
    assert!(e.problem.contains("cells"), "{e}");
}

#[test]
fn days_come_back_as_days() {
    let styles = "<styleSheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><numFmts count=\"1\"><numFmt numFmtId=\"164\" formatCode=\"[h]:mm\"/></numFmts><cellXfs count=\"5\"><xf numFmtId=\"0\"/><xf numFmtId=\"14\"/><xf numFmtId=\"22\"/><xf numFmtId=\"20\"/><xf numFmtId=\"164\"/></cellXfs></styleSheet>";
    let rows: &[&[&str]] = &[
        &["运单号", "电话", "日期", "时间", "点", "时长"],
        &[
            "YT0000000001",
            "138",
            "<s=\"1\"><v>46266</v>",
            "<s=\"2\"><v>46266.604166666664</v>",
            "<s=\"3\"><v>0.3333333333333333</v>",
            "<s=\"4\"><v>1.1041666666666667</v>",
        ],
        &["YT0000000002", "<s=\"1\"><v>13800000002</v>", "<s=\"1\"><v>1</v>"],
    ];
    let bytes = super::files::with_styles(&sheet(rows, ""), styles);
    let table = read_list(&bytes).unwrap();
    assert_eq!(table.rows[0].phone, "13800000002", "a number in a column of days is a number");
    let file = bad_rows(&bytes, &Choice::default(), crate::lang::Lang::En, str::to_owned).unwrap();
    let file = String::from_utf8(file).unwrap();
    assert!(file.contains("YT0000000001,138,2026-09-01,2026-09-01 14:30,08:00,26:30:00,2,"), "{file}");
}

#[test]
fn errors_of_spreadsheets_are_named() {
    let table = read_list(&sheet(
        &[
            HEAD,
            &["YT0000000001", "a", "<t=\"e\"><v>#N/A</v>", "x"],
            &["YT0000000002", "<t=\"e\"><v>#REF!</v>", "13800000002", "<t=\"e\"><v>#VALUE!</v>"],
            &["<t=\"e\"><v>#NAME?</v>", "c", "13800000003", "x"],
            &["YT0000000004", "d", "<><f>VLOOKUP(A1,B:C,2)</f>", "x"],
            &["YT0000000005", "e", "<t=\"str\"><f>T(\"1\")</f><v>13800000005</v>", "x"],
            &["YT0000000006", "f", "########", "x"],
        ],
        "",
    ))
    .unwrap();
    assert_eq!(
        good(&table),
        [(3, "YT0000000002", "13800000002", ""), (6, "YT0000000005", "13800000005", "x"),]
    );
    assert_eq!(
        told(&table.problems),
        [
            "2 电话: cell holds #N/A, an error of the spreadsheet",
            "4 运单号: cell holds #NAME?, an error of the spreadsheet",
            "5 电话: cell holds a formula without its result",
            "7 电话: cell holds nothing but #, as a spreadsheet shows what is too wide",
        ]
    );
    assert_eq!(
        told(&table.notes),
        ["3 : 1 rows hold an error of the spreadsheet in a cell, the first in this line"]
    );
}

#[test]
fn totals_are_told_and_no_bad_rows() {
    let text = "运单号,收件人,电话,地址,件数\nYT0000000001,a,13800000001,x,1\n小计,,,,1\n运单号,收件人,电话,地址,件数\nYT0000000002,合计,13800000002,x,1\n合计,,,,2\n共 2 件,,,,\n制表人：王五,,日期：9月1日,,\n";
    let table = read_csv(text.as_bytes()).unwrap();
    assert_eq!((table.total, table.rows.len(), table.problems.len()), (2, 2, 0), "{:?}", table.problems);
    assert_eq!(
        told(&table.notes),
        [
            "3 : \"小计 1\" is a total and no parcel",
            "6 : \"合计 2\" is a total and no parcel",
            "7 : \"共 2 件\" is a total and no parcel",
            "8 : \"制表人：王五 日期：9月1日\" is a remark about the list and no parcel",
            "4 : the header stands 1 times more, first in this line",
        ]
    );
    // what may be somebody is never left aside
    let table = read_csv("运单号,电话\n合计,13800000001\nTotal,abc\n".as_bytes()).unwrap();
    assert_eq!((table.total, table.problems.len(), table.rows.len()), (2, 3, 0), "{:?}", table.problems);
}

#[test]
fn an_object_is_named_with_line_and_place() {
    let line = r#"[{"waybill_no":"YT0000000001","phone":"13800000001","address":"幸福"},{},{"waybill_no":"YT0000000003","phone":"138","address":"x"},{"waybill_no":"YT0000000001","phone":"13800000001"}]"#;
    let table = read_list(line.as_bytes()).unwrap();
    let p = &table.problems[0];
    let at = line.chars().collect::<Vec<_>>().windows(3).position(|w| w == [',', '{', '"']).unwrap();
    assert_eq!((p.line, p.object, p.column.as_str()), (1, Some(3), "phone"));
    assert_eq!(p.position, Some(at as u32 + 2), "in characters from 1");
    assert_eq!(table.notes[0].problem, "this waybill stands in object 1 too");
    assert_eq!((table.notes[0].object, table.notes[0].line), (Some(4), 1));
    let file = bad_rows(line.as_bytes(), &Choice::default(), crate::lang::Lang::En, str::to_owned).unwrap();
    assert!(String::from_utf8(file).unwrap().contains("YT0000000003,138,x,object 3,"));
    let pretty = "{\n  \"data\": [\n    {\n      \"waybill_no\": \"YT0000000001\",\n      \"phone\": \"13800000001\"\n    },\r\n    {\n      \"waybill_no\": \"YT0000000002\",\n      \"phone\": \"138\"\n    }\n  ]\n}";
    let table = read_list(pretty.as_bytes()).unwrap();
    let p = &table.problems[0];
    assert_eq!((p.line, p.object, p.position), (7, Some(2), None));
    let e = read_list(b"[{\"waybill_no\":\"YT0000000001\"},\n{\"phone\":1e999}]").unwrap_err();
    assert!(e.problem.contains("object 2") && e.problem.contains("line 2"), "{e}");
}

#[test]
fn a_title_is_no_header_and_groups_of_columns_are_one() {
    let text = "快递运单派送表,,,\n网点：越城,,日期：9月1日,\n,,,\n\n运单号,收件人,电话,地址\nYT0000000001,a,13800000001,x\n";
    let table = read_csv(text.as_bytes()).unwrap();
    assert_eq!(good(&table), [(6, "YT0000000001", "13800000001", "x")]);
    assert_eq!(table.problems, []);
    for text in [
        // the sender's group stands first, with the same names
        "运单号,寄件信息,,,收件信息,,\n,姓名,电话,地址,姓名,电话,地址\nYT0000000001,寄,13900000000,y,收,13800000001,x\n",
        "基本信息,寄件人信息,,,收件人信息,,\n运单号,姓名,电话,地址,姓名,电话,地址\nYT0000000001,寄,13900000000,y,收,13800000001,x\n",
        "9月清单,,,,,,\n运单号,发件方,,,收件方,,\n运单号,姓名,手机,地址,姓名,手机,地址\nYT0000000001,寄,13900000000,y,收,13800000001,x\n",
    ] {
        let table = read_csv(text.as_bytes()).unwrap();
        let row = &table.rows[0];
        assert_eq!(
            (row.recipient_name.as_str(), row.phone.as_str(), row.address.as_str()),
            ("收", "13800000001", "x"),
            "{:?}",
            table.columns
        );
        assert_eq!((table.total, table.problems.len()), (1, 0), "{text}");
    }
    let rows: &[&[&str]] = &[
        &["派件清单"],
        &["运单号", "收件信息", "", "", "备注"],
        &["", "姓名", "电话", "地址"],
        &["YT0000000001", "王芳", "13800000001", "幸福花园3栋", "放门口"],
    ];
    let table = read_list(&sheet(rows, &merged(&["A1:E1", "A2:A3", "B2:D2", "E2:E3"]))).unwrap();
    assert_eq!(good(&table), [(4, "YT0000000001", "13800000001", "幸福花园3栋")]);
    assert_eq!(table.headings, ["运单号", "姓名", "电话", "地址", "备注"]);
}

#[test]
fn numbers_of_a_second_column_are_not_lost() {
    let text = "运单号,电话,手机,客服电话,地址\nYT0000000001,,13800000001,4001234567,x\nYT0000000002,0571-88886666,13800000002,,x\nYT0000000003,13800000003,13800000003,,x\nYT0000000004,13800000004,无,,x\n";
    let table = read_csv(text.as_bytes()).unwrap();
    let phones: Vec<&str> = table.rows.iter().map(|r| r.phone.as_str()).collect();
    assert_eq!(phones, ["13800000001", "13800000002", "13800000003", "13800000004"]);
    assert!(told(&table.notes)[0].contains("too"), "{:?}", table.notes);
    assert!(table.notes.iter().any(|n| n.line == 3 && n.problem.starts_with("1 rows have several")));
    // a column that somebody named stands alone
    let named = Choice { named: [(Field::Phone, "电话".to_owned())].into(), ..Choice::default() };
    let table = read_list_with(text.as_bytes(), &named).unwrap();
    assert_eq!(table.rows[1].phone, "0571-88886666");
}

#[test]
fn a_fixed_line_in_its_own_column_is_kept_beside_the_mobile() {
    for second in ["固定电话", "座机", "收件人固话", "收件人备用电话", "备用手机"] {
        let text = format!(
            "运单号,收件人电话,{second},地址\nYT0000000001,13800000001,021-58880005,x\nYT0000000002,,021-58880006,x\nYT0000000003,138****0003,13800000003,x\n"
        );
        let table = read_csv(text.as_bytes()).unwrap();
        let rows: Vec<(&str, Option<usize>)> =
            table.rows.iter().map(|r| (r.phone.as_str(), r.more_phones.as_ref().map(Vec::len))).collect();
        let wanted = [("13800000001", Some(1)), ("021-58880006", Some(0)), ("13800000003", Some(0))];
        assert_eq!(rows, wanted, "{second}");
        assert!(
            table.notes.iter().any(|n| n.line == 4 && n.problem.contains("left out")),
            "{:?}",
            table.notes
        );
    }
}

#[test]
fn other_sheets_that_are_lists_are_told() {
    let one: &[&[&str]] = &[HEAD, &["YT0000000001", "a", "13800000001", "x"]];
    let two: &[&[&str]] = &[HEAD, &["YT0000000002", "b", "13800000002", "x"]];
    let table = read_list(&book(&[
        ("封面", false, &[&["说明"]]),
        ("上午", false, one),
        ("下午", false, two),
        ("旧", true, two),
        ("空", false, &[HEAD]),
    ]))
    .unwrap();
    assert_eq!(table.rows.len(), 1);
    let told = told(&table.notes);
    assert_eq!(told[0], "1 : the sheets \"下午\" are lists too, and only \"上午\" is read");
    assert_eq!(told[1..], ["1 : the hidden sheets \"旧\" are lists too, and only \"上午\" is read"]);
}

#[test]
fn hidden_rows_are_taken_and_told() {
    let row = |n: u32, marks: &str| {
        let at = n + 1;
        format!(
            "<row r=\"{at}\"{marks}><c r=\"A{at}\" t=\"inlineStr\"><is><t>YT000000000{n}</t></is></c><c r=\"B{at}\"><v>1380000000{n}</v></c></row>"
        )
    };
    let head = "<row r=\"1\"><c r=\"A1\" t=\"inlineStr\"><is><t>运单号</t></is></c><c r=\"B1\" t=\"inlineStr\"><is><t>电话</t></is></c></row>";
    let xml = format!(
        "<worksheet xmlns=\"http://schemas.openxmlformats.org/spreadsheetml/2006/main\"><cols><col min=\"1\" max=\"1\" hidden=\"1\"/></cols><sheetData>{head}{}{}{}</sheetData></worksheet>",
        row(1, ""),
        row(2, " hidden=\"1\""),
        row(3, " ht=\"0\" hidden=\"true\"")
    );
    let cover = super::files::sheet_xml(&[&["说明"]]);
    let table = read_list(&pack(&[("封面", false, &cover), ("清单", false, &xml)])).unwrap();
    assert_eq!(table.rows.len(), 3);
    assert!(
        told(&table.notes).contains(&"3 : 2 rows are hidden in the workbook, the first in this line".into()),
        "{:?}",
        table.notes
    );
}

#[test]
fn a_second_list_below_takes_nothing_from_the_first() {
    let text = "运单号,电话\nYT0000000001,13800000001\n运单号,电话,收件人,地址\nYT0000000002,13800000002,王芳,幸福花园3栋\n";
    let table = read_csv(text.as_bytes()).unwrap();
    assert_eq!(table.rows.iter().map(|r| r.line).collect::<Vec<_>>(), [2, 4]);
    assert!(told(&table.notes).iter().any(|n| n.starts_with("3 : the header stands")), "{:?}", table.notes);
}

#[test]
fn remarks_in_a_second_column_are_no_numbers() {
    let text = "运单号,电话,手机型号,Hotel,地址\nYT0000000001,,苹果15,Hilton,x\nYT0000000002,13800000002,放门口,,x\n";
    let table = read_csv(text.as_bytes()).unwrap();
    assert_eq!(table.problems, []);
    assert_eq!(good(&table).iter().map(|r| r.2).collect::<Vec<_>>(), ["", "13800000002"]);
    assert!(!told(&table.notes).iter().any(|n| n.contains("too")), "{:?}", table.notes);
}

/// A column of somebody else's telephone is nobody's second number, whatever it is called.
#[test]
fn telephones_of_others_are_not_rung() {
    for heading in [
        "驿站电话",
        "代收点电话",
        "司机电话",
        "仓库电话",
        "物流公司电话",
        "揽收电话",
        "站点电话",
        "发票电话",
        "driver phone",
        "store tel",
        "紧急联系人电话",
        "邻居手机",
        "售后电话",
    ] {
        let csv = format!(
            "运单号,收件人,电话,地址,{heading}\nSF1234567890123,王一,0571-88886666,幸福花园3栋,13711112222\nSF1234567890124,李四,,文一路18号,13711112222\n"
        );
        let table = crate::import::read_list(csv.as_bytes()).unwrap();
        let phones: Vec<&str> = table.rows.iter().map(|row| row.phone.as_str()).collect();
        assert!(phones.iter().all(|p| !p.contains("137")), "{heading}: {phones:?}");
    }
    for heading in ["手机", "备用电话", "电话2", "联系电话", "第二电话", "mobile"] {
        let csv = format!("运单号,电话,地址,{heading}\nSF1234567890124,,文一路18号,13711112222\n");
        let table = crate::import::read_list(csv.as_bytes()).unwrap();
        assert_eq!(table.rows[0].phone, "13711112222", "{heading}");
    }
}

/// A row whose numbers are only wrong is a bad row, also where it begins like a line at the foot.
#[test]
fn a_wrong_number_behind_a_remark_is_a_bad_row() {
    let csv = "备注,收件人,电话,运单号\n急件,王一,13800001111,SF1234567890123\n注：易碎,王五,1391111,\n日期：2026-11-23,,,\n制表人：张三,,打印 2026-11-23 08:00,\n";
    let table = crate::import::read_list(csv.as_bytes()).unwrap();
    let lines: Vec<u32> = table.problems.iter().map(|p| p.line).collect();
    let kept: Vec<u32> = table.rows.iter().map(|r| r.line).collect();
    assert!(lines.contains(&3) || kept.contains(&3), "{table:?}");
    assert!(!lines.contains(&4) && !lines.contains(&5), "{table:?}");
}
