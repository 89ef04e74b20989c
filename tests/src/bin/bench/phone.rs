//! The phone's figures: a page of 10,000 rows, opening, and keyword search.
//!
//! Addresses are real ones with made-up houses; queries are what people type: pieces of addresses and names of one to
//! four characters, single letters and digits, pinyin, initials, house numbers, the last four digits of a telephone,
//! two words. A search is the whole call: look, read the best twenty rows, open them. Beside it `LIKE` scans the same
//! texts in an SQLite table in clear, with the queries that it can answer.

use anyhow::Context;
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};
use std::path::Path;
use std::time::Instant;
use waybell_core::{Client, ClientConfig, Ports, measure};
use waybell_domain::clock::UnixMs;
use waybell_domain::id::{OrganisationId, UserId};
use waybell_domain::parcel::{CallMark, ParcelState, TaskKind, parcel_id};
use waybell_domain::phone::PhoneNumber;
use waybell_domain::wire::{ParcelView, Role, SyncPage, TokenPair, UserView};
use waybell_tests::results::{Figure, figure};

const ADDRESSES: &str = include_str!("../../../../core/tests/data/addresses.txt");
const SURNAMES: &str = "王李张刘陈杨黄赵周吴徐孙马朱胡郭何林高罗郑梁谢宋唐许韩冯邓曹";
const GIVEN: &str = "伟芳娜敏静丽强磊军洋勇艳杰娟涛明超秀霞平刚桂英华玉萍红玲芬燕云";
const RUNS: usize = 5;
const QUERIES: usize = 1_000;
/// Rows of one screen.
const SCREEN: usize = 20;

fn user() -> UserView {
    UserView {
        id: UserId::at(UnixMs(1), [1; 10]),
        organisation: OrganisationId::at(UnixMs(1), [2; 10]),
        branch: None,
        login: "bench".into(),
        name: "bench".into(),
        role: Role::Courier,
    }
}

fn rows(count: usize, random: &mut StdRng) -> anyhow::Result<Vec<ParcelView>> {
    let places: Vec<&str> = ADDRESSES.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).collect();
    let letters = |text: &str| text.chars().collect::<Vec<char>>();
    let (surnames, given) = (letters(SURNAMES), letters(GIVEN));
    let me = user();
    let mut rows = Vec::with_capacity(count);
    for i in 0..count {
        let waybill = format!("SF{:013}", 1_000_000_000 + i as u64 * 7);
        let mut name = String::new();
        name.extend(surnames.choose(random));
        (0..random.random_range(1..=2)).for_each(|_| name.extend(given.choose(random)));
        let phone = format!(
            "1{}{:08}",
            [38, 39, 50, 59, 86].choose(random).unwrap_or(&38),
            random.random_range(0..100_000_000)
        );
        rows.push(ParcelView {
            id: parcel_id(me.organisation, &waybill),
            waybill_no: waybill,
            kind: TaskKind::default(),
            state: ParcelState::default(),
            courier: me.id,
            recipient_name: name,
            phone: Some(PhoneNumber::parse(&phone).map_err(|e| anyhow::anyhow!("{phone}: {e}"))?),
            more_phones: Vec::new(),
            address: format!(
                "{}{}栋{}单元{}室",
                places.choose(random).context("no address")?,
                random.random_range(1..40),
                random.random_range(1..5),
                random.random_range(101..1900)
            ),
            estate: String::new(),
            building: String::new(),
            mark: CallMark::default(),
            outcome: None,
            preference: None,
            door: None,
            sequence: i as i64,
            imported_at: UnixMs(1_795_140_000_000),
            rev: i as i64 + 1,
        });
    }
    Ok(rows)
}

fn page(rows: &[ParcelView], cursor: i64) -> SyncPage {
    SyncPage {
        cursor,
        more: false,
        parcels: rows.to_vec(),
        batches: Vec::new(),
        recipients: Vec::new(),
        templates: Vec::new(),
        policy: None,
        gone_parcels: Vec::new(),
        gone_batches: Vec::new(),
        gone_recipients: Vec::new(),
        stop_rules: Vec::new(),
        places: Vec::new(),
        now: UnixMs(1_795_140_000_000),
        generation: "bench".into(),
    }
}

async fn phone(folder: &Path) -> anyhow::Result<Client> {
    let config = ClientConfig { data_dir: folder.to_owned(), server: String::new() };
    let client = Client::open(config, Ports::of_system(folder))?;
    let pair = TokenPair {
        access_token: "a".into(),
        access_expires_at: UnixMs(0),
        refresh_token: "r".into(),
        user: user(),
    };
    measure::sign_in(&client, pair).await?;
    Ok(client)
}

/// All figures of the phone.
pub(crate) async fn measure() -> anyhow::Result<Vec<Figure>> {
    let mut random = StdRng::seed_from_u64(1);
    let ten = rows(10_000, &mut random)?;
    let mut figures = delta(&ten).await?;
    figures.push(search("search.p99_10k", &ten, &mut random).await?);
    figures.push(search("search.p99_100k", &rows(100_000, &mut random)?, &mut random).await?);
    Ok(figures)
}

fn ms(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1_000.0
}

/// `sync.delta` (all rows of a full list change their mark; beside it: the same rows new) and `store.open`.
async fn delta(rows: &[ParcelView]) -> anyhow::Result<Vec<Figure>> {
    let (mut new, mut changed, mut open) = (Vec::new(), Vec::new(), Vec::new());
    for run in 0..RUNS {
        let folder = tempfile::tempdir()?;
        let client = phone(folder.path()).await?;
        let first = page(rows, 10_000);
        let began = Instant::now();
        measure::apply(&client, first).await?;
        new.push(ms(began));
        let mut later = rows.to_vec();
        later.iter_mut().for_each(|p| (p.mark, p.rev) = (CallMark::Answered, p.rev + 10_000));
        let second = page(&later, 20_000);
        let began = Instant::now();
        measure::apply(&client, second).await?;
        changed.push(ms(began));
        client.shutdown().await;
        let config = ClientConfig { data_dir: folder.path().to_owned(), server: String::new() };
        let began = Instant::now();
        let client = Client::open(config, Ports::of_system(folder.path()))?;
        open.push(ms(began));
        anyhow::ensure!(client.tasks().list().await?.len() == rows.len(), "rows are missing");
        client.shutdown().await;
        eprintln!(
            "phone run {run}: new {:.1}, changed {:.1}, open {:.1} ms",
            new[run], changed[run], open[run]
        );
    }
    let fresh = figure("", "ms", &new);
    let mut delta = figure("sync.delta", "ms", &changed);
    delta.note += &format!("; 10,000 changed rows; 10,000 new rows take {:.1} ms", fresh.value);
    Ok(vec![delta, figure("store.open", "ms", &open)])
}

/// The 99th of a hundred.
fn p99(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * 99 / 100).copied().unwrap_or(f64::NAN)
}

async fn search(id: &str, rows: &[ParcelView], random: &mut StdRng) -> anyhow::Result<Figure> {
    let folder = tempfile::tempdir()?;
    let client = phone(folder.path()).await?;
    measure::apply(&client, page(rows, rows.len() as i64)).await?;
    let began = Instant::now();
    client.search().prepare().await?;
    let prepared = ms(began);
    let table = table(rows)?;
    let (mut ours, mut like) = (Vec::new(), Vec::new());
    let mut worst = (0.0, String::new());
    for run in 0..RUNS {
        let (mut times, mut peer) = (Vec::new(), Vec::new());
        for _ in 0..QUERIES {
            let query = query(rows, random).context("no rows")?;
            let began = Instant::now();
            let found = client.search().find(&query, SCREEN).await?;
            times.push(ms(began));
            if ms(began) > worst.0 {
                worst = (ms(began), query.clone());
            }
            let began = Instant::now();
            let seen: Vec<i64> = table
                .prepare_cached("SELECT n FROM parcel WHERE text LIKE '%' || ?1 || '%' ORDER BY n LIMIT 20")?
                .query_map([&query], |r| r.get(0))?
                .collect::<Result<_, _>>()?;
            peer.push(ms(began));
            // a number inside a longer one, as LIKE finds it, is no answer to us, nor is 十二号楼 for 二号楼
            let letters =
                query.chars().all(|c| c.is_alphabetic() && !"〇零一二三四五六七八九十百两".contains(c));
            anyhow::ensure!(!letters || found.len() >= seen.len(), "LIKE finds more for {query:?}");
        }
        ours.push(p99(times));
        like.push(p99(peer));
        eprintln!("{id} run {run}: {:.3} ms, LIKE {:.3} ms; slowest {:?}", ours[run], like[run], worst);
    }
    client.shutdown().await;
    let mut answer = figure(id, "ms", &ours);
    answer.peer = Some("LIKE".into());
    answer.peer_value = Some(figure("", "ms", &like).value);
    answer.note += &format!("; {QUERIES} queries a run, index made in {prepared:.0} ms");
    Ok(answer)
}

/// The same texts for LIKE, in clear.
fn table(rows: &[ParcelView]) -> anyhow::Result<rusqlite::Connection> {
    let table = rusqlite::Connection::open_in_memory()?;
    table.execute_batch("CREATE TABLE parcel (n INTEGER PRIMARY KEY, text TEXT NOT NULL) STRICT; BEGIN;")?;
    for row in rows {
        let phone = row.phone.as_ref().map(|p| p.e164()).unwrap_or_default();
        let text = format!("{} {} {} {phone}", row.address, row.recipient_name, row.waybill_no);
        table.prepare_cached("INSERT INTO parcel (text) VALUES (?1)")?.execute([text])?;
    }
    table.execute_batch("COMMIT;")?;
    Ok(table)
}

/// Something a person would type to find one of these.
fn query(rows: &[ParcelView], random: &mut StdRng) -> Option<String> {
    let row = rows.choose(random)?;
    let address: Vec<char> = row.address.chars().collect();
    let piece = |random: &mut StdRng, length: usize| -> String {
        let from = random.random_range(0..=address.len().saturating_sub(length));
        address.iter().skip(from).take(length).filter(|c| !c.is_whitespace()).collect()
    };
    let words = [
        "xfhy", "xingfu", "huayuan", "lu", "dasha", "zh", "sh", "hy", "wang", "zhangwei", "yuan3", "b",
        "jie", "xiaoqu", "gongyuan",
    ];
    Some(match random.random_range(0..12) {
        0 => piece(random, 1),
        1 | 2 => piece(random, 2),
        3 => piece(random, 3),
        4 => piece(random, 4),
        5 => char::from(b'a' + random.random_range(0..26u8)).to_string(),
        6 => random.random_range(0..10u32).to_string(),
        7 => random.random_range(1..1900u32).to_string(),
        8 => row
            .phone
            .as_ref()
            .map(|p| p.e164())
            .unwrap_or_default()
            .chars()
            .rev()
            .take(4)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
            .collect(),
        9 => (*words.choose(random)?).to_owned(),
        10 => row.recipient_name.clone(),
        _ => format!("{} {}", piece(random, 2), random.random_range(1..40u32)),
    })
}
