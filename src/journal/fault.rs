//! A test instrument: a disk in memory with a write cache, which crashes, tears writes and fills up as told. Never used outside of tests.
//!
//! What was written is seen at once but survives a crash only after a sync. At a crash the seed alone decides, for each 512-byte sector
//! written since the last sync, which of the versions it had is found afterwards, and whether the length is the old or the new one:
//! disks reorder and tear. The same seed and the same writes give the same image.
//!
//! ```
//! use crmsync::journal::Journal;
//! use crmsync::journal::fault::FaultBackend;
//!
//! let disk = FaultBackend::new(7);
//! let journal = Journal::open_with_backend(disk.clone())?;
//! disk.crash_at_sync(3);
//! // … commit until an error comes and `disk.crashed()` says why, drop everything, then:
//! drop(journal);
//! let journal = Journal::open_with_backend(disk.image_after_crash())?;
//! # drop(journal);
//! # Ok::<(), crmsync::journal::JournalError>(())
//! ```

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use redb::StorageBackend;

/// What a disk writes at once or not at all.
const SECTOR: usize = 512;

/// A disk in memory. Clones are the same disk.
#[derive(Debug, Clone)]
pub struct FaultBackend {
    disk: Arc<Mutex<Disk>>,
}

#[derive(Default)]
struct Disk {
    seed: u64,
    /// What reads see.
    seen: Vec<u8>,
    /// Length that survives a crash.
    synced_len: usize,
    /// Sectors written since the last sync, by number, with all they held since then, oldest first, without what is seen now.
    unsynced: BTreeMap<usize, Vec<[u8; SECTOR]>>,
    syncs: u64,
    writes: u64,
    crash_at_sync: Option<u64>,
    crash_at_write: Option<u64>,
    crashed: bool,
    full: bool,
}

impl std::fmt::Debug for Disk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Disk").field("seed", &self.seed).field("len", &self.seen.len()).finish_non_exhaustive()
    }
}

impl FaultBackend {
    /// An empty disk. The seed decides what a crash keeps.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self::with_content(seed, Vec::new())
    }

    /// A disk that holds `content`, all of it synced.
    #[must_use]
    pub fn with_content(seed: u64, content: Vec<u8>) -> Self {
        let disk = Disk { seed, synced_len: content.len(), seen: content, ..Disk::default() };
        Self { disk: Arc::new(Mutex::new(disk)) }
    }

    /// Crashes in the `n`th sync from now (the next one is 1). The seed decides whether all, none or some of what was written since
    /// the last sync is kept: the commit may stand though it was never acknowledged.
    pub fn crash_at_sync(&self, n: u64) {
        let mut disk = self.lock();
        disk.crash_at_sync = Some(disk.syncs.saturating_add(n));
    }

    /// As [`crash_at_sync`](Self::crash_at_sync): a commit of the journal is one sync.
    pub fn crash_at_commit(&self, n: u64) {
        self.crash_at_sync(n);
    }

    /// Crashes in the `n`th write from now (the next one is 1); that write may be torn.
    pub fn crash_at_write(&self, n: u64) {
        let mut disk = self.lock();
        disk.crash_at_write = Some(disk.writes.saturating_add(n));
    }

    /// Crashes now: the power goes.
    pub fn crash(&self) {
        self.lock().crashed = true;
    }

    /// Whether the crash has happened. From then on everything fails.
    #[must_use]
    pub fn crashed(&self) -> bool {
        self.lock().crashed
    }

    /// While full, every write and every growth fails with [`io::ErrorKind::StorageFull`].
    pub fn set_full(&self, full: bool) {
        self.lock().full = full;
    }

    /// Syncs so far.
    #[must_use]
    pub fn syncs(&self) -> u64 {
        self.lock().syncs
    }

    /// Writes so far.
    #[must_use]
    pub fn writes(&self) -> u64 {
        self.lock().writes
    }

    /// What reads see now.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        self.lock().seen.clone()
    }

    /// The disk as it is found after the crash (or after a crash at this moment), with a seed that follows from this one's.
    #[must_use]
    pub fn image_after_crash(&self) -> Self {
        let disk = self.lock();
        let mut random = SplitMix(disk.seed ^ disk.syncs.rotate_left(32) ^ disk.writes);
        let fate = random.below(4);
        // Of `count` versions, oldest first: the one that is found.
        let mut found = |count: usize| match fate {
            0 => 0,
            1 => count.saturating_sub(1),
            _ => random.below(count),
        };
        let mut image = disk.seen.clone();
        for (&sector, versions) in &disk.unsynced {
            if let Some(version) = versions.get(found(versions.len().saturating_add(1))) {
                overwrite(&mut image, sector.saturating_mul(SECTOR), version);
            }
        }
        if found(2) == 0 {
            image.resize(disk.synced_len, 0);
        }
        Self::with_content(random.next(), image)
    }

    fn lock(&self) -> MutexGuard<'_, Disk> {
        self.disk.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The disk, unless it has crashed.
    fn running(&self) -> io::Result<MutexGuard<'_, Disk>> {
        let disk = self.lock();
        if disk.crashed { Err(io::Error::other("the simulated machine has crashed")) } else { Ok(disk) }
    }
}

impl Disk {
    fn has_room(&self) -> io::Result<()> {
        if self.full { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    /// Remembers what the sectors of a range hold.
    fn remember(&mut self, start: usize, end: usize) {
        for sector in start / SECTOR..end.div_ceil(SECTOR) {
            let mut before = [0; SECTOR];
            overwrite(&mut before, 0, self.seen.get(sector.saturating_mul(SECTOR)..).unwrap_or_default());
            self.unsynced.entry(sector).or_default().push(before);
        }
    }
}

impl StorageBackend for FaultBackend {
    fn len(&self) -> io::Result<u64> {
        Ok(self.running()?.seen.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let disk = self.running()?;
        let start = position(offset)?;
        let held = start.checked_add(out.len()).and_then(|end| disk.seen.get(start..end));
        out.copy_from_slice(held.ok_or(io::ErrorKind::UnexpectedEof)?);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut disk = self.running()?;
        let (before, len) = (disk.seen.len(), position(len)?);
        if len > before {
            disk.has_room()?;
        }
        disk.remember(len.min(before), before);
        // Zeroes of one allocation: one by one they take a tenth of a simulation in a debug build.
        disk.seen.extend_from_slice(&vec![0; len.saturating_sub(before)]);
        disk.seen.truncate(len);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut disk = self.running()?;
        disk.syncs = disk.syncs.saturating_add(1);
        if disk.crash_at_sync.is_some_and(|at| disk.syncs >= at) {
            disk.crashed = true;
            return Err(io::Error::other("the simulated machine crashes"));
        }
        disk.unsynced.clear();
        disk.synced_len = disk.seen.len();
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut disk = self.running()?;
        disk.has_room()?;
        let start = position(offset)?;
        let end = start.checked_add(data.len()).filter(|end| *end <= disk.seen.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        disk.remember(start, end);
        overwrite(&mut disk.seen, start, data);
        disk.writes = disk.writes.saturating_add(1);
        if disk.crash_at_write.is_some_and(|at| disk.writes >= at) {
            disk.crashed = true;
            return Err(io::Error::other("the simulated machine crashes"));
        }
        Ok(())
    }
}

fn position(offset: u64) -> io::Result<usize> {
    usize::try_from(offset).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Writes as much of `data` as there is room for.
fn overwrite(content: &mut [u8], start: usize, data: &[u8]) {
    let Some(room) = content.get_mut(start..) else { return };
    let len = room.len().min(data.len());
    if let (Some(to), Some(from)) = (room.get_mut(..len), data.get(..len)) {
        to.copy_from_slice(from);
    }
}

/// Sebastiano Vigna's `SplitMix64`: a small generator that gives the same numbers everywhere.
struct SplitMix(u64);

impl SplitMix {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        usize::try_from(self.next() % (bound as u64).max(1)).unwrap_or_default()
    }
}
