//! The truth log: what the carrier saw and did, one JSON object a line, append only.
//!
//! Invariant: the line of an event is in the kernel (one `write` on an `O_APPEND` file) before the message that it
//! describes leaves, so a log read after a crash of anything never misses a ring. The same type is read back by the
//! judge; fields that do not apply are absent.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
};

use serde::{Deserialize, Serialize};

/// One line of the truth log. Times are Unix milliseconds; absent fields do not apply to the event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct TruthEvent {
    /// When, Unix milliseconds.
    pub at_ms: u64,
    /// What: `invite`, `retransmission`, `alerted`, `provisional`, `final`, `acked`, `answered`, `cancelled`, `bye`,
    /// `digits_sent`, `digits_heard`, `heard`, `refused`, `merged`, `challenged`, `ended`, `register`, `options`, ….
    pub event: String,
    /// Who was called, E.164.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub callee: Option<String>,
    /// Call-ID of the call.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call_id: Option<String>,
    /// From tag of the caller.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from_tag: Option<String>,
    /// Via branch of the transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub branch: Option<String>,
    /// CSeq number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cseq: Option<u32>,
    /// `udp`, `tcp` or `tls`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transport: Option<String>,
    /// SIP method, where it is not an INVITE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// User part of the From address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<String>,
    /// The INVITE requires an option nobody knows.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub probe: Option<bool>,
    /// Digest credentials: `none`, `ok` or `bad`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub auth: Option<String>,
    /// The behaviour that the callee was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub behaviour: Option<String>,
    /// SIP status of a provisional or final response.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Reason phrase, or why something happened.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Q.850 cause of the Reason header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<u16>,
    /// Text of the Reason header.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Number of the ring, unique in a log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alert_id: Option<u64>,
    /// Who ended the call: `caller`, `callee` or `carrier`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    /// Keys sent or heard.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digits: Option<String>,
    /// What is wrong with an answer on purpose (`wrong_sdp`).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub fault: Option<String>,
    /// From the answer to the end, milliseconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub talk_ms: Option<u64>,
    /// Prompts that were heard, in order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub heard: Option<Vec<HeardPrompt>>,
    /// Figures of the received media.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media: Option<MediaFigures>,
}

/// One prompt found in the received audio.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct HeardPrompt {
    /// File name of the prompt without its ending.
    pub prompt: String,
    /// Normalised cross-correlation over what was compared, 0 to 1.
    pub score: f64,
    /// Share of the prompt's sounding part that was heard, 0 to 1.
    pub fraction: f64,
    /// Where it began, milliseconds after the first packet; negative when the start was missed.
    pub start_ms: i64,
}

/// What arrived as RTP in one call.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MediaFigures {
    /// Packets with audio received.
    pub packets: u64,
    /// Packets missing from the sequence numbers.
    pub lost: u64,
    /// First sequence number.
    pub first_seq: u16,
    /// Last sequence number.
    pub last_seq: u16,
    /// Longest time between two packets, milliseconds.
    pub max_gap_ms: u64,
    /// How many synchronisation sources were seen.
    pub ssrcs: u32,
    /// Packets of the caller that reached a port which only sent spoofed media.
    pub misled: u64,
    /// Packets sent to the caller.
    pub sent: u64,
}

/// Writer of a truth log; shared by the threads of the carrier.
#[derive(Debug)]
pub struct Truth {
    file: Mutex<File>,
    path: PathBuf,
    lines: AtomicU64,
}

impl Truth {
    /// Opens `path` for appending, creating it where missing.
    ///
    /// # Errors
    /// The file cannot be opened.
    pub fn open(path: &Path) -> std::io::Result<Self> {
        let file = OpenOptions::new().create(true).append(true).open(path)?;
        Ok(Self { file: Mutex::new(file), path: path.to_owned(), lines: AtomicU64::new(0) })
    }

    /// Appends one event; returns after the kernel has it. A full disk loses the line and is reported on stderr.
    pub fn write(&self, event: &TruthEvent) {
        let Ok(mut line) = serde_json::to_vec(event) else { return };
        line.push(b'\n');
        let mut file = self.file.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Err(error) = file.write_all(&line) {
            eprintln!("waybell-carrier: failed to write the truth log: {error}");
        }
        self.lines.fetch_add(1, Ordering::Relaxed);
    }

    /// Where the log is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Lines written by this process.
    pub fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }
}

/// Reads a truth log whole. A torn last line (the carrier was killed inside a write) is left out.
///
/// # Errors
/// The file cannot be read, or a line that is not the last is no event; the text names the line.
pub fn read_truth(path: &Path) -> anyhow::Result<Vec<TruthEvent>> {
    use anyhow::Context as _;
    let file = File::open(path).with_context(|| format!("open truth log {}", path.display()))?;
    let mut events = Vec::new();
    let mut torn: Option<anyhow::Error> = None;
    for (index, line) in BufReader::new(file).lines().enumerate() {
        let line = line.with_context(|| format!("read truth log {} line {}", path.display(), index + 1))?;
        if let Some(error) = torn.take() {
            return Err(error);
        }
        if line.trim().is_empty() {
            continue;
        }
        match serde_json::from_str(&line) {
            Ok(event) => events.push(event),
            Err(error) => {
                torn = Some(anyhow::anyhow!("truth log {} line {}: {error}", path.display(), index + 1));
            }
        }
    }
    Ok(events)
}
