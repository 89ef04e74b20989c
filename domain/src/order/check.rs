//! Whether rules for orders can work.

use super::OrderPolicy;
use crate::policy::{BadValue, check_ranges};
use chrono::Weekday;
use std::collections::BTreeSet;

const MOST: usize = 100;

fn is_key(key: &str) -> bool {
    (1..=40).contains(&key.len())
        && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-')
}

fn is_name(name: &str) -> bool {
    (1..=40).contains(&name.trim().chars().count())
}

impl OrderPolicy {
    /// Checks what the types cannot.
    ///
    /// # Errors
    /// The first field whose value cannot work.
    pub fn check(&self) -> Result<(), BadValue> {
        let bad = |field: String, problem: &str| Err(BadValue::new(field, problem));
        let urge = &self.urge;
        check_ranges(&[
            ("unclaimed_min", i64::from(self.unclaimed_min), 1, 100_000),
            ("silent_min", i64::from(self.silent_min), 1, 100_000),
            ("revisit_min", i64::from(self.revisit_min), 1, 100_000),
            ("revisit_tries", i64::from(self.revisit_tries), 1, 10),
            ("urge.answer_min", i64::from(urge.answer_min), 1, 10_000),
            ("urge.escalate_min", i64::from(urge.escalate_min), i64::from(urge.answer_min), 20_000),
            ("urge.supervise_after", i64::from(urge.supervise_after), 1, 100),
            ("urge.escalate_after", i64::from(urge.escalate_after), i64::from(urge.supervise_after), 200),
            ("urge.merge_min", i64::from(urge.merge_min), 0, 1_440),
            ("departments", self.departments.len() as i64, 1, MOST as i64),
            ("types", self.types.len() as i64, 1, MOST as i64),
            ("regions", self.regions.len() as i64, 0, 1_000),
        ])?;
        let mut keys = BTreeSet::new();
        for (n, department) in self.departments.iter().enumerate() {
            if !is_key(&department.key) || !keys.insert(department.key.as_str()) {
                let problem = "must be 1 to 40 of a-z, 0-9, - and _, each once";
                return bad(format!("departments[{n}].key"), problem);
            }
            if !is_name(&department.name) {
                return bad(format!("departments[{n}].name"), "must have 1 to 40 characters");
            }
            if department.members.len() > 1_000 {
                return bad(format!("departments[{n}].members"), "has more than 1000");
            }
        }
        for (n, department) in self.departments.iter().enumerate() {
            if department.next.iter().any(|k| !keys.contains(k.as_str())) {
                return bad(format!("departments[{n}].next"), "names a department that is not in the list");
            }
        }
        let mut types = BTreeSet::new();
        for (n, kind) in self.types.iter().enumerate() {
            if !is_key(&kind.key) || !types.insert(kind.key.as_str()) {
                let problem = "must be 1 to 40 of a-z, 0-9, - and _, each once";
                return bad(format!("types[{n}].key"), problem);
            }
            if !is_name(&kind.name) {
                return bad(format!("types[{n}].name"), "must have 1 to 40 characters");
            }
            let passed: BTreeSet<&str> = kind.path.iter().map(String::as_str).collect();
            if kind.path.is_empty() || passed.len() < kind.path.len() || !passed.is_subset(&keys) {
                return bad(format!("types[{n}].path"), "must name departments of the list, each once");
            }
            if kind.limit_min > 100_000 || !(1..=100).contains(&kind.warn_percent) {
                let problem = "must be up to 100000, with warn_percent 1 to 100";
                return bad(format!("types[{n}].limit_min"), problem);
            }
        }
        for (n, region) in self.regions.iter().enumerate() {
            let wrong = |w: &String| !(2..=60).contains(&w.trim().chars().count());
            if region.words.is_empty() || region.words.len() > 1_000 || region.words.iter().any(wrong) {
                let problem = "must be 1 to 1000 words of 2 to 60 characters";
                return bad(format!("regions[{n}].words"), problem);
            }
        }
        self.check_hours()
    }

    fn check_hours(&self) -> Result<(), BadValue> {
        let hours = &self.hours;
        if hours.open.is_empty() || hours.open.len() > 10 {
            return Err(BadValue::new("hours.open", "must have 1 to 10 spans"));
        }
        if let Some(n) = hours.open.iter().position(|s| s.from >= s.to) {
            return Err(BadValue::new(format!("hours.open[{n}].to"), "must be later than from"));
        }
        let closed: BTreeSet<u32> = hours.closed_weekdays.iter().map(Weekday::num_days_from_monday).collect();
        if closed.len() > 6 {
            return Err(BadValue::new("hours.closed_weekdays", "closes every day of the week"));
        }
        Ok(())
    }
}
