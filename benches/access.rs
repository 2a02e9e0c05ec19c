//! What it costs to know a caller by its token: `cargo bench --bench access`.

#![expect(clippy::unwrap_used, reason = "a measurement stops at the first error")]

use std::sync::{Arc, LazyLock};

use divan::{Bencher, black_box};
use jiff::Timestamp;
use slagboom::access::{Guard, Issue, edit};
use slagboom::clock::System;
use slagboom::domain::identity::Role;
use slagboom::ledger::Digest;

fn main() {
    divan::main();
}

/// A guard that knows a thousand tokens, and the header of the last one.
static GUARDED: LazyLock<(Guard, Vec<u8>)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.yaml");
    let tokens = edit(&file, |book| {
        let issue = |at| Issue {
            name: format!("erp-{at}"),
            roles: vec![Role::Erp],
            exporters: Some(vec!["Voorbeeld Netwerken BV".to_owned()]),
            // So that the clock is asked too.
            expires: Some(Timestamp::MAX),
        };
        (0..1_000).map(|at| book.issue(issue(at), Timestamp::UNIX_EPOCH)).collect::<Result<Vec<_>, _>>()
    });
    let header = format!("Bearer {}", tokens.unwrap().last().unwrap().token.reveal());
    (Guard::of_file(&file, Arc::new(System)).unwrap(), header.into_bytes())
});

/// The ceiling: SHA-256 over the token alone.
#[divan::bench]
fn hash_alone(bencher: Bencher<'_, '_>) {
    let (_, header) = &*GUARDED;
    bencher.bench(|| Digest::of(black_box(header)));
}

#[divan::bench]
fn identify(bencher: Bencher<'_, '_>) {
    let (guard, header) = &*GUARDED;
    bencher.bench(|| guard.identify(Some(black_box(header))).unwrap());
}
