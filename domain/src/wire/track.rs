//! Tracks on their way from phones to the server, and as supervisors see them.

use crate::clock::UnixMs;
use crate::id::UserId;
use crate::track::{DropReason, GapReason, Place, Run, SpoofSign};
use serde::{Deserialize, Serialize};

/// Most parts of one upload.
pub const MOST_PARTS: usize = 64;
/// Most notes of one upload.
pub const MOST_NOTES: usize = 500;
/// Most shifts of one upload.
pub const MOST_SHIFTS: usize = 64;

/// `POST /api/v1/tracks`: what a phone has of its tracks and the server does not. Anything in it may come again, and in
/// any order: parts are known by shift and number, notes likewise, and of a shift's reports the newest counts.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackUpload {
    /// Whose they are: the one who is signed in.
    pub courier: UserId,
    /// The shifts that the rest belongs to, and others that have changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shifts: Vec<ShiftReport>,
    /// Parts of their tracks, 64 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<TrackPart>,
    /// What happened in them, 500 at most.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<TrackNote>,
    /// Where the courier is now.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub position: Option<PositionReport>,
}

/// A shift, as its phone knows it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShiftReport {
    /// Name, made by the phone: 1 to 64 of `a` to `z`, `0` to `9`, `-`.
    pub shift: String,
    /// Rises with each change.
    pub version: i64,
    /// When it began, in track time: the phone's own, which may be wrong.
    pub began: UnixMs,
    /// When it ended; absent while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixMs>,
    /// What track time it is at the sending of this request, by the phone's boot clock where it has one: by it the server
    /// sees how far the phone's clock is off. Absent where nobody knows any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub now: Option<UnixMs>,
    /// How far it was, metres.
    pub metres: f64,
    /// The least that it can have been.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// Fixes that were dropped.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dropped: Vec<DroppedFixes>,
}

/// How many fixes were dropped for one reason.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct DroppedFixes {
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub fixes: u64,
}

/// A part of the track of a shift.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackPart {
    /// Of which shift.
    pub shift: String,
    /// Number of its last vertex in the shift: parts in this order are the track.
    pub seq: i64,
    /// Base64 (RFC 4648 section 4) of the bytes of the codec, 1 MiB at most; see `waybell_domain::track::codec`.
    pub body: String,
}

/// Something that happened in a shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackNote {
    /// Which shift.
    pub shift: String,
    /// Number in it.
    pub n: i64,
    /// What.
    pub what: TrackEvent,
}

/// What may happen in a shift. Times are track times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum TrackEvent {
    /// Nothing is known of a while.
    Gap {
        /// The last fix before, or the start of the shift.
        from: UnixMs,
        /// The first fix after, or the end of the shift.
        to: UnixMs,
        /// Why.
        reason: GapReason,
        /// Metres between the two.
        metres: f64,
    },
    /// The courier stayed somewhere.
    Stay {
        /// From.
        from: UnixMs,
        /// To.
        to: UnixMs,
        /// Its middle.
        place: Place,
    },
    /// A fence was entered or left.
    Fence {
        /// When.
        at: UnixMs,
        /// Which, in the words of the app.
        id: String,
        /// `enter`, `exit`, `dwell`.
        event: String,
    },
    /// Something looks made up. Evidence, not proof.
    Sign {
        /// When.
        at: UnixMs,
        /// What.
        sign: SpoofSign,
    },
    /// The phone's clock was set.
    ClockSet {
        /// When.
        at: UnixMs,
        /// By so many ms; forward is positive.
        by_ms: i64,
    },
}

/// Where a courier on duty is, by the newest fix that was taken.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PositionReport {
    /// The shift that runs.
    pub shift: String,
    /// When the fix was found, in track time.
    pub at: UnixMs,
    /// What track time it is at the sending.
    pub now: UnixMs,
    /// Where.
    pub place: Place,
    /// Radius that holds the true place with 68 %, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// Metres a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Degrees from north, clockwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearing: Option<f32>,
    /// The system says that an app made it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
}

/// What became of an upload. Notes and reports of shifts that are in it are stored when this is answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackAnswer {
    /// Parts that are stored: now, or since an earlier time.
    pub taken: Vec<PartName>,
    /// Parts that will never be.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub refused: Vec<RefusedPart>,
    /// Milliseconds after which the next position is wanted.
    pub live_ms: u32,
}

/// Names a part.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PartName {
    /// The shift.
    pub shift: String,
    /// The number.
    pub seq: i64,
}

/// A part that was not taken.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct RefusedPart {
    /// Which.
    pub part: PartName,
    /// The field that is wrong, as `parts[3].body`.
    pub field: String,
    /// What is wrong with it.
    pub problem: String,
    /// What to do.
    pub hint: String,
}

/// `GET /api/v1/tracks`: where a courier was on duty on a day. Times are the server's: a phone's clock that was off is
/// corrected, and told in its shift.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct TrackView {
    /// Who.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// The day, `YYYY-MM-DD` in the organisation's zone.
    pub day: String,
    /// Its first millisecond.
    pub from: UnixMs,
    /// The first one after it.
    pub to: UnixMs,
    /// Datum of all places: `wgs84`, or what was asked for.
    pub datum: String,
    /// The shifts that touch the day.
    pub shifts: Vec<ShiftView>,
    /// The way, in runs; a run that begins after a gap says why nothing is known between.
    pub runs: Vec<Run>,
    /// Gaps.
    pub gaps: Vec<TrackEvent>,
    /// Stays.
    pub stays: Vec<TrackEvent>,
    /// What somebody should look at: signs of spoofing, clocks that were set.
    pub evidence: Vec<TrackEvent>,
    /// Fences.
    pub fences: Vec<TrackEvent>,
    /// Parts that are stored and do not read back; their while is a gap of unknown reason.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub damaged: u32,
}

pub(super) fn is_zero(n: &u32) -> bool {
    *n == 0
}

/// A shift of a [`TrackView`], whole even where it goes over midnight.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct ShiftView {
    /// Name.
    pub shift: String,
    /// When it began.
    pub began: UnixMs,
    /// When it ended; absent while it runs, or while the phone has not told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<UnixMs>,
    /// How far it was, metres.
    pub metres: f64,
    /// The least that it can have been.
    pub low: f64,
    /// The most.
    pub high: f64,
    /// Fixes that were dropped.
    pub dropped: Vec<DroppedFixes>,
    /// How far the phone's clock was off, ms; forward is positive. Below a minute it is 0.
    pub clock_off_ms: i64,
    /// When the server last heard of it.
    pub heard_at: UnixMs,
}

/// A line of `GET /api/v1/positions`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct PositionView {
    /// Who.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// Where.
    pub place: Place,
    /// When, by the server's clock.
    pub at: UnixMs,
    /// How long ago that is, ms.
    pub age_ms: i64,
    /// Older than two minutes: the courier may be elsewhere by now.
    pub stale: bool,
    /// Told by the phone as it rode; otherwise it is the end of what has come of the track.
    pub live: bool,
    /// Radius that holds the true place with 68 %, metres.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accuracy: Option<f32>,
    /// Metres a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Degrees from north, clockwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bearing: Option<f32>,
    /// The phone's system says that an app made it up.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub mock: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: UnixMs = UnixMs(1_772_413_200_000);

    #[test]
    fn tracks() {
        let place = Place { lat_e7: 312_304_000, lon_e7: 1_214_737_000 };
        let note = |n, what| TrackNote { shift: "s-1".into(), n, what };
        let upload = TrackUpload {
            courier: UserId::at(NOW, [3; 10]),
            shifts: vec![ShiftReport {
                shift: "s-1".into(),
                version: 7,
                began: NOW,
                ended: Some(NOW + 60_000),
                now: Some(NOW + 61_000),
                metres: 812.5,
                low: 790.0,
                high: 830.25,
                dropped: vec![DroppedFixes { reason: DropReason::Jump, fixes: 2 }],
            }],
            parts: vec![TrackPart { shift: "s-1".into(), seq: 40, body: "V1QB".into() }],
            notes: vec![
                note(
                    1,
                    TrackEvent::Gap { from: NOW, to: NOW + 9, reason: GapReason::AppKilled, metres: 12.5 },
                ),
                note(2, TrackEvent::Stay { from: NOW, to: NOW + 9, place }),
                note(3, TrackEvent::Fence { at: NOW, id: "depot".into(), event: "enter".into() }),
                note(4, TrackEvent::Sign { at: NOW, sign: SpoofSign::MockFlag }),
                note(5, TrackEvent::ClockSet { at: NOW, by_ms: -3_600_000 }),
            ],
            position: Some(PositionReport {
                shift: "s-1".into(),
                at: NOW,
                now: NOW + 1_000,
                place,
                accuracy: Some(8.0),
                speed: Some(5.5),
                bearing: Some(90.0),
                mock: true,
            }),
        };
        let json = serde_json::to_value(&upload).unwrap();
        assert_eq!(serde_json::from_value::<TrackUpload>(json.clone()).unwrap(), upload);
        insta::assert_json_snapshot!("track_upload", json);
        let name = PartName { shift: "s-1".into(), seq: 41 };
        let refused = RefusedPart {
            part: name.clone(),
            field: "parts[0].body".into(),
            problem: "this track is damaged".into(),
            hint: "pack it again".into(),
        };
        let answer = TrackAnswer { taken: vec![name], refused: vec![refused], live_ms: 15_000 };
        let json = serde_json::to_value(&answer).unwrap();
        assert_eq!(serde_json::from_value::<TrackAnswer>(json.clone()).unwrap(), answer);
        insta::assert_json_snapshot!("track_answer", json);
        // with what a reader insists on
        let least = json!({ "courier": upload.courier });
        assert!(serde_json::from_value::<TrackUpload>(least).unwrap().parts.is_empty());
    }
}
