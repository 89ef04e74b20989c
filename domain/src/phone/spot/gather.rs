//! From marks to groups, from groups to readings, from readings to candidates.

use super::label::{Gap, Mark};
use super::{Candidate, Party};
use crate::phone::{PhoneError, PhoneKind, PhoneNumber};

/// Where the marks come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Label,
    Speech,
}

/// Most candidates.
const MOST: usize = 64;
/// From so many digits on it is a number and not a count.
const WHOLE: usize = 7;
/// Digits of a mobile number.
const MOBILE: usize = 11;
/// A group is at most so long; more is no number.
const LONGEST: usize = 20;
/// What is between two groups counts for nothing beyond so many marks.
const JOINT: usize = 4;

/// What lies before a group.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Joint {
    /// Nothing but gaps: the groups may belong together.
    joins: bool,
    extension: bool,
    line: bool,
    hyphen: bool,
    bracket: bool,
}

/// A run of digits.
#[derive(Clone, Debug)]
struct Group {
    /// Digits, and `*` for hidden ones.
    text: String,
    doubt: u32,
    glued: bool,
    plus: bool,
    before: Joint,
    party: Party,
    telephone: bool,
    code: bool,
    line: usize,
    score: u8,
}

/// See the module `spot`.
pub(super) fn gather(marks: &[Mark], kind: Kind) -> Vec<Candidate> {
    let groups = groups(marks);
    let mut found: Vec<Reading> = Vec::new();
    for first in 0..groups.len() {
        let most = if kind == Kind::Speech { 14 } else { 5 };
        for last in first..groups.len().min(first + most) {
            if last > first && !groups[last].before.joins {
                break;
            }
            if groups[first..=last].iter().map(|g| g.text.len()).sum::<usize>() > LONGEST {
                break;
            }
            found.extend(read(&groups, first, last, kind));
        }
    }
    // the surest of those that share a group
    found.sort_by_key(|r| {
        (std::cmp::Reverse(r.candidate.confidence), std::cmp::Reverse(r.last - r.first), r.first)
    });
    let mut kept: Vec<Reading> = Vec::new();
    for reading in found {
        let free = |other: &Reading| reading.last < other.first || other.last < reading.first;
        if kept.len() < MOST && kept.iter().all(free) {
            kept.push(reading);
        }
    }
    kept.sort_by_key(|r| r.first);
    let mut candidates = together(kept.into_iter().map(|r| r.candidate).collect());
    if !candidates.iter().any(|c| c.phone.is_some()) {
        candidates.extend(unfinished(&groups));
    }
    candidates.sort_by_key(|c| (c.party, c.phone.is_none(), std::cmp::Reverse(c.confidence)));
    candidates
}

fn groups(marks: &[Mark]) -> Vec<Group> {
    let mut out: Vec<Group> = Vec::new();
    let (mut line, mut score, mut party) = (0, 99, Party::Unknown);
    let (mut telephone, mut code, mut plus, mut glue) = (false, false, false, false);
    let mut joint = Joint::default();
    let mut between = usize::MAX;
    let mut open = false;
    // whose it is holds for the first number after the word and for its line
    let (mut told, mut digits): (Option<usize>, usize) = (None, 0);
    for mark in marks {
        let (text, doubt) = match mark {
            Mark::Digit { digit, doubt } => (char::from(b'0' + digit), u32::from(*doubt)),
            Mark::Star => ('*', 0),
            other => {
                open = false;
                between = between.saturating_add(1);
                match other {
                    Mark::Gap(gap) => {
                        joint.line |= *gap == Gap::Line;
                        joint.hyphen |= *gap == Gap::Hyphen;
                        joint.bracket |= *gap == Gap::Bracket;
                        if *gap == Gap::Line && telephone && joint.line && between > 2 {
                            telephone = false;
                        }
                    }
                    Mark::Extension => joint.extension = true,
                    Mark::Line { number, score: sure } => {
                        between = between.saturating_sub(1);
                        (line, score) = (*number, *sure);
                    }
                    Mark::Plus => {
                        plus = true;
                        joint.joins = false;
                    }
                    Mark::Glue => {
                        if between == 1
                            && let Some(last) = out.last_mut()
                        {
                            last.glued = true;
                        }
                        glue = true;
                        joint.joins = false;
                    }
                    Mark::Party(whose) => {
                        (party, joint.joins, told, digits) = (*whose, false, None, 0);
                        // 张三 138…（收）
                        if let Some(last) = out.last_mut().filter(|g| g.line == line && g.party != *whose)
                            && between <= 3
                        {
                            last.party = *whose;
                        }
                    }
                    Mark::Telephone => (telephone, code, joint.joins) = (true, false, false),
                    Mark::Code => (code, telephone, joint.joins) = (true, false, false),
                    Mark::Taken => {
                        // all that was said of this number
                        while let Some(last) = out.pop() {
                            if !last.before.joins {
                                break;
                            }
                        }
                        joint.joins = false;
                    }
                    _ => (joint.joins, glue) = (false, false),
                }
                continue;
            }
        };
        if open && let Some(last) = out.last_mut() {
            last.text.push(text);
            last.doubt += doubt;
            digits += 1;
            if digits >= WHOLE {
                told.get_or_insert(line);
            }
            continue;
        }
        joint.joins &= between <= JOINT;
        if told.is_some_and(|at| at != line) && (!joint.joins || digits >= MOBILE) {
            party = Party::Unknown;
        }
        digits += 1;
        out.push(Group {
            text: text.to_string(),
            doubt,
            glued: glue,
            plus,
            before: joint,
            party,
            telephone,
            code,
            line,
            score,
        });
        (telephone, code, plus, glue) = (false, false, false, false);
        joint = Joint { joins: true, ..Joint::default() };
        (between, open) = (0, true);
    }
    out
}

struct Reading {
    first: usize,
    last: usize,
    candidate: Candidate,
}

/// What the groups are if they are one number.
fn read(groups: &[Group], first: usize, last: usize, kind: Kind) -> Option<Reading> {
    let of = &groups[first..=last];
    let digits: String = of.iter().map(|g| g.text.as_str()).collect();
    let hidden = digits.contains('*');
    // an extension only after 转 and the like, or after a hyphen behind a fixed line
    let marked = of.iter().skip(1).position(|g| g.before.extension).map(|at| at + 1);
    if marked.is_some_and(|at| at + 1 != of.len()) {
        return None;
    }
    let body = &of[..marked.unwrap_or(of.len())];
    let body_digits: String = body.iter().map(|g| g.text.as_str()).collect();
    let mut lengths: Vec<usize> = body.iter().map(|g| g.text.len()).collect();
    let mut national = body_digits.as_str();
    for prefix in ["0086", "86"] {
        if (body[0].plus || body[0].text == prefix || body_digits.len() == prefix.len() + 11)
            && let Some(rest) = national.strip_prefix(prefix)
        {
            national = rest;
            lengths[0] = lengths[0].saturating_sub(prefix.len());
            lengths.retain(|n| *n > 0);
            break;
        }
    }
    let mut lost: u32 = of.iter().map(|g| g.doubt).sum();
    if hidden {
        if marked.is_some() {
            return None;
        }
        let masked = mask(national)?;
        let candidate = Candidate {
            phone: None,
            confidence: confidence(80, lost + context(groups, first, last, kind), of),
            masked: Some(masked),
            party: body[0].party,
            read: shown(of),
            line: of[0].line,
            problem: Some(PhoneError::Masked),
        };
        return Some(Reading { first, last, candidate });
    }
    // the left half of 转 has been read as a digit too
    let halved = kind == Kind::Label && marked.is_some() && national.len() == 12 && national.starts_with('1');
    let number = if halved { &national[..11] } else { body_digits.as_str() };
    let text = match marked {
        Some(at) => format!("{number}转{}", of[at].text),
        None => number.to_owned(),
    };
    if halved {
        lost += 45;
        lengths = vec![11];
    }
    let text = if body[0].plus && !halved { format!("+{text}") } else { text };
    let phone = PhoneNumber::parse(&text).ok()?;
    lost += match phone.kind() {
        PhoneKind::Mobile => mobile(&lengths, kind)?,
        PhoneKind::Landline => landline(national, &lengths, body[0].telephone)?,
        PhoneKind::Shared400 => grouped(&lengths, &[&[10], &[3, 3, 4], &[3, 4, 3], &[4, 3, 3], &[3, 7]])?,
        PhoneKind::Foreign if body[0].plus => 20,
        PhoneKind::ShortCode | PhoneKind::Free800 if body[0].telephone => 20,
        _ => return None,
    };
    lost += context(groups, first, last, kind);
    let company = matches!(phone.kind(), PhoneKind::Shared400 | PhoneKind::Free800 | PhoneKind::ShortCode);
    let candidate = Candidate {
        phone: Some(phone),
        masked: None,
        confidence: confidence(99, lost, of),
        party: if company { Party::Company } else { body[0].party },
        read: shown(of),
        line: of[0].line,
        problem: None,
    };
    Some(Reading { first, last, candidate })
}

/// `138****1234`, whatever the number of stars that were read: the ends of a mobile, three and four digits.
fn mask(digits: &str) -> Option<String> {
    let head = digits.split('*').next()?;
    let tail = digits.rsplit('*').next()?;
    let stars = digits.len() - head.len() - tail.len();
    let between = &digits[head.len()..digits.len() - tail.len()];
    let fits = head.len() == 3
        && tail.len() == 4
        && (2..=6).contains(&stars)
        && between.bytes().all(|b| b == b'*')
        && head.starts_with('1');
    fits.then(|| format!("{head}****{tail}"))
}

fn grouped(lengths: &[usize], usual: &[&[usize]]) -> Option<u32> {
    Some(if usual.contains(&lengths) { 0 } else { 12 })
}

fn mobile(lengths: &[usize], kind: Kind) -> Option<u32> {
    const USUAL: &[&[usize]] =
        &[&[11], &[3, 4, 4], &[3, 8], &[7, 4], &[4, 3, 4], &[4, 4, 3], &[3, 3, 5], &[3, 2, 2, 2, 2]];
    match kind {
        Kind::Speech => Some(0),
        // a number that OCR has torn in two may be torn anywhere
        Kind::Label if lengths.len() <= 2 => grouped(lengths, USUAL),
        Kind::Label => grouped(lengths, USUAL).map(|lost| lost * 2),
    }
}

/// A fixed line: its area code stands by itself, or words say that it is a telephone.
fn landline(digits: &str, lengths: &[usize], telephone: bool) -> Option<u32> {
    if !digits.starts_with('0') {
        return None;
    }
    let apart = lengths.len() >= 2 && matches!(lengths[0], 3 | 4);
    Some(match (apart, telephone) {
        (true, true) => 0,
        (true, false) => 8,
        (false, true) => 4,
        (false, false) => 30,
    })
}

/// What the neighbours say.
fn context(groups: &[Group], first: usize, last: usize, kind: Kind) -> u32 {
    let of = &groups[first..=last];
    let mut lost = 0;
    if of.iter().any(|g| g.glued) {
        lost += 45;
    }
    if of[0].code {
        lost += 50;
    }
    lost += 12 * u32::try_from(of.iter().skip(1).filter(|g| g.before.line).count()).unwrap_or(9);
    // it goes on, before or behind, in the same way: perhaps only a piece of something longer
    let goes_on =
        |a: &Group, b: &Group| b.before.joins && !b.before.line && !b.before.extension && a.line == b.line;
    let before =
        first.checked_sub(1).is_some_and(|at| goes_on(&groups[at], &of[0]) && groups[at].text.len() >= 3);
    let behind = groups.get(last + 1).is_some_and(|next| goes_on(&of[of.len() - 1], next));
    if before || behind {
        lost += match (kind, of.len()) {
            (Kind::Speech, _) => 60,
            // eleven digits in one piece are a number, whatever stands beside them
            (Kind::Label, 1) => 6,
            (Kind::Label, _) => 30,
        };
    }
    lost
}

/// What is left, and no more than the recogniser's own score allows.
fn confidence(base: u32, lost: u32, of: &[Group]) -> u8 {
    let score = of.iter().map(|g| g.score).min().unwrap_or(99);
    let unsure = match score {
        97.. => 0,
        90..=96 => 12,
        80..=89 => 25,
        _ => 45,
    };
    u8::try_from(base.saturating_sub(lost + unsure).max(1)).unwrap_or(1)
}

fn shown(of: &[Group]) -> String {
    of.iter().map(|g| g.text.as_str()).collect::<Vec<_>>().join(" ")
}

/// The same number twice is one candidate, and surer; numbers that contradict each other are less sure.
fn together(all: Vec<Candidate>) -> Vec<Candidate> {
    let mut out: Vec<Candidate> = Vec::new();
    for candidate in all {
        let same = |o: &&mut Candidate| o.phone == candidate.phone && o.masked == candidate.masked;
        if let Some(known) = out.iter_mut().find(same) {
            let better = known.confidence.max(candidate.confidence);
            known.confidence = (better + 6).min(99);
            known.party = known.party.min(candidate.party);
            continue;
        }
        out.push(candidate);
    }
    let digits = |c: &Candidate| c.phone.as_ref().map(PhoneNumber::dial_string);
    let numbers: Vec<Option<String>> = out.iter().map(digits).collect();
    for (at, own) in numbers.iter().enumerate() {
        let Some(own) = own else { continue };
        let near = |other: &Option<String>| {
            other.as_ref().is_some_and(|o| {
                o != own
                    && o.len() == own.len()
                    && o.bytes().zip(own.bytes()).filter(|(a, b)| a != b).count() <= 2
            })
        };
        if numbers.iter().any(near) {
            out[at].confidence = out[at].confidence.min(60);
        }
    }
    // a full number that a masked one is: the same print, once hidden
    let full: Vec<PhoneNumber> = out.iter().filter_map(|c| c.phone.clone()).collect();
    out.retain(|c| c.masked.is_none() || !full.iter().any(|phone| c.fits(phone)));
    out
}

/// Nothing was found: what looks like the beginning of one, with what is wrong.
fn unfinished(groups: &[Group]) -> Option<Candidate> {
    let mut best: Option<Candidate> = None;
    let mut at = 0;
    while at < groups.len() {
        let mut last = at;
        while groups.get(last + 1).is_some_and(|g| g.before.joins && !g.before.extension) {
            last += 1;
        }
        let of = &groups[at..=last];
        let digits: String = of.iter().map(|g| g.text.as_str()).collect();
        let digits = digits.strip_prefix("86").filter(|d| d.starts_with('1')).unwrap_or(&digits);
        let likely = digits.starts_with('1')
            && (8..=13).contains(&digits.len())
            && !of.iter().any(|g| g.glued || g.code);
        if likely
            && !digits.contains('*')
            && let Err(problem) = PhoneNumber::parse(digits)
        {
            let candidate = Candidate {
                phone: None,
                masked: None,
                confidence: 10,
                party: of[0].party,
                read: shown(of),
                line: of[0].line,
                problem: Some(problem),
            };
            best = best.or(Some(candidate));
        }
        at = last + 1;
    }
    best
}
