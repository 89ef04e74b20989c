//! Every sentence, in Chinese and English.

use waybell_domain::lang::Lang;

macro_rules! texts {
    ($($name:ident($($arg:ident),*) = $zh:literal, $en:literal;)+) => {$(
        pub(crate) fn $name(lang: Lang $(, $arg: impl std::fmt::Display)*) -> String {
            match lang {
                Lang::Zh => format!($zh),
                Lang::En => format!($en),
            }
        }
    )+};
}

texts! {
    signed_in(name, role) = "已登录：{name}（{role}）", "signed in: {name} ({role})";
    signed_out() = "已退出登录，本机数据已删除", "signed out; the data on this machine are removed";
    undelivered(n) = "{n} 个操作尚未送达，同一人再次登录后会自动发送", "{n} operations are not delivered; they go out when the same person signs in again";
    sign_in_first() = "请先登录：waybell login 用户名", "sign in first: waybell login NAME";
    offline(problem) = "连不上服务器：{problem}", "the server is out of reach: {problem}";
    password() = "密码：", "password: ";
    no_password() = "没有密码：请在终端输入，或设置 WAYBELL_PASSWORD", "there is no password: type it in a terminal, or set WAYBELL_PASSWORD";
    no_server() = "没有服务器地址", "there is no server address";
    no_server_hint() = "加上 --server https://…", "add --server https://…";
    kept(n) = "已保存在本机，{n} 个操作待发送；有网络时自动发送，不会重复", "kept on this machine, {n} operations wait; they go out when there is a network, once";
    imported(created, updated, unchanged, rejected) = "新增 {created}，更新 {updated}，未变 {unchanged}，拒绝 {rejected}", "{created} new, {updated} changed, {unchanged} unchanged, {rejected} rejected";
    dry_run() = "预览，未作任何更改", "only a preview: nothing was changed";
    problem(line, column, problem, hint) = "第 {line} 行 {column}：{problem}（{hint}）", "line {line}, {column}: {problem} ({hint})";
    more_problems(n) = "……另有 {n} 个问题，加 --json 查看全部", "… and {n} more problems; see all with --json";
    nothing_found() = "没有找到", "nothing found";
    no_parcels() = "还没有快件；导入当日清单：waybell import day.csv", "there are no parcels yet; import the day's list: waybell import day.csv";
    already_over() = "批次已经结束，没有可撤销的", "the batch is over already: there is nothing to stop";
    parcels(n) = "{n} 件", "{n} parcels";
    more(n) = "……另有 {n} 件，用 --limit 显示更多", "… and {n} more; show them with --limit";
    choose() = "请给出运单号、--search 关键词 或 --all", "name waybill numbers, --search WORDS, or --all";
    local_plan() = "（按本机数据计算，服务器会再次核对）", "(by what this machine knows; the server checks again)";
    nobody() = "没有需要呼叫的人", "there is nobody to ring";
    go() = "开始呼叫？", "ring them?";
    not_asked() = "无法在此询问；确认请加 --yes", "nobody can be asked here; add --yes to confirm";
    not_sent() = "未呼叫", "nothing was rung";
    sent(batch) = "批次 {batch} 已提交；查看进度：waybell watch，撤销：waybell undo", "batch {batch} is on its way; follow it: waybell watch, stop it: waybell undo";
    refused(what, why) = "{what} 被服务器拒绝：{why}", "the server refused {what}: {why}";
    refused_hint(id) = "重试：waybell sync --retry {id}；放弃：waybell sync --discard {id}", "again: waybell sync --retry {id}; give up: waybell sync --discard {id}";
    taken_back() = "已撤回，尚未发出", "taken back before it left this machine";
    undo_asked() = "已要求撤销：尚未振铃的不再呼叫", "stopping: whoever does not ring yet will not be rung";
    asked(batch, state) = "批次 {batch}：{state}", "batch {batch}: {state}";
    no_batch() = "还没有批次；先呼叫：waybell notify", "there is no batch yet; make one: waybell notify";
    no_such_batch(id) = "没有以 {id} 开头的批次", "no batch starts with {id}";
    which_batch(id) = "有多个批次以 {id} 开头", "several batches start with {id}";
    again_question() = "再次呼叫今天未接听的人？", "ring today's missed again?";
    again_unknown() = "再次呼叫今天未接听和待确认的人（待确认的可能会响第二次）？", "ring today's missed and unknown again (the unknown may ring a second time)?";
    state_set(n, state) = "{n} 件：{state}", "{n} parcels: {state}";
    no_state(word) = "{word} 不是状态", "{word} is no state";
    states_hint() = "可用：派送中、问题件、已入驿站、已入快递柜、已签收、已取件、已退件、已撤回", "use planned, out_for_delivery, exception, at_station, at_locker, signed, picked_up, returned or withdrawn";
    bad_time(text) = "{text} 不是时间", "{text} is no time";
    time_hint() = "写成 14:30 或 2026-11-21T14:30", "write 14:30 or 2026-11-21T14:30";
    time_past(text) = "{text} 已经过去", "{text} has passed";
    restored() = "服务器数据曾从备份恢复：恢复点之后的操作可能丢失，请核对列表，必要时重新导入", "the server's data were restored from a backup: what was done shortly before may be missing; check the list, and import it again if need be";
    batch_restored() = "服务器数据从备份恢复，批次已暂停；核对后继续：waybell resume", "the server's data were restored from a backup; the batch is held; look, then: waybell resume";
    batch_held(reason) = "服务器已暂停：{reason}；继续：waybell resume", "held by the server: {reason}; go on: waybell resume";
    synced() = "已同步", "in step with the server";
    no_such_operation(id) = "没有被拒绝的操作 {id}", "there is no refused operation {id}";
    stopped() = "已停止本组织的所有呼叫", "every call of the organisation is held";
    released() = "已恢复本组织的呼叫", "calls of the organisation go on";
    counts(recipients, answered, unanswered, calling, waiting, unknown) = "共 {recipients} 人：已接听 {answered}，未接听 {unanswered}，通话中 {calling}，等待 {waiting}，待确认 {unknown}", "{recipients} people: {answered} answered, {unanswered} not answered, {calling} on the line, {waiting} waiting, {unknown} to be confirmed";
    cancelled(n) = "，已取消 {n}", ", {n} cancelled";
    watch_keys() = " Ctrl-C 结束查看，呼叫继续 ", " Ctrl-C ends watching; the calls go on ";
    watch_over() = "批次结束", "the batch is over";
    watch_left() = "已结束查看；呼叫继续进行", "watching has ended; the calls go on";
    tap_waits() = "尚未发送到服务器", "has not reached the server yet";
    confirm_hint() = "点击太早，服务器在等确认：waybell confirm", "the tap is old, the server asks: waybell confirm";
    mark() = "标记", "mark";
    state() = "状态", "state";
    name() = "姓名", "name";
    phone() = "电话", "telephone";
    pieces() = "件数", "parcels";
    attempts() = "次数", "calls";
    keys() = "按键", "keys";
    waybill() = "运单号", "waybill";
    address() = "地址", "address";
}
