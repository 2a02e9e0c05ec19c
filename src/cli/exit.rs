//! How a verb ends.

use std::process::ExitCode;

/// How a verb ends; the numbers are a contract.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Exit {
    /// 0: fine.
    Fine,
    /// 1: the answer is no.
    No,
    /// 2: it cannot run: something is malformed, missing or unreachable.
    CannotRun,
    /// 3: the rulebook does not compile.
    DoesNotCompile,
    /// 4: the cases of the rulebook fail.
    TestsFail,
    /// 64: wrong usage (`EX_USAGE` of `sysexits.h`).
    Usage,
}

/// A verb that could not do its work: what to say, and how to end.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    error: anyhow::Error,
}

/// What a verb gives back.
pub type Done = Result<Exit, Failure>;

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Fine => 0,
            Exit::No => 1,
            Exit::CannotRun => 2,
            Exit::DoesNotCompile => 3,
            Exit::TestsFail => 4,
            Exit::Usage => 64,
        })
    }
}

impl Failure {
    /// A failure with an exit code of its own.
    pub fn new(exit: Exit, error: impl Into<anyhow::Error>) -> Self {
        Self { exit, error: error.into() }
    }

    /// Says it on standard error.
    #[must_use]
    pub fn told(self) -> Exit {
        anstream::eprintln!("slagboom: {}", in_one_line(&self.error));
        self.exit
    }
}

/// An error and its causes. A cause that the words before it end with already is not said again.
fn in_one_line(error: &anyhow::Error) -> String {
    let mut text = String::new();
    for cause in error.chain().map(ToString::to_string) {
        if text.is_empty() {
            text = cause;
        } else if !text.ends_with(&cause) {
            text = format!("{text}: {cause}");
        }
    }
    text
}

/// Whatever else goes wrong means that the verb cannot run.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit: Exit::CannotRun, error: error.into() }
    }
}
