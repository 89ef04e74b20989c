use super::*;
use crate::testing::Phone;

const DAY: &str = "运单号,收件人,电话,地址\n\
    YD0000000001,甲,13800000001,上海市浦东新区幸福花园3栋101\nYD0000000002,乙,13800000002,上海市浦东新区和平里5栋202\n\
    YD0000000003,丙,13800000003,上海市浦东新区幸福花园4栋303\nYD0000000004,丁,13800000004,上海市浦东新区人民路10号\n\
    YD0000000005,戊,13800000005,上海市浦东新区人民路20号\nYD0000000006,己,13800000006,上海市浦东新区人民路30号\n\
    YD0000000007,庚,13800000007,上海市浦东新区翡翠城1栋\n";

fn at(lat: f64, lon: f64) -> Degrees {
    Degrees { lat, lon }
}

async fn phone() -> Phone {
    let phone = Phone::signed_in().await;
    phone.client.tasks().import_csv(DAY.as_bytes(), false).await.unwrap();
    phone
}

#[tokio::test]
async fn every_stop_is_in_the_tour_and_guesses_are_marked() {
    let mut phone = phone().await;
    let tours = phone.client.tours();
    let wish = Wish::at(UnixMs(1_795_140_000_000));
    // nothing known: said, and not made up
    assert!(tours.plan(&wish).await.unwrap_err().to_string().contains("none of the 7 stops"));
    assert!(tours.pin("幸福花园3", at(91.0, 121.0), Datum::Wgs84).await.is_err());
    assert!(tours.pin("没有这里", at(31.0, 121.0), Datum::Wgs84).await.is_err());
    tours.pin("幸福花园3", at(31.200, 121.500), Datum::Wgs84).await.unwrap();
    tours.pin("人民路10号", at(31.210, 121.500), Datum::Wgs84).await.unwrap();
    tours.pin("人民路30号", at(31.214, 121.500), Datum::Wgs84).await.unwrap();
    // pins outlive the process
    phone.restart();
    let tour = phone.client.tours().plan(&wish).await.unwrap();
    assert_eq!(tour.visits.len(), 7);
    assert_eq!(tour.guessed, 4);
    let whence = |name: &str| tour.visits.iter().find(|v| v.stop.name.starts_with(name)).unwrap().place;
    assert_eq!(whence("幸福花园3").whence, Whence::Pin);
    assert_eq!(whence("幸福花园4").whence, Whence::Estate);
    let between = tour.visits.iter().find(|v| v.stop.name.contains("人民路20")).unwrap().place;
    assert_eq!(between.whence, Whence::Road);
    assert!((between.at.lat - 31.212).abs() < 1e-9);
    assert_eq!(whence("翡翠城").whence, Whence::List);
    assert!(tour.travel_ms <= tour.travel_as_listed_ms);
    let mut clock = wish.depart;
    for visit in &tour.visits {
        assert!(visit.arrive >= clock && visit.leave.0 >= visit.arrive.0 + 85_000);
        clock = visit.leave;
    }
    assert_eq!(tour.finish, clock);
}

#[tokio::test]
async fn map_coordinates_are_taken_to_wgs84() {
    let phone = phone().await;
    let tours = phone.client.tours();
    let shown = convert(at(31.2304, 121.4737), Datum::Wgs84, Datum::Gcj02);
    tours.pin("和平里", shown, Datum::Gcj02).await.unwrap();
    let tour = tours.plan(&Wish::at(UnixMs(0))).await.unwrap();
    let place = tour.visits.iter().find(|v| v.place.whence == Whence::Pin).unwrap().place.at;
    assert!((place.lat - 31.2304).abs() < 1e-6 && (place.lon - 121.4737).abs() < 1e-6, "{place:?}");
}

#[tokio::test]
async fn the_way_back_counts() {
    let phone = phone().await;
    let tours = phone.client.tours();
    tours.pin("幸福花园3", at(31.20, 121.50), Datum::Wgs84).await.unwrap();
    tours.pin("和平里5", at(31.22, 121.50), Datum::Wgs84).await.unwrap();
    let mut wish = Wish::at(UnixMs(0));
    wish.from = Some(at(31.19, 121.50));
    let there = tours.plan(&wish).await.unwrap();
    wish.back_to = wish.from;
    let back = tours.plan(&wish).await.unwrap();
    assert!(back.travel_ms > there.travel_ms + 500_000, "{} {}", back.travel_ms, there.travel_ms);
}

fn word(name: &str, source: PlaceSource, lat: f64, within_m: u32) -> PlaceView {
    let at = track::Place::of_degrees(lat, 121.5).unwrap();
    PlaceView { within_m, visits: 4, set_at: UnixMs(10), ..places::new(&key(name), source, at) }
}

#[tokio::test]
async fn the_best_word_on_a_building_counts_and_what_is_taken_back_uncovers_the_next() {
    const ADDRESS: &str = "上海市浦东新区幸福花园3栋101";
    let mut phone = phone().await;
    let wish = Wish::at(UnixMs(0));
    let mut expected = Vec::new();
    for (n, source) in PlaceSource::ALL.iter().rev().enumerate() {
        let lat = 31.2 + n as f64 / 100.0;
        phone.fake.model.lock().put_place(word(ADDRESS, *source, lat, 20));
        expected.push((Whence::from(*source), lat));
        phone.client.sync().now().await.unwrap();
        let place = at_3(&phone.client.tours().plan(&wish).await.unwrap());
        assert_eq!(place.whence, Whence::from(*source));
        assert!((place.at.lat - lat).abs() < 1e-6, "{source}: {place:?}");
        assert_eq!(place.within_m, (*source != PlaceSource::Pin).then_some(20));
    }
    // taken back here, without a network; then the server's learned one goes
    phone.client.tours().unpin("幸福花园3").await.unwrap();
    phone.restart();
    let place = at_3(&phone.client.tours().plan(&wish).await.unwrap());
    assert_eq!((place.whence, place.visits), (Whence::Learned, Some(4)));
    let gone = PlaceView { gone: true, ..word(ADDRESS, PlaceSource::Learned, 31.0, 20) };
    phone.fake.model.lock().put_place(gone);
    phone.client.sync().now().await.unwrap();
    let place = at_3(&phone.client.tours().plan(&wish).await.unwrap());
    assert_eq!(place.whence, Whence::Imported);
    assert!((place.at.lat - expected[1].1).abs() < 1e-6);
}

fn at_3(tour: &Tour) -> Place {
    tour.visits.iter().find(|v| v.stop.name.starts_with("幸福花园3")).unwrap().place
}
