//! What each command does.

mod account;
mod announcements;
mod app_call;
mod attendance;
mod batch;
mod calendar;
mod calls;
mod charges;
pub(crate) mod doctor;
mod doors;
mod duty;
mod exchange;
mod knowledge;
mod leaves;
mod lists;
mod live;
mod notify;
mod numbers;
mod opt_outs;
mod orders;
mod organisation;
pub(crate) mod paper;
mod parcels;
mod phones;
mod places;
mod plan;
mod recordings;
mod sync;
mod table;
mod tour;
mod track;
mod watch;

use crate::args::{Arguments, Switch, Verb};
use crate::out::{DONE, Failure, Out};
use crate::texts;
use exchange::deliver;
use std::path::Path;
use std::time::{Duration, Instant};
use waybell_core::Client;
use waybell_core::sync::{SyncState, SyncStatus};
use waybell_domain::track::coordinates::Datum;

/// How long a command that changed something tries to bring it to the server.
const PUSH: Duration = Duration::from_secs(3);
/// How long a command that only shows something waits for news.
const LOOK: Duration = Duration::from_millis(1_500);
/// How long a list that is being loaded for the first time is waited for, as long as it grows.
const LOAD: Duration = Duration::from_secs(30);

pub(crate) type Outcome = Result<u8, Failure>;

pub(crate) async fn run(arguments: &Arguments, client: &Client, out: &Out, data_dir: &Path) -> Outcome {
    let done = verb(arguments, client, out, data_dir).await;
    match done {
        Err(failure) if failure.is_signed_out() => Err(Failure::session(session_text(client, out)?)),
        other => other,
    }
}

async fn verb(arguments: &Arguments, client: &Client, out: &Out, data_dir: &Path) -> Outcome {
    match &arguments.verb {
        Verb::Login { login, password } => account::login(client, out, login, password.as_deref()).await,
        Verb::Logout => account::logout(client, out).await,
        Verb::Import { file, column, bad, dry_run } => {
            let list = lists::List { file, columns: column, bad: bad.as_deref(), dry_run: *dry_run };
            lists::import(client, out, &list).await
        }
        Verb::Columns { forget } => lists::columns(client, out, forget.as_deref()).await,
        Verb::Tasks { open, limit } => parcels::tasks(client, out, *open, *limit).await,
        Verb::Stops { learned: true, .. } => doors::learned(client, out).await,
        Verb::Stops { all, limit, .. } => parcels::stops(client, out, *all, *limit).await,
        Verb::Search { words, limit } => parcels::search(client, out, &words.join(" "), *limit).await,
        Verb::Pin(args) => places::pin(client, out, args).await,
        Verb::Places(args) => places::places(client, out, args).await,
        Verb::Route(args) => {
            let asked = tour::Asked {
                from: args.from.as_deref(),
                back_to: args.back_to.as_deref(),
                depart: args.depart.as_deref(),
                speed: args.speed,
                datum: Datum::parse(&args.datum).unwrap_or_default(),
            };
            tour::route(client, out, &asked).await
        }
        Verb::Numbers { words, heard } => numbers::numbers(client, out, words, *heard).await,
        Verb::State { waybills, state } => parcels::state(client, out, waybills, state).await,
        Verb::Sign(args) => doors::sign(client, out, args).await,
        Verb::Leave(args) => doors::leave(client, out, args).await,
        Verb::Except(args) => doors::except(client, out, args).await,
        Verb::Return { chosen, note, photo } => {
            doors::give_back(client, out, chosen, note.as_deref(), photo).await
        }
        Verb::PickUp(args) => doors::pick_up(client, out, args).await,
        Verb::HandOver { chosen, to } => doors::hand_over(client, out, chosen, to).await,
        Verb::Merge { chosen } => doors::merge(client, out, chosen).await,
        Verb::Split { waybills } => doors::split(client, out, waybills).await,
        Verb::Notify(args) => notify::notify(client, out, args).await,
        Verb::Follow { batch, before, from } => {
            notify::follow(client, out, batch.as_deref(), *before, from.as_deref()).await
        }
        Verb::Again { template, include_unknown, yes } => {
            notify::again(client, out, template, *include_unknown, *yes).await
        }
        Verb::Watch(args) if args.is_map() => live::live(client, out, args).await,
        Verb::Watch(args) => watch::watch(client, out, args.batch.as_deref()).await,
        Verb::Undo { batch } => batch::undo(client, out, batch.as_deref()).await,
        Verb::Pause { batch } => batch::act(client, out, batch.as_deref(), batch::Act::Pause).await,
        Verb::Resume { batch } => batch::act(client, out, batch.as_deref(), batch::Act::Resume).await,
        Verb::Confirm { batch } => batch::act(client, out, batch.as_deref(), batch::Act::Confirm).await,
        Verb::Why { waybill } => parcels::why(client, out, waybill).await,
        Verb::Calls(args) => calls::calls(client, out, args).await,
        Verb::Listen(args) => calls::listen(client, out, args).await,
        Verb::Recordings(args) => recordings::recordings(client, out, args).await,
        Verb::Evidence(args) => recordings::evidence(client, out, args).await,
        Verb::Handled(args) => calls::handled(client, out, args).await,
        Verb::Availability(args) => calls::reach(client, out, args).await,
        Verb::Call(args) => calls::ring(client, out, args).await,
        Verb::Answer(args) => app_call::answer(client, out, args).await,
        Verb::Duty(args) => duty::duty(client, out, args).await,
        Verb::Orders(args) => orders::orders(client, out, args).await,
        Verb::Order(args) => orders::order(client, out, args).await,
        Verb::OpenOrder(args) => orders::open(client, out, args).await,
        Verb::Announcements { verb } => announcements::announcements(client, out, verb.as_ref()).await,
        Verb::Balance => charges::balance(client, out).await,
        Verb::Charges(args) => charges::charges(client, out, args).await,
        Verb::Accounts { verb } => charges::accounts(client, out, verb.as_ref()).await,
        Verb::Rates(args) => charges::rates(client, out, args).await,
        Verb::Knowledge { verb } => knowledge::knowledge(client, out, verb.as_ref()).await,
        Verb::Punch(args) => attendance::punch(client, out, args).await,
        Verb::Attendance { month } => attendance::attendance(client, out, month.as_deref()).await,
        Verb::Time(verb) => leaves::time(client, out, verb).await,
        Verb::Sync { retry, discard } => sync::sync(client, out, retry.as_deref(), discard.as_deref()).await,
        Verb::StopAll { switch } => sync::stop_all(client, out, *switch == Switch::On).await,
        Verb::Policy { verb } => organisation::policy(client, out, verb.as_ref()).await,
        Verb::Phones(args) => phones::phones(client, out, args).await,
        Verb::OptOuts(args) => opt_outs::opt_outs(client, out, args).await,
        Verb::Consents(args) => opt_outs::consents(client, out, args).await,
        Verb::People { verb } => organisation::people(client, out, verb.as_ref()).await,
        Verb::Doctor => doctor::doctor(client, out, data_dir).await,
        // done before the store was opened
        Verb::Completions { .. } | Verb::Track { .. } | Verb::Verify { .. } | Verb::Man { .. } => Ok(DONE),
    }
}

/// Why there is no session, and what to do.
fn session_text(client: &Client, out: &Out) -> Result<String, Failure> {
    let session = client.session();
    if session.current().is_some() {
        return Ok(texts::session_refused(out.lang));
    }
    if session.was_ended()? {
        return Ok(texts::session_ended(out.lang, client.sync().status()?.queued));
    }
    Ok(texts::sign_in_first(out.lang))
}

/// Fails unless somebody is signed in.
fn signed_in(client: &Client) -> Result<(), Failure> {
    client.session().current().map(drop).ok_or_else(|| waybell_core::Error::SignedOut.into())
}

/// Looks for news for a moment; without network what is here is shown.
async fn refresh(client: &Client) -> Result<(), Failure> {
    signed_in(client)?;
    let _ = client.run_pending(LOOK).await;
    signed_in(client)
}

/// Goes on loading a list of which only a part has come, as long as more of it comes.
async fn load(client: &Client, out: &Out) -> Result<SyncStatus, Failure> {
    let (mut end, mut had) = (Instant::now() + LOAD, 0);
    loop {
        let status = client.sync().status()?;
        if !status.more || Instant::now() >= end || status.state == SyncState::Offline {
            return Ok(status);
        }
        let before = client.tasks().list().await?.len();
        if before > had {
            (end, had) = (Instant::now() + LOAD, before);
        }
        out.note(texts::loading(out.lang, before));
        let _ = client.run_pending(PUSH).await;
        signed_in(client)?;
    }
}

/// Says that an administrator holds all calls.
fn tell_held(client: &Client, out: &Out) -> Result<(), Failure> {
    if is_held(client)? {
        out.line(texts::all_held(out.lang));
    }
    Ok(())
}

fn is_held(client: &Client) -> Result<bool, Failure> {
    Ok(client.notify().policy()?.is_some_and(|p| p.stopped))
}
