use super::*;
use proptest::prelude::*;

fn label(text: &str) -> Vec<Candidate> {
    let lines: Vec<Line<'_>> = text.lines().map(Line::from).collect();
    on_label(&lines)
}

/// The first candidate: number, confidence.
fn first(found: &[Candidate]) -> Option<(String, u8)> {
    let one = found.first()?;
    Some((one.phone.as_ref()?.key(), one.confidence))
}

fn sure(text: &str) -> Option<String> {
    let found = label(text);
    found.first().filter(|c| c.sure()).and_then(|c| Some(c.phone.as_ref()?.key()))
}

fn likely(text: &str) -> Option<String> {
    first(&label(text)).map(|(key, _)| key)
}

#[test]
fn labels_that_are_plain() {
    for text in [
        "13800001111",
        "收 张三 138 0000 1111",
        "电话：138-0000-1111",
        "张三13800001111收",
        "TEL:13800001111",
        "+86 138 0000 1111",
        "收件人：张三，13800001111 上海市浦东新区幸福花园3号楼502室",
        "１３８００００１１１１",
        "张三 13800001111 幸福花园3-2-501",
        "运单号 SF1234567890123\n收 李四 13800001111",
        "YT8800123456789\n2026-11-21 08:30\n收：王芳 13800001111\n1.2kg",
    ] {
        assert_eq!(sure(text).as_deref(), Some("+8613800001111"), "{text}");
    }
    assert_eq!(sure("电话 0571-88886666").as_deref(), Some("+8657188886666"));
    assert_eq!(sure("(010) 8888 6666").as_deref(), Some("+861088886666"));
    assert_eq!(sure("收 张三 17000001111 转 1234").as_deref(), Some("+8617000001111;ext=1234"));
    assert_eq!(sure("17000001111转分机：1234").as_deref(), Some("+8617000001111;ext=1234"));
}

#[test]
fn what_ocr_makes_of_them_is_likely_and_not_sure() {
    for text in [
        "收 张三 138OOOO1111",
        "l3800001111",
        "13800001l11",
        "收 张三 138000\n01111",
        "电话 1380000 1111",
        "138oooo1111",
        "手机|3800001111",
    ] {
        assert_eq!(likely(text).as_deref(), Some("+8613800001111"), "{text}");
    }
    assert_eq!(sure("138OOOO1111"), None);
    assert_eq!(likely("O571-88886666").as_deref(), Some("+8657188886666"));
    // an unsure recogniser
    let line = Line { text: "13800001111", score: Some(0.93) };
    let found = on_label(&[line]);
    assert!(found[0].confidence < AUTO_ACCEPT && found[0].confidence > 50, "{found:?}");
}

#[test]
fn other_numbers_are_none() {
    for text in [
        "",
        "SF1380000111122",
        "运单号 13800001111",
        "YT13800001111",
        "2026-11-21 13:00:11",
        "幸福花园3号楼2单元501室",
        "310115199001011234",
        "6222 0213 8000 0111 123",
        "邮编 200120",
        "12345678901",
    ] {
        assert_eq!(sure(text), None, "{text}");
    }
}

#[test]
fn who_it_belongs_to() {
    let found = label("寄 王五 13900002222\n杭州市\n收 张三 13800001111\n上海市\n客服热线 400-820-8820");
    let seen: Vec<(Party, String)> =
        found.iter().filter_map(|c| Some((c.party, c.phone.as_ref()?.dial_string()))).collect();
    assert_eq!(
        seen,
        [
            (Party::Recipient, "13800001111".into()),
            (Party::Sender, "13900002222".into()),
            (Party::Company, "4008208820".into())
        ]
    );
}

#[test]
fn hidden_digits() {
    let found = label("收 张三 138****1234");
    assert_eq!(found[0].masked.as_deref(), Some("138****1234"));
    assert!(found[0].phone.is_none() && !found[0].sure());
    let full = |text: &str| PhoneNumber::parse(text).unwrap();
    assert!(found[0].fits(&full("13856781234")) && !found[0].fits(&full("13856781235")));
    assert!(!found[0].fits(&full("13956781234")));
    // OCR sees more or fewer stars, and crosses
    for text in ["138***1234", "138*****1234", "138xxxx1234", "138 **** 1234", "138＊＊＊＊1234"] {
        assert_eq!(label(text)[0].masked.as_deref(), Some("138****1234"), "{text}");
    }
    // printed in full as well: one candidate
    let both = label("138****1234\n张三 13856781234");
    assert_eq!(both.len(), 1);
    assert_eq!(first(&both).unwrap().0, "+8613856781234");
}

#[test]
fn contradictions_are_not_sure() {
    let found = label("收 13800001111\n张三 13800001171");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|c| !c.sure()));
    let twice = label("收 138O0001111\n张三 13800001111");
    assert_eq!(twice.len(), 1);
    assert!(twice[0].sure());
}

#[test]
fn speech() {
    let heard = |text: &str| first(&in_speech(text));
    for text in [
        "幺三八零零零零幺幺幺幺",
        "一三八，零零零零，一一一一",
        "138 0000 1111",
        "他的电话是幺三八四个零四个幺",
        "手机号是幺三八 呃 零零零零 嗯 幺幺幺幺",
        "幺三九零零，不对，幺三八零零零零幺幺幺幺",
        "幺三八零零零零要要幺幺",
        "13800001111",
        "幺三八洞洞洞洞幺幺幺幺",
        "幺三八四个0一一一一",
    ] {
        assert_eq!(heard(text).map(|h| h.0).as_deref(), Some("+8613800001111"), "{text}");
    }
    assert_eq!(heard("零五七幺 八八八八 六六六六").unwrap().0, "+8657188886666");
    assert_eq!(heard("一七零零零零零一一一一转一二三四").unwrap().0, "+8617000001111;ext=1234");
    assert!(heard("幺三八零零零零要要幺幺").unwrap().1 < AUTO_ACCEPT);
    assert!(heard("幺三八零零零零幺幺幺幺").unwrap().1 >= AUTO_ACCEPT);
    assert_eq!(heard("我就三个件"), None);
    // one digit too few is told and never made up
    let short = in_speech("幺三八零零零零幺幺幺");
    assert!(short[0].phone.is_none());
    assert_eq!(short[0].problem, Some(PhoneError::MobileLength(10)));
}

#[test]
fn two_numbers_of_one_person() {
    let found = label("收 张三 13800001111/13900002222");
    assert_eq!(found.len(), 2);
    assert!(found.iter().all(|c| c.sure()), "{found:?}");
}

proptest! {
    #[test]
    fn any_text(text in "\\PC{0,60}") {
        for c in label(&text).into_iter().chain(in_speech(&text)) {
            prop_assert!(c.confidence <= 99);
            prop_assert!(c.phone.is_some() || c.masked.is_some() || c.problem.is_some());
        }
    }

    #[test]
    fn digits_of_all_kinds(text in "[0-9OolISB*x+#转，、 \\-()\\n收寄电话幺三八四个零]{0,60}") {
        let _ = (label(&text), in_speech(&text));
    }

    /// Whatever stands around it, a plain mobile is found.
    #[test]
    fn a_mobile_among_words(number in "1[3-9][0-9]{9}", before in "[收件人张三上海市电话： ]{0,8}", after in "[收件人张三幸福花园， ]{0,8}") {
        let Ok(phone) = PhoneNumber::parse(&number) else { return Ok(()) };
        let found = label(&format!("{before}{number}{after}"));
        prop_assert!(found.iter().any(|c| c.phone.as_ref() == Some(&phone) && c.sure()), "{:?}", found);
    }

    /// Spoken digit by digit it is what it is.
    #[test]
    fn a_mobile_spoken(number in "1[3-9][0-9]{9}") {
        let Ok(phone) = PhoneNumber::parse(&number) else { return Ok(()) };
        let words: String = number.chars().map(|c| ['零','幺','二','三','四','五','六','七','八','九'][c.to_digit(10).unwrap() as usize]).collect();
        let found = in_speech(&words);
        prop_assert_eq!(found[0].phone.as_ref(), Some(&phone));
    }
}

#[test]
fn a_digit_too_many_is_told() {
    let found = label("收件人：杨涛\n电话：+86137136224464");
    assert_eq!(found[0].problem, Some(PhoneError::MobileLength(12)), "{found:?}");
}

#[test]
fn whose_it_is_ends_with_the_number() {
    // 寄 was not read
    let found = label("收 高强 86-18849431200\n杭州市\n19962452821\n上海市");
    assert_eq!(found[0].phone.as_ref().map(PhoneNumber::dial_string).as_deref(), Some("18849431200"));
    assert_eq!(found[1].party, Party::Unknown);
    let found = label("收 高强 136-8178-9258\n19962452821");
    assert_eq!(found[1].party, Party::Unknown);
}

#[test]
fn half_a_character_is_no_digit() {
    let found = label("朱芳136194867475转8133");
    assert_eq!(first(&found).unwrap().0, "+8613619486747;ext=8133");
    assert!(!found[0].sure());
}
