//! Pictures: what is kept of one, who gets it, and how.

use super::phone::Phone;
use super::{person, published, second_branch, world};
use serde_json::{Value, json};
use waybell_domain::id::PictureId;
use waybell_tests::api::Api;

/// Where it was taken.
const SECRET: &[u8] = b"39.9042N 116.4074E";

fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len() + 2).unwrap();
    [&[0xff, marker][..], &length.to_be_bytes(), body].concat()
}

/// A photo as a telephone takes it, on its side.
pub(super) fn photo() -> Vec<u8> {
    let exif =
        [b"Exif\0\0MM\0\x2a\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0", SECRET].concat();
    let frame = segment(0xc0, &[8, 0, 48, 0, 64, 1, 1, 0x11, 0]);
    let scan = [segment(0xda, &[1, 1, 0, 0, 63, 0]), vec![1, 2, 3]].concat();
    [vec![0xff, 0xd8], segment(0xe1, &exif), frame, scan, vec![0xff, 0xd9], SECRET.to_vec()].concat()
}

async fn upload(api: &Api, bytes: Vec<u8>, query: &str) -> (u16, Value) {
    let path = format!("/knowledge/pictures{query}");
    let answer = api.request("POST", &path).body(bytes).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

#[tokio::test]
async fn a_picture_says_nothing_of_where_it_was_taken_and_is_looked_at_in_a_cellar() {
    let mut world = world();
    let boss = world.sign_in("boss").await.unwrap();
    let (status, picture) = upload(&boss, photo(), "").await;
    assert_eq!((status, &picture["kind"]), (201, &json!("jpeg")), "{picture}");
    assert_eq!((&picture["width"], &picture["height"]), (&json!(48), &json!(64)), "as it is shown");
    assert_eq!(upload(&boss, photo(), "").await.1, picture, "the same one");
    let id: PictureId = picture["id"].as_str().unwrap().parse().unwrap();
    for (bytes, problem) in [
        (b"<svg onload=x()>".to_vec(), "JPEG"),
        (photo()[..80].to_vec(), "breaks off"),
        (vec![0xff; 6 << 20], "5 MB"),
    ] {
        let (status, told) = upload(&boss, bytes, "").await;
        assert_eq!((status, &told["field"]), (422, &json!("picture")), "{told}");
        assert!(told["message"].as_str().unwrap().contains(problem), "{told}");
    }
    let c1 = world.sign_in("c1").await.unwrap();
    assert_eq!(upload(&c1, photo(), "").await.0, 403);
    let answer = c1.request("GET", &format!("/knowledge/pictures/{id}")).send().await.unwrap();
    let head = |name: &str| answer.headers()[name].to_str().unwrap().to_owned();
    assert_eq!(
        (head("content-type"), head("x-content-type-options")),
        ("image/jpeg".into(), "nosniff".into())
    );
    assert_eq!(head("content-security-policy"), "default-src 'none'; sandbox");
    assert!(head("content-disposition").ends_with(".jpg\"") && head("cache-control").contains("private"));
    let tag = head("etag");
    let bytes = answer.bytes().await.unwrap();
    assert!(!bytes.windows(SECRET.len()).any(|w| w == SECRET) && bytes.len() < photo().len());
    let again = c1.request("GET", &format!("/knowledge/pictures/{id}")).header("if-none-match", tag);
    assert_eq!(again.send().await.unwrap().status(), 304);

    published(&boss, "样子", json!({ "body": format!("看图：\n\n![样子](picture:{id})") })).await;
    let phone = Phone::signed_in(&world.server.url, "c1", 0).await;
    phone.client.sync().now().await.unwrap();
    let knowledge = phone.client.knowledge();
    let article = &knowledge.search("yangzi", 9).await.unwrap()[0].article;
    assert_eq!(waybell_core::knowledge::pictures::shown_in(&article.view.body), [id]);
    assert_eq!(knowledge.picture(id).await.unwrap().bytes, bytes);
    world.kill().unwrap();
    assert_eq!(knowledge.picture(id).await.unwrap().bytes, bytes, "it is here");
    let file = std::fs::read(phone.home.path().join("waybell.db")).unwrap();
    let wal = std::fs::read(phone.home.path().join("waybell.db-wal")).unwrap_or_default();
    for kept in [file, wal] {
        assert!(!kept.windows(bytes.len()).any(|w| w == bytes), "sealed");
    }
    phone.client.session().logout().await.unwrap();
    assert!(knowledge.picture(id).await.is_err());
}

#[tokio::test]
async fn a_picture_of_a_branch_is_that_branch_s() {
    let world = world();
    let boss = world.sign_in("boss").await.unwrap();
    person(&boss, "n1", "courier").await;
    let north = second_branch(&world, &["n1"]);
    let (_, picture) = upload(&boss, photo(), &format!("?branch={north}")).await;
    let id = picture["id"].as_str().unwrap();
    let status = async |login: &str| {
        let who = world.sign_in(login).await.unwrap();
        who.send("GET", &format!("/knowledge/pictures/{id}"), None, None).await.map_or(200, |told| told.0)
    };
    assert_eq!((status("c1").await, status("c1-Other").await, status("boss-Other").await), (404, 404, 404));
    let n1 = world.sign_in("n1").await.unwrap();
    let answer = n1.request("GET", &format!("/knowledge/pictures/{id}")).send().await.unwrap();
    assert_eq!(answer.status(), 200);
    // a text for everybody cannot show it, one for the branch can
    let body = format!("![x](picture:{id})");
    let text = json!({ "id": super::new_id(), "title": "x", "body": body });
    let (status, told) = boss.send("POST", "/knowledge/articles", Some(&text), None).await.unwrap();
    assert_eq!((status, &told["field"]), (422, &json!("body")), "{told}");
    published(&boss, "x", json!({ "body": body, "branch": north })).await;
}
