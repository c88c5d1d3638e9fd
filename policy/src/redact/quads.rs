//! Where one of many words may begin, by its first four bytes: four look-ups a place, however many words there are.

/// Groups of words that are told apart.
pub(super) const BUCKETS: usize = 64;

/// Whether a word may also be written in upper case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Case {
    /// As it stands.
    Exact,
    /// In any case; it stands in lower case.
    Any,
}

impl Case {
    const fn of(self, byte: u8) -> u8 {
        match self {
            Self::Exact => byte,
            Self::Any => byte.to_ascii_lowercase(),
        }
    }
}

/// For each of the four places and each byte, in which buckets there is a word with that byte in that place, as bits.
pub(super) struct Quads([[u64; 256]; 4]);

impl Quads {
    /// No words yet.
    pub(super) const NONE: Self = Self([[0; 256]; 4]);

    /// With `word` in a bucket. In it, `#` is any digit and `*` any letter, digit or `_`; behind its end anything may follow.
    pub(super) const fn with(mut self, bucket: usize, word: &str, case: Case) -> Self {
        assert!(bucket < BUCKETS);
        let word = word.as_bytes();
        let mut place = 0;
        while place < 4 {
            let mut byte = 0;
            while byte < 256 {
                if place >= word.len() || fits(word[place], case.of(byte as u8)) {
                    self.0[place][byte] |= 1 << bucket;
                }
                byte += 1;
            }
            place += 1;
        }
        self
    }

    /// The buckets in which a word may begin with these bytes, as bits.
    #[inline(always)]
    pub(super) fn buckets(&self, [a, b, c, d]: [u8; 4]) -> u64 {
        let [first, second, third, fourth] = &self.0;
        first[usize::from(a)]
            & second[usize::from(b)]
            & third[usize::from(c)]
            & fourth[usize::from(d)]
    }
}

const fn fits(pattern: u8, byte: u8) -> bool {
    match pattern {
        b'#' => byte.is_ascii_digit(),
        b'*' => byte.is_ascii_alphanumeric() || byte == b'_',
        _ => pattern == byte,
    }
}
