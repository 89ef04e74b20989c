//! Which packets are missing, and in runs of what length.

/// Packets over which the loss is averaged: about 2 s.
const MEMORY: f32 = 1.0 / 96.0;

/// Extends sequence numbers and counts what is missing.
#[derive(Clone, Debug, Default)]
pub(super) struct Loss {
    highest: Option<i64>,
    /// Bit n: the packet `highest - n` came.
    seen: u128,
    interval: Interval,
    average: f32,
    /// What would follow a packet that was far from where the stream is.
    elsewhere: Option<u16>,
}

/// What happened since the last report.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Interval {
    pub(super) expected: u32,
    pub(super) lost: u32,
    pub(super) runs: u32,
}

/// A packet by its number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seen {
    /// For the first time; its extended number.
    New(i64),
    Again,
    /// Far from where the stream is, and nothing yet says that it goes on from there.
    Stray,
    /// The second in a row of another stream (RFC 3550, A.1).
    Restart(i64),
}

impl Loss {
    pub(super) fn see(&mut self, sequence: u16) -> Seen {
        let Some(highest) = self.highest else {
            self.highest = Some(i64::from(sequence));
            self.seen = 1;
            self.interval.expected += 1;
            return Seen::New(i64::from(sequence));
        };
        let step = i64::from(sequence.wrapping_sub(highest as u16) as i16);
        let number = highest + step;
        if !(-127..=1_000).contains(&step) {
            if self.elsewhere != Some(sequence) {
                self.elsewhere = Some(sequence.wrapping_add(1));
                return Seen::Stray;
            }
            *self = Loss { highest: Some(number), seen: 1, average: self.average, ..Loss::default() };
            self.interval.expected = 1;
            return Seen::Restart(number);
        }
        if step > 0 {
            let missing = step as u32 - 1;
            self.interval.expected += step as u32;
            self.interval.lost += missing;
            self.interval.runs += u32::from(missing > 0);
            self.seen = if step < 128 { self.seen << step | 1 } else { 1 };
            self.highest = Some(number);
            for _ in 0..missing.min(400) {
                self.average += (1.0 - self.average) * MEMORY;
            }
            self.average -= self.average * MEMORY;
            return Seen::New(number);
        }
        let bit = 1_u128 << step.unsigned_abs();
        if self.seen & bit != 0 {
            return Seen::Again;
        }
        self.seen |= bit;
        // It was late, not lost.
        self.interval.lost = self.interval.lost.saturating_sub(1);
        self.average = (self.average - MEMORY).max(0.0);
        Seen::New(number)
    }

    /// Share of packets lost lately, 0 to 1.
    pub(super) fn average(&self) -> f32 {
        self.average
    }

    /// What happened since this was last asked.
    pub(super) fn take(&mut self) -> Interval {
        std::mem::take(&mut self.interval)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_go_on_past_their_end_and_doubles_are_known() {
        let mut loss = Loss::default();
        assert_eq!(loss.see(65_534), Seen::New(65_534));
        assert_eq!(loss.see(65_535), Seen::New(65_535));
        assert_eq!(loss.see(1), Seen::New(65_537));
        assert_eq!(loss.see(0), Seen::New(65_536), "late");
        assert_eq!(loss.see(0), Seen::Again);
        assert_eq!(loss.see(1), Seen::Again);
        let all = loss.take();
        assert_eq!((all.expected, all.lost), (4, 0));
        assert_eq!(loss.see(30_000), Seen::Stray);
        assert_eq!(loss.see(2), Seen::New(65_538), "it was one packet only");
        assert_eq!(loss.see(30_001), Seen::Restart(65_536 + 30_001));
        for back in [29_000, 29_001] {
            let seen = loss.see(back);
            assert_eq!(seen == Seen::Stray, back == 29_000, "{seen:?}");
        }
    }

    #[test]
    fn shares_and_runs_are_counted() {
        let mut loss = Loss::default();
        for n in 0..1_000_u16 {
            if n % 10 != 3 && n % 10 != 4 {
                loss.see(n);
            }
        }
        let all = loss.take();
        assert_eq!((all.expected, all.lost, all.runs), (1_000, 200, 100));
        assert!((loss.average() - 0.2).abs() < 0.03, "{}", loss.average());
        assert_eq!(loss.take().expected, 0);
    }
}
