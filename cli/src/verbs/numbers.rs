//! `numbers`: what a label or a voice says.

use super::Outcome;
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use std::io::Read;
use waybell_core::Client;
use waybell_core::labels::Found;
use waybell_domain::phone::spot::{Line, Party};

/// More text than any label has.
const MOST: u64 = 1 << 20;

pub(super) async fn numbers(client: &Client, out: &Out, words: &[String], heard: bool) -> Outcome {
    let text = match words {
        [] => {
            let mut text = Vec::new();
            std::io::stdin()
                .take(MOST + 1)
                .read_to_end(&mut text)
                .map_err(|e| Failure::plain(e.to_string()))?;
            if text.len() as u64 > MOST {
                return Err(Failure::plain(texts::too_much_text(out.lang)));
            }
            String::from_utf8_lossy(&text).into_owned()
        }
        words => words.join(" "),
    };
    let found = if heard {
        client.labels().heard(&text).await?
    } else {
        let lines: Vec<Line<'_>> = text.lines().map(Line::from).collect();
        client.labels().read(&lines).await?
    };
    let list = client.tasks().list().await?;
    let waybills = |one: &Found| -> Vec<String> {
        list.iter().filter(|p| one.parcels.contains(&p.id)).map(|p| p.waybill_no.clone()).collect()
    };
    let mut answer = out.masked(&found);
    for (one, shown) in found.iter().zip(answer.as_array_mut().into_iter().flatten()) {
        shown["waybills"] = serde_json::json!(waybills(one));
        if !out.full() {
            // the digits once more
            shown.as_object_mut().map(|fields| fields.remove("read"));
        }
    }
    out.json(&answer);
    if found.is_empty() {
        out.line(texts::no_number(out.lang));
        return Ok(FAILED);
    }
    let rows = found.iter().map(|one| {
        let number = match (&one.candidate.phone, &one.candidate.masked) {
            (Some(phone), _) => out.phone(phone),
            (None, Some(masked)) => masked.clone(),
            (None, None) => texts::incomplete_number(out.lang),
        };
        let sure = match one.candidate.problem {
            Some(problem) => waybell_core::say::say(out.lang, &problem.to_string()),
            None if one.candidate.sure() => texts::sure(out.lang),
            None => texts::look(out.lang, one.candidate.confidence),
        };
        let whose = match one.candidate.party {
            Party::Recipient => texts::recipient(out.lang),
            Party::Sender => texts::sender(out.lang),
            Party::Company => texts::a_company(out.lang),
            Party::Unknown => String::new(),
        };
        let mut parcels = waybills(one);
        if parcels.is_empty() {
            parcels.push(texts::on_no_list(out.lang));
        }
        vec![number, whose, sure, parcels.join(" ")]
    });
    out.table(&rows.collect::<Vec<_>>());
    Ok(DONE)
}
