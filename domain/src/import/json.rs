//! Lists in JSON: objects with whatever names for their fields.
//!
//! The text becomes rows while it is read, up to the most rows and cells of a list: a few bytes of JSON can stand for a
//! large value, so no tree of the whole file is made, and what no cell holds is passed over. Each object is cut out of the
//! text before it is read, which tells where it stands.

use super::place::{Row, Rows};
use super::{Place, TableError, error};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::collections::HashMap;
use std::fmt;

/// Names under which a list may lie in an object, the better ones first.
const LISTS: [&str; 9] =
    ["rows", "data", "list", "items", "parcels", "waybills", "days", "holidays", "calendar"];
/// Names of fields that are looked at.
const NAMES: usize = 200;

/// The objects of a list as rows below a header of all their names, each with its place. Empty objects are no rows. With
/// `truths`, true and false are words; a list of parcels has no use for them.
pub(super) fn rows(text: &str, truths: bool) -> Result<Vec<Row>, TableError> {
    let mut refused = None;
    let reading = Reading { text, truths };
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = File { reading, refused: &mut refused }.deserialize(&mut reader).and_then(|list| {
        reader.end()?;
        Ok(list)
    });
    let list = match (read, refused) {
        (_, Some(refused)) => return Err(refused),
        (Ok(list), None) => list,
        (Err(e), None) => {
            let problem = format!("file is no JSON from line {} column {} on", e.line(), e.column());
            return Err(error("file", &problem, "export the list again"));
        }
    };
    let Some(list) = list else {
        return Err(error("file", "file has no list in it", "send [{\"waybill_no\": ...}, ...]"));
    };
    if list.header.is_empty() {
        return Ok(Vec::new());
    }
    let mut rows = list.rows.rows;
    // where one alone stands in a line, the line is enough
    let lines: Vec<u32> = rows.iter().map(|row| row.at.line).collect();
    for (at, row) in rows.iter_mut().enumerate() {
        let same = |other: Option<usize>| other.and_then(|o| lines.get(o)) == Some(&row.at.line);
        if !same(at.checked_sub(1)) && !same(Some(at + 1)) {
            row.at.position = None;
        }
    }
    rows.insert(0, Row::of(Place::line(1), list.header));
    Ok(rows)
}

/// What is read, and how.
#[derive(Clone, Copy)]
struct Reading<'t> {
    text: &'t str,
    truths: bool,
}

/// Lines and characters up to a place in the text, asked for in order.
#[derive(Default)]
struct Walk {
    byte: usize,
    line: u32,
    character: u32,
}

impl Walk {
    /// The line of a byte and its character in the line, both from 1.
    fn to(&mut self, text: &str, byte: usize) -> (u32, u32) {
        for c in text.get(self.byte..byte).unwrap_or_default().chars() {
            if c == '\n' {
                (self.line, self.character) = (self.line.saturating_add(1), 0);
            } else {
                self.character = self.character.saturating_add(1);
            }
        }
        self.byte = self.byte.max(byte);
        (self.line.saturating_add(1), self.character.saturating_add(1))
    }
}

/// A list while it is read.
#[derive(Default)]
struct List {
    header: Vec<String>,
    columns: HashMap<String, usize>,
    rows: Rows,
}

impl List {
    fn column(&mut self, name: String) -> Option<usize> {
        if let Some(at) = self.columns.get(&name) {
            return Some(*at);
        }
        let at = self.header.len();
        (at < NAMES).then(|| {
            self.header.push(name.clone());
            self.columns.insert(name, at);
            at
        })
    }
}

/// Everything that is not read otherwise: it is passed over.
macro_rules! pass_over {
    ($value:expr) => {
        fn visit_bool<E: Error>(self, _: bool) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}
macro_rules! pass_over_numbers {
    ($value:expr) => {
        fn visit_i64<E: Error>(self, _: i64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_u64<E: Error>(self, _: u64) -> Result<Self::Value, E> {
            Ok($value)
        }
        fn visit_f64<E: Error>(self, _: f64) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}
macro_rules! pass_over_text {
    ($value:expr) => {
        fn visit_str<E: Error>(self, _: &str) -> Result<Self::Value, E> {
            Ok($value)
        }
    };
}
macro_rules! pass_over_list {
    ($value:expr) => {
        fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
            while list.next_element::<IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}
macro_rules! pass_over_object {
    ($value:expr) => {
        fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Self::Value, A::Error> {
            while object.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
            Ok($value)
        }
    };
}
macro_rules! seed {
    ($type:ty, $value:ty) => {
        impl<'de> DeserializeSeed<'de> for $type {
            type Value = $value;
            fn deserialize<D: serde::Deserializer<'de>>(self, from: D) -> Result<$value, D::Error> {
                from.deserialize_any(self)
            }
        }
    };
}

/// The file: a list, or an object with one in it.
struct File<'a, 't> {
    reading: Reading<'t>,
    refused: &'a mut Option<TableError>,
}
seed!(File<'_, '_>, Option<List>);

impl<'de> Visitor<'de> for File<'_, '_> {
    type Value = Option<List>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<List>, A::Error> {
        Elements { reading: self.reading, refused: self.refused }.visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<List>, A::Error> {
        let mut found: Option<(usize, List)> = None;
        while let Some(name) = object.next_key::<String>()? {
            let rank = LISTS.iter().position(|list| *list == name);
            match rank.filter(|rank| found.as_ref().is_none_or(|(best, _)| rank < best)) {
                Some(rank) => {
                    let elements = Elements { reading: self.reading, refused: self.refused };
                    if let Some(list) = object.next_value_seed(elements)? {
                        found = Some((rank, list));
                    }
                }
                None => drop(object.next_value::<IgnoredAny>()?),
            }
        }
        Ok(found.map(|(_, list)| list))
    }

    pass_over!(None);
    pass_over_numbers!(None);
    pass_over_text!(None);
}

/// What may be the list.
struct Elements<'a, 't> {
    reading: Reading<'t>,
    refused: &'a mut Option<TableError>,
}
seed!(Elements<'_, '_>, Option<List>);

impl Elements<'_, '_> {
    /// One of the list, as it stands in the text.
    fn take(&self, list: &mut List, walk: &mut Walk, number: u32, raw: &str) -> Result<(), TableError> {
        let text = self.reading.text;
        // the piece is borrowed from the text, so their addresses tell where it begins
        let byte = (raw.as_ptr() as usize).saturating_sub(text.as_ptr() as usize);
        let (line, character) = walk.to(text, byte);
        let at = Place { line, object: Some(number), position: Some(character) };
        let mut reader = serde_json::Deserializer::from_str(raw);
        let element = Element { list, truths: self.reading.truths };
        let Some(cells) = element.deserialize(&mut reader).map_err(|e| {
            // counted from where the object begins
            let line = u32::try_from(e.line()).unwrap_or(u32::MAX).saturating_sub(1).saturating_add(line);
            let problem = format!("object {number} of the list is no JSON, in line {line}");
            error("file", &problem, "export the list again")
        })?
        else {
            return Ok(());
        };
        list.rows.push(at, cells)
    }
}

impl<'de> Visitor<'de> for Elements<'_, '_> {
    type Value = Option<List>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<List>, A::Error> {
        let mut list = List::default();
        let (mut number, mut walk): (u32, Walk) = (0, Walk::default());
        while let Some(raw) = elements.next_element::<&RawValue>()? {
            number = number.saturating_add(1);
            if let Err(e) = self.take(&mut list, &mut walk, number, raw.get()) {
                *self.refused = Some(e);
                return Err(A::Error::custom("list cannot be taken"));
            }
        }
        Ok(Some(list))
    }

    pass_over!(None);
    pass_over_numbers!(None);
    pass_over_text!(None);
    pass_over_object!(None);
}

/// One of the list: its cells up to the last used one. `None` for an empty object; what is no object has no cells.
struct Element<'a> {
    list: &'a mut List,
    truths: bool,
}
seed!(Element<'_>, Option<Vec<String>>);

impl<'de> Visitor<'de> for Element<'_> {
    type Value = Option<Vec<String>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<Vec<String>>, A::Error> {
        let mut cells: Vec<String> = Vec::new();
        let mut empty = true;
        while let Some(name) = object.next_key::<String>()? {
            empty = false;
            let Some(column) = self.list.column(name) else {
                object.next_value::<IgnoredAny>()?;
                continue;
            };
            let text = object.next_value_seed(Cell { truths: self.truths })?.unwrap_or_default();
            if column < cells.len() {
                cells[column] = text;
            } else if !text.is_empty() {
                cells.resize(column, String::new());
                cells.push(text);
            }
        }
        Ok((!empty).then_some(cells))
    }

    pass_over!(Some(Vec::new()));
    pass_over_numbers!(Some(Vec::new()));
    pass_over_text!(Some(Vec::new()));
    pass_over_list!(Some(Vec::new()));
}

/// A cell as it would be typed; several texts are one, with spaces between. `None` for anything else.
struct Cell {
    truths: bool,
}
seed!(Cell, Option<String>);

impl<'de> Visitor<'de> for Cell {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text or a number")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.trim().to_owned()))
    }

    fn visit_i64<E: Error>(self, number: i64) -> Result<Option<String>, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_u64<E: Error>(self, number: u64) -> Result<Option<String>, E> {
        Ok(Some(number.to_string()))
    }

    fn visit_f64<E: Error>(self, number: f64) -> Result<Option<String>, E> {
        Ok(serde_json::Number::from_f64(number).map(|n| n.to_string()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut several: A) -> Result<Option<String>, A::Error> {
        let mut out = String::new();
        while let Some(text) = several.next_element_seed(Text)? {
            let Some(text) = text else { continue };
            if !out.is_empty() {
                out.push(' ');
            }
            out.push_str(&text);
        }
        Ok(Some(out.trim().to_owned()))
    }

    fn visit_bool<E: Error>(self, yes: bool) -> Result<Option<String>, E> {
        Ok(self.truths.then(|| yes.to_string()))
    }

    fn visit_unit<E: Error>(self) -> Result<Option<String>, E> {
        Ok(None)
    }

    pass_over_object!(None);
}

/// A text, and nothing else.
struct Text;
seed!(Text, Option<String>);

impl<'de> Visitor<'de> for Text {
    type Value = Option<String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Option<String>, E> {
        Ok(Some(text.to_owned()))
    }

    pass_over!(None);
    pass_over_numbers!(None);
    pass_over_list!(None);
    pass_over_object!(None);
}
