//! Document shapes to a [`Rulebook`]: names resolved, dates read, contradictions refused.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use jiff::Timestamp;
use jiff::civil::Date;
use smallvec::SmallVec;

use super::case::CaseFile;
use super::diagnostic::{Diagnostic, Diagnostics, Severity};
use super::document::{
    ActDoc, CitationDoc, GroupsDoc, ListsDoc, PapersDoc, PeriodDoc, RegionsDoc, RuleDoc, RulebookDoc,
    TextDoc, WordDoc,
};
use super::goods::GoodsLists;
use super::index::Index;
use super::model::{Group, GroupId, ListedName, Papers, PartyList, Rule, Rulebook};
use super::{Bundle, read};
use crate::domain::country::{Country, RegionCode};
use crate::domain::period::{Period, parse_date};
use crate::domain::vocabulary::{Region, RegionSet, Vocabulary, WordEntry, Words};

mod lists;
mod papers;
mod rules;

/// What came of compiling a bundle.
#[derive(Debug)]
pub struct Compiled {
    /// The rulebook, when nothing was an error.
    pub rulebook: Option<Rulebook>,
    /// Everything that was remarked, by file and line.
    pub diagnostics: Vec<Diagnostic>,
}

/// Compiles a bundle, collecting every diagnostic.
#[must_use]
pub fn compile(bundle: Bundle) -> Compiled {
    let mut compiler = Compiler::default();
    let parts = compiler.parts(&bundle);
    let diagnostics = read::place(&mut compiler.diagnostics, |file| bundle.text(file).map(str::to_owned));
    let fine = diagnostics.iter().all(|diagnostic| diagnostic.severity < Severity::Error);
    let rulebook = parts.filter(|_| fine).map(|parts| parts.assemble(bundle, compiler));
    Compiled { rulebook, diagnostics }
}

/// Everything that is resolved so far.
#[derive(Default)]
struct Compiler {
    diagnostics: Diagnostics,
    vocabulary: Vocabulary,
    groups: Vec<Group>,
    goods: GoodsLists,
    party_lists: Vec<PartyList>,
    listed_names: HashMap<Box<str>, SmallVec<[ListedName; 1]>>,
    rules: Vec<Rule>,
}

/// What stands in `rulebook.yaml`.
struct Parts {
    head: RulebookDoc,
    union_group: GroupId,
    papers: Papers,
}

impl Parts {
    fn assemble(self, bundle: Bundle, compiler: Compiler) -> Rulebook {
        let Compiler { vocabulary, groups, goods, party_lists, listed_names, mut rules, .. } = compiler;
        for rule in &mut rules {
            rule.is_dated = rule.scope.iter().any(|scope| {
                let places = scope.destination.as_ref();
                let lists =
                    scope.goods.iter().flat_map(|goods| goods.lists.iter().chain(&goods.except_lists));
                places.is_some_and(|places| !places.groups.is_empty() || !places.outside_groups.is_empty())
                    || lists.into_iter().any(|list| goods.has_dated_rows(*list))
            });
        }
        // Goods that are on no control list and come with no customs code may still be in an annex that nobody
        // stated; the control lists themselves are decided by the code.
        let index = Index::build(&rules, &goods, |list| {
            goods
                .list(list)
                .is_some_and(|list| !list.classification && (list.has_cn || list.by_statement_only))
        });
        Rulebook {
            name: self.head.name.into(),
            version: self.head.version.into(),
            time_zone: self.head.time_zone.into(),
            digest: bundle.digest(),
            bundle,
            vocabulary,
            groups,
            union_group: self.union_group,
            goods,
            party_lists,
            listed_names,
            rules,
            index,
            papers: self.papers,
        }
    }
}

impl Compiler {
    fn parts(&mut self, bundle: &Bundle) -> Option<Parts> {
        let head: Option<RulebookDoc> = self.file(bundle, "rulebook.yaml");
        if let Some(head) = &head {
            self.vocabulary(head);
        }
        let regions: Option<RegionsDoc> = self.file(bundle, "regions.yaml");
        self.regions(regions.as_ref());
        let groups: Option<GroupsDoc> = self.file(bundle, "groups.yaml");
        self.group_docs(groups.as_ref());
        let union_group = head.as_ref().and_then(|head| {
            let found = self.group_id(&head.union_group);
            if found.is_none() {
                let message = format!("group `{}` is not declared", head.union_group);
                self.diagnostics.error("rulebook.yaml", "union_group", "unknown_group", message);
            }
            found
        });
        for (file, text) in bundle.files().filter(|(file, _)| file.starts_with("lists/")) {
            if let Some(doc) = read::read::<ListsDoc>(file, text, &mut self.diagnostics) {
                self.lists(file, &doc);
            }
        }
        let papers = bundle
            .text("papers.yaml")
            .and_then(|text| read::read::<PapersDoc>("papers.yaml", text, &mut self.diagnostics));
        let papers = papers.map(|doc| self.papers(&doc)).unwrap_or_default();
        let mut acts: Vec<(&str, ActDoc)> = Vec::new();
        let mut cited = BTreeSet::new();
        for (file, text) in bundle.files() {
            if file.ends_with("_test.yaml") {
                if let Some(cases) = read::read::<CaseFile>(file, text, &mut self.diagnostics) {
                    self.case_ids(file, &cases);
                    for case in cases.cases {
                        cited.extend(case.expect.rules.into_iter().chain(case.expect.other_findings));
                        cited.extend(case.given.rule_recorded_at.into_keys());
                    }
                }
            } else if file.starts_with("acts/") {
                acts.extend(read::read::<ActDoc>(file, text, &mut self.diagnostics).map(|doc| (file, doc)));
            } else if !file.starts_with("lists/")
                && !matches!(file, "rulebook.yaml" | "regions.yaml" | "groups.yaml" | "papers.yaml")
            {
                let message = "this file is none of `rulebook.yaml`, `groups.yaml`, `regions.yaml`, `papers.yaml`, `lists/*.yaml`, `acts/*.yaml` or `*_test.yaml`";
                self.diagnostics.error(file, "", "stray_file", message);
            }
        }
        for (file, act) in &acts {
            for (at, doc) in act.rules.iter().enumerate() {
                self.rule(file, &format!("rules[{at}]"), doc);
            }
        }
        self.goods.finish();
        self.whole_book(&acts, &cited);
        Some(Parts { head: head?, union_group: union_group?, papers })
    }

    fn file<T: serde::de::DeserializeOwned + PartialEq>(&mut self, bundle: &Bundle, file: &str) -> Option<T> {
        if let Some(text) = bundle.text(file) {
            read::read(file, text, &mut self.diagnostics)
        } else {
            self.diagnostics.error(file, "", "missing_file", format!("a rulebook has a file `{file}`"));
            None
        }
    }

    fn vocabulary(&mut self, head: &RulebookDoc) {
        let file = "rulebook.yaml";
        if jiff::tz::TimeZone::get(&head.time_zone).is_err() {
            let message = format!("`{}` is not an IANA time zone", head.time_zone);
            self.diagnostics.error(file, "time_zone", "unknown_time_zone", message);
        }
        if head.languages != ["en", "nl"] {
            self.diagnostics.error(file, "languages", "languages", "a rulebook speaks `en` and `nl`");
        }
        self.vocabulary.covers_from = self.date(file, "covers_from", &head.covers_from);
        let words = &head.vocabulary;
        self.vocabulary.end_uses = self.words("vocabulary.end_uses", &words.end_uses);
        self.vocabulary.end_user_types = self.words("vocabulary.end_user_types", &words.end_user_types);
        self.vocabulary.claims = self.words("vocabulary.claims", &words.claims);
        self.vocabulary.duties = self.words("vocabulary.duties", &words.duties);
        self.vocabulary.knowledge_levels = self.words("vocabulary.knowledge_levels", &words.knowledge_levels);
        self.vocabulary.knowledge_subjects =
            self.words("vocabulary.knowledge_subjects", &words.knowledge_subjects);
        self.vocabulary.activities = self.words("vocabulary.activities", &words.activities);
        self.vocabulary.undetermined_facts =
            self.words("vocabulary.undetermined_facts", &words.undetermined_facts);
        if words.activities.is_empty() {
            self.diagnostics.error(
                file,
                "vocabulary.activities",
                "empty",
                "there is at least one activity; the first is the default",
            );
        }
    }

    fn words(&mut self, path: &str, docs: &[WordDoc]) -> Words {
        let file = "rulebook.yaml";
        let mut words = Words::default();
        if docs.len() > 64 {
            self.diagnostics.error(file, path, "too_many", "a vocabulary has at most 64 words");
        }
        for (at, doc) in docs.iter().enumerate() {
            let entry = WordEntry {
                id: doc.id.as_str().into(),
                title_en: doc.title.en.as_str().into(),
                title_nl: doc.title.nl.as_str().into(),
                military: doc.military,
                transit: doc.transit,
                wmd: doc.wmd,
                unknown: doc.unknown,
                red_flag: doc.red_flag,
            };
            self.text(file, &format!("{path}[{at}].title"), &doc.title);
            if words.declare(entry).is_none() {
                self.diagnostics.error(
                    file,
                    format!("{path}[{at}].id"),
                    "duplicate_id",
                    format!("`{}` stands twice", doc.id),
                );
            }
        }
        words
    }

    fn regions(&mut self, doc: Option<&RegionsDoc>) {
        let file = "regions.yaml";
        for (at, doc) in doc.into_iter().flat_map(|doc| doc.regions.iter().enumerate()) {
            let path = format!("regions[{at}]");
            let code: Option<RegionCode> = doc.code.parse().ok();
            if code.is_none() {
                let message = format!("`{}` is not an ISO 3166-2 code", doc.code);
                self.diagnostics.error(file, format!("{path}.code"), "region_code", message);
            }
            let country = self.country(file, &format!("{path}.country"), &doc.country);
            let written_for = doc.written_for.iter().enumerate();
            let written_for = written_for
                .filter_map(|(at, text)| self.country(file, &format!("{path}.written_for[{at}]"), text))
                .collect();
            let (Some(code), Some(country)) = (code, country) else { continue };
            if self.vocabulary.regions.iter().any(|region| region.code == code) {
                self.diagnostics.error(
                    file,
                    format!("{path}.code"),
                    "duplicate_id",
                    format!("region `{code}` stands twice"),
                );
            } else if self.vocabulary.regions.len() == 64 {
                self.diagnostics.error(file, path, "too_many", "a rulebook declares at most 64 regions");
                return;
            }
            let places = doc.places.iter().map(|place| words_of(place)).collect();
            let postal_codes = doc.postal_codes.iter().map(|code| code.as_str().into()).collect();
            self.vocabulary.regions.push(Region { code, country, written_for, places, postal_codes });
        }
    }

    fn group_docs(&mut self, doc: Option<&GroupsDoc>) {
        let file = "groups.yaml";
        for (at, doc) in doc.into_iter().flat_map(|doc| doc.groups.iter().enumerate()) {
            let path = format!("groups[{at}]");
            if self.group_id(&doc.id).is_some() {
                self.diagnostics.error(
                    file,
                    format!("{path}.id"),
                    "duplicate_id",
                    format!("group `{}` stands twice", doc.id),
                );
            }
            self.sources(file, &path, &doc.citation, &doc.confidence);
            let mut group = Group {
                id: doc.id.as_str().into(),
                countries: vec![SmallVec::new(); 256],
                regions: Vec::new(),
                without: RegionSet::default(),
            };
            for (at, member) in doc.members.iter().enumerate() {
                let path = format!("{path}.members[{at}]");
                let period = Period {
                    from: member
                        .from
                        .as_deref()
                        .and_then(|text| self.date(file, &format!("{path}.from"), text)),
                    until: member
                        .until
                        .as_deref()
                        .and_then(|text| self.date(file, &format!("{path}.until"), text)),
                };
                self.in_order(file, &format!("{path}.until"), period);
                match (&member.country, &member.region) {
                    (Some(country), None) => {
                        for (at, region) in member.without.iter().enumerate() {
                            let set = self.region(file, &format!("{path}.without[{at}]"), region);
                            group.without = group.without.with(set);
                        }
                        if let Some(country) = self.country(file, &format!("{path}.country"), country)
                            && let Some(periods) = group.countries.get_mut(usize::from(country.index()))
                        {
                            periods.push(period);
                        }
                    }
                    (None, Some(region)) => {
                        let set = self.region(file, &format!("{path}.region"), region);
                        group.regions.push((set, period));
                    }
                    _ => self.diagnostics.error(file, path, "member", "a member is a country or a region"),
                }
            }
            self.groups.push(group);
        }
    }

    fn case_ids(&mut self, file: &str, cases: &CaseFile) {
        let mut seen = BTreeSet::new();
        for (at, case) in cases.cases.iter().enumerate() {
            if !seen.insert(case.id.as_str()) {
                let message = format!("case `{}` stands twice", case.id);
                self.diagnostics.error(file, format!("cases[{at}].id"), "duplicate_id", message);
            }
        }
    }

    /// What can only be said of all rules together: versions that overlap, duties that nobody declares, rules
    /// without a case.
    fn whole_book(&mut self, acts: &[(&str, ActDoc)], cited: &BTreeSet<String>) {
        let mut by_id: BTreeMap<&str, Vec<(&str, String, &RuleDoc)>> = BTreeMap::new();
        for (file, act) in acts {
            for (at, rule) in act.rules.iter().enumerate() {
                by_id.entry(&rule.id).or_default().push((file, format!("rules[{at}]"), rule));
            }
        }
        for (id, versions) in &by_id {
            if !cited.contains(*id)
                && let Some((file, path, _)) = versions.first()
            {
                let message = format!("rule `{id}` has no case");
                let help = "write a case on each side of each of its dates in a `*_test.yaml` beside it";
                self.diagnostics.error_help(file, format!("{path}.id"), "no_case", message, help);
            }
            for (at, (file, path, rule)) in versions.iter().enumerate() {
                self.version(file, path, rule, versions, at);
            }
        }
        for (file, act) in acts {
            for (at, rule) in act.rules.iter().enumerate() {
                for (to, id) in rule.permit.iter().flat_map(|permit| permit.satisfies.iter().enumerate()) {
                    if !by_id.contains_key(id.as_str()) {
                        let path = format!("rules[{at}].permit.satisfies[{to}]");
                        self.diagnostics.error(
                            file,
                            path,
                            "unknown_rule",
                            format!("rule `{id}` is not declared"),
                        );
                    }
                }
            }
        }
    }

    fn version(
        &mut self,
        file: &str,
        path: &str,
        rule: &RuleDoc,
        versions: &[(&str, String, &RuleDoc)],
        at: usize,
    ) {
        let earlier = || versions.iter().take(at).map(|(_, _, other)| *other);
        if earlier().any(|other| other.version == rule.version) {
            let message = format!("version {} of rule `{}` stands twice", rule.version, rule.id);
            self.diagnostics.error(file, format!("{path}.version"), "duplicate_id", message);
            return;
        }
        if let Some(replaced) = rule.supersedes
            && !versions.iter().any(|(_, _, other)| other.version == replaced && replaced < rule.version)
        {
            let message = format!("rule `{}` has no earlier version {replaced}", rule.id);
            self.diagnostics.error(file, format!("{path}.supersedes"), "unknown_version", message);
        }
        let days = |rule: &RuleDoc| Period {
            from: parse_date(&rule.effective.from).ok(),
            until: rule
                .ended
                .as_ref()
                .map(|ended| &ended.until)
                .or(rule.effective.until.as_ref())
                .and_then(|text| parse_date(text).ok()),
        };
        let replaces = |a: &RuleDoc, b: &RuleDoc| {
            let mut version = a.supersedes;
            while let Some(at) = version {
                if at == b.version {
                    return true;
                }
                let next = versions
                    .iter()
                    .find(|(_, _, other)| other.version == at)
                    .and_then(|(_, _, other)| other.supersedes);
                version = next.filter(|next| *next < at);
            }
            false
        };
        for other in earlier() {
            if days(rule).overlaps(&days(other)) && !replaces(rule, other) && !replaces(other, rule) {
                let message = format!(
                    "versions {} and {} of rule `{}` share days",
                    other.version, rule.version, rule.id
                );
                let help = "end the earlier one with `ended`, or say `supersedes`";
                self.diagnostics.error_help(file, format!("{path}.effective"), "overlap", message, help);
            }
        }
    }

    // What many places need.

    fn group_id(&self, id: &str) -> Option<GroupId> {
        let at = self.groups.iter().position(|group| &*group.id == id)?;
        u16::try_from(at).ok().map(GroupId)
    }

    fn date(&mut self, file: &str, path: &str, text: &str) -> Option<Date> {
        parse_date(text).map_err(|error| self.diagnostics.error(file, path, "date", error.to_string())).ok()
    }

    fn period(&mut self, file: &str, path: &str, doc: &PeriodDoc) -> Period {
        let period = Period {
            from: self.date(file, &format!("{path}.from"), &doc.from),
            until: doc.until.as_deref().and_then(|text| self.date(file, &format!("{path}.until"), text)),
        };
        self.in_order(file, &format!("{path}.until"), period);
        period
    }

    fn in_order(&mut self, file: &str, path: &str, period: Period) {
        if let (Some(from), Some(until)) = (period.from, period.until)
            && until < from
        {
            self.diagnostics.error(
                file,
                path,
                "period",
                format!("the last day {until} is before the first day {from}"),
            );
        }
    }

    fn instant(&mut self, file: &str, path: &str, text: &str) -> Option<Timestamp> {
        let parsed = text.parse().ok();
        if parsed.is_none() {
            let message = format!("`{text}` is not an RFC 3339 instant such as `2022-02-25T00:00:00+01:00`");
            self.diagnostics.error(file, path, "instant", message);
        }
        parsed
    }

    fn country(&mut self, file: &str, path: &str, text: &str) -> Option<Country> {
        text.parse()
            .map_err(|error: crate::domain::country::CountryError| {
                self.diagnostics.error(file, path, "unknown_country", error.to_string());
            })
            .ok()
    }

    fn region(&mut self, file: &str, path: &str, text: &str) -> RegionSet {
        let regions = &self.vocabulary.regions;
        if let Some(at) = regions.iter().position(|region| region.code.as_str() == text) {
            return RegionSet::one(at);
        }
        let known: Vec<&str> = regions.iter().map(|region| region.code.as_str()).collect();
        let help =
            nearest(text, known).map(|near| format!("did you mean `{near}`? regions live in `regions.yaml`"));
        let message = format!("region `{text}` is not declared");
        self.diagnostics.error_help(
            file,
            path,
            "unknown_region",
            message,
            help.unwrap_or("regions live in `regions.yaml`".into()),
        );
        RegionSet::default()
    }

    fn sources(&mut self, file: &str, path: &str, citation: &CitationDoc, confidence: &str) {
        let law = citation.celex.is_some()
            || citation.bwb.is_some()
            || citation.stcrt.is_some()
            || citation.cfsp.is_some();
        if !matches!(confidence, "confirmed" | "assumed") {
            let message = format!("`{confidence}` is not one of `confirmed`, `assumed`");
            self.diagnostics.error(file, format!("{path}.confidence"), "confidence", message);
        }
        if !law && (citation.document.is_none() || confidence == "confirmed") {
            let message = "a citation names its act by `celex`, `bwb`, `stcrt` or `cfsp`; a `document` carries only what is assumed";
            self.diagnostics.error(file, format!("{path}.citation"), "citation", message);
        }
        if citation.act.trim().is_empty() {
            self.diagnostics.error(
                file,
                format!("{path}.citation.act"),
                "citation",
                "a citation names its act",
            );
        }
    }

    fn text(&mut self, file: &str, path: &str, text: &TextDoc) {
        if text.en.trim().is_empty() || text.nl.trim().is_empty() {
            self.diagnostics.error(file, path, "empty_text", "the text is needed in English and in Dutch");
        }
    }
}

/// The text as lower-case words with single spaces, as addresses are compared.
fn words_of(text: &str) -> Box<str> {
    let lower = text.to_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
    words.join(" ").into()
}

/// The known word that shares most with a text, if it shares much.
pub(super) fn nearest<'a>(text: &str, known: Vec<&'a str>) -> Option<&'a str> {
    let shared = |word: &str| {
        let head = word.chars().zip(text.chars()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        let tail =
            word.chars().rev().zip(text.chars().rev()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
        head.max(tail)
    };
    known
        .into_iter()
        .map(|word| (shared(word), word))
        .filter(|(shared, _)| *shared >= 3)
        .max()
        .map(|(_, word)| word)
}
