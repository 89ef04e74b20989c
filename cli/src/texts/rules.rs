//! Sentences about lists and an organisation's rules.

use waybell_domain::lang::Lang;

/// How a number came to be never rung.
pub(crate) fn opt_out_source(lang: Lang, source: &str) -> String {
    let known = match source {
        "key_press" => ("按键", "by key"),
        "list" => ("名单", "by list"),
        "person" => ("人工", "by hand"),
        other => return other.to_owned(),
    };
    lang.pick(known.0, known.1).to_owned()
}

texts! {
    opted_out(n) = "{n} 个号码不再呼叫", "{n} numbers are not rung any more";
    opted_in() = "可以再呼叫", "it may be rung again";
    opt_out_list(added, known, rejected) = "新退订 {added} 个，已退订 {known} 个，看不懂 {rejected} 行", "{added} new, {known} known before, {rejected} lines without a number";
    no_sheet(file) = "{file}：文件名应以 .csv 或 .html 结尾", "{file}: the name must end in .csv or .html";
    sheet_written(file) = "已写入 {file}", "written: {file}";
    bad_rows(n, file) = "{n} 行有问题，连同原因写入 {file}", "{n} rows that cannot be taken, with their reasons: {file}";
    no_column(text) = "看不懂“{text}”", "\"{text}\" names no column";
    column_twice(field, text) = "“{text}”：{field}已经指定了另一列", "\"{text}\": another column was named for the {field}";
    column_hint(fields) = "写成 phone=联系；可用的字段：{fields}", "write it as phone=HEADING; the fields are {fields}";
    columns_taken(list) = "各列：{list}", "columns: {list}";
    columns_forgotten() = "已忘记，下次重新猜测", "forgotten: such lists are guessed again";
    no_columns() = "本网点还没有确认过的列；导入时指定：waybell import 文件 --column phone=联系", "no columns were confirmed in the branch; name some: waybell import FILE --column phone=HEADING";
    no_calendar() = "还没有节假日；导入：waybell policy calendar 文件.ics", "there are no holidays yet; take some: waybell policy calendar FILE.ics";
    calendar_read(total, changes) = "文件里有 {total} 天，其中 {changes} 天有变化", "{total} days in the file, {changes} change";
    calendar_refused() = "有看不懂的行，什么都不会采用：少一个节假日就会在那天打扰人", "a line cannot be read, and nothing is taken: a holiday left out would ring people on it";
    usual_day() = "平常日", "usual day";
    nobody_rung() = "不呼叫", "nobody is rung";
    uncovered_year(year) = "注意：{year} 年没有节假日数据，节假日将按平常日呼叫", "note: no calendar covers {year}; on its holidays people are rung as on other days";
    barred_hours(spans) = "{spans} 不可呼叫", "barred {spans}";
    calls_at_once(n) = "同时 {n} 路（在线路的 channels 中设置）", "{n} calls at once (set channels of the trunk)";
    limit_of(max, window) = "{window}内 {max} 次", "{max} in {window}";
    follows(n, minutes) = "还在等待的 {n} 人将在您到达前 {minutes} 分钟呼叫", "{n} people who wait are rung {minutes} min before you arrive";
}
