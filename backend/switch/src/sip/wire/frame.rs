//! Cutting a stream into messages by Content-Length (RFC 3261 18.3).

use super::super::message::{MAX_MESSAGE, digits};

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

    /// The headers at the front of what is collected, where their end has come.
    pub(crate) fn head(&self) -> &[u8] {
        let end = self.buffer.windows(4).position(|w| w == b"\r\n\r\n");
        &self.buffer[..end.unwrap_or(0)]
    }

    fn drop_front(&mut self, n: usize) {
        self.buffer.drain(..n);
        self.searched = 0;
    }
}

fn content_length(head: &[u8]) -> Result<usize, &'static str> {
    let text = String::from_utf8_lossy(head);
    // A folded line goes on with the header before it (RFC 3261 7.3.1), whatever it looks like.
    let text = text.replace("\r\n ", " ").replace("\r\n\t", " ");
    let mut found = None;
    for line in text.split('\n') {
        let Some((name, value)) = line.split_once(':') else { continue };
        let name = name.trim_ascii();
        if !name.eq_ignore_ascii_case("content-length") && !name.eq_ignore_ascii_case("l") {
            continue;
        }
        let length = digits(value.trim_ascii()).ok_or("Content-Length is no number")?;
        if length > MAX_MESSAGE {
            return Err("message too long");
        }
        if found.is_some_and(|f| f != length) {
            return Err("two different Content-Lengths");
        }
        found = Some(length);
    }
    Ok(found.unwrap_or(0))
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
    fn a_folded_line_is_part_of_the_header_before_it() {
        let mut f = Framer::default();
        let text =
            b"OPTIONS sip:a SIP/2.0\r\nSubject: x\r\n Content-Length: 9\r\nContent-Length:\r\n\t3\r\n\r\nabc";
        f.push(text);
        assert_eq!(f.next(), Ok(Some(Frame::Message(text.to_vec()))));
    }

    #[test]
    fn a_stream_without_sense_is_refused_and_not_collected() {
        let mut f = Framer::default();
        f.push(&vec![b'x'; MAX_MESSAGE + 1]);
        assert!(f.next().is_err());
        for length in ["-1", "+1", "99999999999999999999", "70000", "a", "", "1\r\nl: 2"] {
            let mut f = Framer::default();
            f.push(format!("OPTIONS sip:a SIP/2.0\r\nContent-Length: {length}\r\n\r\n").as_bytes());
            assert!(f.next().is_err(), "{length}");
            assert!(f.head().starts_with(b"OPTIONS sip:a SIP/2.0\r\nContent-Length: "));
        }
    }
}
