//! The courier's tour: the day's open stops in the order in which to visit them, and where stops are. Offline.

use crate::client::{Answer, WaybellClient, bad, run};
use crate::records::Stop;
use waybell_core::tour as core;
use waybell_core::tour::{Whence, Wish};
use waybell_domain::clock::UnixMs;
use waybell_domain::track::coordinates::{Datum, Degrees};

/// A place, degrees in WGS-84.
#[derive(Clone, Copy, Debug, PartialEq, uniffi::Record)]
pub struct GeoPoint {
    /// Latitude.
    pub lat: f64,
    /// Longitude.
    pub lon: f64,
}

/// What is asked of a tour.
#[derive(Clone, Debug, uniffi::Record)]
pub struct TourWish {
    /// When it begins, unix ms.
    pub depart: i64,
    /// Where the courier is; the first stop of the list if it is not said.
    pub from: Option<GeoPoint>,
    /// Where the tour ends; at its last stop if it is not said.
    pub back_to: Option<GeoPoint>,
    /// Seconds for a stop, whatever is delivered there; 60 if it is not said.
    pub stop_s: Option<u32>,
    /// Seconds for each parcel; 25 if it is not said.
    pub parcel_s: Option<u32>,
    /// Metres a second on the way; 5 (an electric tricycle in a city) if it is not said.
    pub speed: Option<f64>,
}

/// One stop of a tour.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Visit {
    /// The stop.
    pub stop: Stop,
    /// Where it is.
    pub at: GeoPoint,
    /// How that is known: `pin` (set by hand), `learned` (from deliveries of the branch), `imported` (of the list), `geocoded` (looked
    /// up by its address), or guessed from the `estate`, the `road` or the `list`.
    pub whence: String,
    /// Radius that holds a door of the stop with about 68 %, metres; absent for a pin, and where nobody can tell.
    pub within_m: Option<u32>,
    /// Arrival, unix ms.
    pub arrive: i64,
    /// Departure, unix ms.
    pub leave: i64,
    /// Travel to it, ms.
    pub travel_ms: i64,
}

/// The open stops in order.
#[derive(Clone, Debug, uniffi::Record)]
pub struct Tour {
    /// Every open stop once.
    pub visits: Vec<Visit>,
    /// When the end is reached, unix ms.
    pub finish: i64,
    /// Travel, ms.
    pub travel_ms: i64,
    /// Travel in the list's order, ms.
    pub travel_as_listed_ms: i64,
    /// Stops whose place is a guess.
    pub guessed: u32,
}

fn degrees(point: GeoPoint, field: &'static str) -> Answer<Degrees> {
    if point.lat.abs() <= 90.0 && point.lon.abs() <= 180.0 {
        return Ok(Degrees { lat: point.lat, lon: point.lon });
    }
    Err(crate::error::WaybellError::BadInput {
        field: field.into(),
        problem: "is no place on the earth".into(),
        hint: "write latitude, longitude in degrees, such as 31.2304,121.4737".into(),
    })
}

fn wish(asked: &TourWish) -> Answer<Wish> {
    let usual = Wish::at(UnixMs(asked.depart));
    let speed = asked.speed.unwrap_or(usual.speed);
    if !(0.1..=100.0).contains(&speed) {
        return Err(bad("speed", "is not between 0.1 and 100 metres a second"));
    }
    Ok(Wish {
        from: asked.from.map(|p| degrees(p, "from")).transpose()?,
        back_to: asked.back_to.map(|p| degrees(p, "back_to")).transpose()?,
        stop_s: asked.stop_s.unwrap_or(usual.stop_s),
        parcel_s: asked.parcel_s.unwrap_or(usual.parcel_s),
        speed,
        ..usual
    })
}

impl From<core::Tour> for Tour {
    fn from(tour: core::Tour) -> Self {
        let visit = |v: core::Visit| Visit {
            stop: v.stop.into(),
            at: GeoPoint { lat: v.place.at.lat, lon: v.place.at.lon },
            whence: match v.place.whence {
                Whence::Pin => "pin",
                Whence::Learned => "learned",
                Whence::Imported => "imported",
                Whence::Geocoded => "geocoded",
                Whence::Estate => "estate",
                Whence::Road => "road",
                Whence::List => "list",
            }
            .to_owned(),
            within_m: v.place.within_m,
            arrive: v.arrive.0,
            leave: v.leave.0,
            travel_ms: v.travel_ms,
        };
        Tour {
            visits: tour.visits.into_iter().map(visit).collect(),
            finish: tour.finish.0,
            travel_ms: tour.travel_ms,
            travel_as_listed_ms: tour.travel_as_listed_ms,
            guessed: u32::try_from(tour.guessed).unwrap_or(u32::MAX),
        }
    }
}

#[uniffi::export]
impl WaybellClient {
    /// The open stops in the order in which to visit them. `BadInput` where there is none, or none has a place: set some with `pin`.
    /// The same list, pins and wish give the same tour. Offline; some tenths of a second on the library's threads.
    pub async fn tour(&self, wish: TourWish) -> Answer<Tour> {
        let wish = self::wish(&wish)?;
        let tours = self.client.tours();
        run(async move { tours.plan(&wish).await }).await.map(Tour::from)
    }

    /// Sets where a stop is, by its name as `stops` gives it or as a person writes it; `datum` is `wgs84` (satellites), `gcj02`
    /// (Chinese maps) or `bd09` (Baidu's). It is kept for tomorrow's parcels to the same building, and for everybody of the branch. Offline.
    pub async fn pin(&self, stop: String, at: GeoPoint, datum: String) -> Answer<Stop> {
        let at = degrees(at, "place")?;
        let datum = Datum::parse(&datum).ok_or_else(|| bad("datum", "is not wgs84, gcj02 or bd09"))?;
        let tours = self.client.tours();
        run(async move { tours.pin(&stop, at, datum).await }).await.map(Stop::from)
    }

    /// Takes back what was set by hand for a stop, whoever of the branch did. Offline.
    pub async fn unpin(&self, stop: String) -> Answer<Stop> {
        let tours = self.client.tours();
        run(async move { tours.unpin(&stop).await }).await.map(Stop::from)
    }

    /// A tap whose calls go out so many minutes before the courier arrives at each stop of this tour. Stored when this returns.
    pub async fn notify_ahead(
        &self,
        template: String,
        parcels: Vec<String>,
        wish: TourWish,
        minutes: u32,
    ) -> Answer<String> {
        let ids = crate::client::parcel_ids(&parcels)?;
        let wish = self::wish(&wish)?;
        let minutes = u16::try_from(minutes).map_err(|_| bad("minutes", "is too long"))?;
        let (tours, notify) = (self.client.tours(), self.client.notify());
        let sent = run(async move {
            let ahead = tours.plan(&wish).await?.ahead(minutes);
            notify
                .send(&template, &ids, waybell_core::notify::When { start_at: None, ahead: Some(ahead) })
                .await
        });
        Ok(sent.await?.to_string())
    }
}
