//! Unpacking, with a limit that a bomb meets before memory does.

use std::io::Read;

use super::ListError;

/// The longest list read, unpacked: the largest published one is about a fifth of it.
const UNPACKED_MAX: u64 = 1 << 30;

pub(super) fn is_gzip(bytes: &[u8]) -> bool {
    bytes.starts_with(&[0x1f, 0x8b])
}

pub(super) fn unpack(bytes: &[u8]) -> Result<Vec<u8>, ListError> {
    unpack_at_most(bytes, UNPACKED_MAX)
}

fn unpack_at_most(bytes: &[u8], most: u64) -> Result<Vec<u8>, ListError> {
    let mut unpacked = Vec::new();
    let mut reader = flate2::bufread::MultiGzDecoder::new(bytes).take(most + 1);
    reader.read_to_end(&mut unpacked).map_err(ListError::Gzip)?;
    if unpacked.len() as u64 > most { Err(ListError::TooLarge(most)) } else { Ok(unpacked) }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn pack(bytes: &[u8]) -> Vec<u8> {
        let mut packer = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packer.write_all(bytes).unwrap();
        packer.finish().unwrap()
    }

    #[test]
    fn a_bomb_meets_the_limit() {
        let bomb = pack(&vec![b'x'; 1 << 20]);
        assert!(matches!(unpack_at_most(&bomb, 1 << 16), Err(ListError::TooLarge(_))));
        assert_eq!(unpack_at_most(&bomb, 1 << 20).unwrap().len(), 1 << 20);
    }

    #[test]
    fn a_truncated_file_is_an_error() {
        let packed = pack(b"some text that is long enough to be cut");
        assert!(matches!(unpack(&packed[..packed.len() - 9]), Err(ListError::Gzip(_))));
    }
}
