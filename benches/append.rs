//! How fast decisions are recorded, and what they cost on the disk: `cargo bench --bench append`.
//!
//! Each figure stands beside the raw append of the same bytes with the same number of fdatasyncs, measured
//! just before it, so that what counts is the ratio. `APPEND_RECORDS` sets the number of records (200,000).

#![expect(
    clippy::unwrap_used,
    clippy::float_arithmetic,
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::indexing_slicing,
    reason = "a measurement stops at the first error, and its figures are for reading"
)]

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use slagboom::archive::{Archive, VerifyOptions, verify};
use slagboom::ledger::{
    Batch, Body, Checkpoint, Digest, Entry, EntryKind, Note, Receipt, Signer, commitment, verify_inclusion,
};
use slagboom::store::{
    Derived, Opened, Options, Record, RequestKey, Store, Term, compact_folder, journal_alone,
};

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [WRITE, dir, records] => return write_large(Path::new(dir), records.parse().unwrap()),
        [READ, dir] => return read_large(Path::new(dir)),
        _ => {}
    }
    let records = std::env::var("APPEND_RECORDS").ok().and_then(|text| text.parse().ok()).unwrap_or(200_000);
    println!("| batch | records | what | records/s | of raw | CPU µs/record | disk ÷ entry and body |");
    println!("|---|---|---|---|---|---|---|");
    for (batch, records) in [(1, records.min(100_000)), (64, records), (1_024, records)] {
        compare(batch, records);
    }
    // Each in a process of its own, so that memory is what this alone takes.
    let dir = folder("large");
    let this = std::env::current_exe().unwrap();
    Command::new(&this).arg(WRITE).arg(&dir).arg((5 * records).to_string()).status().unwrap();
    Command::new(&this).arg(READ).arg(&dir).status().unwrap();
    fs::remove_dir_all(&dir).unwrap();
}

const WRITE: &str = "write-large";
const READ: &str = "read-large";

/// A fresh folder of this name that does not exist yet.
fn folder(name: &str) -> PathBuf {
    let dir = std::env::temp_dir().join(format!("slagboom-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&dir);
    dir
}

fn compare(batch: u64, records: u64) {
    let mut raw = Meter::default();
    let mut journal = Meter::default();
    let mut signed = Meter::default();
    let mut proved = Meter::default();
    let key = Signer::from_seed("bench.example/log".parse().unwrap(), &[1; 32]).unwrap();
    let mut whole = Meter::default();
    let root = folder("append");
    fs::create_dir_all(root.join("alone")).unwrap();
    let mut file = File::create(root.join("raw")).unwrap();
    let opened = Store::open(&Options::new(root.join("store")), derive).unwrap();
    let Opened { store, mut writer, .. } = opened;
    let mut payload = 0;
    let mut rounds = 0;
    // In rounds, so that a busy neighbour disturbs all three alike.
    while store.size() < records {
        let round: Vec<Vec<Record>> = (0..2_048_u64.div_ceil(batch).min(400))
            .map(|index| (0..batch).map(|row| record(store.size() + index * batch + row)).collect())
            .collect();
        payload += round.iter().flatten().map(|record| record.entry.len() + record.body.len()).sum::<usize>();
        let count = batch * round.len() as u64;
        let bytes: Vec<Vec<u8>> = round
            .iter()
            .map(|batch| {
                batch
                    .iter()
                    .flat_map(|record| [&record.entry[..], &record.salt, &record.body].concat())
                    .collect()
            })
            .collect();
        raw.measure(count, || {
            for batch in &bytes {
                file.write_all(batch).unwrap();
                file.sync_data().unwrap();
            }
        });
        let alone: Vec<Vec<Record>> = (0..round.len() as u64)
            .map(|index| (0..batch).map(|row| record(index * batch + row)).collect())
            .collect();
        let fresh = |name: &str| {
            let dir = root.join("alone").join(format!("{rounds}-{name}"));
            fs::create_dir(&dir).unwrap();
            dir
        };
        let dir = fresh("journal");
        journal.measure(count, || journal_alone(&dir, &alone, |_| {}).unwrap());
        let dir = fresh("signed");
        signed.measure(count, || journal_alone(&dir, &alone, |batch| drop(sign(&key, batch))).unwrap());
        let dir = fresh("proved");
        let mut bytes = 0;
        proved.measure(count, || {
            journal_alone(&dir, &alone, |batch| bytes += receipts(&key, batch)).unwrap();
        });
        assert!(bytes > 0);
        fs::remove_dir_all(root.join("alone")).unwrap();
        fs::create_dir(root.join("alone")).unwrap();
        whole.measure(count, || {
            for batch in &round {
                writer.append(batch).unwrap();
            }
        });
        rounds += 1;
    }
    drop((store, writer));
    let disk = || ["journal", "sled", "hashes"].map(|name| size_of(&root.join("store").join(name)));
    let (written, start) = (disk(), Instant::now());
    let report = compact_folder(&Options::new(root.join("store"))).unwrap();
    let compacted = (disk(), start.elapsed());
    raw.print(batch, "raw append and fdatasync", &raw, None);
    journal.print(batch, "journal alone", &raw, None);
    signed.print(batch, "journal, tree and signature", &raw, None);
    proved.print(batch, "the same with a receipt each", &raw, None);
    whole.print(batch, "journal, tree and sled", &raw, Some((written, payload as u64)));
    let (now, took) = compacted;
    println!(
        "| {batch} | {records} | compacted: {} of its segments to {:.2} in {took:?} | - | - | - | {} |",
        report.compressed + report.already,
        report.bytes_after as f64 / report.bytes_before as f64,
        ratio(now, payload as u64),
    );
    fs::remove_dir_all(&root).unwrap();
}

fn sign(key: &Signer, batch: &Batch) -> Note {
    let head = Checkpoint::new("bench.example/log", batch.size(), batch.after().root()).unwrap();
    head.sign(key).unwrap()
}

/// A receipt for every record of the batch; gives the bytes of all.
fn receipts(key: &Signer, batch: &Batch) -> usize {
    let checkpoint = sign(key, batch);
    let first = batch.size() - batch.leaves().len() as u64;
    let receipt = |index| {
        let proof = batch.inclusion_proof(index).unwrap();
        Receipt { index, proof, extra: vec![7; 200], checkpoint: checkpoint.clone() }.to_string().len()
    };
    (first..batch.size()).map(receipt).sum()
}

/// Start and memory of an empty log, and of one that grows large.
fn write_large(dir: &Path, records: u64) {
    let start = Instant::now();
    drop(Store::open(&Options::new(dir), derive).unwrap());
    let again = Instant::now();
    let Opened { store, mut writer, .. } = Store::open(&Options::new(dir), derive).unwrap();
    println!(
        "\nempty: made in {:?}, opened in {:?}, resident {}",
        again - start,
        again.elapsed(),
        resident()
    );
    while store.size() < records {
        let batch: Vec<Record> = (0..256).map(|row| record(store.size() + row)).collect();
        writer.append(&batch).unwrap();
    }
    println!("{} records in batches of 256: resident {} after writing", store.size(), resident());
}

/// Start, memory and reads of a large log.
fn read_large(dir: &Path) {
    let start = Instant::now();
    let Opened { store, notices, .. } = Store::open(&Options::new(dir), derive).unwrap();
    assert!(notices.is_empty(), "{notices:?}");
    println!("opened in {:?}, resident {}", start.elapsed(), resident());
    let keys: Vec<RequestKey> =
        (0..100_000).map(|row| record(row * 7_919 % store.size()).request_key.unwrap()).collect();
    let start = Instant::now();
    assert!(keys.iter().all(|key| !store.find_request(*key).is_empty()));
    println!("find_request: {} ns", start.elapsed().as_nanos() / keys.len() as u128);
    for terms in [
        vec![Term::of("party", "party 77"), Term::of("outcome", "3")],
        vec![Term::of("unique", "12345")],
        vec![Term::of("rule", "rule 5")],
    ] {
        for round in ["first", "again"] {
            let start = Instant::now();
            let found = store.search(&terms, u64::MAX, 50).unwrap().len();
            println!("search with {} terms, {round}: {found} found in {:?}", terms.len(), start.elapsed());
        }
    }
    let start = Instant::now();
    let count = 2_000;
    for row in 0..count {
        store.record(row * 7_919 % store.size()).unwrap().unwrap();
    }
    println!("record: {:?} each", start.elapsed() / count as u32);
    let start = Instant::now();
    assert_eq!(store.scan(0).inspect(|record| assert!(record.is_ok())).count() as u64, store.size());
    println!("scan: {:.0} records/s", store.size() as f64 / start.elapsed().as_secs_f64());
    let start = Instant::now();
    assert!(store.check().unwrap().is_sound());
    println!("check of both copies: {:.0} records/s", store.size() as f64 / start.elapsed().as_secs_f64());
    proofs(&store);
    println!("resident {} at the end", resident());
    drop(store);
    let archive = Archive::open_data(dir).unwrap();
    for threads in [1, 2] {
        let (start, cpu) = (Instant::now(), cpu());
        let options = VerifyOptions { threads, ..VerifyOptions::default() };
        let size = verify(&archive, &options, |_| {}).unwrap().size as f64;
        let cpu = self::cpu().saturating_sub(cpu).as_secs_f64();
        let wall = start.elapsed().as_secs_f64();
        println!(
            "verify with bodies, {threads} threads: {:.0} records/s, {:.0} per core",
            size / wall,
            size / cpu
        );
    }
}

/// Proofs from the tiles in the files, of random places: first out of the page cache, then out of memory.
fn proofs(store: &Store) {
    let size = store.size();
    let root = store.root();
    for what in ["read from files", "again"] {
        let mut times = Vec::new();
        for row in 0..2_000_u64 {
            let index = if what == "again" { 7_919 } else { row * 7_919 * 331 % size };
            let start = Instant::now();
            let proof = store.with_tree(size, |tree| tree.inclusion_proof(index)).unwrap();
            times.push(start.elapsed());
            let leaf = slagboom::ledger::leaf_hash(&store.record(index).unwrap().unwrap().entry_bytes);
            verify_inclusion(&leaf, index, size, &proof, &root).unwrap();
        }
        print_percentiles(&format!("inclusion proof, {what}"), times);
    }
    let mut times = Vec::new();
    for row in 0..2_000_u64 {
        let old = 1 + row * 7_919 * 331 % size;
        let start = Instant::now();
        store.with_tree(size, |tree| tree.consistency_proof(old)).unwrap();
        times.push(start.elapsed());
    }
    print_percentiles("consistency proof, read from files", times);
}

fn print_percentiles(what: &str, mut times: Vec<Duration>) {
    times.sort_unstable();
    let at = |percent: usize| times[times.len() * percent / 100].as_secs_f64() * 1e6;
    println!("{what}: p50 {:.1} µs, p99 {:.1} µs", at(50), at(99));
}

#[derive(Default)]
struct Meter {
    records: u64,
    wall: Duration,
    cpu: Duration,
}

impl Meter {
    fn measure(&mut self, records: u64, work: impl FnOnce()) {
        let (wall, cpu) = (Instant::now(), cpu());
        work();
        self.wall += wall.elapsed();
        self.cpu += self::cpu().saturating_sub(cpu);
        self.records += records;
    }

    fn rate(&self) -> f64 {
        self.records as f64 / self.wall.as_secs_f64()
    }

    fn print(&self, batch: u64, what: &str, raw: &Meter, disk: Option<([u64; 3], u64)>) {
        let ratio = disk.map_or("-".to_owned(), |(bytes, payload)| ratio(bytes, payload));
        println!(
            "| {batch} | {} | {what} | {:.0} | {:.2} | {:.2} | {ratio} |",
            self.records,
            self.rate(),
            self.rate() / raw.rate(),
            self.cpu.as_secs_f64() * 1e6 / self.records as f64,
        );
    }
}

/// Bytes on the disk to bytes recorded: in all, and of journal, database and hashes.
fn ratio(bytes: [u64; 3], payload: u64) -> String {
    let of = |bytes: u64| bytes as f64 / payload as f64;
    let [journal, sled, hashes] = bytes.map(of);
    format!("{:.2} ({journal:.2} + {sled:.2} + {hashes:.2})", of(bytes.iter().sum()))
}

/// Processor time of this process, in steps of 10 ms.
fn cpu() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap().split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).unwrap().parse::<u64>().unwrap();
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// Resident memory now, and the most it ever was.
fn resident() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let mib = |name: &str| {
        let line = status.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse::<u64>().unwrap() / 1_024
    };
    format!("{} MiB (at most {})", mib("VmRSS"), mib("VmHWM"))
}

fn size_of(dir: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap());
    files
        .map(|file| match file.metadata().unwrap() {
            metadata if metadata.is_dir() => size_of(&file.path()),
            metadata => metadata.blocks() * 512,
        })
        .sum()
}

/// A decision of about the size and variety of a real one: 200 bytes of entry, 700 of body, ten terms.
fn record(sequence: u64) -> Record {
    let mix = |salt: u64, of: u64| {
        let hash = (sequence << 8 | salt).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((hash ^ hash >> 32).wrapping_mul(0xff51_afd7_ed55_8ccd) >> 33) & (of - 1)
    };
    let (party, destination, eccn) = (mix(1, 1_024), mix(2, 64), mix(3, 128));
    let request = format!(
        "request_id: order-{sequence:08}; exporter: Example Machine Works B.V., Eindhoven; destination: {destination}; \
         consignee: Party Number {party} Trading GmbH, Industriestrasse {} , {}; end user: party {}; \
         goods: line 1, {eccn}, five-axis milling machine type {}, quantity {}, value EUR {}.50; document: {}",
        mix(4, 256),
        mix(5, 65_536),
        mix(6, 1_024),
        mix(7, 4_096),
        mix(8, 64),
        mix(9, 1 << 20),
        Digest::of(&sequence.to_be_bytes()),
    );
    let mut decision =
        format!("outcome {}; rules {} {} {};", mix(10, 4), mix(11, 16), mix(12, 64), mix(13, 64))
            .into_bytes();
    for part in 0..3_u64 {
        decision.extend_from_slice(Digest::of(&(sequence * 3 + part).to_be_bytes()).as_bytes());
    }
    let body = Body { request: request.into_bytes(), decision }.encode().unwrap();
    let salt = *Digest::of(&sequence.to_le_bytes()).as_bytes();
    let entry = Entry {
        sequence,
        time_ms: 1_700_000_000_000 + sequence.cast_signed(),
        kind: EntryKind::DecisionMade,
        caller: "127.0.0.1:50123".to_owned(),
        engine_version: "0.1.0".to_owned(),
        rulebook: Digest::of(b"rulebook"),
        lists: Digest::ZERO,
        request: Digest::of(&body),
        outcome: 1,
        commitment: commitment(&salt, &body),
        state: Digest::of(&salt),
    };
    let terms = vec![
        Term::of("exporter", "example"),
        Term::of("party", &format!("party {party}")),
        Term::of("party", &format!("party {}", mix(6, 1_024))),
        Term::of("destination", &destination.to_string()),
        Term::of("eccn", &eccn.to_string()),
        Term::of("outcome", &mix(10, 4).to_string()),
        Term::of("rule", &format!("rule {}", mix(11, 16))),
        Term::of("rule", &format!("rule {}", mix(12, 64))),
        Term::of("rule", &format!("rule {}", mix(13, 64))),
        Term::of("unique", &sequence.to_string()),
    ];
    let request_key = Some(RequestKey::of("127.0.0.1:50123", &format!("order-{sequence:08}")));
    Record { entry: entry.encode().unwrap(), salt, body, request_key, terms }
}

/// Only what is asked for anew here: these logs are opened again without a crash.
fn derive(entry: &Entry, _: &Body) -> Derived {
    let record = record(entry.sequence);
    Derived { request_key: record.request_key, terms: record.terms }
}
