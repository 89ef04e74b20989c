//! Whom a token belongs to, and when it goes.

use super::super::house::House;
use super::super::outgoing::COURIER;
use super::vendors::{Seen, Trouble, Vendors};
use super::{IPHONE, all_over, house, nothing_is_told, registers};
use serde_json::{Value, json};
use waybell_tests::api::Api;

/// The customer rings, and the mobile of who is on duty; the call ends.
fn mobile_rings(house: &House) {
    let mut customer = house.customer_rings();
    let mut mobile = house.exchange.rung();
    assert_eq!(mobile.number(), COURIER);
    mobile.picks_up();
    mobile.press('1');
    assert_eq!(customer.final_answer(), 200);
    customer.hangs_up();
    mobile.is_hung_up_on();
    all_over(house);
}

fn send(house: &House, api: &Api, method: &str, body: Option<&Value>) -> (u16, Value) {
    house.runtime.block_on(api.send(method, "/me/push-token", body, None)).unwrap()
}

#[test]
fn a_token_that_its_vendor_does_not_know_is_removed_and_the_mobile_rings_at_once() {
    let vendors = Vendors::start();
    let house = house(&vendors, json!({ "app_first_ms": 60_000, "caller_calls_a_minute": 100 }));
    let api = house.sign_in("c1");
    let of_fcm = |code: &str| json!({ "@type": "type.googleapis.com/google.firebase.fcm.v1.FcmError", "errorCode": code });
    let gone: [(&str, &str, u16, Value); 6] = [
        (
            "fcm",
            "fcm:gone",
            404,
            json!({ "error": { "status": "NOT_FOUND", "details": [of_fcm("UNREGISTERED")] } }),
        ),
        ("apns", IPHONE, 410, json!({ "reason": "Unregistered" })),
        ("huawei", "IQAAAAgone", 200, json!({ "code": "80300007", "msg": "all the tokens are invalid" })),
        (
            "xiaomi",
            "gone/of=mi",
            200,
            json!({ "result": "error", "code": 20_301, "reason": "No valid targets!" }),
        ),
        ("oppo", "CN_gone", 200, json!({ "code": 10_000, "message": "Invalid registration_id" })),
        ("vivo", "171gone", 200, json!({ "result": 10_302, "desc": "regId不合法" })),
    ];
    for (vendor, token, status, answer) in gone {
        registers(&house, &api, vendor, token);
        vendors.trouble(vendor, [Trouble::Answer(status, answer)]);
        let before = vendors.look(|s| s.asked.get(vendor).copied().unwrap_or(0));
        mobile_rings(&house);
        // the second time nobody is asked
        mobile_rings(&house);
        assert_eq!(vendors.look(|s| s.asked[vendor]), before + 1, "{vendor}");
    }
    assert!(vendors.pushed().is_empty());

    // Apple says when it learnt of it: a phone that has registered since then keeps its token
    registers(&house, &api, "apns", IPHONE);
    let long_ago = json!({ "reason": "Unregistered", "timestamp": 1_600_000_000_000_i64 });
    vendors.trouble("apns", [Trouble::Answer(410, long_ago)]);
    mobile_rings(&house);
    let mut customer = house.customer_rings();
    vendors.push(IPHONE, "call");
    customer.cancel();
    nothing_is_told(
        &house,
        &vendors,
        &["fcm:gone", IPHONE, "IQAAAAgone", "gone/of=mi", "CN_gone", "171gone"],
    );
}

#[test]
fn a_phone_rings_for_the_last_person_who_signed_in_on_it_and_for_nobody_after_signing_out() {
    let vendors = Vendors::start();
    let house =
        house(&vendors, json!({ "app_first_ms": 60_000, "voicemail": false, "caller_calls_a_minute": 100 }));
    let (c1, c2) = (house.sign_in("c1"), house.sign_in("c2"));
    registers(&house, &c1, "fcm", "fcm:phone");
    // handed to a colleague, who signs in on it
    registers(&house, &c2, "fcm", "fcm:phone");
    mobile_rings(&house);
    assert!(vendors.pushed().is_empty(), "nobody is woken for the former");
    // and back
    registers(&house, &c1, "fcm", "fcm:phone");
    // the token of a sign-in is replaced
    registers(&house, &c1, "fcm", "fcm:fresh");
    let mut customer = house.customer_rings();
    vendors.push("fcm:fresh", "call");
    customer.cancel();
    vendors.push("fcm:fresh", "cancel");
    all_over(&house);
    let other = house.sign_in("c1");
    registers(&house, &other, "oppo", "CN_second");
    let mut customer = house.customer_rings();
    let count = |s: &Seen, token: &str| {
        s.pushed.iter().filter(|p| p.token == token && p.notice["kind"] == "call").count()
    };
    vendors.until("both phones of theirs are woken", |s| {
        (count(s, "fcm:fresh") == 2 && count(s, "CN_second") == 1).then_some(())
    });
    customer.cancel();
    all_over(&house);
    let calls = |token: &str| vendors.look(|s| count(s, token));
    assert!(vendors.pushed().iter().all(|p| p.token != "fcm:phone"));

    // taken back, signed out, shut out
    assert_eq!(send(&house, &other, "DELETE", None).0, 204);
    assert_eq!(send(&house, &other, "DELETE", None).0, 204, "again is harmless");
    assert_eq!(house.runtime.block_on(c1.send("POST", "/auth/logout", None, None)).unwrap().0, 204);
    let (fresh, second) = (calls("fcm:fresh"), calls("CN_second"));
    mobile_rings(&house);
    assert_eq!((calls("fcm:fresh"), calls("CN_second")), (fresh, second));
    registers(&house, &other, "oppo", "CN_second");
    house.ask("PATCH", &format!("/people/{}", house.c1), json!({ "password": "another password" }));
    mobile_rings(&house);
    assert_eq!(calls("CN_second"), second);
}

#[test]
fn what_is_no_token_is_named() {
    let vendors = Vendors::start();
    let house = house(&vendors, json!({}));
    let api = house.sign_in("c1");
    for (body, field) in [
        (json!({ "vendor": "nokia", "token": "t" }), "vendor"),
        (json!({ "vendor": "fcm" }), "token"),
        (json!({ "vendor": "fcm", "token": " " }), "token"),
        (json!({ "vendor": "fcm", "token": "a b" }), "token"),
        (json!({ "vendor": "fcm", "token": "x".repeat(513) }), "token"),
        (json!({ "vendor": "fcm", "token": "t", "app_version": "x".repeat(65) }), "app_version"),
    ] {
        let (status, answer) = send(&house, &api, "PUT", Some(&body));
        assert!(status == 422 || status == 400, "{body}: {status} {answer}");
        assert!(answer.to_string().contains(field), "{body}: {answer}");
    }
}
