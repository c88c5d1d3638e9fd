//! Kubernetes quantities, as far as memory limits need them.

/// Bytes of a quantity such as `128Mi`, `1G`, `1.5Gi`, `1e9`, `128974848` or `100m`; `None` if it is not one or is negative.
///
/// Rounded up to a whole byte, as the API server does (apimachinery, `resource.Quantity.Value`).
pub(in crate::watch) fn bytes(raw: &str) -> Option<u64> {
    let raw = raw.trim();
    let split = raw
        .find(|c: char| !(c.is_ascii_digit() || matches!(c, '.' | '+')))
        .unwrap_or(raw.len());
    let (number, suffix) = raw.split_at(split);
    let number: f64 = number.parse().ok()?;
    let factor = match suffix {
        "" => 1.0,
        "n" => 1e-9,
        "u" => 1e-6,
        "m" => 1e-3,
        "k" => 1e3,
        "M" => 1e6,
        "G" => 1e9,
        "T" => 1e12,
        "P" => 1e15,
        "E" => 1e18,
        "Ki" => 1024.0,
        "Mi" => 1024f64.powi(2),
        "Gi" => 1024f64.powi(3),
        "Ti" => 1024f64.powi(4),
        "Pi" => 1024f64.powi(5),
        "Ei" => 1024f64.powi(6),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            10f64.powi(digits.parse().ok()?)
        }
    };
    let value = (number * factor).ceil();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked against the range first"
    )]
    (value.is_finite() && (0.0..1.8e19).contains(&value)).then_some(value as u64)
}

#[cfg(test)]
mod tests {
    use super::bytes;

    #[test]
    fn quantities_as_kubernetes_writes_them() {
        for (raw, want) in [
            ("128Mi", Some(134_217_728)),
            ("1.5Gi", Some(1_610_612_736)),
            ("1G", Some(1_000_000_000)),
            ("1e9", Some(1_000_000_000)),
            ("12E", Some(12_000_000_000_000_000_000)),
            ("128974848", Some(128_974_848)),
            ("100m", Some(1)),
            ("0", Some(0)),
            ("-1", None),
            ("", None),
            ("1Zi", None),
            ("99999999999Ei", None),
        ] {
            assert_eq!(bytes(raw), want, "{raw}");
        }
    }
}
