//! Receives a batch: the manifest into memory, the mails one after the other into a segment file, whatever their size.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::body::Body;
use axum::http::HeaderMap;
use axum::http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{StreamExt as _, TryStreamExt as _};
use sha2::Digest as _;
use tokio::io::AsyncWriteExt as _;
use tokio_util::io::{ReaderStream, StreamReader};

use super::answers::Failure;
use crate::crm::contract::{MANIFEST_PART, ProblemKind, schema};
use crate::model::Digest;

/// Where a part's bytes are in the segment file.
#[derive(Debug, Clone)]
pub(super) struct Part {
    pub(super) offset: u64,
    pub(super) len: u64,
    pub(super) digest: Digest,
}

/// The bytes of a batch on disk. The file goes away unless it is kept.
#[derive(Debug)]
pub(super) struct Received {
    pub(super) parts: BTreeMap<String, Part>,
    pub(super) segment: Option<tempfile::TempPath>,
}

/// A segment file being written.
struct Segment {
    file: tokio::io::BufWriter<tokio::fs::File>,
    path: tempfile::TempPath,
    len: u64,
}

impl Segment {
    fn new(dir: &Path) -> io::Result<Self> {
        let (file, path) = tempfile::Builder::new().prefix("incoming-").suffix(".seg").tempfile_in(dir)?.into_parts();
        Ok(Self { file: tokio::io::BufWriter::with_capacity(256 * 1024, tokio::fs::File::from_std(file)), path, len: 0 })
    }
}

/// A batch on its way in.
pub(super) struct Incoming {
    multipart: multer::Multipart<'static>,
    parts: BTreeMap<String, Part>,
    segment: Option<Segment>,
    count: Arc<AtomicU64>,
    limit: u64,
}

impl Incoming {
    /// Checks the headers and begins to read. `limit` bounds the uncompressed bytes.
    pub(super) fn new(headers: &HeaderMap, body: Body, limit: u64) -> Result<Self, Failure> {
        let text = |name| headers.get(name).map(|value: &axum::http::HeaderValue| value.to_str().unwrap_or_default());
        let boundary = multer::parse_boundary(text(CONTENT_TYPE).unwrap_or_default())
            .map_err(|_| Failure::new(ProblemKind::UnsupportedMedia, "a batch is multipart/form-data"))?;
        let plain = body.into_data_stream().map_err(io::Error::other).boxed();
        let stream: BoxStream<'static, io::Result<Bytes>> = match text(CONTENT_ENCODING).unwrap_or("identity") {
            "identity" => plain,
            "gzip" => ReaderStream::new(async_compression::tokio::bufread::GzipDecoder::new(StreamReader::new(plain))).boxed(),
            "zstd" => ReaderStream::new(async_compression::tokio::bufread::ZstdDecoder::new(StreamReader::new(plain))).boxed(),
            _ => return Err(Failure::new(ProblemKind::UnsupportedMedia, "content codings are zstd and gzip")),
        };
        let count = Arc::new(AtomicU64::new(0));
        let counter = Arc::clone(&count);
        let bounded = stream.map(move |block| {
            let block = block?;
            let total = counter.fetch_add(block.len() as u64, Ordering::Relaxed) + block.len() as u64;
            if total > limit { Err(io::Error::from(io::ErrorKind::FileTooLarge)) } else { Ok(block) }
        });
        Ok(Self { multipart: multer::Multipart::new(bounded, boundary), parts: BTreeMap::new(), segment: None, count, limit })
    }

    /// The manifest. What stands before it, against the contract's advice, is received into `dir`.
    pub(super) async fn manifest(&mut self, dir: &Path) -> Result<Bytes, Failure> {
        loop {
            match self.next_part().await? {
                Some(field) if field.name() == Some(MANIFEST_PART) => return field.bytes().await.map_err(|error| self.failure(&error)),
                Some(field) => self.keep(field, dir).await?,
                None => return Err(Failure::new(ProblemKind::Invalid, "there is no manifest")),
            }
        }
    }

    /// The mails, into a new file in `dir`. Synced to disk when it returns.
    pub(super) async fn mails(mut self, dir: &Path) -> Result<Received, Failure> {
        while let Some(field) = self.next_part().await? {
            self.keep(field, dir).await?;
        }
        let Some(mut segment) = self.segment else { return Ok(Received { parts: self.parts, segment: None }) };
        segment.file.flush().await.map_err(|error| Failure::io(&error))?;
        segment.file.get_ref().sync_all().await.map_err(|error| Failure::io(&error))?;
        Ok(Received { parts: self.parts, segment: Some(segment.path) })
    }

    async fn next_part(&mut self) -> Result<Option<multer::Field<'static>>, Failure> {
        let field = self.multipart.next_field().await.map_err(|error| self.failure(&error))?;
        match field.as_ref().map(|part| part.name().unwrap_or_default()) {
            Some(name) if name != MANIFEST_PART && !schema::is_mail_part(name) => {
                Err(Failure::new(ProblemKind::Invalid, "parts are named manifest, mail-0, mail-1 and so on"))
            }
            _ => Ok(field),
        }
    }

    /// Receives one mail.
    async fn keep(&mut self, mut field: multer::Field<'static>, dir: &Path) -> Result<(), Failure> {
        let name = field.name().unwrap_or_default().to_owned();
        let mut segment = match self.segment.take() {
            Some(segment) => segment,
            None => Segment::new(dir).map_err(|error| Failure::io(&error))?,
        };
        let mut hash = sha2::Sha256::new();
        let offset = segment.len;
        while let Some(block) = field.chunk().await.map_err(|error| self.failure(&error))? {
            hash.update(&block);
            segment.len += block.len() as u64;
            segment.file.write_all(&block).await.map_err(|error| Failure::io(&error))?;
        }
        let part = Part { offset, len: segment.len - offset, digest: Digest::from_sha256(&hash.finalize()) };
        // Of two parts with one name the first counts, and the digest tells if it is the wrong one.
        self.parts.entry(name).or_insert(part);
        self.segment = Some(segment);
        Ok(())
    }

    /// Reads the rest and forgets it, so that the sender hears the answer.
    pub(super) async fn drain(mut self) -> Result<u64, Failure> {
        while let Some(mut field) = self.multipart.next_field().await.map_err(|error| self.failure(&error))? {
            while field.chunk().await.map_err(|error| self.failure(&error))?.is_some() {}
        }
        Ok(self.count.load(Ordering::Relaxed))
    }

    fn failure(&self, error: &multer::Error) -> Failure {
        if self.count.load(Ordering::Relaxed) > self.limit {
            Failure::new(ProblemKind::TooLarge, format!("a request holds at most {} bytes", self.limit))
        } else {
            Failure::new(ProblemKind::Invalid, format!("the multipart body cannot be read: {error}"))
        }
    }
}
