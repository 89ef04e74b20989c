use super::Intent::{CallBack, Complaint, Door, Later, LeaveAt, Refuse, WhereIsIt};
use super::*;
use proptest::prelude::*;

#[test]
fn words_are_words() {
    Intent::check_words();
}

#[test]
fn plain_messages() {
    for (text, want) in [
        ("你好，快递放门口就行，谢谢。", &[LeaveAt][..]),
        ("师傅你把我的快递放到菜鸟驿站", &[LeaveAt]),
        ("家里没人，麻烦交给楼下保安", &[LeaveAt]),
        ("门口鞋柜上面放一下", &[LeaveAt]),
        ("我在家呢，你给我送上来吧", &[Door]),
        ("东西很重，麻烦送货上门", &[Door]),
        ("我现在不在家，你明天再送吧", &[Later]),
        ("下午三点以后再送可以吗", &[Later]),
        ("这个我不要了，你直接退回去吧", &[Refuse]),
        ("我拒收", &[Refuse]),
        ("再不送来我就投诉你", &[Complaint]),
        ("里面的杯子都摔碎了，你们要赔偿", &[Complaint]),
        ("我的快递到哪了", &[WhereIsIt]),
        ("请问今天什么时候能送到啊", &[WhereIsIt]),
        ("听到了给我回个电话", &[CallBack]),
        ("please leave it with the guard", &[LeaveAt]),
        ("Where is my parcel? Call me back.", &[WhereIsIt, CallBack]),
        ("你好你好，喂", &[]),
        ("", &[]),
    ] {
        assert_eq!(intents(text), want, "{text}");
    }
}

#[test]
fn what_is_denied_is_its_contrary_or_nothing() {
    for (text, want) in [
        ("不要放驿站，我在家", &[Door][..]),
        ("千万别给我放快递柜里", &[Door]),
        ("我不是要投诉", &[]),
        ("不用回电话了", &[]),
        ("不用送上楼，放单元门口就可以", &[LeaveAt]),
        // these deny nothing
        ("能不能放门口", &[LeaveAt]),
        ("要不放物业吧", &[LeaveAt]),
        ("不好意思，明天再送行不行", &[Later]),
    ] {
        assert_eq!(intents(text), want, "{text}");
    }
}

#[test]
fn homophones_and_traditional_characters_are_the_same_words() {
    for (text, want) in [
        ("我句收", &[Refuse][..]),
        ("我要頭訴你們", &[Complaint]),
        ("放在菜鳥一站", &[LeaveAt]),
        ("麻煩放到門口", &[LeaveAt]),
        ("給我回個電話", &[CallBack]),
        ("送貨上門", &[Door]),
        ("到哪兒了", &[WhereIsIt]),
    ] {
        assert_eq!(intents(text), want, "{text}");
    }
}

#[test]
fn the_most_urgent_comes_first() {
    let text = "我的快递到现在还没到，显示签收了我没收到，再不送来我投诉，给我回电话";
    assert_eq!(intents(text), [Complaint, WhereIsIt, CallBack]);
    assert!(intents(text)[0].is_urgent() && !WhereIsIt.is_urgent());
    assert_eq!(intents("我不在家，放门口"), [LeaveAt], "who is out and says where asks for no other time");
    assert_eq!(intents("先放门口也行，最好明天再送"), [Later, LeaveAt]);
}

proptest! {
    #[test]
    fn no_text_is_too_much(text in ".{0,400}") {
        let found = intents(&text);
        prop_assert!(found.windows(2).all(|w| w[0] < w[1]));
    }
}

#[test]
fn a_long_text_is_read_to_its_bound() {
    let long = "放".repeat(2_000_000);
    assert!(intents(&long).is_empty());
}

/// Messages with what a dispatcher would tick, written by somebody who did not know the key words.
const MESSAGES: &str = include_str!("../../../tests/data/voicemails/messages.tsv");

#[test]
fn messages_of_people_who_know_no_key_words() {
    let (mut whole, mut all, mut hits, mut found, mut ticked) = (0, 0, 0, 0, 0);
    let mut urgent = (0, 0);
    for line in MESSAGES.lines().skip(1) {
        let (labels, text) = line.split_once('\t').unwrap();
        let labels: Vec<&str> = labels.split(',').filter(|l| !l.is_empty()).collect();
        let mut want: Vec<Intent> = labels.iter().map(|l| Intent::parse(l).expect(l)).collect();
        want.sort_unstable();
        let got = intents(text);
        all += 1;
        whole += usize::from(got == want);
        hits += got.iter().filter(|i| want.contains(i)).count();
        found += got.len();
        ticked += want.len();
        if want.iter().any(|i| i.is_urgent()) {
            urgent = (urgent.0 + usize::from(got.iter().any(|i| i.is_urgent())), urgent.1 + 1);
        }
    }
    // measured: 95 of 160 whole; 122 of 176 wishes found, 142 told; of 44 urgent ones 31 are urgent
    assert!(whole * 100 >= all * 58, "{whole} of {all}");
    assert!(hits * 100 >= ticked * 68, "{hits} of {ticked} are found");
    assert!(hits * 100 >= found * 85, "{hits} of {found} that are told are right");
    assert!(urgent.0 * 100 >= urgent.1 * 70, "{urgent:?}");
}
