//! Slots that a machine can tell apart: half a second of seeded noise for each piece of a notice.

use std::collections::BTreeMap;
use std::path::Path;
use waybell_domain::flow::{Flow, notice_arrived};

/// Writes a WAV for each piece that the built-in notice may say with these variables.
pub fn slots(folder: &Path, variables: &[(&str, &str)]) -> anyhow::Result<()> {
    let flow = notice_arrived().map_err(|p| anyhow::anyhow!("{p:?}"))?;
    slots_of(folder, &flow, variables)
}

/// The same for any flow. Pieces that two flows share sound the same in both.
pub fn slots_of(folder: &Path, flow: &Flow, variables: &[(&str, &str)]) -> anyhow::Result<()> {
    std::fs::create_dir_all(folder)?;
    let values: BTreeMap<String, String> =
        variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
    for text in waybell_server::flow::pieces(flow, &values) {
        let name: String = text.chars().filter(|c| c.is_alphanumeric()).take(80).collect();
        let file = folder.join(format!("{name}.wav"));
        if !file.exists() {
            let n = std::fs::read_dir(folder)?.count() as u64 + 1;
            std::fs::write(file, wav(&noise(n, 4_000)))?;
        }
    }
    Ok(())
}

/// Noise with a slow swell, so that its loudness has a shape too.
fn noise(seed: u64, samples: usize) -> Vec<i16> {
    let mut x = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    (0..samples)
        .map(|i| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            let swell = (i as f64 / 300.0 * (1.0 + seed as f64 / 7.0)).sin().abs();
            ((x % 16_000) as f64 * swell) as i16 - (8_000.0 * swell) as i16
        })
        .collect()
}

fn wav(pcm: &[i16]) -> Vec<u8> {
    let data = (pcm.len() * 2) as u32;
    let mut out = Vec::with_capacity(44 + pcm.len() * 2);
    out.extend(b"RIFF");
    out.extend((36 + data).to_le_bytes());
    out.extend(b"WAVEfmt ");
    out.extend(16u32.to_le_bytes());
    out.extend(1u16.to_le_bytes());
    out.extend(1u16.to_le_bytes());
    out.extend(8_000u32.to_le_bytes());
    out.extend(16_000u32.to_le_bytes());
    out.extend(2u16.to_le_bytes());
    out.extend(16u16.to_le_bytes());
    out.extend(b"data");
    out.extend(data.to_le_bytes());
    for s in pcm {
        out.extend(s.to_le_bytes());
    }
    out
}
