//! Hands out the decoded content of attachments, streamed, in a second pass over the mail.

use std::io::{self, Cursor, Read, Seek, SeekFrom, Write};

use super::part::{self, Role};
use super::read::{ReadOptions, open};
use super::tnef::{self, Tnef};
use super::walker::Walker;
use crate::model::{Attachment, Mail, RawMail, RawMailReader};

/// Gives the decoded content of every attachment that `mail` lists to `visit`, in order. `mail` must come from
/// [`read_mail`](super::read_mail) with the same bytes and options; attachments taken out of its list are passed over. What `visit`
/// leaves unread is passed over too; its error ends the pass. Memory is bounded; a `winmail.dat` of a spooled mail is unpacked
/// into an unnamed file beside the spool file.
pub fn for_each_attachment(
    raw: &RawMail,
    mail: &Mail,
    options: &ReadOptions,
    mut visit: impl FnMut(&Attachment, &mut dyn Read) -> io::Result<()>,
) -> io::Result<()> {
    let listed = |index: usize| mail.attachments.iter().find(|found| found.index == index);
    let mut walker = open(raw, false)?;
    let mut first = true;
    let mut index = 0;
    let mut unpacked = false;
    while let Some(part) = walker.next_part()? {
        let role = part::role(&part, std::mem::take(&mut first));
        if role.is_text() {
            continue;
        }
        let here = listed(index);
        index += 1;
        if role == Role::Tnef && options.unpack_tnef && !std::mem::replace(&mut unpacked, true) {
            let mut scratch = Scratch::for_mail(raw)?;
            io::copy(&mut Content::new(&mut walker), &mut scratch)?;
            let Tnef { files, .. } = tnef::read(&mut scratch)?;
            if let Some(attachment) = here {
                scratch.seek(SeekFrom::Start(0))?;
                visit(attachment, &mut scratch)?;
            }
            for file in files {
                if let Some(attachment) = listed(index) {
                    scratch.seek(SeekFrom::Start(file.offset))?;
                    visit(attachment, &mut (&mut scratch).take(file.len))?;
                }
                index += 1;
            }
        } else if let Some(attachment) = here {
            visit(attachment, &mut Content::new(&mut walker))?;
        }
    }
    Ok(())
}

/// The decoded content of the leaf at which a walker stands.
pub(super) struct Content<'a> {
    walker: &'a mut Walker<RawMailReader>,
    /// How much of the walker's last chunk was given; `None` before the first.
    given: Option<usize>,
}

impl<'a> Content<'a> {
    pub(super) fn new(walker: &'a mut Walker<RawMailReader>) -> Self {
        Self { walker, given: None }
    }
}

impl Read for Content<'_> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let mut given = match self.given {
            Some(given) if given < self.walker.last_chunk().len() => given,
            _ => {
                self.walker.chunk()?;
                0
            }
        };
        let count = self.walker.last_chunk().get(given..).unwrap_or_default().read(buf)?;
        given += count;
        self.given = Some(given);
        Ok(count)
    }
}

/// A place for a decoded container: in memory if the whole mail is, else an unnamed file beside its spool file.
pub(super) enum Scratch {
    Memory(Cursor<Vec<u8>>),
    File(std::fs::File),
}

impl Scratch {
    pub(super) fn for_mail(raw: &RawMail) -> io::Result<Self> {
        Ok(match raw.spool_path().and_then(|path| path.parent()) {
            Some(folder) => Self::File(tempfile::tempfile_in(folder)?),
            None => Self::Memory(Cursor::new(Vec::new())),
        })
    }
}

impl Read for Scratch {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Memory(memory) => memory.read(buf),
            Self::File(file) => file.read(buf),
        }
    }
}

impl Write for Scratch {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        match self {
            Self::Memory(memory) => memory.write(buf),
            Self::File(file) => file.write(buf),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Memory(memory) => memory.flush(),
            Self::File(file) => file.flush(),
        }
    }
}

impl Seek for Scratch {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match self {
            Self::Memory(memory) => memory.seek(to),
            Self::File(file) => file.seek(to),
        }
    }
}
