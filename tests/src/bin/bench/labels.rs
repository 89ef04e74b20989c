//! Numbers off photographed labels: `labels.py` renders them and reads them with RapidOCR, the core finds the numbers.
//!
//! RapidOCR comes from PyPI into an environment below `target/`, the font from Debian; where that cannot be done the part is
//! left out, and says so. A label counts as legible if the recogniser has written the recipient's digits anywhere in a
//! line: what it has misread no parser can know, and must then not be sure of.

use serde::Deserialize;
use std::process::{Command, Stdio};
use waybell_domain::phone::spot::{Line, on_label};
use waybell_tests::results::{Figure, figure};

const SCRIPT: &str = include_str!("labels.py");
const FONT: &str = "/usr/share/fonts/truetype/wqy/wqy-microhei.ttc";
const LABELS: u32 = 200;

#[derive(Deserialize)]
struct Label {
    recipient: String,
    sender: String,
    extension: String,
    lines: Vec<(String, f32)>,
}

/// Any run of digits, so that others than those it was written with are seen: the day's number is the seed.
fn seed() -> String {
    let days = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .map_or(1, |since| since.as_secs() / 86_400);
    std::env::var("SEED").unwrap_or_else(|_| days.to_string())
}

fn read(seed: &str) -> anyhow::Result<Vec<Label>> {
    anyhow::ensure!(std::path::Path::new(FONT).exists(), "no {FONT}: install fonts-wqy-microhei");
    let python = waybell_tests::python::environment("label-ocr", &["rapidocr-onnxruntime==1.4.4", "pillow"])?;
    let output = Command::new(python)
        .args(["-c", SCRIPT, seed, &LABELS.to_string()])
        .stderr(Stdio::null())
        .output()?;
    anyhow::ensure!(output.status.success(), "the labels' script failed");
    let text = String::from_utf8(output.stdout)?;
    text.lines().map(|line| Ok(serde_json::from_str(line)?)).collect()
}

pub(super) fn measure() -> anyhow::Result<Vec<Figure>> {
    let seed = seed();
    let labels = match read(&seed) {
        Ok(labels) => labels,
        Err(error) => {
            eprintln!("labels: left out, they cannot be read here: {error:#}");
            return Ok(Vec::new());
        }
    };
    let (mut legible, mut right, mut sure, mut wrong) = (0.0, 0.0, 0.0, 0.0);
    for label in &labels {
        let lines: Vec<Line<'_>> =
            label.lines.iter().map(|(text, score)| Line { text, score: Some(*score) }).collect();
        let found = on_label(&lines);
        let key = match label.extension.as_str() {
            "" => format!("+86{}", label.recipient),
            extension => format!("+86{};ext={extension}", label.recipient),
        };
        let digits = |text: &str| text.chars().filter(char::is_ascii_digit).collect::<String>();
        let printed = [&label.recipient, &label.sender];
        if label.lines.iter().any(|(text, _)| digits(text).contains(&label.recipient)) {
            legible += 1.0;
            let first = found.first().and_then(|c| c.phone.as_ref());
            right += f64::from(u8::from(first.is_some_and(|p| p.key() == key)));
        }
        for phone in found.iter().filter(|c| c.sure()).filter_map(|c| c.phone.as_ref()) {
            sure += 1.0;
            let number = phone.dial_string();
            let is_printed = phone.key() == key || number == label.sender || number.starts_with("400");
            if !is_printed {
                eprintln!("labels: sure of {number}, printed were {printed:?}");
                wrong += 1.0;
            }
        }
    }
    let note = format!(
        "{LABELS} labels of seed {seed}, {legible} of them legible to the recogniser, {sure} numbers sure"
    );
    let mut figures =
        vec![figure("label.right", "", &[right / legible]), figure("label.wrong_sure", "", &[wrong])];
    figures.iter_mut().for_each(|f| f.note.clone_from(&note));
    Ok(figures)
}
