//! The bytes of a segment, whether they lie in its file as they were written or compressed.
//!
//! All offsets are those of the plain file, so nobody who reads a segment need know how it lies on the disk.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::store::bytes::{Reader, unseal};
use crate::store::error::StoreError;
use crate::store::files::open_regular;
use crate::store::segment::{packed_path, segment_path};

pub(super) const PACKED_MAGIC: [u8; 8] = *b"SLAGJLZ4";
pub(super) const PACKED_VERSION: u32 = 1;
/// Length of the header of a compressed segment, in bytes.
pub(super) const PACKED_HEADER_LENGTH: usize = 28;
/// The largest block that is read: what a file says may not make a reader take more memory.
const BLOCK_LENGTH_MAX: usize = 1 << 20;
/// Bytes of the index for each block.
const INDEX_ENTRY_LENGTH: u64 = 8;
/// What stands in for the bytes of a block that is damaged. No batch, frame or reserved space looks like it, so the
/// damage is met where the same bytes of a plain file would be.
const FILLER: u8 = 0xff;

/// A segment, open for reading at any place of the plain file.
pub(super) struct SegmentFile {
    path: PathBuf,
    bytes: Bytes,
    /// The length of the plain file.
    length: u64,
    position: u64,
}

enum Bytes {
    Plain(File),
    Packed(Packed),
}

/// A compressed segment.
struct Packed {
    file: File,
    layout: Layout,
    /// The block whose bytes are in `raw`.
    open: Option<usize>,
    raw: Vec<u8>,
    stored: Vec<u8>,
}

/// What header and index say; nothing at all where either is altered.
#[derive(Default)]
struct Layout {
    /// The length of the plain file.
    length: u64,
    /// Bytes of the plain file in a block.
    block_length: usize,
    blocks: Vec<Block>,
}

/// Where a block lies.
struct Block {
    offset: u64,
    length: usize,
    crc: u32,
}

impl SegmentFile {
    /// Opens the segment that begins with sequence `first`. Where both files of it exist, the plain one counts.
    pub(super) fn open(journal: &Path, first: u64) -> Result<SegmentFile, StoreError> {
        let path = segment_path(journal, first);
        match open_regular(&path) {
            Ok(file) => SegmentFile::plain(path, file),
            // The compressed file was there before the plain one went, so this order finds one of them.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                let packed = packed_path(journal, first);
                match open_regular(&packed) {
                    Ok(file) => SegmentFile::packed(packed, file),
                    Err(error) if error.kind() == ErrorKind::NotFound => {
                        Err(StoreError::io("open", &path)(error))
                    }
                    Err(error) => Err(StoreError::io("open", &packed)(error)),
                }
            }
            Err(error) => Err(StoreError::io("open", &path)(error)),
        }
    }

    fn plain(path: PathBuf, file: File) -> Result<SegmentFile, StoreError> {
        let length = file.metadata().map_err(StoreError::io("look at", &path))?.len();
        Ok(SegmentFile { path, bytes: Bytes::Plain(file), length, position: 0 })
    }

    /// A compressed segment under any name. Where its header or its index is altered nothing in it can be found, and
    /// it reads as an empty file.
    pub(super) fn packed(path: PathBuf, file: File) -> Result<SegmentFile, StoreError> {
        let layout = Layout::read(&file).map_err(StoreError::io("read", &path))?.unwrap_or_default();
        let length = layout.length;
        let packed = Packed { file, layout, open: None, raw: Vec::new(), stored: Vec::new() };
        Ok(SegmentFile { path, bytes: Bytes::Packed(packed), length, position: 0 })
    }

    /// The file.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// The length of the plain file.
    pub(super) fn length(&self) -> u64 {
        self.length
    }

    #[cfg(feature = "daemon")]
    pub(super) fn is_packed(&self) -> bool {
        matches!(self.bytes, Bytes::Packed(_))
    }

    /// Reads what there is from `offset` on, at most until `buffer` is full, and says how much.
    pub(super) fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        match &mut self.bytes {
            Bytes::Plain(file) => file.read_at(buffer, offset),
            Bytes::Packed(packed) => packed.read_at(buffer, offset),
        }
    }

    /// The same until `buffer` is full or the segment ends.
    #[cfg(feature = "daemon")]
    pub(super) fn fill_at(&mut self, buffer: &mut [u8], offset: u64) -> Result<usize, StoreError> {
        let mut length = 0;
        while let Some(space) = buffer.get_mut(length..).filter(|space| !space.is_empty()) {
            match self.read_at(space, offset + length as u64) {
                Ok(0) => break,
                Ok(count) => length += count,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(StoreError::io("read", &self.path)(error)),
            }
        }
        Ok(length)
    }
}

impl Read for SegmentFile {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read_at(buffer, self.position)?;
        self.position += count as u64;
        Ok(count)
    }
}

impl Seek for SegmentFile {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(distance) => self.length.checked_add_signed(distance),
            SeekFrom::Current(distance) => self.position.checked_add_signed(distance),
        };
        self.position = position.ok_or(ErrorKind::InvalidInput)?;
        Ok(self.position)
    }
}

impl Layout {
    /// Reads header and index; nothing when a bit is wrong.
    fn read(file: &File) -> io::Result<Option<Layout>> {
        let file_length = file.metadata()?.len();
        let mut header = [0; PACKED_HEADER_LENGTH];
        if file_length < header.len() as u64 {
            return Ok(None);
        }
        file.read_exact_at(&mut header, 0)?;
        let Some((length, block_length)) = decode_header(&header) else { return Ok(None) };
        let count = length.div_ceil(block_length as u64);
        // Nothing is reserved for an index that the file is too short for.
        let index_length = count.saturating_mul(INDEX_ENTRY_LENGTH).saturating_add(4);
        let Some(start) = file_length.checked_sub(index_length) else { return Ok(None) };
        let mut index = vec![0; usize::try_from(index_length).unwrap_or_default()];
        file.read_exact_at(&mut index, start)?;
        let blocks = decode_index(&index, length, block_length, start);
        Ok(blocks.map(|blocks| Layout { length, block_length, blocks }))
    }
}

impl Packed {
    fn read_at(&mut self, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        if offset >= self.layout.length || buffer.is_empty() {
            return Ok(0);
        }
        let block_length = self.layout.block_length as u64;
        self.unpack(usize::try_from(offset / block_length).unwrap_or(usize::MAX))?;
        let start = usize::try_from(offset % block_length).unwrap_or(usize::MAX);
        let bytes = self.raw.get(start..).unwrap_or_default();
        let count = bytes.len().min(buffer.len());
        if let (Some(to), Some(from)) = (buffer.get_mut(..count), bytes.get(..count)) {
            to.copy_from_slice(from);
        }
        Ok(count)
    }

    /// Puts the bytes of this block into `raw`.
    fn unpack(&mut self, number: usize) -> io::Result<()> {
        if self.open == Some(number) {
            return Ok(());
        }
        self.open = None;
        let Some(block) = self.layout.blocks.get(number) else { return Err(ErrorKind::InvalidInput.into()) };
        self.stored.resize(block.length, 0);
        self.file.read_exact_at(&mut self.stored, block.offset)?;
        self.raw.resize(raw_length(number, self.layout.length, self.layout.block_length), 0);
        let sound = crc32fast::hash(&self.stored) == block.crc && unpack(&self.stored, &mut self.raw);
        if !sound {
            self.raw.fill(FILLER);
        }
        self.open = Some(number);
        Ok(())
    }
}

/// Decompresses a block into exactly `raw.len()` bytes, or says that it does not give so many. A block that LZ4 could
/// not make smaller lies as it is.
fn unpack(stored: &[u8], raw: &mut [u8]) -> bool {
    if stored.len() == raw.len() {
        raw.copy_from_slice(stored);
        return true;
    }
    lz4_flex::block::decompress_into(stored, raw).is_ok_and(|count| count == raw.len())
}

/// Bytes of the plain file in this block.
fn raw_length(number: usize, length: u64, block_length: usize) -> usize {
    let left = length.saturating_sub((number as u64).saturating_mul(block_length as u64));
    usize::try_from(left).unwrap_or(usize::MAX).min(block_length)
}

fn decode_header(header: &[u8]) -> Option<(u64, usize)> {
    let mut reader = Reader::new(unseal(header)?);
    if reader.array()? != PACKED_MAGIC || reader.u32()? != PACKED_VERSION {
        return None;
    }
    let block_length = usize::try_from(reader.u32()?).ok()?;
    let length = reader.u64()?;
    (1..=BLOCK_LENGTH_MAX).contains(&block_length).then_some((length, block_length))
}

/// Where the blocks are, which must fill the file from its header to its index at `end`.
fn decode_index(index: &[u8], length: u64, block_length: usize, end: u64) -> Option<Vec<Block>> {
    let mut reader = Reader::new(unseal(index)?);
    let mut offset = PACKED_HEADER_LENGTH as u64;
    let mut blocks = Vec::with_capacity(index.len() / 8);
    while !reader.rest.is_empty() {
        let block = Block { offset, length: usize::try_from(reader.u32()?).ok()?, crc: reader.u32()? };
        if block.length > raw_length(blocks.len(), length, block_length) {
            return None;
        }
        offset += block.length as u64;
        blocks.push(block);
    }
    (offset == end).then_some(blocks)
}
