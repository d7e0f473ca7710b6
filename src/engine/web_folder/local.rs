//! A local or mounted folder.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use sha2::Digest as _;
use tempfile::NamedTempFile;

use crate::model::Digest;

use super::{Names, StoredAt, WebFolderError};

const CHUNK: usize = 64 * 1024;

#[derive(Debug, Clone)]
pub(super) struct LocalFolder {
    root: PathBuf,
}

impl LocalFolder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Writes under a temporary name beside the target, then gives it the first name that is free, without replacing.
    pub(super) fn store(
        &self,
        folders: &[String],
        names: &Names,
        mut content: impl Read,
        digest: &Digest,
    ) -> Result<StoredAt, WebFolderError> {
        let folder = self.folder(folders)?;
        let mut temporary = temporary_file(&folder).map_err(WebFolderError::of)?;
        let (written, size) = copy_hashed(&mut content, temporary.as_file_mut())?;
        if written != *digest {
            return Err(WebFolderError::Content);
        }
        temporary.as_file().sync_all().map_err(WebFolderError::of)?;

        for name in names.iter() {
            let target = folder.join(&name);
            match fs::symlink_metadata(&target) {
                Ok(metadata) if metadata.is_file() && metadata.len() == size && has_content(&target, digest) => {
                    return Ok(StoredAt { location: target.display().to_string(), new: false });
                }
                Ok(_) => continue,
                Err(error) if error.kind() == ErrorKind::NotFound => {}
                Err(error) => return Err(WebFolderError::of(error)),
            }
            match give_name(temporary, &target) {
                Ok(()) => {
                    sync_folder(&folder);
                    return Ok(StoredAt { location: target.display().to_string(), new: true });
                }
                // Another agent was faster.
                Err((back, error)) if error.kind() == ErrorKind::AlreadyExists => {
                    if has_content(&target, digest) {
                        return Ok(StoredAt { location: target.display().to_string(), new: false });
                    }
                    temporary = back;
                }
                Err((_, error)) => return Err(WebFolderError::of(error)),
            }
        }
        Err(names.exhausted())
    }

    /// The customer's folder, made where it is missing. No symbolic link below the root is followed, so that nobody who may write
    /// there can lead a file out of it; the root itself may be one.
    fn folder(&self, folders: &[String]) -> Result<PathBuf, WebFolderError> {
        match fs::metadata(&self.root) {
            Ok(metadata) if metadata.is_dir() => {}
            Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => return Err(WebFolderError::of(error)),
            _ => return Err(WebFolderError::NotThere { folder: self.root.display().to_string() }),
        }
        let mut path = self.root.clone();
        for folder in folders {
            path.push(folder);
            match fs::create_dir(&path) {
                Ok(()) => continue,
                Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
                // A share may refuse to make what is there already with another error; what counts is whether it is there.
                Err(error) if fs::symlink_metadata(&path).is_err() => return Err(WebFolderError::of(error)),
                Err(_) => {}
            }
            if !fs::symlink_metadata(&path).map_err(WebFolderError::of)?.is_dir() {
                return Err(WebFolderError::NotAFolder { path: path.display().to_string() });
            }
        }
        Ok(path)
    }
}

/// Hidden, in the target's own folder, so that the name can be given without a copy; with the rights of an ordinary new file,
/// because colleagues read it.
fn temporary_file(folder: &Path) -> io::Result<NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".crmsync-").suffix(".part");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        builder.permissions(fs::Permissions::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

fn copy_hashed(content: &mut impl Read, file: &mut impl Write) -> Result<(Digest, u64), WebFolderError> {
    let mut hash = sha2::Sha256::new();
    let mut size = 0;
    let mut buffer = vec![0; CHUNK];
    loop {
        let chunk = match content.read(&mut buffer) {
            Ok(0) => return Ok((Digest::from_sha256(&hash.finalize()), size)),
            Ok(read) => buffer.get(..read).unwrap_or_default(),
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            Err(error) => return Err(WebFolderError::Source(error)),
        };
        file.write_all(chunk).map_err(WebFolderError::of)?;
        hash.update(chunk);
        size += chunk.len() as u64;
    }
}

/// Renames without replacing, or links; on file systems that can do neither (FAT, some shares) creates the file anew and copies.
fn give_name(temporary: NamedTempFile, target: &Path) -> Result<(), (NamedTempFile, io::Error)> {
    match temporary.persist_noclobber(target) {
        Ok(_) => Ok(()),
        Err(failed) if failed.error.kind() == ErrorKind::AlreadyExists => Err((failed.file, failed.error)),
        Err(failed) => copy_to_new(failed.file.path(), target).map_err(|error| (failed.file, error)),
    }
}

fn copy_to_new(from: &Path, target: &Path) -> io::Result<()> {
    let mut source = File::open(from)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(target)?;
    let copied = io::copy(&mut source, &mut file).and_then(|_| file.sync_all());
    if copied.is_err() {
        // It was made just now, by this call: half a file must not stay under the real name.
        drop(file);
        let _ = fs::remove_file(target);
    }
    copied
}

/// Whether a file has the content. One that cannot be read has not.
fn has_content(path: &Path, digest: &Digest) -> bool {
    File::open(path).is_ok_and(|mut file| copy_hashed(&mut file, &mut io::sink()).is_ok_and(|(found, _)| found == *digest))
}

/// Makes the new name itself durable. Windows and some shares cannot do that; the file is then as durable as they make it.
fn sync_folder(folder: &Path) {
    if cfg!(unix)
        && let Ok(folder) = File::open(folder)
    {
        let _ = folder.sync_all();
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    struct Share(tempfile::TempDir);

    impl Share {
        fn new() -> Self {
            Self(tempfile::tempdir().unwrap())
        }

        fn store(&self, folder: &str, name: &str, content: &[u8]) -> Result<StoredAt, WebFolderError> {
            let digest = Digest::of(content);
            let names = Names::new(name, &digest);
            LocalFolder::new(self.0.path()).store(&crate::sync::safe_path(folder), &names, content, &digest)
        }

        /// Every file below the root with its content.
        fn files(&self) -> BTreeMap<String, Vec<u8>> {
            let mut folders = vec![self.0.path().to_owned()];
            let mut files = BTreeMap::new();
            while let Some(folder) = folders.pop() {
                for entry in fs::read_dir(folder).unwrap() {
                    let path = entry.unwrap().path();
                    if path.is_dir() {
                        folders.push(path);
                    } else {
                        let name = path.strip_prefix(self.0.path()).unwrap().to_string_lossy().replace('\\', "/");
                        files.insert(name, fs::read(&path).unwrap());
                    }
                }
            }
            files
        }
    }

    fn files(expected: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        expected.iter().map(|(name, content)| ((*name).to_owned(), content.as_bytes().to_vec())).collect()
    }

    #[test]
    fn r37_an_attachment_is_stored_in_the_customers_own_folder_which_is_made() {
        let share = Share::new();
        let stored = share.store("Customers/Müller GmbH", "offer.pdf", b"one").unwrap();
        assert!(stored.new && stored.location.ends_with("offer.pdf"));
        assert_eq!(share.files(), files(&[("Customers/Müller GmbH/offer.pdf", "one")]));
    }

    #[test]
    fn r37_nothing_is_overwritten_and_equal_content_is_not_stored_twice() {
        let share = Share::new();
        for (content, new) in [("one", true), ("two", true), ("six", true), ("two", false), ("one", false), ("six", false)] {
            assert_eq!(share.store("c", "offer.pdf", content.as_bytes()).unwrap().new, new, "{content}");
        }
        assert_eq!(share.files(), files(&[("c/offer.pdf", "one"), ("c/offer (2).pdf", "two"), ("c/offer (3).pdf", "six")]));
    }

    #[test]
    fn r37_when_all_numbers_are_taken_the_digest_tells_files_apart() {
        let share = Share::new();
        for n in 0..30 {
            assert!(share.store("c", "image.png", format!("{n}").as_bytes()).unwrap().new);
        }
        assert_eq!(share.files().len(), 30);
        assert!(!share.store("c", "image.png", b"29").unwrap().new);
    }

    #[test]
    fn r37_a_missing_web_folder_is_not_created() {
        let share = Share::new();
        let gone = share.0.path().join("not mounted");
        let names = Names::new("a", &Digest::of(b""));
        let stored = LocalFolder::new(&gone).store(&[], &names, io::empty(), &Digest::of(b""));
        assert!(matches!(stored, Err(WebFolderError::NotThere { .. })));
        assert!(!gone.exists());
    }

    #[test]
    fn r37_content_that_differs_from_its_digest_is_not_stored() {
        let share = Share::new();
        let names = Names::new("a", &Digest::of(b"announced"));
        let stored = LocalFolder::new(share.0.path()).store(&[], &names, &b"other"[..], &Digest::of(b"announced"));
        assert!(matches!(stored, Err(WebFolderError::Content)));
        assert_eq!(share.files(), BTreeMap::new(), "nor does a temporary file stay");
    }

    #[test]
    fn r37_a_source_that_breaks_off_leaves_nothing_behind() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("spool gone"))
            }
        }
        let share = Share::new();
        let digest = Digest::of(b"x");
        let content = (&b"part"[..]).chain(Broken);
        let stored = LocalFolder::new(share.0.path()).store(&[], &Names::new("a", &digest), content, &digest);
        assert!(matches!(stored, Err(WebFolderError::Source(_))));
        assert_eq!(share.files(), BTreeMap::new());
    }

    #[test]
    fn r37_names_never_lead_out_of_the_web_folder() {
        let share = Share::new();
        share.store("../../..", "../../../evil.txt", b"x").unwrap();
        assert_eq!(share.files(), files(&[("_.._.._evil.txt", "x")]));
    }

    #[test]
    fn r37_a_file_in_the_way_of_a_folder_is_left_alone() {
        let share = Share::new();
        share.store("", "c", b"file").unwrap();
        assert!(matches!(share.store("c", "a", b"x"), Err(WebFolderError::NotAFolder { .. })));
        fs::create_dir(share.0.path().join("taken")).unwrap();
        assert!(share.store("", "taken", b"x").unwrap().location.ends_with("taken (2)"));
        assert_eq!(share.files(), files(&[("c", "file"), ("taken (2)", "x")]));
    }

    #[test]
    fn file_systems_without_links_get_a_copy_that_replaces_nothing() {
        let share = Share::new();
        let (from, to) = (share.0.path().join("from"), share.0.path().join("to"));
        fs::write(&from, "x").unwrap();
        copy_to_new(&from, &to).unwrap();
        fs::write(&from, "y").unwrap();
        assert_eq!(copy_to_new(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
        assert_eq!(fs::read(&to).unwrap(), b"x");
    }

    #[cfg(unix)]
    #[test]
    fn r37_symbolic_links_in_the_web_folder_are_not_followed() {
        use std::os::unix::fs::symlink;
        let (share, outside) = (Share::new(), tempfile::tempdir().unwrap());
        fs::write(outside.path().join("secret"), "x").unwrap();
        symlink(outside.path(), share.0.path().join("c")).unwrap();
        assert!(matches!(share.store("c", "a", b"x"), Err(WebFolderError::NotAFolder { .. })));
        assert!(matches!(share.store("c/deeper", "a", b"x"), Err(WebFolderError::NotAFolder { .. })));

        symlink(outside.path().join("secret"), share.0.path().join("link")).unwrap();
        symlink(outside.path().join("nowhere"), share.0.path().join("dangling")).unwrap();
        for name in ["link", "dangling"] {
            assert!(share.store("", name, b"x").unwrap().location.ends_with("(2)"));
        }
        assert_eq!(fs::read_dir(outside.path()).unwrap().count(), 1);
    }

    #[cfg(unix)]
    #[test]
    fn r37_colleagues_may_read_what_was_stored() {
        use std::os::unix::fs::PermissionsExt as _;
        let share = Share::new();
        let plain = share.0.path().join("plain");
        fs::write(&plain, "x").unwrap();
        let stored = share.store("", "a", b"x").unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode();
        assert_eq!(mode(Path::new(&stored.location)), mode(&plain));
    }

    #[test]
    fn r37_agents_that_store_at_the_same_time_lose_and_double_nothing() {
        let share = Share::new();
        std::thread::scope(|scope| {
            for agent in 0..8 {
                let share = &share;
                scope.spawn(move || {
                    for n in 0..5 {
                        share.store("c/d", "a.txt", format!("{}", (n + agent) % 5).as_bytes()).unwrap();
                    }
                });
            }
        });
        let mut contents: Vec<_> = share.files().into_values().collect();
        contents.sort();
        assert_eq!(contents, [b"0", b"1", b"2", b"3", b"4"]);
    }
}
