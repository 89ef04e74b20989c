//! Sentences about leaves, and corrections that are asked for.

use waybell_domain::lang::Lang;

texts! {
    leave_asked(kind, from, to) = "已申请{kind}：{from} 至 {to}", "asked for {kind}: {from} to {to}";
    leave_entered(name, kind, from, to) = "已登记 {name} 的{kind}：{from} 至 {to}", "entered {kind} of {name}: {from} to {to}";
    leave_now(state) = "现在：{state}", "now: {state}";
    ask_withdrawn() = "已撤回", "withdrawn";
    correction_asked(day) = "已申请更正 {day} 的考勤", "asked for a correction of {day}";
    lv_id() = "编号", "id";
    lv_name() = "姓名", "name";
    lv_kind() = "类型", "kind";
    lv_from() = "开始", "from";
    lv_to() = "结束", "to";
    lv_state() = "状态", "state";
    lv_why() = "说明", "remarks";
    lv_day() = "日期", "day";
    lv_what() = "内容", "what";
    lv_pending() = "待发送", "waits to be sent";
    lv_refused() = "服务器未接受，详见 waybell sync", "not taken by the server; see waybell sync";
    no_leaves() = "没有请假", "no leaves";
    no_corrections() = "没有申请", "nothing was asked for";
    fix_add(kind, at) = "补 {kind} {at}", "add {kind} {at}";
    fix_void() = "一次打卡不计", "a punch is not to count";
    fix_leave() = "当天请假", "the day is a leave";
    fix_work_day() = "当天为工作日", "the day is a working day";
    bad_edge(text) = "“{text}”不是日期、半天或时刻", "'{text}' is no day, half day or time";
    edge_hint() = "请写成 2026-03-02、“2026-03-02 上午”或“2026-03-02 14:00”", "write 2026-03-02, '2026-03-02 am' or '2026-03-02 14:00'";
    bad_ask_id(text) = "没有编号以 {text} 结尾的申请，或不止一个", "none, or more than one, has an id that ends in {text}";
    ask_id_hint() = "请从列表中多抄几位", "copy more of it from the list";
}
