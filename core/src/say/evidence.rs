//! Recordings and evidence.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    ("link {} (recording {}) is not what its hash says", "第 {} 环（录音 {}）与其哈希不符"),
    ("link {} does not follow link {}", "第 {} 环不接在第 {} 环之后"),
    ("is no evidence bundle", "不是证据文件"),
    ("name the zip file of `waybell evidence`", "请写 waybell evidence 生成的 zip 文件"),
    ("is of a form that this program does not know", "格式较新，本程序无法识别"),
    ("install the newest program", "请安装最新版本"),
    ("name another file", "请换一个文件"),
    ("say what the bundle is for", "请说明用途"),
    ("must be 1 to 50 calls", "须为1至50通"),
    ("make several bundles", "请分几次制作"),
    ("the server's disk is nearly full", "服务器磁盘将满"),
    ("other bundles are being written", "正在生成其他证据文件"),
    ("its file could not be read", "录音文件无法读取"),
    ("make room on it and try again", "请腾出空间后再试"),
    ("ask once it has ended", "请在通话结束后再试"),
    ("a recording is not finished yet", "录音尚未完成"),
    ("try again in a moment", "请稍后再试"),
    ("have {} MB of sound; {} MB are possible", "录音共 {} MB；最多 {} MB"),
    ("the bundle could not be written", "证据文件未能生成"),
    ("see the server's log", "请查看服务器日志"),
    ("has less than three digits", "少于三位数字"),
    ("write more of the number", "请多写几位"),
    ("must be the last four digits", "须为号码后四位"),
    ("write four digits", "请写四位数字"),
    ("there is no such order", "没有这种排序"),
    ("write newest, or leave it out", "写 newest，或不写"),
    ("take an id of GET /people", "请用 GET /people 中的编号"),
    ("write the whole waybill number", "请写完整的运单号"),
];
