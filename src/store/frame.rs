//! Batches and frames: the bytes of a record, the same in the journal and in sled.

use crate::ledger::{BodyState, Digest, SALT_LENGTH};
use crate::store::bytes::{Reader, seal, unseal};

/// Length of a batch header in bytes.
pub(super) const BATCH_HEADER_LENGTH: usize = 56;
/// Length of a frame header in bytes.
pub(super) const FRAME_HEADER_LENGTH: usize = 9;
/// What a batch header begins with; no kind of frame begins with an `S`.
pub(super) const BATCH_MAGIC: [u8; 4] = *b"SBAT";

const ENTRY: u8 = 1;
const BODY: u8 = 2;
const ERASED: u8 = 3;

/// Stands before the frames of a batch and says what must follow for the batch to be whole.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct BatchHeader {
    pub(super) count: u32,
    /// Bytes of all frames.
    pub(super) length: u32,
    pub(super) first: u64,
    /// The root of the tree after this batch.
    pub(super) root: Digest,
}

impl BatchHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(BATCH_HEADER_LENGTH);
        bytes.extend_from_slice(&BATCH_MAGIC);
        bytes.extend_from_slice(&self.count.to_be_bytes());
        bytes.extend_from_slice(&self.length.to_be_bytes());
        bytes.extend_from_slice(&self.first.to_be_bytes());
        bytes.extend_from_slice(self.root.as_bytes());
        seal(&mut bytes);
        bytes
    }

    /// The header at the front of `bytes`, if a whole and right one is there.
    pub(super) fn decode(bytes: &[u8]) -> Option<BatchHeader> {
        let mut reader = Reader::new(unseal(bytes.get(..BATCH_HEADER_LENGTH)?)?);
        if reader.array()? != BATCH_MAGIC {
            return None;
        }
        Some(BatchHeader {
            count: reader.u32()?,
            length: reader.u32()?,
            first: reader.u64()?,
            root: Digest::from_bytes(reader.array()?),
        })
    }

    /// One past the last sequence number of the batch.
    pub(super) fn end(&self) -> u64 {
        self.first.saturating_add(u64::from(self.count))
    }
}

/// Adds the two frames of a record.
pub(super) fn push_record(bytes: &mut Vec<u8>, entry: &[u8], salt: &[u8; SALT_LENGTH], body: &[u8]) {
    push_frame(bytes, ENTRY, entry, &[]);
    push_frame(bytes, BODY, salt, body);
}

/// The length of the frames of a record with an entry and a body of these lengths.
pub(super) fn record_length(entry: usize, body: usize) -> usize {
    2 * FRAME_HEADER_LENGTH + entry + SALT_LENGTH + body
}

fn push_frame(bytes: &mut Vec<u8>, kind: u8, head: &[u8], tail: &[u8]) {
    // Lengths were checked against limits far below 4 GiB before anything came here.
    let length = u32::try_from(head.len() + tail.len()).unwrap_or(u32::MAX).to_be_bytes();
    bytes.push(kind);
    bytes.extend_from_slice(&length);
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&[kind]);
    hasher.update(&length);
    hasher.update(head);
    hasher.update(tail);
    bytes.extend_from_slice(&hasher.finalize().to_be_bytes());
    bytes.extend_from_slice(head);
    bytes.extend_from_slice(tail);
}

/// A record as it lies in memory: both frames, and what is in them.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct RecordRef<'a> {
    /// Both frames with their headers.
    pub(super) frames: &'a [u8],
    pub(super) entry: &'a [u8],
    /// Salt and body, or that they were erased.
    pub(super) body: BodyState<'a>,
    /// The request key of a record whose body was erased, which nothing else knows any more.
    pub(super) erased_key: Option<u64>,
}

/// Bytes at the front of an erased frame that say under which request key the record is found.
const ERASED_KEY_LENGTH: usize = 9;

/// The record at the front of `bytes`, and what follows it; nothing when a checksum is wrong.
pub(super) fn split_record(bytes: &[u8]) -> Option<(RecordRef<'_>, &[u8])> {
    split_record_by(bytes, split_frame)
}

/// The same where the checksums were found right a moment ago.
fn split_checked_record(bytes: &[u8]) -> Option<(RecordRef<'_>, &[u8])> {
    split_record_by(bytes, |bytes, kind| {
        let (found, payload, _, rest) = frame_at(bytes)?;
        (found == kind).then_some((payload, rest))
    })
}

fn split_record_by<'a>(
    bytes: &'a [u8],
    split_frame: impl Fn(&'a [u8], u8) -> Option<(&'a [u8], &'a [u8])>,
) -> Option<(RecordRef<'a>, &'a [u8])> {
    let (entry, rest) = split_frame(bytes, ENTRY)?;
    let (body, erased_key, rest) = if rest.first() == Some(&ERASED) {
        let (payload, rest) = split_frame(rest, ERASED)?;
        let (key, zeros) = payload.split_first_chunk::<ERASED_KEY_LENGTH>()?;
        // Nothing may be left of a body that is said to be gone.
        if zeros.iter().any(|byte| *byte != 0) {
            return None;
        }
        let [has_key, key @ ..] = *key;
        (BodyState::Erased, (has_key == 1).then_some(u64::from_be_bytes(key)), rest)
    } else {
        let (body, rest) = split_frame(rest, BODY)?;
        let (salt, body) = body.split_first_chunk::<SALT_LENGTH>()?;
        (BodyState::Kept { salt, body }, None, rest)
    };
    let frames = bytes.get(..bytes.len() - rest.len())?;
    Some((RecordRef { frames, entry, body, erased_key }, rest))
}

/// The frame that stands in the place of a body frame of `length` bytes once it is erased: as long as that one
/// was, so that nothing behind it moves.
#[cfg(feature = "daemon")]
pub(super) fn erased_frame(length: usize, key: Option<u64>) -> Vec<u8> {
    let mut head = [0; ERASED_KEY_LENGTH];
    if let Some(key) = key {
        let [has_key, rest @ ..] = &mut head;
        *has_key = 1;
        rest.copy_from_slice(&key.to_be_bytes());
    }
    let zeros = vec![0; length.saturating_sub(FRAME_HEADER_LENGTH + ERASED_KEY_LENGTH)];
    let mut bytes = Vec::with_capacity(length);
    push_frame(&mut bytes, ERASED, &head, &zeros);
    bytes
}

fn split_frame(bytes: &[u8], kind: u8) -> Option<(&[u8], &[u8])> {
    let (found, payload, crc, rest) = frame_at(bytes)?;
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(..5)?);
    hasher.update(payload);
    (found == kind && hasher.finalize() == crc).then_some((payload, rest))
}

/// The frame at the front of `bytes` as its length has it: kind, payload and checksum, and what follows.
fn frame_at(bytes: &[u8]) -> Option<(u8, &[u8], u32, &[u8])> {
    let mut reader = Reader::new(bytes);
    let [kind] = reader.array()?;
    let length = reader.u32()?;
    let crc = reader.u32()?;
    let payload = reader.slice(usize::try_from(length).ok()?)?;
    Some((kind, payload, crc, reader.rest))
}

/// The records of `bytes`, which hold `count` of them and nothing else; nothing when that is not so.
pub(super) fn split_records(bytes: &[u8], count: u32) -> Option<Vec<RecordRef<'_>>> {
    split_records_by(bytes, count, split_record)
}

/// The same where [`split_records`] found that it is so, without looking at checksums again.
pub(super) fn split_checked_records(bytes: &[u8], count: u32) -> Vec<RecordRef<'_>> {
    split_records_by(bytes, count, split_checked_record).unwrap_or_default()
}

fn split_records_by<'a>(
    bytes: &'a [u8],
    count: u32,
    split_record: impl Fn(&'a [u8]) -> Option<(RecordRef<'a>, &'a [u8])>,
) -> Option<Vec<RecordRef<'a>>> {
    // A count that was made up must not reserve memory: each record takes two headers and a salt at least.
    if usize::try_from(count).ok()? > bytes.len() / record_length(0, 0) {
        return None;
    }
    let mut records = Vec::with_capacity(usize::try_from(count).ok()?);
    let mut rest = bytes;
    for _ in 0..count {
        let (record, after) = split_record(rest)?;
        records.push(record);
        rest = after;
    }
    rest.is_empty().then_some(records)
}

#[cfg(test)]
#[cfg(feature = "daemon")]
mod tests {
    use super::*;

    #[test]
    fn records_are_read_as_they_are_written_and_no_bit_may_change() {
        let mut bytes = Vec::new();
        push_record(&mut bytes, b"entry", &[7; SALT_LENGTH], b"body");
        push_record(&mut bytes, b"", &[8; SALT_LENGTH], b"");
        assert_eq!(bytes.len(), record_length(5, 4) + record_length(0, 0));
        let records = split_records(&bytes, 2).unwrap();
        assert_eq!(records[0].entry, b"entry");
        assert_eq!(records[0].body, BodyState::Kept { salt: &[7; SALT_LENGTH], body: b"body" });
        assert_eq!(records[1].body, BodyState::Kept { salt: &[8; SALT_LENGTH], body: b"" });
        assert_eq!(split_records(&bytes, 1), None);
        assert_eq!(split_records(&bytes, 3), None);
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(split_records(&flipped, 2), None, "bit {bit}");
        }
    }

    #[test]
    fn an_erased_frame_is_as_long_as_it_was_and_keeps_nothing_but_the_key() {
        for key in [None, Some(0), Some(u64::MAX)] {
            let mut bytes = Vec::new();
            push_record(&mut bytes, b"entry", &[7; SALT_LENGTH], b"the body names somebody");
            let whole = bytes.clone();
            let entry = FRAME_HEADER_LENGTH + 5;
            let erased = erased_frame(bytes.len() - entry, key);
            bytes.splice(entry.., erased);
            assert_eq!(bytes.len(), whole.len());
            let (record, rest) = split_record(&bytes).unwrap();
            assert_eq!(
                (record.entry, record.body, record.erased_key),
                (&b"entry"[..], BodyState::Erased, key)
            );
            assert!(rest.is_empty());
            for bit in 0..bytes.len() * 8 {
                let mut flipped = bytes.clone();
                flipped[bit / 8] ^= 1 << (bit % 8);
                assert_eq!(split_records(&flipped, 1), None, "bit {bit}");
            }
        }
    }

    #[test]
    fn a_batch_header_is_read_as_it_is_written_and_no_bit_may_change() {
        let header = BatchHeader { count: 3, length: 500, first: 77, root: Digest::of(b"root") };
        let bytes = header.encode();
        assert_eq!(bytes.len(), BATCH_HEADER_LENGTH);
        assert_eq!(BatchHeader::decode(&bytes), Some(header));
        for bit in 0..bytes.len() * 8 {
            let mut flipped = bytes.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(BatchHeader::decode(&flipped), None, "bit {bit}");
        }
    }
}
