//! Ports of a test's own.

use std::net::{TcpListener, UdpSocket};
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};

/// A port that is free for UDP and TCP and lies below those that the system gives out: while a server of a test is dead,
/// nobody else is given its port. Other processes of tests, which may run beside this one, keep off it for as long as this
/// one lives: it is held on another address of the loopback.
pub fn free_port() -> u16 {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    static HELD: Mutex<Vec<TcpListener>> = Mutex::new(Vec::new());
    const FIRST: u32 = 10_000;
    const COUNT: u32 = 12_000;
    let start = std::process::id().wrapping_mul(997);
    for _ in 0..COUNT {
        let n = start.wrapping_add(NEXT.fetch_add(1, Ordering::Relaxed)) % COUNT;
        let port = (FIRST + n) as u16;
        let Ok(held) = TcpListener::bind(("127.77.0.1", port)) else { continue };
        if UdpSocket::bind(("127.0.0.1", port)).is_ok() && TcpListener::bind(("127.0.0.1", port)).is_ok() {
            HELD.lock().unwrap_or_else(|e| e.into_inner()).push(held);
            return port;
        }
    }
    0
}
