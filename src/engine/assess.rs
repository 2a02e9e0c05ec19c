//! `assess`: every rule against an export, before licences and releases.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::Date;
use smallvec::SmallVec;

use super::decision::{
    Assessment, DayAssessment, EngineFinding, Finder, Finding, Ground, LineAssessment, PermitOffer,
};
use super::evaluate::{Facts, Line, Verdict};
use super::explain;
use super::horizon;
use super::tri::{Missing, Tri};
use crate::domain::code::Classification;
use crate::domain::export::{GoodsLine, PartyHit, ProposedExport};
use crate::domain::licence::ExchangeRates;
use crate::domain::outcome::{Authorisation, Effect, FindingState, Outcome};
use crate::domain::vocabulary::ListId;
use crate::rulebook::goods::CnRow;
use crate::rulebook::index::{CodeHash, GoodsKey, PlaceKey, regions};
use crate::rulebook::model::{EffectRule, Exemption, Permit, Rule, WindDown};
use crate::rulebook::{RuleIx, Rulebook};

/// Which knowledge of the law may be used.
#[derive(Clone, Copy, Debug)]
pub enum Known<'a> {
    /// What had been recorded by this moment.
    At(Timestamp),
    /// Everything, but a rule named here only from its moment on: the reading of worked cases.
    Always {
        /// The moment of the question; none is after everything.
        at: Option<Timestamp>,
        /// Moments by rule id, for all versions of the rule.
        recorded_at: &'a BTreeMap<Box<str>, Timestamp>,
    },
}

impl Known<'_> {
    /// Could this version be used then?
    #[must_use]
    pub fn knows(&self, rule: &Rule) -> bool {
        match self {
            Self::At(at) => rule.recorded_at <= *at && rule.superseded_at.is_none_or(|since| since > *at),
            Self::Always { at, recorded_at } => {
                let in_time = match (at, recorded_at.get(&rule.id)) {
                    (Some(at), Some(recorded)) => recorded <= at,
                    _ => true,
                };
                in_time && rule.superseded_at.is_none()
            }
        }
    }
}

/// Everything that an assessment is made of.
#[derive(Clone, Copy)]
pub struct Question<'a> {
    /// The rulebook.
    pub book: &'a Rulebook,
    /// The export, parsed under that rulebook's vocabulary.
    pub export: &'a ProposedExport,
    /// What may be known.
    pub known: Known<'a>,
    /// Listed parties among those of the export.
    pub hits: &'a [PartyHit],
    /// Exchange rates.
    pub rates: &'a ExchangeRates,
}

/// Rules that can meet a line, with the line's lookups.
pub(super) struct Candidates<'a> {
    pub(super) line: Line<'a>,
    pub(super) rules: SmallVec<[RuleIx; 32]>,
}

/// Assesses an export on its day and on the later days on which law changes it.
///
/// INVARIANT (`pure_decision`): a value computed from values; no clock, disk, network or environment.
#[must_use]
pub fn assess(question: &Question<'_>) -> Assessment {
    assess_among(question, candidates(question))
}

/// The same without the index: every rule is tested. The oracle of the property test, and what the index must equal.
#[must_use]
pub fn assess_linearly(question: &Question<'_>) -> Assessment {
    let goods = question.export.goods.iter();
    let candidates: Vec<Candidates<'_>> = goods.map(|goods| Candidates::all(question.book, goods)).collect();
    assess_among(question, candidates)
}

fn assess_among(question: &Question<'_>, mut candidates: Vec<Candidates<'_>>) -> Assessment {
    let today = on_day(question, &candidates, question.export.export_date, Detail::Facts);
    for candidates in &mut candidates {
        candidates.keep_lasting(question);
    }
    let later = horizon::later(question, &candidates, &today);
    Assessment { today, later }
}

/// The rules that fire or are unknown, as positions, line by line: what evaluation costs without explaining it.
pub fn fired(question: &Question<'_>, mut found: impl FnMut(u32, RuleIx)) {
    let facts = facts(question, question.export.export_date);
    let places = place_keys(question.export);
    for goods in &question.export.goods {
        let candidates = Candidates::of(question.book, &places, goods);
        for ix in &candidates.rules {
            let fires = question.book.rule(*ix).is_some_and(|rule| {
                rule.effective.contains(facts.date)
                    && question.known.knows(rule)
                    && facts.scope(&rule.scope, &candidates.line, rule.permit.is_some()).tri != Tri::No
            });
            if fires {
                found(goods.line, *ix);
            }
        }
    }
}

fn facts<'a>(question: &Question<'a>, date: Date) -> Facts<'a> {
    Facts { book: question.book, export: question.export, hits: question.hits, rates: question.rates, date }
}

impl<'a> Candidates<'a> {
    fn of(book: &Rulebook, places: &[PlaceKey], goods: &'a GoodsLine) -> Self {
        let line = Line::new(book, goods);
        let mut rules = SmallVec::new();
        book.index.candidates(places, &goods_keys(book, &line), &mut rules);
        Self { line, rules }
    }

    /// Keeps the rules that can matter on a later day: those that this export meets whatever the day, and those whose
    /// places, rows or parties change with it.
    fn keep_lasting(&mut self, question: &Question<'_>) {
        let Self { line, rules } = self;
        let facts = facts(question, question.export.export_date);
        rules.retain(|ix| {
            question.book.rule(*ix).filter(|rule| question.known.knows(rule)).is_some_and(|rule| {
                let listed =
                    !question.hits.is_empty() && rule.scope.iter().any(|scope| scope.parties.is_some());
                let meets = || {
                    let verdict = facts.scope(&rule.scope, line, rule.permit.is_some());
                    verdict.tri != Tri::No || verdict.coarser.is_some() || verdict.contradicted.is_some()
                };
                rule.is_dated || listed || meets()
            })
        });
    }

    fn all(book: &Rulebook, goods: &'a GoodsLine) -> Self {
        let rules = (0..book.rules.len()).filter_map(|at| u32::try_from(at).ok().map(RuleIx)).collect();
        Self { line: Line::new(book, goods), rules }
    }
}

fn candidates<'a>(question: &Question<'a>) -> Vec<Candidates<'a>> {
    let places = place_keys(question.export);
    question.export.goods.iter().map(|goods| Candidates::of(question.book, &places, goods)).collect()
}

fn place_keys(export: &ProposedExport) -> SmallVec<[PlaceKey; 8]> {
    let mut keys: SmallVec<[PlaceKey; 8]> = SmallVec::new();
    keys.push(PlaceKey::Any);
    let receivers = export.parties.iter().filter(|party| party.role.receives()).map(|party| &party.place);
    let places = [&export.destination, &export.end_use_place].into_iter().chain(receivers);
    let of_places = places.flat_map(|place| {
        let regions = regions(place.region.set).map(PlaceKey::Region);
        std::iter::once(PlaceKey::Country(place.country)).chain(regions)
    });
    let of_transit = export.transit.iter().map(|country| PlaceKey::Country(*country));
    for key in of_places.chain(of_transit) {
        if !keys.contains(&key) {
            keys.push(key);
        }
    }
    keys
}

fn goods_keys(book: &Rulebook, line: &Line<'_>) -> SmallVec<[GoodsKey; 16]> {
    let mut keys: SmallVec<[GoodsKey; 16]> = SmallVec::new();
    keys.push(GoodsKey::Any);
    if let Classification::Code(code) = &line.goods.classification {
        let lineage = CodeHash::lineage(code);
        keys.extend(lineage.last().map(|own| GoodsKey::Coarser(*own)));
        keys.extend(lineage.into_iter().map(GoodsKey::Code));
    }
    let mut push = |list| {
        let key = GoodsKey::List(list);
        if !keys.contains(&key) {
            keys.push(key);
        }
    };
    line.by_code.listed.iter().for_each(|(list, _)| push(*list));
    line.by_code.coarser.iter().for_each(|list| push(*list));
    line.by_cn.rows.iter().filter_map(|row| book.goods.row(*row)).for_each(|row| push(row.list));
    line.by_cn.coarser.iter().for_each(|list| push(*list));
    line.goods.stated.iter().flatten().for_each(|list| push(*list));
    if line.goods.classification == Classification::NotListed {
        // A statement speaks of the lists that can be stated, and leaves the others as they are.
        let is_open = |list: &&ListId| {
            line.goods.stated.is_none() || book.goods.list(**list).is_some_and(|list| !list.stateable)
        };
        book.index.unstated().iter().filter(is_open).for_each(|list| push(*list));
        keys.push(GoodsKey::NotListed);
    }
    keys
}

/// How much of an assessment is wanted.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Detail {
    /// With the facts that matched.
    Facts,
    /// Without them: of a later day only the outcome and the rules that give it are told.
    Bare,
}

/// Assesses all lines on one day.
pub(super) fn on_day(
    question: &Question<'_>,
    candidates: &[Candidates<'_>],
    date: Date,
    detail: Detail,
) -> DayAssessment {
    let facts = facts(question, date);
    let lines =
        candidates.iter().map(|candidates| assess_line(question, &facts, candidates, detail)).collect();
    DayAssessment { date, lines }
}

fn assess_line(
    question: &Question<'_>,
    facts: &Facts<'_>,
    candidates: &Candidates<'_>,
    detail: Detail,
) -> LineAssessment {
    let book = question.book;
    let line = &candidates.line;
    let union = book.in_group(book.union_group, &question.export.destination, facts.date);
    let mut assessed = LineAssessment {
        line: line.goods.line,
        findings: Vec::new(),
        permits: SmallVec::new(),
        suspensions: SmallVec::new(),
        exceeded: SmallVec::new(),
        intra_union: line.is_listed && union,
        warnings: SmallVec::new(),
    };
    let mut check = CodeCheck::default();
    for ix in &candidates.rules {
        let Some(rule) = book.rule(*ix) else { continue };
        if !rule.effective.contains(facts.date) || !question.known.knows(rule) {
            continue;
        }
        let verdict = facts.scope(&rule.scope, line, rule.permit.is_some());
        let restricts = rule
            .effects
            .iter()
            .any(|effect| !matches!(effect.effect, Effect::Permit | Effect::Duty | Effect::Policy));
        if restricts && verdict.tri == Tri::No {
            check.coarser = check.coarser.or(verdict.coarser);
            check.contradicted = check.contradicted.or(verdict.contradicted);
        }
        // A duty stops nothing, so a customs code that meets its list is enough, whatever was stated.
        let is_duty = rule.effects.iter().all(|effect| effect.effect == Effect::Duty);
        let verdict = if is_duty && verdict.contradicted.is_some() {
            Verdict { tri: Tri::Yes, ..verdict }
        } else {
            verdict
        };
        if verdict.tri != Tri::No {
            apply(facts, line, *ix, rule, verdict, detail, &mut assessed);
        }
    }
    of_engine(facts, line, check, &mut assessed);
    assessed
}

/// Lists that the codes of a line speak of without deciding.
#[derive(Clone, Copy, Default)]
struct CodeCheck {
    coarser: Option<ListId>,
    contradicted: Option<ListId>,
}

fn apply(
    facts: &Facts<'_>,
    line: &Line<'_>,
    ix: RuleIx,
    rule: &Rule,
    verdict: Verdict,
    detail: Detail,
    assessed: &mut LineAssessment,
) {
    let (chosen, mut tri, mut missing) = effect_of(facts, line, rule);
    let Some(chosen) = chosen else { return };
    tri = tri.and(verdict.tri);
    missing |= verdict.missing;
    match chosen.effect {
        Effect::Permit => {
            if let Some(permit) = rule.permit.as_ref().filter(|_| tri == Tri::Yes) {
                assessed
                    .permits
                    .push(PermitOffer { rule: ix, against: against(facts, permit, verdict.limited) });
            }
        }
        // A suspension may hit where it is not known that it does not.
        Effect::SuspendLicences => assessed.suspensions.push(ix),
        Effect::LicenceExceeded => assessed.exceeded.push(ix),
        // A policy or a duty that turns on a missing fact is not found: neither may make every incomplete request a
        // case for people.
        Effect::Policy | Effect::Duty if tri != Tri::Yes => {}
        effect => {
            let state = if tri == Tri::Yes { FindingState::Stands } else { FindingState::Unknown };
            let mut finding = Finding {
                finder: Finder::Rule(ix),
                state,
                effect,
                soft: effect == Effect::Policy,
                answerable: false,
                outcome: None,
                missing: if state == FindingState::Unknown { missing } else { Missing::NONE },
                facts: match detail {
                    Detail::Facts => explain::facts(facts, line, rule, verdict.alternative),
                    Detail::Bare => SmallVec::new(),
                },
                ground: None,
                duties: chosen.duties.iter().copied().collect(),
            };
            relieve(facts, line, rule, &mut finding);
            assessed.findings.push(finding);
        }
    }
}

/// The first effect whose condition holds; one that is unknown stops there.
fn effect_of<'a>(
    facts: &Facts<'_>,
    line: &Line<'_>,
    rule: &'a Rule,
) -> (Option<&'a EffectRule>, Tri, Missing) {
    for effect in &rule.effects {
        let Some(when) = &effect.when else { return (Some(effect), Tri::Yes, Missing::NONE) };
        match facts.condition(when, line) {
            (Tri::No, _) => {}
            (tri, missing) => return (Some(effect), tri, missing),
        }
    }
    (None, Tri::No, Missing::NONE)
}

/// Exemptions, wind-downs and derogations, in this order. All are permissions: an unknown fact never makes one apply.
fn relieve(facts: &Facts<'_>, line: &Line<'_>, rule: &Rule, finding: &mut Finding) {
    if let Some(exemption) =
        rule.exemptions.iter().find(|exemption| facts.condition(&exemption.when, line).0 == Tri::Yes)
    {
        lift(
            finding,
            Ground::Exemption(named(&exemption.id, exemption.article.as_deref())),
            &exemption.duties,
        );
        return;
    }
    let claimed = |exemption: &&Exemption| {
        facts.export.claims.iter().any(|claim| exemption.when.claims.contains(*claim))
    };
    for exemption in rule.exemptions.iter().filter(claimed) {
        finding.facts.push(explain::not_exempt(facts, line, exemption));
    }
    if !matches!(finding.effect, Effect::Prohibit | Effect::RequireLicence(_) | Effect::Review) {
        return;
    }
    for wind_down in &rule.wind_downs {
        if let Some(when) = &wind_down.when
            && facts.condition(when, line).0 != Tri::Yes
        {
            continue;
        }
        let ground = || Ground::WindDown(wind_down.article.as_deref().unwrap_or("wind-down").into());
        match (inside(facts, line, rule, wind_down), wind_down.permits) {
            (Tri::Yes, true) => {
                lift(finding, ground(), &wind_down.duties);
                return;
            }
            (Tri::Yes, false) => {
                license(finding, ground(), &wind_down.duties);
                return;
            }
            // Between a ban and a permission stands the date of the contract; between a ban and a licence duty the
            // ban stands until the exporter says otherwise.
            (Tri::Unknown, true) => {
                finding.state = FindingState::Unknown;
                // Where the contract date is given, the rows of the list have different days, and the customs code
                // says which row it is.
                finding.missing |= match facts.export.contract_date {
                    Some(_) => Missing::CN,
                    None => Missing::CONTRACT_DATE,
                };
            }
            _ => {}
        }
    }
    if finding.effect != Effect::Prohibit {
        return;
    }
    for derogation in &rule.derogations {
        match &derogation.when {
            None => finding.answerable = true,
            Some(when) if facts.condition(when, line).0 == Tri::Yes => {
                license(
                    finding,
                    Ground::Derogation(named(&derogation.id, derogation.article.as_deref())),
                    &derogation.duties,
                );
                return;
            }
            Some(_) => {}
        }
    }
}

fn named(id: &str, article: Option<&str>) -> Box<str> {
    match article {
        Some(article) => format!("{id} (Art {article})").into(),
        None => id.into(),
    }
}

fn lift(finding: &mut Finding, ground: Ground, duties: &[crate::domain::vocabulary::Word]) {
    finding.state = FindingState::Lifted;
    finding.missing = Missing::NONE;
    finding.ground = Some(ground);
    finding.duties = duties.iter().copied().collect();
}

fn license(finding: &mut Finding, ground: Ground, duties: &[crate::domain::vocabulary::Word]) {
    finding.effect = Effect::RequireLicence(Authorisation::Sanctions);
    finding.ground = Some(ground);
    finding.duties = duties.iter().copied().collect();
}

/// Is the export inside a wind-down? Unknown while only the contract date decides.
fn inside(facts: &Facts<'_>, line: &Line<'_>, rule: &Rule, wind_down: &WindDown) -> Tri {
    if let Some((before, until)) = wind_down.window {
        let in_time = until.is_none_or(|until| facts.date <= until);
        return Tri::from(in_time).and(facts.contract_before(before).0);
    }
    let lists =
        rule.scope.iter().filter_map(|scope| scope.goods.as_ref()).flat_map(|goods| goods.lists.iter());
    let window = |row: &CnRow| row.contract_before.zip(row.wind_down_until);
    let mut windows: SmallVec<[Option<(Date, Date)>; 4]> = SmallVec::new();
    let mut any_row = false;
    for list in lists {
        // Where a heading and a subheading are both listed, the subheading is the row of these goods.
        let finest = facts.cn_rows(*list, line).map(|row| row.digits.len()).max();
        let own = facts.cn_rows(*list, line).filter(|row| Some(row.digits.len()) == finest);
        // A code that is coarser than rows of its own may be any of them.
        for row in own.chain(facts.finer_rows(*list, line)) {
            any_row = true;
            windows.push(window(row));
        }
        if !any_row {
            // Stated without a customs code that finds the row: any row of the list may be it.
            let there = |row: &&CnRow| row.from.is_none_or(|from| from <= facts.date);
            windows.extend(facts.book.goods.rows_of(*list).filter(there).map(window));
        }
    }
    let test = |window: &Option<(Date, Date)>| {
        window.map_or(Tri::No, |(before, until)| {
            Tri::from(facts.date <= until).and(facts.contract_before(before).0)
        })
    };
    let least = windows.iter().map(test).min().unwrap_or(Tri::No);
    let most = windows.iter().map(test).max().unwrap_or(Tri::No);
    if least == most { most } else { Tri::Unknown.min(most) }
}

/// Why a general authorisation cannot be used, registration apart.
fn against(facts: &Facts<'_>, permit: &Permit, limited: bool) -> Option<&'static str> {
    let export = facts.export;
    let claimed = export.claims.iter().any(|claim| permit.claims.contains(*claim));
    let known = |test: &crate::rulebook::model::KnowledgeTest| {
        export.knowledge.is_some_and(|known| {
            (test.levels.is_empty() || test.levels.contains(known.level))
                && (test.about.is_empty() || test.about.contains(known.about))
        })
    };
    let excluded = |set: crate::rulebook::model::WordSet, word: Option<crate::domain::vocabulary::Word>| {
        !set.is_empty() && word.is_none_or(|word| set.contains(word))
    };
    if permit.not_with_knowledge.iter().any(known) {
        Some("it may not be used with what the exporter knows of the end use")
    } else if excluded(permit.not_end_uses, export.end_use) {
        Some("the end use is excluded or not known")
    } else if excluded(permit.not_end_user_types, export.end_user_type) {
        Some("the type of end user is excluded or not known")
    } else if !permit.claims.is_empty() && !claimed {
        Some("its conditions are not claimed in exemption_claims")
    } else if limited && !claimed {
        Some("it covers the code only within a limit that the code does not show")
    } else {
        None
    }
}

/// Findings that the engine makes itself.
fn of_engine(facts: &Facts<'_>, line: &Line<'_>, check: CodeCheck, assessed: &mut LineAssessment) {
    let book = facts.book;
    let title = |list| {
        book.goods
            .list(list)
            .map_or("", |list| if list.id.is_empty() { "codes of a rule" } else { &*list.id })
    };
    let mut push = |finding| assessed.findings.push(finding);
    match &line.goods.classification {
        Classification::Unclassified => {
            push(Finding::of_engine(EngineFinding::Unclassified, false).with("goods.code", "none given"));
        }
        Classification::Foreign(code) => {
            let why = format!("`{code}` is a code of another list and says nothing about the EU lists");
            push(Finding::of_engine(EngineFinding::CodeCheck, false).with("goods.code", why));
        }
        Classification::Code(code) if !line.is_listed => {
            let why = explain::unknown_code(code);
            push(Finding::of_engine(EngineFinding::CodeCheck, false).with("goods.code", why));
        }
        Classification::Code(code) => {
            if let Some(list) = check.coarser {
                let why = format!("`{code}` is coarser than what `{}` lists", title(list));
                push(Finding::of_engine(EngineFinding::CodeCheck, false).with("goods.code", why));
            }
            if !book.goods.knows_sub_item(code) {
                let warning = format!(
                    "the list knows `{}` but no sub-item `{code}`; it is taken as part of the entry",
                    code.entry()
                );
                assessed.warnings.push(warning.into());
            }
        }
        Classification::NotListed => {}
    }
    let mut push = |finding| assessed.findings.push(finding);
    if let Some(list) = check.contradicted {
        let cn = line.goods.cn.as_ref().map_or("", |cn| cn.digits());
        let why = format!("{cn} is in `{}`, and the goods are stated not to be", title(list));
        push(Finding::of_engine(EngineFinding::CodeCheck, true).with("goods.cn", why));
    }
    if let Some(first) = book.vocabulary.covers_from.filter(|first| facts.date < *first) {
        push(
            Finding::of_engine(EngineFinding::BeforeRulebook, true)
                .with("export_date", format!("before {first}")),
        );
    }
    if line.is_listed {
        let subject =
            facts.export.knowledge.and_then(|known| book.vocabulary.knowledge_subjects.entry(known.about));
        let use_of = facts.export.end_use.and_then(|word| book.vocabulary.end_uses.entry(word));
        if let Some(subject) = subject.filter(|subject| subject.red_flag) {
            push(
                Finding::of_engine(EngineFinding::RedFlag, true).with("knowledge.about", subject.id.clone()),
            );
        } else if let Some(use_of) = use_of.filter(|use_of| use_of.wmd) {
            push(Finding::of_engine(EngineFinding::RedFlag, true).with("end_use", use_of.id.clone()));
        }
    }
}

impl LineAssessment {
    /// The worst that law says whatever licences there are: the outcome apart from licence duties.
    #[must_use]
    pub(super) fn hard_outcome(&self) -> Outcome {
        let of = |finding: &Finding| match (finding.state, finding.effect) {
            (FindingState::Unknown, _) | (FindingState::Stands, Effect::Review) if !finding.soft => {
                Outcome::Review
            }
            (FindingState::Stands, Effect::Prohibit) => Outcome::Prohibited,
            (FindingState::Stands, Effect::RequireLicence(_)) => Outcome::LicenceRequired,
            _ => Outcome::Permitted,
        };
        self.findings.iter().map(of).max().unwrap_or(Outcome::Permitted)
    }
}
