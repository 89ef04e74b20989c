//! Identifiers: a newtype over a UUID version 7 for each kind of thing.
//!
//! Version 7 (RFC 9562, 5.7) starts with the milliseconds since 1970, so ids made later sort later and new rows land at
//! the end of an index. An id is made by the side that creates the thing, offline if need be, from a time and ten random
//! bytes that the caller supplies. On the wire and in files it is the hyphenated lower-case string.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use uuid::{Builder, Uuid};

use crate::clock::UnixMs;

/// A text that is no hyphenated UUID.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a {kind} id: expected a hyphenated UUID such as 01890a5d-ac96-774b-bcce-b302099a8057")]
pub struct IdError {
    /// The kind of id that was wanted, for example `ParcelId`.
    pub kind: &'static str,
}

fn uuid_at(now: UnixMs, random: [u8; 10]) -> Uuid {
    let ms = u64::try_from(now.0).unwrap_or(0);
    Builder::from_unix_timestamp_millis(ms, &random).into_uuid()
}

fn uuid_of(text: &str, kind: &'static str) -> Result<Uuid, IdError> {
    if text.len() != 36 {
        return Err(IdError { kind });
    }
    Uuid::try_parse(text).map_err(|_| IdError { kind })
}

macro_rules! ids {
    ($($(#[doc = $doc:literal])+ $name:ident)+) => {$(
        $(#[doc = $doc])+
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
        #[cfg_attr(feature = "openapi", schema(value_type = String, format = Uuid))]
        pub struct $name(Uuid);

        impl $name {
            /// A new id made at `now`, from ten random bytes (74 bits of them are used). A time before 1970 counts
            /// as 1970.
            #[must_use]
            pub fn at(now: impl Into<UnixMs>, random: [u8; 10]) -> Self {
                Self(uuid_at(now.into(), random))
            }

            /// Wraps a UUID that is already known to name this kind of thing, for example one read from a database.
            #[must_use]
            pub const fn from_uuid(uuid: Uuid) -> Self {
                Self(uuid)
            }

            /// The UUID inside.
            #[must_use]
            pub const fn as_uuid(&self) -> Uuid {
                self.0
            }

            /// Reads the hyphenated form, in either case.
            ///
            /// # Errors
            /// [`IdError`] for anything else, the braced, URN and unhyphenated forms included.
            pub fn parse(text: &str) -> Result<Self, IdError> {
                uuid_of(text, stringify!($name)).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0.hyphenated(), f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({})"), self.0.hyphenated())
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text)
            }
        }

        impl From<$name> for Uuid {
            fn from(id: $name) -> Self {
                id.0
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(&self.0.hyphenated())
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
                Self::parse(&text).map_err(serde::de::Error::custom)
            }
        }
    )+};
}

ids! {
    /// A tenant: a company that delivers.
    OrganisationId
    /// A branch (网点) of an organisation.
    BranchId
    /// An area (片区, 网格) of a branch.
    AreaId
    /// A person who signs in.
    UserId
    /// A signed-in session of a user.
    SessionId
    /// A telephone or terminal that holds a store.
    DeviceId
    /// A parcel (快件), as a task of one courier.
    ParcelId
    /// A voice template.
    TemplateId
    /// A dial batch (群呼批次): what one tap asks for.
    BatchId
    /// One person to be rung in one batch.
    RecipientId
    /// One call attempt; the SIP identifiers of the call derive from it.
    AttemptId
    /// One user action in the outbox; the idempotency key of its request.
    OperationId
    /// A consent that a recipient gave by pressing a key.
    ConsentId
    /// An event in the feed of an organisation.
    EventId
    /// A version of a flow.
    FlowId
    /// A text message.
    MessageId
    /// An import of a list.
    ImportId
    /// A published number (公布号码).
    NumberId
    /// A courier's time on duty for an area.
    DutyId
    /// A call that came in over a published number.
    CallId
    /// A pool of virtual numbers (号码池); its text is the `pool_key`.
    PoolId
    /// A binding of a virtual number (绑定关系); its text is the `subs_id`.
    BindingId
    /// A work order (工单).
    OrderId
    /// A recording (录音) or a voicemail (留言).
    RecordingId
    /// An announcement (公告).
    AnnouncementId
    /// A folder of the knowledge base.
    FolderId
    /// An article of the knowledge base.
    ArticleId
    /// A picture of the knowledge base.
    PictureId
    /// An account that calls are charged to: the id of the courier, branch or organisation whose it is.
    AccountId
    /// An entry of an account.
    EntryId
    /// A telephone that registers (话机).
    PhoneId
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn is_version_7_and_holds_the_time() {
        let id = ParcelId::at(1_700_000_000_000, [0xff; 10]);
        assert_eq!(id.as_uuid().get_version_num(), 7);
        assert_eq!(id.to_string(), "018bcfe5-6800-7fff-bfff-ffffffffffff");
        assert_eq!(format!("{id:?}"), "ParcelId(018bcfe5-6800-7fff-bfff-ffffffffffff)");
    }

    #[test]
    fn refuses_other_forms() {
        for text in [
            "",
            "018bcfe568007fffbfffffffffffffff",
            "{018bcfe5-6800-7fff-bfff-ffffffffffff}",
            "z",
            "018bcfe5-6800-7fff-bfff-fffffffffffg",
        ] {
            assert_eq!(UserId::parse(text), Err(IdError { kind: "UserId" }), "{text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn round_trips_and_sorts_by_time(a in 0i64..1 << 47, b in 0i64..1 << 47, r: [u8; 10], s: [u8; 10]) {
            let (x, y) = (BatchId::at(a, r), BatchId::at(b, s));
            prop_assert_eq!(x.to_string().parse::<BatchId>().unwrap(), x);
            let json = serde_json::to_string(&x).unwrap();
            prop_assert_eq!(serde_json::from_str::<BatchId>(&json).unwrap(), x);
            if a < b {
                prop_assert!(x < y);
            }
        }
    }
}
