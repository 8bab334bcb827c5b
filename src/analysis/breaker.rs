//! Limits of a fix loop, for red rules and for red tests.
//!
//! Plain numbers; when one is reached is for `verify` to say. In no key.

/// Limits where one kind of step is red.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Breaker {
    /// Attempts of a step, the first included: how often it may be red before nobody is asked any more.
    pub max_attempts: u32,
    /// How often one tool may be asked to fix a step.
    pub max_fixes: u32,
    /// How often one error signature may come again after a fix.
    pub max_error_repeats: u32,
}

impl Default for Breaker {
    /// The template values of the older system for attempts and repeats.
    fn default() -> Self {
        Self { max_attempts: 5, max_fixes: 2, max_error_repeats: 3 }
    }
}

/// Limits of a whole loop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Breakers {
    /// Where a rule is red.
    pub lint: Breaker,
    /// Where a test is red.
    pub test: Breaker,
    /// How often one tree, or one fix, may be seen; 0: no limit.
    pub oscillation_threshold: u32,
    /// Among how many of the newest candidates.
    pub oscillation_window: u32,
    /// Wall time of all fixes together, in milliseconds.
    pub max_time_ms: Option<u64>,
    /// Cost of all fixes together, in millionths of the tools' currency.
    pub max_cost_micros: Option<u64>,
}

impl Default for Breakers {
    fn default() -> Self {
        Self {
            lint: Breaker::default(),
            test: Breaker::default(),
            oscillation_threshold: 2,
            oscillation_window: 4,
            max_time_ms: None,
            max_cost_micros: None,
        }
    }
}

/// Reads a cost: digits, perhaps a point and up to six more. The error is a sentence without a period.
pub fn parse_cost_micros(text: &str) -> Result<u64, String> {
    let (whole, rest) = text.trim().split_once('.').unwrap_or((text.trim(), ""));
    let digits = |text: &str| text.chars().all(|letter| letter.is_ascii_digit());
    if whole.is_empty() || !digits(whole) || !digits(rest) || rest.len() > 6 {
        return Err("is no cost".to_owned());
    }
    let micros = whole.parse::<u64>().ok().and_then(|whole| whole.checked_mul(1_000_000));
    let rest = format!("{rest:0<6}").parse::<u64>().unwrap_or(0);
    micros.and_then(|micros| micros.checked_add(rest)).ok_or_else(|| "is more than is counted".to_owned())
}

#[cfg(test)]
mod tests {
    use super::parse_cost_micros;

    #[test]
    fn costs() {
        assert_eq!(parse_cost_micros("2"), Ok(2_000_000));
        assert_eq!(parse_cost_micros("0.25"), Ok(250_000));
        for bad in ["", ".5", "-1", "1e3", "1.1234567", "99999999999999999999"] {
            assert!(parse_cost_micros(bad).is_err(), "{bad}");
        }
    }
}
