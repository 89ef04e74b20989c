//! What a binding holds of its virtual number, and whom a caller reaches by it.

use super::{BindingMode, CallRestrict, Unconnected};
use crate::phone::PhoneNumber;
use std::fmt;

/// Something of X that one binding alone may hold. Its text is what is stored.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Claim {
    /// Calls of this party, by `PhoneNumber::key`.
    Party(String),
    /// This extension.
    Extension(String),
}

impl fmt::Display for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Claim::Party(key) => write!(f, "p:{key}"),
            Claim::Extension(digits) => write!(f, "e:{digits}"),
        }
    }
}

/// Who is bound.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parties {
    /// How.
    pub mode: BindingMode,
    /// The protected party.
    pub a: PhoneNumber,
    /// The other party; of AXE whom A reaches, if that was said beforehand.
    pub b: Option<PhoneNumber>,
    /// Of AXE.
    pub extension: Option<String>,
    /// Who is not put through.
    pub restrict: Option<CallRestrict>,
}

/// Everything that a binding holds of its X.
#[must_use]
pub fn claims(parties: &Parties) -> Vec<Claim> {
    let mut held = vec![Claim::Party(parties.a.key())];
    match parties.mode {
        BindingMode::Axb => held.extend(parties.b.as_ref().map(|b| Claim::Party(b.key()))),
        BindingMode::Axe => held.extend(parties.extension.clone().map(Claim::Extension)),
    }
    held
}

/// Who of a binding rings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The protected party.
    A,
    /// The other one: B, or who gave the extension.
    B,
}

/// A call that may go on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Way {
    /// Who rings.
    pub from: Side,
    /// Who is rung.
    pub to: PhoneNumber,
}

/// Whom a caller reaches who holds a claim of this binding; `caller` is a `PhoneNumber::key`, absent for a hidden number.
/// `last` is who spoke with A over it last, for AXE without a B.
///
/// # Errors
/// Why nobody is rung.
pub fn way(parties: &Parties, caller: Option<&str>, last: Option<&PhoneNumber>) -> Result<Way, Unconnected> {
    let is_a = caller.is_some_and(|c| c == parties.a.key());
    let from = if is_a { Side::A } else { Side::B };
    let barred = match from {
        Side::A => parties.restrict == Some(CallRestrict::Ax),
        Side::B => parties.restrict == Some(CallRestrict::Bx),
    };
    if barred {
        return Err(Unconnected::Restricted);
    }
    match (parties.mode, from) {
        (BindingMode::Axb, Side::A) => parties.b.clone().ok_or(Unconnected::Other),
        (BindingMode::Axb, Side::B) => {
            let is_b = parties.b.as_ref().is_some_and(|b| caller.is_some_and(|c| c == b.key()));
            if is_b { Ok(parties.a.clone()) } else { Err(Unconnected::NoBinding) }
        }
        (BindingMode::Axe, Side::A) => parties.b.as_ref().or(last).cloned().ok_or(Unconnected::Other),
        (BindingMode::Axe, Side::B) => Ok(parties.a.clone()),
    }
    .map(|to| Way { from, to })
}
