use crate::testing::Phone;
use std::collections::BTreeSet;
use waybell_domain::id::ParcelId;
use waybell_domain::parcel::ParcelState;
use waybell_domain::search::matches;
use waybell_domain::wire::ParcelView;

const ADDRESSES: &str = include_str!("../../tests/data/addresses.txt");

/// A day's list over real addresses; names and telephones are made up.
fn list() -> Vec<u8> {
    let names = ["王芳", "李娜", "张伟", "欧阳修", "刘洋", "Anna Li", "重庆饭店", "", "陈十三", "O'Brien"];
    let mut text = String::from("运单号,收件人,电话,地址\n");
    for (n, address) in ADDRESSES.lines().enumerate() {
        let waybill = if n % 3 == 0 {
            format!("SF{:013}", 7_000_000 + n * 37)
        } else {
            format!("{}", 430_000_000_000u64 + n as u64 * 7_919)
        };
        let phone = format!("1{}{:08}", 38 + n % 20, 10_000_000 + n * 6_151);
        text +=
            &format!("{waybill},{},{phone},\"{}\"\n", names[n % names.len()], address.replace('"', "\"\""));
    }
    text.into_bytes()
}

fn text(p: &ParcelView) -> String {
    let phone = p.phone.as_ref().map(|p| p.e164()).unwrap_or_default();
    format!("{} {} {} {phone}", p.address, p.recipient_name, p.waybill_no)
}

/// Queries of every kind, cut from the data themselves and from what people type.
fn queries() -> Vec<String> {
    let mut out: Vec<String> = [
        "花",
        "花园",
        "小区",
        "3栋",
        "三栋",
        "502",
        "xq",
        "jie",
        "jiedao",
        "nanjing",
        "chongqing",
        "zhongqing",
        "lvyou",
        "wf",
        "wangfang",
        "李娜",
        "anna",
        "o'brien",
        "3-3-502",
        "花园 3",
        "王 路",
        "sf",
        "SF70",
        "6151",
        "0000",
        "138",
        "13810006151",
        "",
        "  ",
        "不存在的地方",
        "q",
        "zh",
        "街道 1单元",
        "十三",
        "Ｂ座",
        "号楼1",
        "*",
        "\"",
        "a AND b",
        "幸福",
        "OR",
        "NEAR(",
    ]
    .map(str::to_owned)
    .to_vec();
    for (n, address) in ADDRESSES.lines().enumerate().step_by(37) {
        let chars: Vec<char> = address.chars().collect();
        let at = (n * 7) % chars.len();
        let end = (at + 1 + n % 5).min(chars.len());
        out.push(chars[at..end].iter().collect());
        out.push(format!("{}", 10_000_000 + n * 6_151)[4..].to_owned());
    }
    out
}

async fn agrees(phone: &Phone, queries: &[String]) {
    let all = phone.client.tasks().list().await.unwrap();
    for query in queries {
        let wanted: BTreeSet<ParcelId> =
            all.iter().filter(|p| matches(query, &text(p))).map(|p| p.id).collect();
        let found = phone.client.search().find(query, usize::MAX).await.unwrap();
        let found: Vec<ParcelId> = found.into_iter().map(|p| p.id).collect();
        assert_eq!(found.len(), found.iter().collect::<BTreeSet<_>>().len(), "{query:?}");
        assert_eq!(found.iter().copied().collect::<BTreeSet<_>>(), wanted, "{query:?}");
        let picked = phone.client.search().ids(query).await.unwrap();
        assert_eq!(picked.is_empty(), found.is_empty(), "{query:?}");
        assert!(picked.iter().all(|id| wanted.contains(id)), "{query:?}");
        assert!(found.first().is_none_or(|best| picked.contains(best)), "the best one is meant: {query:?}");
    }
}

#[tokio::test]
async fn finds_what_a_scan_finds() {
    let phone = Phone::signed_in().await;
    let report = phone.client.tasks().import_csv(&list(), false).await.unwrap();
    assert_eq!((report.created, report.rejected), (1_000, 0), "{:?}", report.problems.first());
    agrees(&phone, &queries()).await;
}

#[tokio::test]
async fn follows_changes_of_this_and_of_another_process() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&crate::testing::list(1..=3), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    assert_eq!(phone.client.search().ids("幸福 11110003").await.unwrap().len(), 1);
    let other = crate::testing::open(phone.dir.path(), &phone.fake.url, &phone.clock);
    {
        let mut model = phone.fake.model.lock();
        let rev = model.next_rev();
        let parcel = model.parcels.values_mut().find(|p| p.recipient_name == "王小3").unwrap();
        parcel.recipient_name = "赵六".into();
        parcel.address = "上海市徐汇区虹桥路1号".into();
        parcel.rev = rev;
        let gone = *model.parcels.iter().find(|(_, p)| p.recipient_name == "王小1").unwrap().0;
        model.parcels.remove(&gone);
        let rev = model.next_rev();
        model.gone.push((gone, rev));
    }
    other.sync().now().await.unwrap();
    for client in [&other, &phone.client] {
        assert_eq!(client.search().ids("幸福 11110003").await.unwrap().len(), 0);
        assert_eq!(client.search().ids("11110001").await.unwrap().len(), 0);
        assert_eq!(client.search().ids("zhaoliu hongqiao").await.unwrap().len(), 1);
        assert_eq!(client.search().ids("").await.unwrap().len(), 2);
    }
    agrees(&phone, &["虹桥".into(), "王".into(), "3".into()]).await;
}

#[tokio::test]
async fn the_best_come_first() {
    let phone = Phone::signed_in().await;
    let csv = "运单号,收件人,电话,地址\nSF1000000000001,甲,13800000001,幸福花园13栋\nSF1000000000002,乙,13800000002,幸福花园3栋\n\
        SF1000000000003,丙,13800000003,上海路幸福花园3栋\nSF1000000000004,丁,13800000004,花园幸福3号\n";
    phone.client.tasks().import_csv(csv.as_bytes(), false).await.unwrap();
    let names = |list: Vec<ParcelView>| list.into_iter().map(|p| p.recipient_name).collect::<String>();
    assert_eq!(names(phone.client.search().find("幸福花园3", 10).await.unwrap()), "乙丙");
    assert_eq!(names(phone.client.search().find("幸福花园", 2).await.unwrap()), "甲乙");
    assert_eq!(names(phone.client.search().find("0003", 10).await.unwrap()), "丙");
}

#[tokio::test]
async fn names_and_telephones_do_not_lie_in_clear_in_the_files() {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(&list(), false).await.unwrap();
    phone.client.search().ids("欧阳").await.unwrap();
    let all = phone.client.tasks().list().await.unwrap();
    phone.client.tasks().set_state(&[all[0].id], ParcelState::Signed).await.unwrap();
    phone.client.notify().send("arrived", &[all[1].id], None).await.unwrap();
    phone.client.sync().now().await.unwrap();
    phone.client.shutdown().await;
    let mut bytes = Vec::new();
    for entry in std::fs::read_dir(phone.dir.path()).unwrap() {
        bytes.extend(std::fs::read(entry.unwrap().path()).unwrap());
    }
    let holds = |needle: &str| bytes.windows(needle.len()).any(|w| w == needle.as_bytes());
    assert!(holds("西"), "the address index is there");
    let last4 = all.iter().filter_map(|p| p.phone.as_ref()).map(|p| p.e164().to_owned());
    for secret in
        ["欧阳", "ouyang", "13810006151", "李娜"].map(str::to_owned).into_iter().chain(last4.take(50))
    {
        assert!(!holds(&secret), "{secret} lies in clear in a file");
    }
}
