//! How far a replay is, on a terminal.

use std::io::{self, IsTerminal, Write};
use std::time::{Duration, Instant};

use super::sheet::grouped;
use crate::proto::v1;

/// Time between two pictures.
const EVERY: Duration = Duration::from_millis(100);

/// A line on standard error that is drawn over itself; nothing where that is no terminal.
pub(super) struct Progress {
    is_on: bool,
    last: Instant,
    is_shown: bool,
}

impl Default for Progress {
    fn default() -> Self {
        Self { is_on: io::stderr().is_terminal(), last: Instant::now(), is_shown: false }
    }
}

impl Progress {
    /// Draws it, when it is time; says whether it did.
    pub fn show(&mut self, at: v1::ReplayProgress) -> bool {
        if !self.is_on || self.last.elapsed() < EVERY {
            return false;
        }
        self.last = Instant::now();
        self.is_shown = true;
        let percent = at.entries.saturating_mul(100) / at.size.max(1);
        let text = format!("{} of {} entries, {}%", grouped(at.entries), grouped(at.size), percent.min(100));
        draw(&text);
        true
    }

    /// Takes it away, so that a row can stand in its place.
    pub fn hide(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            draw("");
        }
    }
}

/// Draws a line over what stands there; the terminal may have gone, and then nobody looks.
fn draw(text: &str) {
    let _ = write!(io::stderr(), "\r\x1b[K{text}");
}
