//! Turns `proto/` into Rust, and into the descriptor set that reflection and proto JSON read.
//!
//! protox compiles the files, so nobody needs protoc. Without the feature `daemon` there is nothing to build.

fn main() -> Result<(), Box<dyn std::error::Error>> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-changed=proto");
    #[cfg(feature = "daemon")]
    protos::compile()?;
    Ok(())
}

#[cfg(feature = "daemon")]
mod protos {
    use std::{env, error::Error, fs, path::PathBuf};

    use prost::Message;

    const FILES: [&str; 2] =
        ["slagboom/v1/export_control_service.proto", "slagboom/v1/decision_log_service.proto"];

    /// Writes `slagboom.v1.rs` and `descriptor.bin` into `OUT_DIR`.
    pub fn compile() -> Result<(), Box<dyn Error>> {
        let set = protox::compile(FILES, ["proto"])?;
        let out = PathBuf::from(env::var("OUT_DIR")?);
        tonic_prost_build::configure().compile_well_known_types(false).compile_fds(set.clone())?;
        // With the comments: clients that ask by reflection show them as the documentation.
        fs::write(out.join("descriptor.bin"), set.encode_to_vec())?;
        Ok(())
    }
}
