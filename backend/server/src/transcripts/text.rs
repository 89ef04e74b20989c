//! What of an engine's answer is a text.

/// Longest text that is kept, characters.
const LONGEST: usize = 4_000;

/// What Whisper writes for silence and noise, having learnt from subtitles; no caller says any of it.
const IMAGINED: &[&str] = &[
    "请不吝点赞",
    "請不吝點贊",
    "点赞订阅",
    "点赞 订阅",
    "點贊 訂閱",
    "打赏支持明镜",
    "打賞支持明鏡",
    "明镜与点点",
    "明鏡與點點",
    "字幕由",
    "字幕製作",
    "字幕制作",
    "amara.org",
    "谢谢观看",
    "謝謝觀看",
    "感谢观看",
    "感謝觀看",
    "by bwd6",
];

/// A text in one line, without the hint that was given with the question and without what is never said; empty for none.
pub(super) fn tidy(text: &str, hint: &str) -> String {
    let mut out = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|w| !w.is_empty()) {
        // spaces between Chinese are the engine's pauses
        if out.ends_with(|c: char| c.is_ascii_alphanumeric())
            && word.starts_with(|c: char| c.is_ascii_alphanumeric())
        {
            out.push(' ');
        } else if !out.is_empty()
            && !out.ends_with(|c: char| c.is_ascii_punctuation() || "，。！？、；：".contains(c))
        {
            out.push('，');
        } else if out.ends_with(|c: char| c.is_ascii_punctuation()) {
            out.push(' ');
        }
        out.push_str(word);
    }
    let out: String = out.replace(hint, "").chars().take(LONGEST).collect();
    let small = out.to_lowercase();
    let imagined = IMAGINED.iter().any(|i| small.contains(&i.replace(' ', "，")) || small.contains(i));
    // a long message with such words in it is no silence
    match imagined && out.chars().count() < 60 || !out.chars().any(char::is_alphanumeric) {
        true => String::new(),
        false => out,
    }
}
