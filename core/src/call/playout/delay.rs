//! How long to wait for packets.
//!
//! A packet's *transit* is its arrival minus its timestamp; the two clocks have nothing to do with each other, so only
//! differences mean something. The least transit of the last seconds is the *base*; what a packet takes above it is its
//! relative delay. The target is what all but a few packets stay below: a quantile of a histogram that forgets, never
//! less than the spikes that come back again and again (the peak detector), and, where packets are lost, as much more as
//! the farthest redundant copy is old, because waiting for it is what makes it useful.
//!
//! The base moves with the clocks' drift and with the route. When it does, the histogram is moved along, so that a
//! changed route is no jitter.

/// Ticks of 48 kHz in a bin: 5 ms.
const BIN: i64 = 240;
/// Bins: 600 ms.
const BINS: usize = 120;
/// Share of packets that come in time.
const QUANTILE: f32 = 0.96;
/// What a packet leaves of the weight of those before it.
const FORGET: f32 = 0.983;
/// Times over which the base is the least: 8 of 0.5 s.
const WINDOWS: usize = 8;
const WINDOW: i64 = 24_000;
/// Above the target by so much is a spike: 60 ms.
const SPIKE: i64 = 60 * 48;
/// Spikes farther apart do not come again and again: 10 s.
const APART: i64 = 480_000;

/// Floor of the target: one tick of the device, 10 ms.
pub(super) const LEAST: i64 = 480;

/// See the module. All times are ticks of 48 kHz.
#[derive(Clone, Debug)]
pub(super) struct Delay {
    bins: [f32; BINS],
    weight: f32,
    windows: [i64; WINDOWS],
    current: usize,
    ends: i64,
    base: Option<i64>,
    spikes: [(i64, i64); 8],
    spike: usize,
    in_spike: bool,
    most: i64,
    /// The least transit since the last report.
    least: Option<i64>,
    /// The least transit of a long time, which forgets slowly: what an empty queue takes.
    empty: Option<f64>,
}

impl Delay {
    /// With a longest target.
    pub(super) fn new(most: i64) -> Delay {
        Delay {
            bins: [0.0; BINS],
            weight: 0.0,
            windows: [i64::MAX; WINDOWS],
            current: 0,
            ends: 0,
            base: None,
            spikes: [(i64::MIN / 2, 0); 8],
            spike: 0,
            in_spike: false,
            most,
            least: None,
            empty: None,
        }
    }

    /// A packet of this time arrived; returns its relative delay.
    pub(super) fn arrived(&mut self, now: i64, timestamp: i64) -> i64 {
        let transit = now - timestamp;
        self.least = Some(self.least.map_or(transit, |l| l.min(transit)));
        let drift = 0.000_3 * 960.0;
        self.empty = Some(self.empty.map_or(transit as f64, |e| (e + drift).min(transit as f64)));
        if now >= self.ends {
            self.current = (self.current + 1) % WINDOWS;
            self.windows[self.current] = i64::MAX;
            self.ends = now + WINDOW;
        }
        let window = &mut self.windows[self.current];
        *window = transit.min(*window);
        let base = self.windows.iter().copied().min().unwrap_or(transit);
        if let Some(before) = self.base {
            self.shift((base - before) / BIN);
            // What is less than a bin stays for the next time.
            self.base = Some(if (base - before).abs() >= BIN { base } else { before.min(base) });
        } else {
            self.base = Some(base);
        }
        let relative = (transit - base).max(0);
        self.spiked(now, relative);
        for bin in &mut self.bins {
            *bin *= FORGET;
        }
        self.weight = self.weight * FORGET + 1.0;
        self.bins[((relative / BIN) as usize).min(BINS - 1)] += 1.0;
        relative
    }

    /// Moves the histogram by so many bins, down if the base rose.
    fn shift(&mut self, by: i64) {
        let n = (by.unsigned_abs() as usize).min(BINS - 1);
        if by > 0 {
            let low: f32 = self.bins[..=n].iter().sum();
            self.bins.copy_within(n.., 0);
            self.bins[BINS - n..].fill(0.0);
            self.bins[0] = low;
        } else if by < 0 {
            let high: f32 = self.bins[BINS - 1 - n..].iter().sum();
            self.bins.copy_within(..BINS - n, n);
            self.bins[..n].fill(0.0);
            self.bins[BINS - 1] = high;
        }
    }

    fn spiked(&mut self, now: i64, relative: i64) {
        if relative < self.quantile() + SPIKE {
            self.in_spike = false;
            return;
        }
        if !self.in_spike {
            self.in_spike = true;
            self.spike = (self.spike + 1) % self.spikes.len();
            self.spikes[self.spike] = (now, 0);
        }
        let height = &mut self.spikes[self.spike].1;
        *height = relative.max(*height);
    }

    /// The highest of the spikes that come back, while they do.
    fn peak(&self, now: i64) -> i64 {
        let n = self.spikes.len();
        let mut height = 0;
        let (mut later, mut apart) = (now, 0);
        for back in 0..n {
            let (at, high) = self.spikes[(self.spike + n - back) % n];
            if later - at > APART {
                break;
            }
            if back > 0 {
                apart = apart.max(later - at);
            }
            later = at;
            height = height.max(high);
            if back == 0 {
                continue;
            }
            // Two are a habit, until it has been broken for twice its time.
            if now - self.spikes[self.spike].0 > 2 * apart {
                return 0;
            }
        }
        if apart > 0 { height } else { 0 }
    }

    fn quantile(&self) -> i64 {
        let mut left = self.weight * (1.0 - QUANTILE);
        for (n, bin) in self.bins.iter().enumerate().rev() {
            left -= bin;
            if left < 0.0 {
                return (n as i64 + 1) * BIN;
            }
        }
        BIN
    }

    /// How long after the base a sample is to be heard. `copies`: how old the farthest copy is that is worth waiting for.
    pub(super) fn target(&self, now: i64, copies: i64) -> i64 {
        // Until there is something to go by, a guess that loses nothing on most networks.
        let guess = (1.0 - self.weight / 30.0).max(0.0) * 1_440.0;
        let jitter = self.quantile().max(guess as i64);
        jitter.max(self.peak(now)).saturating_add(copies).clamp(LEAST, self.most)
    }

    /// The way has become so much longer that what was known of it is of no use: its base is this transit.
    pub(super) fn begin_at(&mut self, transit: i64) {
        self.windows = [i64::MAX; WINDOWS];
        self.windows[self.current] = transit;
        self.base = Some(transit);
        self.bins = [0.0; BINS];
        self.weight = 0.0;
    }

    /// The base, once a packet came.
    pub(super) fn base(&self) -> Option<i64> {
        self.windows.iter().copied().min().filter(|b| *b != i64::MAX)
    }

    /// Ticks that even the fastest packet stood in a queue since this was last asked: jitter is not meant.
    pub(super) fn take_standing(&mut self) -> i64 {
        let standing = self.least.take().zip(self.empty).map_or(0.0, |(least, empty)| least as f64 - empty);
        standing.max(0.0) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Packets of 20 ms with these relative delays in ms; the target after each, in ms.
    fn targets(delays: impl Iterator<Item = i64>) -> Vec<i64> {
        let mut delay = Delay::new(500 * 48);
        delays
            .enumerate()
            .map(|(n, late)| {
                let timestamp = n as i64 * 960;
                delay.arrived(7_000 + timestamp + late * 48, timestamp);
                delay.target(timestamp, 0) / 48
            })
            .collect()
    }

    #[test]
    fn a_still_network_needs_one_tick_and_a_restless_one_what_it_takes() {
        assert_eq!(*targets((0..500).map(|_| 0)).last().unwrap(), 10);
        let restless = targets((0..2_000).map(|n| (n * 7_919) % 60));
        let last = restless[1_000..].iter();
        assert!(
            last.clone().min().unwrap() >= &45 && last.max().unwrap() <= &65,
            "{:?}",
            &restless[1_000..1_050]
        );
    }

    #[test]
    fn copies_are_waited_for_on_top() {
        let mut delay = Delay::new(500 * 48);
        for n in 0..200 {
            delay.arrived(n * 960, n * 960);
        }
        assert_eq!(delay.target(200 * 960, 2_880), 2_880 + BIN);
        assert_eq!(delay.target(200 * 960, 1_000_000), 500 * 48, "at most so much");
    }

    #[test]
    fn a_longer_way_is_no_jitter() {
        let route = targets((0..1_500).map(|n| if n < 500 { 0 } else { 80 }));
        assert!(route[520] >= 80, "at first it is, {}", route[520]);
        assert_eq!(*route.last().unwrap(), 10);
    }

    #[test]
    fn spikes_that_come_back_are_waited_for_until_they_stay_away() {
        // every 2 s one packet of 120 ms: far fewer than the quantile sees
        let spiked = targets((0..4_000).map(|n| if n < 2_000 && n % 100 == 50 { 120 } else { 0 }));
        assert!(spiked[1_040] >= 120, "{}", spiked[1_040]);
        assert_eq!(*spiked.last().unwrap(), 10);
        let once = targets((0..600).map(|n| if n == 300 { 200 } else { 0 }));
        assert_eq!(once[400], 10, "once is no habit");
    }

    #[test]
    fn clocks_that_drift_are_followed() {
        for drift in [-200_i64, 200] {
            let mut delay = Delay::new(500 * 48);
            for n in 0..30_000_i64 {
                let timestamp = n * 960;
                delay.arrived(timestamp + timestamp * drift / 1_000_000, timestamp);
            }
            let moved = 30_000 * 960 * drift / 1_000_000;
            assert!((delay.base().unwrap() - moved).abs() < BIN, "{:?} {moved}", delay.base());
            assert_eq!(delay.target(30_000 * 960, 0), LEAST);
        }
    }

    #[test]
    fn a_standing_queue_is_told_apart_from_an_empty_one() {
        let mut delay = Delay::new(500 * 48);
        for n in 0..500 {
            delay.arrived(n * 960, n * 960);
        }
        assert!(delay.take_standing() < 480);
        for n in 500..1_000 {
            delay.arrived(n * 960 + n % 7 * 2_000, n * 960);
        }
        assert!(delay.take_standing() < 480, "jitter");
        for n in 1_000..1_500 {
            delay.arrived(n * 960 + 9_600 + n % 7 * 2_000, n * 960);
        }
        assert!((delay.take_standing() - 9_600).abs() < 480);
        assert_eq!(delay.take_standing(), 0, "nothing came");
    }
}
