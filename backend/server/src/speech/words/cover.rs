//! Which recorded words say a text: the whole of it, or the fewest that make it up without a gap.
//!
//! Texts and words are compared by their letters and digits alone, numbers as they are read: `3号楼` is `三` `号楼`, `12幢` is
//! `十` `二` `幢`. It is all or nothing: a text of which a word is missing is left to an engine, so that no sentence is spoken
//! by two voices.

use waybell_domain::lang::Lang;
use waybell_domain::template::{count_words, digit_words};

/// Longest text that is put together, characters.
const LONGEST: usize = 400;

/// A text as it is compared.
pub(crate) fn plain(text: &str) -> String {
    let mut out = String::new();
    let mut digits = String::new();
    for c in text.chars().chain([' ']) {
        // full-width digits are digits
        let digit = match c {
            '0'..='9' => Some(c),
            '０'..='９' => char::from_digit(c as u32 - '０' as u32, 10),
            _ => None,
        };
        if let Some(digit) = digit {
            digits.push(digit);
            continue;
        }
        if !digits.is_empty() {
            out += &number(&digits);
            digits.clear();
        }
        if c.is_alphanumeric() {
            out.extend(c.to_lowercase());
        }
    }
    out
}

/// A number as it is read: of things up to 9,999, by digits otherwise. `2` by itself is `二` (二幢, 按二).
fn number(digits: &str) -> String {
    match digits.parse::<u32>() {
        Ok(2) if digits.len() == 1 => "二".to_owned(),
        Ok(n) if n < 10_000 && (digits.len() == 1 || !digits.starts_with('0')) => count_words(Lang::Zh, n),
        _ => digit_words(Lang::Zh, digits),
    }
}

/// The words that say `text` (in its [`plain`] form), each as `find` knows it.
pub(crate) fn cover<T>(text: &str, find: impl Fn(&str) -> Option<T>) -> Option<Vec<T>> {
    if let Some(whole) = find(text) {
        return Some(vec![whole]);
    }
    let ends: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    let count = ends.len() - 1;
    if count == 0 || count > LONGEST {
        return None;
    }
    // fewest words up to each character, and where the last of them begins
    let mut best: Vec<Option<(usize, usize)>> = vec![None; count + 1];
    best[0] = Some((0, 0));
    for end in 1..=count {
        for begin in 0..end {
            let Some((words, _)) = best[begin] else { continue };
            if best[end].is_none_or(|(fewest, _)| words + 1 < fewest)
                && find(&text[ends[begin]..ends[end]]).is_some()
            {
                best[end] = Some((words + 1, begin));
            }
        }
    }
    let mut out = Vec::new();
    let mut end = count;
    while end > 0 {
        let (_, begin) = best[end]?;
        out.push(find(&text[ends[begin]..ends[end]])?);
        end = begin;
    }
    out.reverse();
    Some(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn covered(text: &str, words: &[&str]) -> Option<Vec<String>> {
        cover(&plain(text), |part| words.contains(&part).then(|| part.to_owned()))
    }

    #[test]
    fn numbers_are_compared_as_they_are_read() {
        for (text, read) in [
            ("3号楼", "三号楼"),
            ("12幢", "十二幢"),
            ("2幢", "二幢"),
            ("２０８室", "两百零八室"),
            ("0571", "零五七幺"),
            ("13800000000", "幺三八零零零零零零零零"),
            ("您好，  A座。", "您好a座"),
            ("。", ""),
        ] {
            assert_eq!(plain(text), read, "{text}");
        }
    }

    #[test]
    fn the_fewest_words_are_taken_and_none_may_be_missing() {
        let words = ["十", "二", "三", "十二", "幢", "号楼", "请按"];
        assert_eq!(covered("12幢", &words).unwrap(), ["十二", "幢"]);
        assert_eq!(covered("32号楼", &words).unwrap(), ["三", "十二", "号楼"]);
        assert_eq!(covered("请按3。", &words).unwrap(), ["请按", "三"]);
        assert_eq!(covered("4幢", &words), None);
        assert_eq!(covered("，", &words), None);
    }

    #[test]
    fn long_texts_are_left_alone() {
        let long = "幢".repeat(LONGEST + 1);
        assert_eq!(covered(&long, &["幢"]), None);
        assert_eq!(covered(&long[3..], &["幢"]).unwrap().len(), LONGEST);
    }
}
