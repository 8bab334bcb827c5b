//! Durations as people write them: `10m`, `1h30m`, `500ms`, `90s`.
//!
//! Does not know what waits that long.

/// Units with their milliseconds, from the largest; parts must come in this order.
const UNITS: [(&str, u64); 5] = [("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1000), ("ms", 1)];

/// Reads a duration as milliseconds; the error is a sentence without a period.
pub fn parse_duration_ms(text: &str) -> Result<u64, String> {
    let mut rest = text.trim();
    let mut total_ms = 0u64;
    let mut next_unit = 0;
    if rest.is_empty() {
        return Err("a duration is empty; write `90s`, `10m` or `1h30m`".to_owned());
    }
    while !rest.is_empty() {
        let digits_end = rest.find(|letter: char| !letter.is_ascii_digit()).unwrap_or(rest.len());
        let (digits, tail) = rest.split_at(digits_end);
        let unit_end = tail.find(|letter: char| !letter.is_ascii_alphabetic()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at(unit_end);
        if digits.is_empty() {
            return Err(format!("`{text}` is no duration; write `90s`, `10m` or `1h30m`"));
        }
        if unit.is_empty() {
            return Err(format!("`{text}` lacks a unit after {digits}: one of d, h, m, s, ms"));
        }
        let Some(place) = UNITS.iter().position(|(name, _)| *name == unit) else {
            return Err(format!("`{unit}` is no unit of time: one of d, h, m, s, ms"));
        };
        if place < next_unit {
            return Err(format!("the units of `{text}` must come once each, from the largest to the smallest"));
        }
        next_unit = place + 1;
        let part_ms = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(UNITS[place].1));
        total_ms = part_ms
            .and_then(|part_ms| total_ms.checked_add(part_ms))
            .ok_or_else(|| format!("`{text}` is longer than time is counted"))?;
        rest = tail;
    }
    Ok(total_ms)
}

#[cfg(test)]
mod tests {
    use super::parse_duration_ms;

    #[test]
    fn reads_what_people_write() {
        for (text, expect) in [
            ("10m", 600_000),
            ("1h30m", 5_400_000),
            ("500ms", 500),
            ("90s", 90_000),
            ("1d", 86_400_000),
            ("0s", 0),
            ("2m5ms", 120_005),
        ] {
            assert_eq!(parse_duration_ms(text), Ok(expect), "{text}");
        }
    }

    #[test]
    fn refuses_the_rest() {
        for text in
            ["", " ", "10", "m", "10 m", "1.5h", "-1s", "5m1h", "1s1s", "10x", "99999999999999999999s", "ä", "1ä"]
        {
            assert!(parse_duration_ms(text).is_err(), "{text}");
        }
        assert!(parse_duration_ms("18446744073709551615s").is_err());
    }
}
