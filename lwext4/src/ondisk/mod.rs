//! The structures of the disk format: bytes in, values out, and back. No I/O happens here.
//!
//! Source: the kernel's documentation, "ext4 Data Structures and Algorithms"
//! (Documentation/filesystems/ext4). All numbers are little-endian unless a module says otherwise
//! (the journal is big-endian).

pub mod acl;
pub mod checksum;
pub mod dirent;
pub mod dx;
pub mod extent;
pub mod features;
pub mod group_desc;
pub mod inode;
pub mod jbd2;
pub mod mmp;
pub(crate) mod orphan_file;
pub mod quota;
pub mod superblock;
pub mod xattr;

/// A little-endian integer inside a structure.
pub(crate) trait Le: Sized + Copy {
    /// The integer at byte `at`; 0 when the structure ends before it.
    fn get(bytes: &[u8], at: usize) -> Self;
    /// Stores the integer at byte `at`; nothing happens when the structure ends before it.
    fn put(self, bytes: &mut [u8], at: usize);
}

macro_rules! little_endian {
    ($($ty:ty),*) => {$(
        impl Le for $ty {
            #[inline]
            fn get(bytes: &[u8], at: usize) -> Self {
                match bytes.get(at..).and_then(|tail| tail.first_chunk()) {
                    Some(chunk) => <$ty>::from_le_bytes(*chunk),
                    None => 0,
                }
            }
            #[inline]
            fn put(self, bytes: &mut [u8], at: usize) {
                if let Some(chunk) = bytes.get_mut(at..).and_then(|tail| tail.first_chunk_mut()) {
                    *chunk = self.to_le_bytes();
                }
            }
        }
    )*};
}
little_endian!(u8, u16, u32, u64);

/// Declares getters and setters for little-endian fields of a structure that keeps its raw bytes in
/// a field `bytes`: `offset type getter setter;`.
macro_rules! le_fields {
    ($name:ident { $($(#[$meta:meta])* $at:literal $ty:ty, $get:ident, $set:ident;)* }) => {
        impl $name {
            $(
                $(#[$meta])*
                #[inline]
                pub fn $get(&self) -> $ty {
                    <$ty as $crate::ondisk::Le>::get(&self.bytes[..], $at)
                }
                #[doc = concat!("Sets [`Self::", stringify!($get), "`].")]
                #[inline]
                pub fn $set(&mut self, value: $ty) {
                    <$ty as $crate::ondisk::Le>::put(value, &mut self.bytes[..], $at)
                }
            )*
        }
    };
}
pub(crate) use le_fields;
