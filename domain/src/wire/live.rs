//! Live positions on the socket: what a supervisor's map asks for, and what it is told.

use crate::clock::UnixMs;
use crate::id::{BranchId, UserId};
use crate::track::Place;
use crate::track::live::Area;
use serde::{Deserialize, Serialize};

/// What a map shows: sent on a socket that was opened with `watch=1`, as often as it moves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveView {
    /// The rectangle that is shown; everywhere where it is absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub area: Option<Area>,
    /// Zoom of the map as tiles count it, 0 (the world) to 20. From 13 on couriers are told one by one.
    pub zoom: u8,
    /// Only couriers of this branch.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<BranchId>,
}

/// A courier on duty, told by itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveCourier {
    /// Who.
    pub courier: UserId,
    /// The person's name.
    pub name: String,
    /// Where.
    pub place: Place,
    /// When, by the server's clock.
    pub at: UnixMs,
    /// Older than two minutes: the courier may be elsewhere by now.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
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

/// How many couriers on duty are in one cell of the map: a tile of Web Mercator, and nobody's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveCell {
    /// Level of the tile.
    pub z: u8,
    /// Column, from 180 degrees west.
    pub x: u32,
    /// Row, from the north.
    pub y: u32,
    /// Couriers in it; 0: nobody any more.
    pub couriers: u32,
    /// Those of them whose position is older than two minutes.
    #[serde(default)]
    pub stale: u32,
}

/// What has changed on a map since the message before, at most once a second.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct LiveUpdate {
    /// This is all there is: what was shown before is gone.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub whole: bool,
    /// Couriers that are new or have changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub couriers: Vec<LiveCourier>,
    /// Cells that are new or have changed.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cells: Vec<LiveCell>,
    /// Couriers that are shown no more: off duty, away from the view, or counted in cells now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<UserId>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn live() {
        let at = UnixMs(1_772_413_200_000);
        let area = Area { south: 311_000_000, west: 1_213_000_000, north: 313_000_000, east: 1_216_000_000 };
        let view = LiveView { area: Some(area), zoom: 14, branch: Some(BranchId::at(at, [2; 10])) };
        let courier = LiveCourier {
            courier: UserId::at(at, [3; 10]),
            name: "李伟".into(),
            place: Place { lat_e7: 312_304_000, lon_e7: 1_214_737_000 },
            at,
            stale: true,
            live: true,
            accuracy: Some(8.5),
            speed: Some(4.0),
            bearing: Some(90.0),
            mock: true,
        };
        let cell = LiveCell { z: 12, x: 3_430, y: 1_674, couriers: 5, stale: 1 };
        let gone = vec![UserId::at(at, [4; 10])];
        let update = LiveUpdate { whole: true, couriers: vec![courier], cells: vec![cell], gone };
        let event = super::super::WsEvent::Live(update);
        insta::assert_json_snapshot!("live", json!({ "view": view, "event": event }));
        let text = serde_json::to_string(&event).unwrap();
        assert_eq!(serde_json::from_str::<super::super::WsEvent>(&text).unwrap(), event);
        assert_eq!(
            serde_json::from_str::<LiveView>(r#"{"zoom":3}"#).unwrap(),
            LiveView { zoom: 3, ..LiveView::default() }
        );
    }
}
