//! Sentences about an organisation's rules.

use waybell_domain::lang::Lang;

texts! {
    no_calendar() = "还没有节假日；导入：waybell policy calendar 文件.ics", "there are no holidays yet; take some: waybell policy calendar FILE.ics";
    calendar_read(total, changes) = "文件里有 {total} 天，其中 {changes} 天有变化", "{total} days in the file, {changes} change";
    calendar_refused() = "有看不懂的行，什么都不会采用：少一个节假日就会在那天打扰人", "a line cannot be read, and nothing is taken: a holiday left out would ring people on it";
    usual_day() = "平常日", "usual day";
    nobody_rung() = "不呼叫", "nobody is rung";
    uncovered_year(year) = "注意：{year} 年没有节假日数据，节假日将按平常日呼叫", "note: no calendar covers {year}; on its holidays people are rung as on other days";
    barred_hours(spans) = "{spans} 不可呼叫", "barred {spans}";
    calls_at_once(n) = "同时 {n} 路（在线路的 channels 中设置）", "{n} calls at once (set channels of the trunk)";
    limit_of(max, window) = "{window}内 {max} 次", "{max} in {window}";
}
