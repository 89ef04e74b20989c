use super::*;
use crate::id::UserId;
use crate::track::Place;
use crate::track::coordinates::{Datum, Degrees, convert};
use proptest::prelude::*;

fn door() -> Place {
    Place::of_degrees(31.2304, 121.4737).unwrap()
}

fn seen(n: usize, at: Place, accuracy: u16) -> Seen {
    Seen { at, accuracy, age_s: 5, by: UserId::from_uuid(uuid::Uuid::from_u128(n as u128)), day: n as i64 }
}

proptest! {
    #[test]
    fn a_third_of_gross_outliers_does_not_move_it(
        good in prop::collection::vec((-15.0f64..15.0, -15.0f64..15.0, 5u16..60), 2..30),
        bad in prop::collection::vec((150.0f64..20_000.0, 0.0f64..std::f64::consts::TAU, 1u16..60), 0..15),
        together in any::<bool>(),
    ) {
        let mut all: Vec<Seen> = good.iter().enumerate()
            .map(|(n, (x, y, a))| seen(n, door().moved(*x, *y), *a)).collect();
        // at most a third of all, at one place or at many
        for (n, (far, way, a)) in bad.iter().take(good.len() / 2).enumerate() {
            let (far, way) = if together { (bad[0].0, bad[0].1) } else { (*far, *way) };
            all.push(seen(100 + n, door().moved(far * way.cos(), far * way.sin()), *a));
        }
        let learned = learn(&all).unwrap();
        prop_assert!(learned.at.metres_to(door()) < 40.0, "{learned:?} of {}", all.len());
        prop_assert!(learned.visits as usize <= good.len());
        // no order makes a difference
        all.reverse();
        prop_assert_eq!(learn(&all).unwrap(), learned);
    }

    #[test]
    fn many_visits_are_surer_than_one(
        good in prop::collection::vec((-8.0f64..8.0, -8.0f64..8.0), 9..30),
    ) {
        let all: Vec<Seen> = good.iter().enumerate()
            .map(|(n, (x, y))| seen(n, door().moved(*x, *y), 20)).collect();
        let (one, many) = (learn(&all[..1]).unwrap(), learn(&all).unwrap());
        prop_assert!(one.within >= 20 && many.within < one.within, "{one:?} {many:?}");
    }

    #[test]
    fn any_text_has_a_name(address in "\\PC{0,300}") {
        let name = key(&address);
        prop_assert!(name.chars().count() <= LONGEST_KEY);
        let _ = (surroundings(&address), asked_as(&address, ""), pair(&address), told(&address, &address, Datum::Gcj02));
    }
}

#[test]
fn what_is_wide_stays_wide_and_a_day_is_one_voice() {
    // an estate without buildings: doors 250 m apart do not become one sure door
    let estate: Vec<Seen> =
        (0..40).map(|n| seen(n, door().moved((n % 5) as f64 * 60.0, (n / 10) as f64 * 60.0), 10)).collect();
    assert!(learn(&estate).unwrap().within > 60, "{:?}", learn(&estate));
    // twenty parcels that somebody signed at the depot in one minute are one visit against two
    let mut all = vec![seen(1, door(), 20), seen(2, door(), 20)];
    all.extend((0..20).map(|_| seen(3, door().moved(3_000.0, 0.0), 4)));
    assert!(learn(&all).unwrap().at.metres_to(door()) < 1.0);
    assert_eq!(learn(&all).unwrap().visits, 2);
    assert_eq!(learn(&[]), None);
    assert_eq!(
        learn(&[seen(1, door(), 61), Seen { age_s: 121, ..seen(2, door(), 5) }, seen(3, door(), 0)]),
        None
    );
    // what may have been walked since counts
    let fresh = learn(&[seen(1, door(), 10)]).unwrap().within;
    assert!(learn(&[Seen { age_s: 60, ..seen(1, door(), 10) }]).unwrap().within > fresh + 20);
}

#[test]
fn a_spot_of_many_surroundings_is_a_depot() {
    let one_estate: Vec<String> =
        (1..30).map(|n| surroundings(&format!("上海市浦东新区幸福花园{n}栋101"))).collect();
    assert!(!is_depot(one_estate.iter().map(String::as_str)));
    let shops: Vec<String> = (1..30).map(|n| surroundings(&format!("上海市浦东新区人民路{n}号"))).collect();
    assert!(!is_depot(shops.iter().map(String::as_str)), "{shops:?}");
    let names = ["幸福花园", "和平里", "翡翠城", "人民路", "紫兰苑", "玉兰苑", "阳光小区", "金色家园"];
    let round: Vec<String> =
        names.iter().map(|n| surroundings(&format!("上海市浦东新区{n}3号楼101"))).collect();
    assert!(is_depot(round.iter().map(String::as_str)), "{round:?}");
    assert!(!is_depot(round.iter().skip(1).map(String::as_str)));
}

#[test]
fn names_leave_the_person_out() {
    assert_eq!(
        key("上海市浦东新区幸福花园3栋2单元501室 张三 13800000001"),
        key("上海市浦东新区幸福花园3号楼101")
    );
    assert_ne!(key("上海市浦东新区幸福花园3栋"), key("杭州市西湖区幸福花园3栋"));
    assert!(is_key(&key("人民路10号")) && !is_key(" ") && !is_key(&"长".repeat(201)) && !is_key("a\nb"));
    assert_eq!(
        asked_as("上海市浦东新区幸福花园3栋2单元501室", "").as_deref(),
        Some("上海浦东新区幸福花园3栋")
    );
    assert_eq!(asked_as("人民路10号302", "上海").as_deref(), Some("上海人民路10号"));
    assert_eq!(asked_as("人民路10号302", ""), None, "of which city?");
    assert_eq!(asked_as("上海市浦东新区", ""), None);
    assert_eq!(asked_as("上海市浦东新区人民路", ""), None, "a road is no building");
    let whole = asked_as("浙江省杭州市西湖区文一路18号幸福花园3栋501", "").unwrap();
    assert!(whole.starts_with("杭州西湖区文一路18号") && !whole.contains("501"), "{whole}");
}

#[test]
fn what_is_fetched_at_a_station_is_not_at_its_door() {
    use DeedKind::{Door, Exception, Locker, PickUp, Return, Sign, Station};
    for (deed, there) in [
        (Sign, true),
        (Door, true),
        (PickUp, true),
        (Station, false),
        (Locker, false),
        (Exception, false),
        (Return, false),
    ] {
        assert_eq!(at_the_door(deed, ParcelState::OutForDelivery), there, "{deed:?}");
        assert!(!at_the_door(deed, ParcelState::AtStation) && !at_the_door(deed, ParcelState::AtLocker));
    }
    PlaceSource::check_words();
}

#[test]
fn coordinates_of_lists() {
    let gcj = convert(Degrees { lat: 31.2304, lon: 121.4737 }, Datum::Wgs84, Datum::Gcj02);
    let (lat, lon) = (gcj.lat.to_string(), gcj.lon.to_string());
    let there = Some(door());
    assert_eq!(told(&lat, &lon, Datum::Gcj02), (there, None));
    assert_eq!(told(&lon, &lat, Datum::Gcj02), (there, Some(OddPlace::Swapped)));
    assert_eq!(told("31.2304", "121.4737", Datum::Wgs84), (there, None));
    assert_eq!(told("北纬31.2304°", "Ｅ121.4737", Datum::Wgs84), (there, None));
    for (lat, lon, odd) in [
        ("0", "0.0", OddPlace::Missing),
        ("31.2", "", OddPlace::Missing),
        ("", "121.4", OddPlace::Missing),
        ("无", "无", OddPlace::Unreadable),
        ("NaN", "121", OddPlace::Unreadable),
        ("1e300", "121", OddPlace::Unreadable),
        ("48.85", "2.35", OddPlace::Abroad),
        ("312304000", "1214737000", OddPlace::Unreadable),
    ] {
        assert_eq!(told(lat, lon, Datum::Gcj02), (None, Some(odd)), "{lat} {lon}");
    }
    assert_eq!(told("", " ", Datum::Gcj02), (None, None));
    for cell in ["121.4737,31.2304", "31.2304 121.4737", "(121.4737，31.2304)", "POINT(121.4737 31.2304)"] {
        let (a, b) = pair(cell).unwrap();
        assert_eq!(told(a, b, Datum::Wgs84).0, there, "{cell}");
    }
    assert_eq!(pair("121.4737"), None);
    assert_eq!(pair("1,2,3"), None);
}

#[test]
fn a_building_of_no_estate_and_no_road_is_not_everybody_s() {
    let (one, other) = (key("3号楼501"), key("3号楼502"));
    assert!(!one.is_empty() && one != other, "{one} {other}");
    assert!(!is_named("3号楼501"));
    assert!(is_named("幸福花园3号楼501") && is_named("文一路18号"));
    assert_eq!(key("幸福花园3号楼501"), key("幸福花园3幢502室"));
}
