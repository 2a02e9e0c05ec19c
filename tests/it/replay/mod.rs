//! Recorded decisions, decided again.

mod command;
mod daemon;
mod law;
mod made;
mod odd;
mod sameness;

use std::{fmt::Display, ops::ControlFlow, sync::Arc};

use slagboom::{
    proto::v1,
    rulebook::{Bundle, Rulebook, case::GivenDoc, read_cases},
    server::grpc::{WIRE, convert},
    service::{
        Snapshot,
        replay::{Difference, Event, Item, Options, Summary, Unreplayable, Why, Wire, replay},
    },
};

use crate::support::{rulebook_of, small_bundle};

/// New year 2027: everything in the shipped rulebook is known.
const LATE_MS: i64 = 1_798_758_000_000;

/// What a replay said, progress apart.
#[derive(Debug, Default, PartialEq)]
struct Told {
    differences: Vec<Difference>,
    unreplayable: Vec<Unreplayable>,
    summary: Summary,
}

impl Told {
    fn whys(self) -> Vec<(u64, Why)> {
        self.unreplayable.into_iter().map(|failed| (failed.sequence, failed.why)).collect()
    }
}

fn told_with<E: Display>(
    wire: Wire,
    options: &Options,
    items: impl IntoIterator<Item = Result<Item, E>>,
) -> Told {
    let mut told = Told::default();
    told.summary = replay(items.into_iter(), wire, options, |event| {
        match event {
            Event::Progress { .. } => {}
            Event::Difference(difference) => told.differences.push(*difference),
            Event::Unreplayable(failed) => told.unreplayable.push(failed),
        }
        ControlFlow::Continue(())
    });
    assert_eq!(told.differences.len() as u64, told.summary.changed);
    assert_eq!(told.unreplayable.len() as u64, told.summary.unreplayable);
    told
}

fn told(options: &Options, items: impl IntoIterator<Item = Item>) -> Told {
    told_with(WIRE, options, items.into_iter().map(Ok::<_, String>))
}

fn snapshot(bundle: Bundle) -> Arc<Snapshot> {
    Arc::new(Snapshot::of(rulebook_of(bundle)))
}

fn small() -> Arc<Snapshot> {
    snapshot(small_bundle())
}

/// The small rulebook with its ban from another day on, in the rule and in its cases.
fn small_with_ban_from(day: &str) -> Bundle {
    let bundle = small_bundle();
    let files: Vec<(String, String)> =
        bundle.files().map(|(path, text)| (path.to_owned(), text.replace("2022-02-26", day))).collect();
    files.iter().fold(bundle, |bundle, (path, text)| bundle.with(path, text))
}

/// The worked cases, and those of the shipped rulebook, that a recorded check decides as they say: they need no
/// `given` and no other moment. Each with a `request_id` of its own.
fn worked(book: &Rulebook) -> Vec<v1::CheckExportRequest> {
    let own = book.bundle.files().filter(|(file, _)| file.ends_with("_test.yaml"));
    let own = own.map(|(file, text)| (file.to_owned(), text.to_owned()));
    let mut requests = Vec::new();
    for (file, text) in own.chain(crate::cases::files()) {
        for case in read_cases(&file, &text).unwrap().cases {
            if case.given == GivenDoc::default() && case.request.known_at.is_none() {
                let mut request = convert::request_message(case.request.clone()).unwrap();
                request.request_id = format!("{file}/{}", case.id);
                requests.push(request);
            }
        }
    }
    assert!(requests.len() > 500, "only {} cases", requests.len());
    requests
}
