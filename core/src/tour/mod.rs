//! The courier's tour: the open stops of the day in the order in which to visit them.
//!
//! ```text
//!  Tasks::stops ─▶ where each is: set by hand ─▶ learned from deliveries ─▶ of the list ─▶ looked up by its address
//!                                       ─▶ else guessed from its neighbours ─▶ route::plan ─▶ Tour
//! ```
//!
//! No stop is ever left out: one whose place nobody knows is guessed and marked so ([`Whence`]), and stands in the order all
//! the same. Places are kept by the building's name (`waybell_domain::building`), so that tomorrow's parcels for the same
//! building have one, and are shared in the branch (`places`). Works offline; coordinates are WGS-84.

mod guess;
pub(crate) mod places;
#[cfg(test)]
mod tests;

use crate::client::{Client, random};
use crate::error::{Error, Result};
use crate::http::Request;
use crate::outbox::OperationKind;
use crate::outbox::queue::{self, Operation};
use crate::route::{End, Estimate, Limits, Note, Plan, Point, Problem, Stop as RouteStop, plan};
use crate::session::acting;
use crate::tasks::Stop;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeSet, HashMap};
use waybell_domain::building::{MOST_KEYS, PlaceSource, is_key, key};
use waybell_domain::clock::UnixMs;
use waybell_domain::dial::plan::{Ahead, Arrival};
use waybell_domain::id::{OperationId, ParcelId};
use waybell_domain::track;
use waybell_domain::track::coordinates::{Datum, Degrees, convert};
use waybell_domain::wire::{ActedAt, PlaceRemoval, PlaceRequest, PlaceView};

/// Key in `meta`: pins by the stops' names, of versions that kept them to themselves.
const PINS: &str = "pins";
/// Most stops of a tour.
const MOST_STOPS: usize = 3_000;

/// A place that a courier set.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
struct Pin {
    lat: f64,
    lon: f64,
    at: UnixMs,
}

/// How it is known where a stop is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Whence {
    /// Somebody set it by hand.
    Pin,
    /// Couriers of the branch delivered there.
    Learned,
    /// The day's list has its coordinates.
    Imported,
    /// A service was asked for its address.
    Geocoded,
    /// Other buildings of the same estate are known.
    Estate,
    /// Between house numbers of the same road.
    Road,
    /// Nothing but the list's order: between the stops before and after it.
    List,
}

impl Whence {
    /// Nobody knows it: it was put between others.
    #[must_use]
    pub fn is_guess(self) -> bool {
        matches!(self, Whence::Estate | Whence::Road | Whence::List)
    }
}

impl From<PlaceSource> for Whence {
    fn from(source: PlaceSource) -> Whence {
        match source {
            PlaceSource::Pin => Whence::Pin,
            PlaceSource::Learned => Whence::Learned,
            PlaceSource::Imported => Whence::Imported,
            PlaceSource::Geocoded => Whence::Geocoded,
        }
    }
}

/// Where a stop is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// WGS-84.
    #[serde(flatten)]
    pub at: Degrees,
    /// How that is known.
    pub whence: Whence,
    /// Radius that holds a door of the stop with about 68 %, metres; absent for a pin, and where nobody can tell.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub within_m: Option<u32>,
    /// Deliveries that it was learned from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub visits: Option<u32>,
}

/// What is asked.
#[derive(Clone, Debug)]
pub struct Wish {
    /// Where the courier is; the first stop of the list if it is not said.
    pub from: Option<Degrees>,
    /// Where the tour ends; at the last stop if it is not said.
    pub back_to: Option<Degrees>,
    /// When it begins.
    pub depart: UnixMs,
    /// Metres a second on the way.
    pub speed: f64,
    /// Length by road over length by air.
    pub detour: f64,
    /// Seconds for a stop, whatever is delivered there.
    pub stop_s: u32,
    /// Seconds for each parcel.
    pub parcel_s: u32,
    /// How much work the search may be, and till when.
    pub limits: Limits,
}

impl Wish {
    /// Leaving then, by electric tricycle in a city: 18 km/h, roads 1.35 times as long as by air, 60 s a stop and 25 s a parcel.
    #[must_use]
    pub fn at(depart: UnixMs) -> Wish {
        let Estimate { detour, speed } = Estimate::default();
        let limits = Limits::default();
        Wish { from: None, back_to: None, depart, speed, detour, stop_s: 60, parcel_s: 25, limits }
    }
}

/// One stop of the tour.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Visit {
    /// The stop.
    #[serde(flatten)]
    pub stop: Stop,
    /// Where it is.
    pub place: Place,
    /// Arrival.
    pub arrive: UnixMs,
    /// Departure.
    pub leave: UnixMs,
    /// Travel to it, ms.
    pub travel_ms: i64,
}

/// The stops in order.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Tour {
    /// Every open stop once.
    pub visits: Vec<Visit>,
    /// When the end is reached.
    pub finish: UnixMs,
    /// Travel, ms.
    pub travel_ms: i64,
    /// Travel in the list's order, ms: what the tour saves is the difference.
    pub travel_as_listed_ms: i64,
    /// Stops whose place is a guess.
    pub guessed: usize,
}

impl Tour {
    /// Notices that follow this tour, for [`When::ahead`](crate::notify::When::ahead): each person so many minutes before
    /// the arrival.
    #[must_use]
    pub fn ahead(&self, minutes: u16) -> Ahead {
        let arrivals = self.visits.iter().flat_map(|visit| {
            visit.stop.parcels.iter().map(|parcel| Arrival { parcel: *parcel, at: visit.arrive })
        });
        Ahead { minutes, arrivals: arrivals.collect() }
    }
}

/// Planning the tour, and where stops are.
#[derive(Clone)]
pub struct Tours {
    pub(crate) client: Client,
}

impl Tours {
    /// Sets where a stop is, by its name as [`Search::stop`](crate::search::Search::stop) understands it, for everybody of the
    /// branch. Stored durably when this returns, sent when there is a network. Gives the stop.
    ///
    /// # Errors
    /// `BadInput` for a place that is none on the earth, and for a name that is no stop or several; `SignedOut`.
    pub async fn pin(&self, name: &str, at: Degrees, datum: Datum) -> Result<Stop> {
        if !(at.lat.abs() <= 90.0 && at.lon.abs() <= 180.0) {
            return Err(Error::bad(
                "place",
                format!("{}, {} is no place on the earth", at.lat, at.lon),
                "write latitude, longitude in degrees, such as 31.2304,121.4737",
            ));
        }
        let at = convert(at, datum, Datum::Wgs84);
        self.set(name, track::Place::of_degrees(at.lat, at.lon)).await
    }

    /// Takes back what was set by hand, whoever of the branch did: the stop is where the next best word puts it.
    ///
    /// # Errors
    /// As [`Tours::pin`].
    pub async fn unpin(&self, name: &str) -> Result<Stop> {
        self.set(name, None).await
    }

    /// Where buildings of the branch are, by name: those that contain `search` (whoever sees the branch). Needs a network.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn places(&self, search: &str, most: usize) -> Result<Vec<PlaceView>> {
        let inner = &self.client.inner;
        let asked = [("search", search), ("limit", &most.min(1_000).to_string())];
        let query = serde_urlencoded::to_string(asked)
            .map_err(|e| Error::bad("search", e.to_string(), "leave it out"))?;
        inner.ask(&inner.sign_in()?, &Request::get(format!("/api/v1/places?{query}"))).await
    }

    /// Removes a place that is wrong, and what it was learned from (whoever sees the branch). Needs a network.
    ///
    /// # Errors
    /// `Offline`, `SignedOut`, `Refused`.
    pub async fn remove_place(&self, key: &str, source: PlaceSource) -> Result<PlaceView> {
        let inner = &self.client.inner;
        let request = Request::post(
            "/api/v1/places/remove",
            &PlaceRemoval { key: key.to_owned(), source, branch: None },
        )?;
        inner.ask(&inner.sign_in()?, &request).await
    }

    async fn set(&self, name: &str, at: Option<track::Place>) -> Result<Stop> {
        let inner = &self.client.inner;
        let user = inner.user()?;
        let stop = self.client.search().stop(name).await?;
        let mut keys = self.names(&stop).await?;
        keys.truncate(MOST_KEYS);
        let (seal, acted) = (inner.store.seal.clone(), inner.event_time());
        inner
            .store
            .write(move |t| {
                acting(t, &seal, user.id)?;
                let id = OperationId::at(acted.wall, random());
                let acted_at = ActedAt { wall: acted.wall, age_ms: None };
                let body = serde_json::to_vec(&PlaceRequest { id, keys, at, acted_at })?;
                let mut operation = Operation::new(OperationKind::Place, None, body, acted);
                operation.id = id;
                queue::push(t, &seal, &operation)
            })
            .await?;
        self.client.tasks().taken();
        Ok(stop)
    }

    /// Plans the tour over the open stops. Blocks no runtime thread; takes as long as the limits allow.
    ///
    /// # Errors
    /// `BadInput` if there is no open stop, there are more than 3,000, or none of them has a place.
    pub async fn plan(&self, wish: &Wish) -> Result<Tour> {
        let stops = self.client.tasks().stops(true).await?;
        if stops.is_empty() {
            return Err(Error::bad("stops", "there is no open stop", "import the day's list first"));
        }
        if stops.len() > MOST_STOPS {
            let problem = format!("{} open stops are more than one tour holds", stops.len());
            return Err(Error::bad("stops", problem, "close or hand over what is not of today"));
        }
        let list: HashMap<ParcelId, String> =
            self.client.tasks().list().await?.into_iter().map(|p| (p.id, p.address)).collect();
        let addresses = |stop: &Stop| -> Vec<String> {
            stop.parcels.iter().filter_map(|id| list.get(id).cloned()).collect()
        };
        let at: Vec<Vec<String>> = stops.iter().map(addresses).collect();
        let keys: BTreeSet<String> = at.iter().flatten().map(|a| key(a)).collect();
        let inner = &self.client.inner;
        let seal = inner.store.seal.clone();
        let best = inner.store.read(move |c| places::best(c, &seal, &keys)).await?;
        let wish = wish.clone();
        let planned = tokio::task::spawn_blocking(move || {
            let known: Vec<guess::Known> =
                at.iter().map(|at| guess::Known::of(at, |name: &str| best.get(name))).collect();
            let places = guess::places(&known).ok_or_else(|| {
                Error::bad(
                    "places",
                    format!("of none of the {} stops is it known where it is", stops.len()),
                    "set some: waybell pin STOP LATITUDE,LONGITUDE",
                )
            })?;
            Ok(tour(stops, &places, &wish))
        });
        planned.await.map_err(Error::storage)?
    }

    /// The names under which a stop's place is kept: one for each way in which its addresses write it.
    async fn names(&self, stop: &Stop) -> Result<Vec<String>> {
        let mut names: Vec<String> = self
            .client
            .tasks()
            .list()
            .await?
            .iter()
            .filter(|p| stop.parcels.contains(&p.id))
            .map(|p| key(&p.address))
            .filter(|key| is_key(key))
            .collect();
        names.sort_unstable();
        names.dedup();
        Ok(names)
    }
}

impl Pin {
    fn view(&self, key: &str) -> Option<PlaceView> {
        let at = track::Place::of_degrees(self.lat, self.lon)?;
        Some(PlaceView { set_at: self.at, ..places::new(key, PlaceSource::Pin, at) })
    }
}

fn tour(stops: Vec<Stop>, places: &[Place], wish: &Wish) -> Tour {
    let point = |at: Degrees| Point { lat: at.lat, lon: at.lon };
    // the start is row 0, the end the last row if it is a place of its own
    let start = wish.from.or_else(|| places.first().map(|p| p.at));
    let mut points: Vec<Point> = start.into_iter().chain(places.iter().map(|p| p.at)).map(point).collect();
    points.extend(wish.back_to.map(point));
    let estimate = Estimate { detour: wish.detour, speed: wish.speed };
    let mut problem = Problem::new(estimate.matrix(&points));
    problem.depart = wish.depart;
    problem.stops = stops
        .iter()
        .enumerate()
        .map(|(at, stop)| RouteStop {
            service_s: wish.stop_s,
            parcels: u32::try_from(stop.open).unwrap_or(u32::MAX),
            parcel_s: wish.parcel_s,
            ..RouteStop::at(at + 1)
        })
        .collect();
    if wish.back_to.is_some() {
        problem.end = End::Place(points.len() - 1);
    }
    let listed = crate::route::evaluate(&problem);
    let found: Plan = plan(&problem, &wish.limits);
    debug_assert!(!found.notes.iter().any(|n| matches!(n, Note::UnknownPlace(_))), "every stop has a place");
    let mut stops: Vec<Option<Stop>> = stops.into_iter().map(Some).collect();
    let visits = found
        .visits
        .iter()
        .filter_map(|visit| {
            Some(Visit {
                stop: stops.get_mut(visit.stop)?.take()?,
                place: *places.get(visit.stop)?,
                arrive: visit.arrive,
                leave: visit.leave,
                travel_ms: visit.travel_ms,
            })
        })
        .collect();
    Tour {
        visits,
        finish: found.finish,
        travel_ms: found.travel_ms,
        travel_as_listed_ms: listed.travel_ms,
        guessed: places.iter().filter(|p| p.whence.is_guess()).count(),
    }
}
