//! What a map of couriers shows, and how it changes.
//!
//! ```text
//!  couriers on duty ──area, zoom──▶ Picture ──to──▶ LiveUpdate ──apply──▶ the map's Picture
//! ```
//!
//! From [`SINGLES_FROM`] on, couriers are told one by one; further out, and where there are more than [`MOST_SINGLES`],
//! they are counted by cell, four cells to the width of a tile (64 points of a screen). Where that is more than
//! [`MOST_CELLS`] the cells are larger. So a picture, and with it every message, has a bound that does not depend on how
//! many couriers there are.

use super::Place;
use crate::id::UserId;
use crate::wire::{LiveCell, LiveCourier, LiveUpdate};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::f64::consts::PI;

/// Couriers are told one by one from this zoom on: a tile is some 4 km wide then.
pub const SINGLES_FROM: u8 = 13;
/// Most couriers that are told one by one.
pub const MOST_SINGLES: usize = 500;
/// Most cells of a picture.
pub const MOST_CELLS: usize = 1_000;
/// Largest zoom of a map.
pub const MOST_ZOOM: u8 = 20;
/// A tile has this many cells along a side, as a power of two.
const CELLS: u8 = 2;

/// A rectangle in WGS-84, 1e-7 degrees, its edges included. One whose west is east of its east goes over 180 degrees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Area {
    /// Southern edge.
    pub south: i32,
    /// Western edge.
    pub west: i32,
    /// Northern edge.
    pub north: i32,
    /// Eastern edge.
    pub east: i32,
}

impl Area {
    /// South, west, north and east in degrees; none if that is no rectangle on the earth.
    pub fn of_degrees([south, west, north, east]: [f64; 4]) -> Option<Area> {
        let (from, to) = (Place::of_degrees(south, west)?, Place::of_degrees(north, east)?);
        let area = Area { south: from.lat_e7, west: from.lon_e7, north: to.lat_e7, east: to.lon_e7 };
        area.is_on_earth().then_some(area)
    }

    /// True for a rectangle that the earth has.
    pub fn is_on_earth(&self) -> bool {
        let lon = |v: i32| v.unsigned_abs() <= 1_800_000_000;
        let lat = |v: i32| v.unsigned_abs() <= 900_000_000;
        lat(self.south) && lat(self.north) && self.south <= self.north && lon(self.west) && lon(self.east)
    }

    /// True if the place lies in it or on its edge.
    pub fn contains(&self, place: Place) -> bool {
        let (lat, lon) = (place.lat_e7, place.lon_e7);
        let wide = match self.west <= self.east {
            true => (self.west..=self.east).contains(&lon),
            false => lon >= self.west || lon <= self.east,
        };
        wide && (self.south..=self.north).contains(&lat)
    }
}

/// Level, column and row of the tile that holds a place, by the usual tiling of Web Mercator; the poles, which it does not
/// have, belong to its last rows.
pub fn tile(place: Place, z: u8) -> (u8, u32, u32) {
    let z = z.min(24);
    let side = f64::from(1u32 << z);
    let last = (1u32 << z) - 1;
    let lat = place.lat().clamp(-85.051_128_78, 85.051_128_78).to_radians();
    let x = (place.lon() + 180.0) / 360.0 * side;
    let y = (1.0 - (lat.tan() + 1.0 / lat.cos()).ln() / PI) / 2.0 * side;
    // saturating, so that a place just off the edge is in the last tile
    (z, (x.floor() as u32).min(last), (y.floor() as u32).min(last))
}

/// The middle of a tile, degrees of latitude and longitude.
pub fn middle(cell: &LiveCell) -> (f64, f64) {
    let side = f64::from(1u32 << cell.z.min(24));
    let lon = (f64::from(cell.x) + 0.5) / side * 360.0 - 180.0;
    let lat = (PI * (1.0 - 2.0 * (f64::from(cell.y) + 0.5) / side)).sinh().atan().to_degrees();
    (lat, lon)
}

/// What a map shows.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Picture {
    couriers: BTreeMap<UserId, LiveCourier>,
    cells: BTreeMap<(u8, u32, u32), LiveCell>,
}

impl Picture {
    /// The picture of those who are in the view.
    pub fn of(seen: Vec<LiveCourier>, zoom: u8) -> Picture {
        if zoom >= SINGLES_FROM && seen.len() <= MOST_SINGLES {
            let couriers = seen.into_iter().map(|c| (c.courier, c)).collect();
            return Picture { couriers, cells: BTreeMap::new() };
        }
        // no finer than where couriers would be told one by one, or a cell would be as good as a place
        let mut level = zoom.min(SINGLES_FROM) + CELLS;
        loop {
            let mut cells: BTreeMap<(u8, u32, u32), LiveCell> = BTreeMap::new();
            for courier in &seen {
                let (z, x, y) = tile(courier.place, level);
                let none = LiveCell { z, x, y, couriers: 0, stale: 0 };
                let cell = cells.entry((z, x, y)).or_insert(none);
                cell.couriers += 1;
                cell.stale += u32::from(courier.stale);
            }
            if cells.len() <= MOST_CELLS || level == 0 {
                return Picture { couriers: BTreeMap::new(), cells };
            }
            level -= 1;
        }
    }

    /// What leads from this picture to another.
    pub fn to(&self, next: &Picture) -> LiveUpdate {
        let changed = next.couriers.iter().filter(|(id, c)| self.couriers.get(id) != Some(c));
        let gone = self.couriers.keys().filter(|id| !next.couriers.contains_key(id));
        let cells = next.cells.iter().filter(|(key, c)| self.cells.get(key) != Some(c)).map(|(_, c)| *c);
        let left = self.cells.iter().filter(|(key, _)| !next.cells.contains_key(key));
        let left = left.map(|(_, c)| LiveCell { couriers: 0, stale: 0, ..*c });
        LiveUpdate {
            whole: false,
            couriers: changed.map(|(_, c)| c.clone()).collect(),
            gone: gone.copied().collect(),
            cells: cells.chain(left).collect(),
        }
    }

    /// All of it, for a map that shows something else or nothing.
    pub fn whole(&self) -> LiveUpdate {
        LiveUpdate { whole: true, ..Picture::default().to(self) }
    }

    /// Changes it as an update says.
    pub fn apply(&mut self, update: LiveUpdate) {
        if update.whole {
            *self = Picture::default();
        }
        for id in &update.gone {
            self.couriers.remove(id);
        }
        for courier in update.couriers {
            self.couriers.insert(courier.courier, courier);
        }
        for cell in update.cells {
            let key = (cell.z, cell.x, cell.y);
            match cell.couriers {
                0 => self.cells.remove(&key),
                _ => self.cells.insert(key, cell),
            };
        }
    }

    /// Couriers that are told one by one, by id.
    pub fn couriers(&self) -> impl Iterator<Item = &LiveCourier> {
        self.couriers.values()
    }

    /// Cells, by level, column and row.
    pub fn cells(&self) -> impl Iterator<Item = &LiveCell> {
        self.cells.values()
    }

    /// Couriers in the picture, whichever way they are told.
    pub fn count(&self) -> usize {
        self.couriers.len() + self.cells.values().map(|c| c.couriers as usize).sum::<usize>()
    }
}

impl LiveUpdate {
    /// True if it changes nothing.
    pub fn is_empty(&self) -> bool {
        !self.whole && self.couriers.is_empty() && self.cells.is_empty() && self.gone.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::UnixMs;
    use proptest::prelude::*;

    fn courier(n: u16, lat_e7: i32, lon_e7: i32, stale: bool) -> LiveCourier {
        let mut id = [0; 10];
        id[..2].copy_from_slice(&n.to_be_bytes());
        LiveCourier {
            courier: UserId::at(UnixMs(1), id),
            name: format!("c{n}"),
            place: Place { lat_e7, lon_e7 },
            at: UnixMs(5),
            stale,
            live: true,
            accuracy: None,
            speed: None,
            bearing: None,
            mock: false,
        }
    }

    #[test]
    fn tiles_are_those_of_every_map() {
        let at = |lat, lon, z| tile(Place::of_degrees(lat, lon).unwrap(), z);
        assert_eq!(at(0.0, 0.0, 0), (0, 0, 0));
        assert_eq!(at(31.2304, 121.4737, 10), (10, 857, 418));
        assert_eq!(at(85.2, 180.0, 3), (3, 7, 0));
        assert_eq!(at(-90.0, -180.0, 3), (3, 0, 7));
        for z in 0..=22 {
            let (z, x, y) = at(31.2304, 121.4737, z);
            let (lat, lon) = middle(&LiveCell { z, x, y, couriers: 1, stale: 0 });
            assert_eq!(at(lat, lon, z), (z, x, y));
        }
    }

    #[test]
    fn areas_hold_their_edges_and_go_over_the_date_line() {
        let area = Area::of_degrees([31.0, 121.0, 32.0, 122.0]).unwrap();
        let at = |lat, lon| Place::of_degrees(lat, lon).unwrap();
        assert!(area.contains(at(31.0, 122.0)) && area.contains(at(31.5, 121.5)));
        assert!(!area.contains(at(30.999_999_9, 121.5)) && !area.contains(at(31.5, 122.000_000_1)));
        let pacific = Area::of_degrees([-10.0, 170.0, 10.0, -170.0]).unwrap();
        assert!(pacific.contains(at(0.0, 179.0)) && pacific.contains(at(0.0, -179.0)));
        assert!(!pacific.contains(at(0.0, 0.0)));
        assert_eq!(Area::of_degrees([32.0, 121.0, 31.0, 122.0]), None);
        assert_eq!(Area::of_degrees([31.0, 121.0, f64::NAN, 122.0]), None);
        assert!(!Area { south: 0, west: i32::MIN, north: 1, east: 0 }.is_on_earth());
    }

    #[test]
    fn far_out_and_in_a_crowd_nobody_is_named_and_nobody_is_lost() {
        let spread =
            |n: u16| courier(n, 312_000_000 + i32::from(n) * 20_000, 1_215_000_000, n.is_multiple_of(7));
        let some: Vec<_> = (0..50).map(spread).collect();
        let close = Picture::of(some.clone(), SINGLES_FROM);
        assert_eq!((close.couriers().count(), close.cells().count()), (50, 0));
        let far = Picture::of(some, SINGLES_FROM - 1);
        assert_eq!((far.couriers().count(), far.count()), (0, 50));
        assert_eq!(far.cells().map(|c| c.stale).sum::<u32>(), 8);
        let many: Vec<_> = (0..2_000).map(spread).collect();
        for zoom in [0, 5, SINGLES_FROM, MOST_ZOOM] {
            let crowd = Picture::of(many.clone(), zoom);
            assert_eq!((crowd.couriers().count(), crowd.count()), (0, 2_000), "{zoom}");
            assert!(crowd.cells().count() <= MOST_CELLS);
        }
        let text = serde_json::to_string(&Picture::of(many, 5).whole()).unwrap();
        assert!(!text.contains("name") && !text.contains("c17"), "{text}");
    }

    fn world() -> impl Strategy<Value = (Vec<LiveCourier>, u8)> {
        let one = (0u16..30, 0i32..40, 0i32..40, any::<bool>());
        let one = one
            .prop_map(|(n, a, o, s)| courier(n, 312_000_000 + a * 200_000, 1_215_000_000 + o * 200_000, s));
        (proptest::collection::vec(one, 0..40), prop_oneof![Just(14u8), Just(11), Just(3)])
    }

    proptest! {
        #[test]
        fn whatever_happens_a_map_shows_what_a_new_one_would(worlds in proptest::collection::vec(world(), 1..8)) {
            let mut map = Picture::default();
            let mut told = Picture::default();
            for (n, (mut couriers, zoom)) in worlds.into_iter().enumerate() {
                let mut seen = std::collections::HashSet::new();
                couriers.retain(|c| seen.insert(c.courier));
                let next = Picture::of(couriers, zoom);
                let update = if n == 0 { next.whole() } else { told.to(&next) };
                prop_assert_eq!(update.is_empty(), n > 0 && told == next);
                let sent = serde_json::to_string(&update).unwrap();
                map.apply(serde_json::from_str(&sent).unwrap());
                let mut new = Picture::default();
                new.apply(next.whole());
                prop_assert_eq!(&map, &new);
                told = next;
            }
        }
    }
}
