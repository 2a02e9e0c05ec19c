//! Goods lists, and the lookups that find all lists that a line of goods meets at once.

use std::collections::{BTreeMap, HashMap, HashSet};

use jiff::civil::Date;
use smallvec::SmallVec;

use super::document::{CitationDoc, TextDoc};
use super::hash::BuildFnv;
use crate::domain::code::{CodeScope, ControlCode};
use crate::domain::export::CnCode;
use crate::domain::vocabulary::ListId;

/// A list of goods.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "independent marks of a list")]
pub struct GoodsList {
    /// Id; empty for the codes that a rule writes itself.
    pub id: Box<str>,
    /// What it is.
    pub title: TextDoc,
    /// The act.
    pub citation: CitationDoc,
    /// Does it make a code valid in the `code` field?
    pub classification: bool,
    /// May `annex_items` state it?
    pub stateable: bool,
    /// Does it hold customs codes?
    pub has_cn: bool,
    /// Are its customs codes the whole list?
    pub cn_complete: bool,
    /// Are its codes and customs codes all that it can be met by? False for a list known by statement only.
    pub by_statement_only: bool,
    /// Does it hold items that no customs code finds? Then a statement stands whatever the rows say.
    pub has_items: bool,
    /// Codes that a rule writes itself, on a list without an id: tested one by one, as there are few.
    pub own_codes: Vec<CodeScope>,
    /// How far codes are listed that the act lists only with a limit.
    pub limits: BTreeMap<Box<str>, Box<str>>,
    /// Titles of entries.
    pub entry_titles: BTreeMap<Box<str>, Box<str>>,
}

/// How a control code stands on a list.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum CodeMark {
    /// On it.
    Listed,
    /// On it as far as a limit goes.
    Limited,
    /// Taken out of a wider code.
    Excepted,
}

/// A row of a customs list.
#[derive(Clone, Debug)]
pub struct CnRow {
    /// The list.
    pub list: ListId,
    /// As printed.
    pub cn: Box<str>,
    /// Digits without trailing pairs of zeros.
    pub digits: Box<str>,
    /// Only goods as described.
    pub ex: bool,
    /// First day; `None` is the rule's own.
    pub from: Option<Date>,
    /// Contracts before this day …
    pub contract_before: Option<Date>,
    /// … until that day.
    pub wind_down_until: Option<Date>,
}

/// A few things for each of many short texts.
type ByText<T> = HashMap<Box<str>, SmallVec<[T; 2]>, BuildFnv>;

/// All goods lists with their lookups.
#[derive(Debug, Default)]
pub struct GoodsLists {
    /// The lists.
    pub lists: Vec<GoodsList>,
    codes: ByText<(ListId, CodeMark)>,
    coarser: ByText<ListId>,
    rows: Vec<CnRow>,
    rows_by_digits: ByText<u32>,
    rows_sorted: Vec<u32>,
    sub_items: HashSet<Box<str>, BuildFnv>,
    row_days: HashMap<ListId, (Date, Date)>,
    dated_rows: HashSet<ListId>,
    row_turns: HashMap<ListId, Vec<Date>>,
}

/// What the lookups say of one line's codes; nothing of what was stated.
#[derive(Clone, Debug, Default)]
pub struct CodeHits {
    /// Lists that the control code is on.
    pub listed: SmallVec<[(ListId, CodeMark); 8]>,
    /// Lists that hold something finer than the control code.
    pub coarser: SmallVec<[ListId; 4]>,
}

/// What the customs code meets.
#[derive(Clone, Debug, Default)]
pub struct CnHits {
    /// Rows that cover the code.
    pub rows: SmallVec<[u32; 4]>,
    /// Lists that hold something finer than the code.
    pub coarser: SmallVec<[ListId; 4]>,
}

impl GoodsLists {
    /// The lists that a rulebook declares; the others hold codes that stand in a rule itself.
    pub fn declared(&self) -> impl Iterator<Item = &GoodsList> {
        self.lists.iter().filter(|list| !list.id.is_empty())
    }

    /// Adds a list without codes.
    pub(super) fn declare(&mut self, list: GoodsList) -> Option<ListId> {
        let id = ListId(u16::try_from(self.lists.len()).ok()?);
        self.lists.push(list);
        Some(id)
    }

    /// Puts a code on a list. The finest code decides, and an exception beats its equal.
    pub(super) fn add_code(&mut self, list: ListId, scope: &CodeScope, mark: CodeMark) {
        let unnamed = self.lists.get_mut(usize::from(list.0)).filter(|list| list.id.is_empty());
        if let Some(unnamed) = unnamed {
            unnamed.own_codes.push(scope.clone());
            return;
        }
        match scope {
            CodeScope::Entries { group, first, last } => {
                for number in *first..=*last {
                    self.insert(&format!("{group}{number:03}"), list, mark);
                }
            }
            CodeScope::Branch(branch) => self.insert(branch, list, mark),
            CodeScope::Code(code) => {
                self.insert(code.as_str(), list, mark);
                if mark != CodeMark::Excepted {
                    for ancestor in code.lineage().skip(1) {
                        let lists = self.coarser.entry(ancestor.into()).or_default();
                        if !lists.contains(&list) {
                            lists.push(list);
                        }
                    }
                }
            }
        }
    }

    fn insert(&mut self, key: &str, list: ListId, mark: CodeMark) {
        let marks = self.codes.entry(key.into()).or_default();
        match marks.iter_mut().find(|(there, _)| *there == list) {
            Some((_, there)) if mark == CodeMark::Excepted => *there = mark,
            Some(_) => {}
            None => marks.push((list, mark)),
        }
    }

    /// Puts a customs code on a list.
    pub(super) fn add_row(&mut self, row: CnRow) {
        let at = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
        self.rows_by_digits.entry(row.digits.clone()).or_default().push(at);
        self.rows.push(row);
    }

    /// Notes a sub-item that a list knows.
    pub(super) fn add_sub_item(&mut self, code: &ControlCode) {
        self.sub_items.insert(code.as_str().into());
    }

    /// Sorts what the lookups need sorted; call once, when all is added.
    pub(super) fn finish(&mut self) {
        let mut order: Vec<u32> = (0..self.rows.len()).filter_map(|at| u32::try_from(at).ok()).collect();
        order.sort_by(|a, b| self.digits(*a).cmp(self.digits(*b)));
        self.rows_sorted = order;
        self.dated_rows = self.rows.iter().filter(|row| row.from.is_some()).map(|row| row.list).collect();
        let by_rows = |list: &ListId| self.list(*list).is_some_and(|list| !list.has_items);
        let dated: HashSet<ListId> = self.dated_rows.iter().copied().filter(by_rows).collect();
        for row in self.rows.iter().filter(|row| dated.contains(&row.list)) {
            let from = row.from.unwrap_or(Date::MIN);
            let days = self.row_days.entry(row.list).or_insert((from, from));
            *days = (days.0.min(from), days.1.max(from));
        }
        for row in &self.rows {
            let over = row.wind_down_until.and_then(|until| until.tomorrow().ok());
            let turns = self.row_turns.entry(row.list).or_default();
            for day in row.from.into_iter().chain(over) {
                if let Err(at) = turns.binary_search(&day) {
                    turns.insert(at, day);
                }
            }
        }
    }

    /// Days on which rows of a list begin or are no longer wound down, in order.
    #[must_use]
    pub fn row_turns(&self, list: ListId) -> &[Date] {
        self.row_turns.get(&list).map_or(&[], Vec::as_slice)
    }

    /// Do rows of the list have first days of their own?
    #[must_use]
    pub fn has_dated_rows(&self, list: ListId) -> bool {
        self.dated_rows.contains(&list)
    }

    /// First days of the earliest and the latest row of a list whose rows have days of their own.
    #[must_use]
    pub fn row_days(&self, list: ListId) -> Option<(Date, Date)> {
        self.row_days.get(&list).copied()
    }

    fn digits(&self, row: u32) -> &str {
        self.row(row).map_or("", |row| &row.digits)
    }

    /// A list.
    #[must_use]
    pub fn list(&self, id: ListId) -> Option<&GoodsList> {
        self.lists.get(usize::from(id.0))
    }

    /// A list by its id text.
    #[must_use]
    pub fn find(&self, id: &str) -> Option<ListId> {
        let at = self.lists.iter().position(|list| !id.is_empty() && &*list.id == id)?;
        u16::try_from(at).ok().map(ListId)
    }

    /// A row.
    #[must_use]
    pub fn row(&self, row: u32) -> Option<&CnRow> {
        self.rows.get(usize::try_from(row).ok()?)
    }

    /// Rows of a list.
    pub fn rows_of(&self, list: ListId) -> impl Iterator<Item = &CnRow> {
        self.rows.iter().filter(move |row| row.list == list)
    }

    /// Does any list know this sub-item, or is it a whole entry?
    #[must_use]
    pub fn knows_sub_item(&self, code: &ControlCode) -> bool {
        code.is_military()
            || code.as_str() == code.entry()
            || self.sub_items.contains(code.as_str())
            || self.codes.contains_key(code.as_str())
    }

    /// Everything that the lists say of a control code.
    #[must_use]
    pub fn by_code(&self, code: &ControlCode) -> CodeHits {
        let mut hits = CodeHits::default();
        let text = code.as_str();
        let branches: [&str; 2] = if code.is_military() {
            ["ML", ""]
        } else {
            [text.get(..2).unwrap_or(""), text.get(..1).unwrap_or("")]
        };
        for key in code.lineage().chain(branches) {
            for (list, mark) in self.codes.get(key).into_iter().flatten() {
                // INVARIANT (finest code decides): keys come finest first, so the first mark of a list stands.
                if !hits.listed.iter().any(|(there, _)| there == list) {
                    hits.listed.push((*list, *mark));
                }
            }
        }
        if let Some(lists) = self.coarser.get(text) {
            let finer = lists.iter().filter(|list| !hits.listed.iter().any(|(there, _)| there == *list));
            hits.coarser.extend(finer.copied());
        }
        hits.listed.retain(|(_, mark)| *mark != CodeMark::Excepted);
        hits
    }

    /// Everything that the lists say of a customs code.
    #[must_use]
    pub fn by_cn(&self, cn: &CnCode) -> CnHits {
        let mut hits = CnHits::default();
        let digits = cn.digits();
        for length in (2..=digits.len()).step_by(2) {
            if let Some(rows) = digits.get(..length).and_then(|prefix| self.rows_by_digits.get(prefix)) {
                hits.rows.extend_from_slice(rows);
            }
        }
        let first = self.rows_sorted.partition_point(|row| self.digits(*row) <= digits);
        for row in self.rows_sorted.iter().skip(first) {
            if !self.digits(*row).starts_with(digits) {
                break;
            }
            if let Some(list) = self.row(*row).map(|row| row.list)
                && !hits.coarser.contains(&list)
            {
                hits.coarser.push(list);
            }
        }
        hits
    }
}
