//! `ls -l`: a line a file, in columns as wide as they need be.

use super::{Row, mark};
use crate::cli;
use crate::direct::mode::letters;
use crate::direct::names::Names;
use crate::direct::output::{Out, human};
use crate::direct::time;
use crate::failure::Result;
use lwext4::{FileType, Timestamp};

/// Texts of one line.
struct Line {
    inode: String,
    blocks: String,
    links: String,
    owner: String,
    group: String,
    /// A size, or the two numbers of a device.
    size: Size,
}

enum Size {
    Bytes(String),
    Device(String, String),
}

/// Prints the lines.
pub(super) fn print(out: &mut Out, args: &cli::Ls, names: &Names, rows: &[Row]) -> Result<()> {
    let lines: Vec<Line> = rows.iter().map(|row| line(args, names, row)).collect();
    let width = |text: fn(&Line) -> &str| lines.iter().map(|l| text(l).len()).max().unwrap_or(0);
    let inode = width(|l| &l.inode);
    let blocks = width(|l| &l.blocks);
    let links = width(|l| &l.links);
    let owner = width(|l| &l.owner);
    let group = width(|l| &l.group);
    let (mut size, mut major, mut minor) = (0, 0, 0);
    for line in &lines {
        match &line.size {
            Size::Bytes(text) => size = size.max(text.len()),
            Size::Device(a, b) => (major, minor) = (major.max(a.len()), minor.max(b.len())),
        }
    }
    if major > 0 {
        size = size.max(major + 2 + minor);
        major = major.max(size.saturating_sub(minor + 2));
    }
    // As ls: one line with an ACL makes room for the mark in all.
    let acl = rows.iter().any(|row| row.acl);
    let now = Timestamp::now();
    for (row, line) in rows.iter().zip(&lines) {
        if args.inode {
            out.text(&format!("{:>inode$} ", line.inode))?;
        }
        if args.size {
            out.text(&format!("{:>blocks$} ", line.blocks))?;
        }
        let plus = match (acl, row.acl) {
            (false, _) => "",
            (true, true) => "+",
            (true, false) => " ",
        };
        let sizes = match &line.size {
            Size::Bytes(text) => format!("{text:>size$}"),
            Size::Device(a, b) => format!("{a:>major$}, {b:>minor$}"),
        };
        let (left, right) = if args.numeric_uid_gid {
            (
                format!("{:>owner$}", line.owner),
                format!("{:>group$}", line.group),
            )
        } else {
            (
                format!("{:<owner$}", line.owner),
                format!("{:<group$}", line.group),
            )
        };
        out.text(&format!(
            "{}{plus} {:>links$} {left} {right} {sizes} {} ",
            letters(row.attr.file_type, row.attr.perm),
            line.links,
            time::short(row.attr.mtime, now),
        ))?;
        out.name(&row.name)?;
        if let Some(target) = &row.target {
            out.text(" -> ")?;
            out.name(target)?;
            if let Some(led) = row.led.filter(|_| args.classify) {
                out.text(mark(&led))?;
            }
        } else if args.classify {
            out.text(mark(&row.attr))?;
        }
        out.bytes(b"\n")?;
    }
    Ok(())
}

fn line(args: &cli::Ls, names: &Names, row: &Row) -> Line {
    let attr = &row.attr;
    let named = |name: Option<&str>, id: u32| match name {
        Some(name) if !args.numeric_uid_gid => name.chars().filter(|c| !c.is_control()).collect(),
        _ => id.to_string(),
    };
    let blocks = attr.sectors.saturating_mul(512);
    Line {
        inode: attr.ino.0.to_string(),
        blocks: if args.human_readable {
            human(blocks)
        } else {
            blocks.div_ceil(1024).to_string()
        },
        links: attr.nlink.to_string(),
        owner: named(names.user(attr.uid), attr.uid),
        group: named(names.group(attr.gid), attr.gid),
        size: match attr.file_type {
            FileType::CharDevice | FileType::BlockDevice => {
                Size::Device(attr.device.0.to_string(), attr.device.1.to_string())
            }
            _ if args.human_readable => Size::Bytes(human(attr.size)),
            _ => Size::Bytes(attr.size.to_string()),
        },
    }
}
