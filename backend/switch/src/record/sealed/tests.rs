use super::super::wav::{self, HEADER};
use super::write::SealedFile;
use super::*;
use std::path::{Path, PathBuf};
use tempfile::TempDir;

fn key(id: u8, secret: u8) -> FileKey {
    FileKey::new([id; 16], &[secret; 32]).expect("key")
}

/// Sound in which each place differs from its neighbours.
fn sound(n: usize) -> Vec<u8> {
    (0..n).map(|i| (i * 7 + i / 251) as u8).collect()
}

fn write(path: &Path, key: &FileKey, channels: u8, sound: &[u8]) -> SealedFile {
    let mut file = SealedFile::create(path, key.clone(), channels).expect("create");
    for second in sound.chunks(8_000 * usize::from(channels)) {
        file.push(second).expect("push");
    }
    file
}

fn whole(channels: u8, bytes: usize) -> (TempDir, PathBuf, FileKey) {
    let dir = tempfile::tempdir().expect("dir");
    let (path, key) = (dir.path().join("a"), key(1, 2));
    write(&path, &key, channels, &sound(bytes)).finish(u64::MAX).expect("finish");
    (dir, path, key)
}

/// The whole WAV, read in pieces of this size.
fn read(path: &Path, key: &FileKey, piece: usize) -> Result<Vec<u8>, SealError> {
    let mut file = Sealed::open(path, key)?;
    let mut out = Vec::new();
    let mut buffer = vec![0; piece];
    loop {
        let n = file.read_at(out.len() as u64, &mut buffer)?;
        if n == 0 {
            assert_eq!(out.len() as u64, file.bytes());
            return Ok(out);
        }
        out.extend_from_slice(&buffer[..n]);
    }
}

fn expected(channels: u8, bytes: usize) -> Vec<u8> {
    let mut wav = wav::header(channels, bytes as u64).to_vec();
    wav.extend(sound(bytes));
    wav
}

#[test]
fn what_is_written_is_read_from_any_place() {
    for (channels, bytes) in [(1, 0), (1, 1), (1, 8_000), (2, 16_000), (2, 40_002), (1, 24_000)] {
        let (_dir, path, key) = whole(channels, bytes);
        let expected = expected(channels, bytes);
        for piece in [13, 1_000, 100_000] {
            assert_eq!(read(&path, &key, piece).expect("read"), expected, "{channels} {bytes} {piece}");
        }
        let mut file = Sealed::open(&path, &key).expect("open");
        assert_eq!(file.channels(), channels);
        for at in [0, 57, 58, 59, 8_057, 16_059, expected.len()] {
            let Some(rest) = expected.get(at..).filter(|r| !r.is_empty()) else { continue };
            let mut one = [0];
            assert_eq!(file.read_at(at as u64, &mut one).expect("read"), 1);
            assert_eq!(one[0], rest[0], "{channels} {bytes} at {at}");
        }
        assert_eq!(file.read_at(expected.len() as u64, &mut [0]).expect("read"), 0);
    }
}

#[test]
fn no_sound_lies_in_clear_and_no_two_files_are_alike() {
    let (_dir, path, key) = whole(2, 48_000);
    let on_disk = std::fs::read(&path).expect("read");
    let sound = sound(48_000);
    for part in sound.chunks(8) {
        assert!(!on_disk.windows(8).any(|w| w == part), "a piece of the sound is on the disk");
    }
    let other = path.with_extension("2");
    write(&other, &key, 2, &sound).finish(u64::MAX).expect("finish");
    let again = std::fs::read(&other).expect("read");
    let same = on_disk[32..].iter().zip(&again[32..]).filter(|(a, b)| a == b).count();
    assert!(same < 48_000 / 100, "{same} bytes are the same with fresh nonces");
}

#[test]
fn a_byte_that_was_changed_is_noticed_wherever_it_is() {
    let (_dir, path, key) = whole(1, 17_000);
    attach(&path, &key, b"peaks").expect("attach");
    let good = std::fs::read(&path).expect("read");
    let all = |path: &Path| -> Result<(), SealError> {
        read(path, &key, 4_096)?;
        Sealed::open(path, &key)?.extra().map(drop)
    };
    all(&path).expect("good");
    // each byte of the beginning and the end, and some of each record
    let places = (0..200).chain((200..good.len()).step_by(97)).chain(good.len() - 40..good.len());
    for at in places {
        let mut bad = good.clone();
        bad[at] ^= 0x10;
        std::fs::write(&path, &bad).expect("write");
        assert!(all(&path).is_err(), "byte {at}");
    }
    std::fs::write(&path, &good).expect("write");
    let mut bad = good.clone();
    bad[76 + 8_028 + 100] ^= 1;
    std::fs::write(&path, &bad).expect("write");
    let told = read(&path, &key, 4_096).expect_err("changed").to_string();
    assert_eq!(told, "the sound of second 2 was changed, or the key is not the file's");
    // what was not changed is heard
    let mut buffer = [0; 100];
    assert_eq!(Sealed::open(&path, &key).expect("open").read_at(100, &mut buffer).expect("read"), 100);
}

#[test]
fn a_file_that_was_cut_lengthened_or_reordered_is_noticed() {
    let (_dir, path, key) = whole(1, 20_000);
    let good = std::fs::read(&path).expect("read");
    // at every border of a record, and elsewhere
    for length in [0, 10, 31, 32, 75, 76, 76 + 8_028, 76 + 2 * 8_028, good.len() - 1] {
        std::fs::write(&path, &good[..length]).expect("write");
        assert!(Sealed::open(&path, &key).is_err(), "{length} bytes");
    }
    let mut longer = good.clone();
    longer.push(0);
    std::fs::write(&path, &longer).expect("write");
    assert!(matches!(Sealed::open(&path, &key), Err(SealError::Length { .. })));
    let mut turned = good.clone();
    let (one, two) = (76..76 + 8_028, 76 + 8_028..76 + 2 * 8_028);
    turned[one.clone()].copy_from_slice(&good[two.clone()]);
    turned[two].copy_from_slice(&good[one]);
    std::fs::write(&path, &turned).expect("write");
    assert!(matches!(read(&path, &key, 4_096), Err(SealError::Changed(_))));
    // an end that was taken away
    let mut open = good.clone();
    open[32..76].fill(0);
    std::fs::write(&path, &open).expect("write");
    assert!(matches!(Sealed::open(&path, &key), Err(SealError::Unclosed)));
}

#[test]
fn files_and_keys_are_not_taken_for_others() {
    let (dir, path, own) = whole(1, 9_000);
    assert!(matches!(Sealed::open(&path, &key(2, 2)), Err(SealError::Foreign)));
    assert!(matches!(Sealed::open(&path, &key(1, 3)), Err(SealError::Changed(_))));
    // a record of another file with the same key and number
    let other = dir.path().join("b");
    write(&other, &key(9, 2), 1, &sound(9_000)).finish(u64::MAX).expect("finish");
    let (mut bytes, from) = (std::fs::read(&path).expect("read"), std::fs::read(&other).expect("read"));
    bytes[76..76 + 8_028].copy_from_slice(&from[76..76 + 8_028]);
    std::fs::write(&path, &bytes).expect("write");
    assert!(matches!(read(&path, &own, 4_096), Err(SealError::Changed(_))));
    std::fs::write(&path, b"RIFF").expect("write");
    assert!(matches!(Sealed::open(&path, &own), Err(SealError::NotSealed)));
    std::fs::write(&path, wav::header(1, 100)).expect("write");
    assert!(matches!(Sealed::open(&path, &own), Err(SealError::NotSealed)));
    let mut later = bytes;
    later[8] = 2;
    std::fs::write(&path, later).expect("write");
    assert!(matches!(Sealed::open(&path, &own), Err(SealError::Form(2))));
}

#[test]
fn a_writer_that_dies_anywhere_leaves_every_whole_second() {
    let dir = tempfile::tempdir().expect("dir");
    let (path, key) = (dir.path().join("a"), key(1, 2));
    let mut file = write(&path, &key, 1, &sound(24_000));
    file.push(&sound(3_000)).expect("push");
    let open = std::fs::read(&path).expect("read");
    assert!(matches!(Sealed::open(&path, &key), Err(SealError::Unclosed)));
    let record = 8_028;
    for length in [76, 77, 76 + record - 1, 76 + record, 76 + record + 5_000, 76 + 3 * record, open.len()] {
        std::fs::write(&path, &open[..length]).expect("write");
        mend(&path, &key).expect("mend");
        let seconds = (length - 76) / record;
        let rest = if length == open.len() { 3_000 } else { 0 };
        let heard = read(&path, &key, 4_096).expect("read");
        assert_eq!(heard.len(), HEADER as usize + seconds * 8_000 + rest, "{length} bytes");
        let wanted = [&sound(24_000)[..], &sound(3_000)].concat();
        assert_eq!(heard[HEADER as usize..], wanted[..heard.len() - HEADER as usize]);
        // mending is done once
        let once = std::fs::read(&path).expect("read");
        mend(&path, &key).expect("again");
        assert_eq!(std::fs::read(&path).expect("read"), once);
    }
    for length in [0, 31, 75] {
        std::fs::write(&path, &open[..length]).expect("write");
        assert!(mend(&path, &key).is_err(), "{length} bytes hold nothing");
    }
    // a death while the extra is being added
    let (_dir, path, key) = whole(1, 9_000);
    let wanted = read(&path, &key, 4_096).expect("read");
    let mut longer = std::fs::read(&path).expect("read");
    longer.extend([7; 100]);
    std::fs::write(&path, longer).expect("write");
    mend(&path, &key).expect("mend");
    assert_eq!(read(&path, &key, 4_096).expect("read"), wanted);
    attach(&path, &key, b"peaks").expect("attach");
    attach(&path, &key, b"more peaks").expect("attach");
    assert_eq!(
        Sealed::open(&path, &key).expect("open").extra().expect("extra").as_deref(),
        Some(&b"more peaks"[..])
    );
    assert_eq!(read(&path, &key, 4_096).expect("read"), wanted);
}

#[test]
fn the_end_may_lie_before_what_was_written() {
    let dir = tempfile::tempdir().expect("dir");
    for (cut, records) in
        [(0, 0), (1, 1), (8_000, 1), (8_001, 2), (15_999, 2), (16_000, 2), (19_999, 3), (20_000, 3)]
    {
        let (path, key) = (dir.path().join(cut.to_string()), key(1, 2));
        write(&path, &key, 1, &sound(20_000)).finish(cut).expect("finish");
        let heard = read(&path, &key, 4_096).expect("read");
        assert_eq!(heard[HEADER as usize..], sound(20_000)[..cut as usize], "{cut}");
        let length = std::fs::metadata(&path).expect("there").len() as usize;
        assert_eq!(length.saturating_sub(76).div_ceil(8_028), records, "{cut}");
    }
}

#[test]
fn a_recording_in_clear_is_sealed_to_the_last_byte() {
    let dir = tempfile::tempdir().expect("dir");
    let (from, key) = (dir.path().join("a.wav"), key(1, 2));
    for (channels, bytes) in [(1, 0), (2, 16_000), (2, 100_002), (1, 8_001)] {
        let to = dir.path().join(format!("{channels}-{bytes}"));
        std::fs::write(&from, expected(channels, bytes)).expect("write");
        seal(&from, &to, &key).expect("seal");
        assert_eq!(read(&to, &key, 4_096).expect("read"), expected(channels, bytes));
        assert!(seal(&from, &to, &key).is_err(), "nothing is written over");
    }
    let to = dir.path().join("none");
    for other in [&b"RIFF"[..], &[0; 58], &expected(1, 100)[..150]] {
        std::fs::write(&from, other).expect("write");
        assert!(matches!(seal(&from, &to, &key), Err(SealError::NotSealed)));
        assert!(!to.exists());
    }
}
