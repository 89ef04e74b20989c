//! The sockets of a leg: RTP on an even port and RTCP above it, non-blocking, marked for expedited forwarding.

use std::io;
use std::net::{SocketAddr, UdpSocket};

use super::batch;
use socket2::{Domain, Protocol, Socket, Type};

/// Expedited forwarding (RFC 3246) with the two ECN bits clear.
const TOS: u32 = 0xb8;
/// Bytes of kernel buffer for a leg's RTP: about 100 packets of 20 ms, so a flood costs no more than that.
const RTP_BUFFER: usize = 64 * 1024;
/// Bytes of kernel buffer for RTCP.
const RTCP_BUFFER: usize = 8 * 1024;

/// RTP and RTCP sockets of one leg.
pub(crate) struct PortPair {
    /// Even port.
    pub(crate) rtp: UdpSocket,
    /// One above.
    pub(crate) rtcp: UdpSocket,
}

/// Binds `addr` and the port above it.
pub(crate) fn bind_pair(addr: SocketAddr) -> io::Result<PortPair> {
    let above = addr.port().checked_add(1).ok_or(io::ErrorKind::InvalidInput)?;
    let rtp = bind(addr, RTP_BUFFER)?;
    // Where the system refuses, the jitter that is reported is coarser.
    let _ = batch::note_arrivals(&rtp);
    Ok(PortPair { rtp, rtcp: bind(SocketAddr::new(addr.ip(), above), RTCP_BUFFER)? })
}

/// Two ports of `ip`, any: for a leg whose far side is ours as well.
pub(crate) fn bind_any(ip: std::net::IpAddr) -> io::Result<PortPair> {
    let any = SocketAddr::new(ip, 0);
    let rtp = bind(any, RTP_BUFFER)?;
    let _ = batch::note_arrivals(&rtp);
    Ok(PortPair { rtp, rtcp: bind(any, RTCP_BUFFER)? })
}

fn bind(addr: SocketAddr, buffer: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(addr), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_nonblocking(true)?;
    socket.set_recv_buffer_size(buffer)?;
    if addr.is_ipv4() {
        // Not every system lets a program mark its packets; unmarked ones still arrive.
        let _ = socket.set_tos_v4(TOS);
    }
    socket.bind(&addr.into())?;
    Ok(socket.into())
}

/// Takes a connected socket back to hearing everyone; its port stays bound.
#[allow(unsafe_code, reason = "the standard library cannot dissolve a UDP association")]
pub(crate) fn disconnect(socket: &UdpSocket) {
    use std::os::fd::AsRawFd;
    // SAFETY: an all-zero sockaddr is valid, the length is that of the struct, and the descriptor is open for as long
    // as `socket` is borrowed.
    unsafe {
        let mut addr: libc::sockaddr = std::mem::zeroed();
        addr.sa_family = libc::AF_UNSPEC as libc::sa_family_t;
        libc::connect(
            socket.as_raw_fd(),
            std::ptr::from_ref(&addr),
            std::mem::size_of::<libc::sockaddr>() as libc::socklen_t,
        );
    }
}
