//! A network that loses, delays, doubles and reorders, by a seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use std::time::Duration;

/// IP, UDP, SRTP and header extensions around a payload, bytes.
pub const OVERHEAD: usize = 58;

/// How packets are lost.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Loss {
    /// Not at all.
    None,
    /// Each by itself, with this probability.
    Random(f64),
    /// In runs (Gilbert and Elliott): overall share, and mean length of a run in packets.
    Bursts(f64, f64),
    /// The same losses in turns of so long: first without any.
    Turns(f64, f64, Duration),
}

/// What is added to the delay.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Jitter {
    /// Nothing.
    None,
    /// The positive half of a normal distribution with this deviation, ms.
    Normal(f64),
    /// Pareto with this mean, ms, and shape 2.5: mostly little, sometimes much.
    Pareto(f64),
    /// A stall of so many ms at random, on average each so many s; what is sent meanwhile comes all at once.
    Stalls(f64, f64),
}

/// One direction of a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Network {
    /// Losses.
    pub loss: Loss,
    /// Delay of the fastest packet.
    pub delay: Duration,
    /// More delay.
    pub jitter: Jitter,
    /// Bits a second with all headers, and the longest queue before it; what finds it full is lost.
    pub rate: Option<(f64, Duration)>,
    /// Share of packets that are held back 10 to 40 ms and may be overtaken.
    pub reordered: f64,
    /// Share of packets that come twice.
    pub doubled: f64,
}

impl Network {
    /// 40 ms, nothing lost.
    pub const GOOD: Network = Network {
        loss: Loss::None,
        delay: Duration::from_millis(40),
        jitter: Jitter::None,
        rate: None,
        reordered: 0.0,
        doubled: 0.0,
    };

    /// The same with losses.
    #[must_use]
    pub fn with_loss(self, loss: Loss) -> Network {
        Network { loss, ..self }
    }

    /// The same with jitter.
    #[must_use]
    pub fn with_jitter(self, jitter: Jitter) -> Network {
        Network { jitter, ..self }
    }
}

/// A direction that packets are sent along.
pub struct Link {
    network: Network,
    random: StdRng,
    in_burst: bool,
    /// When the queue is empty, s.
    free: f64,
    last: f64,
    stall_until: f64,
    next_stall: f64,
}

impl Link {
    /// By a seed.
    #[must_use]
    pub fn new(network: Network, seed: u64) -> Link {
        let mut random = StdRng::seed_from_u64(seed);
        // The state of the losses is one that a long run would be found in.
        let in_burst = match network.loss {
            Loss::Bursts(share, _) => random.random_bool(share),
            _ => false,
        };
        Link { network, random, in_burst, free: 0.0, last: 0.0, stall_until: 0.0, next_stall: f64::NAN }
    }

    /// When a packet with so much payload, sent at `now`, arrives: never, once or twice.
    pub fn send(&mut self, now: Duration, payload: usize) -> Vec<Duration> {
        let now = now.as_secs_f64();
        let mut leaves = now;
        if let Some((rate, queue)) = self.network.rate {
            let begins = self.free.max(now);
            if begins - now > queue.as_secs_f64() {
                return Vec::new();
            }
            leaves = begins + ((payload + OVERHEAD) * 8) as f64 / rate;
            self.free = leaves;
        }
        if self.is_lost(now) {
            return Vec::new();
        }
        let jitter = self.jitter(now);
        let mut arrives = leaves + self.network.delay.as_secs_f64() + jitter;
        if self.random.random_bool(self.network.reordered) {
            arrives += self.random.random_range(0.010..0.040);
        } else {
            // One way, one queue: nobody overtakes.
            arrives = arrives.max(self.last);
            self.last = arrives;
        }
        let mut all = vec![Duration::from_secs_f64(arrives)];
        if self.random.random_bool(self.network.doubled) {
            all.push(Duration::from_secs_f64(arrives + self.random.random_range(0.0..0.030)));
        }
        all
    }

    fn is_lost(&mut self, now: f64) -> bool {
        match self.network.loss {
            Loss::None => false,
            Loss::Random(share) => self.random.random_bool(share),
            Loss::Bursts(share, length) => self.burst(share, length),
            Loss::Turns(share, length, turn) => {
                let lost = self.burst(share, length);
                lost && !((now / turn.as_secs_f64()) as u64).is_multiple_of(2)
            }
        }
    }

    fn burst(&mut self, share: f64, length: f64) -> bool {
        let ends = 1.0 / length;
        let begins = ends * share / (1.0 - share);
        let change = if self.in_burst { ends } else { begins };
        if self.random.random_bool(change.min(1.0)) {
            self.in_burst = !self.in_burst;
        }
        self.in_burst
    }

    fn jitter(&mut self, now: f64) -> f64 {
        let uniform: f64 = self.random.random_range(1e-9..1.0);
        match self.network.jitter {
            Jitter::None => 0.0,
            Jitter::Normal(deviation) => {
                let other: f64 = self.random.random_range(0.0..std::f64::consts::TAU);
                ((-2.0 * uniform.ln()).sqrt() * other.cos()).abs() * deviation / 1_000.0
            }
            Jitter::Pareto(mean) => {
                let least = mean * 1.5 / 2.5;
                ((least / uniform.powf(1.0 / 2.5) - least) / 1_000.0).min(0.6)
            }
            Jitter::Stalls(height, each) => {
                if self.next_stall.is_nan() {
                    self.next_stall = now - each * uniform.ln();
                }
                if now >= self.next_stall {
                    self.stall_until = now + height / 1_000.0;
                    self.next_stall = self.stall_until - each * uniform.ln();
                }
                (self.stall_until - now).max(0.0)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(network: Network, n: u64) -> Vec<Vec<Duration>> {
        let mut link = Link::new(network, 7);
        (0..n).map(|k| link.send(Duration::from_millis(20 * k), 60)).collect()
    }

    #[test]
    fn losses_have_their_share_and_their_length() {
        for (loss, share, length) in [
            (Loss::Random(0.2), 0.2, 1.25),
            (Loss::Bursts(0.2, 2.5), 0.2, 2.5),
            (Loss::Bursts(0.05, 4.0), 0.05, 4.0),
        ] {
            let all = sent(Network::GOOD.with_loss(loss), 100_000);
            let lost: Vec<bool> = all.iter().map(Vec::is_empty).collect();
            let count = lost.iter().filter(|l| **l).count() as f64;
            let runs = lost.windows(2).filter(|w| !w[0] && w[1]).count() as f64;
            assert!((count / 100_000.0 - share).abs() < 0.01, "{loss:?}: {count}");
            assert!((count / runs - length).abs() < 0.1 * length, "{loss:?}: {}", count / runs);
        }
    }

    #[test]
    fn a_narrow_way_lets_through_what_it_can_and_holds_no_more_than_its_queue() {
        let network = Network { rate: Some((24_000.0, Duration::from_millis(200))), ..Network::GOOD };
        let all = sent(network, 5_000);
        // 118 bytes each 20 ms are 47.2 kbit/s
        let passed = all.iter().filter(|a| !a.is_empty()).count() as f64 / 5_000.0;
        assert!((passed - 24.0 / 47.2).abs() < 0.02, "{passed}");
        let worst =
            all.iter().enumerate().flat_map(|(n, a)| a.first().map(|a| a.as_millis() as u64 - 20 * n as u64));
        assert!(worst.max().unwrap() <= 40 + 200 + 40);
    }

    #[test]
    fn jitter_keeps_the_order_and_reordering_does_not() {
        for jitter in [Jitter::Normal(30.0), Jitter::Pareto(25.0), Jitter::Stalls(200.0, 2.0)] {
            let all = sent(Network::GOOD.with_jitter(jitter), 5_000);
            assert!(all.windows(2).all(|w| w[0] <= w[1]), "{jitter:?}");
            let late =
                all.iter().enumerate().filter(|(n, a)| a[0].as_millis() as u64 > 20 * *n as u64 + 60).count();
            assert!(late > 50, "{jitter:?}: {late}");
        }
        let network = Network { reordered: 0.05, doubled: 0.02, ..Network::GOOD };
        let all = sent(network, 5_000);
        assert!(all.windows(2).any(|w| w[0][0] > w[1][0]));
        let doubled = all.iter().filter(|a| a.len() == 2).count();
        assert!((60..150).contains(&doubled), "{doubled}");
    }
}
