//! Why a fix was dropped, why nothing is known of a while, and what looks made up.

words! {
    /// Why a fix was not taken.
    pub enum DropReason {
        /// Nobody was on duty.
        OffDuty = "off_duty", "未上班", "off duty";
        /// No such place: out of range, no number, or exactly 0, 0, which broken receivers send.
        Impossible = "impossible", "坐标不可能", "impossible coordinates";
        /// Its radius of uncertainty is too large to be of use.
        Inaccurate = "inaccurate", "精度太差", "too inaccurate";
        /// Of the same time as the one before.
        Duplicate = "duplicate", "重复", "a duplicate";
        /// Older than one that was taken already.
        TimeBack = "time_back", "时间倒退", "time goes back";
        /// From the future.
        Future = "future", "时间在未来", "from the future";
        /// Found long before it was handed over: a remembered place.
        Stale = "stale", "陈旧的位置", "an old place remembered";
        /// Nobody gets there in that time, and those after it are not there either.
        Jump = "jump", "跳点", "a jump";
    }
}

words! {
    /// Why nothing is known of a while on duty.
    pub enum GapReason {
        /// Nobody was on duty.
        OffDuty = "off_duty", "未上班", "off duty";
        /// The system ended the app.
        AppKilled = "app_killed", "应用被系统关闭", "the system ended the app";
        /// The phone was off or started afresh.
        Rebooted = "rebooted", "手机重启或关机", "the phone restarted";
        /// No satellites were in view: a tunnel, a cellar, a lift.
        NoSatellites = "no_satellites", "没有卫星信号", "no satellites";
        /// The permission to locate was taken away.
        PermissionLost = "permission_lost", "定位权限被收回", "permission taken away";
        /// Location was switched off on the phone.
        LocationOff = "location_off", "定位开关已关闭", "location switched off";
        /// Fixes came, and none could be used.
        PoorFixes = "poor_fixes", "定位质量太差", "only unusable fixes";
        /// The wall clock was set.
        ClockChanged = "clock_changed", "时钟被更改", "the clock was changed";
        /// The battery was being saved.
        PowerSaving = "power_saving", "省电模式", "power saving";
        /// Nothing was said by the phone.
        Unknown = "unknown", "原因不明", "reason unknown";
    }
}

impl GapReason {
    /// The number that stands for it in a blob; never reused.
    #[must_use]
    pub fn code(self) -> u8 {
        Self::ALL.iter().position(|r| *r == self).map_or(0, |n| n as u8 + 1)
    }

    /// The inverse of [`GapReason::code`]; a number of a later version is `Unknown`, 0 is none.
    #[must_use]
    pub fn of_code(code: u8) -> Option<Self> {
        let at = code.checked_sub(1)?;
        Some(Self::ALL.get(usize::from(at)).copied().unwrap_or(Self::Unknown))
    }
}

words! {
    /// What a true receiver rarely shows. Evidence, not proof.
    pub enum SpoofSign {
        /// The system says that an app made the fix up.
        MockFlag = "mock_flag", "系统标记为虚拟定位", "marked as mock by the system";
        /// Movement in steps that are equal to the centimetre.
        NoJitter = "no_jitter", "移动毫无抖动", "movement without jitter";
        /// Movement while accuracy, height and direction never change.
        FrozenFields = "frozen_fields", "精度等字段不变", "accuracy and height never change";
        /// Places far apart with no way between them.
        Teleport = "teleport", "瞬间移动", "a leap across the map";
        /// The speed that is told is not that of the movement.
        SpeedMismatch = "speed_mismatch", "速度与位移不符", "told speed does not fit the movement";
        /// The time of the fix is not that of the phone.
        TimeMismatch = "time_mismatch", "定位时间与手机时间不符", "time of the fix does not fit the phone's";
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_and_codes() {
        DropReason::check_words();
        GapReason::check_words();
        SpoofSign::check_words();
        for reason in GapReason::ALL {
            assert_eq!(GapReason::of_code(reason.code()), Some(*reason));
        }
        assert_eq!((GapReason::of_code(0), GapReason::of_code(250)), (None, Some(GapReason::Unknown)));
        // what is stored stays readable
        assert_eq!((GapReason::OffDuty.code(), GapReason::Unknown.code()), (1, 10));
    }
}
