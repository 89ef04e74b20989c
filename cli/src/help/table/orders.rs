//! Work orders.

use super::Verb;

pub(super) const VERBS: &[Verb] = &[
    Verb {
        name: "orders",
        about: "查看工单：自己的工单没有网络也能看，需要处理的在前；管理员和坐席可查询本网点的工单",
        after: Some(
            "示例：\n  waybell orders\n  waybell orders --state overdue,warning\n  waybell orders --customer 王 --csv 工单.csv\n  \
             waybell orders --totals week",
        ),
        args: &[
            ("all", "包括已办结的", ""),
            ("branch", "向服务器查询本网点的工单（管理员和坐席）；用下面的条件时也会查询服务器", ""),
            ("number", "工单编号，或编号的开头", "编号"),
            ("since", "从此时起开单", "时间"),
            ("before", "在此时之前开单", "时间"),
            ("customer", "客户姓名中的文字", "姓名"),
            ("caller", "来电号码，至少三位", "号码"),
            ("address", "地址中的文字", "文字"),
            ("content", "内容中的文字", "文字"),
            ("dispatcher", "派单人的登录名", "登录名"),
            ("handler", "处理人的登录名", "登录名"),
            (
                "state",
                "pending 未处理、in_progress 处理中、done 已处理、on_hold 挂起、warning 预警、overdue 超时；多个用逗号分开",
                "状态",
            ),
            ("attention", "只看现在需要有人处理的", ""),
            ("csv", "把查到的工单写成 CSV 文件", "文件"),
            ("totals", "改为显示汇总：week 按周、month 按月、year 按年", "周期"),
        ],
    },
    Verb {
        name: "order",
        about: "查看一张工单及其轨迹，或对它进行操作；自己的工单没有网络也能操作，之后发送一次",
        after: Some(
            "示例：\n  waybell order 42\n  waybell order 42 take\n  waybell order 42 resolve --text 已送达\n  \
             waybell order 42 give-back --text 不是我的片区\n  waybell order 20261122-0042 assign --to li.wei\n  \
             waybell order 20261122-0042 hold --until 18:00 --text 客户外出",
        ),
        args: &[
            ("number", "工单编号，或编号的最后一段", "编号"),
            ("action", "操作；不写则显示工单和轨迹", "操作"),
            ("text", "原因、答复或处理结果", "文字"),
            ("to", "处理人的登录名", "登录名"),
            ("department", "部门的代码", "部门"),
            ("until", "挂起到什么时候", "时间"),
            ("node", "responded 已响应、on_site 已到场、repaired 已修复", "节点"),
            ("outcome", "satisfied 满意、unsatisfied 不满意、not_reached 未接通", "结果"),
        ],
    },
    Verb {
        name: "open-order",
        about: "新建工单；没有网络时先保存，之后发送一次",
        after: Some(
            "示例：\n  waybell open-order 包裹淋湿 --waybill SF1234567890123\n  \
             waybell open-order 什么时候送到 --type enquiry --caller 13800001234",
        ),
        args: &[
            ("content", "工单内容", "文字"),
            ("kind", "类型的代码，例如 complaint 投诉", "类型"),
            ("waybill", "相关的运单号", "运单号"),
            ("customer", "客户姓名", "姓名"),
            ("caller", "客户号码", "号码"),
            ("address", "地址", "文字"),
        ],
    },
];

pub(super) const VALUES: &[(&str, &str)] = &[
    ("accept", "受理"),
    ("approve", "审核通过"),
    ("assign", "派单"),
    ("take", "接单"),
    ("mark", "登记节点"),
    ("give-back", "申请退回"),
    ("transfer", "转派"),
    ("hold", "挂起"),
    ("resume", "恢复计时"),
    ("resolve", "办结"),
    ("revisit", "回访"),
    ("reopen", "重新打开"),
    ("close", "关闭"),
    ("urge", "催办"),
    ("ack", "回应催办"),
    ("note", "备注"),
    ("responded", "已响应"),
    ("on_site", "已到场"),
    ("repaired", "已修复"),
    ("satisfied", "满意"),
    ("unsatisfied", "不满意"),
    ("not_reached", "未接通"),
];
