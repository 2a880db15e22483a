//! Values as people write them: sizes, percentages, owners, UUIDs.

/// A number of bytes: digits, then nothing or one of K, M, G, T (powers of 1024), then nothing, B or iB.
pub fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let (number, unit) = text.split_at(digits);
    let number: u64 = number
        .parse()
        .map_err(|_| "not a number with an optional unit (K, M, G, T)".to_owned())?;
    let shift = match unit.trim().to_ascii_uppercase().as_str() {
        "" | "B" => 0,
        "K" | "KB" | "KIB" => 10,
        "M" | "MB" | "MIB" => 20,
        "G" | "GB" | "GIB" => 30,
        "T" | "TB" | "TIB" => 40,
        _ => return Err(format!("unknown unit '{unit}'; use K, M, G or T")),
    };
    number
        .checked_mul(1 << shift)
        .filter(|&bytes| i64::try_from(bytes).is_ok())
        .ok_or_else(|| "too large".to_owned())
}

/// A new size: bytes as [`parse_size`] takes them, or more (`+1G`) or fewer (`-200M`) than now, or
/// `min`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NewSize {
    /// So many bytes.
    To(u64),
    /// So many more than now.
    More(u64),
    /// So many fewer than now.
    Less(u64),
    /// As few as hold what there is.
    Least,
}

pub fn parse_new_size(text: &str) -> Result<NewSize, String> {
    match (text.strip_prefix('+'), text.strip_prefix('-')) {
        (Some(more), _) => parse_size(more).map(NewSize::More),
        (_, Some(less)) => parse_size(less).map(NewSize::Less),
        _ if text == "min" => Ok(NewSize::Least),
        _ => parse_size(text).map(NewSize::To),
    }
}

/// The size of an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    /// So many bytes.
    Bytes(u64),
    /// What it is to hold.
    Auto,
}

pub fn parse_size_or_auto(text: &str) -> Result<Size, String> {
    if text == "auto" {
        return Ok(Size::Auto);
    }
    parse_size(text).map(Size::Bytes)
}

/// Percent to add, `10` or `10%`.
pub fn parse_headroom(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=10_000.0).contains(&percent) => Ok(percent),
        _ => Err("not a percentage".to_owned()),
    }
}

pub fn parse_percent(text: &str) -> Result<f64, String> {
    match text.trim_end_matches('%').parse::<f64>() {
        Ok(percent) if (0.0..=50.0).contains(&percent) => Ok(percent),
        _ => Err("not a percentage between 0 and 50".to_owned()),
    }
}

pub fn parse_owner(text: &str) -> Result<(u32, u32), String> {
    let error = || "not two numbers of the form UID:GID".to_owned();
    let (uid, gid) = text.split_once(':').ok_or_else(error)?;
    let number = |text: &str| text.parse().map_err(|_| error());
    Ok((number(uid)?, number(gid)?))
}

/// 16 bytes from 32 hexadecimal digits, with hyphens in any place between bytes.
pub fn parse_uuid(text: &str) -> Result<[u8; 16], String> {
    let error = || "not a UUID of the form xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx".to_owned();
    let digits: Vec<u8> = text
        .chars()
        .filter(|&c| c != '-')
        .map(|c| {
            c.to_digit(16)
                .and_then(|d| u8::try_from(d).ok())
                .ok_or_else(error)
        })
        .collect::<Result<_, _>>()?;
    let bytes: Vec<u8> = digits
        .chunks_exact(2)
        .map(|pair| pair.iter().fold(0, |byte, digit| byte << 4 | digit))
        .collect();
    if digits.len() != 32 {
        return Err(error());
    }
    bytes.try_into().map_err(|_| error())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units() {
        assert_eq!(parse_size("4096"), Ok(4096));
        assert_eq!(parse_size("2G"), Ok(2 << 30));
        assert_eq!(parse_size("3mib"), Ok(3 << 20));
        assert_eq!(parse_size("1T"), Ok(1 << 40));
        assert!(parse_size("G").is_err());
        assert!(parse_size("1X").is_err());
        assert!(parse_size("99999999T").is_err());
        assert!(parse_size("-1").is_err());
    }

    #[test]
    fn new_sizes_are_absolute_or_relative() {
        assert_eq!(parse_new_size("2G"), Ok(NewSize::To(2 << 30)));
        assert_eq!(parse_new_size("+1M"), Ok(NewSize::More(1 << 20)));
        assert_eq!(parse_new_size("-200K"), Ok(NewSize::Less(200 << 10)));
        assert_eq!(parse_new_size("min"), Ok(NewSize::Least));
        assert!(parse_new_size("+").is_err() && parse_new_size("--1M").is_err());
    }

    #[test]
    fn uuids_are_sixteen_bytes() {
        let uuid = parse_uuid("00112233-4455-6677-8899-aabbccddeeff").unwrap();
        assert_eq!(uuid[..3], [0x00, 0x11, 0x22]);
        assert_eq!(uuid[15], 0xff);
        assert!(parse_uuid("0011").is_err());
        assert!(parse_uuid("zz112233-4455-6677-8899-aabbccddeeff").is_err());
    }
}
