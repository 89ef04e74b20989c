//! Area codes of the Chinese mainland (national numbering plan), without the leading 0.

/// Three-digit area codes, as inclusive ranges. Codes of places that have joined a neighbour's (0710 and so on stay;
/// 0378, 0412, 0413 and a few more were given up) are kept where old lists still hold them.
const THREE_DIGITS: &[(u16, u16)] = &[
    (310, 319),
    (335, 335),
    (349, 359),
    (370, 379),
    (391, 396),
    (398, 398),
    (410, 419),
    (421, 421),
    (427, 429),
    (431, 440),
    (448, 448),
    (451, 459),
    (464, 464),
    (467, 470),
    (471, 479),
    (482, 483),
    (510, 520),
    (523, 523),
    (527, 527),
    (530, 539),
    (543, 543),
    (546, 546),
    (550, 566),
    (570, 580),
    (591, 599),
    (631, 635),
    (660, 663),
    (668, 668),
    (691, 692),
    (701, 701),
    (710, 719),
    (722, 722),
    (724, 724),
    (728, 728),
    (730, 739),
    (743, 746),
    (750, 760),
    (762, 763),
    (766, 766),
    (768, 779),
    (790, 799),
    (812, 813),
    (816, 819),
    (825, 827),
    (830, 839),
    (851, 859),
    (870, 879),
    (881, 881),
    (883, 883),
    (886, 888),
    (891, 899),
    (901, 903),
    (906, 906),
    (908, 909),
    (911, 919),
    (930, 939),
    (941, 941),
    (943, 943),
    (951, 955),
    (970, 979),
    (990, 999),
];

/// True for an area code of the Chinese mainland, written without the leading 0: `10`, `21`, `571`.
#[must_use]
pub fn is_area_code(code: &str) -> bool {
    let Ok(number) = code.parse::<u16>() else { return false };
    match code.len() {
        2 => matches!(number, 10 | 20..=25 | 27..=29),
        3 => THREE_DIGITS.iter().any(|&(from, to)| (from..=to).contains(&number)),
        _ => false,
    }
}

/// The area code that `digits` (without the leading 0) start with.
pub(super) fn leading(digits: &str) -> Option<&str> {
    [2, 3].into_iter().filter_map(|n| digits.get(..n)).find(|code| is_area_code(code))
}
