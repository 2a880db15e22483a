//! The CRC-32 of version-1 checksums: polynomial 04C11DB7, most significant bit first.

const TABLE: [u32; 256] = table();

const fn table() -> [u32; 256] {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut crc = (byte as u32) << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc >> 31 == 1 { 0x04C1_1DB7 } else { 0 };
            bit += 1;
        }
        table[byte] = crc;
        byte += 1;
    }
    table
}

/// Continues the sum `seed` with `bytes`. A fresh sum starts with `!0`; nothing is inverted.
pub fn crc32_be(seed: u32, bytes: &[u8]) -> u32 {
    bytes.iter().fold(seed, |crc, &byte| {
        (crc << 8) ^ TABLE[usize::from((crc >> 24) as u8 ^ byte)]
    })
}

#[cfg(test)]
mod tests {
    use super::crc32_be;

    #[test]
    fn it_has_the_check_value_of_crc32_bzip2() {
        // CRC-32/BZIP2 is this sum, inverted at the end.
        assert_eq!(!crc32_be(!0, b"123456789"), 0xFC89_1918);
        assert_eq!(
            crc32_be(crc32_be(!0, b"123"), b"456789"),
            crc32_be(!0, b"123456789")
        );
    }
}
