//! Road, number, estate and zone: what stands between the regions and the building.

use super::region::starts;
use super::text::{digits, is_count, is_han};

const ROADS: &[&str] =
    &["大道", "大街", "胡同", "公路", "国道", "省道", "环路", "街道", "路", "街", "巷", "道", "弄"];
/// What makes of a road's word the beginning of another one.
const NO_ROAD: &[&str] = &[
    "路口",
    "路桥",
    "公路局",
    "公路站",
    "公路段",
    "路局",
    "路店",
    "街店",
    "街坊",
    "街区",
    "街市",
    "道口",
    "道班",
    "路灯",
    "弄堂",
    "道路",
];
/// Where two roads meet.
const CORNERS: &[&str] = &[
    "交汇处",
    "交叉口",
    "交叉处",
    "交界处",
    "交口",
    "路口",
    "口",
    "东头",
    "西头",
    "南头",
    "北头",
    "南口",
    "北口",
    "东口",
    "西口",
];
/// Parts of an estate that are no building.
const ZONES: &[&str] = &["小高层", "高层", "多层", "洋房"];

/// What is read between the regions and the building.
#[derive(Debug, Default)]
pub(super) struct Place {
    /// The road.
    pub road: Option<String>,
    /// House number with its lane: `18`, `305弄1支弄8`.
    pub number: Option<String>,
    /// Estate, village, institution.
    pub estate: Option<String>,
    /// Phase and quarter: `3期B区`.
    pub zone: Option<String>,
    /// The zone as written, to be said with the estate.
    pub zone_said: String,
    /// A building that is only a number: `32号` behind the number on the road.
    pub door: Option<String>,
}

/// Reads the head of an address, from which regions and tail have been taken.
pub(super) fn read(chars: &[char]) -> Place {
    let mut place = Place::default();
    let mut from = 0;
    let mut at = 1;
    while at < chars.len() {
        let Some(word) = road_word(chars, at) else {
            at += 1;
            continue;
        };
        let mut end = at + word.chars().count();
        // 人民南路四段
        let section = chars[end..].iter().take_while(|c| is_count(**c)).count();
        if (1..=2).contains(&section) && chars.get(end + section) == Some(&'段') {
            end += section + 1;
        }
        let (number, to) = house(chars, end);
        // a second road without a number is a crossing
        if place.number.is_none() || number.is_some() {
            let name: String = chars[road_start(chars, from, at)..end].iter().collect();
            place.road = Some(name);
            place.number = number;
        }
        (from, at) = (to, to + 1);
    }
    let rest = without_corner(&chars[from..]);
    let mut name = rest;
    // a number in a village or behind a gate: 上丰村六组282号
    let lane = place.number.as_deref().is_some_and(|n| n.ends_with('弄'));
    if let Some((number, n)) = last_number(name) {
        if place.road.is_none() || lane {
            place.number = Some(place.number.unwrap_or_default() + &number);
        } else {
            // 七莘路3333号玉兰苑32号302
            place.door = Some(format!("{number}号"));
        }
        name = &name[..n];
    }
    let (estate, zone) = without_zone(name);
    place.zone_said = name[estate.len()..].iter().collect();
    place.zone = zone;
    let name = estate;
    let name = super::text::without_beside(trimmed(name).trim_end_matches('第').to_owned());
    // a name, and not a number that stands alone
    let letters = name.chars().filter(|c| c.is_alphabetic()).count();
    place.estate = Some(name).filter(|n| n.chars().any(is_han) && n.chars().count() >= 2 || letters >= 2);
    if place.estate.is_none() && from > 0 {
        // 溪口村龙园路: the village before the road
        place.estate = village_before(&chars[..from], place.road.as_deref());
    }
    place
}

fn trimmed(chars: &[char]) -> String {
    let text: String = chars.iter().collect();
    text.trim_matches(|c: char| !c.is_alphanumeric() || c == '号').to_owned()
}

/// A word at `at` that ends the name of a road.
fn road_word(chars: &[char], at: usize) -> Option<&'static str> {
    let rest = &chars[at..];
    // 向东100米路南 is no road
    if NO_ROAD.iter().any(|w| starts(rest, w)) || at > 0 && chars[at - 1] == '米' {
        return None;
    }
    let word = ROADS.iter().find(|w| starts(rest, w)).copied()?;
    let next = rest.get(word.chars().count()).copied();
    match word {
        // 西青道 is a road at the end or before a number; 通道, 大道 inside names are not
        "道" if at > 0 && super::text::is_numeral(chars[at - 1]) => Some(word),
        "道" => next.is_none_or(|c| c.is_ascii_digit() || c == '与' || c == '和').then_some(word),
        "弄" => None,
        _ => Some(word),
    }
}

/// Where the name of a road begins: after a village that stands before it.
fn road_start(chars: &[char], from: usize, at: usize) -> usize {
    let name = &chars[from..at];
    let village =
        name.iter().rposition(|c| "村屯寨区园苑庄".contains(*c)).filter(|p| p + 2 < name.len() && *p > 0);
    let joint = name
        .iter()
        .rposition(|c| "与和、/".contains(*c))
        .filter(|p| p + 1 < name.len() && *p > 0 && "路街道巷".contains(name[p - 1]));
    village.max(joint).map_or(from, |p| from + p + 1)
}

fn village_before(chars: &[char], road: Option<&str>) -> Option<String> {
    let text: String = chars.iter().collect();
    let at = text.find(road?)?;
    let name = text.get(..at)?.trim_matches(|c: char| !c.is_alphanumeric());
    (name.chars().count() >= 2 && name.ends_with(['村', '屯', '寨', '区', '园', '苑', '庄']))
        .then(|| name.to_owned())
}

/// The house number after a road: `18号`, `7-9号`, `305弄1支弄8号`, `南86号`, `甲79号`; and where it ends.
fn house(chars: &[char], from: usize) -> (Option<String>, usize) {
    let mut at = from;
    let mut out = String::new();
    let mut end = from;
    loop {
        let side = chars.get(at).copied().filter(|c| "东西南北中甲乙丙丁附".contains(*c));
        let start = at + usize::from(side.is_some());
        let n =
            chars.get(start..).map_or(0, |r| r.iter().take_while(|c| is_count(**c) || **c == '-').count());
        if n == 0 || n > 8 {
            break;
        }
        let number: String = chars[at..start + n].iter().collect();
        let rest = &chars[start + n..];
        let word = ["支弄", "弄", "号院", "号大院", "巷", "号"].into_iter().find(|w| starts(rest, w));
        let Some(word) = word.filter(|w| *w != "号" || !starts(rest, "号楼")) else {
            break;
        };
        let lane = matches!(word, "支弄" | "弄" | "巷");
        out.push_str(&digits(&number));
        if lane {
            out.push_str(word);
        }
        at = start + n + word.chars().count();
        end = at;
        if !lane {
            if let Some((more, n)) = annex(&chars[at..]) {
                out.push_str(&more);
                end += n;
            }
            break;
        }
    }
    if out.is_empty() {
        // 解放路38 without 号, at the end
        let n = chars[from.min(chars.len())..].iter().take_while(|c| c.is_ascii_digit()).count();
        if n > 0 && n <= 4 && from + n == chars.len() {
            return (Some(digits(&chars[from..].iter().collect::<String>())), chars.len());
        }
        return (None, from);
    }
    (Some(out), end)
}

/// `附5号` behind a number: what it adds, and its length.
fn annex(chars: &[char]) -> Option<(String, usize)> {
    let n = chars.get(1..)?.iter().take_while(|c| is_count(**c)).count();
    let number: String = chars.get(1..=n)?.iter().collect();
    (chars[0] == '附' && n > 0 && chars.get(n + 1) == Some(&'号'))
        .then(|| (format!("附{}", digits(&number)), n + 2))
}

/// A number with 号 at the end of a name; the number, and how much of the name stands before it.
fn last_number(chars: &[char]) -> Option<(String, usize)> {
    let end = chars.iter().rposition(|c| *c == '号')?;
    if end + 1 != chars.len() {
        return None;
    }
    let n = chars[..end].iter().rev().take_while(|c| is_count(**c) || **c == '-').count();
    let side = chars[..end - n].last().is_some_and(|c| "东西南北".contains(*c)) && end - n > 3;
    let from = end - n - usize::from(side);
    let number: String = chars[from..end].iter().collect();
    (n > 0 && n <= 6).then(|| (digits(&number), from))
}

fn without_corner(chars: &[char]) -> &[char] {
    let mut chars = chars;
    while let Some(word) = CORNERS.iter().find(|w| starts(chars, w)) {
        chars = &chars[word.chars().count()..];
    }
    while chars.first().is_some_and(|c| !c.is_alphanumeric()) {
        chars = &chars[1..];
    }
    // 向东100米路南
    let way = chars.iter().take_while(|c| c.is_ascii_digit() || "往向东西南北走约".contains(**c)).count();
    if chars.get(way) == Some(&'米') && chars[..way].iter().any(char::is_ascii_digit) {
        chars = &chars[way + 1..];
        if chars.len() > 2 && chars[0] == '路' && "东西南北".contains(chars[1]) {
            chars = &chars[2..];
        }
    }
    chars
}

/// Takes `3期`, `B区`, `东区`, `高层`, `二组团` from the end.
fn without_zone(chars: &[char]) -> (&[char], Option<String>) {
    let mut end = chars.len();
    let mut zone = String::new();
    loop {
        let head = &chars[..end];
        let taken = ZONES
            .iter()
            .find(|w| ends(head, w))
            .map(|w| w.chars().count())
            .or_else(|| counted_end(head, &["期", "区", "组团", "街坊"]))
            .filter(|n| *n < end);
        let Some(n) = taken else { break };
        zone = format!("{}{zone}", digits(&chars[end - n..end].iter().collect::<String>()));
        end -= n;
    }
    if zone.is_empty() { (chars, None) } else { (&chars[..end], Some(zone)) }
}

fn ends(chars: &[char], word: &str) -> bool {
    let n = word.chars().count();
    chars.len() >= n && starts(&chars[chars.len() - n..], word)
}

/// Length of a number or side with one of the words after it, at the end.
fn counted_end(chars: &[char], words: &[&str]) -> Option<usize> {
    let word = words.iter().find(|w| ends(chars, w))?;
    let stem = &chars[..chars.len() - word.chars().count()];
    let latin = stem.last().is_some_and(char::is_ascii_alphanumeric);
    let mut n = stem.iter().rev().take_while(|c| is_count(**c) && c.is_ascii() == latin).count();
    if n == 0 && *word == "区" && stem.last().is_some_and(|c| "东西南北中".contains(*c)) {
        n = 1;
    }
    // 第二期
    let ordinal = n > 0 && stem.len() > n && stem[stem.len() - n - 1] == '第';
    (n > 0 && n <= 3).then(|| n + usize::from(ordinal) + word.chars().count())
}

/// The name of an estate as it is compared: without words that senders put in or leave out.
pub(super) fn essence(name: &str) -> String {
    let name = digits_inside(name);
    let mut out: String = name.chars().filter(|c| c.is_alphanumeric()).collect();
    for word in ["住宅小区", "小区", "社区", "住宅区"] {
        if let Some(cut) = out.strip_suffix(word)
            && cut.chars().filter(|c| is_han(*c)).count() >= 2
        {
            out = cut.to_owned();
        }
    }
    out
}

/// Buildings of an institution that have names.
const NAMED: &[&str] = &[
    "门诊楼",
    "门诊部",
    "住院楼",
    "住院部",
    "急诊楼",
    "急诊",
    "外科楼",
    "内科楼",
    "医技楼",
    "主楼",
    "附楼",
    "副楼",
    "裙楼",
    "教学楼",
    "办公楼",
    "行政楼",
    "实验楼",
    "综合楼",
    "宿舍楼",
    "图书馆",
    "体育馆",
    "食堂",
];

/// Splits `第一医院住院部` into the institution and its building; what `essence` gave.
pub(super) fn named_building(estate: &str) -> Option<(String, String)> {
    let even = estate.replace("大楼", "楼");
    let word = NAMED.iter().find(|w| even.ends_with(*w))?;
    let base = even.strip_suffix(word)?;
    (base.chars().count() >= 2).then(|| (base.to_owned(), word.replace('部', "楼")))
}

/// Numerals before a word that counts as digits: `三组` is `3组`.
fn digits_inside(name: &str) -> String {
    let chars: Vec<char> = name.chars().collect();
    let mut out = String::new();
    let mut at = 0;
    while at < chars.len() {
        let n = chars[at..].iter().take_while(|c| super::text::is_numeral(**c)).count();
        let counts = at > 0 && chars[at - 1] == '第'
            || chars.get(at + n).is_some_and(|c| "组队社期区村里号小大公舍门巷".contains(*c));
        let run: String = chars[at..at + n.max(1)].iter().collect();
        out.push_str(&if n > 0 && counts { digits(&run) } else { run });
        at += n.max(1);
    }
    let out = out.replace("小组", "组").replace("大队", "队").replace("村民", "");
    // 李庄村3组, 李庄3组
    match out.find('村').filter(|at| out[at + '村'.len_utf8()..].starts_with(|c: char| c.is_ascii_digit()))
    {
        Some(at) if at > '村'.len_utf8() => format!("{}{}", &out[..at], &out[at + '村'.len_utf8()..]),
        _ => out,
    }
}
