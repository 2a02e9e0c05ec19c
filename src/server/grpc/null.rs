//! A handler that decides nothing: what the transport alone costs, for `slagboom bench`.

use std::pin::Pin;

use prost::{Message, bytes::Bytes};
use tokio_stream::{Stream, StreamExt};
use tonic::{Request, Response, Status, Streaming, service::Routes};

use super::{
    codec::{Incoming, Outgoing},
    frame, server,
    status::status,
};
use crate::proto::v1;

/// Answers everything with the same decision, after decoding the request.
#[derive(Clone, Debug)]
pub struct Null {
    response: Bytes,
    item: Bytes,
    answer: v1::CheckAnswer,
}

impl Null {
    /// A handler that answers with this decision.
    #[must_use]
    pub fn answering(decision: v1::Decision) -> Self {
        let response = v1::CheckExportResponse { decision: Some(decision.clone()) };
        let result = v1::check_answer::Result::Decision(Box::new(decision));
        let answer = v1::CheckAnswer { request_id: String::new(), result: Some(result) };
        let item = v1::CheckExportsResponse { answer: Some(answer.clone()) };
        Self { response: response.encode_to_vec().into(), item: item.encode_to_vec().into(), answer }
    }

    /// The service of this handler.
    #[must_use]
    pub fn routes(self) -> Routes {
        Routes::new(server::export_control_service_server::ExportControlServiceServer::new(self))
    }
}

fn decoded(bytes: Bytes) -> Result<(), Status> {
    v1::CheckExportRequest::decode(bytes)
        .map(drop)
        .map_err(|error| Status::invalid_argument(error.to_string()))
}

#[tonic::async_trait]
impl server::ExportControlService for Null {
    async fn check_export(&self, request: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        decoded(request.into_inner().0)?;
        Ok(Response::new(Outgoing(self.response.to_vec())))
    }

    async fn batch_check_exports(&self, request: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        let requests = frame::wrapped(request.into_inner().0).map_err(|refusal| status(&refusal))?;
        let count = requests.len();
        requests.into_iter().try_for_each(decoded)?;
        let answers = vec![self.answer.clone(); count];
        Ok(Response::new(Outgoing(v1::BatchCheckExportsResponse { answers }.encode_to_vec())))
    }

    async fn confirm_shipment(&self, _: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        Err(Status::unimplemented("this handler only answers checks"))
    }

    async fn release_reservation(&self, _: Request<Incoming>) -> Result<Response<Outgoing>, Status> {
        Err(Status::unimplemented("this handler only answers checks"))
    }

    type CheckExportsStream = Pin<Box<dyn Stream<Item = Result<Outgoing, Status>> + Send>>;

    async fn check_exports(
        &self,
        request: Request<Streaming<Incoming>>,
    ) -> Result<Response<Self::CheckExportsStream>, Status> {
        let item = self.item.clone();
        let answers = request.into_inner().map(move |wrapper| {
            let bytes = frame::wrapped_once(wrapper?.0).map_err(|refusal| status(&refusal))?;
            decoded(bytes)?;
            Ok(Outgoing(item.to_vec()))
        });
        Ok(Response::new(Box::pin(answers)))
    }
}
