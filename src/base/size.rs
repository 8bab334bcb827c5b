//! Amounts of memory as people write them: `512MiB`, `4GiB`, `1.5G`; and as they are told to people.
//!
//! Does not know what is so large.

/// Units with their bytes, from the smallest; a unit may go without its end (`4Gi`, `4G`).
const UNITS: [(&str, u64); 4] = [("KiB", 1 << 10), ("MiB", 1 << 20), ("GiB", 1 << 30), ("TiB", 1 << 40)];

/// Reads an amount as bytes; the error is a sentence without a period.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let text = text.trim();
    let digits_end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.').unwrap_or(text.len());
    let (digits, unit) = text.split_at(digits_end);
    let number: f64 =
        digits.parse().map_err(|_| format!("`{text}` is no amount of memory; write `512MiB` or `4GiB`"))?;
    let unit = unit.trim_start();
    let known = UNITS.iter().find(|(name, _)| !unit.is_empty() && [*name, &name[..2], &name[..1]].contains(&unit));
    let Some((_, bytes)) = known else {
        return Err(format!("`{text}` lacks a unit: one of KiB, MiB, GiB, TiB"));
    };
    #[expect(clippy::cast_precision_loss, reason = "a unit is a power of two")]
    let amount = number * *bytes as f64;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held to the range just before")]
    if (1.0..1e18).contains(&amount) { Ok(amount as u64) } else { Err(format!("`{text}` is out of range")) }
}

/// An amount for people: `87 MiB`, `1.5 GiB`.
pub fn shown(bytes: u64) -> String {
    let (unit, size) = UNITS.iter().rev().find(|(_, size)| bytes >= *size).unwrap_or(&UNITS[0]);
    let tenths = bytes.saturating_mul(10) / size;
    match tenths {
        100.. => format!("{} {unit}", tenths / 10),
        _ if tenths.is_multiple_of(10) => format!("{} {unit}", tenths / 10),
        _ => format!("{}.{} {unit}", tenths / 10, tenths % 10),
    }
}

#[cfg(test)]
mod tests {
    use super::{parse_bytes, shown};

    #[test]
    fn reads_what_people_write() {
        for (text, expect) in
            [("512MiB", 512 << 20), ("4GiB", 4 << 30), ("4 G", 4 << 30), ("1.5Gi", 3 << 29), ("1K", 1024)]
        {
            assert_eq!(parse_bytes(text), Ok(expect), "{text}");
        }
        for text in ["", "4", "GiB", "-1GiB", "0GiB", "4GB", "4 gib", "1.2.3G", "99999999TiB", "4GiBs", "ä"] {
            assert!(parse_bytes(text).is_err(), "{text}");
        }
    }

    #[test]
    fn tells_people() {
        let told = [0, 5 << 10, 87 << 20, 1536 << 20, 4 << 30, 11 << 30].map(shown);
        assert_eq!(told, ["0 KiB", "5 KiB", "87 MiB", "1.5 GiB", "4 GiB", "11 GiB"]);
    }
}
