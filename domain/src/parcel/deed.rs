//! What a courier does with parcels at a door, and what becomes of them.
//!
//! One [`Deed`] is one tap, for one parcel or many. Phone and server judge it by the same function ([`Deed::judge`]): the
//! table of states, the recipient's consent, the photo that the organisation's rules want. A parcel that it is refused for
//! stays as it was, and whoever did it is told why ([`DeedRefusal`]).
//!
//! ```text
//!                  sign, door        station            locker           exception   return
//!   open, at station, in locker ──▶ signed   at_station         at_locker        exception   returned
//!                  (a pick-up: pick_up ──▶ picked_up, exception)
//!   signed, picked_up, returned, withdrawn: nothing more; an undo within 30 s restores what was before
//! ```
//!
//! A parcel is left at a station, in a locker or at the door only with the recipient's consent (Measures on the express
//! market, 2024, articles 28 and 54): a key that was pressed in a notice, or consent that the courier got in another way
//! and says how.

use super::{ParcelState, ProofLevel, ProofRule, TaskKind, proof_level};
use crate::clock::{SECOND, UnixMs};
use crate::money::Money;
use serde::{Deserialize, Serialize};

/// A deed can be undone for so long, in milliseconds.
pub const UNDO_WITHIN: i64 = 30 * SECOND;

/// The word of the key by which a recipient asks for a station or locker.
const LEFT: &str = "station";

const MOST_SUM: i64 = 100_000_000;
const MOST_GRAMS: u32 = 2_000_000;
const MOST_MM: u32 = 20_000;

/// Days for which something can be put off: 2020 to 2100, unix ms.
const UNTIL: std::ops::Range<i64> = 1_577_836_800_000..4_133_980_800_000;

words! {
    /// Who took a parcel.
    #[derive(Default)]
    pub enum SignedBy {
        /// The recipient in person.
        #[default]
        Recipient = "recipient", "本人", "the recipient";
        /// Somebody of the family.
        Family = "family", "家人", "family";
        /// A neighbour.
        Neighbour = "neighbour", "邻居", "a neighbour";
        /// Reception, guard or property management.
        Reception = "reception", "前台", "reception";
        /// Somebody else, who is named.
        Other = "other", "他人", "somebody else";
    }
}

words! {
    /// Why a parcel could not be delivered or fetched.
    pub enum ExceptionReason {
        /// Nobody was at home.
        NobodyHome = "nobody_home", "家中无人", "nobody home";
        /// The recipient does not want it.
        Refused = "refused", "拒收", "refused";
        /// There is no such address, or it is another one.
        WrongAddress = "wrong_address", "地址错误", "wrong address";
        /// The telephone number is not the recipient's.
        WrongNumber = "wrong_number", "电话错误", "wrong number";
        /// Nobody answers the telephone.
        Unreachable = "unreachable", "联系不上", "cannot be reached";
        /// The parcel is damaged.
        Damaged = "damaged", "破损", "damaged";
        /// The recipient wants it at another time.
        Postponed = "postponed", "客户改期", "postponed";
        /// Something else, which the note says.
        Other = "other", "其他", "other";
    }
}

words! {
    /// Who pays for carrying a parcel that was fetched.
    pub enum Payer {
        /// 寄付.
        Sender = "sender", "寄付", "sender";
        /// 到付.
        Recipient = "recipient", "到付", "recipient";
        /// 月结: by the sender's account.
        Account = "account", "月结", "account";
        /// 第三方付.
        Third = "third", "第三方付", "third party";
    }
}

words! {
    /// How a recipient said yes, other than by a key.
    pub enum ConsentSource {
        /// On the telephone.
        Phone = "phone", "电话", "by telephone";
        /// Face to face.
        InPerson = "in_person", "当面", "in person";
        /// By a text message or a chat.
        Message = "message", "短信或微信", "by message";
        /// A standing arrangement.
        Standing = "standing", "长期约定", "standing arrangement";
    }
}

words! {
    /// The kinds of deeds.
    pub enum DeedKind {
        /// 签收.
        Sign = "sign", "签收", "delivered";
        /// 入驿站.
        Station = "station", "放驿站", "left at a station";
        /// 入快递柜.
        Locker = "locker", "放快递柜", "left in a locker";
        /// 放门口.
        Door = "door", "放门口", "left at the door";
        /// 问题件.
        Exception = "exception", "问题件", "exception";
        /// 退件.
        Return = "return", "退件", "returned";
        /// 揽件.
        PickUp = "pick_up", "揽收", "picked up";
    }
}

words! {
    /// Why a deed, or its undo, was not taken for a parcel.
    pub enum DeedRefusal {
        /// It is signed for, fetched or returned.
        AlreadyDone = "already_done", "已经办结", "is done with already";
        /// It was recalled.
        Withdrawn = "withdrawn", "已撤回", "was withdrawn";
        /// A delivery is not picked up, a pick-up not delivered.
        OtherTask = "other_task", "派件和揽件的登记不同", "is a task of the other kind";
        /// The recipient has not agreed.
        NoConsent = "no_consent", "没有收件人的同意记录", "has no consent of the recipient on record";
        /// The organisation's rules want a photo.
        NoPhoto = "no_photo", "规则要求拍照", "needs a photo by the organisation's rules";
        /// It is on nobody's list, or on a colleague's.
        NotYours = "not_found", "不在你的清单上", "is not on your list";
        /// An undo came after something else was done with it.
        Changed = "changed", "之后又有新的登记", "was changed since";
        /// A reason of a later version, which this one does not know.
        #[serde(other)]
        Other = "other", "服务器未接受", "was not taken by the server";
    }
}

impl DeedRefusal {
    /// What the courier can do, in English.
    #[must_use]
    pub const fn hint(self) -> &'static str {
        match self {
            Self::AlreadyDone | Self::Changed => "look at its state; ask a supervisor to correct it",
            Self::Withdrawn => "bring it back to the depot",
            Self::OtherTask => "choose what fits the task",
            Self::NoConsent => "ask the recipient, and say how they agreed",
            Self::NoPhoto => "take a photo and record it again",
            Self::Other => "update the app",
            Self::NotYours => "the newest list gave it to a colleague",
        }
    }
}

/// Says for which waybills a deed was not taken, by reason: `SF1, SF2: is done with already; SF3: …`. Names five of a
/// reason at most.
#[must_use]
pub fn refusals(refused: &[(String, DeedRefusal)]) -> String {
    const NAMED: usize = 5;
    let mut told = Vec::new();
    for reason in DeedRefusal::ALL {
        let of: Vec<&str> = refused.iter().filter(|(_, r)| r == reason).map(|(no, _)| no.as_str()).collect();
        if of.is_empty() {
            continue;
        }
        let more = if of.len() > NAMED { format!(" (+{})", of.len() - NAMED) } else { String::new() };
        let named = of.iter().take(NAMED).copied().collect::<Vec<_>>().join(", ");
        told.push(format!("{named}{more}: {}", reason.label_en()));
    }
    told.join("; ")
}

/// Consent that the courier got without a key press.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct HandConsent {
    /// How it was given.
    pub source: ConsentSource,
    /// What was said; at most 500 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<String>,
}

/// Outer size in millimetres.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
pub struct Size {
    /// Longest side.
    pub length: u32,
    /// Second side.
    pub width: u32,
    /// Third side.
    pub height: u32,
}

/// What was done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Deed {
    /// Handed over.
    Sign {
        /// To whom.
        #[serde(default)]
        by: SignedBy,
        /// The name; must be there for somebody else.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        name: Option<String>,
        /// 代收货款: cash on delivery that was collected, for all these parcels together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        cash: Option<Money>,
    },
    /// Left at a station.
    Station {
        /// Which.
        place: String,
        /// 取件码.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Consent that is not on record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<HandConsent>,
    },
    /// Left in a locker.
    Locker {
        /// Which.
        place: String,
        /// 取件码.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        code: Option<String>,
        /// Consent that is not on record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<HandConsent>,
    },
    /// Left at the door.
    Door {
        /// Where exactly.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// Consent that is not on record.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        consent: Option<HandConsent>,
    },
    /// Not delivered, or not fetched.
    Exception {
        /// Why.
        reason: ExceptionReason,
        /// More about it; must be there for the reason `other`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
        /// When the recipient wants it; there for the reason `postponed` only.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        until: Option<UnixMs>,
    },
    /// On its way back.
    Return {
        /// Why.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        note: Option<String>,
    },
    /// Fetched from the sender.
    PickUp {
        /// Weight in grams, of each.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        weight_g: Option<u32>,
        /// Size.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        size: Option<Size>,
        /// Who pays.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        payer: Option<Payer>,
        /// What was collected, for all these parcels together.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        sum: Option<Money>,
    },
}

/// What is wrong with a deed itself, whatever the parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field}: {problem}")]
pub struct DeedFlaw {
    /// Field of the record.
    pub field: &'static str,
    /// What is wrong.
    pub problem: &'static str,
    /// What to do.
    pub hint: &'static str,
}

/// What is known of a parcel when a deed is judged.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// Its state.
    pub state: ParcelState,
    /// Delivery or pick-up.
    pub task: TaskKind,
    /// What the recipient asked for by key: `door`, `station`, `later`.
    pub preference: Option<&'a str>,
    /// Photos that come with the deed.
    pub photos: usize,
}

impl ParcelState {
    /// The state after a deed of this kind; consent and photo are not looked at.
    ///
    /// # Errors
    /// The pair is not in the table; the parcel stays as it is.
    pub const fn on_deed(self, task: TaskKind, deed: DeedKind) -> Result<ParcelState, DeedRefusal> {
        match self {
            Self::Signed | Self::PickedUp | Self::Returned => return Err(DeedRefusal::AlreadyDone),
            Self::Withdrawn => return Err(DeedRefusal::Withdrawn),
            Self::Planned | Self::OutForDelivery | Self::Exception | Self::AtStation | Self::AtLocker => {}
        }
        match (task, deed) {
            (_, DeedKind::Exception) => Ok(Self::Exception),
            (TaskKind::Delivery, DeedKind::Sign | DeedKind::Door) => Ok(Self::Signed),
            (TaskKind::Delivery, DeedKind::Station) => Ok(Self::AtStation),
            (TaskKind::Delivery, DeedKind::Locker) => Ok(Self::AtLocker),
            (TaskKind::Delivery, DeedKind::Return) => Ok(Self::Returned),
            (TaskKind::Pickup, DeedKind::PickUp) => Ok(Self::PickedUp),
            (TaskKind::Delivery, DeedKind::PickUp) | (TaskKind::Pickup, _) => Err(DeedRefusal::OtherTask),
        }
    }
}

impl ParcelState {
    /// Whether a courier may set this state to another by its word alone, without a deed's particulars: `recorded` says
    /// that it came of a deed. What a deed has ended stays, beyond its undo, until a supervisor corrects it; and nothing
    /// is left at a station or in a locker without the key by which the recipient asked for it.
    ///
    /// # Errors
    /// Why not.
    pub fn set_by_word(
        self,
        to: ParcelState,
        recorded: bool,
        preference: Option<&str>,
    ) -> Result<(), DeedRefusal> {
        if self == to {
            return Ok(());
        }
        let goes_on = self.is_open() || (self.awaits_collection() && !to.is_open());
        if recorded && !goes_on {
            return Err(DeedRefusal::AlreadyDone);
        }
        if to.awaits_collection() && preference != Some(LEFT) {
            return Err(DeedRefusal::NoConsent);
        }
        Ok(())
    }
}

impl Deed {
    /// Its kind.
    #[must_use]
    pub const fn kind(&self) -> DeedKind {
        match self {
            Self::Sign { .. } => DeedKind::Sign,
            Self::Station { .. } => DeedKind::Station,
            Self::Locker { .. } => DeedKind::Locker,
            Self::Door { .. } => DeedKind::Door,
            Self::Exception { .. } => DeedKind::Exception,
            Self::Return { .. } => DeedKind::Return,
            Self::PickUp { .. } => DeedKind::PickUp,
        }
    }

    /// Consent that comes with it.
    #[must_use]
    pub const fn consent(&self) -> Option<&HandConsent> {
        match self {
            Self::Station { consent, .. } | Self::Locker { consent, .. } | Self::Door { consent, .. } => {
                consent.as_ref()
            }
            _ => None,
        }
    }

    /// What the recipient must have asked for, as the word of a key press; `None` where no consent is needed.
    #[must_use]
    pub const fn wants(&self) -> Option<&'static str> {
        match self {
            Self::Station { .. } | Self::Locker { .. } => Some(LEFT),
            Self::Door { .. } => Some("door"),
            _ => None,
        }
    }

    /// What becomes of a parcel: its new state.
    ///
    /// # Errors
    /// Why it is not taken for this parcel.
    pub fn judge(&self, facts: Facts<'_>, rules: &[ProofRule]) -> Result<ParcelState, DeedRefusal> {
        let after = facts.state.on_deed(facts.task, self.kind())?;
        if self.wants().is_some_and(|wanted| facts.preference != Some(wanted)) && self.consent().is_none() {
            return Err(DeedRefusal::NoConsent);
        }
        if facts.photos == 0 && proof_level(rules, facts.task, self.kind()) == ProofLevel::Required {
            return Err(DeedRefusal::NoPhoto);
        }
        Ok(after)
    }

    /// Looks whether the record is whole and within bounds.
    ///
    /// # Errors
    /// The first field that is not.
    pub fn check(&self) -> Result<(), DeedFlaw> {
        if let Some(HandConsent { note, .. }) = self.consent() {
            text("consent", note.as_deref(), 500)?;
        }
        match self {
            Self::Sign { by, name, cash } => {
                text("name", name.as_deref(), 100)?;
                money("cash", *cash)?;
                if *by == SignedBy::Other && blank(name.as_deref()) {
                    return Err(flaw("name", "is missing", "name who took the parcel"));
                }
            }
            Self::Station { place, code, .. } | Self::Locker { place, code, .. } => {
                text("place", Some(place), 100)?;
                text("code", code.as_deref(), 40)?;
                if blank(Some(place)) {
                    return Err(flaw("place", "is missing", "name the station or locker"));
                }
            }
            Self::Door { note, .. } | Self::Return { note } => text("note", note.as_deref(), 500)?,
            Self::Exception { reason, note, until } => {
                if until.is_some_and(|at| !UNTIL.contains(&at.0)) {
                    return Err(flaw("until", "is no such day", "give a day of the years 2020 to 2100"));
                }
                text("note", note.as_deref(), 500)?;
                if *reason == ExceptionReason::Other && blank(note.as_deref()) {
                    return Err(flaw("note", "is missing", "say what happened"));
                }
                if (*reason == ExceptionReason::Postponed) != until.is_some() {
                    return Err(match until {
                        None => flaw("until", "is missing", "say when the recipient wants it"),
                        Some(_) => flaw("until", "goes with the reason postponed only", "leave it out"),
                    });
                }
            }
            Self::PickUp { weight_g, size, sum, .. } => {
                money("sum", *sum)?;
                if weight_g.is_some_and(|g| g == 0 || g > MOST_GRAMS) {
                    return Err(flaw("weight_g", "is no weight", "give 1 to 2,000,000 grams"));
                }
                let side = |mm: u32| mm == 0 || mm > MOST_MM;
                if size.is_some_and(|s| side(s.length) || side(s.width) || side(s.height)) {
                    return Err(flaw("size", "is no size", "give sides of 1 to 20,000 millimetres"));
                }
            }
        }
        Ok(())
    }
}

fn blank(text: Option<&str>) -> bool {
    text.is_none_or(|t| t.trim().is_empty())
}

fn text(field: &'static str, text: Option<&str>, most: usize) -> Result<(), DeedFlaw> {
    if text.is_some_and(|t| t.chars().count() > most) {
        return Err(flaw(field, "is too long", "say it shorter"));
    }
    Ok(())
}

fn money(field: &'static str, sum: Option<Money>) -> Result<(), DeedFlaw> {
    if sum.is_some_and(|m| m.minor <= 0 || m.minor > MOST_SUM) {
        return Err(flaw(field, "is no sum", "give a sum above zero"));
    }
    Ok(())
}

const fn flaw(field: &'static str, problem: &'static str, hint: &'static str) -> DeedFlaw {
    DeedFlaw { field, problem, hint }
}
