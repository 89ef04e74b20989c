use super::sealed::{FileKey, Sealed, mend};
use super::timeline::{SILENCE, Timeline};
use super::wav::HEADER;
use super::writer::Writer;
use super::{RecordSpec, Recorder, RecordingEnd, ways};
use crate::media::Codec;
use crate::rtp::monotonic;
use std::path::Path;

fn finish(end: tokio::sync::oneshot::Receiver<RecordingEnd>) -> RecordingEnd {
    end.blocking_recv().expect("an end")
}

/// A recorder whose writer works when the test says, at the time the test says.
fn by_hand() -> (Recorder, Writer) {
    let (ways, writer) = ways();
    let recorder = Recorder::default();
    assert!(recorder.writer.set(ways).is_ok());
    (recorder, writer)
}

/// Begin of a recording, nanoseconds of no clock.
const START: u64 = 7_000_000_000;
const SECOND: u64 = 1_000_000_000;
/// Between two packets.
const PACKET: u64 = 20_000_000;

fn loudest(sound: &[u8]) -> u16 {
    sound.iter().map(|b| Codec::Pcma.decode(*b).unsigned_abs()).max().unwrap_or(0)
}

fn key() -> FileKey {
    FileKey::new([1; 16], &[2; 32]).expect("key")
}

fn samples(path: &Path) -> (u16, Vec<u8>) {
    let mut file = Sealed::open(path, &key()).expect("whole");
    let mut bytes = vec![0; file.bytes() as usize];
    let mut at = 0;
    while at < bytes.len() {
        at += file.read_at(at as u64, &mut bytes[at..]).expect("sound");
    }
    let channels = u16::from_le_bytes([bytes[22], bytes[23]]);
    let told = u32::from_le_bytes(bytes[54..58].try_into().expect("four")) as usize;
    assert_eq!(&bytes[..4], b"RIFF");
    assert_eq!(told, bytes.len() - HEADER as usize);
    (channels, bytes[HEADER as usize..].to_vec())
}

/// A loud tone of 1 kHz.
fn tone(codec: Codec, n: usize) -> Vec<u8> {
    let wave = |i: usize| ((i as f64 * std::f64::consts::TAU / 8.0).sin() * 8_000.0) as i16;
    (0..n).map(|i| codec.encode(wave(i))).collect()
}

#[test]
fn two_legs_are_two_channels() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("a.wav");
    let (recorder, mut writer) = by_hand();
    let spec = RecordSpec { path: path.clone(), key: key(), cut_silence: false };
    let (mut taps, end) = recorder.open(spec, 2, START);
    let (right, left) = (taps.pop().expect("right"), taps.pop().expect("left"));
    for n in 0..10u32 {
        let at = START + u64::from(n) * PACKET;
        left.push(Codec::Pcma, 5_000 + n * 160, at, &tone(Codec::Pcma, 160));
        if n >= 5 {
            right.push(
                Codec::Pcmu,
                (u32::MAX - 200).wrapping_add((n - 5) * 160),
                at,
                &tone(Codec::Pcmu, 160),
            );
        }
    }
    drop(left);
    drop(right);
    writer.step(START + PACKET * 10);
    let end = finish(end);
    assert_eq!((end.ms, end.lost, end.problem), (200, 0, None));
    let (channels, data) = samples(&path);
    assert_eq!((channels, data.len()), (2, 3_200));
    let right: Vec<u8> = data.iter().skip(1).step_by(2).copied().collect();
    assert!(right[..800].iter().all(|b| *b == SILENCE));
    assert!(loudest(&right[800..]) > 7_000);
    assert!(data.iter().step_by(2).take(1_600).any(|b| *b != SILENCE));
}

#[test]
fn silence_at_the_end_is_cut_and_no_speech_is_none() {
    let dir = tempfile::tempdir().expect("dir");
    let (recorder, mut writer) = by_hand();
    for (name, spoken) in [("a.wav", 50u32), ("b.wav", 0)] {
        let path = dir.path().join(name);
        let (taps, end) =
            recorder.open(RecordSpec { path: path.clone(), key: key(), cut_silence: true }, 1, START);
        for n in 0..200u32 {
            let quiet = vec![SILENCE; 160];
            let speech = if n < spoken { tone(Codec::Pcma, 160) } else { quiet };
            taps[0].push(Codec::Pcma, n * 160, START + u64::from(n) * PACKET, &speech);
        }
        drop(taps);
        writer.step(START + 4 * SECOND);
        let end = finish(end);
        assert_eq!(end.speech_ms, u64::from(spoken) * 20);
        assert_eq!(end.ms, u64::from(spoken) * 20 + 500);
        assert_eq!(samples(&path).1.len(), end.ms as usize * 8);
    }
}

#[test]
fn packets_lie_by_their_timestamps_and_a_new_source_by_its_arrival() {
    let mut line = Timeline::new(1);
    let put = |line: &mut Timeline, ts: u32, arrival: u64, b: u8| {
        line.place(0, Codec::Pcma, ts, arrival, &[b; 160])
    };
    // three that came in one reading, the second and third turned round
    assert!(put(&mut line, 1_000, 700, 1));
    assert!(put(&mut line, 1_320, 700, 3));
    assert!(put(&mut line, 1_160, 700, 2));
    // a new source, far off by its timestamps
    assert!(put(&mut line, 90_000, 4_000, 4));
    let mut out = Vec::new();
    line.take(4_160, &mut out);
    assert_eq!([out[700], out[860], out[1_020], out[1_180], out[4_000]], [1, 2, 3, SILENCE, 4]);
    // what was written is written
    assert!(!put(&mut line, 90_000, 4_000, 5));
    assert!(!put(&mut line, 90_000, 4_160 + 8_000 * 60, 5), "no packet of this call");
    assert_eq!((line.base(), line.end()), (4_160, 4_160));
}

#[test]
fn a_disk_that_refuses_is_told_and_nothing_stops() {
    let recorder = Recorder::default();
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("no").join("such.wav");
    let (taps, end) = recorder.open(RecordSpec { path, key: key(), cut_silence: false }, 1, monotonic());
    taps[0].push(Codec::Pcma, 0, monotonic(), &[0; 160]);
    drop(taps);
    assert!(finish(end).problem.is_some());
    // one that is there is left alone
    let path = dir.path().join("there.wav");
    std::fs::write(&path, "precious").expect("write");
    let (taps, end) =
        recorder.open(RecordSpec { path: path.clone(), key: key(), cut_silence: false }, 1, monotonic());
    drop(taps);
    assert!(finish(end).problem.is_some());
    assert_eq!(std::fs::read(&path).expect("read"), b"precious");
}

#[test]
fn what_was_said_is_on_the_disk_while_it_is_being_said() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("a.wav");
    let (recorder, mut writer) = by_hand();
    let (taps, end) =
        recorder.open(RecordSpec { path: path.clone(), key: key(), cut_silence: false }, 1, START);
    let dead = dir.path().join("dead.wav");
    for n in 0..150u32 {
        let at = START + u64::from(n) * PACKET;
        taps[0].push(Codec::Pcma, n * 160, at, &tone(Codec::Pcma, 160));
        writer.step(at);
        // what a death at this moment would leave: every whole second that is 400 ms old
        if n % 10 == 9 {
            std::fs::copy(&path, &dead).expect("copy");
            mend(&dead, &key()).expect("mend");
            let (_, heard) = samples(&dead);
            let whole = (at - START).saturating_sub(SECOND * 2 / 5) / SECOND;
            assert_eq!(heard.len() as u64, whole * 8_000, "after packet {n}");
            assert!(heard.chunks(160).all(|part| loudest(part) > 7_000));
        }
    }
    drop(taps);
    writer.step(START + 3 * SECOND);
    finish(end);
    assert_eq!(samples(&path).1.len(), 150 * 160);
}

#[test]
fn the_writer_has_a_thread_of_its_own() {
    let dir = tempfile::tempdir().expect("dir");
    let path = dir.path().join("a.wav");
    let recorder = Recorder::default();
    let (taps, end) =
        recorder.open(RecordSpec { path: path.clone(), key: key(), cut_silence: false }, 1, monotonic());
    // Ahead of the clock, so that it is not late however slowly this thread runs.
    let at = monotonic() + 5 * SECOND;
    taps[0].push(Codec::Pcma, 0, at, &tone(Codec::Pcma, 160));
    drop(taps);
    let end = finish(end);
    assert_eq!((end.lost, end.problem), (0, None));
    assert!(loudest(&samples(&path).1) > 7_000);
}
