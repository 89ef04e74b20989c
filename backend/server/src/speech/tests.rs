//! Order, cache, memory and failures, with engines that count what they are asked.

use super::engine::{Engine, Failure, Sound};
use super::seat::{Seat, Waits};
use super::*;
use async_trait::async_trait;
use parking_lot::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// An engine that answers what it is told to, in turn; then with sound.
struct Scripted {
    name: &'static str,
    paid: bool,
    longest: usize,
    answers: Arc<Mutex<Vec<Failure>>>,
    asked: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Engine for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn is_paid(&self) -> bool {
        self.paid
    }

    fn voice(&self) -> String {
        "voice".into()
    }

    fn longest(&self) -> usize {
        self.longest
    }

    async fn speak(&self, text: &str) -> Result<Sound, Failure> {
        self.asked.lock().push(text.to_owned());
        tokio::task::yield_now().await;
        let next = self.answers.lock().pop();
        match next {
            Some(failure) => Err(failure),
            None => Ok(Sound::Pcm(vec![if self.name == "first" { 1_000 } else { 2_000 }; 8_000])),
        }
    }
}

struct Bench {
    speech: Speech,
    first: Arc<Mutex<Vec<String>>>,
    second: Arc<Mutex<Vec<String>>>,
    _cache: tempfile::TempDir,
}

/// Two engines; the first fails with these, the last one first.
fn bench(answers: Vec<Failure>, longest: usize) -> Bench {
    patient(answers, longest, Waits::usual(Duration::from_secs(5)))
}

fn patient(answers: Vec<Failure>, longest: usize, waits: Waits) -> Bench {
    within(answers, longest, waits, 0)
}

/// The first of them paid, with so many characters a day.
fn within(answers: Vec<Failure>, longest: usize, waits: Waits, characters: u64) -> Bench {
    let cache = tempfile::tempdir().unwrap();
    let (first, second) = (Arc::new(Mutex::new(Vec::new())), Arc::new(Mutex::new(Vec::new())));
    let budget = Arc::new(Budget::of(characters, None));
    let seat = |name, asked: &Arc<Mutex<Vec<String>>>, answers| {
        let (paid, answers, asked) = (name == "first", Arc::new(Mutex::new(answers)), asked.clone());
        let engine = Scripted { name, paid, longest, answers, asked };
        Seat::new(Box::new(engine), waits, name == "second").within(&budget)
    };
    let seats = vec![seat("first", &first, answers), seat("second", &second, Vec::new())];
    let speech = Speech { budget, ..Speech::with(seats, cache.path().join("prompts")) };
    Bench { speech, first, second, _cache: cache }
}

async fn by(speech: &Speech, text: &str) -> Vec<&'static str> {
    speech.spoken(Whose::default(), &[text.to_owned()]).await.unwrap().1
}

#[tokio::test]
async fn memory_is_bounded_and_nothing_is_made_twice_at_once() {
    let made = Arc::new(AtomicUsize::new(0));
    let count = made.clone();
    let speech = Speech::of(move |text| {
        count.fetch_add(1, Ordering::SeqCst);
        Ok(Prompt::from_pcm(text, &vec![0; 8_000]))
    });
    let words = vec!["您好".to_owned(); 3];
    let (a, b) =
        tokio::join!(speech.prompts(Whose::default(), &words), speech.prompts(Whose::default(), &words));
    assert!(Arc::ptr_eq(&a.unwrap()[0], &b.unwrap()[2]));
    assert_eq!(made.load(Ordering::SeqCst), 1);
    for n in 0..5_000 {
        speech.prompts(Whose::default(), &[n.to_string()]).await.unwrap();
    }
    assert!(speech.pieces.weight() <= MEMORY, "{}", speech.pieces.weight());
    let kept = (0..5_000).filter(|n| speech.ready(Whose::default(), &[n.to_string()]).is_some()).count();
    assert!((1_000..3_000).contains(&kept), "{kept}");
}

#[tokio::test]
async fn an_engine_is_asked_once_for_the_same_words_also_after_a_restart() {
    let bench = bench(Vec::new(), 100);
    let words = vec!["您好".to_owned()];
    let many: Vec<_> = (0..20).map(|_| bench.speech.prompts(Whose::default(), &words)).collect();
    assert!(futures_util::future::join_all(many).await.iter().all(Result::is_ok));
    assert_eq!(*bench.first.lock(), ["您好"]);
    assert_eq!(by(&restarted(&bench.speech), "您好").await, ["first"]);
    assert_eq!(*bench.first.lock(), ["您好"]);
    assert!(bench.second.lock().is_empty());
}

#[tokio::test]
async fn what_nobody_waits_for_any_more_is_kept_all_the_same() {
    let bench = bench(Vec::new(), 100);
    let words = vec!["您好".to_owned()];
    // asked for, and given up in the middle
    let waiting = bench.speech.prompts(Whose::default(), &words);
    assert!(tokio::time::timeout(Duration::ZERO, waiting).await.is_err());
    assert_eq!(by(&bench.speech, "您好").await, ["first"]);
    assert_eq!(bench.first.lock().len(), 1);
}

/// Another life of the same server: nothing is in memory.
fn restarted(speech: &Speech) -> Speech {
    Speech { pieces: Speech::with(Vec::new(), PathBuf::new()).pieces, ..speech.clone() }
}

#[tokio::test]
async fn a_stand_in_speaks_and_its_engine_rests() {
    let bench = bench(vec![Failure::lost("was cut")], 100);
    assert_eq!(by(&bench.speech, "您好").await, ["second"]);
    // it rests: other words do not reach it either
    assert_eq!(by(&bench.speech, "再见").await, ["second"]);
    assert_eq!(bench.first.lock().len(), 1);
    let told = &bench.speech.told().engines[0];
    assert!(told.resting && told.failed == 1 && told.problem.as_deref() == Some("was cut"));
}

#[tokio::test]
async fn after_a_while_the_first_speaks_again() {
    let short = Duration::from_millis(1);
    let waits = Waits { patience: Duration::from_secs(5), rest: short, long_rest: short, stand_in: short };
    let bench = patient(vec![Failure::lost("was cut")], 100, waits);
    assert_eq!(by(&bench.speech, "您好").await, ["second"]);
    while by(&bench.speech, "您好").await != ["first"] {
        // at the answer, what is there is played, whoever speaks it
        assert!(bench.speech.ready(Whose::default(), &["您好".to_owned()]).is_some());
        tokio::time::sleep(short).await;
    }
    let told = &bench.speech.told().engines[0];
    assert!(!told.resting && told.problem.is_none());
    assert_eq!(*bench.second.lock(), ["您好"]);
}

#[tokio::test]
async fn it_is_asked_again_only_where_nothing_was_made() {
    let one = bench(vec![Failure::again("no connection")], 100);
    assert_eq!(by(&one.speech, "您好").await, ["first"]);
    assert_eq!(one.first.lock().len(), 2);
    let barred = bench(vec![Failure::again("x"), Failure::barred("quota")], 100);
    assert_eq!(by(&barred.speech, "您好").await, ["second"]);
    assert_eq!(barred.first.lock().len(), 1);
}

#[tokio::test]
async fn a_refused_text_is_not_asked_for_again_and_others_are() {
    let bench = bench(vec![Failure::text("no such characters")], 100);
    assert_eq!(by(&bench.speech, "您好").await, ["second"]);
    assert_eq!(by(&bench.speech, "再见").await, ["first"]);
    assert_eq!(by(&restarted(&bench.speech), "您好").await, ["second"]);
    assert_eq!(*bench.first.lock(), ["您好", "再见"]);
}

#[tokio::test]
async fn the_parts_of_a_long_text_are_kept_each() {
    let bench = bench(Vec::new(), 8);
    let text = "送到门口请按一，放驿站请按二。".to_owned();
    let prompts = bench.speech.prompts(Whose::default(), &[text]).await.unwrap();
    assert_eq!(*bench.first.lock(), ["送到门口请按一，", "放驿站请按二。"]);
    assert!(prompts[0].duration_ms() > 2_000);
    assert_eq!(by(&bench.speech, "放驿站请按二。").await, ["first"]);
    assert_eq!(bench.first.lock().len(), 2);
}

#[tokio::test]
async fn a_piece_that_nobody_speaks_is_an_error_and_a_pause_asks_nobody() {
    let cache = tempfile::tempdir().unwrap();
    let nobody = Speech::with(Vec::new(), cache.path().to_owned());
    let texts = |t: &str| vec!["，".to_owned(), t.to_owned()];
    assert!(nobody.prompts(Whose::default(), &texts("您好")).await.is_err());
    assert_eq!(nobody.prompts(Whose::default(), &texts("。")).await.unwrap().len(), 2);
}

#[tokio::test]
async fn where_the_characters_of_a_day_are_used_the_next_engine_speaks() {
    let bench = within(Vec::new(), 100, Waits::usual(Duration::from_secs(5)), 5);
    assert_eq!(by(&bench.speech, "您好").await, ["first"]);
    assert_eq!(by(&bench.speech, "明天再来").await, ["second"]);
    // what is left is enough for a shorter text, and what was made before costs nothing
    assert_eq!(by(&bench.speech, "再见了").await, ["first"]);
    assert_eq!(by(&restarted(&bench.speech), "您好").await, ["first"]);
    assert_eq!(*bench.first.lock(), ["您好", "再见了"]);
    let told = bench.speech.told();
    assert_eq!((told.characters_today, told.characters_a_day), (5, 5));
    assert!(!told.engines[0].resting && told.engines[0].failed == 0, "it is well: {told:?}");
}

#[tokio::test]
async fn the_last_engine_is_left_alone_only_where_asking_costs_and_cannot_help() {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let alone = |paid, failure, cache: &tempfile::TempDir| {
        asked.lock().clear();
        let answers = Arc::new(Mutex::new(vec![failure]));
        let engine = Scripted { name: "first", paid, longest: 100, answers, asked: asked.clone() };
        let seat = Seat::new(Box::new(engine), Waits::usual(Duration::from_secs(5)), true);
        Speech::with(vec![seat.within(&Arc::new(Budget::of(0, None)))], cache.path().to_owned())
    };
    for (paid, failure, again) in [
        (true, Failure::barred("quota"), 1),
        (true, Failure::lost("was cut"), 2),
        (false, Failure::barred("program"), 2),
    ] {
        let cache = tempfile::tempdir().unwrap();
        let speech = alone(paid, failure, &cache);
        for text in ["您好", "再见"] {
            let _ = speech.prompts(Whose::default(), &[text.to_owned()]).await;
        }
        assert_eq!(asked.lock().len(), again);
    }
}
