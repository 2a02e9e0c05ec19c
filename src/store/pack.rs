//! Packs: the records as they lie in sled, many in one value of at most 32 KiB.

use crate::ledger::Digest;
use crate::store::bytes::{Reader, seal, unseal};
use crate::store::frame::{RecordRef, split_records};
use crate::store::journal::Place;

/// The most bytes of frames in a pack. sled reads and keeps sixteen values together, so larger ones cost
/// memory (at 32,000 four times as much) and smaller ones compress worse; and 17 of the largest must fit a
/// quarter of a segment, or sled makes blob files, which it never syncs.
pub(super) const PACK_LENGTH_MAX: usize = 8_000;
/// The most bytes in a chunk of a record that is too large for a pack.
pub(super) const CHUNK_LENGTH_MAX: usize = 8_000;

const RAW: u8 = 1;
const CHUNKED: u8 = 2;
const LZ4: u8 = 3;

/// A run of records with what says where they belong.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct Pack {
    /// The first sequence number.
    pub(super) first: u64,
    /// How many records.
    pub(super) count: u32,
    /// Where the first record lies in the journal. Only a hint: it is believed when the record is there.
    pub(super) place: Place,
    /// A tree of so many leaves had this root when the pack was written. The last pack of a batch thereby
    /// proves all records up to its end.
    pub(super) proof: (u64, Digest),
    /// The frames of all records. Empty for a record in chunks, whose length stands instead.
    pub(super) frames: Frames,
}

/// Where the frames of a pack are.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) enum Frames {
    /// In the pack.
    Here(Vec<u8>),
    /// In chunks beside it, so many bytes in all.
    Chunked {
        /// Bytes of frames in all chunks.
        length: usize,
    },
}

impl Frames {
    /// The bytes, where they are in the pack.
    pub(super) fn here(&self) -> &[u8] {
        match self {
            Frames::Here(frames) => frames,
            Frames::Chunked { .. } => &[],
        }
    }
}

impl Pack {
    /// The value, without the first sequence number, which is the key.
    /// `compress` where it will stay.
    pub(super) fn encode(&self, compress: bool) -> Vec<u8> {
        let frames = self.frames.here();
        let compressed = if compress { lz4_flex::block::compress(frames) } else { Vec::new() };
        let gain = compress && compressed.len() + 4 < frames.len();
        let mut bytes = Vec::with_capacity(80 + if gain { compressed.len() } else { frames.len() });
        bytes.push(match self.frames {
            Frames::Here(_) if gain => LZ4,
            Frames::Here(_) => RAW,
            Frames::Chunked { .. } => CHUNKED,
        });
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(&self.place.segment.to_be_bytes());
        bytes.extend_from_slice(&self.place.offset.to_be_bytes());
        bytes.extend_from_slice(&self.proof.0.to_be_bytes());
        bytes.extend_from_slice(self.proof.1.as_bytes());
        match &self.frames {
            Frames::Here(frames) if gain => {
                bytes.extend_from_slice(&u32::try_from(frames.len()).unwrap_or(u32::MAX).to_be_bytes());
                bytes.extend_from_slice(&compressed);
            }
            Frames::Here(frames) => bytes.extend_from_slice(frames),
            Frames::Chunked { length } => bytes.extend_from_slice(&(*length as u64).to_be_bytes()),
        }
        seal(&mut bytes);
        bytes
    }

    /// Reads what [`Pack::encode`] wrote; nothing when a bit is wrong.
    pub(super) fn decode(first: u64, value: &[u8]) -> Option<Pack> {
        let mut reader = Reader::new(unseal(value)?);
        let [form] = reader.array()?;
        let count = reader.u32()?;
        let place = Place { segment: reader.u64()?, offset: reader.u64()? };
        let proof = (reader.u64()?, Digest::from_bytes(reader.array()?));
        let frames = match form {
            RAW => Frames::Here(reader.rest.to_vec()),
            LZ4 => {
                let length =
                    usize::try_from(reader.u32()?).ok().filter(|length| *length <= PACK_LENGTH_MAX)?;
                Frames::Here(lz4_flex::block::decompress(reader.rest, length).ok()?)
            }
            CHUNKED => Frames::Chunked { length: usize::try_from(reader.u64()?).ok()? },
            _ => return None,
        };
        Some(Pack { first, count, place, proof, frames })
    }

    /// One past the last sequence number.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }

    /// The records; nothing when a checksum is wrong or the frames are not here.
    pub(super) fn records(&self) -> Option<Vec<RecordRef<'_>>> {
        match &self.frames {
            Frames::Here(frames) => split_records(frames, self.count),
            Frames::Chunked { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pack_is_read_as_it_is_written_and_no_bit_may_change() {
        let place = Place { segment: 5, offset: 99 };
        let proof = (12, Digest::of(b"root"));
        let long = Frames::Here(b"frames".repeat(50));
        for frames in [Frames::Here(b"frames".to_vec()), long, Frames::Chunked { length: 70_000 }] {
            let pack = Pack { first: 9, count: 3, place, proof, frames };
            assert_eq!(Pack::decode(9, &pack.encode(false)).as_ref(), Some(&pack));
            let bytes = pack.encode(true);
            assert!(bytes.len() < 200);
            assert_eq!(Pack::decode(9, &bytes), Some(pack));
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(Pack::decode(9, &flipped), None, "bit {bit}");
            }
        }
    }
}
