//! Durations and moments for people.
//!
//! Reads no clock: `now` comes in.

use jiff::Timestamp;

/// A duration: `12ms`, `1.9s`, `2m 05s`, `1h 02m`.
pub fn duration(milliseconds: u64) -> String {
    let seconds = milliseconds / 1000;
    match milliseconds {
        0..1_000 => format!("{milliseconds}ms"),
        1_000..10_000 => format!("{}.{}s", seconds, milliseconds % 1000 / 100),
        10_000..60_000 => format!("{seconds}s"),
        60_000..3_600_000 => format!("{}m {:02}s", seconds / 60, seconds % 60),
        _ => format!("{}h {:02}m", seconds / 3600, seconds % 3600 / 60),
    }
}

/// How long ago a moment (ISO-8601) was: `just now`, `5 min ago`, `3 h ago`, `2 days ago`; older ones by their date.
/// What is no moment is shown as it is.
pub fn ago(moment: &str, now: Timestamp) -> String {
    let Ok(then) = moment.parse::<Timestamp>() else { return moment.to_owned() };
    let seconds = now.as_second() - then.as_second();
    match seconds {
        ..0 => clock(moment),
        0..60 => "just now".to_owned(),
        60..3_600 => format!("{} min ago", seconds / 60),
        3_600..86_400 => format!("{} h ago", seconds / 3_600),
        86_400..172_800 => "yesterday".to_owned(),
        172_800..2_592_000 => format!("{} days ago", seconds / 86_400),
        _ => then.strftime("%Y-%m-%d").to_string(),
    }
}

/// A moment to the second, in UTC: `2026-11-03 10:15:02Z`.
pub fn clock(moment: &str) -> String {
    moment
        .parse::<Timestamp>()
        .map_or_else(|_| moment.to_owned(), |moment| moment.strftime("%Y-%m-%d %H:%M:%SZ").to_string())
}

#[cfg(test)]
mod tests {
    use super::{ago, clock, duration};

    #[test]
    fn durations_are_as_long_as_they_are_useful() {
        let cases = [
            (0, "0ms"),
            (999, "999ms"),
            (1_949, "1.9s"),
            (9_999, "9.9s"),
            (59_999, "59s"),
            (125_000, "2m 05s"),
            (3_720_000, "1h 02m"),
        ];
        for (milliseconds, expected) in cases {
            assert_eq!(duration(milliseconds), expected);
        }
    }

    #[test]
    fn moments_are_told_from_now() {
        let now = "2026-11-03T10:15:02Z".parse().expect("a moment");
        let cases = [
            ("2026-11-03T10:14:50.5Z", "just now"),
            ("2026-11-03T10:10:02Z", "5 min ago"),
            ("2026-11-03T07:10:02Z", "3 h ago"),
            ("2026-11-02T07:10:02Z", "yesterday"),
            ("2026-10-30T07:10:02Z", "4 days ago"),
            ("2025-10-30T07:10:02Z", "2025-10-30"),
            ("2026-11-03T11:00:00Z", "2026-11-03 11:00:00Z"),
            ("soon", "soon"),
        ];
        for (moment, expected) in cases {
            assert_eq!(ago(moment, now), expected);
        }
        assert_eq!(clock("2026-11-03T10:14:50.5Z"), "2026-11-03 10:14:50Z");
    }
}
