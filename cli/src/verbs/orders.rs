//! `orders`, `order`, `open-order`.

use super::organisation::find as person;
use super::{LOOK, Outcome, deliver, signed_in};
use crate::args::{OpenOrderArgs, OrderArgs, OrderDo, OrdersArgs};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use std::path::Path;
use waybell_core::Client;
use waybell_core::error::Error;
use waybell_core::orders::{NewOrder, Order, OrderQuery};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::UserId;
use waybell_domain::lang::Lang;
use waybell_domain::order::{OrderAction, OrderMark, OrderNode, OrderState, Satisfaction, UrgeChannel};
use waybell_domain::wire::{OrderDetail, OrderStep, OrderTotals, OrderView};

/// `未处理`, or `处理中 超时`.
fn state(lang: Lang, view: &OrderView) -> String {
    match view.clock.mark {
        OrderMark::InTime => view.state.label(lang).to_owned(),
        _ if view.state == OrderState::Done => view.state.label(lang).to_owned(),
        mark => format!("{} {}", view.state.label(lang), mark.label(lang)),
    }
}

pub(super) async fn orders(client: &Client, out: &Out, args: &OrdersArgs) -> Outcome {
    signed_in(client)?;
    if let Some(by) = &args.totals {
        return totals(client, out, by).await;
    }
    let now = when::now();
    let time = |text: &Option<String>| -> Result<Option<String>, Failure> {
        text.as_deref().map(|t| when::past(out.lang, t, now).map(|at| at.0.to_string())).transpose()
    };
    let (since, before) = (time(&args.since)?, time(&args.before)?);
    let query = OrderQuery::default()
        .with("number", args.number.as_deref())
        .with("since", since.as_deref())
        .with("before", before.as_deref())
        .with("customer", args.customer.as_deref())
        .with("caller", args.caller.as_deref())
        .with("address", args.address.as_deref())
        .with("content", args.content.as_deref())
        .with("dispatcher", args.dispatcher.as_deref())
        .with("handler", args.handler.as_deref())
        .with("state", args.state.as_deref());
    if let Some(file) = &args.csv {
        return export(client, out, &query, file).await;
    }
    if args.branch || !query.filters.is_empty() {
        let query = query.with("attention", args.attention.then_some("true"));
        let found = client.orders().search(&query).await?;
        out.json(&found);
        list(out, found.iter());
        return Ok(DONE);
    }
    let _ = client.run_pending(LOOK).await;
    signed_in(client)?;
    let mut found = client.orders().list(!args.all).await?;
    found.retain(|o| !args.attention || !o.view.attention.is_empty());
    out.json(&found);
    list(out, found.iter().map(|o| &o.view));
    if found.iter().any(|o| o.refused) {
        out.line(texts::order_refused(out.lang));
    }
    Ok(DONE)
}

fn list<'a>(out: &Out, orders: impl Iterator<Item = &'a OrderView>) {
    let (lang, now) = (out.lang, when::now());
    let mut rows: Vec<Vec<String>> = orders
        .map(|view| {
            let due = view.clock.due_at.filter(|_| !view.course.is_done());
            vec![
                view.number.clone(),
                view.type_name.clone(),
                state(lang, view),
                due.map(|at| when::moment(lang, at, now)).unwrap_or_default(),
                view.handler_name.clone().unwrap_or_default(),
                view.content.chars().take(30).collect(),
            ]
        })
        .collect();
    if rows.is_empty() {
        return out.line(texts::no_orders(lang));
    }
    let head = vec![
        texts::ord_number(lang),
        texts::ord_type(lang),
        texts::ord_state(lang),
        texts::ord_due(lang),
        texts::ord_handler(lang),
        texts::ord_content(lang),
    ];
    rows.insert(0, head);
    out.table(&rows);
}

async fn totals(client: &Client, out: &Out, by: &str) -> Outcome {
    let found: Vec<OrderTotals> = client.orders().totals(by).await?;
    out.json(&found);
    for t in found.iter().filter(|t| t.opened > 0) {
        let change = t.change_percent.map_or_else(|| "-".to_owned(), |c| format!("{c:+} %"));
        out.line(texts::orders_total(out.lang, &t.period, t.opened, t.done, t.overdue, t.urges, change));
        for d in t.departments.iter().chain(&t.handlers) {
            out.line(texts::orders_dispatch(out.lang, &d.name, d.orders, d.done, d.overdue));
        }
    }
    Ok(DONE)
}

async fn export(client: &Client, out: &Out, query: &OrderQuery, file: &Path) -> Outcome {
    let query = query.clone().with("lang", Some(out.lang.pick("zh", "en")));
    let body = client.orders().export(&query).await?;
    // the head is a line, and no text of an order breaks one without quotes
    let lines = csv_lines(&body);
    std::fs::write(file, &body).map_err(|e| Failure::file(out, file, &e))?;
    out.json(&json!({ "file": file.display().to_string(), "orders": lines }));
    out.line(texts::orders_written(out.lang, lines, file.display()));
    Ok(DONE)
}

/// Records behind the head.
fn csv_lines(body: &[u8]) -> usize {
    let mut quoted = false;
    let ends = body.iter().filter(|b| {
        quoted ^= **b == b'"';
        **b == b'\n' && !quoted
    });
    ends.count().saturating_sub(1)
}

/// An order that is here, or on the server.
enum Found {
    Here(Box<Order>),
    There(Box<OrderView>),
}

async fn find(client: &Client, number: &str) -> Result<Found, Failure> {
    match client.orders().find(number).await {
        Ok(order) => Ok(Found::Here(Box::new(order))),
        Err(Error::NotFound(_)) if number.contains('-') => {
            Ok(Found::There(Box::new(client.orders().find_on_server(number).await?)))
        }
        Err(error) => Err(error.into()),
    }
}

pub(super) async fn order(client: &Client, out: &Out, args: &OrderArgs) -> Outcome {
    signed_in(client)?;
    let _ = client.run_pending(LOOK).await;
    signed_in(client)?;
    let found = find(client, &args.number).await?;
    let Some(which) = args.action else { return show(client, out, &found).await };
    let action = action(client, out, which, args).await?;
    let word = spoken(out.lang, which);
    match found {
        Found::Here(order) if !is_for_staff(which) => {
            let done = client.orders().act(order.view.id, action).await?;
            let stage = done.order.view.course.stage.label(out.lang);
            let said = texts::order_done(out.lang, &order.view.number, word, stage);
            deliver(client, out, json!({ "done": done }), &[said]).await
        }
        Found::Here(order) => now(client, out, &order.view, action, word).await,
        Found::There(view) => now(client, out, &view, action, word).await,
    }
}

/// What staff decide is done at once, or not at all.
fn is_for_staff(which: OrderDo) -> bool {
    matches!(
        which,
        OrderDo::Accept
            | OrderDo::Approve
            | OrderDo::Assign
            | OrderDo::Transfer
            | OrderDo::Hold
            | OrderDo::Resume
            | OrderDo::Revisit
            | OrderDo::Reopen
            | OrderDo::Close
    )
}

async fn now(client: &Client, out: &Out, view: &OrderView, action: OrderAction, word: &str) -> Outcome {
    let view = client.orders().act_now(view, action).await?;
    out.json(&view);
    out.line(texts::order_done(out.lang, &view.number, word, view.course.stage.label(out.lang)));
    Ok(DONE)
}

fn spoken(lang: Lang, which: OrderDo) -> &'static str {
    let (zh, en) = match which {
        OrderDo::Accept => ("已受理", "accepted"),
        OrderDo::Approve => ("审核通过", "approved"),
        OrderDo::Assign => ("已派单", "assigned"),
        OrderDo::Take => ("已接单", "taken"),
        OrderDo::Mark => ("已登记", "marked"),
        OrderDo::Return => ("已退回", "given back"),
        OrderDo::Transfer => ("已转派", "transferred"),
        OrderDo::Hold => ("已挂起", "on hold"),
        OrderDo::Resume => ("已恢复", "resumed"),
        OrderDo::Resolve => ("已办结", "resolved"),
        OrderDo::Revisit => ("已回访", "revisited"),
        OrderDo::Reopen => ("已重新打开", "reopened"),
        OrderDo::Close => ("已关闭", "closed"),
        OrderDo::Urge => ("已催办", "urged"),
        OrderDo::Ack => ("已回应", "answered"),
        OrderDo::Note => ("已备注", "noted"),
    };
    lang.pick(zh, en)
}

async fn action(
    client: &Client,
    out: &Out,
    which: OrderDo,
    args: &OrderArgs,
) -> Result<OrderAction, Failure> {
    let needed = |what: &str| Failure::usage(texts::order_needs(out.lang, what));
    let text = args.text.clone();
    let must = || args.text.clone().filter(|t| !t.trim().is_empty()).ok_or_else(|| needed("--text"));
    let department = args.department.clone();
    let handler: Option<UserId> = match &args.to {
        Some(login) => Some(person(client, out, login).await?),
        None => None,
    };
    Ok(match which {
        OrderDo::Accept => OrderAction::Accept,
        OrderDo::Approve => OrderAction::Approve,
        OrderDo::Assign => OrderAction::Assign { department, handler },
        OrderDo::Take => OrderAction::Take,
        OrderDo::Mark => {
            let of = |word: &str| {
                OrderNode::ALL.iter().copied().find(|n| n.as_str() == word || n.label_zh() == word)
            };
            let node = args.node.as_deref().and_then(of).ok_or_else(|| needed("--node"))?;
            OrderAction::Node { node, text }
        }
        OrderDo::Return => OrderAction::Return { reason: must()? },
        OrderDo::Transfer => OrderAction::Transfer { department, handler, reason: must()? },
        OrderDo::Hold => {
            let until = args.until.as_deref().ok_or_else(|| needed("--until"))?;
            OrderAction::Hold { reason: must()?, until: when::start(out.lang, until, when::now())? }
        }
        OrderDo::Resume => OrderAction::Resume,
        OrderDo::Resolve => OrderAction::Resolve { text: must()? },
        OrderDo::Revisit => {
            let of = |word: &str| {
                Satisfaction::ALL.iter().copied().find(|s| s.as_str() == word || s.label_zh() == word)
            };
            let outcome = args.outcome.as_deref().and_then(of);
            OrderAction::Revisit { outcome: outcome.ok_or_else(|| needed("--outcome"))?, text }
        }
        OrderDo::Reopen => OrderAction::Reopen { reason: must()? },
        OrderDo::Close => OrderAction::Close { reason: must()? },
        OrderDo::Urge => OrderAction::Urge { channel: UrgeChannel::Staff, note: must()?, answer_by: None },
        OrderDo::Ack => OrderAction::Acknowledge { text },
        OrderDo::Note => OrderAction::Note { text: must()? },
    })
}

async fn show(client: &Client, out: &Out, found: &Found) -> Outcome {
    let (view, here) = match found {
        Found::Here(order) => (&order.view, Some(order)),
        Found::There(view) => (&**view, None),
    };
    let detail = tokio::time::timeout(LOOK, client.orders().detail(view.id)).await;
    let detail: Option<OrderDetail> = detail.ok().and_then(Result::ok);
    match &detail {
        Some(detail) => {
            out.json(&json!({ "order": view, "trail": detail.trail, "recordings": detail.recordings }))
        }
        None => out.json(&json!({ "order": view })),
    }
    tell(out, view);
    if here.is_some_and(|o| o.pending) {
        out.line(texts::order_unsent(out.lang));
    }
    if here.is_some_and(|o| o.refused) {
        out.line(texts::order_refused(out.lang));
    }
    match detail {
        Some(detail) => detail.trail.iter().for_each(|step| out.line(line(out.lang, step))),
        None => out.line(texts::order_trail_offline(out.lang)),
    }
    Ok(DONE)
}

fn tell(out: &Out, view: &OrderView) {
    let (lang, now) = (out.lang, when::now());
    out.line(texts::order_head(lang, &view.number, &view.type_name, state(lang, view)));
    out.line(&view.content);
    let who: Vec<&str> = [&view.customer, &view.caller, &view.address, &view.waybill_no]
        .into_iter()
        .flatten()
        .map(String::as_str)
        .collect();
    if !who.is_empty() {
        out.line(texts::order_customer(lang, who.join(lang.pick("，", ", "))));
    }
    if let Some(handler) = &view.handler_name {
        out.line(texts::order_handler(lang, handler));
    }
    if let Some(due) = view.clock.due_at.filter(|_| !view.course.is_done()) {
        let time = when::moment(lang, due, now);
        out.line(match view.clock.mark {
            OrderMark::Overdue => texts::order_overdue(lang, time),
            _ => texts::order_due(lang, time),
        });
    }
    if !view.attention.is_empty() {
        let asks: Vec<&str> = view.attention.iter().map(|a| a.label(lang)).collect();
        out.line(texts::order_asks(lang, asks.join(lang.pick("、", ", "))));
    }
}

/// A line of the trail: when, who, what, and what was written.
fn line(lang: Lang, step: &OrderStep) -> String {
    let who = step.by_name.clone().unwrap_or_else(|| texts::order_by_itself(lang));
    let what = match (&step.action, step.placed) {
        (Some(action), _) => {
            let node = match action {
                OrderAction::Node { node, .. } => node.label(lang),
                OrderAction::Revisit { outcome, .. } => outcome.label(lang),
                action => which(action).map_or("", |w| spoken(lang, w)),
            };
            format!("{node} {}", action.text().map_or("", |(_, text, _)| text))
        }
        (None, Some(placed)) => placed.label(lang).to_owned(),
        (None, None) => texts::order_opened_line(lang),
    };
    let stage = step.course.stage.label(lang);
    format!("{}  {who}  {}  [{stage}]", at(step.at), what.trim())
}

fn at(at: UnixMs) -> String {
    when::stamp(at)
}

fn which(action: &OrderAction) -> Option<OrderDo> {
    Some(match action {
        OrderAction::Accept => OrderDo::Accept,
        OrderAction::Approve => OrderDo::Approve,
        OrderAction::Assign { .. } => OrderDo::Assign,
        OrderAction::Take => OrderDo::Take,
        OrderAction::Return { .. } => OrderDo::Return,
        OrderAction::Transfer { .. } => OrderDo::Transfer,
        OrderAction::Hold { .. } => OrderDo::Hold,
        OrderAction::Resume => OrderDo::Resume,
        OrderAction::Resolve { .. } => OrderDo::Resolve,
        OrderAction::Reopen { .. } => OrderDo::Reopen,
        OrderAction::Close { .. } => OrderDo::Close,
        OrderAction::Urge { .. } => OrderDo::Urge,
        OrderAction::Acknowledge { .. } => OrderDo::Ack,
        OrderAction::Note { .. } => OrderDo::Note,
        OrderAction::Node { .. } | OrderAction::Revisit { .. } => return None,
    })
}

pub(super) async fn open(client: &Client, out: &Out, args: &OpenOrderArgs) -> Outcome {
    signed_in(client)?;
    let new = NewOrder {
        kind: args.kind.clone(),
        content: args.content.clone(),
        customer: args.customer.clone(),
        caller: args.caller.clone(),
        address: args.address.clone(),
        waybill_no: args.waybill.clone(),
        call: None,
    };
    let id = client.orders().open(new).await?;
    let code = deliver(client, out, json!({ "order": id }), &[texts::order_opened(out.lang)]).await?;
    Ok(code)
}
