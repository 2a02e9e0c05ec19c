//! How far a long verb has come, on a terminal and nowhere else.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

/// How often the line is written anew.
const EVERY: Duration = Duration::from_millis(100);
/// Characters of the bar.
const WIDTH: u64 = 30;

/// A line on standard error that is written anew as the work goes on, and taken away at its end.
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    shown: Option<Instant>,
    is_terminal: bool,
}

impl Progress {
    /// A line that says what is done, of how much where that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Progress {
        Progress { what, total, shown: Some(Instant::now()), is_terminal: stderr().is_terminal() }
    }

    /// Says how much is done.
    pub fn done(&mut self, done: u64) {
        if !self.is_terminal || self.shown.is_some_and(|shown| shown.elapsed() < EVERY) {
            return;
        }
        self.shown = Some(Instant::now());
        let line = match self.total.filter(|total| *total > 0) {
            Some(total) => {
                let filled = done.min(total) * WIDTH / total;
                let bar: String = (0..WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect();
                format!("{} {bar} {:>3} %  {done} of {total}", self.what, done.min(total) * 100 / total)
            }
            None => format!("{} {done}", self.what),
        };
        // An error means that nobody looks.
        let _ = write!(stderr(), "\r\x1b[K{line}");
        let _ = stderr().flush();
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if self.is_terminal {
            let _ = write!(stderr(), "\r\x1b[K");
        }
    }
}
