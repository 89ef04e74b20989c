use crate::error::Error;
use crate::testing::{Phone, list, open};
use waybell_domain::clock::DAY;
use waybell_domain::parcel::ParcelState;

#[tokio::test]
async fn a_dry_run_says_what_an_import_does_and_changes_nothing() {
    let phone = Phone::signed_in().await;
    let mut csv = list(1..=3);
    csv.extend(
        "bad,x,13800000000,y\nSF1000000000009,名,12345,y\nSF1000000000001,王小1,13811110001,新地址1号\n"
            .as_bytes(),
    );
    let dry = phone.client.tasks().import_csv(&csv, true).await.unwrap();
    assert_eq!((dry.total, dry.created, dry.rejected, dry.problems.len()), (6, 3, 2, 2));
    assert_eq!((dry.problems[0].line, dry.problems[0].column.as_str()), (5, "运单号"));
    assert_eq!((dry.problems[1].line, dry.problems[1].column.as_str()), (6, "电话"));
    assert_eq!(dry.preview[0].address, "新地址1号", "the last row of a waybill is the right one");
    assert_eq!(dry.import, None);
    assert!(phone.client.tasks().list().await.unwrap().is_empty());
    assert_eq!(phone.client.sync().status().unwrap().queued, 0);

    let real = phone.client.tasks().import_csv(&csv, false).await.unwrap();
    assert!(real.import.is_some());
    assert_eq!(phone.client.tasks().list().await.unwrap(), dry.preview);
    let again = phone.client.tasks().import_csv(&csv, true).await.unwrap();
    assert_eq!((again.created, again.updated, again.unchanged), (0, 0, 3));
}

#[tokio::test]
async fn a_file_that_is_no_list_is_refused_with_what_to_do() {
    let phone = Phone::signed_in().await;
    for bytes in [&b""[..], b"PK\x03\x04....", b"a,b\n1,2\n", &[0xff; 40]] {
        match phone.client.tasks().import_csv(bytes, false).await {
            Err(Error::BadInput { problem, hint, .. }) => assert!(!problem.is_empty() && !hint.is_empty()),
            other => panic!("{other:?}"),
        }
    }
}

#[tokio::test]
async fn gbk_and_utf16_lists_are_read() {
    let phone = Phone::signed_in().await;
    let text = String::from_utf8(list(1..=2)).unwrap();
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(text.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    assert_eq!(phone.client.tasks().import_csv(&utf16, false).await.unwrap().created, 2);
    // 运单号,地址 and a row in GBK
    let mut gbk = b"\xd4\xcb\xb5\xa5\xba\xc5,\xb5\xd8\xd6\xb7\n".to_vec();
    gbk.extend(b"SF1000000000007,\xba\xbc\xd6\xdd\n");
    phone.client.tasks().import_csv(&gbk, false).await.unwrap();
    let id = phone.client.tasks().id_of("sf 1000000000007").unwrap();
    assert_eq!(phone.client.tasks().get(id).await.unwrap().address, "杭州");
}

#[tokio::test]
async fn nothing_is_taken_from_a_stranger_or_for_unknown_parcels() {
    let phone = Phone::signed_in().await;
    let stranger = tempfile::tempdir().unwrap();
    let client = open(stranger.path(), &phone.fake.url, &phone.clock);
    assert!(matches!(client.tasks().import_csv(&list(1..=1), false).await, Err(Error::SignedOut)));
    phone.client.tasks().import_csv(&list(1..=1), false).await.unwrap();
    let known = phone.client.tasks().id_of("SF1000000000001").unwrap();
    let unknown = phone.client.tasks().id_of("SF1000000000099").unwrap();
    let state = phone.client.tasks().set_state(&[known, unknown], ParcelState::Signed).await;
    assert!(matches!(state, Err(Error::NotFound(_))));
    assert_eq!(phone.client.tasks().get(known).await.unwrap().state, ParcelState::OutForDelivery);
    assert!(phone.client.notify().send("arrived", &[unknown], None).await.is_err());
    assert!(phone.client.notify().send("arrived", &[], None).await.is_err());
    assert_eq!(phone.client.sync().status().unwrap().queued, 1);
}

#[tokio::test]
async fn old_rows_are_purged_but_not_those_with_operations() {
    let phone = Phone::signed_in().await;
    phone.fake.model.lock().user.login = "lina".into();
    phone.client.tasks().import_csv(&list(1..=3), false).await.unwrap();
    phone.client.sync().now().await.unwrap();
    let all = phone.client.tasks().list().await.unwrap();
    phone.client.tasks().set_state(&[all[0].id], ParcelState::Signed).await.unwrap();
    phone.clock.pass(40 * DAY);
    phone.client.tasks().import_csv(&list(7..=7), false).await.unwrap();
    assert_eq!(phone.client.purge(30).await.unwrap(), 2);
    let left: Vec<_> = phone.client.tasks().list().await.unwrap().into_iter().map(|p| p.waybill_no).collect();
    assert_eq!(left, ["SF1000000000001", "SF1000000000007"]);
}

#[tokio::test]
async fn spellings_of_one_building_are_one_stop() {
    let phone = Phone::signed_in().await;
    let csv = "运单号,收件人,电话,地址
SF2000000000001,甲,13811110001,杭州市西湖区文一路18号幸福花园3栋2单元501室
SF2000000000002,乙,13811110002,西湖区幸福花园4栋101
SF2000000000003,丙,13811110003,浙江省杭州市西湖区幸福花园小区三号楼1单元202（放门口）
SF2000000000004,甲,13811110001,幸福花园3-2-501
SF2000000000005,丁,,家里
";
    phone.client.tasks().import_csv(csv.as_bytes(), false).await.unwrap();
    let stops = phone.client.tasks().stops(true).await.unwrap();
    let told: Vec<_> = stops.iter().map(|s| (s.name.as_str(), s.parcels.len(), s.people)).collect();
    assert_eq!(told, [("幸福花园3栋", 3, 2), ("幸福花园4栋", 1, 1), ("家里", 1, 1)]);
    phone.client.tasks().set_state(&stops[1].parcels, ParcelState::Signed).await.unwrap();
    assert_eq!(phone.client.tasks().stops(true).await.unwrap().len(), 2);
    let all = phone.client.tasks().stops(false).await.unwrap();
    assert_eq!((all.len(), all[1].open), (3, 0));
}

#[tokio::test]
async fn a_later_list_withdraws_and_brings_back() {
    let phone = Phone::signed_in().await;
    let tasks = phone.client.tasks();
    tasks.import_csv(&list(1..=3), false).await.unwrap();
    let state = async |n: usize| {
        let id = tasks.id_of(&format!("SF{:013}", 1_000_000_000_000_u64 + n as u64)).unwrap();
        tasks.get(id).await.unwrap().state
    };
    let signed = tasks.id_of("SF1000000000003").unwrap();
    tasks.set_state(&[signed], ParcelState::Signed).await.unwrap();
    let off = "运单号,状态\nSF1000000000001,撤回\nSF1000000000003,撤回\nSF1000000000009,撤回\n".as_bytes();
    for dry_run in [true, false] {
        let report = tasks.import_csv(off, dry_run).await.unwrap();
        assert_eq!((report.withdrawn, report.created, report.unchanged), (1, 0, 2), "{report:?}");
        assert!(report.notes.iter().any(|n| n.line == 4), "who is not on the list is told: {report:?}");
    }
    assert_eq!(state(1).await, ParcelState::Withdrawn);
    assert_eq!(state(3).await, ParcelState::Signed, "what is delivered stays delivered");
    assert!(tasks.get(tasks.id_of("SF1000000000009").unwrap()).await.is_err());
    // the morning's list once more brings nothing back, one that says so does
    let again = tasks.import_csv(&list(1..=1), false).await.unwrap();
    assert_eq!((again.unchanged, again.notes.len()), (1, 1), "{again:?}");
    assert_eq!(state(1).await, ParcelState::Withdrawn);
    let mut back = String::from_utf8(list(1..=1)).unwrap().replacen('\n', ",状态\n", 1);
    back = format!("{},派送中\n", back.trim_end());
    assert_eq!(tasks.import_csv(back.as_bytes(), false).await.unwrap().updated, 1);
    assert_eq!(state(1).await, ParcelState::OutForDelivery);
    // the server makes the same of it
    phone.client.sync().now().await.unwrap();
    assert_eq!(state(1).await, ParcelState::OutForDelivery);
    assert_eq!(state(3).await, ParcelState::Signed);
}
