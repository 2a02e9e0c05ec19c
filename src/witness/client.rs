//! The other side: a log that asks a witness to cosign its checkpoint.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use http_body_util::{BodyExt, Full, LengthLimitError, Limited};
use hyper::body::Bytes;
use hyper::client::conn::http1::{self, SendRequest};
use hyper::header::{CONTENT_TYPE, HOST};
use hyper::http::uri::{Scheme, Uri};
use hyper::{Request, StatusCode};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio::sync::Mutex;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use crate::ledger::{AddCheckpoint, Algorithm, Cosignature, KeyError, KeyName, Signature, Verifier};
use crate::witness::{ADD_CHECKPOINT_PATH, SIZE_TYPE};

/// Longest wait for an answer, connecting included, unless another is asked for.
pub const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
/// Longest body of an answer, bytes: some signature lines.
const ANSWER_BYTES_MAX: usize = 64 << 10;
/// Longest head of an answer, bytes.
const HEAD_BYTES_MAX: usize = 16 << 10;
/// Most lines in the head of an answer.
const HEADERS_MAX: usize = 64;
/// Longest text of an answer that is repeated in a message, characters.
const WHY_SHOWN_MAX: usize = 200;

/// A witness that can be asked, written `http://host:port[/prefix]=vkey`.
///
/// Plain HTTP only. Checkpoints and cosignatures are public and signed, and an answer is believed only if the
/// witness's own key has made it, so that this loses nothing but privacy.
/// One request at a time is sent, on a connection that is kept.
pub struct Client {
    url: Url,
    verifier: Verifier,
    wait_max: Duration,
    link: Mutex<Option<Link>>,
}

impl Client {
    /// The witness at this address, with this key.
    ///
    /// # Errors
    /// When the address is not of the form `http://host:port[/prefix]`, or the key is none of a witness.
    pub fn new(url: &str, verifier: Verifier) -> Result<Client, WitnessAddressError> {
        if verifier.algorithm() != Algorithm::CosignatureV1 {
            return Err(WitnessAddressError::Log { key: verifier.name().clone() });
        }
        Ok(Client { url: url.parse()?, verifier, wait_max: ANSWER_TIME_MAX, link: Mutex::new(None) })
    }

    /// The same, waiting at most this long for an answer.
    #[must_use]
    pub fn waiting(self, wait_max: Duration) -> Client {
        Client { wait_max, ..self }
    }

    /// The key of the witness.
    #[must_use]
    pub fn verifier(&self) -> &Verifier {
        &self.verifier
    }

    /// The address of the witness, as it was given.
    #[must_use]
    pub fn url(&self) -> String {
        self.url.to_string()
    }

    /// Asks for a cosignature on the checkpoint in `request`. The one returned is verified: this witness made it, over
    /// this checkpoint.
    ///
    /// Asking again does no harm. An answer that was lost on the way shows as [`ClientError::Behind`] the next time,
    /// with the size of the checkpoint itself; asked from there, with an empty proof, the witness signs again.
    ///
    /// # Errors
    /// [`ClientError`].
    pub async fn add_checkpoint(&self, request: &AddCheckpoint) -> Result<Signature, ClientError> {
        let answer = timeout(self.wait_max, self.ask(request.encode().into()));
        let answer = answer.await.map_err(|_| {
            ClientError::unreachable(format!("no answer within {} ms", self.wait_max.as_millis()))
        })??;
        self.judge(request, &answer)
    }

    async fn ask(&self, body: Bytes) -> Result<Answer, ClientError> {
        let mut link = self.link.lock().await;
        if let Some(mut kept) = link.take().filter(|kept| !kept.sender.is_closed()) {
            match kept.exchange(&self.url, body.clone()).await {
                Ok(answer) => {
                    *link = Some(kept);
                    return Ok(answer);
                }
                // The witness may have closed the connection meanwhile, and then a new one must do.
                Err(ClientError::Unreachable { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let mut fresh = Link::open(&self.url).await?;
        let answer = fresh.exchange(&self.url, body).await?;
        *link = Some(fresh);
        Ok(answer)
    }

    fn judge(&self, request: &AddCheckpoint, answer: &Answer) -> Result<Signature, ClientError> {
        match answer.status {
            StatusCode::OK => self.cosignature(request, &answer.body),
            StatusCode::CONFLICT if answer.is_size => {
                let known = size(&answer.body).ok_or(ClientError::Malformed)?;
                if known == request.old_size {
                    // It is where we thought it is: what it does not like is the root.
                    Err(ClientError::refused(answer, "it has cosigned another checkpoint of this size"))
                } else {
                    Err(ClientError::Behind { known })
                }
            }
            _ => Err(ClientError::refused(answer, &String::from_utf8_lossy(&answer.body))),
        }
    }

    /// The first line by the witness's key. Lines by other keys mean nothing, also where they have the same name.
    fn cosignature(&self, request: &AddCheckpoint, body: &[u8]) -> Result<Signature, ClientError> {
        let lines = str::from_utf8(body).ok().and_then(|body| body.strip_suffix('\n'));
        for line in lines.ok_or(ClientError::Malformed)?.split('\n') {
            let signature = Signature::parse(line).map_err(|_| ClientError::Malformed)?;
            if self.verifier.is_named_by(&signature) {
                return match Cosignature::verify(&self.verifier, request.checkpoint.text(), &signature) {
                    Some(_) => Ok(signature),
                    None => Err(ClientError::Forged { key: self.verifier.name().clone() }),
                };
            }
        }
        Err(ClientError::OtherKey { key: self.verifier.name().clone() })
    }
}

impl FromStr for Client {
    type Err = WitnessAddressError;

    /// Reads `http://host:port[/prefix]=vkey`.
    fn from_str(text: &str) -> Result<Client, WitnessAddressError> {
        let (url, key) =
            text.split_once('=').ok_or_else(|| WitnessAddressError::Pair { text: text.to_owned() })?;
        Client::new(url, key.parse()?)
    }
}

impl fmt::Display for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}={}", self.url, self.verifier)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({self})")
    }
}

/// Where a witness is: `http://host:port[/prefix]`.
#[derive(Clone, Debug, Eq, PartialEq)]
struct Url {
    authority: String,
    /// Empty, or with a slash before it and none after it.
    prefix: String,
}

impl FromStr for Url {
    type Err = WitnessAddressError;

    fn from_str(text: &str) -> Result<Url, WitnessAddressError> {
        let wrong = || WitnessAddressError::Url { text: text.to_owned() };
        let uri: Uri = text.parse().map_err(|_| wrong())?;
        let authority = uri.authority().ok_or_else(wrong)?;
        let plain = uri.scheme() == Some(&Scheme::HTTP)
            && uri.query().is_none()
            && !authority.as_str().contains('@')
            && !authority.host().is_empty()
            // A fragment is not in a parsed URI any more.
            && !text.contains('#');
        let port = authority.port_u16().filter(|port| *port != 0);
        if !plain || port.is_none() {
            return Err(wrong());
        }
        let prefix = uri.path().trim_end_matches('/').to_owned();
        Ok(Url { authority: authority.to_string(), prefix })
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "http://{}{}", self.authority, self.prefix)
    }
}

/// A connection to a witness. Dropping it closes it, also in the middle of an answer.
struct Link {
    sender: SendRequest<Full<Bytes>>,
    driver: AbortHandle,
}

impl Drop for Link {
    fn drop(&mut self) {
        self.driver.abort();
    }
}

impl Link {
    async fn open(url: &Url) -> Result<Link, ClientError> {
        let stream = TcpStream::connect(&url.authority).await.map_err(ClientError::unreachable)?;
        // The request is small and must not wait for more. A socket that cannot do that still works.
        let _ = stream.set_nodelay(true);
        let (sender, connection) = http1::Builder::new()
            .max_header_size(HEAD_BYTES_MAX)
            .max_headers(HEADERS_MAX)
            .max_buf_size(2 * HEAD_BYTES_MAX)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(ClientError::unreachable)?;
        // How the connection ends is seen by whoever sends on it.
        let driver = tokio::spawn(async move { drop(connection.await) }).abort_handle();
        Ok(Link { sender, driver })
    }

    async fn exchange(&mut self, url: &Url, body: Bytes) -> Result<Answer, ClientError> {
        let request = Request::post(format!("{}{ADD_CHECKPOINT_PATH}", url.prefix))
            .header(HOST, &url.authority)
            .header(CONTENT_TYPE, "text/plain; charset=utf-8")
            .body(Full::new(body))
            .map_err(ClientError::unreachable)?;
        self.sender.ready().await.map_err(ClientError::unreachable)?;
        let response = self.sender.send_request(request).await.map_err(ClientError::unreachable)?;
        let (head, body) = response.into_parts();
        let is_size = head
            .headers
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok()?.split(';').next())
            .is_some_and(|essence| essence.trim().eq_ignore_ascii_case(SIZE_TYPE));
        match Limited::new(body, ANSWER_BYTES_MAX).collect().await {
            Ok(body) => Ok(Answer { status: head.status, is_size, body: body.to_bytes() }),
            Err(error) if error.is::<LengthLimitError>() => Err(ClientError::Malformed),
            Err(error) => Err(ClientError::unreachable(error)),
        }
    }
}

/// The body of a 409: a size in decimal digits and a newline.
fn size(body: &[u8]) -> Option<u64> {
    let digits = str::from_utf8(body.strip_suffix(b"\n")?).ok()?;
    digits.bytes().all(|byte| byte.is_ascii_digit()).then(|| digits.parse().ok())?
}

struct Answer {
    status: StatusCode,
    /// Is the body of the type that a size has?
    is_size: bool,
    body: Bytes,
}

/// Why there is no cosignature.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum ClientError {
    /// The witness last cosigned another size than the request starts from (409): ask again with a proof from there.
    #[error("the witness has last cosigned {known} entries")]
    Behind {
        /// The size that it knows; larger than the log where the log was set back.
        known: u64,
    },
    /// The witness says no: 422 where the log does not continue what it saw, 409 where it saw another checkpoint of
    /// this size, 403 and 404 where it does not know the log or its key, 400 where it does not understand. From 500 on
    /// it would perhaps, and cannot.
    #[error("the witness refuses with {status}: {why}")]
    Refused {
        /// The HTTP status.
        status: u16,
        /// The beginning of what it says, in one line.
        why: String,
    },
    /// No answer at all, or not in time. Nothing is known about whether the witness has cosigned.
    #[error("the witness cannot be reached: {why}")]
    Unreachable {
        /// Why not.
        why: String,
    },
    /// An answer that is none of a witness.
    #[error("the answer is not that of a witness")]
    Malformed,
    /// An answer without a cosignature by the key of the witness.
    #[error("the answer has no cosignature by the key `{key}`")]
    OtherKey {
        /// The key of the witness.
        key: KeyName,
    },
    /// A cosignature that says it is by the key of the witness, and is not, or is over another checkpoint.
    #[error("the cosignature by the key `{key}` does not verify")]
    Forged {
        /// The key of the witness.
        key: KeyName,
    },
}

impl ClientError {
    fn unreachable(why: impl fmt::Display) -> ClientError {
        ClientError::Unreachable { why: why.to_string() }
    }

    fn refused(answer: &Answer, why: &str) -> ClientError {
        // A stranger's text: it cannot write lines of its own where it is told.
        let why = why.trim().chars().take(WHY_SHOWN_MAX);
        let why = why.map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
        ClientError::Refused { status: answer.status.as_u16(), why }
    }
}

/// Why a text names no witness.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
pub enum WitnessAddressError {
    /// No `=` between address and key.
    #[error("`{text}` is not of the form URL=VKEY")]
    Pair {
        /// What was given.
        text: String,
    },
    /// No address, or not one of plain HTTP.
    #[error(
        "`{text}` is not of the form http://host:port[/prefix]; witnesses are asked over plain HTTP: checkpoints and \
         cosignatures are public and signed"
    )]
    Url {
        /// What was given.
        text: String,
    },
    /// No key.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// The key of a log.
    #[error("`{key}` is a key that logs sign with, not that of a witness")]
    Log {
        /// The key.
        key: KeyName,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ledger::{Cosigner, Signer};

    #[test]
    fn a_witness_is_named_by_address_and_key() {
        let key = Cosigner::from_seed("witness.example".parse().unwrap(), &[2; 32]).unwrap();
        let key = key.verifier();
        for (written, read) in [
            ("http://127.0.0.1:7444", "http://127.0.0.1:7444"),
            ("http://[::1]:7444/", "http://[::1]:7444"),
            ("http://witness.example:80/a/b/", "http://witness.example:80/a/b"),
        ] {
            let client: Client = format!("{written}={key}").parse().unwrap();
            assert_eq!((client.url(), client.verifier()), (read.to_owned(), key));
            assert_eq!(client.to_string().parse::<Client>().unwrap().to_string(), client.to_string());
        }
        for wrong in [
            "",
            "http://",
            "/",
            "witness.example:7444",
            "https://witness.example:7444",
            "http://witness.example",
            "http://witness.example:0",
            "http://witness.example:70000",
            "http://:7444",
            "http://me@witness.example:7444",
            "http://witness.example:7444/?a",
            "http://witness.example:7444/#a",
            "http://witness.example:7444/ a",
        ] {
            let refused = Client::new(wrong, key.clone()).unwrap_err();
            assert_eq!(refused, WitnessAddressError::Url { text: wrong.to_owned() });
        }
        let log = Signer::from_seed("exporter.example/log".parse().unwrap(), &[1; 32]).unwrap();
        let refused = Client::new("http://127.0.0.1:7444", log.verifier().clone()).unwrap_err();
        assert!(matches!(refused, WitnessAddressError::Log { .. }));
        assert!(matches!("http://a:1".parse::<Client>(), Err(WitnessAddressError::Pair { .. })));
        assert!(matches!("http://a:1=x".parse::<Client>(), Err(WitnessAddressError::Key(_))));
    }
}
