//! How far a long verb has come, on a terminal and nowhere else.

use std::io::{IsTerminal, Write, stderr};
use std::time::{Duration, Instant};

use super::print::grouped;

/// How often the line is drawn anew.
const EVERY: Duration = Duration::from_millis(100);
/// Characters of the bar.
const WIDTH: u64 = 30;

/// A line on standard error that is drawn over itself as the work goes on, and taken away at its end.
pub struct Progress {
    what: &'static str,
    total: Option<u64>,
    is_terminal: bool,
    is_shown: bool,
    last: Instant,
}

impl Progress {
    /// A line that says what is done, of how much where that is known.
    pub fn new(what: &'static str, total: Option<u64>) -> Progress {
        let is_terminal = stderr().is_terminal();
        Progress { what, total, is_terminal, is_shown: false, last: Instant::now() }
    }

    /// Draws how much is done, when it is time.
    pub fn done(&mut self, done: u64) {
        self.show(done, self.total);
    }

    /// The same where the whole is only now known; says whether it drew.
    pub fn show(&mut self, done: u64, total: Option<u64>) -> bool {
        if !self.is_terminal || self.last.elapsed() < EVERY {
            return false;
        }
        self.last = Instant::now();
        self.is_shown = true;
        draw(&line(self.what, done, total));
        true
    }

    /// Takes the line away, so that a row can stand in its place.
    pub fn hide(&mut self) {
        if self.is_shown {
            self.is_shown = false;
            draw("");
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.hide();
    }
}

fn line(what: &str, done: u64, total: Option<u64>) -> String {
    match total.filter(|total| *total > 0) {
        Some(total) => {
            let filled = done.min(total) * WIDTH / total;
            let bar: String = (0..WIDTH).map(|at| if at < filled { '█' } else { '░' }).collect();
            let percent = done.min(total) * 100 / total;
            format!("{what} {bar} {percent:>3} %  {} of {}", grouped(done), grouped(total))
        }
        None => format!("{what} {}", grouped(done)),
    }
}

/// Draws over what stands there; the terminal may have gone, and then nobody looks.
fn draw(text: &str) {
    let _ = write!(stderr(), "\r\x1b[K{text}");
    let _ = stderr().flush();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_it_is() {
        assert_eq!(
            line("verifying", 250_000, Some(1_000_000)).chars().filter(|mark| *mark == '█').count(),
            7
        );
        assert!(line("verifying", 250_000, Some(1_000_000)).ends_with(" 25 %  250,000 of 1,000,000"));
        assert!(line("verifying", 7, Some(5)).ends_with("100 %  7 of 5"));
        assert_eq!(line("exporting", 1_234, None), "exporting 1,234");
        assert_eq!(line("exporting", 0, Some(0)), "exporting 0");
    }
}
