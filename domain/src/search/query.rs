//! What a query means, and how an index answers it.

use super::cut::{self, Part, Run};
use super::{LONG, MIDDLE, normal, normalise, spell};

/// A condition on the terms of a document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TermQuery {
    /// The document has this term.
    Exact(String),
    /// The document has a term that starts so.
    Prefix(String),
    /// Each of these holds; true if there is none.
    All(Vec<TermQuery>),
    /// One of these holds; false if there is none.
    Any(Vec<TermQuery>),
}

impl TermQuery {
    /// True if it holds for the sorted terms of a document ([`super::index_terms`]).
    #[must_use]
    pub fn holds(&self, terms: &[String]) -> bool {
        match self {
            Self::Exact(term) => terms.binary_search(term).is_ok(),
            Self::Prefix(start) => {
                let at = terms.partition_point(|t| t < start);
                terms.get(at).is_some_and(|t| t.starts_with(start.as_str()))
            }
            Self::All(list) => list.iter().all(|q| q.holds(terms)),
            Self::Any(list) => list.iter().any(|q| q.holds(terms)),
        }
    }

    /// The condition as an SQLite FTS5 query; `None` if it holds for every document (an empty query).
    ///
    /// Terms are letters and digits only, quoted, so nothing in a query is taken for FTS5 syntax.
    #[must_use]
    pub fn to_fts5(&self) -> Option<String> {
        match self {
            Self::Exact(term) => Some(format!("\"{term}\"")),
            Self::Prefix(start) => Some(format!("\"{start}\"*")),
            Self::All(list) => joined(list, " AND "),
            Self::Any(list) => joined(list, " OR "),
        }
    }
}

fn joined(list: &[TermQuery], between: &str) -> Option<String> {
    let parts: Vec<String> = list.iter().filter_map(TermQuery::to_fts5).collect();
    match parts.as_slice() {
        [] => None,
        [one] => Some(one.clone()),
        _ => Some(format!("({})", parts.join(between))),
    }
}

pub(super) fn words(query: &str) -> Vec<String> {
    normalise(query).split_whitespace().map(|word| normal::tight(word.to_owned())).collect()
}

/// The condition that an index checks. Every text that [`matches()`] fulfils it.
#[must_use]
pub fn query_terms(query: &str) -> TermQuery {
    TermQuery::All(
        words(query).iter().flat_map(|word| cut::parts(word)).flat_map(|part| part_terms(&part)).collect(),
    )
}

fn part_terms(part: &Part) -> Vec<TermQuery> {
    match part {
        Part::Run(run) => vec![run_terms(run)],
        Part::Counted(counted) => {
            let runs = cut::runs(counted);
            let whole = match runs.as_slice() {
                [Run::Digits(digits), Run::Han(han)] if digits.len() < LONG => {
                    Some(TermQuery::Exact(cut::counted(digits, han[0])))
                }
                _ => None,
            };
            let rest = runs.iter().skip(usize::from(whole.is_some())).map(run_terms);
            whole.into_iter().chain(rest).collect()
        }
        Part::Code(letters, digits) => {
            let each = [Run::Latin(letters.clone()), Run::Digits(digits.clone())];
            let each = TermQuery::All(each.iter().map(run_terms).collect());
            vec![TermQuery::Any(vec![TermQuery::Prefix(format!("w{letters}{digits}")), each])]
        }
    }
}

fn run_terms(run: &Run) -> TermQuery {
    match run {
        Run::Han(han) if han.len() == 1 => TermQuery::Exact(han[0].to_string()),
        Run::Han(han) => {
            TermQuery::All(han.windows(2).map(|w| TermQuery::Exact(w.iter().collect())).collect())
        }
        Run::Digits(digits) => {
            let mut any = vec![TermQuery::Prefix(format!("d{digits}"))];
            if digits.len() >= MIDDLE {
                any.push(TermQuery::Prefix(format!("t{digits}")));
            }
            TermQuery::Any(any)
        }
        Run::Latin(word) => {
            let mut any = vec![TermQuery::Prefix(format!("w{word}"))];
            if word.is_ascii() {
                any.push(TermQuery::Prefix(format!("p{word}")));
                // Two syllables are filed together: they may end before the word does. The longest syllable has six
                // letters (zhuang, chuang, shuang).
                any.extend((2..word.len().min(13)).map(|n| TermQuery::Exact(format!("p{}", &word[..n]))));
                any.push(match word.len() {
                    1 => TermQuery::Prefix(format!("i{word}")),
                    n => TermQuery::All(
                        (0..n - 1).map(|at| TermQuery::Exact(format!("i{}", &word[at..at + 2]))).collect(),
                    ),
                });
            }
            TermQuery::Any(any)
        }
    }
}

/// True if the text is what the query asks for; see the module's comment. An empty query asks for everything.
#[must_use]
pub fn matches(query: &str, text: &str) -> bool {
    let forms: Vec<(String, Vec<Run>)> =
        normal::forms(text).into_iter().map(|form| (form.clone(), cut::runs(&form))).collect();
    words(query).iter().flat_map(|word| cut::parts(word)).all(|part| match part {
        Part::Run(run) => forms.iter().any(|(form, runs)| found(&run, form, runs)),
        Part::Counted(counted) => forms.iter().any(|(form, _)| cut::counts(&counted, form)),
        Part::Code(letters, digits) => {
            let code = format!("{letters}{digits}");
            let has = |run: &Run| forms.iter().any(|(form, runs)| found(run, form, runs));
            forms.iter().any(|(form, _)| cut::begins(&code, form))
                || has(&Run::Latin(letters)) && has(&Run::Digits(digits))
        }
    })
}

fn found(run: &Run, form: &str, runs: &[Run]) -> bool {
    match run {
        Run::Han(han) => form.contains(han.iter().collect::<String>().as_str()),
        Run::Digits(digits) => runs.iter().any(|r| match r {
            Run::Digits(number) if number.len() >= LONG => {
                digits.len() >= MIDDLE && number.contains(digits.as_str())
            }
            Run::Digits(number) => number.starts_with(digits.as_str()),
            _ => false,
        }),
        Run::Latin(word) => runs.iter().any(|r| match r {
            Run::Latin(w) => w.starts_with(word.as_str()),
            Run::Han(han) => (0..han.len()).any(|at| {
                word.is_ascii() && (spell::spells(word, &han[at..]) || spell::initials(word, &han[at..]))
            }),
            Run::Digits(_) => false,
        }),
    }
}

/// How well a matching text answers a query; better ones are smaller.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Rank {
    /// The end of a telephone or waybill number, four digits or more.
    Number,
    /// The text starts with the query.
    Start,
    /// The query stands in the text, and no longer number goes on where it begins or ends.
    Whole,
    /// The query stands in the text.
    Inside,
    /// Its parts are found.
    Parts,
}

/// The rank of a text that [`matches()`] the query.
#[must_use]
pub fn rank(query: &str, text: &str) -> Rank {
    let joined: String = words(query).concat();
    if joined.is_empty() {
        return Rank::Parts;
    }
    let digit = |c: Option<char>| c.is_some_and(|c| c.is_ascii_digit());
    let mut best = Rank::Parts;
    for form in normal::forms(text) {
        let long = |run: &Run| matches!(run, Run::Digits(d) if d.len() >= LONG && d.ends_with(&joined));
        if joined.len() >= MIDDLE && cut::runs(&form).iter().any(long) {
            return Rank::Number;
        }
        for (at, found) in form.match_indices(&joined) {
            let grows = digit(joined.chars().last()) && digit(form[at + found.len()..].chars().next())
                || digit(joined.chars().next()) && digit(form[..at].chars().last());
            let here = match (grows, at) {
                (true, _) => Rank::Inside,
                (false, 0) => Rank::Start,
                (false, _) => Rank::Whole,
            };
            best = best.min(here);
        }
    }
    best
}
