//! `watch --area --zoom`: where the couriers on duty are. A table for each change.

use super::{Outcome, signed_in};
use crate::args::WatchArgs;
use crate::out::{DONE, Failure, Out};
use crate::texts;
use serde_json::json;
use waybell_core::Client;
use waybell_core::notify::ZONE;
use waybell_domain::id::BranchId;
use waybell_domain::track::live::{Area, Picture, middle};
use waybell_domain::wire::LiveView;

/// Zoom where only an area is given.
const CLOSE: u8 = 14;

pub(super) async fn live(client: &Client, out: &Out, args: &WatchArgs) -> Outcome {
    signed_in(client)?;
    let area = args.area.as_deref().map(|text| area(out, text)).transpose()?;
    let bad = |text: &str| Failure::usage(texts::live_bad_branch(out.lang, text));
    let branch =
        args.branch.as_deref().map(|text| BranchId::parse(text).map_err(|_| bad(text))).transpose()?;
    let view = LiveView { area, zoom: args.zoom.unwrap_or(CLOSE), branch };
    let mut watch = client.tracking().live(view).await?;
    let mut left = args.changes;
    while left != Some(0) {
        // Ctrl-C ends the program as always: nothing of it is kept
        let picture = watch.next().await?;
        show(out, picture);
        left = left.map(|n| n - 1);
    }
    Ok(DONE)
}

fn area(out: &Out, text: &str) -> Result<Area, Failure> {
    let numbers: Option<Vec<f64>> = text.split([',', '，']).map(|v| v.trim().parse().ok()).collect();
    let sides: Option<[f64; 4]> = numbers.and_then(|v| v.try_into().ok());
    let bad = || Failure::usage(texts::live_bad_area(out.lang, text)).hint(texts::live_area_hint(out.lang));
    sides.and_then(Area::of_degrees).ok_or_else(bad)
}

fn show(out: &Out, picture: &Picture) {
    let couriers: Vec<_> = picture.couriers().collect();
    let cells: Vec<_> = picture.cells().collect();
    out.json(&json!({ "couriers": couriers, "cells": cells }));
    out.line(texts::live_count(out.lang, picture.count()));
    for courier in couriers {
        let at = format!("{:.5},{:.5}", courier.place.lat(), courier.place.lon());
        let accuracy = courier.accuracy.map(|m| format!(" ±{m:.0} m")).unwrap_or_default();
        let stale = if courier.stale { texts::live_stale(out.lang) } else { String::new() };
        out.line(format!("  {}  {}  {at}{accuracy}{stale}", courier.at.hh_mm(ZONE), courier.name));
    }
    for cell in cells {
        let (lat, lon) = middle(cell);
        out.line(format!("  {lat:.3},{lon:.3}  {}", texts::live_cell(out.lang, cell.couriers, cell.stale)));
    }
}
