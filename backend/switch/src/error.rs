//! What can go wrong when the switch is asked for something.

use std::net::SocketAddr;

/// Why the switch refused a request. Texts are lowercase fragments that fit after "failed to …".
///
/// What happens to a call on the wire is never an error of this type: it is an
/// [`EventKind`](crate::EventKind) of the leg.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SwitchError {
    /// A configuration value that cannot work. The first field names it.
    #[error("configuration {0}: {1}")]
    Config(String, String),
    /// No trunk of this name is configured.
    #[error("trunk {0:?} is not configured")]
    UnknownTrunk(String),
    /// The trunk has no peer whose address is known yet (its names do not resolve).
    #[error("trunk {0:?} has no peer address")]
    NoPeer(String),
    /// The caller id is not in the trunk's list of numbers that the organisation is authorised for.
    #[error("caller id {caller:?} is not authorised on trunk {trunk:?}")]
    CallerNotAuthorised {
        /// The trunk asked for.
        trunk: String,
        /// The caller id that was refused.
        caller: String,
    },
    /// A number, header or seed that may not be put into a SIP message. The first field names it.
    #[error("{0} {1:?} may not stand in a SIP request")]
    BadText(&'static str, String),
    /// All RTP ports are in use.
    #[error("no free RTP port")]
    NoRtpPort,
    /// An address cannot be bound.
    #[error("cannot bind {addr}: {reason}")]
    Bind {
        /// The address asked for.
        addr: SocketAddr,
        /// What the system said.
        reason: String,
    },
    /// No such leg, or it has ended.
    #[error("leg is not there")]
    NoLeg,
    /// The leg is in a state in which this cannot be done (no media yet, already bridged).
    #[error("leg cannot do this now: {0}")]
    BadState(&'static str),
    /// No app legs are configured.
    #[error("this switch takes no app legs")]
    NoApps,
    /// A description or candidate of an app that cannot be used. Says why.
    #[error("description cannot be used: {0}")]
    Description(String),
    /// TLS material cannot be read or used.
    #[error("tls: {0}")]
    Tls(String),
    /// The operating system refused.
    #[error("system: {0}")]
    Io(String),
    /// A sound file cannot be read as 8 kHz mono 16-bit PCM.
    #[error("prompt {0}: {1}")]
    Prompt(String, String),
    /// The stack below refused to build or send a message.
    #[error("sip: {0}")]
    Sip(String),
}
