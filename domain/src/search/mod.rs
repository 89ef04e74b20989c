//! Keyword search over the day's parcels: one and two Chinese characters, pinyin, initials, digits, the last four of a
//! telephone, and any mixture (`幸福花园3`, `xfhy3`, `xingfuhuayuan`, `花`, `3栋`, `6021`).
//!
//! [`matches()`] is the definition: it says what a query means, by scanning. [`index_terms`] and [`query_terms`] let an
//! inverted index find the same documents fast. Both sides are cut by the same functions, so that
//!
//! ```text
//! matches(query, doc)  ⇒  query_terms(query) holds for index_terms(doc)
//! ```
//!
//! An index may return a few more documents (its terms do not know whether bigrams stand side by side); whoever wants
//! exactly the meaning filters its answer with [`matches()`]. No dictionary is needed: Chinese text is cut into single
//! characters and pairs of neighbours. [`Index`] is such an index in memory, whose answer is exact and ranked; it is
//! what a person who types is served from. [`Finder`] is a query made ready for many texts; [`Picker`] tells which of its
//! answers are meant by "all of these".
//!
//! What a query means: it is cut at spaces into words, each of which must be found; a word is cut into runs of Chinese,
//! Latin letters and digits.
//! * Chinese: stands in the text as it is. Numerals before a building word count as digits (`三栋` finds `3栋`).
//! * Digits: start a number of the text; in a long one (telephone, waybill) four or more stand anywhere.
//! * Latin: start a Latin word of the text, or spell it in pinyin from any character on, in full (the last syllable
//!   may be unfinished) or by initials; every reading of a character counts (`chongqing` and `zhongqing` find 重庆).
//! * Digits right before Chinese are a whole number right before it: `2幢` finds neither 12幢 nor 2单元 of some 幢.
//! * Letters right before digits may also be the beginning of a waybill number, however few digits there are (`YD9`).
//!
//! Spaces, hyphens, dots and commas of a text beside a Chinese word are nothing (`幸福花园 - 3 号楼`), between numbers they
//! part them.
//!
//! The text of a parcel is its address, recipient's name, waybill number and telephone number, with tabs between.

mod cut;
mod finder;
mod index;
mod normal;
mod query;
mod spell;
#[cfg(test)]
mod tests;

use std::collections::BTreeSet;

pub use finder::{Finder, Fit, Picker};
pub use index::{Index, Text};
pub(crate) use normal::numeral;
pub use normal::{half_width, normalise};
pub use query::{Rank, TermQuery, matches, query_terms, rank};
pub(crate) use spell::known as readings;

use cut::Run;

/// Shortest piece of a long number that is looked for in its middle.
const MIDDLE: usize = 4;
/// Digits from which on a number counts as long: a telephone or waybill number, never a house number.
const LONG: usize = 7;

/// The terms under which a document is filed, sorted, each once. A term consists of letters, digits and Chinese
/// characters only, so that a plain tokenizer leaves it whole; the first letter of a Latin term names its kind.
#[must_use]
pub fn index_terms(text: &str) -> Vec<String> {
    let mut terms = BTreeSet::new();
    for form in normal::forms(text) {
        terms.extend(cut::codes(&form).map(|code| format!("w{code}")));
        for (digits, first) in cut::numbered(&form) {
            terms.insert(cut::counted(digits, first));
        }
        for run in cut::runs(&form) {
            match run {
                Run::Han(han) => han_terms(&han, &mut terms),
                Run::Latin(word) => drop(terms.insert(format!("w{word}"))),
                Run::Digits(digits) if digits.len() >= LONG => {
                    terms.extend((0..=digits.len() - MIDDLE).map(|at| format!("t{}", &digits[at..])));
                }
                Run::Digits(digits) => drop(terms.insert(format!("d{digits}"))),
            }
        }
    }
    terms.into_iter().collect()
}

fn han_terms(han: &[char], terms: &mut BTreeSet<String>) {
    for (at, first) in han.iter().enumerate() {
        terms.insert(first.to_string());
        let second = han.get(at + 1);
        if let Some(second) = second {
            terms.insert([*first, *second].iter().collect());
        }
        let after: Vec<&str> = second.map(|c| spell::readings(*c)).unwrap_or_default();
        for reading in spell::readings(*first) {
            if after.is_empty() {
                terms.insert(format!("p{reading}"));
                terms.insert(format!("i{}", &reading[..1]));
            }
            for next in &after {
                terms.insert(format!("p{reading}{next}"));
                terms.insert(format!("i{}{}", &reading[..1], &next[..1]));
            }
        }
    }
}
