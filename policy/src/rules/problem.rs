//! What is wrong with a policy: all of it at once, each with its place and what to write instead.

use crate::bounds::Text;
use std::fmt;

/// The most problems that are kept: after that many, the rest is noise.
const MAX_PROBLEMS: usize = 64;

/// One thing that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Where, such as `spec.scope.namespaces[1]`.
    pub path: String,
    /// What is wrong with it.
    pub what: String,
    /// What to do about it.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.path, self.what, self.fix)
    }
}

/// Everything that is wrong with one policy; never empty when it is an error.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub Vec<Problem>);

impl Problems {
    /// Adds one, unless there are too many already.
    pub fn add(
        &mut self,
        path: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        if self.0.len() < MAX_PROBLEMS {
            self.0.push(Problem {
                path: path.into(),
                what: what.into(),
                fix: fix.into(),
            });
        }
    }

    /// One sentence for each.
    #[must_use]
    pub fn sentences(&self) -> Vec<String> {
        self.0.iter().map(ToString::to_string).collect()
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.sentences().join(". "))
    }
}

/// A user's own words in a message: short, and without what could reorder or hide it.
pub(super) fn quoted(raw: &str) -> String {
    format!("{:?}", Text::<64>::new(raw).as_str())
}
