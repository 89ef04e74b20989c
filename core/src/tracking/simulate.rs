//! Courier days with known truth, for tests and benchmarks: where a courier really is each second, and what a phone
//! would say of it. Seeded: the same seed is the same day.
//!
//! The street is a grid of blocks; between stops the courier rides, turns, waits at lights; at a stop walks to a door,
//! climbs, waits, walks back. The receiver's error is a slow wander (a Gauss-Markov process, by surroundings: open sky,
//! street canyon, indoors), a quick jitter, rare reflections, and nothing at all in tunnels. Speed and direction are
//! told as a receiver tells them, from Doppler, or not at all.

use waybell_domain::clock::UnixMs;
use waybell_domain::track::{Fix, Place, Provider};

/// SplitMix64 with a normal distribution; good enough for errors of receivers.
pub struct Chance(u64);

impl Chance {
    /// Of a seed.
    #[must_use]
    pub fn new(seed: u64) -> Chance {
        Chance(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ 0x1234_5678_9abc_def1)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// 0 to 1.
    pub fn part(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    /// Between two numbers.
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.part()
    }

    /// Of a standard normal distribution.
    pub fn normal(&mut self) -> f64 {
        (-2.0 * self.part().max(1e-300).ln()).sqrt() * (std::f64::consts::TAU * self.part()).cos()
    }
}

/// What the sky is like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sky {
    /// Open.
    Open,
    /// Between high houses.
    Canyon,
    /// In a house.
    Indoors,
    /// In a tunnel.
    None,
}

/// One second of the truth.
#[derive(Clone, Copy, Debug)]
pub struct Second {
    /// When.
    pub at: UnixMs,
    /// Metres east and north of the depot.
    pub xy: (f64, f64),
    /// Metres a second.
    pub speed: f64,
    /// What the receiver sees.
    pub sky: Sky,
}

/// What the phone tells besides the place.
#[derive(Clone, Copy, Debug)]
pub struct Phone {
    /// Seconds between fixes.
    pub every: usize,
    /// Speed and direction are told.
    pub doppler: bool,
    /// How bad the receiver is; 1 is usual.
    pub noise: f64,
}

/// Begins each day: 2026-11-20 09:00 in Shanghai.
pub const MORNING: UnixMs = UnixMs(1_795_136_400_000);

/// Where all days begin.
#[must_use]
pub fn depot() -> Place {
    Place { lat_e7: 312_300_000, lon_e7: 1_214_700_000 }
}

struct Rider {
    chance: Chance,
    day: Vec<Second>,
    xy: (f64, f64),
    heading: f64,
    speed: f64,
    sky: Sky,
}

impl Rider {
    fn second(&mut self) {
        self.xy.0 += self.speed * self.heading.sin();
        self.xy.1 += self.speed * self.heading.cos();
        let at = MORNING + self.day.len() as i64 * 1000;
        self.day.push(Second { at, xy: self.xy, speed: self.speed, sky: self.sky });
    }

    /// Straight on for so many metres, starting and ending at rest if `stops`.
    fn ahead(&mut self, metres: f64, pace: f64, stops: bool) {
        let mut left = metres;
        while left > 0.5 {
            let brake = if stops { (2.0 * 1.2 * left).sqrt() } else { pace };
            self.speed = (self.speed + 1.2).min(pace).min(brake).max(0.5).min(left);
            left -= self.speed;
            self.second();
        }
        if stops {
            self.speed = 0.0;
        }
    }

    fn wait(&mut self, seconds: f64) {
        self.speed = 0.0;
        (0..seconds as usize).for_each(|_| self.second());
    }

    fn turn(&mut self) {
        let quarter = std::f64::consts::FRAC_PI_2;
        self.heading += if self.chance.part() < 0.5 { quarter } else { -quarter };
    }

    /// A ride of some blocks, with lights; at times through a canyon or a tunnel.
    fn ride(&mut self) {
        let blocks = self.chance.between(1.0, 6.0) as usize;
        let dice = self.chance.part();
        for block in 0..blocks {
            self.sky = match block {
                1 if dice < 0.06 => Sky::None,
                _ if dice > 0.7 => Sky::Canyon,
                _ => Sky::Open,
            };
            let (length, pace) = (self.chance.between(80.0, 450.0), self.chance.between(4.0, 7.5));
            let light = self.chance.part() < 0.35 && self.sky != Sky::None;
            self.ahead(if self.sky == Sky::None { length * 3.0 } else { length }, pace, light);
            if light {
                let red = self.chance.between(10.0, 90.0);
                self.wait(red);
            }
            if self.chance.part() < 0.6 {
                self.turn();
            }
        }
        self.sky = Sky::Open;
        self.ahead(40.0, 4.0, true);
    }

    /// To a door and back.
    fn deliver(&mut self) {
        let parked = self.chance.between(15.0, 40.0);
        self.wait(parked);
        let walk = self.chance.between(10.0, 70.0);
        self.turn();
        self.ahead(walk, 1.3, true);
        self.sky = Sky::Indoors;
        let inside = self.chance.between(40.0, 400.0);
        self.wait(inside);
        self.sky = Sky::Open;
        self.heading += std::f64::consts::PI;
        self.ahead(walk, 1.3, true);
        self.wait(20.0);
    }
}

/// A day with so many stops.
#[must_use]
pub fn day(seed: u64, stops: usize) -> Vec<Second> {
    let mut chance = Chance::new(seed);
    let heading = chance.between(0.0, std::f64::consts::TAU);
    let mut rider = Rider { chance, day: Vec::new(), xy: (0.0, 0.0), heading, speed: 0.0, sky: Sky::Open };
    rider.wait(120.0);
    for _ in 0..stops {
        rider.ride();
        rider.deliver();
    }
    rider.ride();
    rider.wait(60.0);
    rider.day
}

/// So many hours at one place.
#[must_use]
pub fn still(hours: usize, sky: Sky) -> Vec<Second> {
    (0..hours as i64 * 3600)
        .map(|n| Second { at: MORNING + n * 1000, xy: (0.0, 0.0), speed: 0.0, sky })
        .collect()
}

/// Metres of the truth.
#[must_use]
pub fn metres(truth: &[Second]) -> f64 {
    truth.iter().map(|s| s.speed).sum()
}

/// Where a second of the truth is.
#[must_use]
pub fn place(second: &Second) -> Place {
    depot().moved(second.xy.0, second.xy.1)
}

/// What the phone says of it.
#[must_use]
pub fn fixes(truth: &[Second], phone: Phone, seed: u64) -> Vec<Fix> {
    let mut chance = Chance::new(seed ^ 0xfee1_600d);
    let mut wander = (0.0, 0.0);
    let mut reflection: Option<(usize, f64, f64)> = None;
    let mut heading = 0.0f64;
    let mut fixes = Vec::new();
    for (n, second) in truth.iter().enumerate() {
        let (sigma, memory, quick) = match second.sky {
            Sky::Open | Sky::None => (3.5, 120.0, 0.8),
            Sky::Canyon => (12.0, 40.0, 3.0),
            Sky::Indoors => (14.0, 90.0, 4.0),
        };
        let (sigma, quick) = (sigma * phone.noise, quick * phone.noise);
        let keep = (-1.0f64 / memory).exp();
        let push = sigma * (1.0 - keep * keep).sqrt();
        wander = (wander.0 * keep + push * chance.normal(), wander.1 * keep + push * chance.normal());
        reflection = reflection.filter(|r| r.0 > n);
        let rare = match second.sky {
            Sky::Open | Sky::None => 0.000_05,
            Sky::Canyon => 0.002,
            Sky::Indoors => 0.003,
        };
        if reflection.is_none() && chance.part() < rare {
            let (far, way) = (chance.between(25.0, 140.0), chance.between(0.0, std::f64::consts::TAU));
            reflection = Some((n + chance.between(2.0, 40.0) as usize, far * way.sin(), far * way.cos()));
        }
        if n > 0 && second.speed > 0.3 {
            let before = truth.get(n - 1).map_or(second.xy, |s| s.xy);
            heading = (second.xy.0 - before.0).atan2(second.xy.1 - before.1);
        }
        if second.sky == Sky::None || n % phone.every.max(1) != 0 {
            continue;
        }
        let off = reflection.map_or((0.0, 0.0), |r| (r.1, r.2));
        let error = (wander.0 + off.0 + quick * chance.normal(), wander.1 + off.1 + quick * chance.normal());
        let told = (second.speed + 0.15 * phone.noise * chance.normal()).max(0.0);
        let told = if told < 0.25 { 0.0 } else { told };
        fixes.push(Fix {
            place: place(second).moved(error.0, error.1),
            wall: second.at,
            boot_ms: None,
            accuracy: Some((sigma * 1.5 * chance.between(0.8, 1.6) + off.0.hypot(off.1) * 0.3) as f32),
            speed: phone.doppler.then_some(told as f32),
            bearing: phone.doppler.then_some((heading.to_degrees() + 4.0 * chance.normal()) as f32),
            altitude: Some((12.0 + 3.0 * chance.normal()) as f32),
            provider: Provider::Gnss,
            mock: false,
        });
    }
    fixes
}
