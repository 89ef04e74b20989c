//! Notices of an organisation's own.

use super::Pair;

pub(super) const PAIRS: &[Pair] = &[
    ("template draft", "模板草稿"),
    ("write the wording anew", "请重写文案"),
    ("write it anew", "请重写"),
    ("see `speech` in the configuration", "请查看配置中的 speech"),
    ("the arrival notice is always there", "派件通知不能停用"),
    ("write another wording for it", "请为它写新的文案"),
    ("the wording in force stays as it was", "现用文案不变"),
    ("for example rain_delay", "例如 rain_delay"),
    ("must have 1 to 500 characters", "须为1至500个字"),
    ("must have 1 to 40 characters", "须为1至40个字"),
    ("must have 2 to 40 of a to z, 0 to 9 and _", "须为2至40位小写字母、数字或下划线"),
    ("say what is to be changed", "请说明需要修改什么"),
    ("the draft was changed since", "草稿已被修改"),
    ("look at it again", "请重新查看"),
    ("the draft is not in review", "草稿不在审核中"),
    ("submit it first", "请先提交"),
    ("this key is in use outside of your branch", "这个键名已被本网点以外使用"),
    ("the arrival notice is everybody's", "派件通知为全员共用"),
    ("choose another key", "请换一个键名"),
    ("see GET /templates", "可用模板见 GET /templates"),
    ("does not say who is speaking", "没有说明来电方"),
    ("use the variable company", "请使用变量 company"),
    ("no notice has a value for {}; there are {}", "通知中没有 {} 的取值；可用的有 {}"),
    ("holds the forbidden word {}", "含有禁用词 {}"),
    ("holds a telephone or account number", "含有电话或账号"),
    ("the key 0 connects the courier", "按0键可接通快递员"),
    ("takes about {} s to be spoken; {} s are possible", "约需 {} 秒播报；最多 {} 秒"),
    ("names a place", "含有地点"),
    ("is missing: say what is said where the place in `text` is not known", "缺少：请写明不知道地点时怎么说"),
    (
        "must be 1000 words at most, each with a letter and 200 bytes at most",
        "最多1000个词，每个须含字母或汉字，且不超过200字节",
    ),
];
