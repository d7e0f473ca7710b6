//! `multipart/form-data` (RFC 7578) as a stream: the manifest, then each mail from memory or from its spool file. Never more than
//! one block of a mail is in memory beside what its owner holds.

use std::collections::VecDeque;
use std::io::{self, Read as _};

use bytes::Bytes;
use futures_util::stream::{self, Stream};

use crate::crm::MailBatch;
use crate::crm::contract::MANIFEST_PART;
use crate::model::{RawMail, RawMailReader};

use super::manifest::client_id;

/// Bytes read from a spool file at once.
const BLOCK: usize = 128 * 1024;

/// A body ready to be sent.
#[derive(Debug)]
pub(super) struct Multipart {
    boundary: String,
    pieces: VecDeque<Piece>,
    len: u64,
}

#[derive(Debug)]
enum Piece {
    Bytes(Bytes),
    Mail(RawMail),
}

impl Multipart {
    /// The body of a batch. The boundary must be unguessable, because the mails were written by others.
    pub(super) fn new(boundary: String, manifest: Bytes, batch: &MailBatch) -> Self {
        let mut body = Self { boundary, pieces: VecDeque::with_capacity(2 * batch.items.len() + 3), len: 0 };
        let head = format!(
            "--{}\r\nContent-Disposition: form-data; name=\"{MANIFEST_PART}\"\r\nContent-Type: application/json\r\n\r\n",
            body.boundary
        );
        body.push(head.into());
        body.push(manifest);
        for (position, item) in batch.items.iter().enumerate() {
            let name = client_id(position);
            let head = format!(
                "\r\n--{}\r\nContent-Disposition: form-data; name=\"{name}\"; filename=\"{name}.eml\"\r\nContent-Type: message/rfc822\r\n\r\n",
                body.boundary
            );
            body.push(head.into());
            if let Some(bytes) = item.raw.in_memory() {
                body.push(bytes.clone());
            } else {
                body.len += item.raw.len();
                body.pieces.push_back(Piece::Mail(item.raw.clone()));
            }
        }
        let end = format!("\r\n--{}--\r\n", body.boundary);
        body.push(end.into());
        body
    }

    fn push(&mut self, bytes: Bytes) {
        self.len += bytes.len() as u64;
        self.pieces.push_back(Piece::Bytes(bytes));
    }

    /// The media type with its boundary.
    pub(super) fn content_type(&self) -> String {
        format!("multipart/form-data; boundary={}", self.boundary)
    }

    /// Length of the whole body in bytes.
    pub(super) const fn len(&self) -> u64 {
        self.len
    }

    /// The body, block by block.
    pub(super) fn into_stream(self) -> impl Stream<Item = io::Result<Bytes>> + Send + 'static {
        stream::try_unfold((self.pieces, None::<OpenMail>), |(mut pieces, open)| async move {
            if let Some(open) = open {
                let (block, open) = open.next_block().await?;
                return Ok(Some((block, (pieces, open))));
            }
            match pieces.pop_front() {
                None => Ok(None),
                Some(Piece::Bytes(bytes)) => Ok(Some((bytes, (pieces, None)))),
                Some(Piece::Mail(raw)) => {
                    let (block, open) = OpenMail::new(&raw)?.next_block().await?;
                    Ok(Some((block, (pieces, open))))
                }
            }
        })
    }
}

/// A spool file being read.
struct OpenMail {
    reader: RawMailReader,
    left: u64,
}

impl OpenMail {
    fn new(raw: &RawMail) -> io::Result<Self> {
        Ok(Self { reader: raw.reader()?, left: raw.len() })
    }

    /// The next block, and the rest if there is any. Exactly the announced length is read: a file cut short is an error, because
    /// the server would wait for the rest.
    async fn next_block(mut self) -> io::Result<(Bytes, Option<Self>)> {
        let read = move || {
            let wanted = usize::try_from(self.left).unwrap_or(BLOCK).min(BLOCK);
            let mut block = vec![0; wanted];
            self.reader.read_exact(&mut block)?;
            self.left -= wanted as u64;
            Ok((block.into(), (self.left > 0).then_some(self)))
        };
        tokio::task::spawn_blocking(read).await.map_err(io::Error::other)?
    }
}
