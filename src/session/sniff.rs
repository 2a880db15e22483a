//! What a file is when it is not an ext4 image, for the error message.

use lwext4::BlockDevice;

/// The name of what should be an ext4 image after all: it has the magic number.
pub const EXT4: &str = "a damaged ext4 image";

/// (byte in the file, what is there, what that makes the file).
const SIGNATURES: &[(u64, &[u8], &str)] = &[
    (
        0,
        b"QFI\xfb",
        "a qcow2 disk (convert it: qemu-img convert -O raw)",
    ),
    (
        0,
        b"KDMV",
        "a VMDK disk (convert it: qemu-img convert -O raw)",
    ),
    (
        0,
        b"vhdxfile",
        "a VHDX disk (convert it: qemu-img convert -O raw)",
    ),
    (
        0,
        b"conectix",
        "a VHD disk (convert it: qemu-img convert -O raw)",
    ),
    (
        0,
        b"\x3a\xff\x26\xed",
        "an Android sparse image (convert it: simg2img)",
    ),
    (0, b"\x1f\x8b", "compressed with gzip (unpack it: gunzip)"),
    (0, b"\xfd7zXZ\0", "compressed with xz (unpack it: unxz)"),
    (
        0,
        b"\x28\xb5\x2f\xfd",
        "compressed with zstd (unpack it: unzstd)",
    ),
    (0, b"BZh", "compressed with bzip2 (unpack it: bunzip2)"),
    (0, b"PK\x03\x04", "a zip archive"),
    (0, b"hsqs", "a squashfs image"),
    (0, b"XFSB", "an XFS image"),
    (0, b"LUKS\xba\xbe", "encrypted with LUKS"),
    (0, b"\x7fELF", "a program"),
    (3, b"NTFS    ", "an NTFS image"),
    (
        257,
        b"ustar",
        "a tar archive (create an image and unpack it there)",
    ),
    (512, b"LABELONE", "an LVM physical volume"),
    (1024, b"\xe2\xe1\xf5\xe0", "an EROFS image"),
    (1024, b"\x10\x20\xf5\xf2", "an F2FS image"),
    (4086, b"SWAPSPACE2", "a swap area"),
    (32769, b"CD001", "an ISO 9660 image"),
    (65600, b"_BHRfS_M", "a Btrfs image"),
];

/// Names what `device` holds, if that is known.
pub fn name(device: &dyn BlockDevice) -> Option<&'static str> {
    SIGNATURES.iter().find_map(|&(at, signature, name)| {
        let mut bytes = [0; 10];
        let bytes = bytes.get_mut(..signature.len())?;
        (device.read_at(bytes, at).is_ok() && bytes == signature).then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use lwext4::MemDevice;

    #[test]
    fn known_files_are_named() {
        let device = MemDevice::new(70_000);
        assert_eq!(name(&device), None);
        device.write_at(b"CD001", 32769).unwrap();
        assert_eq!(name(&device), Some("an ISO 9660 image"));
        assert_eq!(name(&MemDevice::new(1)), None);
    }

    #[test]
    fn signatures_fit_the_buffer() {
        assert!(
            SIGNATURES
                .iter()
                .all(|(_, signature, _)| signature.len() <= 10)
        );
    }
}
