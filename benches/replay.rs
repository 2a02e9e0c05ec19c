//! How fast recorded decisions are decided again: `cargo bench --bench replay`.
//!
//! One log of the worked cases and those of the shipped rulebook that need no `given`, in turn, each time under another
//! `request_id`; replayed on one thread unless it says two, so that a figure is a figure for one core. Beside the mix as
//! it is (`often`: every question comes again) stands the same with another exporter in every request (`once`: no
//! question ever comes again), with and without the memo, on two threads, and out of a data folder, every record proved.
//! `REPLAY_DECISIONS` sets the number of decisions (50,000).

#![expect(clippy::unwrap_used, reason = "a measurement stops at the first error")]

#[path = "../tests/it/replay/made.rs"]
mod made;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;
use std::sync::{Arc, LazyLock};

use divan::{Bencher, counter::ItemsCount};
use made::Made;
use slagboom::proto::v1;
use slagboom::rulebook::{Bundle, case::GivenDoc, compile, read_cases};
use slagboom::server::grpc::{WIRE, convert, derive};
use slagboom::service::Snapshot;
use slagboom::service::replay::{Body, Item, Options, Under, Wire, items, replay};
use slagboom::store::{Opened, Options as StoreOptions, Record, Store};
use tempfile::TempDir;

/// As the daemon's own.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// New year 2027: everything in the shipped rulebook is known.
const LATE_MS: i64 = 1_798_758_000_000;

static SNAPSHOT: LazyLock<Arc<Snapshot>> =
    LazyLock::new(|| Arc::new(Snapshot::of(compile(Bundle::built_in()).rulebook.unwrap())));
static OFTEN: LazyLock<Made> = LazyLock::new(|| log(false));
static ONCE: LazyLock<Made> = LazyLock::new(|| log(true));

fn main() {
    println!("{} decisions in a log", OFTEN.items.len() - 1);
    divan::main();
}

fn requests() -> Vec<v1::CheckExportRequest> {
    let cases = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases")).unwrap();
    let files = cases.map(|file| file.unwrap().path()).map(|path| fs::read_to_string(path).unwrap());
    let bundle = Bundle::built_in();
    let own = bundle.files().filter(|(file, _)| file.ends_with("_test.yaml"));
    let texts: Vec<String> = own.map(|(_, text)| text.to_owned()).chain(files).collect();
    let cases = texts.iter().flat_map(|text| read_cases("cases", text).unwrap().cases);
    cases
        .filter(|case| case.given == GivenDoc::default() && case.request.known_at.is_none())
        .filter_map(|case| convert::request_message(case.request).ok())
        .collect()
}

fn log(once: bool) -> Made {
    let count = std::env::var("REPLAY_DECISIONS").ok().and_then(|text| text.parse().ok()).unwrap_or(50_000);
    let requests = requests();
    let mut made = Made::default();
    made.activate(&SNAPSHOT, LATE_MS);
    for (at, request) in requests.iter().cycle().enumerate() {
        if made.items.len() > count {
            break;
        }
        let mut request = request.clone();
        request.request_id = format!("tryton/prod/{at}");
        if once && let Some(exporter) = &mut request.exporter {
            exporter.name = format!("{} {at}", exporter.name);
        }
        made.decide(&SNAPSHOT, &request, LATE_MS + i64::try_from(at).unwrap());
    }
    made
}

fn measure(bencher: Bencher, log: &Made, wire: Wire, threads: usize) {
    let decisions = log.items.len() - 1;
    let options = Options { under: under(), threads, ..Options::default() };
    // Each item is copied as it is taken, as a reader of files copies it.
    bencher.counter(ItemsCount::new(decisions)).bench_local(|| {
        let summary = replay(log.items(), wire, &options, |_| ControlFlow::Continue(()));
        assert_eq!(summary.same, decisions as u64, "a log of our own replays");
    });
}

/// The log in a data folder.
fn folder(log: &Made) -> (TempDir, Store) {
    let folder = tempfile::tempdir().unwrap();
    let Opened { store, mut writer, .. } = Store::open(&StoreOptions::new(folder.path()), derive).unwrap();
    for items in log.items.chunks(256) {
        let record = |item: &Item| {
            let Body::Kept { bytes: body, .. } = &item.body else { unreachable!("nothing is erased") };
            let (salt, entry) = ([0; 32], item.entry.encode().unwrap());
            Record { entry, salt, body: body.clone(), request_key: None, terms: Vec::new() }
        };
        writer.append(&items.iter().map(record).collect::<Vec<_>>()).unwrap();
    }
    (folder, store)
}

fn measure_folder(bencher: Bencher, log: &Made) {
    let decisions = log.items.len() - 1;
    let (_folder, store) = folder(log);
    let options = Options { under: under(), threads: 1, ..Options::default() };
    bencher.counter(ItemsCount::new(decisions)).bench_local(|| {
        let summary = replay(items(&store), WIRE, &options, |_| ControlFlow::Continue(()));
        assert_eq!(summary.same, decisions as u64, "a log of our own replays");
    });
}

const WITHOUT_MEMO: Wire = Wire { essence: None, ..WIRE };

/// The rulebook as it is at hand: compiling it takes 0.14 s, once in a replay.
fn under() -> Under {
    Under::Rulebook {
        snapshot: SNAPSHOT.clone(),
        known_at: jiff::Timestamp::from_millisecond(LATE_MS).unwrap(),
    }
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn often_with_memo(bencher: Bencher) {
    measure(bencher, &OFTEN, WIRE, 1);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn often_without_memo(bencher: Bencher) {
    measure(bencher, &OFTEN, WITHOUT_MEMO, 1);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn once_with_memo(bencher: Bencher) {
    measure(bencher, &ONCE, WIRE, 1);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn once_without_memo(bencher: Bencher) {
    measure(bencher, &ONCE, WITHOUT_MEMO, 1);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn once_on_two_threads(bencher: Bencher) {
    measure(bencher, &ONCE, WIRE, 2);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn often_from_a_folder(bencher: Bencher) {
    measure_folder(bencher, &OFTEN);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn once_from_a_folder(bencher: Bencher) {
    measure_folder(bencher, &ONCE);
}
