//! One file of the journal: its name, its header, and how it is read from front to back.

use std::fs;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use crate::ledger::{Accumulator, Digest, leaf_hash};
use crate::store::bytes::{Reader, seal, unseal};
use crate::store::error::StoreError;
use crate::store::frame::{
    BATCH_HEADER_LENGTH, BATCH_MAGIC, BatchHeader, RecordRef, split_checked_records, split_record,
    split_records,
};
use crate::store::segment_file::SegmentFile;

const MAGIC: [u8; 8] = *b"SLAGJRNL";
const VERSION: u32 = 1;
const FIXED_LENGTH: usize = 40;
const EXTENSION: &str = "journal";
const PACKED_EXTENSION: &str = "lz4";

/// The front of a segment: where it stands in the log, and the tree of all that came before it.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(super) struct SegmentHeader {
    /// The tree before the first record; its size is the sequence number of that record.
    pub(super) before: Accumulator,
    /// The first sequence number and the length in bytes of the segment before; both 0 for the first.
    pub(super) previous: (u64, u64),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(FIXED_LENGTH + 32 * self.before.peaks().len() + 4);
        bytes.extend_from_slice(&MAGIC);
        bytes.extend_from_slice(&VERSION.to_be_bytes());
        bytes.extend_from_slice(&self.before.size().count_ones().to_be_bytes());
        bytes.extend_from_slice(&self.before.size().to_be_bytes());
        bytes.extend_from_slice(&self.previous.0.to_be_bytes());
        bytes.extend_from_slice(&self.previous.1.to_be_bytes());
        for peak in self.before.peaks() {
            bytes.extend_from_slice(peak.as_bytes());
        }
        seal(&mut bytes);
        bytes
    }

    /// The header at the front of `bytes` and its length, if a whole and right one is there.
    pub(super) fn decode(bytes: &[u8]) -> Option<(SegmentHeader, u64)> {
        let mut fixed = Reader::new(bytes.get(8..FIXED_LENGTH)?);
        let (version, peaks) = (fixed.u32()?, fixed.u32()?);
        let length = FIXED_LENGTH + 32 * usize::try_from(peaks).ok().filter(|count| *count <= 64)? + 4;
        let mut reader = Reader::new(unseal(bytes.get(..length)?)?);
        if reader.array()? != MAGIC || version != VERSION {
            return None;
        }
        reader.slice(8)?;
        let first = reader.u64()?;
        let previous = (reader.u64()?, reader.u64()?);
        let mut before = Vec::new();
        for _ in 0..peaks {
            before.push(Digest::from_bytes(reader.array()?));
        }
        let before = Accumulator::from_peaks(first, before).ok()?;
        Some((SegmentHeader { before, previous }, length as u64))
    }
}

/// The file name of the segment that begins with sequence `first`, in the folder `journal`.
pub(super) fn segment_path(journal: &Path, first: u64) -> PathBuf {
    journal.join(format!("{first:020}.{EXTENSION}"))
}

/// The file name of the same segment, compressed.
pub(super) fn packed_path(journal: &Path, first: u64) -> PathBuf {
    segment_path(journal, first).with_added_extension(PACKED_EXTENSION)
}

/// The first sequence numbers of all segments in the folder, plain or compressed, ascending and each once. Other
/// files are not looked at.
pub(super) fn list_segments(journal: &Path) -> Result<Vec<u64>, StoreError> {
    let list = StoreError::io("list", journal);
    let names = match fs::read_dir(journal) {
        Ok(names) => names.collect::<Result<Vec<_>, _>>(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(error),
    };
    let mut firsts: Vec<u64> =
        names.map_err(list)?.iter().filter_map(|name| first_of(name.file_name().to_str()?)).collect();
    firsts.sort_unstable();
    firsts.dedup();
    Ok(firsts)
}

/// The first sequence number in the name of a segment's file; nothing for another file.
fn first_of(name: &str) -> Option<u64> {
    let plain = name.strip_suffix(PACKED_EXTENSION).and_then(|name| name.strip_suffix('.')).unwrap_or(name);
    plain.strip_suffix(EXTENSION)?.strip_suffix('.')?.parse().ok()
}

/// A segment that is read batch by batch; at most one batch is in memory.
pub(super) struct SegmentReader {
    file: BufReader<SegmentFile>,
    /// The length of the plain file.
    file_length: u64,
    /// Where the next batch header is expected.
    pub(super) offset: u64,
    header: BatchHeader,
    frames: Vec<u8>,
}

/// What a reader found at its place.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Step {
    /// A whole batch, now to be had from [`SegmentReader::records`].
    Batch(BatchHeader),
    /// The file ends here, or nothing but zeros follows (space that was reserved and not used).
    End,
    /// Bytes that are no whole batch, after so many good records of it.
    Bad {
        /// Records before the first that is missing or altered, where the header at least is right.
        good: u64,
    },
}

impl SegmentReader {
    /// Opens a segment. The header is nothing where it is damaged; reading then begins at no batch.
    pub(super) fn open(
        journal: &Path,
        first: u64,
    ) -> Result<(SegmentReader, Option<SegmentHeader>), StoreError> {
        SegmentReader::of(SegmentFile::open(journal, first)?)
    }

    /// The same for a file that is open.
    pub(super) fn of(mut file: SegmentFile) -> Result<(SegmentReader, Option<SegmentHeader>), StoreError> {
        let file_length = file.length();
        let mut front = Vec::new();
        let read = Read::by_ref(&mut file).take(4096).read_to_end(&mut front);
        read.map_err(StoreError::io("read", file.path()))?;
        let (header, offset) = match SegmentHeader::decode(&front) {
            Some((header, length)) => (Some(header), length),
            None => (None, 0),
        };
        let reader = SegmentReader {
            file: BufReader::with_capacity(1 << 17, file),
            file_length,
            offset,
            header: BatchHeader { count: 0, length: 0, first: 0, root: Digest::ZERO },
            frames: Vec::new(),
        };
        Ok((reader, header))
    }

    pub(super) fn file_length(&self) -> u64 {
        self.file_length
    }

    /// Reads the batch at [`SegmentReader::offset`] and, if it is whole, moves past it.
    pub(super) fn step(&mut self) -> Result<Step, StoreError> {
        let mut header = [0; BATCH_HEADER_LENGTH];
        let left = self.file_length.saturating_sub(self.offset);
        if left < BATCH_HEADER_LENGTH as u64 {
            return Ok(if self.zeros_from(self.offset)? { Step::End } else { Step::Bad { good: 0 } });
        }
        self.read_at(self.offset, &mut header)?;
        let Some(header) = BatchHeader::decode(&header) else {
            return Ok(if self.zeros_from(self.offset)? { Step::End } else { Step::Bad { good: 0 } });
        };
        let length = u64::from(header.length).min(left - BATCH_HEADER_LENGTH as u64);
        let mut frames = std::mem::take(&mut self.frames);
        frames.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        self.read_at(self.offset + BATCH_HEADER_LENGTH as u64, &mut frames)?;
        self.frames = frames;
        self.header = header;
        if length < u64::from(header.length) || split_records(&self.frames, header.count).is_none() {
            let mut rest = self.frames.as_slice();
            let mut good = 0;
            while let Some((_, after)) = split_record(rest) {
                (rest, good) = (after, good + 1);
            }
            return Ok(Step::Bad { good });
        }
        self.offset += (BATCH_HEADER_LENGTH + self.frames.len()) as u64;
        Ok(Step::Batch(header))
    }

    /// The records of the batch that [`SegmentReader::step`] gave last, in order.
    pub(super) fn records(&self) -> Vec<RecordRef<'_>> {
        split_checked_records(&self.frames, self.header.count)
    }

    /// The bytes of all frames of that batch.
    pub(super) fn frames(&self) -> &[u8] {
        &self.frames
    }

    /// Moves past the batch at [`SegmentReader::offset`] without looking into it, if it ends at or before
    /// sequence `until`, and says where it ends.
    pub(super) fn skip(&mut self, until: u64) -> Result<Option<u64>, StoreError> {
        let mut header = [0; BATCH_HEADER_LENGTH];
        if self.file_length.saturating_sub(self.offset) < BATCH_HEADER_LENGTH as u64 {
            return Ok(None);
        }
        self.read_at(self.offset, &mut header)?;
        let skipped = BatchHeader::decode(&header).filter(|header| header.end() <= until);
        self.offset += skipped.map_or(0, |header| BATCH_HEADER_LENGTH as u64 + u64::from(header.length));
        Ok(skipped.map(|header| header.end()))
    }

    /// Moves on to the next whole batch that begins after sequence `after`, over bytes that are none.
    /// Gives its header, or nothing where no such batch follows.
    pub(super) fn resynchronise(&mut self, after: u64) -> Result<Option<BatchHeader>, StoreError> {
        const WINDOW: usize = 1 << 16;
        let mut window = vec![0; WINDOW + BATCH_HEADER_LENGTH];
        let mut at = self.offset + 1;
        while at + BATCH_HEADER_LENGTH as u64 <= self.file_length {
            let length = usize::try_from(self.file_length - at).unwrap_or(usize::MAX).min(window.len());
            let Some(bytes) = window.get_mut(..length) else { break };
            self.read_at(at, bytes)?;
            for (index, candidate) in bytes.windows(BATCH_HEADER_LENGTH).enumerate() {
                if !candidate.starts_with(&BATCH_MAGIC) {
                    continue;
                }
                let Some(header) = BatchHeader::decode(candidate).filter(|header| header.first > after)
                else {
                    continue;
                };
                let before = self.offset;
                self.offset = at + index as u64;
                if matches!(self.step()?, Step::Batch(_)) {
                    self.offset = at + index as u64;
                    return Ok(Some(header));
                }
                self.offset = before;
            }
            at += WINDOW as u64;
        }
        Ok(None)
    }

    fn zeros_from(&mut self, offset: u64) -> Result<bool, StoreError> {
        self.seek(offset)?;
        let mut buffer = vec![0; 1 << 16];
        loop {
            let read = self.file.read(&mut buffer);
            let count = read.map_err(StoreError::io("read", self.file.get_ref().path()))?;
            let Some(bytes) = buffer.get(..count) else { return Ok(false) };
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
        }
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), StoreError> {
        self.seek(offset)?;
        let read = self.file.read_exact(buffer);
        read.map_err(StoreError::io("read", self.file.get_ref().path()))
    }

    fn seek(&mut self, offset: u64) -> Result<(), StoreError> {
        let position = self.file.stream_position();
        let moved = position.and_then(|position| {
            // A relative move keeps the buffer when it stays inside.
            match i64::try_from(i128::from(offset) - i128::from(position)) {
                Ok(0) => Ok(()),
                Ok(distance) => self.file.seek_relative(distance),
                Err(_) => self.file.seek(SeekFrom::Start(offset)).map(drop),
            }
        });
        moved.map_err(StoreError::io("read", self.file.get_ref().path()))
    }
}

/// Adds the records to the tree and says whether it then has the root that the batch claims.
pub(super) fn extend_tree(tree: &mut Accumulator, records: &[RecordRef<'_>], root: &Digest) -> bool {
    for record in records {
        tree.push(leaf_hash(record.entry));
    }
    tree.root() == *root
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_segment_header_is_read_as_it_is_written_and_no_bit_may_change() {
        let mut before = Accumulator::new();
        for leaf in 0..11_u8 {
            before.push(leaf_hash(&[leaf]));
        }
        let header = SegmentHeader { before, previous: (4, 1_000) };
        let bytes = header.encode();
        assert_eq!(SegmentHeader::decode(&bytes), Some((header, bytes.len() as u64)));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(SegmentHeader::decode(&flipped), None, "bit {bit}");
        }
    }
}
