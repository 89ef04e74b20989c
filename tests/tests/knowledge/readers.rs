//! What readers do: keep an article among their own, and read it.

use super::{draft, found, keep, published, read, step, world};
use serde_json::{Value, json};
use waybell_domain::clock::{DAY, HOUR};
use waybell_tests::api::now_ms;

#[tokio::test]
async fn a_reader_counts_once_a_day_and_the_last_decision_counts() {
    let world = world();
    let (boss, c1, c2) = (
        world.sign_in("boss").await.unwrap(),
        world.sign_in("c1").await.unwrap(),
        world.sign_in("c2").await.unwrap(),
    );
    let id = published(&boss, "常用", json!({})).await;
    let other = published(&boss, "少用", json!({})).await;
    let views = |told: (u16, Value)| {
        assert_eq!(told.0, 200, "{}", told.1);
        told.1["views"].as_i64().unwrap()
    };
    // days are the organisation's: the middle of one, whenever the test runs
    let local = (now_ms() + 8 * HOUR).rem_euclid(DAY);
    let noon = DAY + local - 12 * HOUR;
    let rev = boss.get(&format!("/knowledge/articles/{id}")).await.unwrap()["rev"].clone();
    assert_eq!(views(read(&c1, &id, noon).await), 1);
    assert_eq!(views(read(&c1, &id, noon - HOUR).await), 1, "twice on a day");
    assert_eq!(views(read(&c1, &id, noon + DAY).await), 2, "another day, told later");
    assert_eq!(views(read(&c2, &id, noon).await), 3);
    assert_eq!(views(read(&c2, &other, noon).await), 1);
    assert_eq!(boss.get(&format!("/knowledge/articles/{id}")).await.unwrap()["rev"], rev, "it tells nobody");
    let ranking = c1.get("/knowledge/ranking?days=7").await.unwrap();
    let ranking: Vec<(&Value, &Value)> =
        ranking.as_array().unwrap().iter().map(|r| (&r["title"], &r["views"])).collect();
    assert_eq!(ranking, [(&json!("常用"), &json!(3)), (&json!("少用"), &json!(1))]);
    assert_eq!(c1.get("/knowledge/ranking?days=1").await.unwrap(), json!([]), "nobody read today");
    assert_eq!(found(&c1, "").await, ["常用", "少用"], "the most used first");

    // decisions come in any order: the latest counts
    let kept = |told: (u16, Value)| told.1["favourite"].as_bool().unwrap();
    assert!(kept(keep(&c1, &id, true, HOUR).await));
    assert!(kept(keep(&c1, &id, false, 2 * HOUR).await), "an older one that comes late");
    assert!(!kept(keep(&c1, &id, false, 0).await));
    assert!(!kept(keep(&c1, &id, true, HOUR / 2).await));
    let ahead = json!({ "favourite": true, "acted_at": { "wall": now_ms() + HOUR } });
    let path = format!("/me/knowledge/{id}/favourite");
    let told = c1.send("POST", &path, Some(&ahead), None).await.unwrap();
    assert!(kept(told), "from a clock that is ahead");
    assert_eq!(world.database.number("SELECT COUNT(*) FROM knowledge_favourite").unwrap(), 1);
    let page = c1.get("/me/knowledge").await.unwrap();
    let favourites: Vec<&Value> =
        page["articles"].as_array().unwrap().iter().map(|a| &a["favourite"]).collect();
    assert_eq!(favourites.iter().filter(|f| ***f == json!(true)).count(), 1);
    assert_eq!(page["most_used"][0], json!({ "id": id, "views": 3 }));
    let state = boss.get(&format!("/knowledge/articles/{id}")).await.unwrap();
    assert_eq!((&state["views"], &state["favourites"]), (&json!(3), &json!(1)));
    // a reading that comes after the article went is taken
    step(&boss, &id, "archive", json!({})).await;
    assert_eq!(views(read(&c1, &id, 0).await), 4);
    let never = draft(&boss, "草稿", json!({})).await;
    assert_eq!(read(&c1, &never, 0).await.0, 404);
}
