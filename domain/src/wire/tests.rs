//! One snapshot for each record that travels (`snapshots/`), and that each reads back as it was written.
//!
//! A snapshot that changes is a change that old phones or API users see. Renamed and missing fields break them; a new
//! optional field does not.

use super::*;
use crate::building::PlaceSource;
use crate::dial::batch::BatchState;
use crate::dial::outcome::CallOutcome;
use crate::dial::policy::Policy;
use crate::id::{
    AttemptId, BatchId, BranchId, ConsentId, DeviceId, ImportId, OperationId, OrganisationId, ParcelId,
    RecipientId, UserId,
};
use crate::money::Money;
use crate::parcel::{
    CallMark, ConsentSource, Deed, DeedRefusal, ExceptionReason, HandConsent, ParcelState, Payer, Proof,
    SignedBy, Size, StopRuleKind, TaskKind, parcel_id,
};
use crate::phone::PhoneNumber;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// 2026-03-02T01:00:00Z, nine in the morning in Shanghai.
const NOW: UnixMs = UnixMs(1_772_413_200_000);

fn value<T: Serialize>(record: &T) -> Value {
    serde_json::to_value(record).unwrap()
}

/// The record as it is sent, after it was read back without loss.
fn sent<T: Serialize + DeserializeOwned>(record: T) -> Value {
    let json = value(&record);
    let again: T = serde_json::from_value(json.clone()).unwrap();
    assert_eq!(value(&again), json);
    json
}

/// What `T` makes of a message with only the fields that a reader insists on.
fn read<T: Serialize + DeserializeOwned>(json: Value) -> Value {
    value(&serde_json::from_value::<T>(json).unwrap())
}

macro_rules! id {
    ($kind:ident, $n:literal) => {
        $kind::at(NOW, [$n; 10])
    };
}

fn parcel() -> ParcelId {
    parcel_id(id!(OrganisationId, 1), "SF1234567890123")
}

fn phone(text: &str) -> PhoneNumber {
    PhoneNumber::parse(text).unwrap()
}

fn user() -> UserView {
    UserView {
        id: id!(UserId, 3),
        organisation: id!(OrganisationId, 1),
        branch: Some(id!(BranchId, 2)),
        login: "li.wei".into(),
        name: "李伟".into(),
        role: Role::Courier,
    }
}

fn parcel_view() -> ParcelView {
    ParcelView {
        id: parcel(),
        waybill_no: "SF1234567890123".into(),
        kind: TaskKind::Delivery,
        state: ParcelState::OutForDelivery,
        courier: id!(UserId, 3),
        recipient_name: "王芳".into(),
        phone: Some(phone("13800001111转123")),
        more_phones: vec![phone("057188886666")],
        address: "杭州市西湖区幸福花园3幢2单元501".into(),
        estate: "幸福花园".into(),
        building: "3幢".into(),
        mark: CallMark::Answered,
        outcome: Some(CallOutcome::AnsweredFull),
        preference: Some("station".into()),
        door: None,
        sequence: 7,
        imported_at: NOW,
        rev: 42,
    }
}

fn batch_view() -> BatchView {
    BatchView {
        id: id!(BatchId, 4),
        courier: id!(UserId, 3),
        template: "arrived".into(),
        state: BatchState::Running,
        created_at: NOW,
        start_at: Some(NOW + 60_000),
        counts: BatchCounts {
            recipients: 43,
            suppressed: 13,
            waiting: 20,
            calling: 3,
            answered: 15,
            unanswered: 3,
            unknown: 1,
            cancelled: 1,
        },
        cost_minor: 310,
        reason: None,
        rev: 43,
    }
}

fn recipient_view() -> RecipientView {
    RecipientView {
        id: id!(RecipientId, 5),
        batch: id!(BatchId, 4),
        phone: phone("0571-8888 6666"),
        name: "王芳".into(),
        parcels: vec![parcel()],
        state: "waiting".into(),
        mark: CallMark::Unanswered,
        outcome: Some(CallOutcome::Busy),
        suppressed: Some("opted_out".into()),
        attempts: 1,
        next_at: Some(NOW + 300_000),
        keys: "2".into(),
        sequence: 9,
        rev: 44,
    }
}

fn template_view() -> TemplateView {
    TemplateView {
        key: "arrived".into(),
        name_zh: "到件通知".into(),
        name_en: "arrived".into(),
        text: "您有{parcels}个快件到了{places}".into(),
        withdrawn: false,
        rev: 2,
    }
}

fn policy_view() -> PolicyView {
    PolicyView {
        policy: Policy::default(),
        calls_per_second: 2.5,
        channels: 30,
        step_cost_minor: 7,
        step_seconds: 60,
        opted_out: vec!["+8613800002222".into()],
        list_columns: vec![],
        stopped: false,
        rev: 45,
    }
}

#[test]
fn acted_at() {
    insta::assert_json_snapshot!("acted_at", sent(ActedAt { wall: NOW, age_ms: Some(1_500) }));
    assert_eq!(read::<ActedAt>(json!({"wall": 5})), json!({"wall": 5}));
}

#[test]
fn login_request() {
    let record =
        LoginRequest { login: "li.wei".into(), password: "correct horse".into(), device: id!(DeviceId, 6) };
    insta::assert_json_snapshot!("login_request", sent(record));
}

#[test]
fn refresh_request() {
    insta::assert_json_snapshot!("refresh_request", sent(RefreshRequest { refresh_token: "r2.abc".into() }));
}

#[test]
fn token_pair() {
    let record = TokenPair {
        access_token: "eyJ.x.y".into(),
        access_expires_at: NOW + 900_000,
        refresh_token: "r3.def".into(),
        user: user(),
    };
    insta::assert_json_snapshot!("token_pair", sent(record));
}

#[test]
fn user_view() {
    insta::assert_json_snapshot!("user_view", sent(user()));
    assert!(value(&UserView { branch: None, ..user() }).get("branch").is_none());
    let person = PersonView { user: user(), phone: Some("+8613900000002".into()), active: false };
    let mut told = value(&person);
    assert_eq!((told["phone"].take(), told["active"].take()), (json!("+8613900000002"), json!(false)));
    let older: PersonView = serde_json::from_value(value(&user())).unwrap();
    assert_eq!(older, PersonView { user: user(), phone: None, active: true });
}

#[test]
fn every_role_has_one_word() {
    let roles = [Role::Courier, Role::Supervisor, Role::Agent, Role::TeamLeader, Role::Administrator];
    insta::assert_json_snapshot!("role", roles.map(sent));
    for role in roles {
        assert_eq!(sent(role), json!(role.as_str()));
        assert_eq!(Role::parse(role.as_str()), Some(role));
    }
}

#[test]
fn parcel_view_record() {
    insta::assert_json_snapshot!("parcel_view", sent(parcel_view()));
    let bare =
        ParcelView { phone: None, more_phones: Vec::new(), outcome: None, preference: None, ..parcel_view() };
    let json = sent(bare);
    for field in ["phone", "outcome", "preference"] {
        assert!(json.get(field).is_none(), "{field}");
    }
}

#[test]
fn imported_row() {
    let row = ImportedRow {
        line: 2,
        waybill_no: "SF1234567890123".into(),
        recipient_name: "王芳".into(),
        phone: "138-0000-1111 转 123".into(),
        more_phones: Some(vec!["+8657188886666".into()]),
        address: "幸福花园3幢2单元501".into(),
        kind: Some(TaskKind::Pickup),
        withdrawn: Some(true),
        at: Some(shanghai()),
    };
    insta::assert_json_snapshot!("imported_row", sent(row));
    let least = read::<ImportedRow>(json!({"line": 2, "waybill_no": "SF1"}));
    let full = json!({"line": 2, "waybill_no": "SF1", "recipient_name": "", "phone": "", "address": ""});
    assert_eq!(least, full);
}

#[test]
fn import_request() {
    let row = ImportedRow {
        line: 2,
        waybill_no: "SF1234567890123".into(),
        recipient_name: String::new(),
        phone: "13800001111".into(),
        more_phones: None,
        address: String::new(),
        kind: None,
        withdrawn: None,
        at: None,
    };
    let record = ImportRequest {
        rows: vec![row],
        acted_at: Some(ActedAt { wall: NOW, age_ms: None }),
        columns: None,
        first: 0,
        of: None,
    };
    insta::assert_json_snapshot!("import_request", sent(record));
    assert_eq!(read::<ImportRequest>(json!({"rows": []}))["rows"], json!([]));
}

#[test]
fn import_report() {
    let record = ImportReport {
        import: Some(id!(ImportId, 7)),
        total: 60,
        created: 50,
        updated: 4,
        unchanged: 3,
        withdrawn: 2,
        rejected: 1,
        problems: vec![row_problem()],
        notes: vec![],
        headings: vec![],
        columns: vec![],
        preview: vec![parcel_view()],
    };
    insta::assert_json_snapshot!("import_report", sent(record));
}

fn row_problem() -> RowProblem {
    RowProblem {
        line: 17,
        object: None,
        position: None,
        column: "电话".into(),
        problem: "a mobile number has 11 digits, this has 10".into(),
        hint: "correct the number and import the list again".into(),
    }
}

#[test]
fn row_problem_record() {
    insta::assert_json_snapshot!("row_problem", sent(row_problem()));
    let of_json = RowProblem { line: 1, object: Some(3), position: Some(210), ..row_problem() };
    insta::assert_json_snapshot!("row_problem_of_json", sent(of_json));
}

#[test]
fn parcel_state_request() {
    let acted_at = Some(ActedAt { wall: NOW, age_ms: Some(0) });
    let record = ParcelStateRequest { parcels: vec![parcel()], state: ParcelState::AtLocker, acted_at };
    insta::assert_json_snapshot!("parcel_state_request", sent(record));
}

#[test]
fn plan_request() {
    let record = PlanRequest { template: "arrived".into(), parcels: vec![parcel()], ahead: None };
    insta::assert_json_snapshot!("plan_request", sent(record));
}

#[test]
fn plan_view() {
    let record = PlanView {
        rings: 43,
        parcels: 60,
        merged: 4,
        suppressed: vec![reason_count()],
        details: vec![suppressed_view()],
        seconds: 540,
        cost_minor: 310,
        not_after: Some(NOW + 3_600_000),
        not_before: Some(NOW + 60_000),
        last_at: None,
        summary_zh: "呼叫43人".into(),
        summary_en: "rings 43 of 60".into(),
    };
    insta::assert_json_snapshot!("plan_view", sent(record));
}

fn reason_count() -> ReasonCount {
    ReasonCount { reason: "delivered".into(), parcels: 9 }
}

fn suppressed_view() -> SuppressedView {
    SuppressedView { parcel: parcel(), reason: "delivered".into() }
}

#[test]
fn suppression() {
    insta::assert_json_snapshot!("reason_count", sent(reason_count()));
    insta::assert_json_snapshot!("suppressed_view", sent(suppressed_view()));
}

#[test]
fn batch_request() {
    let record = BatchRequest {
        id: id!(BatchId, 4),
        template: "arrived".into(),
        parcels: vec![parcel()],
        acted_at: ActedAt { wall: NOW, age_ms: Some(900) },
        start_at: Some(NOW + 60_000),
        ahead: None,
        display_number: Some("+8657188886666".into()),
        confirmed: true,
    };
    insta::assert_json_snapshot!("batch_request", sent(record.clone()));
    let mut least = value(&record);
    for field in ["start_at", "display_number", "confirmed"] {
        least.as_object_mut().unwrap().remove(field);
    }
    assert_eq!(read::<BatchRequest>(least)["confirmed"], json!(false));
}

#[test]
fn ring_again_request() {
    let record = RingAgainRequest {
        id: id!(BatchId, 8),
        template: "arrived".into(),
        acted_at: ActedAt { wall: NOW, age_ms: None },
        include_unknown: true,
    };
    insta::assert_json_snapshot!("ring_again_request", sent(record.clone()));
    let mut least = value(&record);
    least.as_object_mut().unwrap().remove("include_unknown");
    assert_eq!(read::<RingAgainRequest>(least)["include_unknown"], json!(false));
}

#[test]
fn every_batch_action_has_one_word() {
    let actions = [BatchAction::Pause, BatchAction::Resume, BatchAction::Undo, BatchAction::Confirm];
    insta::assert_json_snapshot!("batch_action", actions.map(sent));
    for action in actions {
        assert_eq!(sent(action), json!(action.as_str()));
        assert_eq!(BatchAction::parse(action.as_str()), Some(action));
    }
}

#[test]
fn batch_view_record() {
    insta::assert_json_snapshot!("batch_view", sent(batch_view()));
    insta::assert_json_snapshot!("batch_counts", sent(batch_view().counts));
}

#[test]
fn recipient_view_record() {
    insta::assert_json_snapshot!("recipient_view", sent(recipient_view()));
}

#[test]
fn attempt_view() {
    let record = AttemptView {
        id: id!(AttemptId, 9),
        recipient: id!(RecipientId, 5),
        batch: id!(BatchId, 4),
        attempt_no: 2,
        display_number: "+8657188886666".into(),
        call_ids: vec!["main 019caaf1@waybell".into()],
        state: "ended".into(),
        outcome: Some(CallOutcome::AnsweredPartial),
        sip_status: Some(200),
        release_cause: Some(16),
        release_dir: Some("callee".into()),
        call_time: NOW,
        ring_time: Some(NOW + 800),
        start_time: Some(NOW + 4_000),
        release_time: Some(NOW + 9_000),
    };
    insta::assert_json_snapshot!("attempt_view", sent(record));
}

#[test]
fn consent_view() {
    let record = ConsentView {
        id: id!(ConsentId, 10),
        attempt: id!(AttemptId, 9),
        key: "2".into(),
        preference: "station".into(),
        at: NOW,
        parcels: vec![parcel()],
        phone: "138****0001".into(),
    };
    insta::assert_json_snapshot!("consent_view", sent(record));
}

#[test]
fn why_view() {
    let line = WhyLine { at: NOW, what: "ringing".into(), zh: "对方振铃".into(), en: "it rings".into() };
    insta::assert_json_snapshot!("why_line", sent(line.clone()));
    let record = WhyView { waybill_no: "SF1234567890123".into(), lines: vec![line] };
    insta::assert_json_snapshot!("why_view", sent(record));
}

#[test]
fn error_body() {
    let record = ErrorBody {
        code: "bad_field".into(),
        message: "parcels: at least one parcel is needed".into(),
        field: Some("parcels".into()),
        hint: Some("select a parcel".into()),
        retry_after: Some(30),
    };
    insta::assert_json_snapshot!("error_body", sent(record));
    let least = json!({"code": "not_found", "message": "there is no such parcel"});
    assert_eq!(read::<ErrorBody>(least.clone()), least);
}

#[test]
fn sync_page() {
    let record = SyncPage {
        cursor: 45,
        more: true,
        parcels: vec![parcel_view()],
        batches: vec![batch_view()],
        recipients: vec![recipient_view()],
        templates: vec![template_view()],
        policy: Some(policy_view()),
        gone_parcels: vec![parcel()],
        gone_batches: vec![id!(BatchId, 11)],
        gone_recipients: vec![id!(RecipientId, 12)],
        stop_rules: vec![stop_rule_view()],
        places: vec![place_view()],
        now: NOW,
        generation: "7c0f".into(),
    };
    insta::assert_json_snapshot!("sync_page", sent(record));
    let least = read::<SyncPage>(json!({
        "cursor": 1, "more": false, "parcels": [], "batches": [], "recipients": [], "templates": [], "now": 5
    }));
    assert_eq!((&least["gone_parcels"], &least["generation"]), (&json!([]), &json!("")));
}

fn stop_rule_view() -> StopRuleView {
    StopRuleView {
        id: id!(OperationId, 13),
        kind: StopRuleKind::Merge,
        keys: vec!["b:幸福花园/3".into(), "b:缤纷北苑/47".into()],
        by: id!(UserId, 3),
        at: NOW,
        seq: 40,
        undone: false,
        rev: 46,
    }
}

fn shanghai() -> crate::track::Place {
    crate::track::Place { lat_e7: 312_304_000, lon_e7: 1_214_737_000 }
}

fn place_view() -> PlaceView {
    PlaceView {
        key: "上海浦东新区幸福花园/3".into(),
        source: PlaceSource::Learned,
        at: shanghai(),
        within_m: 14,
        visits: 5,
        engine: None,
        by: None,
        set_at: NOW,
        gone: false,
        rev: 47,
    }
}

#[test]
fn places() {
    insta::assert_json_snapshot!("place_view", sent(place_view()));
    let acted_at = ActedAt { wall: NOW, age_ms: None };
    let keys = vec!["幸福花园/3".to_owned()];
    let request =
        PlaceRequest { id: id!(OperationId, 15), keys: keys.clone(), at: Some(shanghai()), acted_at };
    insta::assert_json_snapshot!("place_request", sent(request));
    insta::assert_json_snapshot!(
        "place_removal",
        sent(PlaceRemoval { key: keys[0].clone(), source: PlaceSource::Learned, branch: None })
    );
}

fn door_view() -> DoorView {
    DoorView {
        id: id!(OperationId, 14),
        deed: Deed::Locker {
            place: "丰巢3号柜".into(),
            code: Some("4-0815".into()),
            consent: Some(HandConsent { source: ConsentSource::Phone, note: None }),
        },
        proof: vec![Proof { sha256: "0f".repeat(32), reference: "door.jpg".into() }],
        by: id!(UserId, 3),
        at: NOW,
        by_wall_clock: true,
        before: ParcelState::OutForDelivery,
    }
}

#[test]
fn deeds() {
    let pick_up = Deed::PickUp {
        weight_g: Some(1_200),
        size: Some(Size { length: 300, width: 200, height: 100 }),
        payer: Some(Payer::Sender),
        sum: Some(Money::fen(1_250)),
    };
    let list = vec![
        Deed::Sign { by: SignedBy::Neighbour, name: Some("王".into()), cash: Some(Money::fen(9_900)) },
        Deed::Station { place: "菜鸟驿站".into(), code: None, consent: None },
        door_view().deed,
        Deed::Door { note: Some("鞋柜".into()), consent: None },
        Deed::Exception {
            reason: ExceptionReason::Postponed,
            note: Some("周末".into()),
            until: Some(NOW + 60_000),
        },
        Deed::Return { note: None },
        pick_up,
    ];
    insta::assert_json_snapshot!("deeds", sent(list));
    assert_eq!(read::<Deed>(json!({"what": "sign"})), json!({"what": "sign", "by": "recipient"}));
}

#[test]
fn deed_request_and_answer() {
    let request = DeedRequest {
        id: id!(OperationId, 14),
        parcels: vec![parcel()],
        deed: Deed::Return { note: None },
        proof: door_view().proof,
        fix: Some(DoorFix { place: shanghai(), accuracy_m: 12, age_s: 4 }),
        acted_at: ActedAt { wall: NOW, age_ms: None },
    };
    insta::assert_json_snapshot!("deed_request", sent(request));
    let undo = UndoDeedRequest {
        id: id!(OperationId, 14),
        parcels: vec![parcel()],
        after_ms: 4_000,
        acted_at: ActedAt { wall: NOW, age_ms: None },
    };
    insta::assert_json_snapshot!("undo_deed_request", sent(undo));
    let answer = DeedAnswer {
        id: id!(OperationId, 14),
        parcels: vec![ParcelView { door: Some(door_view()), ..parcel_view() }],
        refused: vec![RefusedParcel {
            parcel: parcel(),
            waybill_no: Some("SF1234567890123".into()),
            reason: DeedRefusal::NoConsent,
        }],
        undone: false,
    };
    insta::assert_json_snapshot!("deed_answer", sent(answer));
    let log = DeedLogView {
        id: id!(OperationId, 14),
        by: id!(UserId, 3),
        name: "李伟".into(),
        deed: Deed::Return { note: None },
        proof: Vec::new(),
        waybills: vec!["SF1234567890123".into()],
        at: NOW,
        by_wall_clock: false,
        wall: NOW + 1,
        received_at: NOW + 2,
        undone_at: Some(NOW + 3),
    };
    insta::assert_json_snapshot!("deed_log_view", sent(log));
}

#[test]
fn hand_over() {
    let request = HandOverRequest { to: "li.wei".into(), parcels: vec![parcel()] };
    insta::assert_json_snapshot!("hand_over_request", sent(request));
    let answer = HandOverAnswer { to: id!(UserId, 3), name: "李伟".into(), parcels: vec![parcel()] };
    insta::assert_json_snapshot!("hand_over_answer", sent(answer));
}

#[test]
fn stop_rules() {
    insta::assert_json_snapshot!("stop_rule_view", sent(stop_rule_view()));
    let acted_at = ActedAt { wall: NOW, age_ms: None };
    let request = StopRuleRequest {
        id: id!(OperationId, 13),
        kind: StopRuleKind::Split,
        keys: vec!["a:家里".into()],
        acted_at,
    };
    insta::assert_json_snapshot!("stop_rule_request", sent(request));
    let undo = StopRuleUndoRequest { id: id!(OperationId, 13), acted_at };
    insta::assert_json_snapshot!("stop_rule_undo_request", sent(undo));
}

#[test]
fn template_view_record() {
    insta::assert_json_snapshot!("template_view", sent(template_view()));
}

#[test]
fn policy_view_record() {
    insta::assert_json_snapshot!("policy_view", sent(policy_view()));
}

#[test]
fn ws_event() {
    let events = [WsEvent::Hello { rev: 40 }, WsEvent::Changed { seq: 1, rev: 45 }, WsEvent::SignedOut];
    insta::assert_json_snapshot!("ws_event", events.map(sent));
}

/// A server that is newer than the phone may send fields that the phone does not know.
#[test]
fn unknown_fields_are_ignored() {
    let mut json = value(&parcel_view());
    json["colour"] = json!("red");
    assert_eq!(read::<ParcelView>(json), value(&parcel_view()));
}
