//! `liveroot generate` (hidden): manual pages and shell completions, for packagers.

use crate::cli::{self, Cli};
use crate::failure::{Failure, Result};
use clap::{CommandFactory, ValueEnum};
use clap_complete::Shell;
use clap_mangen::{Man, roff::Roff};
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
        fs::write(directory.join(format!("{name}.1")), page)?;
    }
    Ok(())
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
