//! The picture: a map of the blocks, its legend, and what the numbers say.

use super::canvas::{Anchor, Picture, Rgb};
use super::survey::{Survey, Use};
use crate::session::image::human_size;

const WIDTH: f64 = 1180.0;
const MARGIN: f64 = 30.0;
/// Where the map is, and the column to its right.
const MAP_LEFT: f64 = 96.0;
const MAP_WIDTH: f64 = 720.0;
const SIDE: f64 = 850.0;
const SIDE_WIDTH: f64 = 300.0;
const TOP: f64 = 96.0;
/// Cells in a row of the map.
const COLUMNS: u64 = 120;
/// No more rows than this: a row then stands for several groups.
const ROWS: u64 = 96;

const INK: Rgb = Rgb(0x1f, 0x23, 0x28);
const PALE: Rgb = Rgb(0x6b, 0x72, 0x80);
const LINE: Rgb = Rgb(0xd8, 0xdc, 0xe2);
const BACKGROUND: Rgb = Rgb(0xff, 0xff, 0xff);

/// Colours that stay apart for those who see red and green alike.
fn colour(kind: Use) -> Rgb {
    match kind {
        Use::Superblock => Rgb(0x33, 0x22, 0x88),
        Use::Tables => Rgb(0x7a, 0x6f, 0xb8),
        Use::Journal => Rgb(0xaa, 0x44, 0x99),
        Use::Directory => Rgb(0xdd, 0xa0, 0x20),
        Use::Small => Rgb(0x88, 0xcc, 0xee),
        Use::Medium => Rgb(0x44, 0x99, 0xcc),
        Use::Large => Rgb(0x11, 0x5f, 0x9a),
        Use::Fragmented => Rgb(0xcc, 0x33, 0x44),
        Use::Other => Rgb(0x8a, 0x8a, 0x8a),
        Use::Free => Rgb(0xee, 0xf1, 0xf4),
    }
}

/// Uses, and how many blocks have each.
type Shares = Vec<(Use, u64)>;

/// Draws what was found out.
pub fn picture(survey: &Survey, name: &str) -> Picture {
    let groups = survey.groups.len().max(1) as u64;
    let per_row = groups.div_ceil(ROWS);
    let rows = groups.div_ceil(per_row);
    let row_height = (560.0 / rows as f64).clamp(6.0, 72.0);
    let map_height = row_height * rows as f64;
    let height = (TOP + map_height + 70.0).max(TOP + 690.0);
    let mut picture = Picture::new(WIDTH, height);
    picture.rect(0.0, 0.0, WIDTH, height, BACKGROUND);
    let title = format!("Where things are in {name}");
    picture.text(MARGIN, 44.0, 22.0, INK, Anchor::Start, true, &title);
    let all = survey.blocks * survey.block_size;
    let free = survey.totals.get(&Use::Free).copied().unwrap_or(0) * survey.block_size;
    let subtitle = format!(
        "{}: {} in use, {} free; {} blocks of {} in {} groups; {} files in {} directories",
        human_size(all),
        human_size(all.saturating_sub(free)),
        human_size(free),
        survey.blocks,
        human_size(survey.block_size),
        groups,
        survey.files,
        survey.directories,
    );
    picture.text(MARGIN, 68.0, 13.0, PALE, Anchor::Start, false, &subtitle);
    map(&mut picture, survey, per_row, row_height);
    let caption = if per_row == 1 {
        "One row a block group, from the image's start to its end, left to right.".to_owned()
    } else {
        format!("One row for {per_row} block groups, from the image's start to its end.")
    };
    let below = TOP + map_height + 24.0;
    picture.text(MAP_LEFT, below, 12.0, PALE, Anchor::Start, false, &caption);
    let blocks = survey
        .groups
        .first()
        .map_or(0, |group| (group.end - group.start) * per_row / COLUMNS);
    let size = human_size(blocks.max(1) * survey.block_size);
    let cell = format!("A cell is {size}; its colours are shares of what is in it.");
    picture.text(
        MAP_LEFT,
        below + 18.0,
        12.0,
        PALE,
        Anchor::Start,
        false,
        &cell,
    );
    let mut y = legend(&mut picture, survey, TOP);
    y = sizes(&mut picture, survey, y + 34.0);
    fragmentation(&mut picture, survey, y + 34.0);
    picture
}

/// The blocks: a cell is filled, from its bottom, with the shares of what is in it.
fn map(picture: &mut Picture, survey: &Survey, per_row: u64, row_height: f64) {
    let cell_width = MAP_WIDTH / COLUMNS as f64;
    let rows: Vec<_> = survey.groups.chunks(per_row as usize).collect();
    // Labels as often as they can be read.
    let every = (14.0 / row_height).ceil().max(1.0) as usize;
    let longest = rows
        .iter()
        .filter_map(|row| Some(row.last()?.end - row.first()?.start))
        .max()
        .unwrap_or(1);
    let gap = if row_height > 12.0 { 2.0 } else { 0.5 };
    for (no, row) in rows.iter().enumerate() {
        let (Some(first), Some(last)) = (row.first(), row.last()) else {
            continue;
        };
        let y = TOP + no as f64 * row_height;
        let inner = row_height - gap;
        if no % every == 0 {
            let label = format!("group {}", no as u64 * per_row);
            let middle = y + inner / 2.0 + 4.0;
            picture.text(
                MAP_LEFT - 10.0,
                middle,
                11.0,
                PALE,
                Anchor::End,
                false,
                &label,
            );
        }
        // Cells that look the same are one rectangle.
        let mut open: Option<(f64, f64, Shares)> = None;
        for column in 0..COLUMNS {
            let from = first.start + longest * column / COLUMNS;
            let to = (first.start + longest * (column + 1) / COLUMNS).min(last.end);
            if from >= to {
                break;
            }
            let x = MAP_LEFT + column as f64 * cell_width;
            let mut shares = survey.shares(from, to);
            if let [(_, len)] = shares.as_mut_slice() {
                *len = 1;
            }
            match &mut open {
                Some((_, end, known)) if known.len() == 1 && *known == shares => {
                    *end = x + cell_width
                }
                _ => {
                    if let Some((x, end, shares)) = open.take() {
                        cell(picture, (x, end), (y, inner), &shares);
                    }
                    open = Some((x, x + cell_width, shares));
                }
            }
        }
        if let Some((x, end, shares)) = open {
            cell(picture, (x, end), (y, inner), &shares);
        }
    }
}

fn cell(
    picture: &mut Picture,
    (x, end): (f64, f64),
    (y, height): (f64, f64),
    shares: &[(Use, u64)],
) {
    let all: u64 = shares.iter().map(|(_, len)| len).sum();
    let mut top = y;
    // Free space above, used below: a row looks like a glass that is filled.
    let mut sorted = shares.to_vec();
    sorted.sort_by_key(|&(kind, _)| std::cmp::Reverse(kind));
    for (kind, len) in sorted {
        let part = height * len as f64 / all.max(1) as f64;
        picture.rect(x, top, end - x, part, colour(kind));
        top += part;
    }
}

fn heading(picture: &mut Picture, y: f64, text: &str) {
    picture.text(SIDE, y + 12.0, 14.0, INK, Anchor::Start, true, text);
    picture.rect(SIDE, y + 20.0, SIDE_WIDTH, 1.0, LINE);
}

/// What the colours mean, with sizes; where it ends.
fn legend(picture: &mut Picture, survey: &Survey, y: f64) -> f64 {
    heading(picture, y, "What is where");
    let all = survey.totals.values().sum::<u64>().max(1);
    let mut y = y + 32.0;
    for kind in Use::ALL {
        let blocks = survey.totals.get(&kind).copied().unwrap_or(0);
        picture.rect(SIDE, y, 14.0, 14.0, colour(kind));
        picture.text(
            SIDE + 22.0,
            y + 11.5,
            12.5,
            INK,
            Anchor::Start,
            false,
            kind.name(),
        );
        let size = human_size(blocks * survey.block_size);
        picture.text(SIDE + 240.0, y + 11.5, 12.5, INK, Anchor::End, false, &size);
        let share = format!("{:.1} %", 100.0 * blocks as f64 / all as f64);
        picture.text(
            SIDE + SIDE_WIDTH,
            y + 11.5,
            12.5,
            PALE,
            Anchor::End,
            false,
            &share,
        );
        y += 21.0;
    }
    y
}

/// How many files have which size; where it ends.
fn sizes(picture: &mut Picture, survey: &Survey, y: f64) -> f64 {
    heading(picture, y, "Files by size");
    let most = survey
        .classes
        .iter()
        .map(|class| class.files)
        .max()
        .unwrap_or(0)
        .max(1);
    let mut y = y + 32.0;
    for class in &survey.classes {
        let label = match class.limit {
            Some(limit) => format!("up to {}", human_size(limit)),
            None => "larger".to_owned(),
        };
        let kind = match class.limit {
            Some(limit) if limit <= 64 << 10 => Use::Small,
            Some(limit) if limit <= 1 << 20 => Use::Medium,
            _ => Use::Large,
        };
        picture.text(SIDE, y + 11.5, 12.5, INK, Anchor::Start, false, &label);
        let room = 95.0;
        picture.rect(SIDE + 100.0, y + 2.0, room, 11.0, colour(Use::Free));
        picture.rect(
            SIDE + 100.0,
            y + 2.0,
            room * class.files as f64 / most as f64,
            11.0,
            colour(kind),
        );
        let count = class.files.to_string();
        picture.text(
            SIDE + 240.0,
            y + 11.5,
            12.5,
            INK,
            Anchor::End,
            false,
            &count,
        );
        let bytes = human_size(class.bytes);
        picture.text(
            SIDE + SIDE_WIDTH,
            y + 11.5,
            12.5,
            PALE,
            Anchor::End,
            false,
            &bytes,
        );
        y += 20.0;
    }
    y
}

fn fragmentation(picture: &mut Picture, survey: &Survey, y: f64) {
    heading(picture, y, "Fragmentation");
    let percent = |part: u64, all: u64| 100.0 * part as f64 / all.max(1) as f64;
    let mean = survey.pieces as f64 / survey.with_content.max(1) as f64;
    let free = survey.totals.get(&Use::Free).copied().unwrap_or(0);
    let size = |blocks: u64| human_size(blocks * survey.block_size);
    let inodes: u64 = survey
        .groups
        .iter()
        .map(|group| u64::from(group.used_inodes))
        .sum();
    let rows = [
        (
            "files in several pieces",
            format!(
                "{} ({:.1} %)",
                survey.fragmented,
                percent(survey.fragmented, survey.with_content)
            ),
        ),
        ("pieces a file, on average", format!("{mean:.2}")),
        ("pieces of free space", survey.free_runs.to_string()),
        (
            "longest piece of free space",
            format!(
                "{} ({:.0} %)",
                size(survey.longest_free),
                percent(survey.longest_free, free)
            ),
        ),
        ("inodes in use", inodes.to_string()),
    ];
    let mut y = y + 32.0;
    for (name, value) in rows {
        picture.text(SIDE, y + 11.5, 12.5, INK, Anchor::Start, false, name);
        picture.text(
            SIDE + SIDE_WIDTH,
            y + 11.5,
            12.5,
            INK,
            Anchor::End,
            false,
            &value,
        );
        y += 20.0;
    }
}
