//! The people of a batch as a table: on a screen, and as lines.

use crate::out::{Out, clean, padded};
use crate::texts;
use crate::when;
use ratatui::Frame;
use ratatui::layout::{Constraint, Layout};
use ratatui::style::{Color, Style, Stylize};
use ratatui::text::Line;
use ratatui::widgets::{Block, Cell, Paragraph, Row, Table, TableState, Wrap};
use std::collections::HashMap;
use unicode_width::UnicodeWidthStr;
use waybell_core::notify::Progress;
use waybell_domain::id::ParcelId;
use waybell_domain::lang::Lang;
use waybell_domain::parcel::CallMark;
use waybell_domain::wire::RecipientView;

/// Where each parcel goes.
pub(super) type Places = HashMap<ParcelId, String>;

/// Widths of all columns but the last, the address.
const WIDE: [u16; 7] = [14, 12, 12, 16, 7, 5, 4];
const NARROW: [u16; 7] = [8, 8, 8, 12, 4, 4, 4];
/// From this width on all columns have room.
const ROOMY: u16 = 110;

fn header(lang: Lang) -> [String; 8] {
    [
        texts::mark(lang),
        texts::state(lang),
        texts::name(lang),
        texts::phone(lang),
        texts::pieces(lang),
        texts::attempts(lang),
        texts::keys(lang),
        texts::address(lang),
    ]
}

fn cells(out: &Out, places: &Places, p: &RecipientView) -> [String; 8] {
    let place = p.parcels.iter().find_map(|id| places.get(id)).cloned().unwrap_or_default();
    [
        p.mark.label(out.lang).to_owned(),
        doing(out.lang, &p.state),
        clean(&p.name),
        out.phone(&p.phone),
        p.parcels.len().to_string(),
        p.attempts.to_string(),
        p.keys.clone(),
        clean(&place),
    ]
}

/// A person as one line, below [`head_line`].
pub(super) fn person_line(out: &Out, places: &Places, p: &RecipientView) -> String {
    line(&cells(out, places, p))
}

/// The names of the columns as one line.
pub(super) fn head_line(lang: Lang) -> String {
    line(&header(lang))
}

fn line(cells: &[String; 8]) -> String {
    let mut line = String::from(" ");
    for (at, cell) in cells.iter().enumerate() {
        let width = WIDE.get(at).map_or(0, |w| usize::from(*w));
        line += " ";
        line += &padded(cell, width);
    }
    line.trim_end().to_owned()
}

/// What is drawn around the people.
pub(super) struct Around<'a> {
    /// Batch and state, short.
    pub title: &'a str,
    /// What to know beside it: a hold, a server out of reach.
    pub notes: &'a [String],
    /// The first person shown.
    pub top: usize,
}

pub(super) fn draw(
    frame: &mut Frame<'_>,
    out: &Out,
    progress: &Progress,
    places: &Places,
    around: &Around<'_>,
) {
    let lang = out.lang;
    let width = frame.area().width;
    let mut head = vec![summary(lang, progress)];
    head.extend(around.notes.iter().cloned());
    // a line that is too long is carried on, not cut
    let lines: usize = head.iter().map(|l| l.width().div_ceil(usize::from(width.max(3) - 2)).max(1)).sum();
    let block = Block::bordered()
        .title(format!(" {} ", around.title))
        .title_bottom(Line::from(texts::watch_keys(lang)).right_aligned());
    let inside = block.inner(frame.area());
    frame.render_widget(block, frame.area());
    let lines = u16::try_from(lines).unwrap_or(1);
    let [above, below] = Layout::vertical([Constraint::Length(lines), Constraint::Fill(1)]).areas(inside);
    let text: Vec<Line<'_>> = head
        .into_iter()
        .enumerate()
        .map(|(at, l)| if at == 0 { Line::from(l) } else { Line::from(l).yellow() })
        .collect();
    frame.render_widget(Paragraph::new(text).wrap(Wrap { trim: true }), above);
    let rows = progress.recipients.iter().map(|p| {
        let mut row = cells(out, places, p).map(Cell::from);
        row[0] = row[0].clone().style(Style::new().fg(colour(p)));
        Row::new(row)
    });
    let mut widths: Vec<Constraint> =
        (if width >= ROOMY { WIDE } else { NARROW }).map(Constraint::Length).to_vec();
    widths.push(Constraint::Fill(1));
    let table = Table::new(rows, widths).header(Row::new(header(lang)).bold());
    frame.render_stateful_widget(table, below, &mut TableState::new().with_offset(around.top));
}

fn colour(person: &RecipientView) -> Color {
    match person.mark {
        CallMark::Answered => Color::Green,
        CallMark::Called => Color::Cyan,
        CallMark::Unanswered => Color::Red,
        CallMark::ToConfirm => Color::Yellow,
        CallMark::NotCalled => Color::Reset,
    }
}

/// The state of a person, in words.
fn doing(lang: Lang, state: &str) -> String {
    let (zh, en) = match state {
        "planned" => ("排队", "planned"),
        "waiting" => ("稍后再呼", "waiting"),
        "dialling" => ("拨号", "dialling"),
        "ringing" => ("振铃", "ringing"),
        "talking" => ("通话", "talking"),
        "done" => ("完成", "done"),
        "suppressed" => ("不呼叫", "left out"),
        "cancelled" => ("已取消", "cancelled"),
        other => (other, other),
    };
    lang.pick(zh, en).to_owned()
}

/// How far the batch is, in one line.
pub(super) fn summary(lang: Lang, progress: &Progress) -> String {
    let c = progress.batch.counts;
    let mut text =
        texts::counts(lang, c.recipients, c.answered, c.unanswered, c.calling, c.waiting, c.unknown);
    if c.cancelled > 0 {
        text += &texts::cancelled(lang, c.cancelled);
    }
    if !progress.is_over() && c.calling == 0 {
        let waiting = progress.recipients.iter().filter(|p| p.state == "waiting").filter_map(|p| p.next_at);
        let now = when::now();
        if let Some(at) = waiting.min().filter(|at| *at > now) {
            text += &texts::next_call(lang, when::moment(lang, when::full_second(at), now));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use ratatui::Terminal;
    use ratatui::backend::TestBackend;
    use waybell_domain::clock::UnixMs;
    use waybell_domain::dial::batch::BatchState;
    use waybell_domain::id::{BatchId, RecipientId, UserId};
    use waybell_domain::phone::PhoneNumber;
    use waybell_domain::wire::{BatchCounts, BatchView};

    fn progress() -> Progress {
        let batch = BatchView {
            id: BatchId::at(1, [1; 10]),
            courier: UserId::at(1, [1; 10]),
            template: "arrived".into(),
            state: BatchState::Running,
            created_at: UnixMs(1),
            start_at: None,
            counts: BatchCounts {
                recipients: 5000,
                answered: 1234,
                unanswered: 1234,
                unknown: 7,
                cancelled: 3,
                ..BatchCounts::default()
            },
            cost_minor: 1,
            reason: None,
            rev: 1,
        };
        let person = RecipientView {
            id: RecipientId::at(1, [1; 10]),
            batch: batch.id,
            phone: PhoneNumber::parse("13800001111").unwrap(),
            name: "王芳\u{1b}[31m".into(),
            parcels: vec![ParcelId::at(1, [1; 10])],
            state: "waiting".into(),
            mark: CallMark::ToConfirm,
            outcome: None,
            suppressed: None,
            attempts: 1,
            next_at: None,
            keys: "1".into(),
            sequence: 0,
            rev: 1,
        };
        Progress { batch, recipients: vec![person], operation: None }
    }

    #[test]
    fn eighty_columns_hold_address_and_every_count() {
        let out = Out::new(Lang::Zh, false, false);
        let places: Places = [(ParcelId::at(1, [1; 10]), "幸福花园3栋".to_owned())].into();
        let mut terminal = Terminal::new(TestBackend::new(80, 24)).unwrap();
        let notes = ["连不上服务器（没有回应）；以下是 12:31:05 的情况，已过 42 秒".to_owned()];
        let around = Around { title: "批次：呼叫中", notes: &notes, top: 0 };
        terminal.draw(|frame| draw(frame, &out, &progress(), &places, &around)).unwrap();
        let shown: String = terminal
            .backend()
            .buffer()
            .content
            .iter()
            .map(|c| c.symbol())
            .collect::<String>()
            .replace(' ', "");
        for word in ["待确认7", "已取消3", "地址", "幸福花园3栋", "138****1111", "已过42秒", "Ctrl-C"]
        {
            assert!(shown.contains(word), "{word} in {shown}");
        }
        assert!(!shown.contains('\u{1b}'), "{shown}");
    }

    #[test]
    fn lines_have_names_of_columns() {
        let out = Out::new(Lang::Zh, false, false);
        let head = head_line(Lang::Zh);
        assert!(head.contains("标记") && head.ends_with("地址"), "{head}");
        let line = person_line(&out, &Places::new(), &progress().recipients[0]);
        assert!(line.contains("待确认") && !line.contains('\u{1b}'), "{line}");
    }
}
