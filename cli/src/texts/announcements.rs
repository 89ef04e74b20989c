//! Sentences about announcements.

use waybell_domain::lang::Lang;

texts! {
    no_announcements() = "没有公告", "no announcements";
    announcements_unread(n, must) = "{n} 条未读，其中必读 {must} 条", "{n} unread, {must} of them must be read";
    announcement_hint(id) = "查看并确认已读：waybell announcements read {id}", "show it whole, and say that you have read it: waybell announcements read {id}";
    announcement_by(who, time) = "{who}，{time}", "{who}, {time}";
    announcement_version(version) = "第 {version} 版", "version {version}";
    announcement_until(time) = "有效期至 {time}", "until {time}";
    announcement_confirmed() = "已确认阅读", "you have read it";
    announcement_posted(id, to, n) = "公告 {id} 已发布：{to}，共 {n} 人", "announcement {id} is posted: {to}, {n} people";
    announcement_changed(id, version) = "公告 {id} 已修改，现为第 {version} 版", "announcement {id} is changed; now version {version}";
    announcement_withdrawn(id) = "公告 {id} 已撤回", "announcement {id} is withdrawn";
    announcement_to_all() = "全公司", "the whole organisation";
    announcement_read_by(read, audience) = "{read}/{audience} 人已读", "{read} of {audience} have read it";
    announcement_all_read() = "全部已读", "everybody has read it";
    announcement_maybe_posted() = "可能已经发布，请先查看：waybell announcements posted", "it may have been posted; look first: waybell announcements posted";
    no_announcement(id) = "没有公告 {id}", "there is no announcement {id}";
    no_branch(name) = "没有网点“{name}”", "there is no branch {name}";
    branches_are(names) = "网点：{names}", "branches: {names}";
    ann_id() = "编号", "id";
    ann_mark() = "状态", "state";
    ann_title() = "标题", "title";
    ann_by() = "发布人", "by";
    ann_since() = "时间", "since";
    ann_read() = "已读", "read";
    ann_login() = "登录名", "login";
    ann_name() = "姓名", "name";
    ann_branch() = "网点", "branch";
    ann_must_read() = "必读", "must read";
    ann_unread() = "未读", "unread";
    ann_is_read() = "已读", "read";
    ann_scheduled() = "未开始", "scheduled";
    ann_in_force() = "公示中", "in force";
    ann_over() = "已结束", "over";
    ann_gone() = "已撤回", "withdrawn";
}
