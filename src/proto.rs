//! The messages and services of `proto/slagboom/v1`, generated at build time, and their descriptors.
//!
//! Only `server::grpc` and the command line's client use these types; everything else speaks the domain's own.

use std::sync::LazyLock;

use prost_reflect::DescriptorPool;

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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_service_is_described() {
        let names: Vec<String> = descriptors().services().map(|s| s.full_name().to_owned()).collect();
        assert_eq!(names, ["slagboom.v1.ExportControlService", "slagboom.v1.DecisionLogService"]);
    }
}
