//! Results in columns.

use crate::text::visible_line;

/// How the cells of a column are aligned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::cli) enum Align {
    /// Texts.
    Left,
    /// Numbers.
    Right,
}

/// The lines of a table: each row with its cells below those of the row above.
pub(in crate::cli) fn table<const N: usize>(align: [Align; N], rows: Vec<[String; N]>) -> Vec<String> {
    // Text from outside takes as many columns as it is shown with.
    let rows: Vec<_> =
        rows.into_iter().map(|row| row.map(|cell| visible_line(&cell).replace('\t', " "))).collect();
    let mut widths = [0; N];
    for row in &rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let line = |row: &[String; N]| {
        let cells = row.iter().zip(widths).zip(align).map(|((cell, width), align)| match align {
            Align::Left => format!("{cell:width$}"),
            Align::Right => format!("{cell:>width$}"),
        });
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cells_are_below_each_other() {
        let row = |cells: [&str; 3]| cells.map(str::to_owned);
        let rows = vec![row(["NAME", "SIZE", ""]), row(["a\x1b", "1 B", "x"]), row(["ü", "10 kB", ""])];
        let expected = ["NAME      SIZE", "a\\u{1b}    1 B  x", "ü        10 kB"];
        assert_eq!(table([Align::Left, Align::Right, Align::Left], rows), expected);
    }
}
