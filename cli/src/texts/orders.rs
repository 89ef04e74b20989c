//! Sentences about work orders.

use waybell_domain::lang::Lang;

texts! {
    no_orders() = "没有工单", "no work orders";
    order_done(number, what, stage) = "工单 {number}：{what}，现在{stage}", "order {number}: {what}; now {stage}";
    order_opened() = "工单已建立，编号在发送后显示：waybell orders", "the order is opened; its number shows once it is sent: waybell orders";
    order_head(number, kind, state) = "工单 {number} {kind} {state}", "order {number} {kind} {state}";
    order_due(time) = "应在 {time} 前办结", "due {time}";
    order_overdue(time) = "已超时，应在 {time} 前办结", "overdue since {time}";
    order_customer(who) = "客户：{who}", "customer: {who}";
    order_handler(who) = "处理人：{who}", "handled by {who}";
    order_asks(what) = "请注意：{what}", "asks for somebody: {what}";
    order_unsent() = "有操作尚未送达服务器", "something done here is not at the server yet";
    order_refused() = "有操作被服务器拒绝：waybell sync", "the server refused something done here: waybell sync";
    order_trail_offline() = "没有网络：轨迹在联网后显示", "without a network: the trail shows later";
    order_by_itself() = "系统", "by itself";
    order_opened_line() = "开单", "opened";
    orders_written(n, file) = "{n} 张工单已写入 {file}", "{n} orders written to {file}";
    orders_total(period, opened, done, overdue, urges, change) = "{period}：开单 {opened}（{change}），办结 {done}，超时 {overdue}，催办 {urges}", "{period}: {opened} opened ({change}), {done} done, {overdue} overdue, {urges} urges";
    orders_dispatch(name, orders, done, overdue) = "  {name}：派单 {orders}，办结 {done}，超时 {overdue}", "  {name}: {orders} dispatched, {done} done, {overdue} overdue";
    ord_number() = "编号", "number";
    ord_type() = "类型", "type";
    ord_state() = "状态", "state";
    ord_due() = "时限", "due";
    ord_content() = "内容", "about";
    ord_handler() = "处理人", "handler";
    order_needs(what) = "这个操作需要 {what}", "this needs {what}";
}
