//! Tokens of well-known shape, wherever a word begins.

use super::{
    Span,
    alphabet::{Set, run},
    class,
    families::FAMILIES,
    odd,
    quads::{BUCKETS, Case, Quads},
    scan,
};

/// A token that was cut off may be this short, with its prefix.
const CUT: usize = 6;
/// The families share the first buckets; each odd shape has one behind them.
const SHARED: usize = BUCKETS - odd::BEGINS.len();
/// The bucket of the odd shape that begins with digits, the first one.
const NUMBER: u64 = 1 << SHARED;

/// How tokens begin.
static BEGINS: Quads = begins();

const fn begins() -> Quads {
    let mut quads = Quads::NONE;
    let mut family = 0;
    while family < FAMILIES.len() {
        let prefixes = FAMILIES[family].1;
        let mut i = 0;
        while i < prefixes.len() {
            quads = quads.with(family % SHARED, prefixes[i], Case::Exact);
            i += 1;
        }
        family += 1;
    }
    let mut i = 0;
    while i < odd::BEGINS.len() {
        quads = quads.with(SHARED + i, odd::BEGINS[i], Case::Exact);
        i += 1;
    }
    quads
}

pub(super) fn find(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut tokens = Tokens::of(text);
    scan::starts(bytes, class::is_word, |at| {
        if may_begin(bytes, at) {
            if odd::began_before(bytes, at) {
                tokens.look_back(at);
            }
            tokens.look(at);
        }
    });
    spans.append(&mut tokens.found);
}

/// A cheap look at a word, which nearly none outlives.
#[inline(always)]
fn may_begin(bytes: &[u8], at: usize) -> bool {
    let Some([a, b, c, d, _, tilde, _, digit]) = bytes.get(at..).and_then(<[u8]>::first_chunk)
    else {
        // At the end of the text.
        return true;
    };
    let before = at.checked_sub(1).and_then(|i| bytes.get(i));
    let buckets = BEGINS.buckets([*a, *b, *c, *d]);
    // Most numbers are too short for the one kind of token that begins with one.
    let number = buckets == NUMBER && !digit.is_ascii_digit();
    (buckets != 0 && !number) || *tilde == b'~' || matches!(before, Some(b'\\' | b'%'))
}

/// The tokens of a text, looked for from its begin to its end.
struct Tokens<'t> {
    text: &'t str,
    /// Where the text was cut (`bounds::Text` marks that with `…`): a token that ends there may be shorter than it was.
    cut: Option<usize>,
    found: Vec<Span>,
    /// Where the last word ends that is in a token.
    end: usize,
    /// Up to where `look_back` has gone: it goes over no place twice.
    seen: usize,
}

impl<'t> Tokens<'t> {
    fn of(text: &'t str) -> Self {
        Self {
            text,
            cut: text.trim_end().strip_suffix('…').map(str::len),
            found: Vec::new(),
            end: 0,
            seen: 0,
        }
    }

    /// Looks for a token that begins with the word at `at`, or in it.
    fn look(&mut self, at: usize) {
        if at < self.end {
            return;
        }
        let bytes = self.text.as_bytes();
        let end = class::end(bytes, at, class::WORD);
        // Behind an escape (`\nghp_…`) or percent code (`%3Dghp_…`) a token begins inside a word.
        let inner = match at.checked_sub(1).and_then(|i| bytes.get(i)) {
            Some(b'\\') => Some(at + 1),
            Some(b'%') => Some(at + 2),
            _ => None,
        };
        let begins = |start: &usize| *start < end && bytes.get(*start) != Some(&b'_');
        let mut starts = [Some(at), inner].into_iter().flatten().filter(begins);
        let found = starts.find_map(|start| {
            known(self.text, start, self.cut).or_else(|| odd::find(self.text, start))
        });
        if let Some(span) = found {
            self.end = class::end(bytes, span.end, class::WORD);
            self.found.push(span);
        }
    }

    /// Looks at each word that may begin a token in which the word at `at` is.
    fn look_back(&mut self, at: usize) {
        let bytes = self.text.as_bytes();
        let from = class::back(bytes, self.seen, at, class::NAME);
        self.seen = at;
        let before = self.found.partition_point(|span| span.start < from);
        self.found.truncate(before);
        let last = self.found.last().map(|span| span.end);
        self.end = last.map_or(0, |end| class::end(bytes, end, class::WORD));
        let mut next = class::begin(bytes, from, class::WORD);
        while next < at {
            self.look(next);
            next = class::begin(bytes, class::end(bytes, next, class::WORD), class::WORD);
        }
    }
}

/// The token of a family that begins at `at`.
fn known(text: &str, at: usize, cut: Option<usize>) -> Option<Span> {
    let rest = text.get(at..)?;
    let mut buckets = BEGINS.buckets(*rest.as_bytes().first_chunk()?) & (NUMBER - 1);
    while buckets != 0 {
        let first = buckets.trailing_zeros() as usize;
        buckets &= buckets - 1;
        for (class, prefixes, set, least) in FAMILIES.iter().skip(first).step_by(SHARED) {
            let Some(prefix) = prefixes.iter().find(|p| rest.starts_with(**p)) else {
                continue;
            };
            let body = at + prefix.len();
            let end = body + run(text, body, *set);
            let long = end - body >= *least || (end - at >= CUT && cut == Some(end));
            if long && whole(text, end, *set) {
                return Some(Span {
                    start: at,
                    end,
                    class,
                });
            }
        }
    }
    None
}

/// A hex or upper-case token ends where its alphabet does: `SK` and 40 hex digits, then more letters, is a name.
fn whole(text: &str, end: usize, set: Set) -> bool {
    let next = text.as_bytes().get(end);
    !matches!(set, Set::Hex | Set::Upper) || !next.is_some_and(u8::is_ascii_alphanumeric)
}
