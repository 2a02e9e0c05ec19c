//! Scopes and conditions against the facts of an export, three-valued.

use jiff::civil::Date;
use smallvec::SmallVec;

use super::tri::{Missing, Tri};
use crate::domain::code::{Classification, CodeScope, Relation};
use crate::domain::export::{GoodsLine, PartyHit, Place, ProposedExport};
use crate::domain::licence::ExchangeRates;
use crate::domain::vocabulary::{ListId, Word};
use crate::rulebook::Rulebook;
use crate::rulebook::goods::{CnHits, CodeHits, CodeMark};
use crate::rulebook::model::{Condition, Destination, Goods, KnowledgeTest, PartyTest, Scope, WordSet};

/// Everything that a rule is tested against on one day.
#[derive(Clone, Copy)]
pub struct Facts<'a> {
    /// The rulebook.
    pub book: &'a Rulebook,
    /// The export.
    pub export: &'a ProposedExport,
    /// Listed parties among those of the export, on any day.
    pub hits: &'a [PartyHit],
    /// Rates, for thresholds in another currency.
    pub rates: &'a ExchangeRates,
    /// The day that decides.
    pub date: Date,
}

/// A line of goods with everything that the goods lists say of its codes.
pub struct Line<'a> {
    /// The line.
    pub goods: &'a GoodsLine,
    /// By control code.
    pub by_code: CodeHits,
    /// By customs code.
    pub by_cn: CnHits,
    /// Is the code on a list that makes codes valid (Annex I, the military list)?
    pub is_listed: bool,
}

/// How a line stands to a goods list on a day.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Member {
    /// Not on it.
    No,
    /// On it.
    Yes,
    /// On it by its code, which the act lists only as far as a limit goes.
    Limited,
    /// Its code is coarser than the list.
    Coarser,
    /// Stated not to be on it, while its customs code is.
    Contradicted,
    /// Not known, for want of these facts.
    Unknown(Missing),
}

/// When is an annex that nobody stated unknown, rather than not met?
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Unstated {
    /// For unlisted goods, in a rule that names places or parties.
    ForUnlistedGoods,
    /// Never: the rule is for all destinations, and `NOT_LISTED` means not on its lists either.
    Never,
    /// Always: a condition that must be known to hold.
    Always,
}

/// What a scope says.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Verdict {
    /// Does it hold?
    pub tri: Tri,
    /// What is missing, where it is unknown.
    pub missing: Missing,
    /// The code of the goods is coarser than a list that would otherwise be met here.
    pub coarser: Option<ListId>,
    /// The goods were stated not to be on a list that their customs code meets here.
    pub contradicted: Option<ListId>,
    /// The goods meet a list only by a code with a limit.
    pub limited: bool,
    /// The alternative that holds or may hold.
    pub alternative: usize,
}

impl<'a> Line<'a> {
    /// Looks the line's codes up, once.
    #[must_use]
    pub fn new(book: &Rulebook, goods: &'a GoodsLine) -> Self {
        let by_code = match &goods.classification {
            Classification::Code(code) => book.goods.by_code(code),
            _ => CodeHits::default(),
        };
        let by_cn = goods.cn.as_ref().map(|cn| book.goods.by_cn(cn)).unwrap_or_default();
        let is_listed = by_code
            .listed
            .iter()
            .any(|(list, _)| book.goods.list(*list).is_some_and(|list| list.classification));
        Self { goods, by_code, by_cn, is_listed }
    }
}

impl Facts<'_> {
    /// Tests a rule's alternatives: yes if any is yes, else unknown if any is unknown.
    #[must_use]
    pub fn scope(&self, alternatives: &[Scope], line: &Line<'_>, permission: bool) -> Verdict {
        let mut best = Verdict {
            tri: Tri::No,
            missing: Missing::NONE,
            coarser: None,
            contradicted: None,
            limited: false,
            alternative: 0,
        };
        for (at, scope) in alternatives.iter().enumerate() {
            let verdict = Verdict { alternative: at, ..self.alternative(scope, line, permission) };
            best.coarser = best.coarser.or(verdict.coarser);
            best.contradicted = best.contradicted.or(verdict.contradicted);
            if verdict.tri > best.tri {
                best = Verdict { coarser: best.coarser, contradicted: best.contradicted, ..verdict };
            } else if verdict.tri == Tri::Unknown && best.tri == Tri::Unknown {
                best.missing |= verdict.missing;
            }
            if best.tri == Tri::Yes {
                break;
            }
        }
        best
    }

    fn alternative(&self, scope: &Scope, line: &Line<'_>, permission: bool) -> Verdict {
        let mut verdict = Verdict {
            tri: Tri::Yes,
            missing: Missing::NONE,
            coarser: None,
            contradicted: None,
            limited: false,
            alternative: 0,
        };
        let no = Verdict { tri: Tri::No, ..verdict };
        let mut and = |(tri, missing): (Tri, Missing)| {
            verdict.tri = verdict.tri.and(tri);
            if tri == Tri::Unknown {
                verdict.missing |= missing;
            }
            verdict.tri != Tri::No
        };
        // Cheap and selective dimensions first; the goods last, because only a place that fits makes a code that is
        // too coarse worth saying.
        let holds = (scope.activities.is_empty()
            || and((scope.activities.contains(self.export.activity).into(), Missing::NONE)))
            && scope.destination.as_ref().is_none_or(|test| and(self.destination(test)))
            && scope.parties.as_ref().is_none_or(|test| and((self.parties(test), Missing::NONE)))
            && scope.knowledge.as_ref().is_none_or(|test| and((self.knowledge(test), Missing::NONE)))
            && (scope.end_uses.is_empty()
                || and(one_of(scope.end_uses, self.export.end_use, Missing::END_USE)))
            && (scope.end_user_types.is_empty()
                || and(one_of(scope.end_user_types, self.export.end_user_type, Missing::END_USER_TYPE)))
            && scope.military.is_none_or(|wanted| and(self.military_is(wanted)))
            && scope.undetermined.is_none_or(|_| and((Tri::Unknown, Missing::UNDETERMINED)))
            && scope
                .value_per_item
                .is_none_or(|(amount, currency)| and(self.value_per_item(line, amount, currency)));
        if !holds {
            return no;
        }
        if let Some(goods) = &scope.goods {
            let unstated = if scope.is_aimed { Unstated::ForUnlistedGoods } else { Unstated::Never };
            let met = self.goods(goods, line, unstated, permission);
            verdict.tri = verdict.tri.and(met.tri);
            verdict.missing |= met.missing;
            verdict.limited = met.limited;
            verdict.coarser = met.coarser;
            verdict.contradicted = met.contradicted;
        }
        if verdict.tri != Tri::Unknown {
            verdict.missing = Missing::NONE;
        }
        verdict
    }

    /// Tests a condition: all that is given must hold.
    #[must_use]
    pub fn condition(&self, condition: &Condition, line: &Line<'_>) -> (Tri, Missing) {
        let mut tri = Tri::from(condition.export.contains(self.date));
        let mut missing = Missing::NONE;
        let mut and = |(other, lacks): (Tri, Missing)| {
            tri = tri.and(other);
            if other == Tri::Unknown {
                missing |= lacks;
            }
        };
        if !condition.claims.is_empty() {
            and((
                self.export.claims.iter().any(|claim| condition.claims.contains(*claim)).into(),
                Missing::NONE,
            ));
        }
        if let Some(wanted) = condition.military {
            and(self.military_is(wanted));
        }
        if !condition.end_uses.is_empty() {
            and(one_of(condition.end_uses, self.export.end_use, Missing::END_USE));
        }
        if !condition.not_end_uses.is_empty() {
            and(not(one_of(condition.not_end_uses, self.export.end_use, Missing::END_USE)));
        }
        if !condition.end_user_types.is_empty() {
            and(one_of(condition.end_user_types, self.export.end_user_type, Missing::END_USER_TYPE));
        }
        if !condition.not_end_user_types.is_empty() {
            and(not(one_of(condition.not_end_user_types, self.export.end_user_type, Missing::END_USER_TYPE)));
        }
        if !condition.in_annex.is_empty() {
            and(self.on_any(&condition.in_annex, line));
        }
        if !condition.not_in_annex.is_empty() {
            and(not(self.on_any(&condition.not_in_annex, line)));
        }
        if !condition.no_party_on.is_empty() {
            let roles = SmallVec::new();
            let test = PartyTest { lists: condition.no_party_on.clone(), roles };
            and((!self.parties(&test), Missing::NONE));
        }
        if let Some(test) = &condition.knowledge {
            and((self.knowledge(test), Missing::NONE));
        }
        if let Some(before) = condition.contract_before {
            and(self.contract_before(before));
        }
        (tri, if tri == Tri::Unknown { missing } else { Missing::NONE })
    }

    /// Was the contract concluded before this day?
    #[must_use]
    pub fn contract_before(&self, before: Date) -> (Tri, Missing) {
        match self.export.contract_date {
            Some(date) => ((date < before).into(), Missing::NONE),
            None => (Tri::Unknown, Missing::CONTRACT_DATE),
        }
    }

    fn destination(&self, test: &Destination) -> (Tri, Missing) {
        let look_at = test.look_at;
        let mut tri = if look_at.all { Tri::Yes } else { Tri::No };
        let mut missing = Missing::NONE;
        let export = self.export;
        let receivers = export
            .parties
            .iter()
            .filter(|party| look_at.party && party.role.receives())
            .map(|party| &party.place);
        let destination = look_at.destination.then_some(&export.destination);
        let end_use = look_at.end_use.then_some(&export.end_use_place);
        let mut look = |place: &Place| {
            let (here, mut lacks) = self.place(test, place);
            if lacks.meets(Missing::REGION) && *place != export.destination {
                let is_use = *place == export.end_use_place;
                let region = if is_use { Missing::END_USE_REGION } else { Missing::PARTY_REGION };
                lacks = lacks.among(Missing::AREA_CONTROL) | region;
            }
            tri = if look_at.all { tri.and(here) } else { tri.or(here) };
            missing |= lacks;
        };
        destination.into_iter().chain(end_use).chain(receivers).for_each(&mut look);
        self.export.transit.iter().filter(|_| look_at.transit).for_each(|country| look(&Place::of(*country)));
        (tri, missing)
    }

    fn place(&self, test: &Destination, place: &Place) -> (Tri, Missing) {
        if test.countries.contains(place.country) || self.in_any_group(&test.groups, place) {
            return (Tri::Yes, Missing::NONE);
        }
        if test.outside {
            let inside = test.outside_countries.contains(place.country)
                || self.in_any_group(&test.outside_groups, place);
            if !inside {
                return (Tri::Yes, Missing::NONE);
            }
        }
        if !test.regions.meets(place.region.set) {
            return (Tri::No, Missing::NONE);
        }
        let region = if place.region.known { Tri::Yes } else { Tri::Unknown };
        let control = match test.control {
            None => Tri::Yes,
            Some(wanted) if wanted == place.control => Tri::Yes,
            Some(_) if place.control == crate::domain::export::AreaControl::Unknown => Tri::Unknown,
            Some(_) => Tri::No,
        };
        let mut missing = Missing::NONE;
        if region == Tri::Unknown {
            missing |= Missing::REGION;
        }
        if control == Tri::Unknown {
            missing |= Missing::AREA_CONTROL;
        }
        (region.and(control), missing)
    }

    fn in_any_group(&self, groups: &[crate::rulebook::model::GroupId], place: &Place) -> bool {
        groups.iter().any(|group| self.book.in_group(*group, place, self.date))
    }

    /// Is a party on one of the lists on this day?
    #[must_use]
    pub fn parties(&self, test: &PartyTest) -> Tri {
        self.party_hits(test).next().is_some().into()
    }

    /// The hits that a party test finds on this day.
    pub fn party_hits<'b>(&'b self, test: &'b PartyTest) -> impl Iterator<Item = &'b PartyHit> {
        self.hits.iter().filter(move |hit| {
            test.lists.contains(&hit.list)
                && hit.listed.contains(self.date)
                && self.export.parties.get(hit.party).is_some_and(|party| {
                    if test.roles.is_empty() {
                        // Every part in the trade counts, but the exporter's only where the rule names it.
                        party.role != crate::domain::export::Role::Exporter
                    } else {
                        test.roles.contains(&party.role)
                    }
                })
        })
    }

    fn knowledge(&self, test: &KnowledgeTest) -> Tri {
        let fits = |set: WordSet, word: Word| set.is_empty() || set.contains(word);
        self.export
            .knowledge
            .is_some_and(|known| fits(test.levels, known.level) && fits(test.about, known.about))
            .into()
    }

    /// Is there military end use or a military end user?
    #[must_use]
    pub fn military(&self) -> (Tri, Missing) {
        let vocabulary = &self.book.vocabulary;
        let of = |words: &crate::domain::vocabulary::Words, word: Option<Word>| match word {
            None => Tri::Unknown,
            Some(word) => words.entry(word).is_some_and(|entry| entry.military).into(),
        };
        let end_use = of(&vocabulary.end_uses, self.export.end_use);
        let end_user = of(&vocabulary.end_user_types, self.export.end_user_type);
        let mut missing = Missing::NONE;
        if end_use == Tri::Unknown {
            missing |= Missing::END_USE;
        }
        if end_user == Tri::Unknown {
            missing |= Missing::END_USER_TYPE;
        }
        (end_use.or(end_user), missing)
    }

    fn military_is(&self, wanted: bool) -> (Tri, Missing) {
        if wanted { self.military() } else { not(self.military()) }
    }

    fn value_per_item(
        &self,
        line: &Line<'_>,
        more_than: rust_decimal::Decimal,
        currency: crate::domain::money::Currency,
    ) -> (Tri, Missing) {
        let value = line.goods.value;
        let converted = if value.currency == currency {
            Some(value)
        } else {
            // The rate is that of the export, also where a later day is looked at: no rate of the future is known.
            let day = self.export.export_date;
            let rate = self.rates.eur_per_unit(value.currency, day);
            let to_rate = self.rates.eur_per_unit(currency, day);
            rate.zip(to_rate).and_then(|(rate, to_rate)| value.convert(rate, currency, to_rate))
        };
        let limit = more_than.checked_mul(line.goods.quantity.amount);
        match converted.zip(limit) {
            Some((value, limit)) => ((value.amount > limit).into(), Missing::NONE),
            None => (Tri::Unknown, Missing::EXCHANGE_RATE),
        }
    }

    fn on_any(&self, lists: &[ListId], line: &Line<'_>) -> (Tri, Missing) {
        let mut tri = Tri::No;
        let mut missing = Missing::NONE;
        for list in lists {
            let (here, lacks) = match self.member(*list, line, Unstated::Always) {
                Member::Yes | Member::Limited => (Tri::Yes, Missing::NONE),
                Member::No => (Tri::No, Missing::NONE),
                Member::Coarser | Member::Contradicted => (Tri::Unknown, Missing::ANNEX_ITEMS),
                Member::Unknown(lacks) => (Tri::Unknown, lacks),
            };
            tri = tri.or(here);
            missing |= lacks;
        }
        (tri, missing)
    }

    fn goods(&self, test: &Goods, line: &Line<'_>, unstated: Unstated, permission: bool) -> Verdict {
        let mut met = Verdict {
            tri: Tri::from(test.not_listed && line.goods.classification == Classification::NotListed),
            missing: Missing::NONE,
            coarser: None,
            contradicted: None,
            limited: false,
            alternative: 0,
        };
        for list in &test.lists {
            match self.member(*list, line, unstated) {
                Member::No => {}
                Member::Yes => {
                    met.tri = Tri::Yes;
                    met.limited = false;
                    break;
                }
                Member::Limited => {
                    met.limited = met.tri != Tri::Yes;
                    met.tri = Tri::Yes;
                }
                Member::Coarser => met.coarser = Some(*list),
                Member::Contradicted => met.contradicted = Some(*list),
                Member::Unknown(lacks) => {
                    met.tri = met.tri.or(Tri::Unknown);
                    met.missing |= lacks;
                }
            }
        }
        if met.tri != Tri::No && self.is_excepted(test, line, permission) {
            met.tri = Tri::No;
        }
        met
    }

    fn is_excepted(&self, test: &Goods, line: &Line<'_>, permission: bool) -> bool {
        if let Classification::Code(code) = &line.goods.classification
            && code.group().is_some_and(|group| test.except_groups.contains(&group))
        {
            return true;
        }
        test.except_lists.iter().any(|list| match self.member(*list, line, Unstated::Never) {
            Member::Yes => true,
            // A permission ends where it may end; a restriction goes on until it surely ends.
            Member::Limited | Member::Coarser | Member::Contradicted | Member::Unknown(_) => permission,
            Member::No => false,
        })
    }

    /// How a line stands to a goods list on this day: the table of absent facts in ARCHITECTURE.md.
    #[must_use]
    pub fn member(&self, list_id: ListId, line: &Line<'_>, unstated: Unstated) -> Member {
        let Some(list) = self.book.goods.list(list_id) else { return Member::No };
        if !list.own_codes.is_empty() {
            return own_member(&list.own_codes, &line.goods.classification);
        }
        let by_code = line.by_code.listed.iter().find(|(there, _)| *there == list_id).map(|(_, mark)| *mark);
        if list.stateable
            && let Some(stated) = &line.goods.stated
        {
            if stated.contains(&list_id) {
                return self.stated_member(list_id, line);
            }
            return match by_code {
                Some(CodeMark::Listed) => Member::Yes,
                _ if self.cn_rows(list_id, line).any(|row| !row.ex) => Member::Contradicted,
                _ => Member::No,
            };
        }
        match by_code {
            Some(CodeMark::Listed) => return Member::Yes,
            Some(CodeMark::Limited) => return Member::Limited,
            Some(CodeMark::Excepted) | None => {}
        }
        if line.by_code.coarser.contains(&list_id) {
            return Member::Coarser;
        }
        if list.has_cn && line.goods.cn.is_some() {
            let mut maybe = line.by_cn.coarser.contains(&list_id);
            for row in self.cn_rows(list_id, line) {
                if !row.ex {
                    return Member::Yes;
                }
                maybe = true;
            }
            if maybe {
                return Member::Unknown(Missing::ANNEX_ITEMS | Missing::CN);
            }
            if list.cn_complete {
                return Member::No;
            }
        }
        if !list.has_cn && !list.by_statement_only {
            return Member::No;
        }
        let unknown = match unstated {
            Unstated::Never => false,
            Unstated::Always => true,
            Unstated::ForUnlistedGoods => line.goods.classification == Classification::NotListed,
        };
        if unknown { Member::Unknown(Missing::ANNEX_ITEMS) } else { Member::No }
    }

    /// Goods stated to be in an annex: there, unless the annex has rows with first days of their own and this row
    /// is not there yet; which row it is, the customs code says.
    fn stated_member(&self, list: ListId, line: &Line<'_>) -> Member {
        let Some((earliest, latest)) = self.book.goods.row_days(list) else { return Member::Yes };
        if latest <= self.date {
            return Member::Yes;
        }
        if earliest > self.date {
            return Member::No;
        }
        let mut rows = line
            .by_cn
            .rows
            .iter()
            .filter_map(|row| self.book.goods.row(*row))
            .filter(|row| row.list == list)
            .peekable();
        if rows.peek().is_none() {
            return Member::Unknown(Missing::CN);
        }
        if rows.any(|row| row.from.is_none_or(|from| from <= self.date)) {
            Member::Yes
        } else if self.finer_rows(list, line).next().is_some() {
            Member::Unknown(Missing::CN)
        } else {
            Member::No
        }
    }

    /// Rows of a list that are there on this day and that the line's customs code is too coarse to tell apart.
    pub fn finer_rows<'b>(
        &'b self,
        list: ListId,
        line: &'b Line<'_>,
    ) -> impl Iterator<Item = &'b crate::rulebook::goods::CnRow> {
        let coarse = line.goods.cn.as_ref().filter(|_| line.by_cn.coarser.contains(&list));
        coarse.into_iter().flat_map(move |cn| {
            self.book.goods.rows_of(list).filter(move |row| {
                row.digits.len() > cn.digits().len()
                    && row.digits.starts_with(cn.digits())
                    && row.from.is_none_or(|from| from <= self.date)
            })
        })
    }

    /// Rows of a list that the line's customs code meets and that are there on this day.
    pub fn cn_rows<'b>(
        &'b self,
        list: ListId,
        line: &'b Line<'_>,
    ) -> impl Iterator<Item = &'b crate::rulebook::goods::CnRow> {
        line.by_cn
            .rows
            .iter()
            .filter_map(|row| self.book.goods.row(*row))
            .filter(move |row| row.list == list && row.from.is_none_or(|from| from <= self.date))
    }
}

/// How a line stands to codes that a rule writes itself.
fn own_member(codes: &[CodeScope], classification: &Classification) -> Member {
    let Classification::Code(code) = classification else { return Member::No };
    let mut member = Member::No;
    for scope in codes {
        match scope.relation(code) {
            Relation::Covers => return Member::Yes,
            Relation::Overlaps => member = Member::Coarser,
            Relation::None => {}
        }
    }
    member
}

fn one_of(set: WordSet, word: Option<Word>, missing: Missing) -> (Tri, Missing) {
    match word {
        Some(word) => (set.contains(word).into(), Missing::NONE),
        None => (Tri::Unknown, missing),
    }
}

fn not((tri, missing): (Tri, Missing)) -> (Tri, Missing) {
    (!tri, missing)
}
