//! Days' lists.

use serde_json::{Value, json};

const ESTATES: [&str; 8] =
    ["幸福花园", "阳光花苑", "翡翠城", "东湖小区", "金色家园", "和平里", "春江花园", "学府苑"];
const NAMES: [&str; 10] = ["王伟", "李娜", "张敏", "刘洋", "陈静", "杨帆", "赵磊", "黄丽", "周强", "吴霞"];

/// `n` parcels for `n` people; numbers count up from `+8613` + `start`, nine digits.
pub fn rows(n: usize, start: u64) -> Vec<Value> {
    (0..n as u64)
        .map(|i| {
            json!({
                "line": i + 2,
                "waybill_no": format!("YT{:013}", start + i),
                "recipient_name": NAMES[(i % 10) as usize],
                "phone": format!("13{:09}", start + i),
                "address": format!("上海市浦东新区{}{}号楼{}室", ESTATES[(i % 8) as usize], i / 8 % 30 + 1, 101 + i % 20),
            })
        })
        .collect()
}

/// The same as a CSV file.
pub fn csv(rows: &[Value]) -> String {
    let text = |v: &Value| v.as_str().unwrap_or_default().to_owned();
    let mut out = String::from("运单号,收件人,电话,地址\n");
    for row in rows {
        out.push_str(&format!(
            "{},{},{},{}\n",
            text(&row["waybill_no"]),
            text(&row["recipient_name"]),
            text(&row["phone"]),
            text(&row["address"])
        ));
    }
    out
}
