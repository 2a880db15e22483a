//! Choosing an image among those that a layout or archive holds, and finding its layers.

use super::archive::Blobs;
use super::verify::Wanted;
use crate::failure::{Failure, Result};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use std::collections::HashMap;

/// Indexes below each other at most.
const DEPTH: u32 = 4;
const NAME: &str = "org.opencontainers.image.ref.name";
/// What containerd and Docker call the image.
const FULL_NAME: &str = "io.containerd.image.name";

/// What a container's image runs on: `OS/ARCHITECTURE[/VARIANT]`.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Platform {
    /// As Go calls it: `linux`.
    pub os: String,
    /// As Go calls it: `amd64`, `arm64`.
    pub architecture: String,
    /// `v7`, `v8`, …
    pub variant: Option<String>,
}

impl Platform {
    /// From `OS/ARCHITECTURE[/VARIANT]`.
    ///
    /// # Errors
    /// Something else.
    pub fn parse(text: &str) -> Result<Platform, String> {
        let parts: Vec<&str> = text.split('/').collect();
        let (os, architecture, variant) = match parts[..] {
            [os, architecture] => (os, architecture, None),
            [os, architecture, variant] => (os, architecture, Some(variant.to_owned())),
            _ => return Err("not of the form OS/ARCHITECTURE, like linux/arm64".into()),
        };
        Ok(Platform {
            os: os.to_owned(),
            architecture: architecture.to_owned(),
            variant,
        })
    }

    /// This machine's.
    fn host() -> Platform {
        let architecture = match std::env::consts::ARCH {
            "x86_64" => "amd64",
            "aarch64" => "arm64",
            "x86" => "386",
            other => other,
        };
        Platform {
            os: "linux".into(),
            architecture: architecture.into(),
            variant: None,
        }
    }

    /// Whether it is what `wanted` asks for.
    fn fits(&self, wanted: &Platform) -> bool {
        self.os == wanted.os
            && self.architecture == wanted.architecture
            && (wanted.variant.is_none() || wanted.variant == self.variant)
    }
}

impl std::fmt::Display for Platform {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}/{}", self.os, self.architecture)?;
        match &self.variant {
            Some(variant) => write!(f, "/{variant}"),
            None => Ok(()),
        }
    }
}

/// Which image is wanted.
#[derive(Clone, Debug, Default)]
pub struct Choice {
    /// For what platform; this machine's if there are several.
    pub platform: Option<Platform>,
    /// By what name.
    pub name: Option<String>,
}

#[derive(Deserialize)]
struct Descriptor {
    #[serde(rename = "mediaType", default)]
    media_type: String,
    digest: String,
    platform: Option<Platform>,
    #[serde(default)]
    annotations: HashMap<String, String>,
}

/// An index or a manifest: which one, its fields tell.
#[derive(Deserialize)]
struct Document {
    #[serde(default)]
    manifests: Vec<Descriptor>,
    config: Option<Descriptor>,
    #[serde(default)]
    layers: Vec<Descriptor>,
}

#[derive(Deserialize)]
struct Config {
    os: Option<String>,
    architecture: Option<String>,
}

#[derive(Deserialize)]
struct Saved {
    #[serde(rename = "Config")]
    config: String,
    #[serde(rename = "RepoTags", default)]
    tags: Option<Vec<String>>,
    #[serde(rename = "Layers")]
    layers: Vec<String>,
}

#[derive(Deserialize)]
struct SavedConfig {
    rootfs: RootFs,
}

#[derive(Deserialize)]
struct RootFs {
    diff_ids: Vec<String>,
}

/// A layer: where it is, and what its digest must be.
#[derive(Clone, Debug)]
pub struct Layer {
    /// The part that it is in.
    pub path: String,
    /// The digest of the part.
    pub digest: Option<Wanted>,
    /// The digest of the tar in it, decompressed.
    pub diff_id: Option<Wanted>,
}

/// The layers of the image that is wanted, the lowest first.
///
/// # Errors
/// There is none, or there are several, or one of a kind that is not known.
pub fn layers_of(blobs: &Blobs, choice: &Choice) -> Result<Vec<Layer>> {
    if let Some(bytes) = blobs.document("index.json")? {
        let index: Document = parse(blobs, "index.json", &bytes)?;
        return choose(blobs, &index.manifests, choice, 0);
    }
    match blobs.document("manifest.json")? {
        Some(bytes) => saved(
            blobs,
            &parse::<Vec<Saved>>(blobs, "manifest.json", &bytes)?,
            choice,
        ),
        None => Err(Failure::of(
            blobs.name(),
            "no image of a container: neither index.json nor manifest.json is in it",
        )),
    }
}

fn parse<T: DeserializeOwned>(blobs: &Blobs, path: &str, bytes: &[u8]) -> Result<T> {
    serde_json::from_slice(bytes)
        .map_err(|error| Failure::of(blobs.name(), format!("{path}: {error}")))
}

fn digest(blobs: &Blobs, text: &str) -> Result<Wanted> {
    Wanted::parse(text).map_err(|what| Failure::of(blobs.name(), what))
}

/// A document by its digest.
fn fetch<T: DeserializeOwned>(blobs: &Blobs, text: &str) -> Result<T> {
    let wanted = digest(blobs, text)?;
    let path = wanted.path();
    let missing =
        || Failure::of(blobs.name(), format!("{path} is missing")).remedy("get a complete copy");
    let bytes = blobs.document(&path)?.ok_or_else(missing)?;
    if !wanted.fits(&bytes) {
        return Err(Failure::of(
            blobs.name(),
            format!("{path}: damaged: it has another digest"),
        ));
    }
    parse(blobs, &path, &bytes)
}

fn choose(
    blobs: &Blobs,
    manifests: &[Descriptor],
    choice: &Choice,
    depth: u32,
) -> Result<Vec<Layer>> {
    if depth > DEPTH {
        return Err(Failure::of(
            blobs.name(),
            "indexes below each other without end",
        ));
    }
    // Attestations are for nobody's platform.
    let real = |d: &&Descriptor| d.platform.as_ref().is_none_or(|p| p.os != "unknown");
    let mut candidates: Vec<&Descriptor> = manifests.iter().filter(real).collect();
    if let (Some(name), 0) = (&choice.name, depth) {
        candidates.retain(|d| named(d, name));
    }
    let fits =
        |d: &&Descriptor, wanted: &Platform| d.platform.as_ref().is_none_or(|p| p.fits(wanted));
    if let Some(wanted) = &choice.platform {
        candidates.retain(|d| fits(d, wanted));
    } else if candidates.len() > 1 {
        let host = Platform::host();
        let here: Vec<_> = candidates
            .iter()
            .copied()
            .filter(|d| fits(d, &host))
            .collect();
        if !here.is_empty() {
            candidates = here;
        }
    }
    candidates.dedup_by(|a, b| a.digest == b.digest);
    match candidates[..] {
        [one] => resolve(blobs, one, choice, depth),
        [] => Err(none_fits(blobs, manifests)),
        _ => Err(Failure::of(
            blobs.name(),
            format!("holds several images: {}", list(&candidates)),
        )
        .remedy("choose one with --image NAME or --platform OS/ARCHITECTURE")),
    }
}

fn named(descriptor: &Descriptor, name: &str) -> bool {
    let names = [NAME, FULL_NAME].map(|key| descriptor.annotations.get(key));
    names.into_iter().flatten().any(|found| {
        found == name
            || found.ends_with(&format!("/{name}"))
            || found.ends_with(&format!("/{name}:latest"))
    })
}

fn none_fits(blobs: &Blobs, manifests: &[Descriptor]) -> Failure {
    let all: Vec<&Descriptor> = manifests.iter().collect();
    let what = match all.len() {
        0 => "holds no image".to_owned(),
        _ => format!("holds no such image, but: {}", list(&all)),
    };
    Failure::of(blobs.name(), what)
}

fn list(candidates: &[&Descriptor]) -> String {
    let shown = candidates.iter().map(|d| {
        let name = d.annotations.get(FULL_NAME).or(d.annotations.get(NAME));
        let platform = d.platform.as_ref().map(ToString::to_string);
        match (name, platform) {
            (Some(name), Some(platform)) => format!("{name} ({platform})"),
            (Some(name), None) => name.clone(),
            (None, Some(platform)) => platform,
            (None, None) => d.digest.clone(),
        }
    });
    shown.collect::<Vec<_>>().join(", ")
}

fn resolve(
    blobs: &Blobs,
    descriptor: &Descriptor,
    choice: &Choice,
    depth: u32,
) -> Result<Vec<Layer>> {
    let document: Document = fetch(blobs, &descriptor.digest)?;
    if document.config.is_none() && !document.manifests.is_empty() {
        return choose(blobs, &document.manifests, choice, depth + 1);
    }
    if let (Some(wanted), Some(config)) = (&choice.platform, &document.config)
        && descriptor.platform.is_none()
    {
        check_platform(blobs, &config.digest, wanted)?;
    }
    let layers = document.layers.iter().map(|layer| {
        if layer.media_type.contains("encrypted") {
            return Err(Failure::of(
                blobs.name(),
                format!("{}: an encrypted layer", layer.digest),
            ));
        }
        let wanted = digest(blobs, &layer.digest)?;
        Ok(Layer {
            path: wanted.path(),
            digest: Some(wanted),
            diff_id: None,
        })
    });
    layers.collect()
}

/// Fails when the image's own configuration names another platform.
fn check_platform(blobs: &Blobs, config: &str, wanted: &Platform) -> Result<()> {
    let config: Config = fetch(blobs, config)?;
    let Config {
        os: Some(os),
        architecture: Some(architecture),
    } = config
    else {
        return Ok(());
    };
    let found = Platform {
        os,
        architecture,
        variant: wanted.variant.clone(),
    };
    if found.fits(wanted) {
        return Ok(());
    }
    let what = format!("holds an image for {}/{}", found.os, found.architecture);
    Err(Failure::of(blobs.name(), what).remedy(format!("it is not one for {wanted}")))
}

/// The layers of an image as Docker saved it before version 25.
fn saved(blobs: &Blobs, images: &[Saved], choice: &Choice) -> Result<Vec<Layer>> {
    let tags = |image: &Saved| image.tags.clone().unwrap_or_default();
    let fits = |image: &&Saved| {
        choice.name.as_ref().is_none_or(|name| {
            tags(image)
                .iter()
                .any(|tag| tag == name || *tag == format!("{name}:latest"))
        })
    };
    let candidates: Vec<&Saved> = images.iter().filter(fits).collect();
    let image = match candidates[..] {
        [image] => image,
        _ => {
            let names: Vec<String> = images.iter().flat_map(tags).collect();
            let count = if candidates.is_empty() {
                "no such image, but"
            } else {
                "several images"
            };
            let what = format!("holds {count}: {}", names.join(", "));
            return Err(Failure::of(blobs.name(), what).remedy("choose one with --image NAME"));
        }
    };
    let missing = || Failure::of(blobs.name(), format!("{} is missing", image.config));
    let bytes = blobs.document(&image.config)?.ok_or_else(missing)?;
    let config: SavedConfig = parse(blobs, &image.config, &bytes)?;
    let diff_ids = config.rootfs.diff_ids;
    if diff_ids.len() != image.layers.len() {
        return Err(Failure::of(
            blobs.name(),
            "damaged: not as many digests as layers",
        ));
    }
    if let Some(wanted) = &choice.platform {
        let found: Config = parse(blobs, &image.config, &bytes)?;
        let os = found.os.as_deref() == Some(&wanted.os);
        if !os || found.architecture.as_deref() != Some(&wanted.architecture) {
            return Err(Failure::of(
                blobs.name(),
                format!("holds no image for {wanted}"),
            ));
        }
    }
    let layers = image.layers.iter().zip(&diff_ids).map(|(path, diff_id)| {
        Ok(Layer {
            path: path.clone(),
            digest: None,
            diff_id: Some(digest(blobs, diff_id)?),
        })
    });
    layers.collect()
}
