use super::*;
use chrono::NaiveDate;

const ZONE: Tz = Tz::Asia__Shanghai;

fn read(text: &str) -> CalendarFile {
    read_calendar(text.as_bytes(), ZONE).unwrap()
}

/// `10-01休 10-10班`, after a check that there are no problems.
fn days(text: &str) -> String {
    let file = read(text);
    assert_eq!(file.problems, [], "{text}");
    let day = |d: &CalendarDay| {
        format!("{}{}", d.date.format("%m-%d"), if d.kind == DayKind::Holiday { "休" } else { "班" })
    };
    file.days.iter().map(day).collect::<Vec<_>>().join(" ")
}

fn refused(text: &str) -> TableError {
    read_calendar(text.as_bytes(), ZONE).unwrap_err()
}

fn event(lines: &str) -> String {
    format!("BEGIN:VCALENDAR\r\nVERSION:2.0\r\nBEGIN:VEVENT\r\n{lines}\r\nEND:VEVENT\r\nEND:VCALENDAR\r\n")
}

#[test]
fn tables_in_csv_and_json() {
    let csv = "日期,名称,类型\n2026-10-01,国庆节,休\n2026/10/2,国庆节,放假\n2026年10月10日,国庆节补班,班\n";
    assert_eq!(days(csv), "10-01休 10-02休 10-10班");
    assert_eq!(read(csv).days[0].name, "国庆节");
    assert_eq!(days("date;end;name\n20261001;20261003;National Day\n"), "10-01休 10-02休 10-03休");
    assert_eq!(days("2026.10.1,国庆节,holiday\n２０２６-１０-１０,,workday\n"), "10-01休 10-10班");
    let json = r#"{"year":2026,"papers":["x"],"days":[
        {"name":"国庆节","date":"2026-10-01","isOffDay":true},{"name":"国庆节","date":"2026-10-10","isOffDay":false}]}"#;
    assert_eq!(days(json), "10-01休 10-10班");
    let (gbk, _, _) = encoding_rs::GB18030.encode(csv);
    assert_eq!(read_calendar(&gbk, ZONE).unwrap(), read(csv));
}

#[test]
fn ics_as_apple_google_and_others_write_it() {
    let apple = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20261001\nDTEND;VALUE=DATE:20261008\n\
        SUMMARY;LANGUAGE=zh_CN:国庆节（休）\nX-APPLE-SPECIAL-DAY:WORK-HOLIDAY\nEND:VEVENT\nBEGIN:VEVENT\n\
        DTSTART;VALUE=DATE:20261010\nSUMMARY;LANGUAGE=zh_CN:国庆节（班）\nX-APPLE-SPECIAL-DAY:ALTERNATE-WORKDAY\nEND:VEVENT\n\
        BEGIN:VEVENT\nDTSTART;VALUE=DATE:20261023\nSUMMARY:霜降\nEND:VEVENT\nEND:VCALENDAR\n";
    assert_eq!(days(apple), "10-01休 10-02休 10-03休 10-04休 10-05休 10-06休 10-07休 10-10班");
    let notes = read(apple).notes;
    assert_eq!((notes.len(), notes[0].line, notes[0].column.as_str()), (1, 13, "SUMMARY"));
    let google = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART;VALUE=DATE:20260214\nDTEND;VALUE=DATE:20260215\n\
        DESCRIPTION:Observance\\nTo hide observances\\, go to\n  settings\nSUMMARY:情人节\nEND:VEVENT\n\
        BEGIN:VEVENT\nDTSTART;VALUE=DATE:20260217\nDTEND;VALUE=DATE:20260218\nDESCRIPTION:Public holiday\nSUMMARY:春\n 节\n\
        BEGIN:VALARM\nTRIGGER:-PT5M\nDTSTART:20260101\nEND:VALARM\nEND:VEVENT\nEND:VCALENDAR\n";
    assert_eq!(days(google), "02-17休");
    assert_eq!(read(google).days[0].name, "春节");
    assert_eq!(days(&event("DTSTART;VALUE=DATE:20260214\r\nSUMMARY:春节 补班 第1天/共2天")), "02-14班");
    // times: midnight of the zone, in UTC and with a zone of its own
    assert_eq!(
        days(&event("DTSTART:20260930T160000Z\r\nDTEND:20261002T160000Z\r\nSUMMARY:国庆")),
        "10-01休 10-02休"
    );
    let at_nine = "DTSTART;TZID=Asia/Shanghai:20261010T090000\r\nDTEND;TZID=Asia/Shanghai:20261010T180000\r\nSUMMARY:上班";
    assert_eq!(days(&event(at_nine)), "10-10班");
    assert_eq!(days(&event("DTSTART:20261001\r\nDURATION:P3D\r\nSUMMARY:国庆")), "10-01休 10-02休 10-03休");
    assert_eq!(
        days(&event("DTSTART:20261001\r\nSUMMARY:元旦\r\nRRULE:FREQ=YEARLY;COUNT=2")),
        "10-01休 10-01休"
    );
    assert_eq!(
        days(&event("DTSTART:20261001\r\nSUMMARY:x\r\nRRULE:FREQ=DAILY;UNTIL=20261003")),
        "10-01休 10-02休 10-03休"
    );
}

#[test]
fn what_cannot_be_read_is_named_by_line_and_field() {
    let problems = |text: &str| -> Vec<(u32, String)> {
        read(text).problems.into_iter().map(|p| (p.line, p.column)).collect()
    };
    let at = |line: u32, column: &str| (line, column.to_owned());
    let csv = "date,name,kind\n2026-10-01,a,holiday\n2026-13-01,b,holiday\n2026-10-02,c,maybe\n,d,holiday\n2026-10-01,e,workday\n";
    assert_eq!(problems(csv), [at(3, "date"), at(4, "kind"), at(5, "date"), at(6, "date")]);
    assert_eq!(
        problems("date,end,name\n2026-10-03,2026-10-01,x\n2026-10-03,2027-10-01,x\n"),
        [at(2, "date"), at(3, "date")]
    );
    assert_eq!(problems("date,name\n1926-10-01,x\n"), [at(2, "date")]);
    assert_eq!(problems(&event("SUMMARY:x")), [at(3, "DTSTART")]);
    assert_eq!(problems(&event("DTSTART:morgen\r\nSUMMARY:x")), [at(4, "DTSTART")]);
    assert_eq!(problems(&event("DTSTART:20261001\r\nDTEND:2026\r\nSUMMARY:x")), [at(5, "DTEND")]);
    assert_eq!(problems(&event("DTSTART:20261001\r\nDURATION:long")), [at(5, "DURATION")]);
    assert_eq!(problems(&event("DTSTART:20261001\r\nRRULE:FREQ=YEARLY")), [at(5, "RRULE")]);
    assert_eq!(problems(&event("DTSTART:20261001\r\nRRULE:FREQ=YEARLY;BYMONTH=5;COUNT=3")), [at(5, "RRULE")]);
    assert_eq!(
        problems("BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261001\nnonsense\n"),
        [at(4, "line"), at(2, "VEVENT")]
    );
    assert_eq!(refused("").field, "file");
    assert_eq!(
        refused("BEGIN:VCALENDAR\nEND:VCALENDAR\n").problem,
        "file names no holiday and no working day"
    );
    assert_eq!(refused("运单号,电话\nSF1,2\n").field, "header");
    assert_eq!(refused("<html>").field, "file");
    assert_eq!(read_calendar(&vec![b'a'; (4 << 20) + 1], ZONE).unwrap_err().field, "file");
}

proptest::proptest! {
    /// Whatever the bytes are, there is an answer, and days are in order and within their years.
    #[test]
    fn anything_is_answered(head in 0usize..3, bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..300)) {
        let mut text = ["", "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:", "date,kind\n"][head].as_bytes().to_vec();
        text.extend(bytes);
        if let Ok(file) = read_calendar(&text, ZONE) {
            let dates: Vec<NaiveDate> = file.days.iter().map(|d| d.date).collect();
            proptest::prop_assert!(dates.windows(2).all(|two| two[0] < two[1]));
        }
    }
}
