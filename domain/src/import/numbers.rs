//! Telephone numbers as a list: one a line, or a column of a table.

use super::{
    CellPhones, Choice, Field, Row, TITLE_ROWS, TableError, cell_phones, detect_columns, error, raw,
};
use crate::phone::{PhoneError, PhoneNumber};
use crate::wire::RowProblem;

/// Numbers that were read.
#[derive(Clone, Debug, Default)]
pub struct NumberList {
    /// Each with its line; a number may be there twice.
    pub numbers: Vec<(u32, PhoneNumber)>,
    /// Lines that hold no number, and why.
    pub problems: Vec<RowProblem>,
}

/// Reads a list of numbers: CSV, XLSX or JSON with a telephone column, or a number a line.
///
/// # Errors
/// [`TableError`] for a file that is no list, or that has no column of numbers.
pub fn read_numbers(bytes: &[u8]) -> Result<NumberList, TableError> {
    let rows = raw(bytes, &Choice::default())?.rows;
    let is_number = |cell: &String| cell_phones(cell).is_ok_and(|found| found.phone.is_some());
    // below a number there is no header any more
    let above = rows.iter().take(TITLE_ROWS).take_while(|row| !row.cells.iter().any(is_number));
    let header = above.into_iter().position(|row| column(&row.cells).is_some());
    let (at, rows, heading): (usize, &[Row], &str) = match header {
        Some(header) => {
            let at = column(&rows[header].cells).unwrap_or_default();
            (at, &rows[header + 1..], rows[header].cells.get(at).map_or("", String::as_str))
        }
        None => {
            let number = |cells: &[String]| cells.iter().position(is_number);
            let Some(at) = rows.iter().take(TITLE_ROWS).find_map(|row| number(&row.cells)) else {
                let problem = "file has no column of telephone numbers";
                return Err(error("header", problem, "head it 电话 or phone, or write one number a line"));
            };
            (at, &rows[..], "phone")
        }
    };
    let mut list = NumberList::default();
    for row in rows {
        let text = row.cells.get(at).map_or("", |c| c.trim());
        match cell_phones(text) {
            Ok(CellPhones { phone: Some(phone), more, left_out: false, .. }) => {
                list.numbers.extend(std::iter::once(phone).chain(more).map(|phone| (row.at.line, phone)));
            }
            Ok(CellPhones { left_out: true, .. }) => {
                let problem = "not every number of the cell can be read; write one number a line".to_owned();
                list.problems.push(row.at.problem(heading, problem, "correct the number"));
            }
            Ok(_) => list.problems.push(row.at.problem(
                heading,
                PhoneError::Empty.to_string(),
                "correct the number",
            )),
            Err(e) => list.problems.push(row.at.problem(heading, e.to_string(), "correct the number")),
        }
    }
    Ok(list)
}

/// The telephone column of a header; a row that holds a number is none.
fn column(cells: &[String]) -> Option<usize> {
    let none_is_a_number = cells.iter().all(|c| PhoneNumber::parse(c).is_err());
    detect_columns(cells).get(Field::Phone).filter(|_| none_is_a_number)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> (Vec<String>, Vec<u32>) {
        let list = read_numbers(text.as_bytes()).unwrap();
        let numbers = list.numbers.iter().map(|(line, n)| format!("{line}:{}", n.key())).collect();
        (numbers, list.problems.iter().map(|p| p.line).collect())
    }

    #[test]
    fn one_a_line_a_table_and_json() {
        let both = vec!["1:+8613800001111".to_owned(), "2:+8613800002222".to_owned()];
        assert_eq!(read("13800001111\n138 0000 2222\n138\n"), (both, vec![3]));
        let two = vec!["1:+8613800001111".to_owned(), "1:+8613800002222".to_owned()];
        assert_eq!(read("13800001111/13800002222\n13800001111/138000\n"), (two, vec![2]));
        let table = "退订名单\n姓名,手机,备注\n王,13800001111,x\n李,,\n赵,13800002222转8,\n";
        assert_eq!(read(table), (vec!["3:+8613800001111".into(), "5:+8613800002222;ext=8".into()], vec![4]));
        assert_eq!(read("13800001111\n王,电话不通\n13800002222\n").0.len(), 2, "a remark is no header");
        assert_eq!(read("王,13800001111\n").0, ["1:+8613800001111"]);
        assert_eq!(
            read(r#"[{"phone":"13800001111"},{"phone":"x"}]"#),
            (vec!["1:+8613800001111".into()], vec![1])
        );
        assert_eq!(read_numbers("a,b\nc,d\n".as_bytes()).unwrap_err().field, "header");
        assert_eq!(read_numbers(b"").unwrap_err().field, "header");
    }
}
