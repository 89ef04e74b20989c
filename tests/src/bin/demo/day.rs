//! The list of the day: sixty people who are rung, and what a real list has besides.
//!
//! The telephone numbers are those that the simulated carrier has behaviours for; the names are invented; the addresses
//! are real ones (see `tests/data/README.md`).

use serde_json::{Value, json};

const ADDRESSES: &str = include_str!("../../../data/day.txt");
const FAMILY: [&str; 12] = ["王", "李", "张", "刘", "陈", "杨", "赵", "黄", "周", "吴", "徐", "孙"];
const GIVEN: [&str; 15] =
    ["伟", "芳", "秀英", "敏", "静", "丽", "强", "磊", "洋", "艳", "勇", "杰", "娟", "涛", "建国"];

/// People who are rung.
pub(crate) const PEOPLE: usize = 60;
const MERGED: usize = 4;
const DELIVERED: usize = 3;

/// Why a row is on the list.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scene {
    /// One person, one parcel.
    Rung,
    /// A second parcel of somebody on the list: one ring for both.
    Merged,
    /// Handed over before the tap.
    Delivered,
    /// Wants no calls.
    OptedOut,
}

/// A row of the list.
pub(crate) struct Row {
    pub(crate) waybill_no: String,
    pub(crate) name: String,
    /// As the list writes it.
    pub(crate) phone: String,
    pub(crate) address: String,
    pub(crate) scene: Scene,
}

impl Row {
    /// The row as the API takes it; `n` counts from 0, the header is line 1.
    pub(crate) fn json(&self, n: usize) -> Value {
        json!({
            "line": n + 2,
            "waybill_no": self.waybill_no,
            "recipient_name": self.name,
            "phone": self.phone,
            "address": self.address,
        })
    }
}

/// The list.
pub(crate) fn list() -> Vec<Row> {
    let addresses: Vec<&str> = ADDRESSES.lines().collect();
    let row = |n: usize, person: usize, scene: Scene| Row {
        waybill_no: format!("YT{:013}", 8_800_000_000_000_u64 + 7_919 * (n as u64 + 1)),
        name: format!("{}{}", FAMILY[person % FAMILY.len()], GIVEN[(person * 7 + person / 5) % GIVEN.len()]),
        // The carrier's behaviours come in blocks of numbers; a stride that shares no factor with 60 mixes them.
        phone: format!("138{:08}", if person < PEOPLE { person * 23 % PEOPLE + 1 } else { person + 1 }),
        address: addresses[person % addresses.len()].to_owned(),
        scene,
    };
    let rung = (0..PEOPLE).map(|n| row(n, n, Scene::Rung));
    let merged = (0..MERGED).map(|n| row(PEOPLE + n, n * 13, Scene::Merged));
    let others = PEOPLE + MERGED;
    let delivered = (0..DELIVERED).map(|n| row(others + n, PEOPLE + n, Scene::Delivered));
    let opted_out = std::iter::once(row(others + DELIVERED, PEOPLE + DELIVERED, Scene::OptedOut));
    rung.chain(merged).chain(delivered).chain(opted_out).collect()
}

/// The list as a file that `waybell import` takes.
pub(crate) fn csv(list: &[Row]) -> String {
    let mut text = String::from("运单号,收件人,电话,地址\n");
    for row in list {
        text += &format!("{},{},{},{}\n", row.waybill_no, row.name, row.phone, row.address);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn sixty_numbers_of_the_carrier_are_rung_once_each() {
        let list = list();
        let rung: HashSet<&str> =
            list.iter().filter(|r| r.scene == Scene::Rung).map(|r| r.phone.as_str()).collect();
        let expected: Vec<String> = (1..=PEOPLE).map(|n| format!("138{n:08}")).collect();
        assert_eq!(rung, expected.iter().map(String::as_str).collect());
        let waybills: HashSet<&str> = list.iter().map(|r| r.waybill_no.as_str()).collect();
        assert_eq!(waybills.len(), list.len());
    }

    #[test]
    fn addresses_need_no_quoting_in_the_file() {
        let list = list();
        assert_eq!(list.len(), csv(&list).lines().count() - 1);
        assert!(csv(&list).lines().all(|line| line.split(',').count() == 4));
    }
}
