//! Whether a reply is in the language that was asked for: by its script first, then by words that tell, then by a detector of
//! trigrams. Names of things are no language, and close relatives pass for each other: only what speaks for another language,
//! and hardly for the one that was asked for, counts as one.

mod lexicon;
mod script;

use lexicon::Entry;
use podmender_policy::bounds::Text;
use script::Script;
use whatlang::{Lang, detect};

/// So many letters of another script are a foreign name; more are foreign words.
const FOREIGN_LETTERS: usize = 3;
/// So many Chinese characters without a Japanese one between them are no Japanese.
const WITHOUT_KANA: usize = 12;

/// Languages that pass for each other in a few technical sentences.
const RELATIVES: [&[Lang]; 9] = [
    // Which of them it is, kana tell.
    &[Lang::Jpn, Lang::Cmn],
    &[Lang::Nob, Lang::Dan, Lang::Swe],
    &[Lang::Nld, Lang::Afr],
    &[Lang::Ces, Lang::Slk],
    &[Lang::Hrv, Lang::Srp, Lang::Slv],
    &[
        Lang::Rus,
        Lang::Ukr,
        Lang::Bel,
        Lang::Bul,
        Lang::Mkd,
        Lang::Srp,
    ],
    &[Lang::Spa, Lang::Por, Lang::Cat],
    &[Lang::Hin, Lang::Mar, Lang::Nep],
    &[Lang::Tur, Lang::Aze, Lang::Tuk, Lang::Uzb],
];

/// Tags of two letters (ISO 639-1); those of three are known to the detector.
const TAGS: [(&str, Lang); 49] = [
    ("af", Lang::Afr),
    ("ar", Lang::Ara),
    ("be", Lang::Bel),
    ("bg", Lang::Bul),
    ("bn", Lang::Ben),
    ("ca", Lang::Cat),
    ("cs", Lang::Ces),
    ("cy", Lang::Cym),
    ("da", Lang::Dan),
    ("de", Lang::Deu),
    ("el", Lang::Ell),
    ("en", Lang::Eng),
    ("es", Lang::Spa),
    ("et", Lang::Est),
    ("fa", Lang::Pes),
    ("fi", Lang::Fin),
    ("fr", Lang::Fra),
    ("he", Lang::Heb),
    ("hi", Lang::Hin),
    ("hr", Lang::Hrv),
    ("hu", Lang::Hun),
    ("hy", Lang::Hye),
    ("id", Lang::Ind),
    ("it", Lang::Ita),
    ("ja", Lang::Jpn),
    ("ka", Lang::Kat),
    ("ko", Lang::Kor),
    ("lt", Lang::Lit),
    ("lv", Lang::Lav),
    ("mk", Lang::Mkd),
    ("mr", Lang::Mar),
    ("nb", Lang::Nob),
    ("ne", Lang::Nep),
    ("nl", Lang::Nld),
    ("no", Lang::Nob),
    ("pl", Lang::Pol),
    ("pt", Lang::Por),
    ("ro", Lang::Ron),
    ("ru", Lang::Rus),
    ("sk", Lang::Slk),
    ("sl", Lang::Slv),
    ("sr", Lang::Srp),
    ("sv", Lang::Swe),
    ("ta", Lang::Tam),
    ("th", Lang::Tha),
    ("tr", Lang::Tur),
    ("uk", Lang::Ukr),
    ("vi", Lang::Vie),
    ("zh", Lang::Cmn),
];

/// Names that people use and the detector does not.
const NAMES: [(&str, Lang); 6] = [
    ("bokmål", Lang::Nob),
    ("chinese", Lang::Cmn),
    ("farsi", Lang::Pes),
    ("norwegian", Lang::Nob),
    ("norsk", Lang::Nob),
    ("slovenian", Lang::Slv),
];

/// Whether `texts`, together or one alone, are in another language than `asked` (a name or a tag, as a policy has it). A
/// language that the detector does not know is never missed.
#[must_use]
pub(super) fn is_another(asked: &Text<32>, texts: &[&str]) -> bool {
    let Some(asked) = known(asked.as_str()) else {
        return false;
    };
    let each = texts.iter().filter(|_| texts.len() > 1);
    is_foreign(asked, &texts.join(" ")) || each.into_iter().any(|text| is_foreign(asked, text))
}

fn is_near(asked: Lang, lang: Lang) -> bool {
    let together = |family: &&[Lang]| family.contains(&asked) && family.contains(&lang);
    lang == asked || RELATIVES.iter().any(together)
}

fn is_foreign(asked: Lang, text: &str) -> bool {
    let words = words(text);
    let count = |is: &dyn Fn(Script) -> bool| {
        let letters = words.iter().flat_map(|word| word.chars());
        letters.filter_map(Script::of).filter(|s| is(*s)).count()
    };
    let own = count(&|s| s.is_of(asked));
    let latin = count(&|s| s == Script::Latin);
    let other = count(&|s| s != Script::Latin && !s.is_of(asked));
    let is_latin = Script::Latin.is_of(asked);
    if other > FOREIGN_LETTERS && 2 * other > own {
        return true;
    }
    if !is_latin {
        // Its own script is in it, or nothing but names.
        let plain = lexicon::all().map(|e| e.hits(&words)).max().unwrap_or(0);
        let missing = own == 0 && latin > 0 && plain > 0;
        let chinese =
            asked == Lang::Jpn && own >= WITHOUT_KANA && count(&|s| s == Script::Kana) == 0;
        return missing
            || chinese
            || own > 0 && 4 * own < latin && plain > 2
            || told(asked, &words);
    }
    speaks_another(asked, &words) || words.len() > 2 && told(asked, &words)
}

/// Whether the words that tell speak for another language with Latin letters.
fn speaks_another(asked: Lang, words: &[String]) -> bool {
    let own = Entry::of(asked).map_or(0, |e| e.hits(words));
    let others = lexicon::all().filter(|e| !is_near(asked, e.lang));
    let best = others.map(|e| e.hits(words)).max().unwrap_or(0);
    let Some(entry) = Entry::of(asked) else {
        return best > 2 && 2 * best > words.len();
    };
    let alien = entry.alien(words);
    let foreign = best + alien;
    (foreign > 1 && foreign > 2 * own)
        || (foreign == 1 && own == 0 && words.len() > 2 && guessed(asked, words))
}

/// Whether the detector, however unsure, takes them for another language.
fn guessed(asked: Lang, words: &[String]) -> bool {
    detect(&words.join(" ")).is_some_and(|found| !is_near(asked, found.lang()))
}

/// Whether the detector is sure of it, and nothing speaks against it.
fn told(asked: Lang, words: &[String]) -> bool {
    let found = detect(&words.join(" ")).filter(whatlang::Info::is_reliable);
    found.is_some_and(|found| {
        let hits = |lang| Entry::of(lang).map_or(0, |e| e.hits(words));
        !is_near(asked, found.lang()) && hits(asked) <= hits(found.lang())
    })
}

/// The words of a text, in lower case: without what stands in quotes, names of things, numbers, and words in capitals.
fn words(text: &str) -> Vec<String> {
    let mut unquoted = String::with_capacity(text.len());
    let mut until = None;
    let mut before = ' ';
    for (at, c) in text.char_indices() {
        let closes = |end: char| {
            text.get(at + c.len_utf8()..)
                .is_some_and(|rest| rest.contains(end))
        };
        match until {
            Some(end) if c == end => until = None,
            Some(_) => {}
            None => {
                let end = match c {
                    '"' | '`' => Some(c),
                    // Within a word it is an apostrophe.
                    '\'' if !before.is_alphanumeric() => Some(c),
                    '“' | '„' => Some(if text.contains('”') { '”' } else { '“' }),
                    '«' => Some('»'),
                    '「' => Some('」'),
                    _ => None,
                };
                until = end.filter(|end| closes(*end));
                unquoted.push(if until.is_some() { ' ' } else { c });
            }
        }
        before = c;
    }
    unquoted.split_whitespace().filter_map(word).collect()
}

/// A word of a language, in lower case, and no name of a thing.
fn word(raw: &str) -> Option<String> {
    let bare = raw.trim_matches(|c: char| !c.is_alphanumeric());
    let fine = |c: char| {
        c.is_alphabetic()
            || is_mark(c)
            || matches!(
                c,
                '\'' | '’' | '،' | '、' | '。' | '，' | '；' | '：' | '・' | '（' | '）' | '-'
            )
    };
    let dense = bare.chars().any(|c| {
        matches!(
            Script::of(c),
            Some(Script::Han | Script::Kana | Script::Hangul)
        )
    });
    if dense {
        // Not set apart by spaces: names in it are left out letter by letter.
        return Some(bare.chars().filter(|c| !c.is_ascii()).collect());
    }
    let capitals = bare.chars().filter(|c| c.is_uppercase()).count();
    let begins = bare.starts_with(char::is_uppercase);
    let named = capitals > usize::from(begins) || bare.contains('-') && bare.is_ascii();
    (!bare.is_empty() && bare.chars().all(fine) && !named).then(|| bare.to_lowercase())
}

/// Vowels and the like that are written around a letter.
fn is_mark(c: char) -> bool {
    matches!(u32::from(c), 0x300..=0x36F | 0x5B0..=0x5C7 | 0x610..=0x61A | 0x64B..=0x65F | 0x900..=0xDFF | 0xE31..=0xE4E)
}

/// The language that `German`, `Deutsch`, `de`, `deu`, `de-AT` and `Swiss German` mean.
fn known(asked: &str) -> Option<Lang> {
    let asked = asked.to_lowercase();
    let mut words = asked.split([' ', '-']).filter(|word| !word.is_empty());
    let first = words.clone().next()?;
    let by_tag = TAGS
        .iter()
        .find(|(tag, _)| *tag == first)
        .map(|(_, lang)| *lang);
    let by_name = || {
        words.find_map(|word| {
            let other = NAMES.iter().find(|(name, _)| *name == word);
            let is_it = |lang: &&Lang| {
                lang.eng_name().to_lowercase() == word || lang.name().to_lowercase() == word
            };
            let listed = || Lang::all().iter().find(is_it).copied();
            other.map(|(_, lang)| *lang).or_else(listed)
        })
    };
    by_tag.or_else(|| Lang::from_code(first)).or_else(by_name)
}

#[cfg(test)]
mod tests;
