//! Lists of goods and parties.

use smallvec::SmallVec;

use super::Compiler;
use crate::domain::code::{CodeScope, ControlCode};
use crate::domain::export::CnCode;
use crate::domain::name;
use crate::domain::period::Period;
use crate::domain::vocabulary::{ListId, PartyListId};
use crate::rulebook::document::{CnRowDoc, GoodsListDoc, ListsDoc, PartyListDoc, TextDoc};
use crate::rulebook::goods::{CnRow, CodeMark, GoodsList};
use crate::rulebook::model::{ListedName, PartyList};

impl Compiler {
    pub(super) fn lists(&mut self, file: &str, doc: &ListsDoc) {
        for (at, list) in doc.goods_lists.iter().enumerate() {
            self.goods_list(file, &format!("goods_lists[{at}]"), list);
        }
        for (at, list) in doc.party_lists.iter().enumerate() {
            self.party_list(file, &format!("party_lists[{at}]"), list);
        }
    }

    fn goods_list(&mut self, file: &str, path: &str, doc: &GoodsListDoc) {
        self.sources(file, path, &doc.citation, &doc.confidence);
        self.text(file, &format!("{path}.title"), &doc.title);
        if doc.id.is_empty() || self.goods.find(&doc.id).is_some() {
            let message = format!("goods list `{}` stands twice or has no id", doc.id);
            self.diagnostics.error(file, format!("{path}.id"), "duplicate_id", message);
            return;
        }
        let by_code = !doc.codes.is_empty() || !doc.limited_codes.is_empty();
        let Some(list) = self.goods.declare(GoodsList {
            id: doc.id.as_str().into(),
            title: doc.title.clone(),
            citation: doc.citation.clone(),
            classification: doc.classification,
            stateable: doc.stateable,
            has_cn: !doc.cn.is_empty(),
            cn_complete: doc.cn_complete,
            by_statement_only: doc.cn.is_empty() && !by_code,
            has_items: !doc.items.is_empty(),
            own_codes: Vec::new(),
            limits: doc
                .limited_codes
                .iter()
                .filter_map(|row| Some((row.code.parse::<ControlCode>().ok()?, row.limit.as_str())))
                .map(|(code, limit)| (code.as_str().into(), limit.into()))
                .collect(),
            entry_titles: doc
                .entry_titles
                .iter()
                .map(|(code, title)| (code.as_str().into(), title.as_str().into()))
                .collect(),
        }) else {
            self.diagnostics.error(file, path, "too_many", "too many goods lists");
            return;
        };
        if by_code && !doc.cn.is_empty() {
            let message = "a list is met by control codes or by customs codes, not by both; write two lists";
            self.diagnostics.error(file, path, "mixed_list", message);
        }
        if !doc.stateable && !by_code && doc.cn.is_empty() {
            self.diagnostics.error(
                file,
                path,
                "unreachable_list",
                "nothing can be on this list: it has no codes and cannot be stated",
            );
        }
        self.codes(file, &format!("{path}.codes"), list, &doc.codes, CodeMark::Listed);
        let limited: Vec<String> = doc.limited_codes.iter().map(|row| row.code.clone()).collect();
        self.codes(file, &format!("{path}.limited_codes"), list, &limited, CodeMark::Limited);
        self.codes(file, &format!("{path}.except_codes"), list, &doc.except_codes, CodeMark::Excepted);
        for (at, text) in doc.sub_items.iter().enumerate() {
            match text.parse::<ControlCode>() {
                Ok(code) => self.goods.add_sub_item(&code),
                Err(error) => {
                    self.diagnostics.error(
                        file,
                        format!("{path}.sub_items[{at}]"),
                        "code",
                        error.to_string(),
                    );
                }
            }
        }
        for (at, row) in doc.cn.iter().enumerate() {
            self.cn_row(file, &format!("{path}.cn[{at}]"), list, row);
        }
        if doc.stateable {
            for (at, name) in std::iter::once(&doc.id).chain(&doc.items).enumerate() {
                if self.vocabulary.annex_items.insert(name.as_str().into(), list).is_some() {
                    let message = format!("annex item `{name}` belongs to two lists");
                    self.diagnostics.error(file, format!("{path}.items[{at}]"), "duplicate_id", message);
                }
            }
        }
    }

    pub(super) fn codes(&mut self, file: &str, path: &str, list: ListId, codes: &[String], mark: CodeMark) {
        for (at, text) in codes.iter().enumerate() {
            match text.parse::<CodeScope>() {
                Ok(scope) => self.goods.add_code(list, &scope, mark),
                Err(error) => {
                    self.diagnostics.error(file, format!("{path}[{at}]"), "code", error.to_string());
                }
            }
        }
    }

    fn cn_row(&mut self, file: &str, path: &str, list: ListId, doc: &CnRowDoc) {
        let date = |compiler: &mut Self, name: &str, text: Option<&String>| {
            text.and_then(|text| compiler.date(file, &format!("{path}.{name}"), text))
        };
        let from = date(self, "from", doc.from.as_ref());
        let contract_before = date(self, "contract_before", doc.contract_before.as_ref());
        let wind_down_until = date(self, "wind_down_until", doc.wind_down_until.as_ref());
        match CnCode::parse(&doc.cn) {
            Ok(code) => self.goods.add_row(CnRow {
                list,
                cn: doc.cn.as_str().into(),
                digits: code.digits().into(),
                ex: doc.ex,
                from,
                contract_before,
                wind_down_until,
            }),
            Err(text) => {
                let message = format!("`{text}` is not a customs code of 2 to 10 digits in pairs");
                self.diagnostics.error(file, format!("{path}.cn"), "cn_code", message);
            }
        }
    }

    /// A list for codes and customs codes that a rule writes itself.
    pub(super) fn unnamed_list(
        &mut self,
        file: &str,
        path: &str,
        codes: &[String],
        cn: &[String],
    ) -> SmallVec<[ListId; 2]> {
        let mut lists = SmallVec::new();
        for (codes, cn) in [(codes, &[][..]), (&[][..], cn)] {
            if codes.is_empty() && cn.is_empty() {
                continue;
            }
            let list = GoodsList {
                id: Box::default(),
                title: TextDoc::default(),
                has_cn: !cn.is_empty(),
                cn_complete: true,
                ..GoodsList::default()
            };
            if let Some(list) = self.goods.declare(list) {
                self.codes(file, &format!("{path}.codes"), list, codes, CodeMark::Listed);
                for (at, text) in cn.iter().enumerate() {
                    let row = CnRowDoc {
                        cn: text.clone(),
                        ex: false,
                        what: None,
                        part: None,
                        from: None,
                        contract_before: None,
                        wind_down_until: None,
                    };
                    self.cn_row(file, &format!("{path}.cn[{at}]"), list, &row);
                }
                lists.push(list);
            }
        }
        lists
    }

    fn party_list(&mut self, file: &str, path: &str, doc: &PartyListDoc) {
        self.sources(file, path, &doc.citation, &doc.confidence);
        self.text(file, &format!("{path}.title"), &doc.title);
        if self.party_lists.iter().any(|list| *list.id == *doc.id) {
            let message = format!("party list `{}` stands twice", doc.id);
            self.diagnostics.error(file, format!("{path}.id"), "duplicate_id", message);
        }
        let list = PartyListId(u16::try_from(self.party_lists.len()).unwrap_or(u16::MAX));
        for (at, party) in doc.parties.iter().enumerate() {
            let path = format!("{path}.parties[{at}]");
            let listed = Period {
                from: self.date(file, &format!("{path}.listed_from"), &party.listed_from),
                until: party
                    .listed_until
                    .as_deref()
                    .and_then(|text| self.date(file, &format!("{path}.listed_until"), text)),
            };
            self.in_order(file, &format!("{path}.listed_until"), listed);
            for name in std::iter::once(&party.name).chain(&party.also) {
                let normal = name::normalise(name);
                if normal.is_empty() {
                    self.diagnostics.error(
                        file,
                        format!("{path}.name"),
                        "empty_text",
                        "a listed party has a name",
                    );
                    continue;
                }
                let entry = ListedName { list, name: party.name.as_str().into(), listed };
                self.listed_names.entry(normal).or_default().push(entry);
            }
        }
        self.party_lists.push(PartyList {
            id: doc.id.as_str().into(),
            title: doc.title.clone(),
            citation: doc.citation.clone(),
            size: doc.parties.len(),
        });
    }
}
