//! The terminal: its size, and the keys that scroll. Whatever is set is put back.

use std::sync::Mutex;

/// What a key wants.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Key {
    /// One row up.
    Up,
    /// One row down.
    Down,
    /// One window up.
    PageUp,
    /// One window down.
    PageDown,
    /// To the first row.
    Home,
    /// To the last row.
    End,
}

/// How the terminal was set before keys were read; `None` while it is as it was.
static BEFORE: Mutex<Option<libc::termios>> = Mutex::new(None);

/// Reads keys without waiting for a line and without showing them, until it is dropped. Ctrl-C stays a signal.
pub(crate) struct Keyboard(());

impl Keyboard {
    /// None where standard input is no terminal, or not ours (a job in the background).
    pub(crate) fn open() -> Option<Keyboard> {
        let mut before = BEFORE.lock().ok()?;
        if before.is_some() || !is_ours() {
            return None;
        }
        let old = settings()?;
        let mut new = old;
        new.c_lflag &= !(libc::ICANON | libc::ECHO);
        set(&new);
        *before = Some(old);
        Some(Keyboard(()))
    }

    /// The keys pressed since the last call; never waits.
    pub(crate) fn pressed(&self) -> Vec<Key> {
        let mut bytes = [0u8; 64];
        let n = if is_ours() { read_ready(&mut bytes) } else { 0 };
        keys(&bytes[..n])
    }
}

impl Drop for Keyboard {
    fn drop(&mut self) {
        restore();
    }
}

/// Sets the terminal as it was, if it was changed. May be called from any thread, before an exit that drops nothing.
pub(crate) fn restore() {
    if let Ok(mut before) = BEFORE.lock()
        && let Some(old) = before.take()
    {
        set(&old);
    }
}

/// The keys in what a terminal sends (ECMA-48 and xterm).
fn keys(bytes: &[u8]) -> Vec<Key> {
    const NAMES: [(&[u8], Key); 14] = [
        (b"\x1b[A", Key::Up),
        (b"\x1bOA", Key::Up),
        (b"\x1b[B", Key::Down),
        (b"\x1bOB", Key::Down),
        (b"\x1b[5~", Key::PageUp),
        (b"\x1b[6~", Key::PageDown),
        (b"\x1b[H", Key::Home),
        (b"\x1bOH", Key::Home),
        (b"\x1b[1~", Key::Home),
        (b"\x1b[F", Key::End),
        (b"\x1bOF", Key::End),
        (b"\x1b[4~", Key::End),
        (b"k", Key::Up),
        (b"j", Key::Down),
    ];
    let (mut found, mut at) = (Vec::new(), 0);
    while at < bytes.len() {
        match NAMES.iter().find(|(name, _)| bytes[at..].starts_with(name)) {
            Some((name, key)) => {
                found.push(*key);
                at += name.len();
            }
            None => at += 1,
        }
    }
    found
}

/// Rows and columns of the terminal.
#[allow(unsafe_code, reason = "asking the terminal for its size")]
pub(crate) fn window() -> (usize, usize) {
    // SAFETY: a winsize is plain numbers, for which zero is a value.
    let mut size: libc::winsize = unsafe { std::mem::zeroed() };
    // SAFETY: TIOCGWINSZ writes a winsize through a pointer to one that lives here.
    let answer = unsafe { libc::ioctl(libc::STDOUT_FILENO, libc::TIOCGWINSZ, &raw mut size) };
    if answer == 0 && size.ws_row > 0 { (size.ws_row.into(), size.ws_col.into()) } else { (24, 80) }
}

/// Standard input is a terminal, and this process is in its foreground: another one would be stopped by reading it.
#[allow(unsafe_code, reason = "asking the terminal whose it is")]
fn is_ours() -> bool {
    // SAFETY: both calls take and give plain numbers.
    unsafe { libc::tcgetpgrp(libc::STDIN_FILENO) == libc::getpgrp() }
}

#[allow(unsafe_code, reason = "asking the terminal how it is set")]
fn settings() -> Option<libc::termios> {
    // SAFETY: a termios is plain numbers, for which zero is a value.
    let mut now: libc::termios = unsafe { std::mem::zeroed() };
    // SAFETY: tcgetattr writes a termios through a pointer to one that lives here.
    (unsafe { libc::tcgetattr(libc::STDIN_FILENO, &raw mut now) } == 0).then_some(now)
}

#[allow(unsafe_code, reason = "setting the terminal")]
fn set(settings: &libc::termios) {
    // SAFETY: tcsetattr reads a termios that lives for the call; if it fails, keys are not read, and nothing else.
    unsafe { libc::tcsetattr(libc::STDIN_FILENO, libc::TCSANOW, settings) };
}

/// Reads what is there, without waiting.
#[allow(unsafe_code, reason = "reading standard input without waiting for it")]
fn read_ready(bytes: &mut [u8]) -> usize {
    let mut waits = libc::pollfd { fd: libc::STDIN_FILENO, events: libc::POLLIN, revents: 0 };
    // SAFETY: poll writes into the one pollfd that lives here and returns at once.
    let ready = unsafe { libc::poll(&raw mut waits, 1, 0) };
    if ready != 1 || waits.revents & libc::POLLIN == 0 {
        return 0;
    }
    // SAFETY: read writes at most the given length into a buffer that lives here.
    let n = unsafe { libc::read(libc::STDIN_FILENO, bytes.as_mut_ptr().cast(), bytes.len()) };
    usize::try_from(n).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_different_terminals() {
        assert_eq!(keys(b"\x1b[A\x1bOB\x1b[6~"), [Key::Up, Key::Down, Key::PageDown]);
        assert_eq!(keys(b"\x1b[1~x\x1b[F"), [Key::Home, Key::End]);
        assert_eq!(keys(b"\x1b"), []);
    }
}
