//! Lists as they come: columns that somebody names, bad rows as a file, consent as a proof sheet, numbers that opt out.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "lists/long.rs"]
mod long;

use serde_json::{Value, json};
use std::time::Duration;
use waybell_tests::api::Api;
use waybell_tests::campaign::Campaign;
use waybell_tests::phone::Phone;
use waybell_tests::{EVERYBODY_CONSENTS, World, WorldOptions};

const ODD: &str = "单子,客人,联系,去哪\nSF1234567890123,王一,13800001111,幸福花园3栋\nSF1234567890124,李四,138,文一路18号\n";

async fn upload(api: &Api, query: &[(&str, &str)], file: &str) -> (u16, String) {
    let query = reqwest::Url::parse_with_params("http://x/", query).unwrap();
    let path = format!("/parcels/import?{}", query.query().unwrap_or_default());
    let answer = api
        .request("POST", &path)
        .header("content-type", "text/csv")
        .body(file.to_owned())
        .send()
        .await
        .unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}

#[tokio::test]
async fn objects_of_one_line_are_counted_and_named_one_by_one() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let list = r#"[{"waybill_no":"YT0000000001","phone":"138"},{"waybill_no":"YT0000000002","phone":"13800000002"},{"waybill_no":"1","phone":"139"}]"#;
    let (status, text) = upload(&courier, &[], list).await;
    let report = json_of(&text);
    assert_eq!((status, &report["created"], &report["rejected"]), (200, &json!(1), &json!(2)), "{text}");
    let places: Vec<_> =
        report["problems"].as_array().unwrap().iter().map(|p| (&p["line"], &p["object"])).collect();
    assert_eq!(places, [(&json!(1), &json!(1)), (&json!(1), &json!(3)), (&json!(1), &json!(3))], "{text}");
    assert!(report["problems"][1]["position"].as_u64().unwrap() > 90, "{text}");
}

#[tokio::test]
async fn columns_are_named_once_and_known_to_the_whole_branch() {
    let world = World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    assert_eq!(upload(&courier, &[], ODD).await.0, 422, "nothing tells which column is the waybill");
    let named = r##"{"waybill_no":"单子","phone":"联系","name":"客人","address":"#4"}"##;
    let (status, text) = upload(&courier, &[("columns", named), ("dry_run", "true")], ODD).await;
    let report = json_of(&text);
    assert_eq!(
        (status, report["created"].as_u64(), report["rejected"].as_u64()),
        (200, Some(1), Some(1)),
        "{text}"
    );
    assert_eq!(report["columns"][1], json!({ "field": "phone", "column": "联系", "source": "named" }));
    assert_eq!(courier.get("/list-columns").await.unwrap(), json!([]), "a preview confirms nothing");
    for (columns, field) in
        [("[1]", "columns"), (r#"{"fon":"x"}"#, "columns"), (r#"{"phone":"没有"}"#, "columns")]
    {
        let (status, text) = upload(&courier, &[("columns", columns)], ODD).await;
        assert_eq!((status, json_of(&text)["field"].as_str()), (422, Some(field)), "{text}");
    }

    // bad rows come back as a file
    let (status, file) = upload(&courier, &[("columns", named), ("bad_rows", "true")], ODD).await;
    assert_eq!(status, 200);
    assert!(file.contains("SF1234567890124") && !file.contains("SF1234567890123"), "{file}");
    assert_eq!(courier.get("/parcels").await.unwrap(), json!([]));

    assert_eq!(upload(&courier, &[("columns", named)], ODD).await.0, 200);
    let known = courier.get("/list-columns").await.unwrap();
    assert_eq!(known[0]["columns"]["phone"], json!("联系"), "{known}");
    // a colleague's list with this header needs no naming, on the server and on a phone that was never told
    let colleague = world.sign_in("c2").await.unwrap();
    let (status, text) = upload(&colleague, &[("dry_run", "true")], &ODD.replace("SF", "YT")).await;
    assert_eq!((status, &json_of(&text)["columns"][1]["source"]), (200, &json!("remembered")), "{text}");
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c2"]).unwrap();
    phone.must(&["sync"]).unwrap();
    let list = phone.home().join("list.csv");
    std::fs::write(&list, ODD.replace("SF", "YT")).unwrap();
    let bad = phone.home().join("bad.csv");
    let (list, bad) = (list.to_str().unwrap(), bad.to_str().unwrap());
    let said = phone.must(&["import", list, "--bad", bad]).unwrap();
    assert!(said.contains("as confirmed before") && said.contains("1 new"), "{said}");
    assert!(std::fs::read_to_string(bad).unwrap().contains("YT1234567890124"));
    // what a phone confirms is known to the branch too
    let other = phone.home().join("other.csv");
    std::fs::write(&other, "A,B\nYT9999999999999,13800007777\n").unwrap();
    phone
        .must(&["import", other.to_str().unwrap(), "--column", "waybill_no=A", "--column", "电话=B"])
        .unwrap();
    phone.must(&["sync"]).unwrap();
    assert_eq!(courier.get("/list-columns").await.unwrap().as_array().unwrap().len(), 2);
    assert!(phone.must(&["columns"]).unwrap().contains("telephone = B"));

    // forgotten by one, forgotten by all; another company never knew
    let shape = known[0]["shape"].as_str().unwrap();
    let stranger = world.sign_in("c1-Other").await.unwrap();
    assert_eq!(stranger.get("/list-columns").await.unwrap(), json!([]));
    assert_eq!(stranger.send("DELETE", &format!("/list-columns/{shape}"), None, None).await.unwrap().0, 404);
    phone.must(&["columns", "--forget", shape]).unwrap();
    assert_eq!(upload(&courier, &[("dry_run", "true")], ODD).await.0, 422);
}

#[tokio::test]
async fn consent_is_a_proof_sheet() {
    let options = WorldOptions {
        carrier: EVERYBODY_CONSENTS.into(),
        tenants: vec!["Other"],
        ..WorldOptions::default()
    };
    let campaign = Campaign::start(&options, 2).await.unwrap();
    campaign.finish(Duration::from_secs(30)).await.unwrap();
    let boss = campaign.world.sign_in("boss").await.unwrap();
    let sheet = async |api: &Api, query: &str| {
        let answer = api.request("GET", &format!("/consents/export{query}")).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let (status, text) = sheet(&boss, "?lang=en").await;
    assert_eq!(status, 200);
    let lines: Vec<&str> = text.trim_end().lines().collect();
    assert!(lines[0].starts_with("\u{feff}time,source,key,choice,number"), "{text}");
    assert_eq!(lines.len(), 3, "{text}");
    for line in &lines[1..] {
        for part in ["key press,2,station or locker,13800000", "YT0000800000", "韵达快递"] {
            assert!(line.contains(part), "{part}: {line}");
        }
        let version =
            line.split(',').any(|cell| cell.len() == 16 && cell.bytes().all(|b| b.is_ascii_hexdigit()));
        assert!(version, "the version of the wording: {line}");
        // the key came two seconds after the answer: the sentence was begun, and not heard to its end
        assert_eq!((line.matches('⟦').count(), line.matches('⟧').count()), (1, 1), "{line}");
    }
    let number =
        campaign.courier.get("/sync").await.unwrap()["recipients"][0]["phone"].as_str().unwrap().to_owned();
    let (_, one) = sheet(&boss, &format!("?phone={}", number.replace('+', "%2B"))).await;
    assert_eq!(one.trim_end().lines().count(), 2, "{one}");
    let waybill =
        campaign.courier.get("/parcels").await.unwrap()[0]["waybill_no"].as_str().unwrap().to_owned();
    assert_eq!(sheet(&boss, &format!("?waybill_no={waybill}")).await.1.trim_end().lines().count(), 2);
    for none in ["?from=9000000000000", "?to=5", "?preference=door"] {
        assert_eq!(sheet(&boss, none).await.1.trim_end().lines().count(), 1, "{none}");
    }
    let (_, page) = sheet(&boss, "?format=html").await;
    assert!(page.contains("收件人同意记录") && page.contains(&waybill), "{page}");
    assert_eq!(sheet(&boss, "?format=pdf").await.0, 422);
    assert_eq!(sheet(&boss, "?phone=x").await.0, 422);
    assert_eq!(sheet(&campaign.courier, "").await.0, 403);
    let stranger = campaign.world.sign_in("boss-Other").await.unwrap();
    assert_eq!(sheet(&stranger, "").await.1.trim_end().lines().count(), 1, "only the own organisation's");
    let made = "SELECT COUNT(*) FROM audit WHERE action = 'export_consents'";
    let count = campaign.world.database.number(made).unwrap();
    assert_eq!(count, 8, "each sheet that was made is on record");
}

#[tokio::test]
async fn numbers_opt_out_by_list() {
    let world = World::start(&WorldOptions { tenants: vec!["Other"], ..WorldOptions::default() }).unwrap();
    let boss = world.sign_in("boss").await.unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let list = waybell_tests::list::rows(3, 800_000_000);
    let parcels = courier.import(&list).await.unwrap();
    let numbers = format!(
        "姓名,手机\n甲,{}\n乙,{}\n丙,138\n",
        list[0]["phone"].as_str().unwrap(),
        list[1]["phone"].as_str().unwrap()
    );
    let send = async |api: &Api, query: &str, file: &str| {
        let request = api.request("POST", &format!("/opt-outs/import{query}")).body(file.to_owned());
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), answer.json::<Value>().await.unwrap())
    };
    assert_eq!(send(&courier, "", &numbers).await.0, 403);
    let (status, report) = send(&boss, "?dry_run=true", &numbers).await;
    assert_eq!(
        (status, report["added"].as_u64(), report["rejected"].as_u64()),
        (200, Some(2), Some(1)),
        "{report}"
    );
    assert_eq!(report["problems"][0]["line"], json!(4));
    assert_eq!(boss.get("/opt-outs").await.unwrap(), json!([]));
    assert_eq!(send(&boss, "", &numbers).await.1["added"], json!(2));
    assert_eq!(send(&boss, "", &numbers).await.1["known"], json!(2), "twice is once");
    assert_eq!(send(&boss, "", "a,b\n").await.0, 422);
    assert!(boss.get("/opt-outs").await.unwrap().as_array().unwrap().iter().all(|o| o["source"] == "list"));
    let plan = courier.post("/plans", &json!({ "template": "arrived", "parcels": parcels })).await.unwrap();
    assert_eq!(
        (plan["rings"].as_u64(), &plan["suppressed"][0]["reason"]),
        (Some(1), &json!("opted_out")),
        "{plan}"
    );
    // it is this organisation's list
    let stranger = world.sign_in("boss-Other").await.unwrap();
    assert_eq!(stranger.get("/opt-outs").await.unwrap(), json!([]));

    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "boss"]).unwrap();
    phone.must(&["opt-outs", "--add", "13800009999"]).unwrap();
    assert!(phone.must(&["opt-outs", "--full"]).unwrap().contains("13800009999"));
    assert!(phone.must(&["opt-outs"]).unwrap().contains("138****9999"));
    assert!(!phone.must(&["opt-outs", "--json"]).unwrap().contains("13800009999"));
    phone.must(&["opt-outs", "--remove", "13800009999"]).unwrap();
    assert_eq!(boss.get("/opt-outs").await.unwrap().as_array().unwrap().len(), 2);
    let file = phone.home().join("numbers.txt");
    std::fs::write(&file, "13800008888\n").unwrap();
    assert!(phone.must(&["opt-outs", "--import", file.to_str().unwrap()]).unwrap().contains("1 new"));
    let sheet = phone.home().join("proof.html");
    phone.must(&["consents", sheet.to_str().unwrap(), "--from", "2026-01-01"]).unwrap();
    assert!(std::fs::read_to_string(&sheet).unwrap().contains("Consent of recipients"));
}

#[tokio::test]
async fn a_later_list_withdraws_and_nobody_is_rung_for_it() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let (courier, colleague) = (world.sign_in("c1").await.unwrap(), world.sign_in("c2").await.unwrap());
    let taken = async |api: &Api, file: &str| {
        let (status, text) = upload(api, &[], file).await;
        assert_eq!(status, 200, "{text}");
        json_of(&text)
    };
    let row = |n: u32, state: &str| format!("SF{:013},1380000{n:04},幸福花园{n}幢101,{state}\n", 4_000 + n);
    let list = |rows: &[String]| format!("运单号,电话,地址,状态\n{}", rows.concat());
    let day = list(&[row(1, "派送中"), row(2, ""), row(3, "派送中"), row(4, "已签收")]);
    let report = taken(&courier, &day).await;
    assert_eq!((&report["created"], &report["notes"][0]["line"]), (&json!(3), &json!(5)), "{report}");
    let of = async |api: &Api, n: u32| {
        let parcels = api.get("/parcels").await.unwrap();
        let waybill = format!("SF{:013}", 4_000 + n);
        parcels.as_array().unwrap().iter().find(|p| p["waybill_no"] == json!(waybill)).cloned()
    };
    let id = of(&courier, 3).await.unwrap()["id"].clone();
    courier.post("/parcels/state", &json!({ "parcels": [id], "state": "signed" })).await.unwrap();

    // of a later list: one withdrawn, one delivered meanwhile, one unknown
    let later = list(&[row(1, "已撤回"), row(3, "取消"), row(9, "作废")]);
    assert_eq!(json_of(&upload(&courier, &[("dry_run", "true")], &later).await.1)["withdrawn"], json!(1));
    // a colleague's list takes nothing off this one
    let report = taken(&colleague, &later).await;
    assert_eq!((&report["unchanged"], report["notes"].as_array().unwrap().len()), (&json!(3), 3), "{report}");
    assert_eq!(of(&courier, 1).await.unwrap()["state"], json!("out_for_delivery"));
    let report = taken(&courier, &later).await;
    assert_eq!((&report["withdrawn"], &report["unchanged"]), (&json!(1), &json!(2)), "{report}");
    assert_eq!(report.get("created"), Some(&json!(0)));
    assert_eq!(of(&courier, 3).await.unwrap()["state"], json!("signed"));
    assert!(taken(&courier, &later).await.get("withdrawn").is_none(), "nothing is left to withdraw");

    let ids: Vec<Value> =
        [of(&courier, 1).await.unwrap(), of(&courier, 2).await.unwrap()].map(|p| p["id"].clone()).into();
    let plan = courier.post("/plans", &json!({ "template": "arrived", "parcels": ids })).await.unwrap();
    assert_eq!(
        (&plan["rings"], &plan["suppressed"][0]["reason"]),
        (&json!(1), &json!("withdrawn")),
        "{plan}"
    );

    // the same list without the column brings nothing back; one that says so does, on the phone too
    let bare = day.lines().map(|l| format!("{}\n", l.rsplit_once(',').unwrap().0)).collect::<String>();
    let report = taken(&courier, &bare.lines().take(2).map(|l| format!("{l}\n")).collect::<String>()).await;
    assert_eq!((&report["unchanged"], &report["notes"][0]["line"]), (&json!(1), &json!(2)), "{report}");
    assert_eq!(of(&courier, 1).await.unwrap()["state"], json!("withdrawn"));
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    let file = phone.home().join("day.csv");
    std::fs::write(&file, list(&[row(1, "派送中"), row(2, "已取消")])).unwrap();
    let said = phone.must(&["import", file.to_str().unwrap()]).unwrap();
    assert!(said.contains("1 changed") && said.contains("1 withdrawn"), "{said}");
    assert_eq!(of(&courier, 1).await.unwrap()["state"], json!("out_for_delivery"));
    assert_eq!(of(&courier, 2).await.unwrap()["state"], json!("withdrawn"));
    let why = courier.get(&format!("/parcels/SF{:013}/why", 4_001)).await.unwrap();
    let told: Vec<&str> =
        why["lines"].as_array().unwrap().iter().filter_map(|l| l["what"].as_str()).collect();
    assert_eq!(told, ["imported", "withdrawn", "brought_back"], "{why}");

    // what a list does not say stays
    let bare = format!("运单号,状态\n{},派送中\n", format_args!("SF{:013}", 4_002));
    assert_eq!(taken(&courier, &bare).await["updated"], json!(1));
    let back = of(&courier, 2).await.unwrap();
    assert_eq!(
        (&back["state"], &back["phone"]),
        (&json!("out_for_delivery"), &json!("+8613800000002")),
        "{back}"
    );
    assert_eq!(back["address"], json!("幸福花园2幢101"));
}

#[tokio::test]
async fn further_numbers_of_a_cell_and_of_a_column_are_kept_and_not_rung() {
    let world = World::start(&WorldOptions::default()).unwrap();
    let courier = world.sign_in("c1").await.unwrap();
    let list = "运单号,手机,电话,地址\n\
        SF0000000005001,0571-88886661/13800005001 转 12,,幸福花园1幢101\n\
        SF0000000005002,13800005002,0571-88886662;13800005002,幸福花园2幢101\n\
        SF0000000005003,13800005003,,幸福花园3幢101\n";
    let numbers = async |waybill: &str| {
        let parcels = courier.get("/parcels").await.unwrap();
        let all = parcels.as_array().unwrap().clone();
        let found = all.into_iter().find(|p| p["waybill_no"] == json!(waybill)).unwrap();
        (found["phone"].clone(), found["more_phones"].clone())
    };
    // on the phone before a server knows of it, and on the server
    let phone = Phone::new(&world.server.url).unwrap();
    phone.must(&["login", "c1"]).unwrap();
    let file = phone.home().join("day.csv");
    std::fs::write(&file, list).unwrap();
    phone.must(&["import", file.to_str().unwrap()]).unwrap();
    let hidden = phone.must(&["tasks", "--json"]).unwrap();
    assert!(!hidden.contains("8888666") && !hidden.contains("13800005"), "masked unless asked: {hidden}");
    let shown = json_of(&phone.must(&["tasks", "--json", "--full"]).unwrap());
    let shown = shown.as_array().or(shown["parcels"].as_array()).unwrap();
    for (waybill, first, more) in [
        ("SF0000000005001", "+8613800005001;ext=12", json!(["+8657188886661"])),
        ("SF0000000005002", "+8613800005002", json!(["+8657188886662"])),
        ("SF0000000005003", "+8613800005003", Value::Null),
    ] {
        assert_eq!(numbers(waybill).await, (json!(first), more.clone()), "{waybill}");
        let own = shown.iter().find(|p| p["waybill_no"] == json!(waybill)).unwrap();
        assert_eq!((&own["phone"], &own["more_phones"]), (&json!(first), &more), "{own}");
    }
    // a courier who has only the caller's last digits finds the parcel
    let found = json_of(&phone.must(&["search", "8886662", "--json"]).unwrap());
    let hits = found.as_array().or(found["parcels"].as_array()).or(found["hits"].as_array());
    assert_eq!(hits.unwrap().len(), 1, "{found}");
    let found = courier.get("/parcels?search=88886661").await.unwrap();
    assert_eq!(found.as_array().unwrap().len(), 1, "{found}");
    // taken once more it is the same list; a list with one number takes the others away, one without a number does not
    let again = json_of(&upload(&courier, &[], list).await.1);
    assert_eq!(again["unchanged"], json!(3), "{again}");
    upload(&courier, &[], "运单号,状态\nSF0000000005001,派送中\n").await;
    assert_eq!(numbers("SF0000000005001").await.1, json!(["+8657188886661"]));
    upload(&courier, &[], "运单号,手机\nSF0000000005001,13800005001 转 12\n").await;
    assert_eq!(numbers("SF0000000005001").await, (json!("+8613800005001;ext=12"), Value::Null));
    // and only the first of each is rung
    let parcels = courier.get("/parcels").await.unwrap();
    let ids: Vec<&Value> = parcels.as_array().unwrap().iter().map(|p| &p["id"]).collect();
    let plan = courier.post("/plans", &json!({ "template": "arrived", "parcels": ids })).await.unwrap();
    assert_eq!(plan["rings"], json!(3), "{plan}");
    // an app of before this sends the first numbers alone: nothing is lost while they are the same
    let old = json!([{ "line": 2, "waybill_no": "SF0000000005002", "phone": "13800005002" }]);
    let report = courier.post("/parcels/import", &json!({ "rows": old })).await.unwrap();
    assert_eq!(report["unchanged"], json!(1), "{report}");
    assert_eq!(numbers("SF0000000005002").await.1, json!(["+8657188886662"]));
    let other = json!([{ "line": 2, "waybill_no": "SF0000000005002", "phone": "13800005009" }]);
    courier.post("/parcels/import", &json!({ "rows": other })).await.unwrap();
    assert_eq!(numbers("SF0000000005002").await, (json!("+8613800005009"), Value::Null), "somebody else's");
}
