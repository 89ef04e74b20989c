use super::*;
use serde::de::DeserializeOwned;

const NOW: UnixMs = UnixMs(1_772_413_200_000);

fn round<T: Serialize + DeserializeOwned + PartialEq + std::fmt::Debug>(record: &T) -> serde_json::Value {
    let json = serde_json::to_value(record).unwrap();
    assert_eq!(&serde_json::from_value::<T>(json.clone()).unwrap(), record);
    json
}

fn article() -> ArticleId {
    ArticleId::at(NOW, [1; 10])
}

fn folder() -> FolderId {
    FolderId::at(NOW, [2; 10])
}

fn acted() -> ActedAt {
    ActedAt { wall: NOW, age_ms: Some(9) }
}

fn state() -> ArticleState {
    ArticleState {
        id: article(),
        version: 3,
        stage: Stage::Review,
        published: Some(2),
        title: "易碎件怎么赔".into(),
        tags: vec!["赔付".into()],
        folder: Some(folder()),
        branch: None,
        written_by: UserId::at(NOW, [3; 10]),
        written_by_name: "陈主管".into(),
        written_at: NOW,
        note: Some("请写明时限".into()),
        views: 12,
        favourites: 3,
        rev: 8,
    }
}

#[test]
fn what_editors_send() {
    let change = FolderChange { name: Some("赔付".into()), parent: Some(folder()), top: false };
    let sent = serde_json::json!([
        round(&FolderRequest { id: folder(), name: "理赔".into(), parent: None, branch: None }),
        round(&change),
        round(&ArticleFile { format: ArticleFormat::Html, text: "<h1>a</h1>".into() }),
        round(&ArticleRequest {
            id: article(),
            title: "易碎件怎么赔".into(),
            tags: vec!["赔付".into()],
            body: "先拍照。".into(),
            folder: Some(folder()),
            branch: Some(BranchId::at(NOW, [4; 10])),
        }),
        round(&ArticleChange {
            body: Some("拍照。".into()),
            top: true,
            seen: Some(7),
            ..ArticleChange::default()
        }),
        round(&VersionRequest { version: 2, note: Some("请写明时限".into()) }),
    ]);
    insta::assert_json_snapshot!("knowledge_sent_by_editors", sent);
    let short = serde_json::json!({ "id": article(), "title": "a", "body": "b" });
    let short: ArticleRequest = serde_json::from_value(short).unwrap();
    assert!(short.tags.is_empty() && short.folder.is_none() && short.branch.is_none());
    assert_eq!(
        serde_json::from_str::<ArticleFile>(r#"{"text":"a"}"#).unwrap().format,
        ArticleFormat::Markdown
    );
}

#[test]
fn what_editors_see() {
    let version = ArticleVersion {
        version: 2,
        title: "易碎件怎么赔".into(),
        tags: vec!["赔付".into()],
        by: UserId::at(NOW, [3; 10]),
        by_name: "陈主管".into(),
        at: NOW,
        approved_by_name: Some("王总".into()),
        approved_at: Some(NOW + 9),
        note: None,
    };
    let picture = PictureView {
        id: PictureId::at(NOW, [5; 10]),
        kind: PictureKind::Jpeg,
        width: 640,
        height: 480,
        bytes: 9,
    };
    let seen = serde_json::json!([
        round(&ArticleDetail { state: state(), body: "先拍照。".into(), versions: vec![version] }),
        round(&DiffLine { kind: DiffKind::Added, text: "拍照。".into() }),
        round(&picture),
        round(&ArticleRead {
            title: Some("易碎件".into()),
            tags: vec!["赔付".into()],
            folder: Some("理赔/破损".into()),
            body: "先拍照。".into(),
            pictures: vec!["a.png".into()],
            left_out: vec!["script".into()],
        }),
        round(&ArticleRanked { id: article(), title: "易碎件怎么赔".into(), views: 12 }),
        round(&ArticleFound {
            id: article(),
            title: "易碎件怎么赔".into(),
            path: "理赔/破损".into(),
            line: "先拍照。".into(),
        }),
    ]);
    insta::assert_json_snapshot!("knowledge_seen_by_editors", seen);
}

#[test]
fn what_phones_get_and_send() {
    let view = ArticleView {
        id: article(),
        version: 2,
        title: "易碎件怎么赔".into(),
        tags: vec!["赔付".into()],
        body: "先拍照。".into(),
        folder: Some(folder()),
        branch: Some(BranchId::at(NOW, [4; 10])),
        written_by_name: "陈主管".into(),
        published_at: NOW,
        favourite: true,
        rev: 8,
    };
    round(&view);
    let page = KnowledgePage {
        cursor: 8,
        more: false,
        folders: vec![FolderView { id: folder(), name: "理赔".into(), parent: None, branch: None, rev: 6 }],
        gone_folders: vec![FolderId::at(NOW, [6; 10])],
        articles: vec![view],
        gone: vec![ArticleId::at(NOW, [7; 10])],
        most_used: vec![ArticleUse { id: article(), views: 12 }],
        generation: "g".into(),
    };
    let mut json = serde_json::to_value(&page).unwrap();
    let sent = serde_json::json!([
        json,
        round(&FavouriteRequest { favourite: true, acted_at: acted() }),
        round(&ReadRequest { acted_at: acted() }),
    ]);
    insta::assert_json_snapshot!("knowledge_of_phones", sent);
    json["articles"].as_array_mut().unwrap().push(serde_json::json!({ "id": "tomorrow" }));
    let read: KnowledgePage = serde_json::from_value(json).unwrap();
    assert_eq!(read.articles.len(), 1, "an article of a later version");
}
