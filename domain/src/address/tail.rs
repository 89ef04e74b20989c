//! Building, unit, floor and room, from where the first of them stands to the end.

use super::region::starts;
use super::text::{digits, is_count, is_numeral};

/// Words that end the number of a building.
const BUILDINGS: &[&str] = &[
    "号楼",
    "栋楼",
    "幢楼",
    "座楼",
    "#楼",
    "号宿舍楼",
    "号宿舍",
    "号公寓",
    "公寓",
    "栋",
    "幢",
    "座",
    "舍",
    "#",
];
const UNITS: &[&str] = &["单元", "门洞", "门", "梯", "口"];
const ROOMS: &[&str] = &["室", "房", "户", "寝"];

/// What the tail says; the numbers as written.
#[derive(Debug, Default)]
pub(super) struct Tail {
    /// Where it begins.
    pub from: usize,
    /// With its word: `3栋`.
    pub building: Option<String>,
    /// A dashed form whose first number may be a house number: `万纤路7-102`.
    pub dashed: bool,
    pub unit: Option<String>,
    pub floor: Option<String>,
    pub room: Option<String>,
}

/// A number with a word after it, at the beginning of `chars`: characters of the number, and of both.
fn counted(chars: &[char], words: &[&'static str], sides: bool) -> Option<(usize, usize, &'static str)> {
    let mut n = chars.iter().take_while(|c| is_count(**c)).count();
    if n == 0 && sides && chars.first().is_some_and(|c| "东西南北中".contains(*c)) {
        n = 1;
    }
    if n == 0 || n > 5 {
        return None;
    }
    words.iter().find(|w| starts(&chars[n..], w)).map(|w| (n, n + w.chars().count(), *w))
}

/// A run of numbers with dashes between them: its pieces and its length.
fn dashed(chars: &[char]) -> Option<(Vec<String>, usize)> {
    let n = chars.iter().take_while(|c| c.is_ascii_alphanumeric() || "-甲乙丙丁戊".contains(**c)).count();
    let run: String = chars[..n].iter().collect();
    let pieces: Vec<String> = run.split('-').filter(|p| !p.is_empty()).map(str::to_owned).collect();
    let small = |p: &String| p.len() <= 5;
    (run.contains('-') && !run.starts_with('-') && !pieces.is_empty() && pieces.iter().all(small))
        .then_some((pieces, n))
}

/// A floor: `3楼`, `二层`, `28F`; characters of the number, and of both.
fn floor(chars: &[char]) -> Option<(usize, usize)> {
    let n = chars.iter().take_while(|c| c.is_ascii_digit()).count();
    let latin = chars.get(n) == Some(&'F') && !chars.get(n + 1).is_some_and(char::is_ascii_alphanumeric);
    if n > 0 && latin {
        return Some((n, n + 1));
    }
    counted(chars, &["楼", "层"], false).map(|(n, to, _)| (n, to))
}

fn begins(chars: &[char], at: usize) -> bool {
    let rest = &chars[at..];
    // in the middle of a number nothing begins
    if at > 0 && is_count(chars[at - 1]) && is_count(rest[0]) {
        let both = is_numeral(chars[at - 1]) == is_numeral(rest[0]);
        if both || chars[at - 1].is_ascii_alphanumeric() {
            return false;
        }
    }
    // with a number: 三座 is a building, 银座 and 宝座 are names
    if counted(rest, BUILDINGS, false).is_some() {
        return true;
    }
    if let Some((_, to, word)) = counted(rest, UNITS, true) {
        let next = rest.get(to).copied().unwrap_or(' ');
        let named = word == "口" || word == "门" && !is_count(next) && to < rest.len();
        let side = "东西南北中".contains(rest[0]) && (word == "门" || word == "口") && !is_count(next);
        return !(named || side) && at > 0 || word == "单元";
    }
    if let Some((pieces, n)) = dashed(rest) {
        let next = rest.get(n).copied().unwrap_or(' ');
        let house = next == '号' && !starts(&rest[n..], "号楼");
        return at > 0 && !house && (pieces.len() > 1 || next.is_ascii() || "东西南北中".contains(next));
    }
    if let Some((n, to)) = floor(rest) {
        let last_is_number = rest[..n].iter().all(|c| c.is_ascii_digit() || is_numeral(*c));
        let next = rest.get(to).copied().unwrap_or(' ');
        return at > 0 && last_is_number && n <= 3 && !"村庄镇乡".contains(next);
    }
    if let Some((n, _, word)) = counted(rest, ROOMS, false) {
        return at > 0 && (word != "户" || n > 1) && rest[..n].iter().any(|c| c.is_ascii_digit());
    }
    // 601 at the end, or before words that say nothing
    let n = rest.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    let number = rest[..n].iter().filter(|c| c.is_ascii_digit()).count();
    at > 0 && (3..=5).contains(&n) && number >= 3 && rest[0].is_ascii_digit() && n == rest.len()
}

/// Reads the tail; `None` where no part of it is there.
pub(super) fn read(chars: &[char]) -> Option<Tail> {
    let from = (0..chars.len()).find(|at| begins(chars, *at))?;
    let mut tail = Tail { from, ..Tail::default() };
    let mut at = from;
    let text = |from: usize, to: usize| -> String { chars[from..to].iter().collect() };
    let mut spread_once = false;
    while at < chars.len() {
        let rest = &chars[at..];
        if let Some((mut pieces, n)) = dashed(rest).filter(|_| !spread_once) {
            spread_once = true;
            at += n;
            // 2-3楼东户: the last is a floor; 16-2单元: a unit
            if starts(&chars[at..], "楼") || starts(&chars[at..], "层") {
                tail.floor = pieces.pop();
                at += 1;
            } else if starts(&chars[at..], "单元") {
                tail.unit = pieces.pop().map(|u| format!("{u}单元"));
                at += 2;
            } else if let Some(word) = ["号楼", "#", "栋", "幢"].iter().find(|w| starts(&chars[at..], w))
            {
                // 2-16号楼 is building 16 of quarter 2
                tail.building = Some(format!("{}{word}", pieces.join("-")));
                pieces.clear();
                at += word.chars().count();
            }
            tail.dashed = tail.building.is_none();
            spread(&mut tail, pieces);
        } else if let (Some((_, to, _)), None) = (counted(rest, BUILDINGS, false), &tail.building) {
            tail.building = Some(text(at, at + to));
            at += to;
        } else if let (Some((_, to, _)), None) = (counted(rest, UNITS, true), &tail.unit) {
            tail.unit = Some(text(at, at + to));
            at += to;
        } else if let Some((n, to)) = floor(rest)
            && tail.floor.is_none()
            && tail.room.is_none()
        {
            let more = chars.get(at + to).copied().unwrap_or(' ');
            let unit_follows = counted(&chars[at + to..], &["单元", "门"], true).is_some();
            // no house has 300 floors: 望京西园4区312楼
            let high = digits(&text(at, at + n)).parse::<u32>().is_ok_and(|n| n > 120);
            if tail.building.is_none() && tail.unit.is_none() && (unit_follows || high || more == '-') {
                tail.building = Some(text(at, at + to));
            } else {
                tail.floor = Some(digits(&text(at, at + n)));
            }
            at += to;
        } else if let Some((n, to, word)) = counted(rest, &["室", "房", "户", "寝", "号"], true)
            && (tail.room.is_none() || word == "室")
        {
            tail.room = Some(if word == "室" { text(at, at + to) } else { text(at, at + n) });
            at += to;
        } else if let (Some(n), None) = (number(rest), &tail.room) {
            tail.room = Some(text(at, at + n));
            at += n;
        } else {
            at += 1;
        }
    }
    Some(tail)
}

fn number(chars: &[char]) -> Option<usize> {
    let n = chars.iter().take_while(|c| c.is_ascii_alphanumeric()).count();
    (n > 0 && chars[0].is_ascii_digit() && n <= 6).then_some(n)
}

/// Gives the pieces of `3-2-501` to what is not known yet.
fn spread(tail: &mut Tail, pieces: Vec<String>) {
    let mut pieces = pieces.into_iter();
    if tail.building.is_none() && tail.unit.is_none() {
        tail.building = pieces.next().map(|b| format!("{b}栋"));
    }
    if tail.unit.is_none() && pieces.len() >= 2 {
        tail.unit = pieces.next().map(|u| format!("{u}单元"));
    }
    if pieces.len() >= 2 && tail.floor.is_none() {
        tail.floor = pieces.next();
    }
    let rest: Vec<String> = pieces.collect();
    if !rest.is_empty() {
        tail.room = Some(rest.join("-"));
    }
}
