//! A query made ready for many texts: the same as [`super::matches()`] and [`super::rank`], without cutting the query
//! anew and without making copies of a text.

use super::cut::{self, Part, Run};
use super::index::Text;
use super::query::{Rank, words};
use super::{LONG, MIDDLE, spell};

/// A prepared query.
#[derive(Clone, Debug)]
pub struct Finder {
    needles: Vec<Needle>,
    pub(super) joined: String,
}

#[derive(Clone, Debug)]
enum Needle {
    Han(String),
    Digits(String),
    Latin(String),
    Counted(String),
    Code(String, [Box<Needle>; 2]),
}

impl Needle {
    fn of(part: Part) -> Needle {
        match part {
            Part::Run(Run::Han(han)) => Needle::Han(han.into_iter().collect()),
            Part::Run(Run::Digits(digits)) => Needle::Digits(digits),
            Part::Run(Run::Latin(word)) => Needle::Latin(word),
            Part::Counted(counted) => Needle::Counted(counted),
            Part::Code(letters, digits) => {
                let code = format!("{letters}{digits}");
                Needle::Code(code, [Box::new(Needle::Latin(letters)), Box::new(Needle::Digits(digits))])
            }
        }
    }

    fn is_in(&self, text: &Text) -> bool {
        match self {
            Needle::Code(code, each) => {
                text.forms().any(|form| cut::begins(code, form))
                    || each.iter().all(|needle| needle.is_in(text))
            }
            needle => text.forms().any(|form| found(needle, form)),
        }
    }
}

impl Finder {
    /// Prepares a query.
    #[must_use]
    pub fn new(query: &str) -> Finder {
        let words = words(query);
        let needles = words.iter().flat_map(|word| cut::parts(word)).map(Needle::of).collect();
        Finder { needles, joined: words.concat() }
    }

    /// How well the text answers the query; `None` if it does not.
    #[must_use]
    pub fn rank(&self, text: &Text) -> Option<Rank> {
        if self.needles.iter().all(|needle| needle.is_in(text)) { Some(self.rank_of(text)) } else { None }
    }

    fn rank_of(&self, text: &Text) -> Rank {
        let joined = self.joined.as_str();
        if joined.is_empty() {
            return Rank::Parts;
        }
        let digit = |b: Option<u8>| b.is_some_and(|b| b.is_ascii_digit());
        let (first, last) = (joined.bytes().next(), joined.bytes().last());
        let mut best = Rank::Parts;
        for form in text.forms() {
            let whole_number = |d: &str| d.len() >= LONG && d.ends_with(joined);
            if joined.len() >= MIDDLE && digit(first) && numbers(form).any(whole_number) {
                return Rank::Number;
            }
            for (at, found) in form.match_indices(joined) {
                let grows = digit(last) && digit(form.as_bytes().get(at + found.len()).copied())
                    || digit(first) && at > 0 && digit(form.as_bytes().get(at - 1).copied());
                let here = match (grows, at) {
                    (true, _) => Rank::Inside,
                    (false, 0) => Rank::Start,
                    (false, _) => Rank::Whole,
                };
                best = best.min(here);
                if best == Rank::Start {
                    break;
                }
            }
        }
        best
    }

    /// True if it may be the end of a telephone or waybill number.
    pub(super) fn is_number(&self) -> bool {
        self.joined.len() >= MIDDLE && self.joined.bytes().all(|b| b.is_ascii_digit())
    }
}

/// How closely a text answers a query; better ones are smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fit {
    /// Each word stands in it as written, numbers whole, or is the end of a long number.
    Written,
    /// The same, but some number is only the beginning or end of a longer one: `花园3` and 花园31栋.
    Longer,
    /// Some word is found by its parts, numbers whole: `花园3` and 花园一区3栋, `xfhy3`.
    Apart,
    /// Some word is found by its parts, and a number is only the beginning of one.
    Loose,
}

/// Chooses what a person means who says "all of these": of everything that a query finds, the texts that answer it most
/// closely. `春江花园2` finds building 2 and 21 and every room that begins with 2, and means building 2 if there is one.
#[derive(Clone, Debug)]
pub struct Picker {
    words: Vec<Finder>,
}

impl Picker {
    /// Prepares a query.
    #[must_use]
    pub fn new(query: &str) -> Picker {
        Picker { words: words(query).iter().map(|word| Finder::new(word)).collect() }
    }

    /// How closely the text answers; `None` if it does not. An empty query is answered by everything.
    #[must_use]
    pub fn fit(&self, text: &Text) -> Option<Fit> {
        self.words.iter().try_fold(Fit::Written, |fit, word| Some(fit.max(word.fit(text)?)))
    }
}

impl Finder {
    fn fit(&self, text: &Text) -> Option<Fit> {
        Some(match self.rank(text)? {
            Rank::Number | Rank::Start | Rank::Whole => Fit::Written,
            Rank::Inside => Fit::Longer,
            Rank::Parts if self.needles.iter().all(|needle| needle.is_whole(text)) => Fit::Apart,
            Rank::Parts => Fit::Loose,
        })
    }
}

impl Needle {
    /// Whether its digits, if it has any, are a whole number of the text.
    fn is_whole(&self, text: &Text) -> bool {
        match self {
            Needle::Digits(digits) => text.forms().any(|form| numbers(form).any(|n| n == digits)),
            Needle::Code(_, each) => each.iter().all(|needle| needle.is_whole(text)),
            _ => true,
        }
    }
}

fn found(needle: &Needle, form: &str) -> bool {
    match needle {
        Needle::Han(word) => form.contains(word.as_str()),
        Needle::Digits(digits) => numbers(form).any(|number| {
            if number.len() >= LONG {
                digits.len() >= MIDDLE && number.contains(digits.as_str())
            } else {
                number.starts_with(digits.as_str())
            }
        }),
        Needle::Latin(word) => latin(word, form),
        Needle::Counted(counted) => cut::counts(counted, form),
        Needle::Code(code, _) => cut::begins(code, form),
    }
}

/// The runs of digits of a form.
fn numbers(form: &str) -> impl Iterator<Item = &str> {
    form.split(|c: char| !c.is_ascii_digit()).filter(|n| !n.is_empty())
}

fn latin(word: &str, form: &str) -> bool {
    let spelt = word.is_ascii();
    let mut han: Vec<char> = Vec::with_capacity(32);
    let mut inside = false;
    for (at, c) in form.char_indices() {
        match cut::kind(c) {
            cut::Kind::Han => {
                han.push(c);
                inside = false;
                continue;
            }
            cut::Kind::Latin if !inside => {
                inside = true;
                if form[at..].starts_with(word) {
                    return true;
                }
            }
            cut::Kind::Latin => {}
            cut::Kind::Digit | cut::Kind::Other => inside = false,
        }
        if spelt && in_han(word, &han) {
            return true;
        }
        han.clear();
    }
    spelt && in_han(word, &han)
}

fn in_han(word: &str, han: &[char]) -> bool {
    (0..han.len()).any(|at| spell::spells(word, &han[at..]) || spell::initials(word, &han[at..]))
}
