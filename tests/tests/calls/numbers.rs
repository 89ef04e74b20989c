//! A customer with several telephones.

use super::house::{CUSTOMER, House};
use serde_json::json;

#[test]
fn who_rings_from_the_second_number_of_a_parcel_is_known() {
    let house = House::new(json!({ "ring_ms": 2_000, "total_ms": 30_000, "voicemail": false }));
    house.on_duty(&house.c1, "duty");
    let c2 = house.sign_in("c2");
    let row = |phone: &str, more: &[&str]| {
        json!([{ "line": 2, "waybill_no": "YT2000000000077", "recipient_name": "王芳", "phone": phone,
            "more_phones": more, "address": "上海市浦东新区幸福花园3号楼101" }])
    };
    let imports = |row: serde_json::Value| {
        house.runtime.block_on(c2.import(row.as_array().unwrap())).unwrap();
    };
    let rings_first = |who: &str, why: &str| {
        let mut customer = house.customer_rings();
        let mut rung = house.exchange.rung();
        assert_eq!(rung.number(), who, "{why}");
        customer.cancel();
        rung.is_cancelled();
    };
    imports(row("13811110000", &["057188886666", CUSTOMER]));
    rings_first("13900000002", "the parcel names the number third");
    imports(row(&format!("13811110000/{CUSTOMER}"), &[]));
    rings_first("13900000002", "it stands second in the cell");
    // what they are told of the call is the parcel, too
    let waybills = house.until("the call tells the parcel", || {
        let calls = house.runtime.block_on(c2.get("/calls")).unwrap();
        let call = calls.as_array().unwrap().first()?.clone();
        (!call["waybills"].as_array()?.is_empty()).then(|| call["waybills"].clone())
    });
    assert_eq!(waybills, json!(["YT2000000000077"]));
    imports(row("13811110000", &[]));
    rings_first("13900000001", "a later list has the number no more, and the area's courier is on duty");
}
