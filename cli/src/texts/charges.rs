//! Sentences about what calls cost.

use waybell_domain::lang::Lang;

texts! {
    no_balance() = "还没有账户信息，请联网后再查看", "nothing is known of the account yet; look again with a network";
    balance_is(amount) = "余额 {amount}", "balance {amount}";
    balance_held(amount) = "通话中预留 {amount}", "held for calls that run: {amount}";
    balance_today(cost, legs) = "今日话费 {cost}（{legs} 次接通）", "today {cost} ({legs} answered)";
    balance_month(cost, legs) = "本月话费 {cost}（{legs} 次接通）", "this month {cost} ({legs} answered)";
    balance_paid(amount) = "其中本账户支付 {amount}", "of it paid by this account {amount}";
    balance_unrated(n) = "其中 {n} 次没有费率", "{n} of them have no price";
    balance_credit(amount) = "信用额度 {amount}", "credit {amount}";
    balance_cap(amount) = "每日上限 {amount}", "a day's limit {amount}";
    balance_pays(what) = "本账户支付：{what}", "this account pays for: {what}";
    balance_told(time) = "数据时间 {time}", "as of {time}";
    no_charges() = "没有账目", "no entries";
    charge_estimated() = "（估算）", " (estimated)";
    no_accounts() = "没有账户", "no accounts";
    account_paid(whose, amount, balance) = "{whose}：{amount}，余额 {balance}", "{whose}: {amount}; the balance is {balance}";
    account_maybe_paid(id) = "可能已经记入，请先查看账目（编号 {id}）：waybell charges --branch", "it may have been written; look for entry {id} first: waybell charges --branch";
    account_limited(whose, credit, cap) = "{whose}：信用额度 {credit}，每日上限 {cap}", "{whose}: credit {credit}, a day's limit {cap}";
    no_rates() = "没有费率：通话不计费，并标为无费率", "no prices: calls cost nothing, and are marked as without a price";
    rates_set(version, name, time) = "费率第 {version} 版“{name}”自 {time} 起生效", "prices version {version}, {name}, hold from {time} on";
    rates_version(version, name, time) = "第 {version} 版 {name}，自 {time} 起", "version {version}, {name}, from {time} on";
    rates_in_force() = "（现行）", " (in force)";
    charge_time() = "时间", "time";
    charge_amount() = "金额", "amount";
    charge_what() = "项目", "what";
    charge_number() = "号码", "number";
    charge_who() = "快递员", "courier";
    charge_how() = "说明", "how";
    account_kind() = "类型", "kind";
    account_name() = "名称", "name";
    account_balance() = "余额", "balance";
    account_today() = "今日", "today";
    account_month() = "本月", "this month";
    account_stopped() = "停用原因", "stopped";
    rate_trunk() = "线路", "trunk";
    rate_to() = "号码", "to";
    rate_way() = "方向", "direction";
    rate_step() = "步长", "step";
    rate_price() = "单价", "price";
    rate_connection() = "接通费", "connection";
    rate_least() = "最短", "at least";
    rate_in() = "呼入", "in";
    rate_out() = "呼出", "out";
    rates_unreadable(problem) = "费率文件无法读取：{problem}", "the file of prices does not read: {problem}";
    money_unlimited() = "不限", "none";
}
