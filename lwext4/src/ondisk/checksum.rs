//! The checksums of the format.

/// CRC-32C (Castagnoli) as ext4 chains it: `seed` is the running value, never inverted at the ends.
///
/// Start with `!0` for a fresh sum.
pub fn crc32c(seed: u32, bytes: &[u8]) -> u32 {
    // The crate inverts its input and output; ext4 does not.
    !crc32c::crc32c_append(!seed, bytes)
}

/// CRC-16 (ARC polynomial, reflected) that group descriptors carry with the feature `uninit_bg`.
pub fn crc16(seed: u16, bytes: &[u8]) -> u16 {
    bytes.iter().fold(seed, |crc, &byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| {
            if crc & 1 == 1 {
                (crc >> 1) ^ 0xA001
            } else {
                crc >> 1
            }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn crc32c_chains_without_inversion() {
        // Check value of CRC-32C for "123456789" is E3069283 with inversion at both ends.
        assert_eq!(!crc32c(!0, b"123456789"), 0xE306_9283);
        assert_eq!(
            crc32c(crc32c(!0, b"1234"), b"56789"),
            crc32c(!0, b"123456789")
        );
    }

    #[test]
    fn crc16_has_the_arc_check_value() {
        assert_eq!(crc16(0, b"123456789"), 0xBB3D);
    }
}
