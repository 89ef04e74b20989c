//! Sentences about attendance.

use waybell_domain::lang::Lang;

texts! {
    punched(kind, time) = "{kind}：{time}", "{kind}: {time}";
    punched_again(kind, time) = "{time} 已经{kind}，没有重复", "already made: {kind} at {time}";
    punch_photo() = "请补一张照片：--photo 文件（下一次打卡时），或联系主管说明", "a photo would help: add --photo FILE, or tell your supervisor";
    punch_evidence(what) = "  备注：{what}", "  noted: {what}";
    month_head(month, days, hours) = "{month}：{days} 个工作日，工时 {hours} 小时", "{month}: {days} working days, {hours} h at work";
    month_states(list) = "  {list}", "  {list}";
    month_old() = "没有网络：服务器的记录可能更新", "without a network: the server may know more";
    att_day() = "日期", "day";
    att_in() = "上班", "in";
    att_out() = "下班", "out";
    att_hours() = "工时", "hours";
    att_state() = "状态", "state";
    att_late(minutes) = "迟到 {minutes} 分钟", "{minutes} min late";
    att_early(minutes) = "早退 {minutes} 分钟", "{minutes} min early";
    att_off_hours(n) = "{n} 次打卡不在打卡时段内，未计入", "{n} punches while no shift was open, not counted";
    att_corrected() = "已补正", "corrected";
    att_none() = "这个月还没有考勤记录", "nothing is known of this month yet";
    tracks_left(n) = "{n} 段轨迹尚未上传，加密保存在本机，同一人再次登录后会自动上传", "{n} parts of tracks are not uploaded; they are kept sealed and go out when the same person signs in again";
}
