//! `POST /v1/mail-imports` and `GET /v1/mail-imports/{key}`.

use std::collections::BTreeMap;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use async_compression::Level;
use async_compression::tokio::bufread::{GzipEncoder, ZstdEncoder};
use async_compression::zstd::CParameter;
use bytes::Bytes;
use futures_util::{Stream, StreamExt as _, TryStreamExt as _};
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, CONTENT_TYPE, HeaderName, HeaderValue};
use reqwest::{Method, StatusCode};
use tokio_util::io::{ReaderStream, StreamReader};

use super::answer::Purpose;
use super::client::{Coding, HttpCrm};
use super::manifest::{client_id, manifest_bytes};
use super::multipart::Multipart;
use super::request::Request;
use crate::crm::contract::{IDEMPOTENCY_KEY, ImportAnswer, ImportResult, MAX_ITEMS};
use crate::crm::{BatchAnswer, CrmError, ItemResult, MailBatch};
use crate::model::{BatchKey, ItemKey};
use crate::system::{Random as _, SystemRandom};

/// Posts a batch once.
pub(super) async fn post(crm: &HttpCrm, batch: &MailBatch) -> Result<BatchAnswer, CrmError> {
    if batch.items.is_empty() {
        return Err(CrmError::Contract("a batch holds at least one mail".to_owned()));
    }
    if batch.items.len() > MAX_ITEMS {
        return Err(CrmError::TooLarge);
    }
    let manifest = manifest_bytes(batch).map_err(|error| CrmError::Contract(error.to_string()))?;
    let boundary = format!("crmsync-{}", SystemRandom.uuid().simple());
    let body = Multipart::new(boundary, manifest, batch);
    let spool_failure = SpoolFailure::default();
    let request = request(crm, &batch.key, body, &spool_failure)?;
    let answer = match crm.send(request).await {
        Ok(answer) => answer,
        Err(error) => return Err(spool_failure.take().map_or(error, CrmError::Spool)),
    };
    if answer.status == StatusCode::UNSUPPORTED_MEDIA_TYPE {
        // A gateway before the CRM may not know the coding that the CRM announced.
        crm.set_coding(Coding::Identity);
    }
    let answer = answer.accept(Purpose::Batch)?;
    if answer.status != StatusCode::OK {
        return Err(CrmError::Contract(format!("a batch was answered with status {}", answer.status.as_u16())));
    }
    let answer: ImportAnswer = answer.json()?;
    in_order(answer, batch)
}

/// Asks for the answer to an earlier batch.
pub(super) async fn recover(crm: &HttpCrm, key: &BatchKey) -> Result<Option<BatchAnswer>, CrmError> {
    let answer = crm.send(Request::new(Method::GET, crm.address(&["v1", "mail-imports", key.as_str()]))).await?;
    if answer.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let answer: ImportAnswer = answer.accept(Purpose::Batch)?.json()?;
    Ok(Some(BatchAnswer {
        results: answer.results.into_iter().map(|result| (result.client_id.clone(), result)).collect::<Positions>().sorted()?,
    }))
}

fn request(crm: &HttpCrm, key: &BatchKey, body: Multipart, spool_failure: &SpoolFailure) -> Result<Request, CrmError> {
    let header = |text: &str| {
        HeaderValue::from_str(text).map_err(|_| CrmError::Contract("a batch key holds characters that cannot be sent".to_owned()))
    };
    let coding = crm.coding();
    let len = body.len();
    let mut request = Request::new(Method::POST, crm.address(&["v1", "mail-imports"]))
        .header(HeaderName::from_static(IDEMPOTENCY_KEY), header(key.as_str())?)
        .header(CONTENT_TYPE, header(&body.content_type())?);
    let failure = spool_failure.clone();
    let plain = body.into_stream().map_err(move |error| failure.keep(error));
    let traffic = crm.shared_traffic();
    let count = move |block: io::Result<Bytes>| block.inspect(|bytes| traffic.sent(bytes.len()));
    let body = match coding {
        Coding::Identity => {
            request = request.header(CONTENT_LENGTH, HeaderValue::from(len));
            reqwest::Body::wrap_stream(plain.map(count))
        }
        Coding::Gzip => {
            request = request.header(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
            let encoder = GzipEncoder::with_quality(reader(plain), Level::Precise(2));
            reqwest::Body::wrap_stream(ReaderStream::with_capacity(encoder, 64 * 1024).map(count))
        }
        Coding::Zstd => {
            request = request.header(CONTENT_ENCODING, HeaderValue::from_static("zstd"));
            // A window of 512 KiB: servers need not hold more, and mails seldom repeat what lies farther back.
            let encoder = ZstdEncoder::with_quality_and_params(reader(plain), Level::Precise(1), &[CParameter::window_log(19)]);
            reqwest::Body::wrap_stream(ReaderStream::with_capacity(encoder, 64 * 1024).map(count))
        }
    };
    Ok(request.body(body, len))
}

fn reader(stream: impl Stream<Item = io::Result<Bytes>> + Send + 'static) -> impl tokio::io::AsyncBufRead + Send + 'static {
    StreamReader::new(stream.boxed())
}

/// Keeps the reason why a spool file could not be read: the HTTP layer only says that the body failed.
#[derive(Debug, Clone, Default)]
struct SpoolFailure(Arc<Mutex<Option<io::Error>>>);

impl SpoolFailure {
    fn keep(&self, error: io::Error) -> io::Error {
        let short = io::Error::from(error.kind());
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(error);
        short
    }

    fn take(&self) -> Option<io::Error> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }
}

/// Results by client id, to be brought into the order of the batch.
#[derive(Debug, Default)]
struct Positions(BTreeMap<String, ImportResult>, bool);

impl FromIterator<(String, ImportResult)> for Positions {
    fn from_iter<I: IntoIterator<Item = (String, ImportResult)>>(results: I) -> Self {
        let mut positions = Self::default();
        for (client_id, result) in results {
            positions.1 |= positions.0.insert(client_id, result).is_some();
        }
        positions
    }
}

impl Positions {
    /// The result of every position from 0, each exactly once.
    fn sorted(mut self) -> Result<Vec<ItemResult>, CrmError> {
        if self.1 {
            return Err(CrmError::Contract("a client id has two results".to_owned()));
        }
        let count = self.0.len();
        (0..count)
            .map(|position| {
                let id = client_id(position);
                self.0.remove(&id).map(item_result).ok_or_else(|| CrmError::Contract(format!("no result for {id}")))
            })
            .collect()
    }
}

/// The results in the order of the batch: exactly one per item, with its own key.
fn in_order(answer: ImportAnswer, batch: &MailBatch) -> Result<BatchAnswer, CrmError> {
    if answer.results.len() != batch.items.len() {
        return Err(CrmError::Contract(format!("{} results for {} mails", answer.results.len(), batch.items.len())));
    }
    let results = answer.results.into_iter().map(|result| (result.client_id.clone(), result)).collect::<Positions>().sorted()?;
    let keys_agree = |(result, item): (&ItemResult, &crate::crm::MailImport)| -> bool {
        let key: &ItemKey = &result.key;
        *key == item.key
    };
    if !results.iter().zip(&batch.items).all(keys_agree) {
        return Err(CrmError::Contract("a result bears the item key of another mail".to_owned()));
    }
    Ok(BatchAnswer { results })
}

fn item_result(result: ImportResult) -> ItemResult {
    ItemResult {
        key: result.item_key,
        verdict: result.verdict,
        record: result.record,
        linked: result.linked,
        customer_folder: result.customer_folder,
        reason: super::answer::one_line(&result.reason),
        replayed: result.replayed,
    }
}
