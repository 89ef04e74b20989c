//! Reading an address from both ends.

use super::AddressParts;
use crate::search::half_width;

/// Words that end the name of an estate; the longer ones first where one ends another.
const ESTATES: &[&str] = &[
    "小区",
    "社区",
    "花园",
    "家园",
    "公寓",
    "大厦",
    "大楼",
    "广场",
    "新村",
    "新城",
    "新苑",
    "嘉苑",
    "花苑",
    "名苑",
    "佳苑",
    "公馆",
    "豪庭",
    "华庭",
    "名都",
    "名城",
    "国际",
    "中心",
    "商城",
    "市场",
    "医院",
    "学校",
    "大学",
    "学院",
    "中学",
    "小学",
    "幼儿园",
    "工业园",
    "产业园",
    "科技园",
    "创业园",
    "园区",
    "宿舍",
    "家属院",
    "生活区",
    "别墅",
    "山庄",
    "酒店",
    "宾馆",
    "银行",
    "支行",
    "派出所",
    "管委会",
    "委员会",
    "政府",
    "公司",
    "超市",
    "商场",
    "商厦",
    "写字楼",
    "苑",
    "庭",
    "府",
    "邸",
    "轩",
    "居",
    "阁",
    "湾",
    "郡",
    "庄园",
    "庄",
    "村",
    "屯",
    "寨",
    "园",
    "里",
    "院",
    "城",
    "厂",
    "店",
    "校",
    "馆",
    "坊",
    "弄",
];

/// Words that end the name of a region.
const REGIONS: &[&str] = &[
    "自治区",
    "自治州",
    "自治县",
    "特别行政区",
    "街道办事处",
    "街道",
    "开发区",
    "高新区",
    "新区",
    "省",
    "市",
    "区",
    "县",
    "旗",
    "州",
    "盟",
    "镇",
    "乡",
];

/// Words that end the name of a road.
const ROADS: &[&str] = &["大道", "大街", "胡同", "公路", "路", "街", "巷", "道"];

/// Words that end the number of a building; `#` included.
const BUILDINGS: &[&str] = &["号楼", "栋楼", "栋", "幢", "座", "楼", "#楼", "#"];

pub(super) fn split(address: &str) -> AddressParts {
    let text: String = address.chars().map(half_width).collect();
    let main = main_part(&text);
    let chars: Vec<char> = main.chars().filter(|c| !c.is_whitespace() && *c != '\'').collect();
    let mut parts = AddressParts::default();
    let head = take_tail(&chars, &mut parts);
    parts.estate = estate(head);
    if parts.estate.is_none() && parts.building.is_none() {
        // Only a house number is known: 文一路18号.
        parts.estate = estate(&chars);
    }
    parts
}

/// The part that names the place: what stands in 【】 if that is more than a remark, otherwise the text without brackets
/// and without what follows a remark.
fn main_part(text: &str) -> String {
    if let (Some(open), Some(close)) = (text.find('【'), text.find('】'))
        && open < close
    {
        let inside = &text[open + '【'.len_utf8()..close];
        if inside.chars().any(is_han) && inside.chars().count() >= 3 {
            return inside.to_owned();
        }
        let before = &text[..open];
        return format!("{}{inside}", without_remarks(before));
    }
    without_remarks(text)
}

fn without_remarks(text: &str) -> String {
    let mut depth = 0u32;
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '(' | '[' | '〔' | '{' => depth += 1,
            ')' | ']' | '〕' | '}' => depth = depth.saturating_sub(1),
            ',' | ';' | '、' | '。' => out.push(' '),
            c if depth == 0 => out.push(c),
            _ => {}
        }
    }
    for remark in ["附近", "对面", "旁边", "隔壁", "门口"] {
        if let Some(stripped) = out.trim_end().strip_suffix(remark) {
            out = stripped.to_owned();
        }
    }
    out
}

fn is_han(c: char) -> bool {
    ('\u{4e00}'..='\u{9fff}').contains(&c)
}

fn is_count(c: char) -> bool {
    c.is_ascii_alphanumeric() || "零〇一二三四五六七八九十百甲乙丙丁".contains(c)
}

/// Takes building, unit and room from the end; the rest is what stands before the first of them.
fn take_tail<'a>(chars: &'a [char], parts: &mut AddressParts) -> &'a [char] {
    if let Some(rest) = dashed(chars, parts) {
        return rest;
    }
    let mut first = chars.len();
    // The first building word with a number before it, as 3栋; house numbers (18号) do not count, but 18号楼 does.
    let found = (1..chars.len()).find_map(|at| {
        let word = BUILDINGS.iter().find(|w| starts(&chars[at..], w))?;
        let digits = chars[..at].iter().rev().take_while(|c| is_count(**c)).count();
        // 一楼, 3楼 are floors, not buildings, unless a unit or room follows with its own number.
        let floor = *word == "楼" && (digits > 2 || !has_room(&chars[at + 1..]));
        (digits > 0 && digits <= 4 && !floor).then_some((at - digits, at + word.chars().count()))
    });
    let mut after = 0;
    if let Some((from, to)) = found {
        parts.building = Some(chars[from..to].iter().collect());
        (first, after) = (from, to);
    }
    if let Some((from, to)) = counted(&chars[after..], "单元").or_else(|| counted(&chars[after..], "门")) {
        parts.unit = Some(chars[after + from..after + to].iter().collect());
        first = first.min(after + from);
        after += to;
    }
    if let Some((from, to)) = room(&chars[after..]) {
        parts.room = Some(chars[after + from..after + to].iter().collect());
        first = first.min(after + from);
    }
    &chars[..first]
}

fn starts(chars: &[char], word: &str) -> bool {
    word.chars().count() <= chars.len() && word.chars().zip(chars).all(|(a, b)| a == *b)
}

fn has_room(chars: &[char]) -> bool {
    chars.iter().any(char::is_ascii_digit)
}

/// The first `number word` in the characters.
fn counted(chars: &[char], word: &str) -> Option<(usize, usize)> {
    (1..chars.len()).find_map(|at| {
        let digits = chars[..at].iter().rev().take_while(|c| is_count(**c)).count();
        (digits > 0 && starts(&chars[at..], word)).then_some((at - digits, at + word.chars().count()))
    })
}

/// A room: `501室`, `501房`, or three to four digits (and a letter) at the end.
fn room(chars: &[char]) -> Option<(usize, usize)> {
    if let Some(found) = counted(chars, "室").or_else(|| counted(chars, "房")) {
        return Some(found);
    }
    let end = chars.iter().rposition(|c| c.is_ascii_alphanumeric())? + 1;
    let digits = chars[..end].iter().rev().take_while(|c| c.is_ascii_alphanumeric()).count();
    let alone = end == chars.len() || starts(&chars[end..], "号") && end + 1 == chars.len() && digits >= 3;
    (alone && (3..=5).contains(&digits) && chars[end - digits].is_ascii_digit())
        .then_some((end - digits, end))
}

/// `3-2-501`, `12-1708`, `2-7-101室`: building, unit, room.
fn dashed<'a>(chars: &'a [char], parts: &mut AddressParts) -> Option<&'a [char]> {
    let mut end = chars.len();
    while end > 0 && matches!(chars[end - 1], '室' | '房' | '户' | '东' | '西' | '中' | '号' | '-') {
        end -= 1;
    }
    let from = chars[..end]
        .iter()
        .rposition(|c| !(c.is_ascii_alphanumeric() || *c == '-' || *c == '—'))
        .map_or(0, |p| p + 1);
    let tail: String = chars[from..end].iter().collect();
    let pieces: Vec<&str> = tail.split(['-', '—']).filter(|p| !p.is_empty()).collect();
    let small = |p: &str| p.len() <= 4 && p.bytes().any(|b| b.is_ascii_digit());
    match pieces.as_slice() {
        [building, unit, room] if small(building) && unit.len() <= 2 && small(room) => {
            parts.building = Some(format!("{building}栋"));
            parts.unit = Some(format!("{unit}单元"));
            parts.room = Some((*room).to_owned());
        }
        [building, room] if small(building) && building.len() <= 3 && room.len() >= 3 && small(room) => {
            parts.building = Some(format!("{building}栋"));
            parts.room = Some((*room).to_owned());
        }
        _ => return None,
    }
    Some(&chars[..from])
}

/// The last name in the characters that ends like an estate, without regions and roads before it.
fn estate(chars: &[char]) -> Option<String> {
    let chars = without_region(chars);
    let (road_end, house) = road(chars);
    let rest: String = chars[road_end..].iter().collect();
    // 无影山中路与济齐路交汇处恒生望山花园: the corner is no part of the name.
    let corner = ["交汇处", "交叉口", "交界处", "路口", "十字"].iter().find_map(|w| rest.strip_prefix(w));
    let rest = corner.map_or(rest.clone(), str::to_owned);
    let rest = rest.trim_matches(|c: char| !c.is_alphanumeric());
    let last = ESTATES.iter().filter_map(|w| rest.rfind(w).map(|at| at + w.len())).max();
    if let Some(end) = last {
        // A phase or quarter may follow: 幸福花园二期, 西山枫林四区.
        let more: String =
            rest[end..].chars().take_while(|c| is_count(*c) || "期区组团".contains(*c)).collect();
        let more = if more.ends_with(['期', '区', '团', '组']) { more } else { String::new() };
        let name = format!("{}{more}", &rest[..end]);
        if name.chars().count() >= 2 {
            return Some(name);
        }
    }
    if rest.chars().filter(|c| is_han(*c)).count() >= 2 {
        return Some(rest.trim_end_matches(|c: char| c.is_ascii_digit() || c == '-').to_owned());
    }
    house.map(|(from, to)| chars[from..to].iter().collect())
}

/// Skips regions from the left: the last region word that leaves a name behind it.
fn without_region(chars: &[char]) -> &[char] {
    let mut start = 0;
    let mut at = 1;
    while at < chars.len() {
        let word = REGIONS.iter().find(|w| starts(&chars[at..], w));
        match word {
            Some(word) => {
                let end = at + word.chars().count();
                let own = at - start;
                // 小区, 社区, 园区, 生活区, 四区 and 超市, 城市 … are no regions.
                let before = chars[at - 1];
                let inner = "小社园活工业住宅矿东西南北中".contains(before) && *word == "区" && own < 2
                    || "小社园活宅厂库".contains(before) && *word == "区"
                    || *word == "市" && ("超城菜".contains(before) || chars.get(end) == Some(&'场'))
                    || is_count(before);
                if !inner && (1..=8).contains(&own) && end < chars.len() {
                    start = end;
                    at = end;
                }
                at += 1;
            }
            None => at += 1,
        }
    }
    &chars[start..]
}

/// The end of the last road with its house number, and the span of both.
fn road(chars: &[char]) -> (usize, Option<(usize, usize)>) {
    let mut best = (0, None);
    let mut from = 0;
    let mut at = 1;
    while at < chars.len() {
        let Some(word) = ROADS.iter().find(|w| starts(&chars[at..], w)) else {
            at += 1;
            continue;
        };
        let end = at + word.chars().count();
        let digits = chars[end..].iter().take_while(|c| c.is_ascii_digit() || **c == '-').count();
        let number = digits > 0 && chars.get(end + digits) == Some(&'号');
        if number {
            let to = end + digits + 1;
            best = (to, Some((from, to)));
            from = to;
            at = to;
        } else {
            best = (end, Some((from, end)));
            from = end;
            at = end;
        }
        at += 1;
    }
    best
}

/// The bare number or letter of a building, so that `3栋`, `3号楼` and `3#` are one.
pub(super) fn number_of(building: &str) -> String {
    building.chars().take_while(|c| is_count(*c)).collect()
}
