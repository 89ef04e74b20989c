//! Lists in JSON: objects with whatever names for their fields.
//!
//! The text becomes rows while it is read, up to the most rows and cells of a list: a few bytes of JSON can stand for a
//! large value, so no tree of the whole file is made, and what no cell holds is passed over.

use super::{Row, Rows, TableError, error};
use serde::de::{DeserializeSeed, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use std::collections::HashMap;
use std::fmt;

/// Names under which a list may lie in an object, the better ones first.
const LISTS: [&str; 9] =
    ["rows", "data", "list", "items", "parcels", "waybills", "days", "holidays", "calendar"];
/// Names of fields that are looked at.
const NAMES: usize = 200;

/// The objects of a list as rows below a header of all their names; a row's number is its place in the list, from 1 for the
/// header. Empty objects are no rows.
pub(super) fn rows(text: &str) -> Result<Vec<Row>, TableError> {
    let mut refused = None;
    let mut reader = serde_json::Deserializer::from_str(text);
    let read = File { refused: &mut refused }.deserialize(&mut reader).and_then(|list| {
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
    rows.insert(0, (1, list.header));
    Ok(rows)
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
struct File<'a> {
    refused: &'a mut Option<TableError>,
}
seed!(File<'_>, Option<List>);

impl<'de> Visitor<'de> for File<'_> {
    type Value = Option<List>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Option<List>, A::Error> {
        Elements { refused: self.refused }.visit_seq(list)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<Option<List>, A::Error> {
        let mut found: Option<(usize, List)> = None;
        while let Some(name) = object.next_key::<String>()? {
            let rank = LISTS.iter().position(|list| *list == name);
            match rank.filter(|rank| found.as_ref().is_none_or(|(best, _)| rank < best)) {
                Some(rank) => {
                    if let Some(list) = object.next_value_seed(Elements { refused: self.refused })? {
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
struct Elements<'a> {
    refused: &'a mut Option<TableError>,
}
seed!(Elements<'_>, Option<List>);

impl<'de> Visitor<'de> for Elements<'_> {
    type Value = Option<List>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut elements: A) -> Result<Option<List>, A::Error> {
        let mut list = List::default();
        let mut line: u32 = 1;
        while let Some(cells) = elements.next_element_seed(Element { list: &mut list })? {
            line = line.saturating_add(1);
            let Some(cells) = cells else { continue };
            if let Err(e) = list.rows.push(line, cells) {
                *self.refused = Some(e);
                return Err(A::Error::custom("list is too large"));
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
            let text = object.next_value_seed(Cell)?.unwrap_or_default();
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
struct Cell;
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

    pass_over!(None);
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
