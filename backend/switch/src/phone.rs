//! Telephones that register with the switch, as the user of the library sees them.

use std::net::SocketAddr;
use std::time::Duration;

use crate::config::Transport;

/// Where a registered telephone is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhoneContact {
    /// User name that it proved.
    pub user: String,
    /// The address that it wants to be asked for (its `Contact`).
    pub uri: String,
    /// How it is reached.
    pub transport: Transport,
    /// Where it really registered from: requests go there.
    pub source: SocketAddr,
    /// Which UDP listener it registered at, from 0; `None` for a connection.
    pub(crate) listener: Option<u16>,
    /// What it says it is (`User-Agent`), at most 120 characters.
    pub agent: Option<String>,
    /// What is left until it has to register again.
    pub expires_in: Duration,
    /// Its preference among the contacts of one user, thousandths; 1000 is the highest.
    pub q: u16,
}

/// Why a telephone is not there any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PhoneGone {
    /// It said so.
    Unregistered,
    /// It has not registered again in time.
    Expired,
    /// Its connection broke.
    Broken,
    /// It does not answer.
    Silent,
    /// Its user was forgotten ([`Switch::forget_phone`](crate::Switch::forget_phone)).
    Forgotten,
}

/// A call to a registered telephone.
#[derive(Debug, Clone)]
pub struct PhoneDraft<'a> {
    /// Seed of the Call-ID, From tag and branch. Never reuse it for another leg.
    pub seed: &'a str,
    /// The telephone.
    pub contact: &'a PhoneContact,
    /// Number that it shows.
    pub caller: &'a str,
    /// Words beside the number: letters, digits, blanks and `*+-.`; others are left out.
    pub label: &'a str,
    /// After so long the telephone stops ringing by itself, should nobody be there to tell it (`Expires`).
    pub ring: Duration,
}
