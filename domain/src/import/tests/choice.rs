use super::*;
use crate::lang::Lang;

const ODD: &str = "单子,客人,联系,备用,去哪\nSF1234567890123,王一,13800001111,13800002222,幸福花园3栋\nSF1234567890124,李四,13800003333,,文一路18号\n";

fn named(pairs: &[(Field, &str)]) -> Choice {
    let named = pairs.iter().map(|(field, column)| (*field, (*column).to_owned())).collect();
    Choice { named, ..Choice::default() }
}

fn read(text: &str, choice: &Choice) -> Result<Table, TableError> {
    read_list_with(text.as_bytes(), choice)
}

fn sources(table: &Table) -> String {
    let one = |c: &ColumnTaken| format!("{}={}({})", c.field, c.column, c.source);
    table.columns.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn words_are_words() {
    Field::check_words();
    ColumnSource::check_words();
}

#[test]
fn columns_that_are_named_are_taken_and_remembered_by_the_header() {
    assert_eq!(read(ODD, &Choice::default()).unwrap_err().field, "header");
    let choice = named(&[
        (Field::Waybill, "单子"),
        (Field::Phone, "联系"),
        (Field::Address, "#5"),
        (Field::Name, "客人"),
    ]);
    let table = read(ODD, &choice).unwrap();
    assert_eq!(table.rows.len(), 2);
    assert_eq!(
        (table.rows[0].phone.as_str(), table.rows[0].address.as_str()),
        ("13800001111", "幸福花园3栋")
    );
    assert_eq!(
        sources(&table),
        "waybill_no=单子(named) phone=联系(named) name=客人(named) address=去哪(named)"
    );
    // the next list with this header needs no naming, whatever its case and signs
    let before = Choice { remembered: vec![table.confirmed()], ..Choice::default() };
    let again = read(&ODD.replace("联系,", " *联系：,"), &before).unwrap();
    assert_eq!(again.rows, table.rows);
    assert!(sources(&again).contains("waybill_no=单子(remembered)"), "{}", sources(&again));
    // another header is another shape
    assert_eq!(read(&ODD.replace("备用,", ""), &before).unwrap_err().field, "header");
    // what is named now goes before what was remembered
    let other = Choice { named: named(&[(Field::Phone, "备用")]).named, ..before };
    assert_eq!(read(ODD, &other).unwrap().rows[0].phone, "13800002222");
}

#[test]
fn what_is_not_named_is_guessed_and_nothing_is_a_column_too() {
    let choice = named(&[(Field::Phone, "寄件电话")]);
    let text = "运单号,收件电话,寄件电话,地址\nSF1234567890123,13800001111,13800002222,x\n";
    let table = read(text, &choice).unwrap();
    assert_eq!(table.rows[0].phone, "13800002222");
    assert_eq!(sources(&table), "waybill_no=运单号(guessed) phone=寄件电话(named) address=地址(guessed)");
    let nobody = read(text, &named(&[(Field::Phone, "")])).unwrap();
    assert_eq!(nobody.rows[0].phone, "");
    assert_eq!(nobody.confirmed().columns[&Field::Phone], "");
    // two columns of one name: the second by its place, also the next time
    let twins = "运单号,电话,电话\nSF1234567890123,13800001111,13800002222\n";
    let table = read(twins, &named(&[(Field::Phone, "#3")])).unwrap();
    assert_eq!(
        (table.rows[0].phone.as_str(), table.confirmed().columns[&Field::Phone].as_str()),
        ("13800002222", "#3")
    );
    let before = Choice { remembered: vec![table.confirmed()], ..Choice::default() };
    assert_eq!(read(twins, &before).unwrap().rows, table.rows);
}

#[test]
fn a_column_that_is_not_there_is_named() {
    for wrong in ["没有", "#9", "#0", "#x"] {
        let refused = read(ODD, &named(&[(Field::Waybill, "单子"), (Field::Phone, wrong)])).unwrap_err();
        assert_eq!(refused.field, "columns");
        assert!(refused.problem.contains(wrong) && refused.problem.contains("客人"), "{}", refused.problem);
    }
    let json = r#"[{"单子":"SF1234567890123","联系":"13800001111"}]"#;
    let table = read(json, &named(&[(Field::Waybill, "单子"), (Field::Phone, "联系")])).unwrap();
    assert_eq!(table.rows[0].phone, "13800001111");
}

#[test]
fn bad_rows_come_back_as_a_file_that_can_be_corrected() {
    let text = "清单 2026\n运单号,电话,地址\nSF1234567890123,138,\"a,b\"\"c\"\nSF1234567890124,13800001111,x\nbad!,+86 138 0000 1111,=1+1\nbad?,,＝1+1\n";
    let choice = Choice::default();
    let file = bad_rows(text.as_bytes(), &choice, Lang::En, |t| t.to_uppercase()).unwrap();
    let back = String::from_utf8(file.clone()).unwrap();
    let mut reader = csv::ReaderBuilder::new().from_reader(back.trim_start_matches('\u{feff}').as_bytes());
    assert_eq!(
        reader.headers().unwrap().iter().collect::<Vec<_>>(),
        ["运单号", "电话", "地址", "line", "reason"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 3);
    assert_eq!((&rows[0][2], &rows[0][3]), ("a,b\"c", "3"));
    assert!(rows[0][4].starts_with("电话: ") && rows[0][4].contains("DIGITS"), "{:?}", rows[0]);
    assert_eq!((&rows[1][1], &rows[1][2], &rows[1][3]), ("+86 138 0000 1111", "'=1+1", "5"));
    assert_eq!((&rows[2][1], &rows[2][2], &rows[2][3]), ("", "'＝1+1", "6"));
    // corrected, it is a list again
    let good = back
        .replace(",138,", ",13800002222,")
        .replace("bad!", "SF1234567890125")
        .replace("bad?", "SF1234567890126");
    assert_eq!(read(&good, &choice).unwrap().rows.len(), 3);
    let none = bad_rows(ODD.replace("单子", "运单号").as_bytes(), &choice, Lang::Zh, str::to_owned).unwrap();
    assert_eq!(String::from_utf8(none).unwrap().lines().count(), 1, "a header and nothing else");
}

#[test]
fn a_list_says_what_is_withdrawn_and_what_is_delivered() {
    let file = "运单号,电话,支付状态,状态\nSF1234567890121,13800001111,已取消,派送中\nSF1234567890122,无效,已支付,已撤回\n\
        SF1234567890123,,未支付,Cancelled\nSF1234567890124,13800001114,,\nSF1234567890125,bad,,已签收\n\
        SF1234567890126,13800001116,,待签收\n";
    let table = read_list(file.as_bytes()).unwrap();
    assert_eq!(table.problems, [], "of what is not rung for, only the waybill number counts");
    let told: Vec<(&str, Option<bool>)> =
        table.rows.iter().map(|r| (&r.waybill_no[13..], r.withdrawn)).collect();
    let (open, off) = (Some(false), Some(true));
    assert_eq!(told, [("21", open), ("22", off), ("23", off), ("24", None), ("25", off), ("26", open)]);
    let note = table.notes.iter().find(|n| n.column == "状态").unwrap();
    assert_eq!((note.line, note.problem.starts_with("1 rows")), (6, true), "{note:?}");
    assert!(
        !table.notes.iter().any(|n| n.column == "电话" && n.problem.contains("2 rows")),
        "{:?}",
        table.notes
    );
    // the state of something else is not the parcel's
    let other = read_list("运单号,支付状态\nSF1234567890121,已取消\n".as_bytes()).unwrap();
    assert_eq!(other.rows[0].withdrawn, None);
}

#[test]
fn a_list_without_a_header_loses_no_parcel() {
    let file = "SF1234567890121,王一,13800001111,幸福花园3栋\nSF1234567890122,李四,13800001112,文一路18号\n";
    let choice =
        named(&[(Field::Waybill, "#1"), (Field::Name, "#2"), (Field::Phone, "#3"), (Field::Address, "#4")]);
    let table = read(file, &choice).unwrap();
    assert_eq!((table.total, table.rows.len(), table.rows[0].line), (2, 2, 1));
    assert_eq!(table.rows[0].phone, "13800001111");
    // nobody's name becomes a heading that the branch remembers
    assert_eq!(table.confirmed().headings, ["#1", "#2", "#3", "#4"]);
    assert_eq!(table.columns[0].column, "#1");
}

#[test]
fn a_state_that_nobody_knows_is_told() {
    let table = read_list("运单号,状态\nSF1234567890121,打印\nSF1234567890122,打印\n".as_bytes()).unwrap();
    let told = table.notes.iter().find(|n| n.column == "状态").unwrap();
    assert!(told.line == 2 && told.problem.contains("打印") && told.problem.contains("2 rows"), "{told:?}");
    assert_eq!(table.rows.len(), 2);
}
