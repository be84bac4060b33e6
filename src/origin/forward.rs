//! One exchange with an origin: what is sent, on which connection, and what is tried once more.

use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Response, Uri, Version};
use http_body::Body;
use hyper::body::Incoming;

use super::body::{OriginBody, RequestBody, Upload};
use super::deadline::Silence;
use super::line::{Line, Unanswered};
use super::pool::{Site, Slot};
use super::pulse::is_hang_up;
use super::{BoxError, OriginError, OriginStats, Settings, framing, headers};
use crate::gate::permit::{Passage, Permit};

/// The origins of all sites.
#[derive(Debug)]
pub struct Origin {
    sites: Vec<Arc<Site>>,
}

impl Origin {
    /// One origin for each site, in the order of the configuration.
    #[must_use]
    pub fn new(settings: Vec<Settings>) -> Self {
        let sites = settings.into_iter().map(Site::new).map(Arc::new).collect();
        Self { sites }
    }

    /// How busy a site's origin is; `None` if there is no such site.
    #[must_use]
    pub fn stats(&self, site: usize) -> Option<OriginStats> {
        self.sites.get(site).map(|site| site.stats())
    }

    /// Sends a permitted request to its site and waits for the head of the answer.
    ///
    /// The target is the permit's, not the request's. Both bodies are streamed. Dropping the
    /// future, or the answer's body before its end, closes the connection to the origin.
    ///
    /// # Errors
    ///
    /// An [`OriginError`] that says what the visitor is to be told. Nothing was answered then.
    pub async fn forward<B>(
        &self,
        request: Request<B>,
        permit: Permit,
    ) -> Result<Response<OriginBody>, OriginError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let passage = permit.passage();
        let Some(site) = self.sites.get(passage.site) else {
            let source = "the permit names a site that is not configured".into();
            return Err(OriginError::Unreachable { source });
        };
        let slot = Slot::take(site).await?;
        let (request, upload) = outgoing(request, passage);
        let mut silence = Silence::new(site.deadlines(), upload.clone());
        let (mut answer, line) = exchange(site, request, &mut silence)
            .await
            .map_err(|failure| failure.into_error(upload.as_deref()))?;

        framing::check(answer.status(), answer.headers_mut())?;
        *answer.version_mut() = Version::HTTP_11;
        headers::clean_answer(answer.headers_mut());
        if permit.is_personal() {
            headers::make_private(answer.headers_mut());
        }
        Ok(answer.map(|incoming| OriginBody::new(incoming, silence, line, slot)))
    }
}

/// The request as the origin gets it.
fn outgoing<B>(
    request: Request<B>,
    passage: &Passage,
) -> (Request<RequestBody>, Option<Arc<Upload>>)
where
    B: Body<Data = Bytes> + Send + 'static,
    B::Error: Into<BoxError>,
{
    let (mut parts, body) = request.into_parts();
    headers::prepare_request(&mut parts.headers, passage);
    let length = if body.is_end_stream() {
        Some(0)
    } else {
        body.size_hint().exact()
    };
    framing::declare(&parts.method, length, &mut parts.headers);
    let (body, upload) = if length == Some(0) {
        (RequestBody::Empty, None)
    } else {
        let (body, upload) = RequestBody::streaming(body, length);
        (body, Some(upload))
    };
    let head = Head {
        method: parts.method,
        target: Uri::from(passage.target.clone()),
        headers: parts.headers,
    };
    (head.with(body), upload)
}

/// All of a request but its body.
struct Head {
    method: Method,
    target: Uri,
    headers: HeaderMap,
}

impl Head {
    /// A copy, if the request may be sent a second time although the first may have arrived:
    /// it changes nothing there and has no body.
    fn of_repeatable(request: &Request<RequestBody>) -> Option<Self> {
        let changes_nothing = matches!(
            *request.method(),
            Method::GET | Method::HEAD | Method::OPTIONS
        );
        let has_body = matches!(request.body(), RequestBody::Streaming { .. });
        (changes_nothing && !has_body).then(|| Self {
            method: request.method().clone(),
            target: request.uri().clone(),
            headers: request.headers().clone(),
        })
    }

    fn with(self, body: RequestBody) -> Request<RequestBody> {
        let mut request = Request::new(body);
        *request.method_mut() = self.method;
        *request.uri_mut() = self.target;
        *request.headers_mut() = self.headers;
        request
    }
}

/// Why an exchange failed.
enum Failure {
    Unopened(OriginError),
    Unanswered(Unanswered),
}

impl Failure {
    fn into_error(self, upload: Option<&Upload>) -> OriginError {
        match self {
            Self::Unopened(error) => error,
            Self::Unanswered(Unanswered::Silent(waited)) => OriginError::NoAnswer { waited },
            Self::Unanswered(Unanswered::Unsent(_)) => OriginError::BadAnswer {
                source: "the origin hung up before the request was sent".into(),
            },
            Self::Unanswered(Unanswered::Broken(error)) => {
                let source = error.into();
                if upload.is_some_and(Upload::is_failed) {
                    OriginError::RequestBody { source }
                } else {
                    OriginError::BadAnswer { source }
                }
            }
        }
    }
}

/// Sends a request on a warm connection, or on a new one.
///
/// An origin may close a warm connection in the very moment it is used. Then the request is sent
/// once more, on a new connection, if nothing of it was sent or if a second arrival is harmless.
async fn exchange(
    site: &Arc<Site>,
    mut request: Request<RequestBody>,
    silence: &mut Silence,
) -> Result<(Response<Incoming>, Line), Failure> {
    if let Some(mut line) = site.take() {
        let copy = Head::of_repeatable(&request);
        request = match (line.send(request, silence).await, copy) {
            (Ok(answer), _) => return Ok((answer, line)),
            (Err(Unanswered::Unsent(request)), _) => *request,
            (Err(Unanswered::Broken(error)), Some(copy)) if hung_up(&error) => {
                copy.with(RequestBody::Empty)
            }
            (Err(unanswered), _) => return Err(Failure::Unanswered(unanswered)),
        };
    }
    let mut line = site.open().await.map_err(Failure::Unopened)?;
    let answer = line.send(request, silence).await;
    let answer = answer.map_err(Failure::Unanswered)?;
    Ok((answer, line))
}

/// Whether the connection ended, rather than said something that makes no sense.
fn hung_up(error: &hyper::Error) -> bool {
    if error.is_incomplete_message() || error.is_closed() || error.is_canceled() {
        return true;
    }
    std::error::Error::source(error)
        .and_then(|source| source.downcast_ref::<std::io::Error>())
        .is_some_and(|error| is_hang_up(error.kind()))
}
