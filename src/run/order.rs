//! What `liveroot run` was told.

use super::stage::{Staged, Wish};
use super::view::{Bind, View};
use crate::cli;
use crate::failure::{Failure, Result};
use crate::session::options::{Settings, Shared, split};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Component, Path, PathBuf};
use std::sync::Arc;

/// Everything that `liveroot run` was told.
#[derive(Debug)]
pub struct Order {
    /// The image, and how to mount it; the mount point is filled in later unless `--at` gave it.
    pub settings: Settings,
    /// What the command sees.
    pub view: View,
    /// The command and its arguments; not empty.
    pub command: Vec<OsString>,
    /// Whether changes are kept apart until the command has succeeded.
    pub stage: Option<Wish>,
    /// What keeps them apart, once it has been prepared.
    pub staged: Option<Arc<Staged>>,
    /// Whether a shell shows what a failed command left.
    pub keep_failed: bool,
    /// Variables to set.
    pub env: Vec<(OsString, OsString)>,
}

impl Order {
    /// Reads the command line.
    ///
    /// # Errors
    /// Options that make no sense.
    pub fn from_cli(args: &cli::Run) -> Result<Order> {
        let mut settings = Settings::of(&Shared {
            image: &args.image,
            options: &args.options,
            read_only: args.read_only,
            place: args.place,
        })?;
        if let Some(most) = args.autogrow {
            settings.engine.autogrow = Some(most.unwrap_or(u64::MAX));
        }
        if settings.foreground {
            return Err(Failure::usage("run is always in the foreground")
                .remedy("leave the option foreground out"));
        }
        if settings.map.is_some() {
            return Err(
                Failure::usage("run has no map: the ids of its namespace are the image's")
                    .remedy("leave the option map out"),
            );
        }
        settings.foreground = true;
        settings.sandbox &= !args.no_sandbox;
        if let Some(stats) = &mut settings.stats {
            *stats = absolute(stats)?;
        }
        settings.mountpoint = match &args.at {
            Some(at) => at
                .canonicalize()
                .map_err(|e| Failure::of(at, e).remedy("give --at a directory that exists"))?,
            None => PathBuf::new(),
        };
        let binds = args.bind.iter().map(|text| bind(text, args.root));
        Ok(Order {
            view: View {
                mount: PathBuf::new(),
                inside: args.root,
                binds: binds.collect::<Result<_>>()?,
                resolv_conf: args.resolv_conf,
                workdir: args.workdir.clone(),
            },
            command: args.command.clone(),
            // Where nothing is changed nothing need be kept apart.
            stage: (!args.direct && !settings.flags.read_only).then(|| Wish {
                required: args.stage
                    || args.keep_failed
                    || args.scratch.is_some()
                    || args.scratch_size.is_some(),
                scratch: args.scratch.clone(),
                size: args.scratch_size,
            }),
            staged: None,
            keep_failed: args.keep_failed,
            env: variables(&args.env)?,
            settings,
        })
    }
}

fn absolute(path: &Path) -> Result<PathBuf> {
    std::path::absolute(path).map_err(|e| Failure::of(path, e))
}

/// `SRC:DST[:ro]`; a backslash keeps the character after it.
fn bind(text: &OsStr, inside: bool) -> Result<Bind> {
    let bad = |what: &str| {
        let text = text.to_string_lossy();
        Failure::usage(format!("bad --bind '{text}': {what}")).remedy("give SRC:DST or SRC:DST:ro")
    };
    let mut parts = split(text.as_bytes(), b':')
        .into_iter()
        .map(OsString::from_vec);
    let (source, target) = match (parts.next(), parts.next()) {
        (Some(source), Some(target)) if !source.is_empty() && !target.is_empty() => {
            (PathBuf::from(source), PathBuf::from(target))
        }
        _ => return Err(bad("two paths with a colon between them are needed")),
    };
    let read_only = match parts.next() {
        None => false,
        Some(mode) if mode == "ro" => true,
        Some(mode) if mode == "rw" => false,
        Some(_) => return Err(bad("after the paths only ro or rw can come")),
    };
    if parts.next().is_some() {
        return Err(bad("too many colons"));
    }
    if !target.is_absolute() {
        return Err(bad("DST must be an absolute path"));
    }
    if inside && target.components().any(|part| part == Component::ParentDir) {
        return Err(bad("DST must not contain '..'"));
    }
    let metadata = std::fs::metadata(&source).map_err(|e| {
        Failure::of(&source, e).remedy("give --bind a file or directory that exists")
    })?;
    Ok(Bind {
        source: absolute(&source)?,
        is_dir: metadata.is_dir(),
        target,
        read_only,
    })
}

/// `NAME=VALUE`, or `NAME` for the value that the caller has, if any.
fn variables(given: &[OsString]) -> Result<Vec<(OsString, OsString)>> {
    let mut variables = Vec::with_capacity(given.len());
    for text in given {
        let bytes = text.as_bytes();
        let (name, value) = match bytes.iter().position(|&b| b == b'=') {
            Some(at) => {
                let (name, rest) = bytes.split_at(at);
                let value = rest.get(1..).unwrap_or_default();
                (
                    OsStr::from_bytes(name),
                    Some(OsStr::from_bytes(value).to_owned()),
                )
            }
            None => (text.as_os_str(), std::env::var_os(text)),
        };
        if name.is_empty() {
            let text = text.to_string_lossy();
            return Err(
                Failure::usage(format!("bad --env '{text}': the name is missing"))
                    .remedy("give NAME=VALUE, or NAME alone"),
            );
        }
        variables.extend(value.map(|value| (name.to_owned(), value)));
    }
    Ok(variables)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    fn order(args: &[&str]) -> Result<Order> {
        let line = ["liveroot", "run", "image"].iter().chain(args);
        match cli::Cli::parse_from(line.chain(&["--", "true"])).command {
            cli::Command::Run(args) => Order::from_cli(&args),
            _ => unreachable!(),
        }
    }

    #[test]
    fn binds_have_two_paths_and_perhaps_a_mode() {
        let order = order(&["--bind", "/:/host:ro", "--bind", "/dev/null:/x"]).unwrap();
        let [host, x] = &order.view.binds[..] else {
            panic!()
        };
        assert_eq!(
            (host.target.as_path(), host.read_only, host.is_dir),
            (Path::new("/host"), true, true)
        );
        assert_eq!(
            (x.target.as_path(), x.read_only, x.is_dir),
            (Path::new("/x"), false, false)
        );
    }

    #[test]
    fn bad_binds_are_named() {
        for bad in [
            "/",
            "/:x",
            ":/x",
            "/:/x:rx",
            "/:/x:ro:y",
            "/missing-file:/x",
        ] {
            let error = order(&["--bind", bad]).unwrap_err().to_string();
            assert!(error.contains("--bind"), "{bad}: {error}");
        }
        assert!(order(&["--root", "--bind", "/:/a/../.."]).is_err());
    }

    #[test]
    fn variables_are_set_or_handed_over() {
        let env = order(&["--env", "A=b=c", "--env", "HOME", "--env", "NO_SUCH_NAME"])
            .unwrap()
            .env;
        assert_eq!(env[0], ("A".into(), "b=c".into()));
        assert_eq!(env[1].0, "HOME");
        assert_eq!(env.len(), 2);
        assert!(order(&["--env", "=x"]).is_err());
    }
}
