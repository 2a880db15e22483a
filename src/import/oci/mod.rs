//! Images of containers: an OCI layout (a directory, or a tar of one) or what `docker save` writes.
//! Sources: OCI image specification 1.1 (layout, index, manifest, layers); Docker image specification 1.2.

mod archive;
mod layers;
mod manifest;
mod verify;

pub use archive::{Blobs, looks_like_image};
pub use layers::Layers;
pub use manifest::{Choice, Platform, layers_of};
