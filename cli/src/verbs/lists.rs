//! `import`, `columns`.

use super::exchange::deliver_list;
use super::parcels::{cells, read_list, tell_notes, tell_problems};
use super::{Outcome, signed_in};
use crate::out::{DONE, FAILED, Failure, Out};
use crate::texts;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};
use waybell_core::Client;
use waybell_core::say::say;
use waybell_domain::import::{Choice, ColumnSource, ColumnTaken, Field, bad_rows, detect_columns};
use waybell_domain::wire::ImportReport;

/// A list to import.
pub(super) struct List<'a> {
    pub file: &'a Path,
    /// `phone=联系`.
    pub columns: &'a [String],
    /// Where the rows go that cannot be taken.
    pub bad: Option<&'a Path>,
    pub dry_run: bool,
}

pub(super) async fn import(client: &Client, out: &Out, list: &List<'_>) -> Outcome {
    signed_in(client)?;
    let columns = named(out, list.columns)?;
    let bytes = read_list(list.file).map_err(|e| Failure::file(out, list.file, &e))?;
    // before anything is taken: what cannot be written is told now
    if let Some(file) = list.bad {
        std::fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open(file)
            .map_err(|e| Failure::file(out, file, &e))?;
    }
    let choice =
        Choice { named: columns.clone(), remembered: client.tasks().columns()?, ..Choice::default() };
    let report = reading(out, client.tasks().import_list(&bytes, columns, list.dry_run)).await?;
    tell_report(out, &report);
    if let Some(file) = list.bad {
        let rows = bad_rows(&bytes, &choice, out.lang, |text| say(out.lang, text));
        let rows = rows.map_err(|e| Failure::plain(say(out.lang, &e.to_string())))?;
        std::fs::write(file, rows).map_err(|e| Failure::file(out, file, &e))?;
        out.line(texts::bad_rows(out.lang, report.rejected, file.display()));
    }
    if list.dry_run {
        out.table(&report.preview.iter().map(|p| cells(out, p)).collect::<Vec<_>>());
        out.line(texts::dry_run(out.lang));
        out.json(&out.masked(&report));
        return Ok(DONE);
    }
    let nothing = report.created + report.updated + report.unchanged + report.withdrawn == 0;
    let code = deliver_list(client, out, out.masked(&report)).await?;
    Ok(if nothing { FAILED } else { code })
}

/// Waits for a list to be read and kept, and says so where it is long.
async fn reading<T>(out: &Out, work: impl Future<Output = T>) -> T {
    let (mut work, mut progress, began) = (std::pin::pin!(work), out.progress(), Instant::now());
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = tokio::time::sleep(Duration::from_secs(1)) => {
                progress.show(&texts::reading_list(out.lang, began.elapsed().as_secs()));
            }
        }
    }
}

/// `phone=联系` as field and column.
fn named(out: &Out, columns: &[String]) -> Result<BTreeMap<Field, String>, Failure> {
    let one = |text: &String| {
        let (field, column) = text.split_once('=')?;
        let field = field.trim();
        // by any name that a list may head it with
        let alike = detect_columns(&[field.to_owned()]);
        let by_heading = Field::ALL.iter().find(|f| alike.get(**f).is_some()).copied();
        Some((Field::parse(field).or(by_heading)?, column.trim().to_owned()))
    };
    let wrong = |text: &String| {
        let fields: Vec<&str> = Field::ALL.iter().map(|f| f.as_str()).collect();
        Failure::usage(texts::no_column(out.lang, text)).hint(texts::column_hint(out.lang, fields.join(", ")))
    };
    let mut named = BTreeMap::new();
    for text in columns {
        let (field, column) = one(text).ok_or_else(|| wrong(text))?;
        if named.get(&field).is_some_and(|before| *before != column) {
            return Err(Failure::usage(texts::column_twice(out.lang, field.label(out.lang), text)));
        }
        named.insert(field, column);
    }
    Ok(named)
}

fn tell_columns(out: &Out, report: &ImportReport) {
    let taken = |c: &ColumnTaken| {
        let mark = match c.source {
            ColumnSource::Guessed => String::new(),
            source => format!(" ({})", source.label(out.lang)),
        };
        format!("{} = {}{mark}", c.field.label(out.lang), c.column)
    };
    let list: Vec<String> = report.columns.iter().map(taken).collect();
    if !list.is_empty() {
        out.line(texts::columns_taken(out.lang, list.join(out.lang.pick("，", ", "))));
    }
}

fn tell_report(out: &Out, report: &ImportReport) {
    tell_columns(out, report);
    out.line(texts::imported(out.lang, report.created, report.updated, report.unchanged, report.rejected));
    if report.withdrawn > 0 {
        out.line(texts::taken_off(out.lang, report.withdrawn));
    }
    if report.created + report.updated + report.unchanged + report.withdrawn == 0 {
        out.line(texts::nothing_taken(out.lang));
    }
    tell_problems(out, &report.problems);
    tell_notes(out, &report.notes);
}

pub(super) async fn columns(client: &Client, out: &Out, forget: Option<&str>) -> Outcome {
    signed_in(client)?;
    if let Some(shape) = forget {
        client.tasks().forget_columns(shape).await?;
        out.line(texts::columns_forgotten(out.lang));
        return Ok(DONE);
    }
    super::refresh(client).await?;
    let list = client.tasks().columns()?;
    out.json(&list);
    if list.is_empty() {
        out.line(texts::no_columns(out.lang));
    }
    for known in &list {
        out.line(format!("{}  {}", known.shape, known.headings.join(", ")));
        for (field, column) in known.columns.iter().filter(|(_, column)| !column.is_empty()) {
            out.line(format!("    {} = {column}", field.label(out.lang)));
        }
    }
    Ok(DONE)
}
