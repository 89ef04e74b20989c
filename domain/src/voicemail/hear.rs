//! A text as it sounds.

use super::LONGEST;
use super::rules::Rule;
use crate::search::{half_width, readings};
use std::borrow::Cow;
use std::ops::Range;

/// Characters of a text, with how each may be read.
pub(super) struct Heard {
    chars: Vec<char>,
    sounds: Vec<Cow<'static, [&'static str]>>,
}

/// Where a sentence ends: no rule reaches over it.
const ENDS: &str = "。！？!?；;\n";

impl Heard {
    /// Reads a text; words of `neutral` (`能不能`) are taken out, so that the `不` in them denies nothing.
    pub(super) fn new(text: &str, neutral: &[&str]) -> Heard {
        let mut text: String =
            text.chars().take(LONGEST).map(half_width).map(simplified).collect::<String>().to_lowercase();
        for word in neutral {
            text = text.replace(word, " ");
        }
        // a recogniser's commas and spaces stand anywhere
        let chars: Vec<char> =
            text.chars().filter(|c| c.is_alphanumeric() || ENDS.contains(*c) || *c == '\'').collect();
        let sounds = chars.iter().map(|c| readings(*c)).collect();
        Heard { chars, sounds }
    }

    /// Where a rule's words stand, from the first character to the one after the last.
    pub(super) fn places(&self, rule: &Rule) -> Vec<Range<usize>> {
        let mut out = Vec::new();
        for at in 0..self.chars.len() {
            let whole = |word: &&str| {
                let end = self.word(at, word)?;
                if rule.then.is_empty() { Some(end) } else { self.within(end, rule.gap, rule.then) }
            };
            let turned = |word: &&str| self.within(self.word(at, word)?, rule.gap, rule.first);
            let end = rule.first.iter().find_map(whole);
            let end = end.or_else(|| rule.then.iter().filter(|_| rule.turns).find_map(turned));
            out.extend(end.map(|end| at..end));
        }
        out
    }

    /// Where one of the words ends that stands at most `gap` characters after a place, in the same sentence.
    fn within(&self, from: usize, gap: usize, words: &[&str]) -> Option<usize> {
        for at in from..=from + gap {
            if let Some(end) = words.iter().find_map(|w| self.word(at, w)) {
                return Some(end);
            }
            if self.chars.get(at).is_none_or(|c| ENDS.contains(*c)) {
                return None;
            }
        }
        None
    }

    /// Where a word ends that stands here. One that begins with `=` is compared by its characters, others as they sound.
    fn word(&self, at: usize, word: &str) -> Option<usize> {
        let (word, exactly) = word.strip_prefix('=').map_or((word, false), |w| (w, true));
        let mut end = at;
        for c in word.chars() {
            let here = *self.chars.get(end)?;
            if here != c && (exactly || !self.sounds_like(end, c)) {
                return None;
            }
            end += 1;
        }
        Some(end)
    }

    fn sounds_like(&self, at: usize, c: char) -> bool {
        readings(c).iter().any(|r| self.sounds[at].contains(r))
    }

    /// True where the text before a place ends with this, or with this and a word that changes nothing.
    pub(super) fn ends_with(&self, at: usize, word: &str) -> bool {
        const BETWEEN: [&str; 10] = ["", "再", "给", "给我", "帮我", "把它", "把快递", "把", "随便", "直接"];
        BETWEEN.iter().any(|between| {
            let whole: Vec<char> = word.chars().chain(between.chars()).collect();
            self.chars[..at].ends_with(&whole)
        })
    }
}

/// The simplified form of a character of the key words; recognisers write either.
fn simplified(c: char) -> char {
    const TRADITIONAL: &str = "兒裡裏麼嗎沒還門樓現來時點會給這電聯繫壞爛丟報賠過媽櫃見話個請遞辦員車間層單號後週鐘貨簽訴舉損經領導說別兩對送親當掛條開關買賣歲夠應該該實證據聽";
    const SIMPLIFIED: &str = "儿里里么吗没还门楼现来时点会给这电联系坏烂丢报赔过妈柜见话个请递办员车间层单号后周钟货签诉举损经领导说别两对送亲当挂条开关买卖岁够应该该实证据听";
    match TRADITIONAL.chars().position(|t| t == c) {
        Some(at) => SIMPLIFIED.chars().nth(at).unwrap_or(c),
        None => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_two_rows_are_of_one_length() {
        assert_eq!((simplified('裡'), simplified('聽'), simplified('好')), ('里', '听', '好'));
    }
}
