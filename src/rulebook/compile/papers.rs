//! `papers.yaml`: codes of the declaration, and duties of holders.

use super::Compiler;
use crate::domain::licence::LicenceKind;
use crate::rulebook::document::{NoticeDoc, PapersDoc};
use crate::rulebook::model::{DeclarationCode, DueWhen, LicenceDuty, Notice, PaperUse, Papers};

impl Compiler {
    pub(super) fn papers(&mut self, doc: &PapersDoc) -> Papers {
        let file = "papers.yaml";
        let mut papers = Papers::default();
        for (at, doc) in doc.declaration_codes.iter().enumerate() {
            let path = format!("declaration_codes[{at}]");
            self.sources(file, &path, &doc.citation, &doc.confidence);
            self.text(file, &format!("{path}.title"), &doc.title);
            for (use_at, text) in doc.used_for.iter().enumerate() {
                let Some(used_for) = PaperUse::parse(text) else {
                    let known = PaperUse::ALL.map(PaperUse::as_str).join(", ");
                    let message = format!("`{text}` is none of {known}");
                    self.diagnostics.error(
                        file,
                        format!("{path}.used_for[{use_at}]"),
                        "unknown_word",
                        message,
                    );
                    continue;
                };
                papers.codes.push(DeclarationCode {
                    code: doc.code.as_str().into(),
                    used_for,
                    title: doc.title.clone(),
                    confirmed: doc.confidence == "confirmed",
                });
            }
        }
        for (at, doc) in doc.licence_duties.iter().enumerate() {
            let path = format!("licence_duties[{at}]");
            self.sources(file, &path, &doc.citation, &doc.confidence);
            self.text(file, &format!("{path}.title"), &doc.title);
            let due = match &*doc.due {
                "at_end_unused" => DueWhen::AtEndUnused,
                "after_half_year" => DueWhen::AfterHalfYear(doc.months),
                other => {
                    let message = format!("`{other}` is neither `at_end_unused` nor `after_half_year`");
                    self.diagnostics.error(file, format!("{path}.due"), "unknown_word", message);
                    continue;
                }
            };
            let mut kinds = Vec::new();
            for (kind_at, text) in doc.licence_kinds.iter().enumerate() {
                match LicenceKind::parse(text) {
                    Some(kind) => kinds.push(kind),
                    None => self.diagnostics.error(
                        file,
                        format!("{path}.licence_kinds[{kind_at}]"),
                        "unknown_word",
                        format!("`{text}` is not a kind of licence"),
                    ),
                }
            }
            papers.duties.push(LicenceDuty {
                id: doc.id.as_str().into(),
                due,
                kinds,
                title: doc.title.clone(),
                citation: doc.citation.clone(),
                confirmed: doc.confidence == "confirmed",
            });
        }
        papers
    }

    /// When the authority is to be told of the first use of a general authorisation.
    pub(super) fn notice(&mut self, file: &str, path: &str, doc: Option<&NoticeDoc>) -> Option<Notice> {
        let doc = doc?;
        match (doc.within_days, doc.days_before) {
            (Some(days), None) => Some(Notice::Within(days)),
            (None, Some(days)) => Some(Notice::Before(days)),
            _ => {
                let message = "say either `within_days` or `days_before`";
                self.diagnostics.error(file, path, "notice", message);
                None
            }
        }
    }
}
