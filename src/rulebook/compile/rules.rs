//! Rules.

use smallvec::SmallVec;

use super::{Compiler, nearest};
use crate::domain::export::{AreaControl, Role};
use crate::domain::licence::LicenceKind;
use crate::domain::money::{Currency, parse_decimal};
use crate::domain::outcome::{Authorisation, Effect};
use crate::domain::period::Period;
use crate::domain::vocabulary::{ListId, PartyListId, RegionSet, Word, Words};
use crate::rulebook::document::{
    ConditionDoc, DestinationDoc, EffectDoc, GoodsDoc, KnowledgeDoc, PartiesDoc, PermitDoc, RuleDoc,
    ScopeDoc, WindDownDoc,
};
use crate::rulebook::model::{
    Condition, Derogation, Destination, EffectRule, Exemption, Goods, GroupId, KnowledgeTest, LookAt,
    PartyTest, Permit, Rule, Scope, WindDown, WordSet,
};

/// Which vocabulary a word belongs to.
#[derive(Clone, Copy)]
enum Of {
    EndUses,
    EndUserTypes,
    Claims,
    Duties,
    Levels,
    Subjects,
    Activities,
    Undetermined,
}

impl Compiler {
    pub(super) fn rule(&mut self, file: &str, path: &str, doc: &RuleDoc) {
        self.sources(file, path, &doc.citation, &doc.confidence);
        self.text(file, &format!("{path}.title"), &doc.title);
        self.text(file, &format!("{path}.message"), &doc.message);
        let effective = self.period(file, &format!("{path}.effective"), &doc.effective);
        let recorded_at = self.instant(file, &format!("{path}.recorded_at"), &doc.recorded_at);
        let scope: Vec<Scope> = doc
            .scope
            .iter()
            .enumerate()
            .map(|(at, doc)| self.scope(file, &format!("{path}.scope[{at}]"), doc))
            .collect();
        if scope.is_empty() {
            self.diagnostics.error(
                file,
                format!("{path}.scope"),
                "empty",
                "a rule has at least one alternative in its scope",
            );
        }
        let effects: Vec<EffectRule> = doc
            .effects
            .iter()
            .enumerate()
            .filter_map(|(at, doc)| self.effect(file, &format!("{path}.effects[{at}]"), doc))
            .collect();
        if doc.effects.is_empty() {
            self.diagnostics.error(
                file,
                format!("{path}.effects"),
                "empty",
                "a rule has at least one effect",
            );
        }
        let exemptions = self.exemptions(file, path, doc);
        let derogations = self.derogations(file, path, doc);
        let wind_downs = doc.wind_down.iter().enumerate();
        let wind_downs = wind_downs
            .filter_map(|(at, doc)| self.wind_down(file, &format!("{path}.wind_down[{at}]"), doc))
            .collect();
        let permits = effects.iter().any(|effect| effect.effect == Effect::Permit);
        if permits != doc.permit.is_some() {
            let message = "the effect `permit` and the block `permit` go together: a permission says what it satisfies and asks";
            self.diagnostics.error(file, format!("{path}.effects"), "permit", message);
        }
        if permits && doc.scope.iter().any(|scope| scope.destination.is_none() || scope.goods.is_none()) {
            let message = "a permission names its destinations and its goods";
            self.diagnostics.error(file, format!("{path}.scope"), "unconditional", message);
        }
        let permit = doc.permit.as_ref().map(|doc| self.permit(file, &format!("{path}.permit"), doc));
        let ended = doc.ended.as_ref().map(|ended| {
            let until = self.date(file, &format!("{path}.ended.until"), &ended.until);
            self.in_order(file, &format!("{path}.ended.until"), Period { from: effective.from, until });
            (until, self.instant(file, &format!("{path}.ended.recorded_at"), &ended.recorded_at))
        });
        let Some(recorded_at) = recorded_at else { return };
        let rule = Rule {
            id: doc.id.as_str().into(),
            version: doc.version,
            title: doc.title.clone(),
            citation: doc.citation.clone(),
            effective,
            recorded_at,
            superseded_at: None,
            confirmed: doc.confidence == "confirmed",
            note: doc.note.as_deref().map(Into::into),
            scope,
            is_dated: false,
            effects,
            exemptions,
            derogations,
            wind_downs,
            permit,
            precedence: doc.precedence,
            message: doc.message.clone(),
        };
        self.supersede(doc);
        self.push_as_known(file, path, doc, rule, ended.and_then(|(until, at)| Some((until?, at?))));
    }

    fn exemptions(&mut self, file: &str, path: &str, doc: &RuleDoc) -> Vec<Exemption> {
        let mut exemptions = Vec::with_capacity(doc.exemptions.len());
        for (at, doc) in doc.exemptions.iter().enumerate() {
            let path = format!("{path}.exemptions[{at}]");
            if doc.when == ConditionDoc::default() {
                let message = "an exemption without a condition would lift the rule always";
                self.diagnostics.error(file, format!("{path}.when"), "unconditional", message);
            }
            exemptions.push(Exemption {
                id: doc.id.as_str().into(),
                article: doc.article.as_deref().map(Into::into),
                when: self.condition(file, &format!("{path}.when"), &doc.when),
                duties: self.duties(file, &format!("{path}.duties"), &doc.duties),
            });
        }
        exemptions
    }

    fn derogations(&mut self, file: &str, path: &str, doc: &RuleDoc) -> Vec<Derogation> {
        let mut derogations = Vec::with_capacity(doc.derogations.len());
        for (at, doc) in doc.derogations.iter().enumerate() {
            let path = format!("{path}.derogations[{at}]");
            derogations.push(Derogation {
                id: doc.id.as_str().into(),
                article: doc.article.as_deref().map(Into::into),
                when: doc.when.as_ref().map(|when| self.condition(file, &format!("{path}.when"), when)),
                duties: self.duties(file, &format!("{path}.duties"), &doc.duties),
            });
        }
        derogations
    }

    /// From this version's moment on, the one that it supersedes is not used any more.
    fn supersede(&mut self, doc: &RuleDoc) {
        let Some(replaced) = doc.supersedes else { return };
        let Ok(at) = doc.recorded_at.parse() else { return };
        for rule in self.rules.iter_mut().filter(|rule| *rule.id == *doc.id && rule.version == replaced) {
            rule.superseded_at = Some(rule.superseded_at.map_or(at, |earlier| earlier.min(at)));
        }
    }

    /// Stores the rule, twice where its end was learnt later: open-ended until then, ended since.
    fn push_as_known(
        &mut self,
        file: &str,
        path: &str,
        doc: &RuleDoc,
        rule: Rule,
        ended: Option<(jiff::civil::Date, jiff::Timestamp)>,
    ) {
        let Some((until, at)) = ended else {
            self.rules.push(rule);
            return;
        };
        if at < rule.recorded_at {
            let message = "the end became known before the beginning";
            self.diagnostics.error(file, format!("{path}.ended.recorded_at"), "period", message);
        }
        let since = Period { until: Some(until), ..rule.effective };
        // The second copy is compiled anew from the same text: conditions are not shared between versions.
        let mut again = doc.clone();
        again.ended = None;
        again.supersedes = None;
        self.rules.push(Rule { superseded_at: Some(at), ..rule });
        let before = self.rules.len();
        self.rule(file, path, &again);
        if let Some(copy) = self.rules.get_mut(before) {
            copy.effective = since;
            copy.recorded_at = at;
        }
    }

    fn scope(&mut self, file: &str, path: &str, doc: &ScopeDoc) -> Scope {
        let destination =
            doc.destination.as_ref().map(|doc| self.destination(file, &format!("{path}.destination"), doc));
        let goods = doc.goods.as_ref().map(|doc| self.goods_test(file, &format!("{path}.goods"), doc));
        let parties = doc.parties.as_ref().map(|doc| self.party_test(file, &format!("{path}.parties"), doc));
        let kinds = doc.licence_kinds.iter().enumerate().filter_map(|(at, text)| {
            let kind = LicenceKind::parse(text);
            if kind.is_none() {
                let message = format!("`{text}` is not a kind of licence");
                self.diagnostics.error(file, format!("{path}.licence_kinds[{at}]"), "unknown_word", message);
            }
            kind
        });
        let licence_kinds = kinds.collect();
        let value_per_item = doc.value_per_item.as_ref().and_then(|value| {
            let amount = parse_decimal(&value.more_than);
            let currency: Result<Currency, _> = value.currency.parse();
            for error in [amount.as_ref().err(), currency.as_ref().err()].into_iter().flatten() {
                self.diagnostics.error(file, format!("{path}.value_per_item"), "value", error.to_string());
            }
            Some((amount.ok()?, currency.ok()?))
        });
        let is_aimed =
            parties.is_some() || destination.as_ref().is_some_and(|destination| !destination.outside);
        Scope {
            activities: self.word_set(file, &format!("{path}.activity"), Of::Activities, &doc.activity),
            destination,
            goods,
            parties,
            end_uses: self.word_set(file, &format!("{path}.end_use"), Of::EndUses, &doc.end_use),
            end_user_types: self.word_set(
                file,
                &format!("{path}.end_user_type"),
                Of::EndUserTypes,
                &doc.end_user_type,
            ),
            military: doc.military,
            knowledge: doc
                .knowledge
                .as_ref()
                .map(|doc| self.knowledge(file, &format!("{path}.knowledge"), doc)),
            value_per_item,
            undetermined: doc
                .undetermined
                .as_deref()
                .and_then(|text| self.word(file, &format!("{path}.undetermined"), Of::Undetermined, text)),
            licence_kinds,
            is_aimed,
        }
    }

    fn destination(&mut self, file: &str, path: &str, doc: &DestinationDoc) -> Destination {
        if !doc.any_of.is_empty() && !doc.all_of.is_empty() {
            self.diagnostics.error(file, path, "look_at", "`any_of` and `all_of` exclude each other");
        }
        let mut look_at = LookAt { all: !doc.all_of.is_empty(), ..LookAt::default() };
        for (at, text) in doc.any_of.iter().chain(&doc.all_of).enumerate() {
            match text.as_str() {
                "destination" => look_at.destination = true,
                "end_use" => look_at.end_use = true,
                "party" => look_at.party = true,
                "transit" => look_at.transit = true,
                _ => {
                    let message =
                        format!("`{text}` is not one of `destination`, `end_use`, `party`, `transit`");
                    let name = if look_at.all { "all_of" } else { "any_of" };
                    self.diagnostics.error(file, format!("{path}.{name}[{at}]"), "look_at", message);
                }
            }
        }
        if doc.any_of.is_empty() && doc.all_of.is_empty() {
            look_at.destination = true;
        }
        let mut countries = |name: &str, texts: &[String]| {
            let found = texts.iter().enumerate();
            found.filter_map(|(at, text)| self.country(file, &format!("{path}.{name}[{at}]"), text)).collect()
        };
        let named = countries("countries", &doc.countries);
        let outside_countries = countries("outside_countries", &doc.outside_countries);
        let groups = self.group_ids(file, &format!("{path}.groups"), &doc.groups);
        let outside_groups = self.group_ids(file, &format!("{path}.outside_groups"), &doc.outside_groups);
        let mut regions = RegionSet::default();
        for (at, text) in doc.regions.iter().enumerate() {
            regions = regions.with(self.region(file, &format!("{path}.regions[{at}]"), text));
        }
        self.vocabulary.ruled_regions = self.vocabulary.ruled_regions.with(regions);
        let control = doc.area_control.as_deref().and_then(|text| match text {
            "government" => Some(AreaControl::Government),
            "non_government" => Some(AreaControl::NonGovernment),
            _ => {
                let message = format!("`{text}` is not one of `government`, `non_government`");
                self.diagnostics.error(file, format!("{path}.area_control"), "unknown_word", message);
                None
            }
        });
        let outside = !doc.outside_groups.is_empty() || !doc.outside_countries.is_empty();
        if !outside && doc.countries.is_empty() && doc.groups.is_empty() && doc.regions.is_empty() {
            self.diagnostics.error(
                file,
                path,
                "empty",
                "a destination names countries, groups or regions, or what it is outside of",
            );
        }
        Destination {
            look_at,
            countries: named,
            groups,
            outside,
            outside_groups,
            outside_countries,
            regions,
            control,
        }
    }

    fn group_ids(&mut self, file: &str, path: &str, texts: &[String]) -> SmallVec<[GroupId; 1]> {
        let mut ids = SmallVec::new();
        for (at, text) in texts.iter().enumerate() {
            if let Some(id) = self.group_id(text) {
                ids.push(id);
            } else {
                let known: Vec<&str> = self.groups.iter().map(|group| &*group.id).collect();
                let help = format!("groups live in `groups.yaml`{}", near(text, known));
                let message = format!("group `{text}` is not declared");
                self.diagnostics.error_help(file, format!("{path}[{at}]"), "unknown_group", message, help);
            }
        }
        ids
    }

    fn goods_test(&mut self, file: &str, path: &str, doc: &GoodsDoc) -> Goods {
        let mut lists: SmallVec<[ListId; 2]> = self.list_ids(file, &format!("{path}.lists"), &doc.lists);
        lists.extend(self.unnamed_list(file, path, &doc.codes, &doc.cn));
        let mut goods = Goods { lists, not_listed: doc.not_listed, ..Goods::default() };
        if let Some(except) = &doc.except {
            let path = format!("{path}.except");
            goods.except_lists = self.list_ids(file, &format!("{path}.lists"), &except.lists);
            goods.except_lists.extend(self.unnamed_list(file, &path, &except.codes, &[]));
            for (at, text) in except.groups.iter().enumerate() {
                if let [group @ b'A'..=b'E'] = text.as_bytes() {
                    goods.except_groups.push(char::from(*group));
                } else {
                    let message = format!("`{text}` is not a product group `A` to `E`");
                    self.diagnostics.error(file, format!("{path}.groups[{at}]"), "unknown_word", message);
                }
            }
        }
        if goods.lists.is_empty() && !goods.not_listed {
            self.diagnostics.error(
                file,
                path,
                "empty",
                "the goods dimension names lists, codes, customs codes or `not_listed`",
            );
        }
        goods
    }

    fn list_ids<A: smallvec::Array<Item = ListId>>(
        &mut self,
        file: &str,
        path: &str,
        texts: &[String],
    ) -> SmallVec<A> {
        let mut ids = SmallVec::new();
        for (at, text) in texts.iter().enumerate() {
            if let Some(id) = self.goods.find(text) {
                ids.push(id);
            } else {
                let known: Vec<&str> = self.goods.declared().map(|list| &*list.id).collect();
                let help = format!("goods lists live in `lists/`{}", near(text, known));
                let message = format!("goods list `{text}` is not declared");
                self.diagnostics.error_help(file, format!("{path}[{at}]"), "unknown_list", message, help);
            }
        }
        ids
    }

    fn party_test(&mut self, file: &str, path: &str, doc: &PartiesDoc) -> PartyTest {
        let lists = self.party_list_ids(file, &format!("{path}.lists"), &doc.lists);
        let mut roles = SmallVec::new();
        for (at, text) in doc.roles.iter().enumerate() {
            if let Some(role) = Role::parse(text) {
                roles.push(role);
            } else {
                let message = format!("`{text}` is not a role");
                self.diagnostics.error(file, format!("{path}.roles[{at}]"), "unknown_word", message);
            }
        }
        PartyTest { lists, roles }
    }

    fn party_list_ids(&mut self, file: &str, path: &str, texts: &[String]) -> SmallVec<[PartyListId; 1]> {
        let mut ids = SmallVec::new();
        for (at, text) in texts.iter().enumerate() {
            if let Some(id) = self.party_lists.iter().position(|list| *list.id == **text) {
                ids.push(PartyListId(u16::try_from(id).unwrap_or(u16::MAX)));
            } else {
                let known: Vec<&str> = self.party_lists.iter().map(|list| &*list.id).collect();
                let help = format!("party lists live in `lists/`{}", near(text, known));
                let message = format!("party list `{text}` is not declared");
                self.diagnostics.error_help(file, format!("{path}[{at}]"), "unknown_list", message, help);
            }
        }
        ids
    }

    fn knowledge(&mut self, file: &str, path: &str, doc: &KnowledgeDoc) -> KnowledgeTest {
        KnowledgeTest {
            levels: self.word_set(file, &format!("{path}.levels"), Of::Levels, &doc.levels),
            about: self.word_set(file, &format!("{path}.about"), Of::Subjects, &doc.about),
        }
    }

    fn effect(&mut self, file: &str, path: &str, doc: &EffectDoc) -> Option<EffectRule> {
        let when = doc.when.as_ref().map(|when| self.condition(file, &format!("{path}.when"), when));
        let duties = self.duties(file, &format!("{path}.duties"), &doc.duties);
        let authorisation = match doc.authorisation_kind.as_deref() {
            None | Some("dual_use") => Some(Authorisation::DualUse),
            Some("military") => Some(Authorisation::Military),
            Some("sanctions") => Some(Authorisation::Sanctions),
            Some(_) => None,
        };
        let effect = match doc.effect.as_str() {
            "prohibit" => Some(Effect::Prohibit),
            "require_licence" => authorisation.map(Effect::RequireLicence),
            "require_transfer_licence" => Some(Effect::RequireLicence(Authorisation::Transfer)),
            "suspend_licences" => Some(Effect::SuspendLicences),
            "licence_exceeded" => Some(Effect::LicenceExceeded),
            "review" => Some(Effect::Review),
            "policy" => Some(Effect::Policy),
            "permit" => Some(Effect::Permit),
            "duty" => Some(Effect::Duty),
            _ => None,
        };
        if effect.is_none() {
            let (at, text) = match (&doc.authorisation_kind, authorisation) {
                (Some(kind), None) => ("authorisation_kind", kind),
                _ => ("effect", &doc.effect),
            };
            let message = format!("`{text}` is not known");
            let help = "effects are `prohibit`, `require_licence` (`authorisation_kind`: `dual_use`, `military`, \
                        `sanctions`), `require_transfer_licence`, `suspend_licences`, `licence_exceeded`, `review`, \
                        `policy`, `permit` and `duty`";
            self.diagnostics.error_help(file, format!("{path}.{at}"), "unknown_effect", message, help);
        }
        Some(EffectRule { when, effect: effect?, duties })
    }

    fn condition(&mut self, file: &str, path: &str, doc: &ConditionDoc) -> Condition {
        if doc.military && doc.not_military {
            self.diagnostics.error(
                file,
                path,
                "contradiction",
                "`military` and `not_military` exclude each other",
            );
        }
        let date = |compiler: &mut Self, name: &str, text: Option<&String>| {
            text.and_then(|text| compiler.date(file, &format!("{path}.{name}"), text))
        };
        Condition {
            claims: self.word_set(file, &format!("{path}.claims"), Of::Claims, &doc.claims),
            military: (doc.military || doc.not_military).then_some(doc.military),
            end_uses: self.word_set(file, &format!("{path}.end_use"), Of::EndUses, &doc.end_use),
            not_end_uses: self.word_set(file, &format!("{path}.not_end_use"), Of::EndUses, &doc.not_end_use),
            end_user_types: self.word_set(
                file,
                &format!("{path}.end_user_type"),
                Of::EndUserTypes,
                &doc.end_user_type,
            ),
            not_end_user_types: self.word_set(
                file,
                &format!("{path}.not_end_user_type"),
                Of::EndUserTypes,
                &doc.not_end_user_type,
            ),
            in_annex: self.list_ids(file, &format!("{path}.in_annex"), &doc.in_annex),
            not_in_annex: self.list_ids(file, &format!("{path}.not_in_annex"), &doc.not_in_annex),
            no_party_on: self.party_list_ids(file, &format!("{path}.no_party_on"), &doc.no_party_on),
            knowledge: doc
                .knowledge
                .as_ref()
                .map(|doc| self.knowledge(file, &format!("{path}.knowledge"), doc)),
            contract_before: date(self, "contract_before", doc.contract_before.as_ref()),
            export: Period {
                from: date(self, "export_from", doc.export_from.as_ref()),
                until: date(self, "export_until", doc.export_until.as_ref()),
            },
        }
    }

    fn wind_down(&mut self, file: &str, path: &str, doc: &WindDownDoc) -> Option<WindDown> {
        let until = doc.until.as_deref().and_then(|text| self.date(file, &format!("{path}.until"), text));
        let before = doc
            .contract_before
            .as_deref()
            .and_then(|text| self.date(file, &format!("{path}.contract_before"), text));
        if doc.by_list_row == doc.contract_before.is_some() {
            let message = "a wind-down has `contract_before`, or `by_list_row: true` where each row of the list has its own dates";
            self.diagnostics.error(file, path, "wind_down", message);
        }
        let permits = match doc.result.as_str() {
            "permit" => Some(true),
            "require_licence" => Some(false),
            other => {
                let message = format!("`{other}` is not one of `permit`, `require_licence`");
                self.diagnostics.error(file, format!("{path}.result"), "unknown_word", message);
                None
            }
        };
        Some(WindDown {
            article: doc.article.as_deref().map(Into::into),
            window: before.map(|before| (before, until)),
            permits: permits?,
            when: doc.when.as_ref().map(|when| self.condition(file, &format!("{path}.when"), when)),
            duties: self.duties(file, &format!("{path}.duties"), &doc.duties),
        })
    }

    fn permit(&mut self, file: &str, path: &str, doc: &PermitDoc) -> Permit {
        Permit {
            authorisation: doc.authorisation.as_str().into(),
            satisfies: doc.satisfies.iter().map(|id| id.as_str().into()).collect(),
            registration: doc.registration,
            claims: self.word_set(file, &format!("{path}.claims"), Of::Claims, &doc.claims),
            not_with_knowledge: doc
                .not_with_knowledge
                .iter()
                .enumerate()
                .map(|(at, doc)| self.knowledge(file, &format!("{path}.not_with_knowledge[{at}]"), doc))
                .collect(),
            not_end_uses: self.word_set(file, &format!("{path}.not_end_use"), Of::EndUses, &doc.not_end_use),
            first_use_notice: self.notice(
                file,
                &format!("{path}.first_use_notice"),
                doc.first_use_notice.as_ref(),
            ),
            not_end_user_types: self.word_set(
                file,
                &format!("{path}.not_end_user_type"),
                Of::EndUserTypes,
                &doc.not_end_user_type,
            ),
        }
    }

    fn duties<A: smallvec::Array<Item = Word>>(
        &mut self,
        file: &str,
        path: &str,
        texts: &[String],
    ) -> SmallVec<A> {
        let found = texts.iter().enumerate();
        found.filter_map(|(at, text)| self.word(file, &format!("{path}[{at}]"), Of::Duties, text)).collect()
    }

    fn word_set(&mut self, file: &str, path: &str, of: Of, texts: &[String]) -> WordSet {
        let mut set = WordSet::default();
        for (at, text) in texts.iter().enumerate() {
            if let Some(word) = self.word(file, &format!("{path}[{at}]"), of, text) {
                set.insert(word);
            }
        }
        set
    }

    fn word(&mut self, file: &str, path: &str, of: Of, text: &str) -> Option<Word> {
        let vocabulary = &self.vocabulary;
        let words: &Words = match of {
            Of::EndUses => &vocabulary.end_uses,
            Of::EndUserTypes => &vocabulary.end_user_types,
            Of::Claims => &vocabulary.claims,
            Of::Duties => &vocabulary.duties,
            Of::Levels => &vocabulary.knowledge_levels,
            Of::Subjects => &vocabulary.knowledge_subjects,
            Of::Activities => &vocabulary.activities,
            Of::Undetermined => &vocabulary.undetermined_facts,
        };
        let found = words.find(text);
        if found.is_none() {
            let help = format!("words live in `rulebook.yaml`{}", near(text, words.ids().collect()));
            self.diagnostics.error_help(
                file,
                path,
                "unknown_word",
                format!("`{text}` is not declared"),
                help,
            );
        }
        found
    }
}

fn near(text: &str, known: Vec<&str>) -> String {
    nearest(text, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"))
}
