//! An index in memory over the texts of a day, for answers while a person types.
//!
//! ```text
//!  query ─▶ query_terms ─▶ one bit a text for each term ─▶ and, or ─▶ candidates C
//!       └─▶ the query as it is written ─▶ pairs of neighbours ─▶ texts that hold it, L
//!  C and L, then C without L, in the list's order ─▶ Finder::rank ─▶ stop when nothing better can come
//! ```
//!
//! The list's order is the order within a rank, so a search for the best fifty of a word that stands in every address
//! looks at little more than fifty texts. What a single letter or digit finds is noted for each of them when the index
//! is built, because its terms are those of half the list. Building costs some microseconds a text; readings are worked
//! out once for each pair of neighbours and not for each text.

use super::cut::{self, Run};
use super::finder::Finder;
use super::query::{Rank, TermQuery, query_terms};
use super::{LONG, MIDDLE, normal, spell};
use std::collections::{BTreeMap, HashMap};
use std::ops::Bound;

/// A text in the forms under which it is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Text {
    written: Box<str>,
    /// With numerals as digits, where that differs.
    counted: Option<Box<str>>,
}

impl Text {
    /// Brings a text into its forms.
    #[must_use]
    pub fn new(text: &str) -> Text {
        let mut forms = normal::forms(text).into_iter();
        let written = forms.next().unwrap_or_default().into_boxed_str();
        Text { written, counted: forms.next().map(String::into_boxed_str) }
    }

    /// One or two forms.
    pub(super) fn forms(&self) -> impl Iterator<Item = &str> {
        [Some(&self.written), self.counted.as_ref()].into_iter().flatten().map(|f| &**f)
    }
}

/// Places in order. One that names a good part of the list is kept as bits, which are put together a word at a time.
#[derive(Clone, Debug)]
enum Posting {
    Few(Vec<u32>),
    Many(Bits),
}

impl Default for Posting {
    fn default() -> Posting {
        Posting::Few(Vec::new())
    }
}

/// A posting of more than one place in so many is kept as bits.
const DENSE: usize = 64;

impl Posting {
    fn push(&mut self, at: u32) {
        match self {
            Posting::Few(list) if list.last() != Some(&at) => list.push(at),
            Posting::Few(_) => {}
            Posting::Many(bits) => bits.set(at),
        }
    }

    /// When nothing comes any more.
    fn pack(&mut self, count: usize) {
        if let Posting::Few(list) = self {
            if list.len() > count / DENSE {
                let mut bits = Bits::none(count);
                list.iter().for_each(|at| bits.set(*at));
                *self = Posting::Many(bits);
            } else {
                list.shrink_to_fit();
            }
        }
    }

    fn add_to(&self, bits: &mut Bits) {
        match self {
            Posting::Few(list) => list.iter().for_each(|at| bits.set(*at)),
            Posting::Many(many) => bits.or(many),
        }
    }
}

/// See the module. Texts are named by their place in the list.
#[derive(Debug, Default)]
pub struct Index {
    count: usize,
    /// Characters, of whatever kind.
    chars: HashMap<char, Posting>,
    /// Neighbours, of whatever kind; `\0` after the last Chinese character of a run.
    pairs: HashMap<(char, char), Posting>,
    /// Readings of neighbours put together, sorted; their pair.
    spelt: Vec<(String, (char, char))>,
    /// First letters of neighbours; the second is 0 where nothing that has a reading follows.
    initials: BTreeMap<[u8; 2], Vec<(char, char)>>,
    /// Latin words.
    words: BTreeMap<Box<str>, Posting>,
    /// Numbers shorter than a telephone's.
    numbers: BTreeMap<Box<str>, Posting>,
    /// The same, with the Chinese character right after them.
    counted: HashMap<Box<str>, Posting>,
    /// The same, with the character right before them.
    ending: HashMap<Box<str>, Posting>,
    /// Any four digits in a row of a long number.
    grams: HashMap<u16, Posting>,
    /// What a query of a single letter or digit finds.
    single: HashMap<u8, Bits>,
    /// First characters.
    heads: HashMap<char, Posting>,
}

fn post<K: Eq + std::hash::Hash>(map: &mut HashMap<K, Posting>, key: K, at: u32) {
    map.entry(key).or_default().push(at);
}

fn post_sorted(map: &mut BTreeMap<Box<str>, Posting>, key: &str, at: u32) {
    match map.get_mut(key) {
        Some(posting) => posting.push(at),
        None => drop(map.insert(key.into(), Posting::Few(vec![at]))),
    }
}

impl Index {
    /// Builds it over texts in the list's order.
    pub fn build<'a>(texts: impl ExactSizeIterator<Item = &'a Text>) -> Index {
        let mut index = Index { count: texts.len(), ..Index::default() };
        let count = index.count;
        for letter in (b'a'..=b'z').chain(b'0'..=b'9') {
            index.single.insert(letter, Bits::none(count));
        }
        for (at, text) in texts.enumerate() {
            // nobody has four thousand million parcels
            let at = u32::try_from(at).unwrap_or(u32::MAX);
            for form in text.forms() {
                index.add(at, form);
            }
        }
        let pairs: Vec<(char, char)> = index.pairs.keys().copied().collect();
        for pair in pairs {
            index.spell(pair);
        }
        index.spelt.sort_unstable();
        index.pack();
        index
    }

    fn pack(&mut self) {
        let count = self.count;
        let numbered = self.words.values_mut().chain(self.numbers.values_mut());
        let marked = self.chars.values_mut().chain(self.pairs.values_mut()).chain(self.heads.values_mut());
        let rest = self.grams.values_mut().chain(self.counted.values_mut()).chain(self.ending.values_mut());
        numbered.chain(marked).chain(rest).for_each(|posting| posting.pack(count));
    }

    fn add(&mut self, at: u32, form: &str) {
        if let Some(first) = form.chars().next() {
            post(&mut self.heads, first, at);
        }
        let mut before = None;
        for c in form.chars() {
            post(&mut self.chars, c, at);
            if let Some(before) = before {
                post(&mut self.pairs, (before, c), at);
            }
            before = Some(c);
        }
        for code in cut::codes(form) {
            post_sorted(&mut self.words, code, at);
        }
        for (digits, first) in cut::numbered(form) {
            post(&mut self.counted, cut::counted(digits, first).into_boxed_str(), at);
        }
        for (before, digits, _) in cut::numbers(form) {
            if let Some(before) = before {
                post(&mut self.ending, format!("{before}{digits}").into_boxed_str(), at);
            }
        }
        for run in cut::runs(form) {
            match run {
                Run::Han(han) => {
                    if let Some(last) = han.last() {
                        post(&mut self.pairs, (*last, '\0'), at);
                    }
                    for c in &han {
                        for reading in spell::known(*c).iter() {
                            self.mark(reading.as_bytes()[0], at);
                        }
                    }
                }
                Run::Latin(word) => {
                    self.mark(word.as_bytes()[0], at);
                    post_sorted(&mut self.words, &word, at);
                }
                Run::Digits(digits) if digits.len() >= LONG => {
                    for gram in digits.as_bytes().windows(MIDDLE) {
                        post(&mut self.grams, gram_of(gram), at);
                    }
                }
                Run::Digits(digits) => {
                    self.mark(digits.as_bytes()[0], at);
                    post_sorted(&mut self.numbers, &digits, at);
                }
            }
        }
    }

    fn mark(&mut self, letter: u8, at: u32) {
        if let Some(bits) = self.single.get_mut(&letter) {
            bits.set(at);
        }
    }

    /// Files the readings of a pair of Chinese characters, as [`super::index_terms`] does.
    fn spell(&mut self, pair: (char, char)) {
        if cut::kind(pair.0) != cut::Kind::Han {
            return;
        }
        let next = match pair.1 {
            '\0' => Vec::new(),
            c if cut::kind(c) == cut::Kind::Han => spell::known(c).to_vec(),
            _ => return,
        };
        for reading in spell::known(pair.0).iter() {
            if next.is_empty() {
                self.spelt.push(((*reading).to_owned(), pair));
                self.initials.entry([reading.as_bytes()[0], 0]).or_default().push(pair);
            }
            for after in &next {
                self.spelt.push((format!("{reading}{after}"), pair));
                let initials = self.initials.entry([reading.as_bytes()[0], after.as_bytes()[0]]).or_default();
                if initials.last() != Some(&pair) {
                    initials.push(pair);
                }
            }
        }
    }

    /// The best `most` places that answer the query, best first; `text` gives the text of a place.
    pub fn find<'a>(&self, query: &str, most: usize, text: impl Fn(u32) -> &'a Text) -> Vec<u32> {
        let finder = Finder::new(query);
        let mut found = Found::new(most);
        if finder.joined.is_empty() {
            return (0..self.count.min(most)).filter_map(|at| u32::try_from(at).ok()).collect();
        }
        let candidates = match finder.joined.as_bytes() {
            [letter] if self.single.contains_key(letter) => self.single[letter].clone(),
            _ => self.bits(&query_terms(query)),
        };
        // takes a text of this rank or a better one
        let take = |at: u32, worst: Rank, found: &mut Found| {
            if let Some(rank) = finder.rank(text(at))
                && rank <= worst
            {
                found.put(rank, at);
            }
        };
        // the end of a telephone number is better than any other place, and may come anywhere in the list
        let best = |rank: Rank| if finder.is_number() { Rank::Number } else { rank };
        let holding = candidates.and(&self.holding(&finder.joined));
        let whole = self.whole_numbers(&finder).map_or_else(|| holding.clone(), |n| holding.and(&n));
        let head = finder.joined.chars().next().and_then(|c| self.heads.get(&c));
        let starting = whole.and(&head.map_or_else(|| Bits::none(self.count), |h| self.of(h)));
        for at in starting.ones() {
            if found.full(best(Rank::Start)) {
                break;
            }
            take(at, Rank::Start, &mut found);
        }
        for at in whole.without(&found.taken(self.count)).ones() {
            if found.full(best(Rank::Whole)) {
                break;
            }
            take(at, Rank::Whole, &mut found);
        }
        // what is left holds the query only within a longer number
        for at in holding.without(&found.taken(self.count)).ones() {
            if found.full(Rank::Inside) {
                break;
            }
            take(at, Rank::Inside, &mut found);
        }
        if !found.full(Rank::Inside) {
            for at in candidates.without(&found.taken(self.count)).ones() {
                if found.full(Rank::Parts) {
                    break;
                }
                take(at, Rank::Parts, &mut found);
            }
        }
        found.best()
    }

    /// Texts that may hold the query as it is written.
    fn holding(&self, joined: &str) -> Bits {
        let mut letters = joined.chars();
        let Some(mut before) = letters.next() else { return Bits::none(self.count) };
        let mut bits: Option<Bits> = None;
        for c in letters {
            let here = self.pairs.get(&(before, c)).map_or_else(|| Bits::none(self.count), |p| self.of(p));
            bits = Some(bits.map_or(here.clone(), |b| b.and(&here)));
            before = c;
        }
        bits.unwrap_or_else(|| self.chars.get(&before).map_or_else(|| Bits::none(self.count), |p| self.of(p)))
    }

    /// Texts in which the numbers at the query's ends stand as whole numbers, which every rank above "inside" asks for.
    /// `None` where that cannot be told.
    fn whole_numbers(&self, finder: &Finder) -> Option<Bits> {
        if finder.is_number() {
            return None;
        }
        let digits = |c: char| c.is_ascii_digit();
        let joined = finder.joined.as_str();
        let first = &joined[..joined.find(|c| !digits(c)).unwrap_or(joined.len())];
        let last = &joined[joined
            .rfind(|c| !digits(c))
            .map_or(0, |at| at + joined[at..].chars().next().map_or(1, char::len_utf8))..];
        if first.len().max(last.len()) >= LONG {
            return None;
        }
        let none = || Bits::none(self.count);
        let of = |posting: Option<&Posting>| posting.map_or_else(none, |p| self.of(p));
        if first == joined {
            return Some(of(self.numbers.get(first)));
        }
        let after = joined[first.len()..].chars().next().filter(|c| cut::kind(*c) == cut::Kind::Han);
        let starts = match after {
            _ if first.is_empty() => None,
            Some(after) => Some(of(self.counted.get(cut::counted(first, after).as_str()))),
            None => Some(of(self.numbers.get(first))),
        };
        // the number at the end with the character before it
        let from = joined[..joined.len() - last.len()].char_indices().next_back().map_or(0, |(at, _)| at);
        let ends = (!last.is_empty()).then(|| of(self.ending.get(&joined[from..])));
        match (starts, ends) {
            (Some(a), Some(b)) => Some(a.and(&b)),
            (one, other) => one.or(other),
        }
    }

    fn of(&self, posting: &Posting) -> Bits {
        let mut bits = Bits::none(self.count);
        posting.add_to(&mut bits);
        bits
    }

    fn bits(&self, query: &TermQuery) -> Bits {
        let mut bits = Bits::none(self.count);
        match query {
            TermQuery::All(list) => {
                let mut all = Bits::all(self.count);
                for one in list {
                    all = all.and(&self.bits(one));
                }
                return all;
            }
            TermQuery::Any(list) => list.iter().for_each(|one| bits.or(&self.bits(one))),
            TermQuery::Exact(term) => self.exact(term, &mut bits),
            TermQuery::Prefix(start) => self.starting(start, &mut bits),
        }
        bits
    }

    /// A term as [`super::index_terms`] makes them: its first letter names its kind.
    fn exact(&self, term: &str, bits: &mut Bits) {
        let mut put = |posting: Option<&Posting>| posting.into_iter().for_each(|p| p.add_to(bits));
        let rest = term.get(1..).unwrap_or_default();
        match term.as_bytes().first() {
            Some(b'p') => {
                let from = self.spelt.partition_point(|(s, _)| s.as_str() < rest);
                for (_, pair) in self.spelt[from..].iter().take_while(|(s, _)| s == rest) {
                    put(self.pairs.get(pair));
                }
            }
            Some(b'd') => put(self.counted.get(term)),
            Some(b'i') => {
                let key = [rest.as_bytes().first(), rest.as_bytes().get(1)].map(|b| b.copied().unwrap_or(0));
                for pair in self.initials.get(&key).into_iter().flatten() {
                    put(self.pairs.get(pair));
                }
            }
            _ => {
                let mut han = term.chars();
                match (han.next(), han.next()) {
                    (Some(a), Some(b)) => put(self.pairs.get(&(a, b))),
                    (Some(a), None) => put(self.chars.get(&a)),
                    _ => {}
                }
            }
        }
    }

    fn starting(&self, start: &str, bits: &mut Bits) {
        let mut put = |posting: Option<&Posting>| posting.into_iter().for_each(|p| p.add_to(bits));
        let rest = start.get(1..).unwrap_or_default();
        let sorted = |map: &'_ BTreeMap<Box<str>, Posting>, put: &mut dyn FnMut(Option<&Posting>)| {
            map.range::<str, _>((Bound::Included(rest), Bound::Unbounded))
                .take_while(|(k, _)| k.starts_with(rest))
                .for_each(|(_, p)| put(Some(p)));
        };
        match start.as_bytes().first() {
            Some(b'w') => sorted(&self.words, &mut put),
            Some(b'd') => sorted(&self.numbers, &mut put),
            Some(b'p') => {
                let from = self.spelt.partition_point(|(s, _)| s.as_str() < rest);
                for (_, pair) in self.spelt[from..].iter().take_while(|(s, _)| s.starts_with(rest)) {
                    put(self.pairs.get(pair));
                }
            }
            Some(b'i') => {
                let first = rest.as_bytes().first().copied().unwrap_or(0);
                for (_, pairs) in self.initials.range([first, 0]..=[first, u8::MAX]) {
                    pairs.iter().for_each(|pair| put(self.pairs.get(pair)));
                }
            }
            // four digits or more inside a long number: every window of four must be there
            _ => {
                let mut grams = rest.as_bytes().windows(MIDDLE).map(gram_of);
                let Some(first) = grams.next() else { return };
                let mut all = self.grams.get(&first).map_or_else(|| Bits::none(self.count), |p| self.of(p));
                for gram in grams {
                    all = all
                        .and(&self.grams.get(&gram).map_or_else(|| Bits::none(self.count), |p| self.of(p)));
                }
                bits.or(&all);
            }
        }
    }
}

fn gram_of(digits: &[u8]) -> u16 {
    digits.iter().fold(0, |n, d| n * 10 + u16::from(d.wrapping_sub(b'0')))
}

/// The best so far, by rank and place.
struct Found {
    most: usize,
    by_rank: [Vec<u32>; 5],
}

impl Found {
    fn new(most: usize) -> Found {
        Found { most, by_rank: Default::default() }
    }

    fn put(&mut self, rank: Rank, at: u32) {
        self.by_rank[rank as usize].push(at);
    }

    /// True if nothing of this rank or a worse one, further down the list, is needed.
    fn full(&self, rank: Rank) -> bool {
        self.by_rank[..=rank as usize].iter().map(Vec::len).sum::<usize>() >= self.most
    }

    fn taken(&self, count: usize) -> Bits {
        let mut bits = Bits::none(count);
        self.by_rank.iter().flatten().for_each(|at| bits.set(*at));
        bits
    }

    fn best(mut self) -> Vec<u32> {
        let mut best = Vec::new();
        for list in &mut self.by_rank {
            // those that begin with the query were looked at before the others
            list.sort_unstable();
            best.append(list);
        }
        best.truncate(self.most);
        best
    }
}

/// One bit a text.
#[derive(Clone, Debug)]
struct Bits(Vec<u64>);

impl Bits {
    fn none(count: usize) -> Bits {
        Bits(vec![0; count.div_ceil(64)])
    }

    fn all(count: usize) -> Bits {
        let mut bits = Bits(vec![u64::MAX; count.div_ceil(64)]);
        if let (Some(last), over @ 1..) = (bits.0.last_mut(), count % 64) {
            *last = (1 << over) - 1;
        }
        bits
    }

    fn set(&mut self, at: u32) {
        self.0[at as usize / 64] |= 1 << (at % 64);
    }

    fn or(&mut self, other: &Bits) {
        self.0.iter_mut().zip(&other.0).for_each(|(a, b)| *a |= b);
    }

    fn and(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(a, b)| a & b).collect())
    }

    fn without(&self, other: &Bits) -> Bits {
        Bits(self.0.iter().zip(&other.0).map(|(a, b)| a & !b).collect())
    }

    fn ones(&self) -> impl Iterator<Item = u32> {
        self.0.iter().enumerate().flat_map(|(word, bits)| {
            let mut left = *bits;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros())?;
                left &= left - 1;
                Some(word as u32 * 64 + bit)
            })
        })
    }
}
