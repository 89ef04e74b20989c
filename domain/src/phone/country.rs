//! Country codes (ITU-T E.164, list of assigned codes), as far as reading a number needs them.

use chrono_tz::Tz;

/// Length of the assigned country code that `digits` start with.
pub(super) fn code_length(digits: &str) -> Option<usize> {
    let number = |n: usize| digits.get(..n).and_then(|d| d.parse::<u16>().ok());
    if matches!(number(1), Some(1 | 7)) {
        return Some(1);
    }
    if matches!(
        number(2)?,
        20 | 27 | 30..=34 | 36 | 39 | 40 | 41 | 43..=49 | 51..=58 | 60..=66 | 81 | 82 | 84 | 86 | 90..=95 | 98
    ) {
        return Some(2);
    }
    matches!(
        number(3)?,
        211..=213 | 216 | 218 | 220..=258 | 260..=269 | 290 | 291 | 297..=299 | 350..=359 | 370..=378 | 380..=383
            | 385..=387 | 389 | 420 | 421 | 423 | 500..=509 | 590..=599 | 670 | 672..=683 | 685..=692 | 800 | 808
            | 850 | 852 | 853 | 855 | 856 | 870 | 878 | 880 | 881..=883 | 886 | 888 | 960..=968 | 970..=977 | 979
            | 992..=996 | 998
    )
    .then_some(3)
}

/// Whether this is an assigned country code.
#[must_use]
pub fn is_country(code: u16) -> bool {
    let digits = code.to_string();
    code_length(&format!("{digits}0000")) == Some(digits.len())
}

/// The zone of a country that has one, from the digits of an E.164 number.
pub(super) fn zone(digits: &str) -> Option<Tz> {
    let length = code_length(digits)?;
    Some(match &digits[..length] {
        // One legal time for the whole mainland.
        "86" => Tz::Asia__Shanghai,
        "852" => Tz::Asia__Hong_Kong,
        "853" => Tz::Asia__Macau,
        "886" => Tz::Asia__Taipei,
        "81" => Tz::Asia__Tokyo,
        "82" => Tz::Asia__Seoul,
        "84" => Tz::Asia__Ho_Chi_Minh,
        "65" => Tz::Asia__Singapore,
        "60" => Tz::Asia__Kuala_Lumpur,
        "63" => Tz::Asia__Manila,
        "66" => Tz::Asia__Bangkok,
        "91" => Tz::Asia__Kolkata,
        "92" => Tz::Asia__Karachi,
        "94" => Tz::Asia__Colombo,
        "95" => Tz::Asia__Yangon,
        "855" => Tz::Asia__Phnom_Penh,
        "856" => Tz::Asia__Vientiane,
        "880" => Tz::Asia__Dhaka,
        "971" => Tz::Asia__Dubai,
        "44" => Tz::Europe__London,
        "33" => Tz::Europe__Paris,
        "49" => Tz::Europe__Berlin,
        "39" => Tz::Europe__Rome,
        "31" => Tz::Europe__Amsterdam,
        "32" => Tz::Europe__Brussels,
        "41" => Tz::Europe__Zurich,
        "48" => Tz::Europe__Warsaw,
        _ => return None,
    })
}
