//! s
pub mod grpc;
pub mod limits;
pub mod listener;
pub mod shutdown;
