//! gRPC.
pub mod codec;
pub mod convert;
pub mod status;
