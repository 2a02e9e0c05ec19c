//! The whole of a log checked from its files: every entry and body rehashed, every checkpoint, signature and tile.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use crate::archive::block::{Block, BlockEnd};
use crate::archive::claims::{Claims, open_receipt};
use crate::archive::read::{Blocks, HASHES_LENGTH_MAX};
use crate::archive::report::{Report, witnesses};
use crate::archive::trust::{Believed, Given};
use crate::archive::{Archive, ArchiveError, Kind};
use crate::ledger::{
    Body, BodyState, Chunk, Digest, EntryKind, HashTile, LogVerifier, Marks, Problem, Rotation, TileBuilder,
    leaf_hash,
};
use crate::store::read_file;

/// Blocks that each thread may have waiting: bounds what is in memory.
const BLOCKS_WAITING: usize = 4;

/// What to check a log against.
#[derive(Clone, Debug, Default)]
pub struct VerifyOptions {
    /// Whom to believe.
    pub given: Given,
    /// Checkpoints that were kept elsewhere: file and bytes.
    pub checkpoints: Vec<(PathBuf, Vec<u8>)>,
    /// Receipts that were kept elsewhere: file and bytes.
    pub receipts: Vec<(PathBuf, Vec<u8>)>,
    /// Threads that hash; one at least.
    pub threads: usize,
}

/// Checks a log. `progress` is told how many records have been checked, from time to time.
///
/// # Errors
/// When files cannot be read; whatever is wrong with the log is in the report.
pub fn verify(
    archive: &Archive,
    options: &VerifyOptions,
    mut progress: impl FnMut(u64),
) -> Result<Report, ArchiveError> {
    // Read before the records: a daemon that goes on writing adds records, and takes none away.
    let kept = archive.checkpoints()?;
    let own_keys = archive.verifiers()?;
    let mut report = Report::empty();
    let own = own_keys.clone();
    let believed = if options.given.keys.is_empty() { own_keys } else { options.given.keys.clone() };
    if options.given.keys.is_empty() && !believed.is_empty() {
        let text = "the keys are the folder's own: give the key that you keep (--vkey) to prove that nobody made it anew";
        report.note(text.to_owned());
    }
    let mut claims = Claims::new(Believed::new(believed), Believed::new(own));
    for kept in kept {
        claims.add(kept.path, &kept.bytes, true, &mut report);
    }
    for (path, bytes) in &options.checkpoints {
        claims.add(path.clone(), bytes, false, &mut report);
    }
    claims.add_receipts(&options.receipts, &mut report);

    let mut run = Run::new(archive, &claims);
    let end = run.read(archive.blocks(0)?, options.threads.max(1), &mut progress)?;
    run.finish(end, claims, options, report)
}

/// Checks receipts by themselves: key and file are all that is needed.
#[must_use]
pub fn verify_receipts(receipts: &[(PathBuf, Vec<u8>)], given: &Given) -> Report {
    let mut report = Report::empty();
    let believed = Believed::new(given.keys.clone());
    let Some(trust) = believed.trust(&given.witnesses, given.quorum) else {
        report.problem("there is no key to check a receipt with".to_owned());
        return report;
    };
    for (path, bytes) in receipts {
        match open_receipt(path, bytes).and_then(|receipt| {
            receipt.verify(&receipt.extra, &trust).map_err(|fault| format!("`{}`: {fault}", path.display()))
        }) {
            Ok(signed) => {
                report.receipts += 1;
                report.size = signed.checkpoint.size();
                report.root = *signed.checkpoint.root();
                report.proved = report.size;
                report.witnesses = witnesses(&signed);
            }
            Err(why) => report.problem(why),
        }
    }
    report
}

/// A verification in the making.
struct Run<'a> {
    archive: &'a Archive,
    verifier: LogVerifier,
    /// The tiles that the entries make, where the log has tiles to compare them with.
    tiles: Option<TileBuilder>,
    rotations: Vec<(u64, Result<Rotation, String>)>,
    /// Records that entries say were erased.
    erased: BTreeSet<u64>,
    /// Records whose bodies are here, in rows that follow each other.
    kept: Vec<Range<u64>>,
    /// Leaves of the entries that receipts speak of.
    wanted: BTreeMap<u64, Option<Digest>>,
    problems: Vec<String>,
}

/// A hashed block with what must be looked at in order.
struct Hashed {
    chunk: Chunk,
    block: Block,
}

impl<'a> Run<'a> {
    fn new(archive: &'a Archive, claims: &Claims) -> Run<'a> {
        let mut verifier = LogVerifier::new();
        for claimed in &claims.checkpoints {
            // Nothing was joined yet, so none comes too late.
            let _ = verifier.expect(&claimed.checkpoint);
        }
        let tiles = (archive.kind == Kind::Export).then(TileBuilder::new);
        let wanted = claims.receipts.iter().map(|(_, receipt)| (receipt.index, None)).collect();
        let (rotations, erased, kept, problems) = (Vec::new(), BTreeSet::new(), Vec::new(), Vec::new());
        Run { archive, verifier, tiles, rotations, erased, kept, wanted, problems }
    }

    /// Reads all blocks; threads hash them, and they are joined in order.
    fn read(
        &mut self,
        mut blocks: Blocks,
        threads: usize,
        progress: &mut impl FnMut(u64),
    ) -> Result<BlockEnd, ArchiveError> {
        let window = threads * BLOCKS_WAITING;
        let (jobs, taken) = sync_channel::<Block>(window);
        let (done, hashed) = sync_channel::<Hashed>(window);
        let taken = Arc::new(Mutex::new(taken));
        thread::scope(|scope| {
            for at in 0..threads {
                let (taken, done) = (Arc::clone(&taken), done.clone());
                thread::Builder::new()
                    .name(format!("verify-{at}"))
                    .spawn_scoped(scope, move || hash_all(&taken, &done))
                    .map_err(ArchiveError::Thread)?;
            }
            drop(done);
            let jobs = jobs;
            let mut early = BTreeMap::new();
            let mut in_flight = 0;
            loop {
                while in_flight < window
                    && let Some(block) = blocks.next_block()?
                    && jobs.send(block).is_ok()
                {
                    in_flight += 1;
                }
                // The threads hold their ends as long as there are jobs; without one in flight all is done.
                let Some(one) = (in_flight > 0).then(|| hashed.recv().ok()).flatten() else { break };
                in_flight -= 1;
                early.insert(one.block.first(), one);
                while let Some(one) = early.remove(&self.verifier.size()) {
                    self.join(one)?;
                    progress(self.verifier.size());
                }
            }
            Ok::<(), ArchiveError>(())
        })?;
        Ok(blocks.end().cloned().unwrap_or(BlockEnd::Whole))
    }

    fn join(&mut self, Hashed { chunk, block }: Hashed) -> Result<(), ArchiveError> {
        for joint in &block.joints {
            // In the order of the log, so never too late.
            let _ = self.verifier.expect_root(joint.size(), joint.root());
        }
        if let Some(root) = block.root {
            let _ = self.verifier.expect_root(block.end(), root);
        }
        for (sequence, record) in (block.first()..).zip(block.records()) {
            if let Some(leaf) = self.wanted.get_mut(&sequence) {
                *leaf = Some(leaf_hash(record.entry));
            }
            if matches!(record.body, BodyState::Kept { .. }) {
                match self.kept.last_mut().filter(|row| row.end == sequence) {
                    Some(row) => row.end += 1,
                    None => self.kept.push(sequence..sequence + 1),
                }
            }
            if record.entry.get(1) == Some(&EntryKind::KeyRotated.number()) {
                self.rotations.push((sequence, rotation(record.body)));
            }
            if record.entry.get(1) == Some(&EntryKind::BodyErased.number()) {
                match marks(record.body) {
                    Ok(marks) => self.erased.extend(marks.sequences),
                    Err(why) => self.problems.push(format!("record {sequence}: {why}")),
                }
            }
        }
        if let Some(mut builder) = self.tiles.take() {
            self.compare_tiles(&mut builder, &chunk, &block)?;
            self.tiles = Some(builder);
        }
        if let Err(fault) = self.verifier.join(chunk) {
            self.problems.push(fault.to_string());
        }
        Ok(())
    }

    /// The tiles above the lowest level, against those that the entries make.
    fn compare_tiles(
        &mut self,
        builder: &mut TileBuilder,
        chunk: &Chunk,
        block: &Block,
    ) -> Result<(), ArchiveError> {
        let mut full = Vec::new();
        for root in chunk.tile_roots() {
            let _ = builder.push_tile_root(*root, &mut full);
        }
        let whole = chunk.tile_roots().len() * 256;
        for record in block.records().skip(whole) {
            builder.push(leaf_hash(record.entry), &mut full);
        }
        full.iter().filter(|tile| tile.tile().level() > 0).try_for_each(|tile| self.compare_tile(tile))
    }

    fn compare_tile(&mut self, tile: &HashTile) -> Result<(), ArchiveError> {
        let path = tile.tile().path();
        let file = self.archive.dir.join(&path);
        match read_file(&file, HASHES_LENGTH_MAX) {
            Ok(bytes) if bytes == tile.encode() => {}
            Ok(_) => self.problems.push(format!("`{path}` has other hashes than the entries give")),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                self.problems.push(format!("`{path}` is missing"));
            }
            Err(source) => return Err(ArchiveError::Read { path: file, source }),
        }
        Ok(())
    }

    fn finish(
        mut self,
        end: BlockEnd,
        mut claims: Claims,
        options: &VerifyOptions,
        mut report: Report,
    ) -> Result<Report, ArchiveError> {
        if let Some(builder) = self.tiles.take() {
            for tile in builder.partial_tiles().iter().filter(|tile| tile.tile().level() > 0) {
                self.compare_tile(tile)?;
            }
        }
        match end {
            BlockEnd::Whole => {}
            BlockEnd::Torn { bytes } => report.note(format!(
                "{bytes} bytes after the last whole batch: one that was being written and nobody was answered from"
            )),
            BlockEnd::Damaged { first_bad, why } => {
                self.verifier.add(Problem::Unreadable { at: first_bad, why });
            }
        }
        for (sequence, rotation) in self.rotations {
            match rotation {
                Ok(rotation) if claims.follow(&rotation, sequence) => {}
                Ok(rotation) => report.note(format!(
                    "record {sequence}: the key {} is followed by {}, and neither was given",
                    rotation.old.id(),
                    rotation.new.id()
                )),
                Err(why) => self.problems.push(format!("record {sequence}: {why}")),
            }
        }
        let given = &options.given;
        let judged = claims.judge(&given.witnesses);
        let verdict = self.verifier.finish_believing(|size, root| {
            let mut believed = judged.iter().flatten().map(|signed| &signed.checkpoint);
            believed.any(|believed| believed.size() == size && believed.root() == root)
        });
        report.take(&verdict);
        for sequence in verdict.erased.iter().filter(|sequence| !self.erased.contains(sequence)) {
            report.first_bad = Some(report.first_bad.map_or(*sequence, |first| first.min(*sequence)));
            report.problem(format!(
                "record {sequence}: its body is gone, and no entry says that it was erased"
            ));
        }
        for sequence in &self.erased {
            let row = self.kept.get(self.kept.partition_point(|row| row.end <= *sequence));
            if row.is_some_and(|row| row.contains(sequence)) {
                report.problem(format!(
                    "record {sequence}: an entry says that its body was erased, and it is here: this is an older copy, or \
                     the erasure was cut short and the next start ends it"
                ));
            }
        }
        for text in self.problems {
            report.problem(text);
        }
        report.believe(&claims, &judged, given.quorum);
        for (at, receipt) in &claims.receipts {
            if let (Some(claimed), Some(Ok(signed))) = (claims.checkpoints.get(*at), judged.get(*at)) {
                let in_log = self.wanted.get(&receipt.index).copied().flatten();
                report.receipt(&claimed.path, receipt, in_log, signed);
            }
        }
        let open = report.size - report.proved;
        if open > 0 && report.problem_count == 0 {
            match self.archive.kind {
                Kind::Data => report.note(format!(
                    "{open} entries after the newest checkpoint that proves them: no signature covers them yet"
                )),
                Kind::Export => report.problem(format!(
                    "no checkpoint that is believed covers the last {open} entries, and the one of an export covers all"
                )),
            }
        }
        Ok(report)
    }
}

fn hash_all(taken: &Mutex<Receiver<Block>>, done: &SyncSender<Hashed>) {
    loop {
        let next = taken.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(block) = next else { return };
        let chunk = Chunk::hash(block.first(), block.records());
        if done.send(Hashed { chunk, block }).is_err() {
            return;
        }
    }
}

/// The records in the body of an entry that says that they were erased.
fn marks(body: BodyState<'_>) -> Result<Marks, String> {
    match body {
        // An export without bodies cannot say which, and has none to miss.
        BodyState::NotGiven => Ok(Marks { reason: String::new(), sequences: Vec::new() }),
        BodyState::Kept { body, .. } => {
            let (request, _) = Body::split(body).map_err(|fault| fault.to_string())?;
            Marks::decode(request).map_err(|fault| fault.to_string())
        }
        _ => Err("the body that says what was erased is not here".to_owned()),
    }
}

/// The rotation in the body of an entry that records one.
fn rotation(body: BodyState<'_>) -> Result<Rotation, String> {
    let BodyState::Kept { body, .. } = body else {
        return Err("the body that says which key follows is not here".to_owned());
    };
    let (request, _) = Body::split(body).map_err(|fault| fault.to_string())?;
    Rotation::open(request).map_err(|fault| fault.to_string())
}
