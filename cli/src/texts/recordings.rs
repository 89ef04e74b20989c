//! Sentences about recordings and evidence.

use waybell_domain::lang::Lang;

texts! {
    no_recordings() = "没有找到", "nothing is found";
    recordings(n) = "{n} 通", "{n} calls";
    recordings_more(n) = "{n} 通，可能还有更多；用 --limit 显示更多，或缩小范围", "{n} calls, and there may be more; show them with --limit, or ask for less";
    recordings_hint(id) = "取证：waybell evidence {id} --reason 用途", "as evidence: waybell evidence {id} --reason WHAT-FOR";
    recording_direction() = "方向", "direction";
    recording_courier() = "快递员", "courier";
    recording_length() = "时长", "length";
    whole_call_id(text) = "{text} 不是完整的通话编号", "{text} is no whole id of a call";
    whole_call_id_hint() = "用 waybell recordings 查看", "see the ids with waybell recordings";
    evidence_exists(file) = "{file} 已存在", "{file} is there already";
    evidence_exists_hint() = "用 --out 写另一个文件名", "name another file with --out";
    evidence_written(file, n) = "已写入 {file}：{n} 通", "written {file}: {n} calls";
    evidence_of(company, at, who) = "{company}，{at}，{who}", "{company}, {at}, {who}";
    evidence_reason(reason) = "用途：{reason}", "for: {reason}";
    evidence_recordings(n, gone) = "{n} 段录音，其中 {gone} 段已过保存期", "{n} recordings, {gone} of them past their time";
    evidence_key(key) = "签名公钥：{key}", "signed with: {key}";
    evidence_key_hint() = "与服务器的公钥比对：waybell verify 文件 --key 公钥（GET /api/v1/evidence/key）", "compare it with the server's: waybell verify FILE --key KEY (GET /api/v1/evidence/key)";
    evidence_good() = "未被改动", "nothing was changed";
    evidence_bad(n) = "不可信：{n} 处问题", "not to be trusted: {n} problems";
    bad_signature() = "签名与清单不符", "the signature is not one of this manifest";
    bad_key() = "不是用这个公钥签名的", "it is signed with another key";
    bad_missing(name) = "缺少文件 {name}", "the file {name} is missing";
    bad_changed(name) = "文件 {name} 被改动", "the file {name} was changed";
    bad_unlisted(name) = "多出文件 {name}", "the file {name} does not belong here";
    bad_twice() = "压缩包里有重名文件，或前后有多余内容", "two files have one name, or something stands before or behind the zip";
    bad_link(id) = "录音 {id} 的链不符", "the link of recording {id} is not right";
    bad_sound(id) = "录音 {id} 与链不符：在服务器上被改动", "recording {id} is not what the chain says: it was changed on the server";
    bad_unproved(id) = "录音 {id} 不在链中", "recording {id} is not in the chain";
    bad_lost(id) = "录音 {id} 在服务器上缺失", "recording {id} was missing on the server";
}
