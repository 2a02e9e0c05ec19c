//! `ExportControlService`: one export, a batch, a stream.

use std::{
    collections::VecDeque,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll, ready},
};

use prost::{Message, bytes::Bytes};
use tokio_stream::Stream;
use tonic::{Request, Response, Status, Streaming};

use super::{
    codec::{Incoming, Outgoing},
    convert, frame,
    licence::{command, confirmation, confirmed, note, release, released},
    render, server,
    status::{check_error, status},
};
use crate::{
    access::Pass,
    domain::identity::Identity,
    proto::v1,
    server::{
        Draining,
        gate::{Gate, method},
        limits::{BATCH_MAX, REQUEST_BYTES_MAX, STREAM_WINDOW_MAX},
    },
    service::{Outbox, Pending, Question, Refusal, Reply, Service},
};

/// Longest part of a `request_id` that is sent back, characters.
const REQUEST_ID_ECHOED: usize = 128;

/// The service on one serving thread.
#[derive(Clone)]
pub struct ExportControl {
    service: Arc<Service>,
    outbox: Arc<Outbox<Reply>>,
    gate: Gate,
    draining: Draining,
}

impl ExportControl {
    /// The service on the thread whose outbox this is.
    #[must_use]
    pub const fn new(
        service: Arc<Service>,
        outbox: Arc<Outbox<Reply>>,
        gate: Gate,
        draining: Draining,
    ) -> Self {
        Self { service, outbox, gate, draining }
    }
}

#[tonic::async_trait]
impl server::ExportControlService for ExportControl {
    async fn check_export(&self, request: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        let pass = self.gate.admit(&request, method::CHECK_EXPORT)?;
        let asked =
            question(pass.identity(), request.into_inner().0).map_err(|(_, refusal)| status(&refusal))?;
        let answer = self.service.check(asked, &self.outbox).await.map_err(|refusal| status(&refusal))?;
        let response = v1::CheckExportResponse { decision: Some(render::decision(&answer)) };
        Ok(Response::new(Outgoing(response.encode_to_vec())))
    }

    async fn batch_check_exports(&self, request: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        let pass = self.gate.admit(&request, method::BATCH_CHECK_EXPORTS)?;
        let requests = frame::wrapped(request.into_inner().0).map_err(|refusal| status(&refusal))?;
        if !(1..=BATCH_MAX).contains(&requests.len()) {
            let rule = format!("a batch has 1 to {BATCH_MAX} requests, and this one has {}", requests.len());
            return Err(status(&Refusal::field("requests", "COUNT", rule)));
        }
        let owed: Vec<Owed> = requests
            .into_iter()
            .map(|bytes| {
                Owed::ask(pass.identity(), Ok(bytes), |asked| self.service.check(asked, &self.outbox))
            })
            .collect();
        let mut answers = Vec::with_capacity(owed.len());
        for Owed { request_id, pending } in owed {
            answers.push(told(request_id, pending.await));
        }
        Ok(Response::new(Outgoing(v1::BatchCheckExportsResponse { answers }.encode_to_vec())))
    }

    async fn confirm_shipment(&self, request: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        let pass = self.gate.admit(&request, method::CONFIRM_SHIPMENT)?;
        let bytes = request.into_inner().0;
        let asked: v1::ConfirmShipmentRequest = decoded(&bytes)?;
        let command = command(pass.identity(), &asked.request_id, bytes, confirmation(&asked));
        let noted = note(&self.service, command).await?;
        Ok(Response::new(Outgoing(confirmed(&noted).encode_to_vec())))
    }

    async fn release_reservation(&self, request: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        let pass = self.gate.admit(&request, method::RELEASE_RESERVATION)?;
        let bytes = request.into_inner().0;
        let asked: v1::ReleaseReservationRequest = decoded(&bytes)?;
        let command = command(pass.identity(), &asked.request_id, bytes, release(&asked));
        let noted = note(&self.service, command).await?;
        Ok(Response::new(Outgoing(released(&noted).encode_to_vec())))
    }

    type CheckExportsStream = Answers;

    async fn check_exports(
        &self,
        request: Request<Streaming<Incoming>>,
    ) -> Result<Response<Answers>, Status> {
        let pass = self.gate.admit(&request, method::CHECK_EXPORTS)?;
        let mut draining = self.draining.clone();
        let drained = Box::pin(async move {
            // An error means that the server is gone, which is the end as well.
            drop(draining.wait_for(|draining| *draining).await);
        });
        Ok(Response::new(Answers {
            pass,
            gate: self.gate.clone(),
            service: self.service.clone(),
            outbox: self.outbox.clone(),
            input: Input::Open(Box::new(request.into_inner())),
            drained,
            owed: VecDeque::new(),
        }))
    }
}

/// Reads a message.
fn decoded<M: Message + Default>(bytes: &Bytes) -> Result<M, Status> {
    M::decode(bytes.clone()).map_err(|fault| status(&Refusal::Undecodable(fault.to_string())))
}

/// An answer that is owed on a stream or in a batch.
struct Owed {
    request_id: String,
    pending: Pending,
}

impl Owed {
    /// Asks; whatever is wrong with the message becomes its answer.
    fn ask(
        caller: &Arc<Identity>,
        bytes: Result<Bytes, Refusal>,
        check: impl FnOnce(Question) -> Pending,
    ) -> Self {
        let asked =
            bytes.map_err(|refusal| (String::new(), refusal)).and_then(|bytes| question(caller, bytes));
        match asked {
            Ok(asked) => {
                let request_id = asked.request.request_id.as_deref().map(echoed).unwrap_or_default();
                Self { request_id, pending: check(asked) }
            }
            Err((request_id, refusal)) => Self { request_id, pending: Pending::Ready(Some(Err(refusal))) },
        }
    }
}

/// The answers of a stream, in the order asked.
///
/// It reads as long as it does not owe too much and the writer has room; both are how the stream slows its client down.
pub struct Answers {
    pass: Pass,
    gate: Gate,
    service: Arc<Service>,
    outbox: Arc<Outbox<Reply>>,
    input: Input,
    drained: Pin<Box<dyn Future<Output = ()> + Send>>,
    owed: VecDeque<Owed>,
}

/// What still comes in.
enum Input {
    Open(Box<Streaming<Incoming>>),
    /// The client has said all; the stream ends well when all is answered.
    Ended,
    /// Nothing more is read; the stream ends with this status when all is answered.
    Broken(Box<Status>),
}

impl Answers {
    /// Takes in what is there.
    fn read(&mut self, cx: &mut Context<'_>) {
        loop {
            // A question that waits for room in the queue holds those behind it back.
            let held = self.owed.back_mut().is_some_and(|last| last.pending.poll_queued(cx).is_pending());
            if held || self.owed.len() >= STREAM_WINDOW_MAX {
                return;
            }
            let Input::Open(input) = &mut self.input else { return };
            if self.drained.as_mut().poll(cx).is_ready() {
                self.input = Input::Broken(Box::new(status(&Refusal::Draining)));
                return;
            }
            match Pin::new(&mut **input).poll_next(cx) {
                Poll::Pending => return,
                Poll::Ready(None) => self.input = Input::Ended,
                Poll::Ready(Some(Err(broken))) => self.input = Input::Broken(Box::new(broken)),
                Poll::Ready(Some(Ok(Incoming(wrapper)))) => {
                    if let Err(turned_away) = self.gate.still(&self.pass, method::CHECK_EXPORTS) {
                        self.input = Input::Broken(Box::new(turned_away));
                        return;
                    }
                    let check = |asked| self.service.check_patiently(asked, &self.outbox);
                    let bytes = frame::wrapped_once(wrapper);
                    self.owed.push_back(Owed::ask(self.pass.identity(), bytes, check));
                }
            }
        }
    }
}

impl Stream for Answers {
    type Item = Result<Outgoing, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        this.read(cx);
        if let Some(first) = this.owed.front_mut() {
            let reply = ready!(Pin::new(&mut first.pending).poll(cx));
            let request_id = this.owed.pop_front().map(|first| first.request_id).unwrap_or_default();
            let response = v1::CheckExportsResponse { answer: Some(told(request_id, reply)) };
            return Poll::Ready(Some(Ok(Outgoing(response.encode_to_vec()))));
        }
        match std::mem::replace(&mut this.input, Input::Ended) {
            Input::Ended => Poll::Ready(None),
            Input::Broken(status) => Poll::Ready(Some(Err(*status))),
            open @ Input::Open(_) => {
                this.input = open;
                Poll::Pending
            }
        }
    }
}

/// Reads the question of one message.
///
/// The error comes with the `request_id`, as far as it could be read.
fn question(caller: &Arc<Identity>, bytes: Bytes) -> Result<Question, (String, Refusal)> {
    if bytes.len() > REQUEST_BYTES_MAX {
        let refusal = Refusal::TooLarge { length: bytes.len(), length_max: REQUEST_BYTES_MAX };
        return Err((String::new(), refusal));
    }
    let request = v1::CheckExportRequest::decode(bytes.clone())
        .map_err(|error| (String::new(), Refusal::Undecodable(error.to_string())))?;
    let Some(receipt) = convert::receipt_kind(request.receipt) else {
        let rule = format!("`{}` is no kind of receipt", request.receipt);
        return Err((echoed(&request.request_id), Refusal::field("receipt", "UNKNOWN", rule)));
    };
    let caller = caller.clone();
    Ok(Question { caller, request: convert::raw_request(request), bytes, receipt })
}

fn told(request_id: String, reply: Reply) -> v1::CheckAnswer {
    let result = match reply {
        Ok(answer) => v1::check_answer::Result::Decision(Box::new(render::decision(&answer))),
        Err(refusal) => v1::check_answer::Result::Error(check_error(&refusal)),
    };
    v1::CheckAnswer { request_id, result: Some(result) }
}

fn echoed(request_id: &str) -> String {
    request_id.chars().take(REQUEST_ID_ECHOED).collect()
}
