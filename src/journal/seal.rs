//! Tells that the journal's file is as it was left, so that not every opening has to read all of it.
//!
//! The seal lies beside the file while nobody has it open. It names the file's length, when it was last changed, and when it was last read as
//! a whole. Without one that fits (the program was killed, or something else wrote the file), and once a day, the whole file is read.

use std::fs::{self, File, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// A file that was not read as a whole for so long is.
const READ_AGAIN: Duration = Duration::from_hours(24);

/// Breaks the seal of a journal that is about to be opened. Gives when the file was last read as a whole, if it need not be now.
pub(super) fn take(journal: &Path) -> Option<Duration> {
    let path = path_of(journal);
    let text = fs::read_to_string(&path).ok()?;
    fs::remove_file(&path).ok()?;
    let mut words = text.split_whitespace().map(str::parse::<u128>);
    let (length, changed, checked) = (words.next()?.ok()?, words.next()?.ok()?, words.next()?.ok()?);
    let checked = Duration::from_secs(u64::try_from(checked).ok()?);
    let metadata = fs::metadata(journal).ok()?;
    let now = changed_at(&metadata)?;
    let fits = u128::from(metadata.len()) == length && now.as_nanos() == changed;
    (fits && now.checked_sub(checked).is_some_and(|age| age < READ_AGAIN)).then_some(checked)
}

/// Seals a journal that was closed in order, and was last read as a whole then.
pub(super) fn put(journal: &Path, checked: Duration) -> io::Result<()> {
    // What the seal vouches for has to outlive a loss of power as the seal does.
    let file = File::options().write(true).open(journal)?;
    file.sync_all()?;
    let metadata = file.metadata()?;
    let Some(changed) = changed_at(&metadata) else { return Ok(()) };
    fs::write(path_of(journal), format!("{} {} {}\n", metadata.len(), changed.as_nanos(), checked.as_secs()))
}

/// When a file was last changed, from 1970 on.
pub(super) fn changed(journal: &Path) -> Option<Duration> {
    changed_at(&fs::metadata(journal).ok()?)
}

fn changed_at(metadata: &Metadata) -> Option<Duration> {
    metadata.modified().ok()?.duration_since(SystemTime::UNIX_EPOCH).ok()
}

fn path_of(journal: &Path) -> PathBuf {
    journal.with_added_extension("seal")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed() -> (tempfile::TempDir, PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let journal = folder.path().join("journal.redb");
        fs::write(&journal, "content").unwrap();
        put(&journal, changed(&journal).unwrap()).unwrap();
        (folder, journal)
    }

    #[test]
    fn a_seal_holds_once_and_for_the_file_as_it_was() {
        let (_folder, journal) = sealed();
        let checked = take(&journal).unwrap();
        assert_eq!(checked.as_secs(), changed(&journal).unwrap().as_secs());
        assert_eq!(take(&journal), None, "it is broken by the first who opens");
        put(&journal, checked).unwrap();
        fs::write(&journal, "changed").unwrap();
        assert_eq!(take(&journal), None);
    }

    #[test]
    fn after_a_day_the_whole_file_is_read_again() {
        for (age, holds) in [(READ_AGAIN / 2, true), (READ_AGAIN, false)] {
            let (_folder, journal) = sealed();
            put(&journal, changed(&journal).unwrap().saturating_sub(age)).unwrap();
            assert_eq!(take(&journal).is_some(), holds);
        }
    }

    #[test]
    fn rubbish_is_no_seal() {
        for text in ["", "a b c", "7", "7 1 99999999999999999999999999999999999999999999"] {
            let (_folder, journal) = sealed();
            fs::write(path_of(&journal), text).unwrap();
            assert_eq!(take(&journal), None, "{text}");
        }
    }
}
