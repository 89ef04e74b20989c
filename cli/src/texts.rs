//! Every sentence, in Chinese and English.

use waybell_core::outbox::OperationKind;
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

mod announcements;
mod attendance;
mod calls;
mod charges;
mod knowledge;
mod leaves;
mod live;
mod orders;
mod phones;
mod places;
mod recordings;
mod rules;

pub(crate) use announcements::*;
pub(crate) use attendance::*;
pub(crate) use calls::*;
pub(crate) use charges::*;
pub(crate) use knowledge::*;
pub(crate) use leaves::*;
pub(crate) use live::*;
pub(crate) use orders::*;
pub(crate) use phones::*;
pub(crate) use places::*;
pub(crate) use recordings::*;
pub(crate) use rules::*;

texts! {
    signed_in(name, role) = "已登录：{name}（{role}）", "signed in: {name} ({role})";
    signed_out() = "已退出登录，本机数据已删除", "signed out; the data on this machine are removed";
    undelivered(n) = "{n} 个操作尚未送达，同一人再次登录后会自动发送", "{n} operations are not delivered; they go out when the same person signs in again";
    sign_in_first() = "请先登录：waybell login 用户名", "sign in first: waybell login NAME";
    session_refused() = "登录已失效，服务器不再接受；数据都保存在本机，重新登录后继续：waybell login 用户名", "the session has ended: the server takes it no longer; the data are kept on this machine, sign in again to go on: waybell login NAME";
    session_ended(n) = "登录已被服务器结束；{n} 个未送达的操作保存在本机，快件清单在重新登录后自动恢复：waybell login 用户名", "the server has ended the session; {n} undelivered operations are kept on this machine, and the list comes back when you sign in again: waybell login NAME";
    offline(problem) = "连不上服务器：{problem}", "the server is out of reach: {problem}";
    cannot_open_hint() = "换一个可写的文件夹：--data 文件夹；查看原因：waybell doctor", "name a folder that can be written: --data FOLDER; see what is wrong: waybell doctor";
    password() = "密码：", "password: ";
    no_password(variable) = "没有密码：请在终端输入，或设置 {variable}", "there is no password: type it in a terminal, or set {variable}";
    no_server() = "没有服务器地址", "there is no server address";
    no_server_hint() = "加上 --server https://…", "add --server https://…";
    kept(n) = "已保存在本机，{n} 个操作待发送；有网络时自动发送，不会重复", "kept on this machine, {n} operations wait; they go out when there is a network, once";
    kept_in_part(sent, total) = "清单已送达 {sent} 行，共 {total} 行；其余保存在本机，有网络时自动继续，不会重复；现在继续：waybell sync", "{sent} of {total} rows of the list have arrived; the others are kept on this machine and go on when there is a network, once; to go on now: waybell sync";
    reading_list(seconds) = "正在读取清单：{seconds} 秒", "reading the list: {seconds} s";
    sent_so_far(sent, total) = "正在发送清单：{sent}/{total} 行", "sending the list: {sent} of {total} rows";
    kept_why(problem) = "原因：{problem}", "because: {problem}";
    taken_off(n) = "{n} 件按清单已撤回、退回或签收，不再呼叫", "{n} withdrawn, sent back or delivered by the list; nobody is rung for them";
    imported(created, updated, unchanged, rejected) = "新增 {created}，更新 {updated}，未变 {unchanged}，拒绝 {rejected}", "{created} new, {updated} changed, {unchanged} unchanged, {rejected} rejected";
    nothing_taken() = "没有导入任何快件：", "nothing was imported:";
    dry_run() = "预览，未作任何更改", "only a preview: nothing was changed";
    place(line) = "第 {line} 行", "line {line}";
    place_of_object(n, line) = "第 {n} 个对象（第 {line} 行）", "object {n} (line {line})";
    place_in_line(n, line, position) = "第 {n} 个对象（第 {line} 行第 {position} 列）", "object {n} (line {line}, column {position})";
    problem(place, column, problem, hint) = "{place} {column}：{problem}（{hint}）", "{place}, {column}: {problem} ({hint})";
    problem_of_row(place, problem, hint) = "{place}：{problem}（{hint}）", "{place}: {problem} ({hint})";
    note(text) = "注意：{text}", "note: {text}";
    more_problems(n) = "……另有 {n} 个问题，加 --json 查看全部", "… and {n} more problems; see all with --json";
    more_notes(n) = "……另有 {n} 条注意，加 --json 查看全部", "… and {n} more notes; see all with --json";
    nothing_found() = "没有找到", "nothing found";
    less_close(n, words) = "另有 {n} 件与“{words}”不太吻合，未包括在内；查看：waybell search {words}，一并呼叫：加 --loose", "{n} more answer \"{words}\" less closely and are left out; see them: waybell search {words}, ring them too: --loose";
    bad_place(text) = "看不懂位置“{text}”", "\"{text}\" is no place";
    place_hint() = "写纬度和经度，如 31.2304,121.4737", "write latitude and longitude, such as 31.2304,121.4737";
    bad_speed(speed) = "速度 {speed} 公里/小时不合理，应在 1 到 150 之间", "{speed} km/h is no speed; 1 to 150 are possible";
    tour(n, finish, minutes) = "{n} 个停靠点，{finish} 结束，路上 {minutes} 分钟", "{n} stops, done at {finish}, {minutes} min on the way";
    tour_saves(minutes) = "比按清单顺序走少 {minutes} 分钟", "{minutes} min less than in the list's order";
    no_number() = "没有认出电话号码", "no telephone number found";
    too_much_text() = "文字太长，一次只读一张面单", "too much text: one label at a time";
    incomplete_number() = "号码不全", "incomplete";
    sure() = "确定", "sure";
    look(confidence) = "请核对（{confidence}%）", "please check ({confidence}%)";
    recipient() = "收件人", "recipient";
    sender() = "寄件人", "sender";
    a_company() = "客服", "a company";
    on_no_list() = "不在今天的清单上", "not on the list";
    not_on_list(waybills) = "清单中没有：{waybills}", "not on the list: {waybills}";
    not_on_list_hint() = "核对运单号，或先导入当日清单：waybell import day.csv", "check the number, or import the day's list first: waybell import day.csv";
    no_parcels() = "还没有快件；导入当日清单：waybell import day.csv", "there are no parcels yet; import the day's list: waybell import day.csv";
    loading(n) = "正在载入：已有 {n} 件", "loading: {n} parcels so far";
    partial(n) = "只载入了 {n} 件，其余还在服务器上；再运行一次继续载入", "only {n} parcels are loaded, the rest is still at the server; run it again to load more";
    already_over() = "批次已经结束，没有可撤销的", "the batch is over already: there is nothing to stop";
    parcels(n) = "{n} 件", "{n} parcels";
    more(n) = "……另有 {n} 件，用 --limit 显示更多", "… and {n} more; show them with --limit";
    people(n) = "{n} 人", "{n} people";
    stops(n, parcels) = "{n} 个停靠点，{parcels} 件", "{n} stops, {parcels} parcels";
    more_stops(n) = "……另有 {n} 个停靠点，用 --limit 显示更多", "… and {n} more stops; show them with --limit";
    no_stops() = "没有待送的停靠点；查看全部：waybell stops --all，导入清单：waybell import day.csv", "no stop is left; see all with waybell stops --all, or import a list: waybell import day.csv";
    pages(n, folder) = "已写入 {n} 页手册：{folder}", "{n} manual pages are in {folder}";
    track_distance(km, low, high) = "里程 {km} 公里（{low} 至 {high}）", "{km} km ({low} to {high})";
    track_points(fixes, kept, dropped, bad) = "定位点 {fixes}，保留 {kept}，丢弃 {dropped}，无法读取 {bad}", "{fixes} fixes, {kept} points kept, {dropped} dropped, {bad} not readable";
    track_problem(line, field, problem) = "第 {line} 行 {field}：{problem}", "line {line}, {field}: {problem}";
    track_line(line) = "第 {line} 行", "line {line}";
    track_unreadable() = "无法读取：", "not readable:";
    track_dropped() = "丢弃：", "dropped:";
    track_stays() = "停留：", "stays:";
    track_gaps() = "中断：", "gaps:";
    track_more(n) = "……另有 {n} 条，用 --limit 显示更多", "… and {n} more; show them with --limit";
    track_spoof(score, signs) = "虚拟定位嫌疑 {score}/100：{signs}", "looks made up, {score} of 100: {signs}";
    track_written(file) = "已写入：{file}", "written: {file}";
    track_hint() = "给出带时间的 GPX，或带 time、lat、lon 列的 CSV", "give GPX with times, or CSV with the columns time, lat, lon";
    minutes_long(n) = "{n} 分钟", "{n} min";
    choose() = "请给出运单号、--search 关键词、--stop 停靠点 或 --all", "name waybill numbers, --search WORDS, --stop NAME, or --all";
    local_plan() = "（按本机数据计算，服务器会再次核对）", "(by what this machine knows; the server checks again)";
    default_rules() = "（尚未收到本组织的规则，按默认规则计算）", "(the organisation's rules are not known yet: by the default ones)";
    places(list) = "地点：{list}", "places: {list}";
    other_places(places, n) = "其余 {places} 处 {n}", "{n} at {places} other places";
    no_place() = "地点不明", "place not known";
    left_out() = "不呼叫：", "left out:";
    many_left_out(n) = "不呼叫 {n} 件；加 --json 查看是哪些", "{n} parcels are left out; see which with --json";
    starts(at) = "不早于 {at} 开始", "starts at {at} or later";
    starts_in_hours(at) = "那时不在可呼叫时段，从 {at} 起呼叫", "that is outside calling hours: calls start at {at}";
    several_batches(n, most) = "分为 {n} 个批次发送（每批最多 {most} 件）", "goes out as {n} batches of at most {most} parcels";
    several_sent(n) = "共 {n} 个批次，一起提交；waybell undo 会一并撤销", "{n} batches were sent together; waybell undo stops them all";
    all_held() = "管理员已停止所有呼叫：恢复之前不会有电话响", "an administrator holds all calls: no telephone rings until they are released";
    nobody() = "没有需要呼叫的人", "there is nobody to ring";
    go() = "开始呼叫？", "ring them?";
    not_asked() = "无法在此询问；确认请加 --yes", "nobody can be asked here; add --yes to confirm";
    not_sent() = "未呼叫", "nothing was rung";
    sent(batch) = "批次 {batch} 已提交；查看进度：waybell watch，撤销：waybell undo", "batch {batch} is on its way; follow it: waybell watch, stop it: waybell undo";
    refused(what, why) = "服务器拒绝了{what}：{why}", "the server refused {what}: {why}";
    refused_hint(id) = "重试：waybell sync --retry {id}；放弃：waybell sync --discard {id}", "again: waybell sync --retry {id}; give up: waybell sync --discard {id}";
    taken_back() = "已撤回，尚未发出", "taken back before it left this machine";
    undo_asked() = "已要求撤销：尚未振铃的不再呼叫", "stopping: whoever does not ring yet will not be rung";
    undone(stopped, rings, called) = "已撤销：{stopped} 人不再呼叫，{rings} 人正在振铃或通话（不打断），{called} 人此前已呼叫", "stopped: {stopped} will not be rung, {rings} ring or talk already (and go on), {called} were called before";
    asked(batch, state) = "批次 {batch}：{state}", "batch {batch}: {state}";
    no_batch() = "还没有批次；先呼叫：waybell notify", "there is no batch yet; make one: waybell notify";
    no_such_batch(id) = "没有以 {id} 开头的批次", "no batch starts with {id}";
    which_batch(id) = "有多个批次以 {id} 开头", "several batches start with {id}";
    again_question() = "再次呼叫今天未接听的人？", "ring today's missed again?";
    again_unknown() = "再次呼叫今天未接听和待确认的人（待确认的可能会响第二次）？", "ring today's missed and unknown again (the unknown may ring a second time)?";
    nobody_missed() = "今天没有未接听的人", "nobody was missed today";
    state_set(n, state) = "{n} 件：{state}", "{n} parcels: {state}";
    recorded(n, what) = "{n} 件：{what}；30 秒内可撤销：waybell undo", "{n} parcels: {what}; undo within 30 s: waybell undo";
    photo_wanted() = "本组织要求拍照，这次没有照片", "the organisation wants a photo, and there is none";
    photo_too_large() = "照片超过 32 MB", "the photo is larger than 32 MB";
    choose_at_door() = "请给出运单号或 --stop 停靠点", "name waybill numbers, or --stop NAME";
    consent_hint() = "收件人同意了吗？同意则加 --consent phone、in_person、message 或 standing，再登记一次", "did the recipient agree? Then say how with --consent phone, in_person, message or standing";
    no_sum(text) = "{text} 不是金额", "{text} is no sum";
    sum_hint() = "写成 12.50，单位为元", "write 12.50, in yuan";
    no_size(text) = "{text} 不是尺寸", "{text} is no size";
    size_hint() = "写成 300x200x100，单位为毫米", "write 300x200x100, in millimetres";
    handed_over(n, name) = "已将 {n} 件转交给 {name}", "{n} parcels are now {name}'s";
    hand_over_offline() = "转交需要连上服务器；没有转交任何快件", "handing over needs the server; nothing was handed over";
    hand_over_unknown() = "不确定是否已转交；有网络后运行 waybell sync，再看 waybell tasks", "it is not known whether they were handed over; with a network: waybell sync, then waybell tasks";
    merged(id) = "已合并为一个停靠点，全网点生效；撤销：waybell undo {id}", "these are one stop now, for the whole branch; undo: waybell undo {id}";
    split(id) = "已拆分，全网点生效；撤销：waybell undo {id}", "taken out of the stop, for the whole branch; undo: waybell undo {id}";
    nothing_learned() = "本网点还没有合并或拆分过停靠点", "the branch has not merged or split any stop";
    learned_hint() = "撤销其中一条：waybell undo 编号", "undo one of them: waybell undo ID";
    deed_undone(n) = "已撤销登记，{n} 件恢复原状", "undone: {n} parcels are as they were before";
    undone_already() = "已经撤销过了", "it is undone already";
    undone_already_batch(batch) = "已经撤销过了；要停止呼叫：waybell undo {batch}", "it is undone already; to stop the calls: waybell undo {batch}";
    rule_undone(what) = "已撤销{what}", "undone: {what}";
    no_state(word) = "{word} 不是状态", "{word} is no state";
    states_hint() = "可用：待派送、派送中、问题件、已入驿站、已入快递柜、已签收、已取件、已退件、已撤回", "use planned, out_for_delivery, exception, at_station, at_locker, signed, picked_up, returned or withdrawn";
    bad_time(text) = "{text} 不是时间", "{text} is no time";
    time_hint() = "写成 14:30、明天08:30 或 2026-11-22T09:30，可带时区（Z、+08:00）", "write 14:30, tomorrow 08:30 or 2026-11-22T09:30, with a zone if wanted (Z, +08:00)";
    time_past(text) = "{text} 已经过去", "{text} has passed";
    zone(name) = "（以下时间为 {name}）", "(times are of {name})";
    restored() = "服务器数据曾从备份恢复：恢复点之后的操作可能丢失，请核对列表，必要时重新导入", "the server's data were restored from a backup: what was done shortly before may be missing; check the list, and import it again if need be";
    batch_restored() = "服务器数据从备份恢复，批次已暂停；核对后继续：waybell resume", "the server's data were restored from a backup; the batch is held; look, then: waybell resume";
    batch_held(reason) = "服务器已暂停：{reason}；继续：waybell resume", "held by the server: {reason}; go on: waybell resume";
    synced() = "已同步", "in step with the server";
    no_such_operation(id) = "没有被拒绝的操作 {id}", "there is no refused operation {id}";
    stopped() = "已停止本组织的所有呼叫", "every call of the organisation is held";
    released() = "已恢复本组织的呼叫", "calls of the organisation go on";
    counts(recipients, answered, unanswered, calling, waiting, unknown) = "共 {recipients} 人：已接听 {answered}，未接听 {unanswered}，通话中 {calling}，等待 {waiting}，待确认 {unknown}", "{recipients} people: {answered} answered, {unanswered} not answered, {calling} on the line, {waiting} waiting, {unknown} to be confirmed";
    cancelled(n) = "，已取消 {n}", ", {n} cancelled";
    next_call(at) = "，下一次呼叫 {at}", ", next call {at}";
    watch_keys() = " Ctrl-C 结束查看，呼叫继续 ", " Ctrl-C ends watching; the calls go on ";
    watch_over() = "批次结束", "the batch is over";
    watch_left() = "已结束查看；呼叫继续进行", "watching has ended; the calls go on";
    watch_held() = "批次暂停期间不会有变化，已结束查看", "nothing changes while the batch is held: watching has ended";
    watch_gone() = "一直连不上服务器，已结束查看；服务器若在运行，呼叫照常进行。稍后再看：waybell watch", "the server stays out of reach: watching has ended; if the server runs, the calls go on. Look again later: waybell watch";
    stale(problem, since, seconds) = "连不上服务器（{problem}）；以下是 {since} 的情况，已过 {seconds} 秒", "the server is out of reach ({problem}); this is as of {since}, {seconds} s ago";
    stale_whole(problem, seconds) = "连不上服务器（{problem}）；已 {seconds} 秒，以下是本机上一次得知的情况", "the server is out of reach ({problem}); {seconds} s already, this is what this machine knew last";
    no_answer() = "没有回应", "no answer";
    tap_waits() = "尚未发送到服务器", "has not reached the server yet";
    confirm_hint() = "点击太早，服务器在等确认：waybell confirm", "the tap is old, the server asks: waybell confirm";
    rules_changed() = "规则已更改，即刻生效：", "the rules are changed and in force:";
    no_rule(text) = "{text} 不是规则的写法", "{text} is no rule";
    rule_hint() = "写成 名称=值，如 retry.max_attempts=2；值是 JSON", "write NAME=VALUE, as retry.max_attempts=2; values are JSON";
    name_wanted() = "缺少姓名：加上 --name 姓名", "there is no name: add --name NAME";
    no_change() = "没有要更改的：给出 --name、--phone、--new-password、--disable 或 --enable", "there is nothing to change: give --name, --phone, --new-password, --disable or --enable";
    no_person(login) = "没有登录名为 {login} 的人", "nobody has the login name {login}";
    person(login, name, role, id) = "{login}：{name}（{role}），编号 {id}", "{login}: {name} ({role}), id {id}";
    may_not_sign_in() = "已停用", "may not sign in";
    login() = "登录名", "login";
    role() = "角色", "role";
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

/// What an operation does.
pub(crate) fn operation(lang: Lang, kind: OperationKind) -> &'static str {
    let zh = match kind {
        OperationKind::Import => "导入",
        OperationKind::State => "状态登记",
        OperationKind::Notify => "呼叫",
        OperationKind::Again => "再次呼叫",
        OperationKind::Pause => "暂停",
        OperationKind::Resume => "继续",
        OperationKind::Undo => "撤销",
        OperationKind::Confirm => "确认",
        OperationKind::Deed => "派件登记",
        OperationKind::UndoDeed => "撤销登记",
        OperationKind::StopRule => "停靠点更正",
        OperationKind::UndoStopRule => "撤销停靠点更正",
        OperationKind::CallHandled => "来电处理",
        OperationKind::CallReopened => "恢复待处理来电",
        OperationKind::Availability => "接听状态",
        OperationKind::Punch => "打卡",
        OperationKind::LeaveAsk => "请假申请",
        OperationKind::CorrectionAsk => "补卡申请",
        OperationKind::AskWithdraw => "撤回申请",
        OperationKind::OrderOpen => "新建工单",
        OperationKind::OrderAction => "工单操作",
        OperationKind::AnnouncementRead => "公告已读",
        OperationKind::ArticleFavourite => "收藏知识",
        OperationKind::ArticleRead => "知识阅读",
        OperationKind::Place => "位置标注",
    };
    lang.pick(zh, kind.as_str())
}
