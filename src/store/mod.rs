//! The log on the disk, twice: our own journal, and sled.
//!
//! Named invariants that live here: `no_record_no_release` (an append returns when its batch is synced in
//! the journal and applied in sled), `two_copies` (every record is in both; either rebuilds the other; only
//! agreement is served) and `ledger_is_append_only` (each batch carries the root of the tree after it).
//!
//! **The journal is the commit point.** sled's `flush` is no fsync on Linux, sled opens a truncated file
//! without an error and panics on a flipped bit. So an answer waits for one fdatasync of the journal, and
//! sled takes the same records meanwhile on its own thread. sled is not flushed for each batch: its own thread
//! writes and syncs twice a second, and what a crash takes from it comes back from the journal at the next
//! start. No sync of ours stands behind sled, because nothing is ever answered on sled's word alone.
//!
//! **What is absent:** no tokio, no clock, no law, no proto type. What a record means, the caller knows; the
//! store gets its request key and terms, and a function that derives them anew.
//!
//! # The folder
//!
//! | name | what |
//! |---|---|
//! | `FORMAT` | the line `slagboom store 1` |
//! | `erasing` | the records that are being erased, until that is done, see [`begin_erasing`] |
//! | `lock` | held by the process that has the folder open |
//! | `journal/` | segments, named by the first sequence number in 20 digits, `.journal` or, compressed, `.journal.lz4`; `.new` while one is being made; `.damaged` is what a restored one was before |
//! | `sled/` | the database |
//! | `hashes/` | the hashes of the tree, derived; see `hashes.rs` |
//! | `checkpoint`, `checkpoints/` | signed heads of the log; see `checkpoints.rs` |
//! | `keys/` | the keys of the log; see `keys.rs` |
//!
//! All numbers are big-endian; CRC-32 is that of IEEE 802.3.
//!
//! # The journal
//!
//! A segment is a header and then batches, to the end of the file or to zeros, which are reserved space.
//! It is closed, cut to its length and synced, before the next one is made.
//!
//! | segment header | length | what |
//! |---|---|---|
//! | 0 | 8 | `SLAGJRNL` |
//! | 8 | 4 | version, 1 |
//! | 12 | 4 | number of peaks *p* |
//! | 16 | 8 | first sequence number |
//! | 24 | 8 | first sequence number of the segment before, or 0 |
//! | 32 | 8 | length in bytes of the segment before, or 0 |
//! | 40 | 32 *p* | the complete subtrees of the tree before the first record, largest first |
//! | 40 + 32 *p* | 4 | CRC-32 of all before |
//!
//! | batch header | length | what |
//! |---|---|---|
//! | 0 | 4 | `SBAT` |
//! | 4 | 4 | number of records |
//! | 8 | 4 | bytes of all their frames, which follow |
//! | 12 | 8 | first sequence number |
//! | 20 | 32 | root of the tree after the last record |
//! | 52 | 4 | CRC-32 of all before |
//!
//! Each record is two frames: the entry, and its salt with its body, apart so that the second can be erased.
//!
//! | frame | length | what |
//! |---|---|---|
//! | 0 | 1 | 1: entry; 2: salt (32 bytes) and body; 3: where a frame of kind 2 was erased, as long as that was |
//! | 1 | 4 | length *n* |
//! | 5 | 4 | CRC-32 of the five bytes before and the *n* after |
//! | 9 | *n* | the entry as [`crate::ledger::Entry`] says, or salt and body as [`crate::ledger::Body`] says |
//!
//! A frame of kind 3 has a byte 1 and the request key of its record (u64), or nine zeros where it had none, and then zeros.
//!
//! One batch is written at a time, after the last was synced. So bytes that are no batch are torn by a power
//! cut, and cut off, when no batch follows; they are damage when one does.
//!
//! # A compressed segment
//!
//! A closed segment is compressed once two newer ones are there. Its name gets `.lz4` behind it, and every offset and
//! length that anything else says of it stays that of the plain file. Where both files are there, the plain one counts.
//!
//! | what | length | what |
//! |---|---|---|
//! | header | 8 | `SLAGJLZ4` |
//! | | 4 | version, 1 |
//! | | 4 | bytes of the plain file in a block, 65,536; at most 1 MiB is read |
//! | | 8 | length of the plain file |
//! | | 4 | CRC-32 of all before |
//! | blocks | … | an LZ4 block each, one after another; bytes that do not get smaller lie as they are |
//! | index | 8 a block | u32 length of the block as stored, u32 CRC-32 of the same |
//! | | 4 | CRC-32 of the index |
//!
//! The last block may hold less than the others. A block as long as what it holds is not compressed. A block whose
//! checksum is wrong reads as so many bytes 255, so that the damage is met in the batches that lie in it and nowhere
//! else. Without a header or an index that hold, nothing in the file is found. Either way the segment is restored from
//! sled, and is then a plain one.
//!
//! # sled
//!
//! Segments of 1 MiB and values under 15 KiB, so that sled makes no blob files, which it never syncs.
//!
//! | tree | key | value |
//! |---|---|---|
//! | `packs` | u64 first sequence number | a pack of up to 8,000 bytes of frames; consecutive from 0 |
//! | `pending` | u64 first sequence number | the same for the newest small commits, until a pack is full |
//! | `chunks` | u64 sequence number, u32 chunk | 8,000 bytes at a time of a record larger than a pack |
//! | `blocks` | u64 first sequence number | what is derived from up to 128 records |
//! | `meta` | `tree` | u64 size and the subtrees of the tree as of the newest block, CRC-32 |
//! | `snapshots` | u64 size, u32 chunk | 8,000 bytes at a time; chunk 2³² − 1 is the SHA-256 of all |
//!
//! | pack | length | what |
//! |---|---|---|
//! | 0 | 1 | 1: the frames follow; 2: a u64 says how many bytes they are in `chunks`; 3: a u32 says how many bytes they are, and they follow as an LZ4 block |
//! | 1 | 4 | number of records |
//! | 5 | 8 | first sequence number of the journal segment with the first record |
//! | 13 | 8 | offset of its entry frame there; a hint |
//! | 21 | 8 | size of a tree: the log's when the pack was written |
//! | 29 | 32 | the root of that tree, which proves the records up to that size |
//! | 61 | … | frames, as in the journal |
//! | last | 4 | CRC-32 of all before |
//!
//! | block | what |
//! |---|---|
//! | u32 | number of records |
//! | a record each | varint of the zigzag difference of its time (ms) to the one before, from 0; a byte 0, or a byte 1 and the u64 request key |
//! | u32 | number of terms |
//! | a term each, ascending | u32 upper half of the hash; varint number of records; varint difference of each index to the last |
//! | u32 | CRC-32 of all before |
//!
//! Blocks are read at start into what is kept in memory: the map of request keys, and for each block its times
//! and a Bloom filter of its terms.

#[cfg(feature = "daemon")]
mod block;
#[cfg_attr(
    not(feature = "daemon"),
    allow(dead_code, reason = "without the daemon a journal is only read, but by tests")
)]
mod bytes;
#[cfg(feature = "daemon")]
mod check;
mod checkpoints;
#[cfg(feature = "daemon")]
mod compact;
#[cfg(feature = "daemon")]
mod database;
#[cfg(feature = "daemon")]
mod disk;
#[cfg(feature = "daemon")]
mod erase;
#[cfg_attr(
    not(feature = "daemon"),
    allow(dead_code, reason = "without the daemon a journal is only read, but by tests")
)]
mod error;
#[cfg(test)]
#[cfg(feature = "daemon")]
mod faults;
mod files;
#[cfg(feature = "daemon")]
mod folder;
#[cfg_attr(
    not(feature = "daemon"),
    allow(dead_code, reason = "without the daemon a journal is only read, but by tests")
)]
mod frame;
#[cfg(feature = "daemon")]
mod hashes;
#[cfg(feature = "daemon")]
mod index;
#[cfg(feature = "daemon")]
mod journal;
mod journal_files;
mod keys;
#[cfg(feature = "daemon")]
mod load;
#[cfg(feature = "daemon")]
mod open;
#[cfg(feature = "daemon")]
mod pack;
#[cfg(feature = "daemon")]
mod packer;
#[cfg(feature = "daemon")]
mod read;
#[cfg(feature = "daemon")]
mod repair;
#[cfg_attr(
    not(feature = "daemon"),
    allow(dead_code, reason = "without the daemon a journal is only read, but by tests")
)]
mod segment;
mod segment_file;
#[cfg(feature = "daemon")]
mod types;
#[cfg(feature = "daemon")]
mod writer;

#[cfg(feature = "daemon")]
pub use check::{CheckReport, check_folder};
pub use checkpoints::{KeptCheckpoint, kept_checkpoints};
#[cfg(feature = "daemon")]
pub use checkpoints::{keep_checkpoint, keep_cosigned};
#[cfg(feature = "daemon")]
pub use compact::{CompactReport, compact_folder};
#[cfg(feature = "daemon")]
pub use erase::begin_erasing;
pub use error::{Notice, StoreError};
pub use files::{read_file, read_text};
pub use journal_files::{JournalBatch, JournalEnd, JournalFiles};
pub use keys::{KEYS_LENGTH_MAX, KeyFiles, KeysError, parse_verifiers};
#[cfg(feature = "daemon")]
pub use open::remove_derived;
#[cfg(feature = "daemon")]
pub use read::{Scan, Store, TreeHashes};
#[cfg(feature = "daemon")]
pub use types::{
    BODY_LENGTH_MAX, Derive, Derived, KeptBody, Opened, Options, Record, RequestKey, StoredRecord, TERMS_MAX,
    Term,
};
#[cfg(feature = "daemon")]
pub use writer::Writer;
#[cfg(feature = "daemon")]
#[doc(hidden)]
pub use writer::journal_alone;
