//! The messages and services of `proto/slagboom/v1`, generated at build time, and their descriptors.
//!
//! Only `server::grpc` and the command line's client use these types; everything else speaks the domain's own.

use std::sync::LazyLock;

use prost::Message;
use prost_reflect::{DescriptorPool, DynamicMessage, SerializeOptions};
use thiserror::Error;

/// Package `slagboom.v1`; the proto files hold the documentation of every field.
#[expect(
    unused_qualifications,
    clippy::pedantic,
    clippy::allow_attributes_without_reason,
    reason = "generated code; what it means is written in the proto files"
)]
pub mod v1 {
    tonic::include_proto!("slagboom.v1");
}

/// The encoded `FileDescriptorSet` of the package with all its imports, for reflection.
pub const DESCRIPTOR_SET: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptor.bin"));

/// The descriptors of the package, decoded once, for the proto JSON mapping.
///
/// # Panics
///
/// Never in a built binary: the set is made by the build and a test decodes it.
#[must_use]
pub fn descriptors() -> &'static DescriptorPool {
    static POOL: LazyLock<DescriptorPool> = LazyLock::new(|| {
        #[expect(clippy::expect_used, reason = "the descriptor set is made by our own build and tested")]
        DescriptorPool::decode(DESCRIPTOR_SET).expect("the descriptor set of our own build decodes")
    });
    &POOL
}

/// A message as proto JSON (the canonical mapping).
///
/// # Errors
/// When there is no message of that name, or the bytes are not one of it.
pub fn json(message: &impl Message, name: &str) -> Result<serde_json::Value, JsonError> {
    let descriptor =
        descriptors().get_message_by_name(name).ok_or_else(|| JsonError::NoMessage(name.into()))?;
    let dynamic = DynamicMessage::decode(descriptor, message.encode_to_vec().as_slice())?;
    let options = SerializeOptions::new();
    Ok(dynamic.serialize_with_options(serde_json::value::Serializer, &options)?)
}

/// Why a message has no JSON; a fault of the program.
#[derive(Debug, Error)]
pub enum JsonError {
    /// The package has no such message.
    #[error("no message `{0}`")]
    NoMessage(Box<str>),
    /// It does not decode as that message.
    #[error(transparent)]
    Decode(#[from] prost::DecodeError),
    /// It does not serialize.
    #[error(transparent)]
    Serialize(#[from] serde_json::Error),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_described() {
        let names: Vec<String> = descriptors().services().map(|s| s.full_name().to_owned()).collect();
        assert_eq!(
            names,
            [
                "slagboom.v1.ExportControlService",
                "slagboom.v1.DecisionLogService",
                "slagboom.v1.LicenceService"
            ]
        );
    }
}
