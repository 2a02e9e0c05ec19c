//! What is wrong with a rulebook, and where.

use std::fmt;

/// How bad it is.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub enum Severity {
    /// It compiles, and someone should look.
    Warning,
    /// It does not compile.
    Error,
}

/// One remark about one place of a rulebook. All are collected; the first does not stop the rest.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Diagnostic {
    /// File, relative to the rulebook folder.
    pub file: String,
    /// Line, from 1; 0 when it speaks of the whole file.
    pub line: usize,
    /// Column, from 1; 0 when it speaks of the whole file.
    pub column: usize,
    /// A stable word for programs, such as `unknown_region`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// What is wrong.
    pub message: String,
    /// What would be right.
    pub help: Option<String>,
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let severity = match self.severity {
            Severity::Warning => "warning",
            Severity::Error => "error",
        };
        write!(
            f,
            "{}:{}:{}: {severity}[{}]: {}",
            self.file, self.line, self.column, self.code, self.message
        )?;
        match &self.help {
            Some(help) => write!(f, " (help: {help})"),
            None => Ok(()),
        }
    }
}

/// Collects diagnostics while a rulebook is read.
#[derive(Debug, Default)]
pub(super) struct Diagnostics {
    /// Diagnostics whose place is known.
    pub(super) placed: Vec<Diagnostic>,
    /// File, path in its YAML, and the rest; placed at the end, when the file is walked once.
    pub(super) by_path: Vec<(String, String, Diagnostic)>,
}

impl Diagnostics {
    /// An error at a path such as `rules[3].scope[0].destination.countries[1]`.
    pub(super) fn error(
        &mut self,
        file: &str,
        path: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
    ) {
        self.push(file, path, code, Severity::Error, message.into(), None);
    }

    /// An error with a help line.
    pub(super) fn error_help(
        &mut self,
        file: &str,
        path: impl Into<String>,
        code: &'static str,
        message: impl Into<String>,
        help: impl Into<String>,
    ) {
        self.push(file, path, code, Severity::Error, message.into(), Some(help.into()));
    }

    fn push(
        &mut self,
        file: &str,
        path: impl Into<String>,
        code: &'static str,
        severity: Severity,
        message: String,
        help: Option<String>,
    ) {
        let diagnostic =
            Diagnostic { file: file.to_owned(), line: 0, column: 0, code, severity, message, help };
        self.by_path.push((file.to_owned(), path.into(), diagnostic));
    }
}
