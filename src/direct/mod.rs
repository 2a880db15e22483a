//! Commands on an image that is not mounted: `ls`, `cp`, `rm` and the like.
//!
//! [`address`] tells `IMAGE:/path` from a path of the host; [`opened`] opens images, for reading or
//! for one transaction; [`resolve`] finds paths inside an image, [`glob`] patterns of them; [`walk`]
//! goes through directories; [`names`] knows the image's users; [`mode`], [`time`] and [`output`]
//! read and write what people do. [`tree`] is one view on files of the host and of an image, from
//! which [`copy_in`] copies into an image; [`copy_out`] copies to the host.

pub mod address;
pub mod change;
pub mod copy;
pub mod copy_in;
pub mod copy_out;
pub mod destination;
pub mod facts;
pub mod glob;
pub mod maker;
pub mod mode;
pub mod names;
pub mod opened;
pub mod output;
pub mod remove;
pub mod resolve;
pub mod time;
pub mod tree;
pub mod walk;
