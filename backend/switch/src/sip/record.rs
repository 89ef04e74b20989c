//! What is stored before a request leaves, so that a restarted process can send the very same request.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

use crate::config::Transport;
use crate::event::LegId;

/// The version of the records written by this build. A reader refuses a newer one.
pub const RECORD_VERSION: u16 = 1;

/// An INVITE before it leaves: everything that makes it the same INVITE when it is sent again.
///
/// RFC 3261 17.2.3 matches a request to a transaction by the branch and the sent-by of the top Via and by the method;
/// 8.2.2.2 tells merged requests by Call-ID, From tag and CSeq. All of these are in `request`, which is sent as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InviteRecord {
    /// [`RECORD_VERSION`] of the writer.
    pub version: u16,
    /// Name of the trunk; empty where it goes to a telephone that registered.
    pub trunk: String,
    /// Where it goes.
    pub destination: SocketAddr,
    /// How.
    pub transport: Transport,
    /// `host:port` in Via; the local port must be the same after a restart.
    pub sent_by: String,
    /// Call-ID.
    pub call_id: String,
    /// Tag of From.
    pub from_tag: String,
    /// Branch of Via.
    pub branch: String,
    /// CSeq number.
    pub cseq: u32,
    /// Local RTP port.
    pub rtp_port: u16,
    /// Number shown.
    pub caller: String,
    /// Number called.
    pub callee: String,
    /// The complete INVITE, body included.
    pub request: String,
}

impl InviteRecord {
    /// Whether it goes to a telephone that registered: over the flow it registered from, and no other way.
    #[must_use]
    pub fn is_phone(&self) -> bool {
        self.trunk.is_empty()
    }

    /// The leg that this record becomes.
    #[must_use]
    pub fn leg(&self) -> LegId {
        LegId::new(&self.call_id)
    }
}

/// The refusal of an INVITE of theirs, made when it came: what a restarted process sends so that the caller of a call that
/// nobody remembers is not left ringing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusalRecord {
    /// [`RECORD_VERSION`] of the writer.
    pub version: u16,
    /// Where it goes (RFC 3261 18.2.2).
    pub destination: SocketAddr,
    /// How.
    pub transport: Transport,
    /// `host:port` of the listener that the INVITE came to.
    pub sent_by: String,
    /// The complete answer.
    pub response: String,
}

/// A confirmed dialog: what a BYE needs (RFC 3261 12.2.1.1).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DialogRecord {
    /// [`RECORD_VERSION`] of the writer.
    pub version: u16,
    /// Name of the trunk, where there is one.
    pub trunk: Option<String>,
    /// Call-ID.
    pub call_id: String,
    /// Our URI, as it stood in From or To.
    pub local_uri: String,
    /// Our tag.
    pub local_tag: String,
    /// Their URI.
    pub remote_uri: String,
    /// Their tag; empty where the peer gave none.
    pub remote_tag: String,
    /// The far side's Contact.
    pub remote_target: String,
    /// Route headers, in the order in which they are sent.
    pub route_set: Vec<String>,
    /// CSeq number of our last request; the BYE takes a higher one.
    pub local_cseq: u32,
    /// CSeq number of the INVITE, for its ACK; 0 where the INVITE was theirs.
    pub invite_cseq: u32,
    /// Where requests go.
    pub destination: SocketAddr,
    /// How.
    pub transport: Transport,
    /// `host:port` for Via and Contact.
    pub sent_by: String,
}
