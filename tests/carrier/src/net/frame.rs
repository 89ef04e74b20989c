//! Cutting a byte stream into SIP messages (RFC 3261 18.3) and keep-alives (RFC 5626 3.5.1).

use crate::sip::message;

/// Largest message on a stream; more closes the connection.
const MAX: usize = 256 * 1024;

/// What a stream holds next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// CRLF CRLF, to be answered with CRLF.
    Ping,
}

/// Collects bytes.
#[derive(Debug, Default)]
pub(super) struct Framer {
    buffer: Vec<u8>,
}

impl Framer {
    /// Adds bytes that were read.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.buffer.extend_from_slice(bytes);
    }

    /// The next whole frame; `Err` for a message that is too long.
    pub(super) fn next(&mut self) -> Result<Option<Frame>, ()> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.buffer.drain(..4);
            return Ok(Some(Frame::Ping));
        }
        if self.buffer.starts_with(b"\r\n") && self.buffer.len() > 2 && self.buffer[2] != b'\r' {
            self.buffer.drain(..2);
        }
        let Some((head, body)) = message::header_end(&self.buffer) else {
            return if self.buffer.len() > MAX { Err(()) } else { Ok(None) };
        };
        let length = content_length(&self.buffer[..head]);
        let whole = body.saturating_add(length);
        if whole > MAX {
            return Err(());
        }
        if self.buffer.len() < whole {
            return Ok(None);
        }
        Ok(Some(Frame::Message(self.buffer.drain(..whole).collect())))
    }
}

fn content_length(head: &[u8]) -> usize {
    String::from_utf8_lossy(head)
        .lines()
        .find_map(|line| {
            let (name, value) = line.split_once(':')?;
            let name = name.trim();
            (name.eq_ignore_ascii_case("Content-Length") || name.eq_ignore_ascii_case("l"))
                .then(|| value.trim().parse().unwrap_or(0))
        })
        .unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_cut_wherever_the_reads_end() {
        let text = b"\r\n\r\nOPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabcBYE sip:b SIP/2.0\r\n\r\n";
        for step in 1..text.len() {
            let mut framer = Framer::default();
            let mut got = Vec::new();
            for part in text.chunks(step) {
                framer.push(part);
                while let Some(frame) = framer.next().unwrap() {
                    got.push(frame);
                }
            }
            assert_eq!(got.len(), 3, "step {step}: {got:?}");
            assert_eq!(got[0], Frame::Ping);
            assert_eq!(got[1], Frame::Message(b"OPTIONS sip:a SIP/2.0\r\nl: 3\r\n\r\nabc".to_vec()));
        }
    }

    #[test]
    fn endless_messages_are_refused() {
        let mut framer = Framer::default();
        framer.push(b"BYE sip:b SIP/2.0\r\nContent-Length: 99999999\r\n\r\n");
        assert!(framer.next().is_err());
    }
}
