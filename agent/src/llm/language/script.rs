//! In which scripts a text is written, and which ones a language has.

use whatlang::Lang;

/// A script that tells languages apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Script {
    Latin,
    Cyrillic,
    Greek,
    Arabic,
    Hebrew,
    Han,
    Kana,
    Hangul,
    /// Any other: each of them is one language's here.
    Other(u8),
}

impl Script {
    /// That of a letter.
    pub(super) fn of(c: char) -> Option<Self> {
        if !c.is_alphabetic() {
            return None;
        }
        Some(match u32::from(c) {
            0x41..=0x24F | 0x1E00..=0x1EFF => Self::Latin,
            0x370..=0x3FF | 0x1F00..=0x1FFF => Self::Greek,
            0x400..=0x52F => Self::Cyrillic,
            0x590..=0x5FF => Self::Hebrew,
            0x600..=0x6FF | 0x750..=0x77F | 0xFB50..=0xFEFE => Self::Arabic,
            0x3040..=0x30FF | 0x31F0..=0x31FF => Self::Kana,
            0x3005 | 0x3007 | 0x3400..=0x9FFF | 0xF900..=0xFAFF | 0x20000..=0x3FFFF => Self::Han,
            0x1100..=0x11FF | 0x3130..=0x318F | 0xAC00..=0xD7AF => Self::Hangul,
            // Blocks of Indic and neighbouring scripts are 128 wide.
            n @ 0x530..=0x1FFF => Self::Other((n >> 7) as u8),
            _ => return None,
        })
    }

    /// Whether `lang` is written in it.
    pub(super) fn is_of(self, lang: Lang) -> bool {
        match lang {
            Lang::Jpn => matches!(self, Self::Han | Self::Kana),
            Lang::Cmn => self == Self::Han,
            // Serbian has two.
            Lang::Srp => matches!(self, Self::Cyrillic | Self::Latin),
            lang => Self::main(lang) == Some(self),
        }
    }

    /// The one script of `lang`, as its own name shows it.
    pub(super) fn main(lang: Lang) -> Option<Self> {
        lang.name().chars().find_map(Self::of)
    }
}
