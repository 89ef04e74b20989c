//! What a punch is, and what speaks for or against it.

use serde::{Deserialize, Serialize};

words! {
    /// What a punch says.
    pub enum PunchKind {
        /// 上班: work begins.
        ClockIn = "clock_in", "上班打卡", "clock in";
        /// 下班: work ends.
        ClockOut = "clock_out", "下班打卡", "clock out";
        /// 外勤: at work here, away from the work places.
        Field = "field", "外勤打卡", "field punch";
    }
}

words! {
    /// What somebody should know who judges a punch. Evidence, never a reason to refuse it.
    pub enum Evidence {
        /// The phone's system says that an app made the place up.
        MockLocation = "mock_location", "系统标记为虚拟定位", "marked as mock location";
        /// The track of the shift had signs of spoofing.
        SpoofSigns = "spoof_signs", "轨迹有虚拟定位迹象", "signs of spoofing in the track";
        /// The phone's clock was a minute or more off. The time that counts is the server's.
        ClockOff = "clock_off", "手机时钟不准", "the phone's clock was off";
        /// Only the phone's wall clock tells when, because the phone was restarted before it was sent.
        WallClockOnly = "wall_clock_only", "仅有手机时钟为证", "only the phone's clock says when";
        /// It reached the server more than two hours later.
        SentLate = "sent_late", "两小时后才上传", "sent more than two hours later";
        /// The edge of the work place runs through what is known of where it was.
        InDoubt = "in_doubt", "位置存疑", "the place is in doubt";
        /// Surely away from the work places.
        Outside = "outside", "不在考勤范围", "away from the work places";
        /// Nothing usable is known of where it was.
        NoPlace = "no_place", "没有可用定位", "no usable place";
        /// From a phone that this person has not punched with before, though with another one.
        NewDevice = "new_device", "非常用设备", "not the usual phone";
        /// From a phone with which somebody else has punched on the same day.
        SharedDevice = "shared_device", "与他人共用设备", "a phone that somebody else has punched with";
        /// Nobody gets there from the place of the punch before, in that time.
        TooFar = "too_far", "与上次打卡距离过远", "too far from the punch before";
    }
}

impl Evidence {
    /// True if a photo would help to judge.
    #[must_use]
    pub fn wants_photo(self) -> bool {
        matches!(
            self,
            Evidence::MockLocation
                | Evidence::InDoubt
                | Evidence::Outside
                | Evidence::NoPlace
                | Evidence::TooFar
        )
    }
}

/// What a supervisor puts right in somebody's day. The newest of those that contradict each other counts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Correction {
    /// 补卡: a punch that was forgotten.
    Punch {
        /// Which.
        kind: PunchKind,
        /// When.
        at: crate::clock::UnixMs,
    },
    /// A punch that does not count.
    Void {
        /// Which.
        punch: crate::id::OperationId,
    },
    /// 请假: the day is a leave.
    Leave,
    /// The day is a working day after all.
    WorkDay,
}
