//! Turns `proto/` into Rust, and into the descriptor set that reflection and proto JSON read.
//!
//! protox compiles the files, so nobody needs protoc. Without the feature `daemon` there is nothing to build.

#[cfg(feature = "daemon")]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");
    protos::compile()
}

#[cfg(not(feature = "daemon"))]
fn main() {
    println!("cargo::rerun-if-changed=build.rs");
}

#[cfg(feature = "daemon")]
mod protos {
    use std::{env, error::Error, fs, path::PathBuf};

    use prost::Message;
    use tonic_prost_build::manual::{Builder, Method, Service};

    const FILES: [&str; 3] = [
        "slagboom/v1/export_control_service.proto",
        "slagboom/v1/decision_log_service.proto",
        "slagboom/v1/licence_service.proto",
    ];

    /// Writes `slagboom.v1.rs` and `descriptor.bin` into `OUT_DIR`.
    pub fn compile() -> Result<(), Box<dyn Error>> {
        let set = protox::compile(FILES, ["proto"])?;
        let out = PathBuf::from(env::var("OUT_DIR")?);
        tonic_prost_build::configure()
            .boxed(".slagboom.v1.CheckAnswer.result.decision")
            .compile_fds(set.clone())?;
        // With the comments: clients that ask by reflection show them as the documentation.
        fs::write(out.join("descriptor.bin"), set.encode_to_vec())?;
        Builder::new().build_client(false).compile(&[export_control()]);
        Ok(())
    }

    /// The serving side of `ExportControlService` over undecoded messages: the daemon records the bytes of a request
    /// as they came, answers a message that does not decode in band, and sends answers that are encoded already.
    fn export_control() -> Service {
        let method = |name: &str, route: &str, comment: &str| {
            Method::builder()
                .name(name)
                .route_name(route)
                .comment(comment)
                .input_type("crate::server::grpc::codec::Incoming")
                .output_type("crate::server::grpc::codec::Outgoing")
                .codec_path("crate::server::grpc::codec::RawCodec")
        };
        Service::builder()
            .package("slagboom.v1")
            .name("ExportControlService")
            .comment("Decides whether an export may go, over undecoded messages.")
            .method(method("check_export", "CheckExport", "Decides one export.").build())
            .method(method("confirm_shipment", "ConfirmShipment", "Writes off what has left.").build())
            .method(method("release_reservation", "ReleaseReservation", "Gives a reservation back.").build())
            .method(method("batch_check_exports", "BatchCheckExports", "Decides up to 100 exports.").build())
            .method(
                method("check_exports", "CheckExports", "Decides exports as they come.")
                    .client_streaming()
                    .server_streaming()
                    .build(),
            )
            .build()
    }
}
