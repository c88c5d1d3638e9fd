//! The checked-in corpora of fuzzing, for tests that run its bodies over them.

use std::{fs, path::PathBuf};

/// The inputs of one target, in the order of their names. There must be more than `least`: an empty folder proves nothing.
pub(crate) fn corpus(target: &str, least: usize) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let files = fs::read_dir(&folder).expect("the corpus");
    let mut files: Vec<_> = files.map(|file| file.expect("a file").path()).collect();
    files.sort();
    assert!(files.len() > least, "{}", folder.display());
    let read = |file: &PathBuf| fs::read(file).expect("readable");
    files.iter().map(read).collect()
}
