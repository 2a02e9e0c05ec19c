//! The wrappers of batches and streams, taken off without decoding what is in them.

use prost::{
    bytes::{Buf, Bytes},
    encoding::{DecodeContext, WireType, decode_key, decode_varint, skip_field},
};

use crate::service::Refusal;

/// Field number of the wrapped message, in `BatchCheckExportsRequest.requests` and `CheckExportsRequest.request`.
const WRAPPED: u32 = 1;

/// The wrapped messages, as slices of the wrapper. Fields that this version does not know are passed over.
///
/// # Errors
/// [`Refusal::Undecodable`] when the wrapper is no message.
pub fn wrapped(mut wrapper: Bytes) -> Result<Vec<Bytes>, Refusal> {
    let undecodable = |error: prost::DecodeError| Refusal::Undecodable(error.to_string());
    let mut messages = Vec::new();
    while wrapper.has_remaining() {
        let (field, wire_type) = decode_key(&mut wrapper).map_err(undecodable)?;
        if field == WRAPPED && wire_type == WireType::LengthDelimited {
            let length = decode_varint(&mut wrapper).map_err(undecodable)?;
            match usize::try_from(length) {
                Ok(length) if length <= wrapper.remaining() => messages.push(wrapper.split_to(length)),
                _ => return Err(Refusal::Undecodable("it ends too early".to_owned())),
            }
        } else {
            skip_field(wire_type, field, &mut wrapper, DecodeContext::default()).map_err(undecodable)?;
        }
    }
    Ok(messages)
}

/// The one wrapped message; where it stands more than once, the parts together are the message, as protobuf has it.
///
/// # Errors
/// [`Refusal::Undecodable`], and [`Refusal::InvalidRequest`] when there is none.
pub fn wrapped_once(wrapper: Bytes) -> Result<Bytes, Refusal> {
    let mut parts = wrapped(wrapper)?;
    match parts.len() {
        0 => Err(Refusal::field("request", "REQUIRED", "the export is required")),
        1 => Ok(parts.swap_remove(0)),
        _ => Ok(parts.concat().into()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use prost::Message;

    use super::*;
    use crate::proto::v1;

    fn request(request_id: &str) -> v1::CheckExportRequest {
        v1::CheckExportRequest { request_id: request_id.to_owned(), ..v1::CheckExportRequest::default() }
    }

    #[test]
    fn wrapped_messages_are_the_bytes_that_were_wrapped() {
        let requests = vec![request("a"), request(""), request("b")];
        let batch = v1::BatchCheckExportsRequest { requests: requests.clone() }.encode_to_vec();
        let expected: Vec<Bytes> = requests.iter().map(|request| request.encode_to_vec().into()).collect();
        assert_eq!(wrapped(batch.into()).unwrap(), expected);
    }

    #[test]
    fn a_message_in_parts_is_put_together() {
        let part = |request| v1::CheckExportsRequest { request: Some(request) }.encode_to_vec();
        let other = v1::CheckExportRequest { dry_run: true, ..v1::CheckExportRequest::default() };
        let both = [part(request("a")), part(other)].concat();
        let whole = v1::CheckExportRequest::decode(wrapped_once(both.clone().into()).unwrap()).unwrap();
        assert_eq!(Some(whole), v1::CheckExportsRequest::decode(&*both).unwrap().request);
        assert!(wrapped_once(Bytes::new()).is_err());
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_wrapper_or_an_error(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let decodes = v1::BatchCheckExportsRequest::decode(&*bytes).is_ok();
            let unwraps = wrapped(bytes.into()).is_ok();
            // A wrapper that decodes can be taken off; the other way round its content may still be none.
            prop_assert!(!decodes || unwraps);
        }
    }
}
