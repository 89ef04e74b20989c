//! Many packets of one socket in one system call, each with the time at which the kernel got it.
//!
//! A leg that is not bridged is in no hurry: what it says is only listened to for keys. Reading it four packets at a
//! time costs a fifth of reading them singly, and keeping its socket out of `epoll` spares the kernel a look at the
//! waiting list for every packet that is sent and received.

use std::io;
use std::mem::MaybeUninit;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

use socket2::SockAddr;

/// Most packets in one reading; with one reading in 80 ms a leg takes 200 a second, four times what 20 ms make.
pub(crate) const MOST: usize = 16;
/// Bytes of a packet that are read; RTP of 20 ms has 172.
pub(crate) const PACKET: usize = 2048;
/// Room for a control message with a `timespec`, and more than that.
const CONTROL: usize = 64;

/// Buffers for one reading.
pub(crate) struct Batch {
    data: Box<[[u8; PACKET]; MOST]>,
    control: Box<[Control; MOST]>,
    from: Box<[MaybeUninit<libc::sockaddr_storage>; MOST]>,
    got: Vec<Packet>,
}

/// Control messages must lie where their headers may.
#[repr(align(8))]
#[derive(Clone, Copy)]
struct Control([u8; CONTROL]);

/// One packet of a batch.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Packet {
    pub(crate) length: usize,
    /// `None` where the caller did not ask, or it is no IP address.
    pub(crate) from: Option<SocketAddr>,
    /// Nanoseconds of the wall clock at which the kernel got it; only differences mean something.
    pub(crate) at: Option<u64>,
}

impl Batch {
    pub(crate) fn new() -> Self {
        Self {
            data: Box::new([[0; PACKET]; MOST]),
            control: Box::new([Control([0; CONTROL]); MOST]),
            from: Box::new([const { MaybeUninit::uninit() }; MOST]),
            got: Vec::with_capacity(MOST),
        }
    }

    /// How many the last reading brought.
    pub(crate) fn len(&self) -> usize {
        self.got.len()
    }

    /// One of the last reading: what is known of it, and its bytes.
    pub(crate) fn packet(&mut self, index: usize) -> (Packet, &mut [u8; PACKET]) {
        (self.got[index], &mut self.data[index])
    }

    /// Reads what is there. The senders' addresses are told where `who` says so.
    #[allow(unsafe_code, reason = "the standard library reads one packet a call")]
    pub(crate) fn read(&mut self, socket: &UdpSocket, who: bool) {
        self.got.clear();
        let mut parts =
            self.data.each_mut().map(|d| libc::iovec { iov_base: d.as_mut_ptr().cast(), iov_len: PACKET });
        // SAFETY: a `mmsghdr` is plain integers and pointers, for which zero is valid.
        let mut headers: [libc::mmsghdr; MOST] = unsafe { std::mem::zeroed() };
        for (i, header) in headers.iter_mut().enumerate() {
            let h = &mut header.msg_hdr;
            h.msg_iov = &raw mut parts[i];
            h.msg_iovlen = 1;
            h.msg_control = self.control[i].0.as_mut_ptr().cast();
            h.msg_controllen = CONTROL as _;
            if who {
                h.msg_name = self.from[i].as_mut_ptr().cast();
                h.msg_namelen = std::mem::size_of::<libc::sockaddr_storage>() as libc::socklen_t;
            }
        }
        // SAFETY: every header points to buffers of the lengths it states, which live through the call.
        let n = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                headers.as_mut_ptr(),
                MOST as libc::c_uint,
                libc::MSG_DONTWAIT as _,
                ptr::null_mut(),
            )
        };
        // Nothing there, or the ICMP error of an earlier send, which this has read off.
        let n = usize::try_from(n).unwrap_or(0);
        for (i, header) in headers[..n.min(MOST)].iter().enumerate() {
            let from = if who { self.address(i, header.msg_hdr.msg_namelen) } else { None };
            // SAFETY: the kernel has filled in this header and the control buffer that it points to.
            let at = unsafe { arrival(&header.msg_hdr) };
            self.got.push(Packet { length: (header.msg_len as usize).min(PACKET), from, at });
        }
    }

    #[allow(unsafe_code, reason = "an address of the kernel's is raw")]
    fn address(&self, index: usize, length: libc::socklen_t) -> Option<SocketAddr> {
        // SAFETY: the kernel wrote an address of this length for this packet; the rest of the storage is zeroed first.
        unsafe {
            let ((), address) = SockAddr::try_init(|storage, len| {
                let bytes = (length as usize).min(std::mem::size_of::<libc::sockaddr_storage>());
                ptr::copy_nonoverlapping(self.from[index].as_ptr().cast::<u8>(), storage.cast::<u8>(), bytes);
                *len = bytes as libc::socklen_t;
                Ok(())
            })
            .ok()?;
            address.as_socket()
        }
    }
}

/// The kernel's time of a packet.
///
/// # Safety
/// `header` must have been filled in by the kernel, with its control buffer still in place.
#[allow(unsafe_code, reason = "control messages are walked by pointers")]
unsafe fn arrival(header: &libc::msghdr) -> Option<u64> {
    // SAFETY: by the caller's promise the chain of control messages is the kernel's.
    unsafe {
        let mut message = libc::CMSG_FIRSTHDR(header);
        while !message.is_null() {
            if (*message).cmsg_level == libc::SOL_SOCKET && (*message).cmsg_type == libc::SCM_TIMESTAMPNS {
                let time = ptr::read_unaligned(libc::CMSG_DATA(message).cast::<libc::timespec>());
                return Some(
                    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64),
                );
            }
            message = libc::CMSG_NXTHDR(header, message);
        }
    }
    None
}

/// Asks the kernel to note when each packet comes.
#[allow(unsafe_code, reason = "the option is not in the standard library")]
pub(crate) fn note_arrivals(socket: &impl AsRawFd) -> io::Result<()> {
    let on: libc::c_int = 1;
    // SAFETY: `on` is valid for reading and as long as said.
    let done = unsafe {
        libc::setsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_TIMESTAMPNS,
            ptr::from_ref(&on).cast(),
            std::mem::size_of::<libc::c_int>() as libc::socklen_t,
        )
    };
    if done == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_in_order_with_sender_and_time() {
        let here = UdpSocket::bind("127.0.0.1:0").expect("socket");
        here.set_nonblocking(true).expect("non-blocking");
        note_arrivals(&here).expect("arrivals");
        let to = here.local_addr().expect("address");
        let there = UdpSocket::bind("127.0.0.1:0").expect("socket");
        for i in 0..20u8 {
            there.send_to(&[i; 33], to).expect("send");
        }
        let mut batch = Batch::new();
        let mut seen = Vec::new();
        let mut last = 0;
        for who in [true, false] {
            batch.read(&here, who);
            for i in 0..batch.len() {
                let (packet, data) = batch.packet(i);
                assert_eq!(packet.length, 33);
                assert_eq!(packet.from, who.then(|| there.local_addr().expect("address")));
                let at = packet.at.expect("a time");
                assert!(at >= last);
                last = at;
                seen.push(data[0]);
            }
        }
        assert_eq!(seen, (0..20).collect::<Vec<_>>());
        batch.read(&here, true);
        assert_eq!(batch.len(), 0);
    }
}
