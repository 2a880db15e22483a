//! `ls` without `-l`: names, on a terminal in columns.

use super::{Row, mark};
use crate::cli;
use crate::direct::output::Out;
use crate::failure::Result;

/// Spaces between columns.
const GAP: usize = 2;

/// Prints names: in columns, downwards, where people look at them.
pub(super) fn print(out: &mut Out, args: &cli::Ls, rows: &[Row]) -> Result<()> {
    let inodes = rows
        .iter()
        .map(|row| row.attr.ino.0.to_string().len())
        .max();
    let blocks = |row: &Row| (row.attr.sectors / 2).to_string();
    let sizes = rows.iter().map(|row| blocks(row).len()).max();
    let cells: Vec<Vec<u8>> = rows
        .iter()
        .map(|row| {
            let mut cell = String::new();
            if args.inode {
                cell.push_str(&format!("{:>1$} ", row.attr.ino.0, inodes.unwrap_or(0)));
            }
            if args.size {
                cell.push_str(&format!("{:>1$} ", blocks(row), sizes.unwrap_or(0)));
            }
            let mut cell = cell.into_bytes();
            cell.extend(out.shown(&row.name));
            if args.classify {
                cell.extend_from_slice(mark(&row.attr).as_bytes());
            }
            cell
        })
        .collect();
    if args.one || !out.terminal {
        for cell in cells {
            out.bytes(&cell)?;
            out.bytes(b"\n")?;
        }
        return Ok(());
    }
    let width = |cell: &[u8]| String::from_utf8_lossy(cell).chars().count();
    let widths: Vec<usize> = cells.iter().map(|cell| width(cell)).collect();
    let lines = lines_for(&widths, terminal_width());
    let columns: Vec<usize> = widths
        .chunks(lines)
        .map(|column| column.iter().max().copied().unwrap_or(0))
        .collect();
    for line in 0..lines {
        let in_line: Vec<usize> = (line..cells.len()).step_by(lines).collect();
        for (column, &at) in in_line.iter().enumerate() {
            let (Some(cell), Some(&own)) = (cells.get(at), widths.get(at)) else {
                continue;
            };
            out.bytes(cell)?;
            if column + 1 < in_line.len() {
                let wide = columns.get(column).copied().unwrap_or(own);
                out.bytes(&vec![b' '; wide - own + GAP])?;
            }
        }
        out.bytes(b"\n")?;
    }
    Ok(())
}

/// The fewest lines that names of these widths need.
fn lines_for(widths: &[usize], room: usize) -> usize {
    let fits = |lines: usize| {
        let columns = widths
            .chunks(lines)
            .map(|c| c.iter().max().unwrap_or(&0) + GAP);
        columns.sum::<usize>() <= room + GAP
    };
    (1..widths.len())
        .find(|&lines| fits(lines))
        .unwrap_or(widths.len().max(1))
}

fn terminal_width() -> usize {
    let asked = std::env::var("COLUMNS")
        .ok()
        .and_then(|text| text.parse().ok());
    asked
        .or_else(|| {
            let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
            Some(usize::from(size.ws_col))
        })
        .filter(|&columns| columns > 0)
        .unwrap_or(80)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_fill_the_width() {
        assert_eq!(lines_for(&[5, 5, 5, 5], 80), 1);
        assert_eq!(lines_for(&[5, 5, 5, 5], 12), 2);
        assert_eq!(lines_for(&[50, 5], 20), 2);
        assert_eq!(lines_for(&[], 80), 1);
    }
}
