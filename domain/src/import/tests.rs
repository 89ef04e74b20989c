use super::*;

mod choice;
mod files;
mod shapes;

use crate::parcel::TaskKind;
use proptest::prelude::*;

const LIST: &str = "运单号,收件人,收件人电话,收件地址\nSF1234567890123,王小明,13800001111,幸福花园3栋501\nYT1234567890123,李四,0571-88886666转801,\"文一路18号,西湖区\"\n";

#[test]
fn a_usual_list() {
    let table = read_csv(LIST.as_bytes()).unwrap();
    assert_eq!((table.total, table.rows.len(), table.problems.len()), (2, 2, 0));
    insta::assert_json_snapshot!(table.rows, @r#"
    [
      {
        "line": 2,
        "waybill_no": "SF1234567890123",
        "recipient_name": "王小明",
        "phone": "13800001111",
        "more_phones": [],
        "address": "幸福花园3栋501"
      },
      {
        "line": 3,
        "waybill_no": "YT1234567890123",
        "recipient_name": "李四",
        "phone": "0571-88886666转801",
        "more_phones": [],
        "address": "文一路18号,西湖区"
      }
    ]
    "#);
}

#[test]
fn encodings() {
    let expected = read_csv(LIST.as_bytes()).unwrap().rows;
    let gbk = encoding_rs::GB18030.encode(LIST).0.into_owned();
    let bom = [b"\xef\xbb\xbf", LIST.as_bytes()].concat();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(LIST.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    for bytes in [gbk, bom, utf16] {
        assert_eq!(read_csv(&bytes).unwrap().rows, expected);
    }
    let units = LIST.encode_utf16();
    let little: Vec<u8> = units.clone().flat_map(u16::to_le_bytes).collect();
    let big: Vec<u8> = units.flat_map(u16::to_be_bytes).collect();
    for bytes in [little, big] {
        assert_eq!(read_csv(&bytes).unwrap().rows, expected, "UTF-16 without a mark");
    }
    assert_eq!(read_csv(b"PK\x03\x04rest").unwrap_err().field, "file");
    assert_eq!(read_csv(b"a,\xff\xff\x00").unwrap_err().field, "encoding");
    assert_eq!(read_csv(b"").unwrap_err().field, "file");
}

#[test]
fn titles_tabs_and_english() {
    let text = "Courier list 2026-11-21\n\nTracking No.\tRecipient Name\tMobile\tDelivery Address\tSender phone\nSF1234567890123\tAnn\t138 0000 1111\tNo. 1\t13900002222\n";
    let table = read_csv(text.as_bytes()).unwrap();
    assert_eq!((table.rows[0].line, table.rows[0].phone.as_str()), (4, "138 0000 1111"));
    assert_eq!(table.rows[0].recipient_name, "Ann");
}

#[test]
fn columns() {
    let map = |header: &str| {
        let header: Vec<String> = header.split(',').map(str::to_owned).collect();
        let map = detect_columns(&header);
        [Field::Waybill, Field::Phone, Field::Name, Field::Address, Field::Kind].map(|f| map.get(f))
    };
    assert_eq!(
        map("寄件人电话,收件人电话,快递单号*,收件人（必填）,寄件地址,收件人详细地址"),
        [Some(2), Some(1), Some(3), Some(5), None]
    );
    assert_eq!(map("Waybill No,PHONE,name,address,type"), [Some(0), Some(1), Some(2), Some(3), Some(4)]);
    assert_eq!(
        map("序号,客户名称,联系方式(手机),派送地址明细,运单编号"),
        [Some(4), Some(2), Some(1), Some(3), None]
    );
    assert_eq!(map("a,b"), [None; 5]);
}

#[test]
fn bad_rows_are_named_and_good_ones_go_in() {
    let text = "运单号,手机,类型\n,13800001111,\nSF1234567890123,1380000,派件\nSF1234567890124,13800001111,飞\nSF1234567890125,13800001111,揽件\n\nSF1234567890126,,\n7.3E+13,138****1111,\n";
    let table = read_csv(text.as_bytes()).unwrap();
    assert_eq!((table.total, table.rows.len()), (6, 2));
    assert_eq!((table.rows[0].line, table.rows[0].kind), (5, Some(TaskKind::Pickup)));
    assert_eq!(table.rows[1].phone, "");
    insta::assert_json_snapshot!(table.problems, @r#"
    [
      {
        "line": 2,
        "column": "运单号",
        "problem": "waybill number is empty",
        "hint": "correct it in the list"
      },
      {
        "line": 3,
        "column": "手机",
        "problem": "number has 7 digits, which fits no kind of number",
        "hint": "check it"
      },
      {
        "line": 4,
        "column": "类型",
        "problem": "\"飞\" is no kind of task",
        "hint": "write 派件 or 揽件"
      },
      {
        "line": 8,
        "column": "运单号",
        "problem": "waybill number was rounded by a spreadsheet",
        "hint": "format the column as text and export again"
      },
      {
        "line": 8,
        "column": "手机",
        "problem": "number is masked",
        "hint": "ask the platform for the full number or its privacy number with extension"
      }
    ]
    "#);
}

#[test]
fn no_header() {
    let error = read_csv("甲,乙\n1,2\n".as_bytes()).unwrap_err();
    assert_eq!(error.field, "header");
    assert!(error.to_string().contains("甲, 乙"), "{error}");
}

#[test]
fn several_numbers_in_a_cell() {
    let row = |cell: &str| {
        let map = ColumnMap::of([(Field::Waybill, 0), (Field::Phone, 1)]);
        let cells = ["SF1234567890123".to_owned(), cell.to_owned()];
        parse_row(&map, &[], Place::line(2), &cells)
            .map(|r| (r.phone.map(|p| p.key()).unwrap_or_default(), r.other_phones.len()))
    };
    assert_eq!(row("13800001111/13900002222"), Ok(("+8613800001111".into(), 1)));
    assert_eq!(row("0571-88886666、13900002222"), Ok(("+8613900002222".into(), 1)));
    assert_eq!(row("13800001111,13900002222"), Ok(("+8613800001111".into(), 1)));
    assert_eq!(row("13800001111 1234"), Ok(("+8613800001111;ext=1234".into(), 0)));
    assert_eq!(row("-"), Ok((String::new(), 0)));
    assert!(row("138").is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Any bytes: no panic, and every row is counted once.
    #[test]
    fn total(head in Just("运单号,电话,地址\n"), body in "[0-9A-Z,\"\n幸福\t;转]{0,120}", junk in proptest::collection::vec(any::<u8>(), 0..40)) {
        if let Ok(table) = read_csv(format!("{head}{body}").as_bytes()) {
            let bad: std::collections::BTreeSet<u32> = table.problems.iter().map(|p| p.line).collect();
            prop_assert!(table.rows.len() + bad.len() <= table.total as usize + 1);
            prop_assert_eq!(table.total as usize, table.rows.len() + bad.len());
        }
        let _ = read_csv(&junk);
    }
}

#[test]
fn what_is_well_to_know_is_told() {
    let notes = |text: &str| {
        let table = read_csv(text.as_bytes()).unwrap();
        table
            .notes
            .into_iter()
            .map(|n| format!("{} {}: {}; {}", n.line, n.column, n.problem, n.hint))
            .collect::<Vec<_>>()
    };
    assert_eq!(notes("运单号,电话,地址\nYT0000000001,13800000001,幸福花园1栋\n"), [""; 0]);
    insta::assert_snapshot!(notes("运单号,电话,地址\n").join("\n"), @"1 : list has a header and no rows; export the list again");
    insta::assert_snapshot!(notes("单号,姓名\nYT0000000001,王\n").join("\n"), @r#"
    1 : no column is headed as telephone number; the columns are "单号, 姓名"; head it 电话 or phone, or nobody of this list can be rung
    1 : no column is headed as address; the columns are "单号, 姓名"; head it 地址 or address, or notices name no place
    "#);
    let gone = notes("单号,状态\nYT0000000001,已取消\nYT0000000002,撤回\n");
    assert!(
        !gone.iter().any(|n| n.contains("headed")),
        "a list that only takes parcels off needs no more: {gone:?}"
    );
    insta::assert_snapshot!(notes("运单号,电话,地址\nYT0000000001,,幸福花园1栋\nYT0000000002,13800000001,幸福花园2栋\nYT0000000001,无,幸福花园3栋\n").join("\n"), @"
    2 电话: 2 rows have no telephone number, the first in this line; they are not rung unless an earlier list had their numbers; add the numbers and import again
    4 运单号: this waybill stands in line 2 too; the later line counts
    ");
}

#[test]
fn lines_are_those_of_an_editor_whatever_ends_them() {
    let list =
        "运单号,收件人,电话\nYT0000000001,a,138\n\nYT0000000002,\"b\nc\",13911110002\nYT0000000003,d,139\n";
    for ending in ["\n", "\r\n", "\r"] {
        let table = read_csv(list.replace('\n', ending).as_bytes()).unwrap();
        let lines: Vec<u32> = table.problems.iter().map(|p| p.line).collect();
        assert_eq!((lines, table.rows[0].line), (vec![2, 6], 4), "{ending:?}");
    }
}

#[test]
fn what_people_write_around_a_number() {
    for (cell, key, others) in [
        ("13911110012（家）13911110013（公司）", "+8613911110012", 1),
        ("13911150001（妈妈）", "+8613911150001", 0),
        ("13911150016（分机号：5566）", "+8613911150016;ext=5566", 0),
        ("#13911150006", "+8613911150006", 0),
        ("=\"13911150012\"", "+8613911150012", 0),
        ("（021）31001234", "+862131001234", 0),
        ("(妈妈", "", 0),
    ] {
        let list =
            format!("运单号,电话\nYT0000000001,{}\n", format_args!("\"{}\"", cell.replace('"', "\"\"")));
        let table = read_csv(list.as_bytes()).unwrap();
        let phone = table.rows.first().map(|r| r.phone.clone()).unwrap_or_default();
        let told = table.notes.iter().filter(|n| n.problem.contains("several telephone")).count();
        if key.is_empty() {
            assert_eq!(table.problems.len(), 1, "{cell}");
        } else {
            let key_of = crate::phone::PhoneNumber::parse(&phone).unwrap().key();
            assert_eq!((key_of.as_str(), told), (key, others), "{cell}: {table:?}");
        }
    }
}
