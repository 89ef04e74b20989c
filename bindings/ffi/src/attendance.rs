//! Clocking in and out, and the month. Offline first.

use crate::client::{Answer, WaybellClient, bad, run};
use crate::tracking::{Fix, fix};
use waybell_core::attendance as core;
use waybell_domain::attendance::PunchKind;
use waybell_domain::wire;

/// A punch to be made.
#[derive(Clone, Debug, uniffi::Record)]
pub struct NewPunch {
    /// The last fixes, oldest first, 10 at most; without any, the track's newest one where it is not older than a minute.
    pub fixes: Vec<Fix>,
    /// Wi-Fi stations in reach (BSSID), 50 at most.
    pub wifi: Vec<String>,
    /// What the person says about it; empty for nothing.
    pub note: String,
    /// Where that is in words; empty for nothing.
    pub address: String,
}

/// A punch that was made.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Punched {
    /// Id.
    pub id: String,
    /// `clock_in`, `clock_out`, `field`.
    pub kind: String,
    /// When, by the phone's clock, unix ms; the server's counts.
    pub at: i64,
    /// Where it was, as far as this phone knows the work places: `inside`, `in_doubt`, `outside`, `unknown`, `anywhere`.
    pub verdict: String,
    /// The verdict in Chinese.
    pub verdict_zh: String,
    /// A photo would help, and there is none.
    pub photo_wanted: bool,
    /// It was made a moment ago already: this is that one.
    pub again: bool,
}

/// A day of one's own.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WorkDay {
    /// `2026-03-02`.
    pub day: String,
    /// How it went: `normal`, `late`, `early_leave`, `missing_punch`, `absent`, …
    pub states: Vec<String>,
    /// The same in Chinese.
    pub states_zh: Vec<String>,
    /// The first clock-in, unix ms.
    pub clock_in: Option<i64>,
    /// The last clock-out, unix ms.
    pub clock_out: Option<i64>,
    /// Time at work, ms.
    pub worked_ms: i64,
    /// How much too late, ms.
    pub late_ms: i64,
    /// How much too early, ms.
    pub early_ms: i64,
    /// How many punches there were.
    pub punches: u32,
    /// Somebody has put something right.
    pub corrected: bool,
}

/// A month of one's own.
#[derive(Clone, Debug, uniffi::Record)]
pub struct WorkMonth {
    /// `2026-03`.
    pub month: String,
    /// Its days until today.
    pub days: Vec<WorkDay>,
    /// Time at work, ms.
    pub worked_ms: i64,
    /// Days with a shift that are over.
    pub shifts: u32,
}

impl From<core::Punched> for Punched {
    fn from(p: core::Punched) -> Self {
        Punched {
            id: p.id.to_string(),
            kind: p.kind.as_str().to_owned(),
            at: p.at.0,
            verdict: p.verdict.as_str().to_owned(),
            verdict_zh: p.verdict.label_zh().to_owned(),
            photo_wanted: p.photo_wanted,
            again: p.again,
        }
    }
}

impl From<wire::AttendanceDay> for WorkDay {
    fn from(d: wire::AttendanceDay) -> Self {
        WorkDay {
            day: d.day,
            states: d.sheet.states.iter().map(|s| s.as_str().to_owned()).collect(),
            states_zh: d.sheet.states.iter().map(|s| s.label_zh().to_owned()).collect(),
            clock_in: d.sheet.clock_in.map(|at| at.0),
            clock_out: d.sheet.clock_out.map(|at| at.0),
            worked_ms: d.sheet.worked_ms,
            late_ms: d.sheet.late_ms,
            early_ms: d.sheet.early_ms,
            punches: u32::try_from(d.punches.len()).unwrap_or(u32::MAX),
            corrected: d.sheet.corrected,
        }
    }
}

#[uniffi::export]
impl WaybellClient {
    /// Punches: `clock_in`, `clock_out` or `field`. Stored durably when this returns, sent once when there is a network. Never refused for
    /// where or when it is made.
    pub async fn punch(&self, kind: String, punch: NewPunch) -> Answer<Punched> {
        let kind =
            PunchKind::parse(&kind).ok_or_else(|| bad("kind", "is not clock_in, clock_out or field"))?;
        let said = |text: String| Some(text.trim().to_owned()).filter(|t| !t.is_empty());
        let new = core::NewPunch {
            fixes: punch.fixes.into_iter().map(fix).collect::<Answer<Vec<_>>>()?,
            wifi: punch.wifi,
            note: said(punch.note),
            address: said(punch.address),
            proof: Vec::new(),
        };
        let attendance = self.client.attendance();
        run(async move { attendance.punch(kind, new).await }).await.map(Punched::from)
    }

    /// A month (`2026-03`; this one without) as far as this phone knows it: what the server told last, and the punches that wait. Offline.
    pub async fn work_month(&self, month: Option<String>) -> Answer<WorkMonth> {
        let attendance = self.client.attendance();
        let month = run(async move { attendance.month(month.as_deref()).await }).await?;
        Ok(WorkMonth {
            month: month.month,
            days: month.days.into_iter().map(WorkDay::from).collect(),
            worked_ms: month.totals.worked_ms,
            shifts: month.totals.days,
        })
    }

    /// Asks the server for shifts, work places and a month; `Offline` leaves what is known as it was.
    pub async fn refresh_attendance(&self, month: Option<String>) -> Answer<()> {
        let attendance = self.client.attendance();
        run(async move { attendance.refresh(month.as_deref()).await }).await
    }
}
