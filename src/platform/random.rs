//! Randomness: secrets from the operating system, everything else from a fast generator seeded by it.

/// Fills `out` with bytes nobody can predict: keys, tokens that must not be guessed.
pub fn fill_secret(out: &mut [u8]) {
    getrandom::fill(out).expect("every kernel with io_uring or pwritev2 has getrandom");
}

/// Random bytes that are cheap and need not be secret: jitter, identifiers.
pub fn bytes<const N: usize>() -> [u8; N] {
    std::array::from_fn(|_| fastrand::u8(..))
}

/// A random (version 4) UUID in its usual lower-case form: request ids.
pub fn uuid_v4() -> String {
    let bits = with_version_and_variant(fastrand::u128(..));
    let hex = format!("{bits:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}

/// Marks 122 random bits as version 4, variant 1 (RFC 9562, section 5.4).
const fn with_version_and_variant(random: u128) -> u128 {
    const VERSION_SHIFT: u32 = 76;
    const VARIANT_SHIFT: u32 = 62;
    let cleared = random & !(0xf << VERSION_SHIFT) & !(0b11 << VARIANT_SHIFT);
    cleared | (4 << VERSION_SHIFT) | (0b10 << VARIANT_SHIFT)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn uuids_have_the_published_form() {
        for _ in 0..1_000 {
            let id = uuid_v4();
            assert_eq!(id.len(), 36);
            assert!(id.bytes().all(|b| b == b'-' || b.is_ascii_digit() || (b'a'..=b'f').contains(&b)));
            assert_eq!(id.match_indices('-').map(|(at, _)| at).collect::<Vec<_>>(), [8, 13, 18, 23]);
            assert_eq!(&id[14..15], "4");
            assert!("89ab".contains(&id[19..20]));
        }
    }

    #[test]
    fn leading_zeros_are_kept() {
        assert_eq!(format!("{:032x}", with_version_and_variant(0)), "00000000000040008000000000000000");
    }

    #[test]
    fn two_secrets_differ() {
        let (mut a, mut b) = ([0; 32], [0; 32]);
        fill_secret(&mut a);
        fill_secret(&mut b);
        assert_ne!(a, b);
        assert_ne!(bytes::<32>(), bytes::<32>());
    }
}
