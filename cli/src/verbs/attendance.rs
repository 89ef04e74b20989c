//! `punch`, `attendance`.

use super::{LOOK, Outcome, deliver, signed_in};
use crate::args::PunchArgs;
use crate::out::{DONE, Failure, Out};
use crate::texts;
use crate::when;
use serde_json::json;
use waybell_core::Client;
use waybell_core::attendance::NewPunch;
use waybell_core::notify::ZONE;
use waybell_domain::clock::UnixMs;
use waybell_domain::track::{Fix, Place};
use waybell_domain::wire::{AttendanceDay, AttendanceMonth};

pub(super) async fn punch(client: &Client, out: &Out, args: &PunchArgs) -> Outcome {
    signed_in(client)?;
    let mut new = NewPunch { note: args.note.clone(), address: args.address.clone(), ..NewPunch::default() };
    if let Some(text) = &args.place {
        let at = super::tour::degrees(out, text)?;
        let place = Place::of_degrees(at.lat, at.lon).ok_or_else(|| {
            Failure::usage(texts::bad_place(out.lang, text)).hint(texts::place_hint(out.lang))
        })?;
        new.fixes.push(Fix { accuracy: args.accuracy, ..Fix::at(place, when::now()) });
    }
    for file in &args.photo {
        new.proof.push(super::doors::photo_of(out, file)?);
    }
    let punched = client.attendance().punch(args.which.kind(), new).await?;
    let (kind, time) = (punched.kind.label(out.lang), punched.at.hh_mm(ZONE));
    let said = match punched.again {
        true => texts::punched_again(out.lang, kind, time),
        false => texts::punched(out.lang, kind, time),
    };
    let code = deliver(client, out, json!({ "punch": punched }), &[said]).await?;
    let told = client.attendance().answer(punched.id)?;
    if let Some(view) = &told
        && !view.evidence.is_empty()
    {
        let join = out.lang.pick("、", ", ");
        let what: Vec<&str> = view.evidence.iter().map(|e| e.label(out.lang)).collect();
        out.line(texts::punch_evidence(out.lang, what.join(join)));
    }
    if told.map_or(punched.photo_wanted, |view| view.photo_wanted) {
        out.line(texts::punch_photo(out.lang));
    }
    Ok(code)
}

pub(super) async fn attendance(client: &Client, out: &Out, month: Option<&str>) -> Outcome {
    signed_in(client)?;
    // what waits goes first, so that the server's month has it
    let _ = client.run_pending(LOOK).await;
    signed_in(client)?;
    let fresh = tokio::time::timeout(LOOK, client.attendance().refresh(month)).await;
    let told = client.attendance().month(month).await?;
    out.json(&told);
    if !matches!(fresh, Ok(Ok(()))) {
        out.line(texts::month_old(out.lang));
    }
    tell(out, &told);
    Ok(DONE)
}

fn tell(out: &Out, month: &AttendanceMonth) {
    if month.days.is_empty() {
        return out.line(texts::att_none(out.lang));
    }
    let totals = &month.totals;
    out.line(texts::month_head(out.lang, &month.month, totals.days, hours(totals.worked_ms)));
    let counts: Vec<String> =
        totals.states.iter().map(|c| format!("{} {}", c.state.label(out.lang), c.days)).collect();
    out.line(texts::month_states(out.lang, counts.join(out.lang.pick("、", ", "))));
    let head = vec![
        texts::att_day(out.lang),
        texts::att_in(out.lang),
        texts::att_out(out.lang),
        texts::att_hours(out.lang),
        texts::att_state(out.lang),
    ];
    let rows: Vec<Vec<String>> =
        std::iter::once(head).chain(month.days.iter().map(|day| row(out, day))).collect();
    out.table(&rows);
}

fn hours(ms: i64) -> String {
    format!("{:.1}", ms as f64 / 3_600_000.0)
}

fn row(out: &Out, day: &AttendanceDay) -> Vec<String> {
    let sheet = &day.sheet;
    let time = |at: Option<UnixMs>| at.map_or_else(|| "-".to_owned(), |t| t.hh_mm(ZONE));
    let mut states: Vec<String> = sheet.states.iter().map(|s| s.label(out.lang).to_owned()).collect();
    if sheet.late_ms > 0 {
        states.push(texts::att_late(out.lang, sheet.late_ms / 60_000));
    }
    if sheet.early_ms > 0 {
        states.push(texts::att_early(out.lang, sheet.early_ms / 60_000));
    }
    if sheet.off_hours > 0 {
        states.push(texts::att_off_hours(out.lang, sheet.off_hours));
    }
    if sheet.corrected {
        states.push(texts::att_corrected(out.lang));
    }
    let worked = if sheet.worked_ms > 0 { hours(sheet.worked_ms) } else { "-".to_owned() };
    let join = out.lang.pick("、", ", ");
    vec![day.day.clone(), time(sheet.clock_in), time(sheet.clock_out), worked, states.join(join)]
}
