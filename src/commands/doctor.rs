//! `liveroot doctor`

use crate::cli;
use crate::doctor::verdict::{self, WAYS};
use crate::doctor::{Facts, gather};
use crate::failure::{Failure, Result};
use serde_json::{Value, json};
use std::io::{self, Write};

/// Looks at the machine, and says which ways of working it allows.
pub fn run(args: &cli::Doctor) -> Result<()> {
    let facts = gather::facts();
    let text = if args.json {
        format!("{:#}\n", as_json(&facts))
    } else {
        as_text(&facts)
    };
    io::stdout()
        .write_all(text.as_bytes())
        .map_err(|e| Failure::new(format!("writing the report: {e}")))?;
    if verdict::any_works(&facts) {
        return Ok(());
    }
    Err(Failure::new("neither mount nor run works here")
        .remedy("open one of the ways above by its command"))
}

fn as_text(facts: &Facts) -> String {
    let mut text = String::from("This machine:\n");
    for (label, value) in facts.lines() {
        text.push_str(&format!("  {label:<47}{value}\n"));
    }
    text.push_str("\nWays of working:\n");
    for way in WAYS {
        match verdict::judge(facts, way) {
            Ok(()) => text.push_str(&format!("  yes  {}\n", way.name())),
            Err(obstacle) => text.push_str(&format!(
                "  no   {}: {}\n         {}\n",
                way.name(),
                obstacle.why,
                obstacle.remedy
            )),
        }
    }
    text
}

fn as_json(facts: &Facts) -> Value {
    let ways = WAYS.map(|way| {
        let obstacle = verdict::judge(facts, way).err();
        json!({
            "way": way,
            "name": way.name(),
            "works": obstacle.is_none(),
            "why": obstacle.as_ref().map(|o| &o.why),
            "remedy": obstacle.as_ref().map(|o| &o.remedy),
        })
    });
    json!({ "facts": facts, "ways": ways, "any_works": verdict::any_works(facts) })
}
