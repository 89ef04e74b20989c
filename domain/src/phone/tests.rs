use super::*;
use proptest::prelude::*;

fn key(text: &str) -> Result<String, PhoneError> {
    PhoneNumber::parse(text).map(|p| p.key())
}

#[test]
fn what_people_write() {
    for (text, expected) in [
        ("13800001111", "+8613800001111"),
        (" 138 0000 1111 ", "+8613800001111"),
        ("138-0000-1111", "+8613800001111"),
        ("138.0000.1111", "+8613800001111"),
        ("１３８００００１１１１", "+8613800001111"),
        ("+86 138 0000 1111", "+8613800001111"),
        ("（+86）138-0000-1111", "+8613800001111"),
        ("＋８６－１３８００００１１１１", "+8613800001111"),
        ("0086 13800001111", "+8613800001111"),
        ("8613800001111", "+8613800001111"),
        ("013800001111", "+8613800001111"),
        ("1795113800001111", "+8613800001111"),
        ("12593 138 0000 1111", "+8613800001111"),
        ("17951 0571 88886666", "+8657188886666"),
        ("13800001111.00", "+8613800001111"),
        ("138.0000.1111", "+8613800001111"),
        ("0571.88886666", "+8657188886666"),
        ("13800001111.0", "+8613800001111"),
        ("'13800001111", "+8613800001111"),
        ("\u{202d}13800001111\u{202c}", "+8613800001111"),
        ("手机：13800001111", "+8613800001111"),
        ("tel:+86-571-88886666", "+8657188886666"),
        ("13800001111转1234", "+8613800001111;ext=1234"),
        ("13800001111 转 分机 1234", "+8613800001111;ext=1234"),
        ("13800001111,1234", "+8613800001111;ext=1234"),
        ("13800001111，1234#", "+8613800001111;ext=1234"),
        ("13800001111-1234", "+8613800001111;ext=1234"),
        ("13800001111 1234", "+8613800001111;ext=1234"),
        ("13800001111#1234", "+8613800001111;ext=1234"),
        ("13800001111 ext. 1234", "+8613800001111;ext=1234"),
        ("13800001111_1234", "+8613800001111;ext=1234"),
        ("010-88886666", "+861088886666"),
        ("(010)8888-6666", "+861088886666"),
        ("+86 (0)10 8888 6666", "+861088886666"),
        ("+86 10 88886666", "+861088886666"),
        ("0571 8888 6666", "+8657188886666"),
        ("0571-88886666-801", "+8657188886666;ext=801"),
        ("0571-8888666-1", "+865718888666;ext=1"),
        ("010-88886666转8001", "+861088886666;ext=8001"),
        ("86-755-26668888", "+8675526668888"),
        ("57188886666", "+8657188886666"),
        ("1088886666", "+861088886666"),
        ("0571-96345", "+8657196345"),
        ("95588", "+8695588"),
        ("+8695588", "+8695588"),
        ("95013123", "+8695013123"),
        ("96345", "+8696345"),
        ("400-123-4567", "+864001234567"),
        ("+86 400 123 4567", "+864001234567"),
        ("400-123-4567-890", "+864001234567;ext=890"),
        ("8008101234", "+868008101234"),
        ("+852 2345 6789", "+85223456789"),
        ("00852 23456789", "+85223456789"),
        ("+1 (212) 555-0123", "+12125550123"),
        ("+44 20 7946 0958", "+442079460958"),
        ("19912345678", "+8619912345678"),
    ] {
        assert_eq!(key(text).as_deref(), Ok(expected), "{text}");
    }
}

#[test]
fn dial_assist_of_some_telephones() {
    for (text, expected) in [
        ("+1 (701) 234-5678", "+8617012345678"),
        ("+17112345678", "+8617112345678"),
        ("+1 671 234 5678", "+8616712345678"),
        ("17012345678", "+8617012345678"),
        // Written as an international call, it is one.
        ("0017012345678", "+17012345678"),
        ("+12125550123", "+12125550123"),
    ] {
        assert_eq!(key(text).as_deref(), Ok(expected), "{text}");
    }
    // What we have stored is never read again in the friendly way.
    let american = PhoneNumber::parse("001 702 555 0123").unwrap();
    assert_eq!(PhoneNumber::from_key(&american.key()), Ok(american));
}

#[test]
fn what_is_wrong() {
    use PhoneError::*;
    for (text, error) in [
        ("", Empty),
        ("  - ", Empty),
        ("无", Character('无')),
        ("1380000111O", Character('o')),
        ("138****1111", Masked),
        ("138xxxx1111", Masked),
        ("1.38E+10", Spreadsheet),
        ("1.380000111e10", Spreadsheet),
        ("13800001111/13900002222", Several),
        ("13800001111、13900002222", Several),
        ("13800001111,13900002222", Several),
        ("13800001111 13900002222", Several),
        ("13800001111;010-88886666", Several),
        ("1380000111", MobileLength(10)),
        ("138000011112", MobileLength(12)),
        ("12345678901", MobilePrefix(12)),
        ("88886666", AreaCodeMissing),
        ("0999888666", LocalLength(6)),
        ("0260-8888666", AreaCode),
        ("010-8888666", LocalLength(7)),
        ("0571-18886666", LocalStart('1')),
        ("110", Emergency),
        ("120", Emergency),
        ("10086", Service),
        ("12345", Service),
        ("+86 10086", Service),
        ("+999 1234567", Country),
        ("+852 12", InternationalLength(5)),
        ("+1 212 055 0123", InternationalLength(11)),
        ("13800001111转", Extension),
        ("13800001111转123456789", Extension),
        ("5", Shape(1)),
        ("+", Country),
    ] {
        match key(text) {
            // A mark with nothing after it is taken for the end of the number.
            Ok(number) if error == Extension && text.ends_with('转') => assert_eq!(number, "+8613800001111"),
            other => assert_eq!(other, Err(error), "{text}"),
        }
    }
}

#[test]
fn local_lines() {
    let local = |text: &str, area: &str| PhoneNumber::parse_in(text, Some(area)).map(|p| p.key());
    assert_eq!(local("88886666", "0571").as_deref(), Ok("+8657188886666"));
    assert_eq!(local("8888-6666-801", "571").as_deref(), Ok("+8657188886666;ext=801"));
    assert_eq!(local("8886666", "0571").as_deref(), Ok("+865718886666"));
    assert_eq!(local("88886666", "0260"), Err(PhoneError::AreaCode));
    assert_eq!(local("13800001111", "0571").as_deref(), Ok("+8613800001111"));
    assert_eq!(local("010-88886666", "0571").as_deref(), Ok("+861088886666"));
}

#[test]
fn kinds_dial_strings_and_masks() {
    for (text, kind, dial, masked, last) in [
        ("13800001111", PhoneKind::Mobile, "13800001111", "+86138****1111", "1111"),
        ("0571-88886666", PhoneKind::Landline, "057188886666", "+86571****666", "6666"),
        ("010-88886666", PhoneKind::Landline, "01088886666", "+8610****666", "6666"),
        ("95588", PhoneKind::ShortCode, "95588", "+869****8", "5588"),
        ("4001234567", PhoneKind::Shared400, "4001234567", "+86400****567", "4567"),
        ("8001234567", PhoneKind::Free800, "8001234567", "+86800****567", "4567"),
        ("+85223456789", PhoneKind::Foreign, "0085223456789", "+852****789", "6789"),
    ] {
        let phone = PhoneNumber::parse(text).unwrap();
        assert_eq!((phone.kind(), phone.dial_string().as_str()), (kind, dial));
        assert_eq!((phone.masked().as_str(), phone.last4()), (masked, last));
        assert_eq!(format!("{phone}"), masked);
        assert!(!format!("{phone:?}").contains(&dial[dial.len() - 5..]));
    }
    let with = PhoneNumber::parse("13800001111转1234").unwrap();
    assert_eq!((with.masked().as_str(), with.extension()), ("+86138****1111;ext=*", Some("1234")));
    assert_eq!(with.e164(), "+8613800001111");
    assert_ne!(with.key(), PhoneNumber::parse("13800001111").unwrap().key());
}

#[test]
fn callers_may_be_services() {
    let caller = PhoneNumber::parse_caller("10086").unwrap();
    assert_eq!((caller.key().as_str(), caller.kind()), ("+8610086", PhoneKind::Service));
    assert_eq!(PhoneNumber::parse_caller("+8610086").unwrap(), caller);
    assert_eq!(PhoneNumber::parse_caller("+8613800001111").unwrap().kind(), PhoneKind::Mobile);
    assert!(PhoneNumber::parse_caller("anonymous").is_err());
}

#[test]
fn zones() {
    let zone = |text: &str| PhoneNumber::parse(text).unwrap().zone();
    assert_eq!(zone("13800001111"), Some(Tz::Asia__Shanghai));
    assert_eq!(zone("+442079460958"), Some(Tz::Europe__London));
    assert_eq!(zone("+12125550123"), None);
}

#[test]
fn keys_are_exact() {
    for bad in [
        "",
        "13800001111",
        "+86 13800001111",
        "+8613800001111;ext=",
        "+8613800001111;ext=a",
        "+0123456",
        "+86138000011112222",
    ] {
        assert_eq!(PhoneNumber::from_key(bad), Err(PhoneError::Key), "{bad}");
    }
    let phone = PhoneNumber::from_key("+8613800001111;ext=12").unwrap();
    assert_eq!(serde_json::to_string(&phone).unwrap(), "\"+8613800001111;ext=12\"");
    assert_eq!(serde_json::from_str::<PhoneNumber>("\"+8613800001111;ext=12\"").unwrap(), phone);
    let error = serde_json::from_str::<PhoneNumber>("\"138\"").unwrap_err().to_string();
    assert!(error.starts_with("not a stored number"), "{error}");
}

#[test]
fn a_mobile_that_begins_like_a_prefix_keeps_its_extension() {
    for (text, e164, extension) in [
        ("17996020200-00000", "+8617996020200", Some("00000")),
        ("+86 17951057188-886", "+8617951057188", Some("886")),
        // a prefix before a mobile, however it is grouped, and before a landline in one piece
        ("17951138001-38000", "+8613800138000", None),
        ("17951 0571 88886666", "+8657188886666", None),
    ] {
        let phone = PhoneNumber::parse(text).unwrap();
        assert_eq!((phone.e164(), phone.extension()), (e164, extension), "{text}");
    }
}

#[test]
fn area_codes() {
    for good in ["10", "21", "29", "311", "571", "755", "898", "991"] {
        assert!(is_area_code(good), "{good}");
    }
    for bad in ["", "1", "11", "26", "100", "400", "800", "130", "0571", "999999", "a1"] {
        assert!(!is_area_code(bad), "{bad}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(500))]
    /// No text makes it panic; what is accepted is stable under storing, and its mask hides the middle.
    #[test]
    fn total(text in "[0-9+ \\-转,.#/()１a-z*E]{0,24}|.{0,16}") {
        if let Ok(phone) = PhoneNumber::parse(&text) {
            prop_assert_eq!(PhoneNumber::from_key(&phone.key()), Ok(phone.clone()));
            prop_assert!(phone.e164().len() <= 16);
            prop_assert!(!phone.masked().contains(&phone.e164()[1..]));
        }
        let _ = PhoneNumber::parse_caller(&text);
        let _ = PhoneNumber::from_key(&text);
    }

    /// However a mobile is grouped and prefixed, it is the same person.
    #[test]
    fn one_person(
        second in 3u8..=9, rest in 0u32..1_000_000_000,
        prefix in prop_oneof!["", "\\+86", "0086", "86", "\\+86-", "17951", "0"],
        cuts in proptest::collection::vec((1usize..11, "[ .\\-]"), 0..4),
        extension in prop_oneof![Just(None), "[0-9]{1,6}".prop_map(Some)],
        mark in "转|分机|,|#|-| ext|，| x",
    ) {
        let digits = format!("1{second}{rest:09}");
        let mut text = digits.clone();
        for (at, separator) in cuts {
            if text.is_char_boundary(at) && at < text.len() {
                text.insert_str(at, &separator);
            }
        }
        let tail = extension.as_ref().map(|x| format!("{mark}{x}")).unwrap_or_default();
        let phone = PhoneNumber::parse(&format!("{prefix}{text}{tail}"));
        let phone = phone.map_err(|e| TestCaseError::fail(format!("{prefix}{text}{tail}: {e}")))?;
        prop_assert_eq!(phone.e164(), format!("+86{digits}"), "{}{}{}", prefix, text, tail);
        prop_assert_eq!(phone.extension(), extension.as_deref());
    }
}
