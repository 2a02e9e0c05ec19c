//! How a replay runs: taken in order, judged by many, told in order.

use std::{collections::BTreeMap, fmt, ops::ControlFlow, thread};

use crossbeam_channel::{bounded, unbounded};

use super::{
    Item,
    gather::{Chunk, Gatherer},
    judge::{Done, Judge, Options, Under, Wire},
    law::Law,
    summary::Summary,
    told::Event,
};

/// Chunks under way for each thread that decides: one that it judges, one that waits, and one that is told. More would
/// only take memory.
const CHUNKS_PER_THREAD: usize = 3;
/// Most threads that decide. One thread takes what they judge, and feeds no more than a few.
const THREADS_MAX: usize = 64;

/// Decides every recorded export again and tells what differs and what cannot be replayed, in the order of the log.
///
/// `tell` may end the replay; the summary is then of what was told. Its events, the progress among them, are the same
/// for one thread and for many.
pub fn replay<E: fmt::Display>(
    items: impl Iterator<Item = Result<Item, E>>,
    wire: Wire,
    options: &Options,
    mut tell: impl FnMut(Event) -> ControlFlow<()>,
) -> Summary {
    let law = match &options.under {
        Under::Rulebook { snapshot, known_at } => Some((Law::of(0, snapshot.clone()), *known_at)),
        Under::AsKnownThen | Under::AsKnownAt(_) => None,
    };
    let given = law.as_ref().map(|(law, known_at)| (law, *known_at));
    let judge = || Judge::new(options, wire, given);
    let mut gatherer = Gatherer::new(items);
    let mut next = || gatherer.chunk();
    let mut summary = Summary::default();
    let told = |done: Done| summary.told(done, &mut tell);
    match options.threads.clamp(1, THREADS_MAX) {
        1 => alone(&mut next, judge, told),
        threads => together(threads, &mut next, judge, told),
    }
    summary
}

/// All on one thread.
fn alone<'a>(
    next: &mut impl FnMut() -> Option<Chunk>,
    judge: impl Fn() -> Judge<'a>,
    mut told: impl FnMut(Done) -> ControlFlow<()>,
) {
    let mut judge = judge();
    while let Some(chunk) = next() {
        if told(judge.work(chunk)).is_break() {
            return;
        }
    }
}

/// This thread takes and tells; others judge.
fn together<'a>(
    threads: usize,
    next: &mut impl FnMut() -> Option<Chunk>,
    judge: impl Fn() -> Judge<'a> + Sync,
    mut told: impl FnMut(Done) -> ControlFlow<()>,
) {
    let window = (threads * CHUNKS_PER_THREAD) as u64;
    thread::scope(|scope| {
        let (jobs, taken) = bounded::<(u64, Chunk)>(threads * CHUNKS_PER_THREAD);
        // Not bounded: the window is the bound.
        let (give, judged) = unbounded();
        for _ in 0..threads {
            let (taken, give, judge) = (taken.clone(), give.clone(), &judge);
            scope.spawn(move || {
                let mut judge = judge();
                for (number, chunk) in taken {
                    // An error means that nobody wants to know any more.
                    if give.send((number, judge.work(chunk))).is_err() {
                        break;
                    }
                }
            });
        }
        drop((taken, give));
        let mut ahead: BTreeMap<u64, Done> = BTreeMap::new();
        let (mut sent, mut said, mut ended) = (0, 0, false);
        loop {
            while !ended && sent - said < window {
                let Some(chunk) = next() else {
                    ended = true;
                    break;
                };
                // No more than the window are under way, so this never waits; an error means that all threads are gone.
                if jobs.send((sent, chunk)).is_err() {
                    return;
                }
                sent += 1;
            }
            if said == sent {
                return;
            }
            let Ok((number, done)) = judged.recv() else { return };
            ahead.insert(number, done);
            while let Some(done) = ahead.remove(&said) {
                said += 1;
                if told(done).is_break() {
                    return;
                }
            }
        }
    });
}

impl Summary {
    /// Takes in what came of a chunk, and tells it.
    fn told(&mut self, done: Done, tell: &mut impl FnMut(Event) -> ControlFlow<()>) -> ControlFlow<()> {
        self.decisions += done.decisions;
        self.same += done.same;
        self.not_asked += done.not_asked;
        for event in done.events.into_iter().chain([Event::Progress { entries: done.entries }]) {
            self.add(&event);
            tell(event)?;
        }
        ControlFlow::Continue(())
    }
}
