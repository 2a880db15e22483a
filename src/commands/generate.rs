//! `liveroot generate` (hidden): manual pages and shell completions, for packagers.

use crate::cli::{self, Cli};
use crate::failure::{Failure, Result};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::{
    Man,
    roff::{Roff, bold},
};
use lwext4::ondisk::features::{APART, Feature, Support, TABLE};
use std::fs;
use std::io::{self, Write as _};
use std::path::Path;

/// Writes `man/*.1` and `completions/*` below a directory.
pub fn run(args: &cli::Generate) -> Result<()> {
    let failed = |error| Failure::of(&args.directory, error);
    write_pages(&args.directory.join("man")).map_err(failed)?;
    let completions = args.directory.join("completions");
    fs::create_dir_all(&completions).map_err(failed)?;
    for &shell in Shell::value_variants() {
        clap_complete::generate_to(shell, &mut Cli::command(), "liveroot", &completions)
            .map_err(failed)?;
    }
    Ok(())
}

fn write_pages(directory: &Path) -> io::Result<()> {
    fs::create_dir_all(directory)?;
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let visible = program.get_subcommands().filter(|sub| !sub.is_hide_set());
    for command in visible.chain([&program]) {
        let name = command
            .get_display_name()
            .unwrap_or(command.get_name())
            .to_owned();
        let mut page = Vec::new();
        let version = command.get_version().unwrap_or_default();
        let man = Man::new(command.clone()).source(format!("liveroot {version}"));
        man.render_title(&mut page)?;
        man.render_name_section(&mut page)?;
        man.render_synopsis_section(&mut page)?;
        man.render_description_section(&mut page)?;
        man.render_options_section(&mut page)?;
        if command.has_subcommands() {
            man.render_subcommands_section(&mut page)?;
        }
        let notes = command
            .get_after_long_help()
            .or(command.get_after_help())
            .map(ToString::to_string);
        page.write_all(roff(&notes.unwrap_or_default()).to_roff().as_bytes())?;
        if name == "liveroot-mount" {
            page.write_all(features().to_roff().as_bytes())?;
        }
        fs::write(directory.join(format!("{name}.1")), page)?;
    }
    Ok(())
}

/// How far the engine goes with each feature of ext4: from its table.
fn features() -> Roff {
    let mut roff = Roff::default();
    roff.control("SH", ["FEATURES OF EXT4"]);
    let mut list = |heading: &str, rows: Vec<String>| {
        roff.control("TP", []);
        roff.text([bold(heading)]);
        roff.text([rows.join("; ").into()]);
    };
    let named = |feature: &Feature, why: &str| match why {
        "" => feature.name.to_owned(),
        why => format!("{} ({why})", feature.name),
    };
    let rows = |wanted: fn(Support) -> Option<&'static str>| -> Vec<String> {
        let found = TABLE
            .iter()
            .filter_map(|row| Some((row, wanted(row.support)?)));
        found.map(|(row, why)| named(row, why)).collect()
    };
    list(
        "read and written",
        rows(|support| (support == Support::ReadWrite).then_some("")),
    );
    let apart = APART.iter().filter_map(|(one, other, why)| {
        let name = |bit| TABLE.iter().find(|row| row.bit == bit).map(|row| row.name);
        Some(format!("{} with {} ({why})", name(*one)?, name(*other)?))
    });
    let read = rows(|support| match support {
        Support::ReadOnly(why) => Some(why),
        _ => None,
    });
    list("only read", read.into_iter().chain(apart).collect());
    list(
        "refused",
        rows(|support| match support {
            Support::Refused(why) => Some(why),
            _ => None,
        }),
    );
    roff
}

/// What help prints below the options: each line that ends with a colon and is not indented heads a
/// section, whose lines stay as they are.
fn roff(notes: &str) -> Roff {
    let mut roff = Roff::default();
    for line in notes.lines() {
        match line.strip_suffix(':').filter(|_| !line.starts_with(' ')) {
            Some(heading) => {
                roff.control("SH", [heading.to_uppercase().as_str()]);
                roff.control("nf", []);
            }
            None => {
                roff.text([line.into()]);
            }
        }
    }
    roff
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manual_has_every_feature() {
        let page = features().to_roff();
        for row in TABLE {
            let name = row.name.replace('-', "\\-");
            assert!(page.contains(&name), "{name} in {page}");
        }
        assert!(page.contains(".SH \"FEATURES OF EXT4\""), "{page}");
    }
}
