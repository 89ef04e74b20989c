//! Cutting a stream into messages by Content-Length (RFC 3261 18.3).

use super::super::message::MAX_MESSAGE;

/// What is in the stream next.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Frame {
    /// A whole message.
    Message(Vec<u8>),
    /// A keepalive that wants an answer (RFC 5626 3.5.1).
    Ping,
}

/// Collects bytes until a message is whole. Holds at most one message more than the limit.
#[derive(Debug, Default)]
pub(crate) struct Framer {
    buffer: Vec<u8>,
    /// Bytes already searched for the end of the headers.
    searched: usize,
}

impl Framer {
    /// Takes bytes as they came.
    pub(crate) fn push(&mut self, data: &[u8]) {
        self.buffer.extend_from_slice(data);
    }

    /// The next frame; `Ok(None)` where more bytes are needed. An error means that the stream makes no sense and must
    /// be closed.
    pub(crate) fn next(&mut self) -> Result<Option<Frame>, &'static str> {
        if self.buffer.starts_with(b"\r\n\r\n") {
            self.drop_front(4);
            return Ok(Some(Frame::Ping));
        }
        if self.buffer.starts_with(b"\r\n") && self.buffer.get(2).is_some_and(|b| *b != b'\r') {
            self.drop_front(2);
        }
        if self.buffer.starts_with(b"\r") {
            return Ok(None);
        }
        let from = self.searched.saturating_sub(3);
        let Some(at) = self.buffer[from..].windows(4).position(|w| w == b"\r\n\r\n") else {
            self.searched = self.buffer.len();
            return if self.buffer.len() > MAX_MESSAGE { Err("headers too long") } else { Ok(None) };
        };
        let head_end = from + at;
        let length = content_length(&self.buffer[..head_end])?;
        let total = head_end + 4 + length;
        if total > MAX_MESSAGE {
            return Err("message too long");
        }
        self.searched = head_end;
        if self.buffer.len() < total {
            return Ok(None);
        }
        let message = self.buffer[..total].to_vec();
        self.drop_front(total);
        Ok(Some(Frame::Message(message)))
    }

    fn drop_front(&mut self, n: usize) {
        self.buffer.drain(..n);
        self.searched = 0;
    }
}

fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    for line in head.split(|b| *b == b'\n') {
        let Some(colon) = line.iter().position(|b| *b == b':') else { continue };
        let name = line[..colon].trim_ascii();
        if name.eq_ignore_ascii_case(b"content-length") || name.eq_ignore_ascii_case(b"l") {
            let value =
                std::str::from_utf8(line[colon + 1..].trim_ascii()).map_err(|_| "bad Content-Length")?;
            let length: usize = value.parse().map_err(|_| "bad Content-Length")?;
            return if length > MAX_MESSAGE { Err("message too long") } else { Ok(length) };
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Vec<u8> {
        format!("OPTIONS sip:a SIP/2.0\r\nl:{}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[test]
    fn messages_are_cut_wherever_the_stream_was_cut() {
        let mut all = message("hello");
        all.extend(b"\r\n\r\n");
        all.extend(message(""));
        all.extend(b"\r\n");
        all.extend(message("x\r\n\r\ny"));
        for step in 1..all.len() {
            let mut f = Framer::default();
            let mut got = Vec::new();
            for chunk in all.chunks(step) {
                f.push(chunk);
                while let Some(frame) = f.next().expect("sane") {
                    got.push(frame);
                }
            }
            let want = [
                Frame::Message(message("hello")),
                Frame::Ping,
                Frame::Message(message("")),
                Frame::Message(message("x\r\n\r\ny")),
            ];
            assert_eq!(got, want, "step {step}");
        }
    }

    #[test]
    fn a_stream_without_sense_is_refused_and_not_collected() {
        let mut f = Framer::default();
        f.push(&vec![b'x'; MAX_MESSAGE + 1]);
        assert!(f.next().is_err());
        for length in ["-1", "99999999999999999999", "70000", "a"] {
            let mut f = Framer::default();
            f.push(format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\n").as_bytes());
            assert!(f.next().is_err(), "{length}");
        }
    }
}
