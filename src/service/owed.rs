//! What an officer must look at, and what is owed to the authority: incidents, and duties with their days.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{ToSpan, civil::Date};

use super::{
    Core, DecisionId, Service,
    filter::{decision_terms, incident_term},
    page,
    query::{Page, page_size_of},
    refusal::Refusal,
};
use crate::{
    domain::{
        identity::Identity,
        name,
        outcome::{Effect, Outcome},
    },
    engine::Finder,
    ledger::Digest,
    register::{DutyDone, Event, Held, Incident, IncidentKind, LicenceStanding, ShippedText},
    rulebook::{
        Rulebook,
        document::{CitationDoc, TextDoc},
        model::{DueWhen, Notice},
    },
};

/// An incident with where it stands.
#[derive(Clone, Debug)]
pub struct Noticed {
    /// The entry.
    pub sequence: u64,
    /// When it was recorded, Unix milliseconds.
    pub time_ms: i64,
    /// Who told of the shipment.
    pub caller: String,
    /// The decision.
    pub decision: Option<DecisionId>,
    /// What happened.
    pub incident: Incident,
    /// Was it written off nevertheless?
    pub is_written_off: bool,
}

/// A duty with its day.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Owed {
    /// Its id: a duty of the rulebook.
    pub duty: String,
    /// What is to be done.
    pub title: TextDoc,
    /// Where it stands, where the rulebook says so.
    pub citation: Option<CitationDoc>,
    /// Who owes it, as written.
    pub holder: String,
    /// The general authorisation or licence that it is for.
    pub paper: String,
    /// What began it: the first use, the last day of the licence, the end of the half-year.
    pub since: Date,
    /// Last day on which it is done in time.
    pub due: Date,
    /// The day on which it was done, where that is recorded.
    pub done: Option<Date>,
    /// What it rests on: the decision of the first use, or shipments.
    pub evidence: String,
}

/// The duty of telling the authority of the first use.
const NOTIFY_FIRST_USE: &str = "NOTIFY_FIRST_USE";
/// The duty of reporting once a year.
const REPORT_YEARLY: &str = "REPORT_YEARLY";

/// The first use of a general authorisation by an exporter.
struct FirstUse {
    on: Date,
    notice: Option<Notice>,
    reports: bool,
    /// The exporter, as written.
    holder: String,
    citation: CitationDoc,
    /// The decision.
    evidence: String,
}

impl Service {
    /// A page of incidents that the reader may see, newest first. Reads the disk.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] for a bad page size or token; [`Refusal::RecordDamaged`],
    /// [`Refusal::StoreUnavailable`].
    pub fn incidents(
        &self,
        reader: &Identity,
        page_size: i32,
        page_token: &str,
    ) -> Result<Page<Noticed>, Refusal> {
        let seal = Digest::of(b"incidents").as_bytes().first_chunk().copied().unwrap_or_default();
        let (size, start) = (page_size_of(page_size)?, page::read(page_token, seal)?);
        let end = start.unwrap_or(u64::MAX).min(self.core.readable()?.size);
        let mut items = Vec::new();
        for sequence in self.core.found(incident_term())?.into_iter().filter(|sequence| *sequence < end) {
            let Some(noticed) = self.core.incident_at(sequence, reader)? else { continue };
            if items.len() >= size {
                return Ok(Page { items, next_page_token: page::token(sequence + 1, seal) });
            }
            items.push(noticed);
        }
        Ok(Page { items, next_page_token: String::new() })
    }

    /// What holders owe the authority, as the rulebook in force has it, by the day on which it falls due: notices of the
    /// first use of general authorisations, half-yearly reports, unused licences that have ended. Reads the log.
    ///
    /// # Errors
    /// [`Refusal::RecordDamaged`], [`Refusal::StoreUnavailable`].
    pub fn duties(&self, reader: &Identity, holder: Option<&str>, today: Date) -> Result<Vec<Owed>, Refusal> {
        let snapshot = self.core.library.current();
        let book = &snapshot.rulebook;
        let mut owed = self.core.of_general_authorisations(book, today)?;
        let register = self.register();
        for held in register.licences() {
            for duty in book.papers.duties.iter().filter(|duty| duty.kinds.contains(&held.terms().kind)) {
                let told = |since: Date, due: Date, evidence: String| Owed {
                    duty: duty.id.to_string(),
                    title: duty.title.clone(),
                    citation: Some(duty.citation.clone()),
                    holder: held.text_on(since).holder,
                    paper: held.terms().number.to_string(),
                    since,
                    due,
                    done: None,
                    evidence,
                };
                match duty.due {
                    DueWhen::AtEndUnused => {
                        let last = held.terms().valid.until.filter(|last| *last < today);
                        if let Some(last) = last.filter(|_| is_unused(held)) {
                            owed.push(told(last, last, String::new()));
                        }
                    }
                    DueWhen::AfterHalfYear(months) => {
                        for (end, shipments) in self.core.half_years(held, today)? {
                            let due = end.checked_add(i32::from(months).months()).unwrap_or(end);
                            owed.push(told(end, due, shipments));
                        }
                    }
                }
            }
        }
        for owed in &mut owed {
            owed.done = register.done_on(&owed.duty, &owed.holder, &owed.paper, owed.since);
        }
        owed.retain(|owed| {
            let normal = name::normalise(&owed.holder);
            reader.speaks_for(&normal) && holder.is_none_or(|holder| *holder == *normal)
        });
        owed.sort_by(|a, b| (a.due, &a.holder, &a.paper).cmp(&(b.due, &b.holder, &b.paper)));
        Ok(owed)
    }
}

impl Service {
    /// Is this duty owed, as [`Service::duties`] has it? Reads the log.
    ///
    /// # Errors
    /// [`Refusal::InvalidRequest`] where it is not; others as they come.
    pub fn owes(&self, reader: &Identity, done: &DutyDone) -> Result<(), Refusal> {
        let holder = name::normalise(&done.holder);
        let owed = self.duties(reader, Some(&holder), self.today())?;
        let is_it = |owed: &Owed| {
            (owed.duty.as_str(), owed.paper.as_str(), owed.since)
                == (done.duty.trim(), done.paper.trim(), done.since)
        };
        if owed.iter().any(is_it) {
            return Ok(());
        }
        let why = "no such duty of this holder, for this paper and since this day, is owed; ListDuties has those that are";
        Err(Refusal::field("since", "NOT_OWED", why))
    }
}

/// Was nothing of it ever written off, and is it neither returned nor revoked?
fn is_unused(held: &Held) -> bool {
    held.standing == LicenceStanding::Active && is_untouched(held)
}

/// The last day of the half-year of the calendar that a day is in.
fn end_of_half_year(day: Date) -> Date {
    let (month, last) = if day.month() <= 6 { (6, 30) } else { (12, 31) };
    Date::new(day.year(), month, last).unwrap_or(day)
}

impl Core {
    fn incident_at(&self, sequence: u64, reader: &Identity) -> Result<Option<Noticed>, Refusal> {
        let Some((entry, note, _)) = self.note_at(sequence)? else { return Ok(None) };
        let (incident, is_written_off) = match note.event {
            Event::Incident(incident) => (incident, false),
            Event::ShipmentConfirmed(shipment) => {
                let Some(why) = shipment.incident else { return Ok(None) };
                let lines = shipment.drawn.into_iter().map(|drawn| ShippedText {
                    goods_line: drawn.goods_line,
                    quantity: drawn.quantity,
                    value: drawn.value,
                    currency: String::new(),
                });
                let incident = Incident {
                    kind: IncidentKind::KnownLater,
                    why,
                    decision: shipment.decision,
                    export_date: shipment.export_date,
                    reference: shipment.reference,
                    lines: lines.collect(),
                };
                (incident, true)
            }
            _ => return Ok(None),
        };
        let recorded = match self.recorded(incident.decision) {
            Ok(recorded) => Some(recorded),
            Err(Refusal::NotFound(_) | Refusal::Erased { .. }) => None,
            Err(refusal) => return Err(refusal),
        };
        let is_theirs = recorded.as_ref().is_some_and(|recorded| reader.speaks_for(&recorded.exporter()));
        if reader.is_bound() && !is_theirs {
            return Ok(None);
        }
        let decision = recorded.map(|recorded| recorded.id());
        let (time_ms, caller) = (entry.time_ms, entry.caller);
        Ok(Some(Noticed { sequence, time_ms, caller, decision, incident, is_written_off }))
    }

    /// What the first use of each general authorisation by each exporter asks for: the notice of it, and a report for
    /// each year that has begun since.
    fn of_general_authorisations(&self, book: &Rulebook, today: Date) -> Result<Vec<Owed>, Refusal> {
        let mut first: BTreeMap<(Box<str>, Box<str>), FirstUse> = BTreeMap::new();
        let mut looked_at = BTreeSet::new();
        let permits =
            book.rules.iter().filter_map(|rule| rule.permit.as_ref().map(|permit| (&rule.id, permit)));
        let ids: BTreeSet<&str> = permits.map(|(id, _)| &**id).collect();
        for id in ids {
            let of_rule = BTreeSet::from([id]);
            let Some(term) = decision_terms(Outcome::Permitted, &of_rule).nth(1) else {
                continue;
            };
            for sequence in self.found(term)? {
                if !looked_at.insert(sequence) {
                    continue;
                }
                let recorded = match self.recorded(sequence) {
                    Ok(recorded) => recorded,
                    // An entry of another kind, or one of which nobody knows any more.
                    Err(Refusal::NotFound(_) | Refusal::Erased { .. }) => continue,
                    Err(refusal) => return Err(refusal),
                };
                let (decision, law) = (&recorded.decision, &recorded.snapshot.rulebook);
                if decision.outcome != Outcome::Permitted {
                    continue;
                }
                let used = decision.lines.iter().flat_map(|line| &line.findings);
                let used = used.filter(|finding| finding.effect == Effect::Permit);
                let export_date: Option<Date> = recorded.request.export_date.trim().parse().ok();
                let Some(export_date) = export_date else { continue };
                for finding in used {
                    let Finder::Rule(ix) = finding.finder else { continue };
                    let Some((rule, permit)) =
                        law.rule(ix).and_then(|rule| Some((rule, rule.permit.as_ref()?)))
                    else {
                        continue;
                    };
                    // A decision under an older rulebook asks the one in force where its own does not say.
                    let same =
                        || book.rules.iter().find(|now| (&now.id, now.version) == (&rule.id, rule.version));
                    let notice = permit.first_use_notice;
                    let notice = notice.or_else(|| same()?.permit.as_ref()?.first_use_notice);
                    let key = (recorded.exporter(), permit.authorisation.clone());
                    if first.get(&key).is_some_and(|known| known.on <= export_date) {
                        continue;
                    }
                    let exporter = recorded.request.exporter.as_ref();
                    let reports =
                        finding.duties.iter().any(|duty| law.vocabulary.duties.id(*duty) == REPORT_YEARLY);
                    let owed = FirstUse {
                        on: export_date,
                        notice,
                        reports,
                        holder: exporter.map(|exporter| exporter.name.clone()).unwrap_or_default(),
                        citation: rule.citation.clone(),
                        evidence: recorded.id().to_string(),
                    };
                    first.insert(key, owed);
                }
            }
        }
        let mut owed = Vec::new();
        for ((_, authorisation), first) in first {
            let told = |duty: &str, since: Date, due: Date| Owed {
                duty: duty.to_owned(),
                title: duty_title(book, duty),
                citation: Some(first.citation.clone()),
                holder: first.holder.clone(),
                paper: authorisation.to_string(),
                since,
                due,
                done: None,
                evidence: first.evidence.clone(),
            };
            let due = match first.notice {
                Some(Notice::Within(days)) => first.on.checked_add(i32::from(days).days()).ok(),
                Some(Notice::Before(days)) => first.on.checked_sub(i32::from(days).days()).ok(),
                None => None,
            };
            owed.extend(due.map(|due| told(NOTIFY_FIRST_USE, first.on, due)));
            let mut since = first.on;
            while first.reports && since <= today {
                let Ok(due) = since.checked_add(1.year()) else { break };
                owed.push(told(REPORT_YEARLY, since, due));
                since = due;
            }
        }
        Ok(owed)
    }

    /// The ended half-years in which goods left on a licence, each with its shipments.
    fn half_years(&self, held: &Held, today: Date) -> Result<Vec<(Date, String)>, Refusal> {
        if held.terms().kind.is_general() || is_untouched(held) {
            return Ok(Vec::new());
        }
        let mut ends: BTreeMap<Date, Vec<String>> = BTreeMap::new();
        for sequence in self.of_licence(&held.terms().number)? {
            let Some((_, note, _)) = self.note_at(sequence)? else { continue };
            let Event::ShipmentConfirmed(shipment) = note.event else { continue };
            let is_of_it = shipment.drawn.iter().any(|drawn| *drawn.licence == *held.terms().number);
            let end = end_of_half_year(shipment.export_date);
            if is_of_it && end < today {
                ends.entry(end).or_default().push(format!("entry {sequence}"));
            }
        }
        Ok(ends.into_iter().map(|(end, shipments)| (end, shipments.join(", "))).collect())
    }
}

/// Has nothing left on it?
fn is_untouched(held: &Held) -> bool {
    held.lines().all(|(_, balance)| balance.confirmed_quantity.is_zero() && balance.confirmed_value.is_zero())
}

fn duty_title(book: &Rulebook, id: &str) -> TextDoc {
    let duties = &book.vocabulary.duties;
    let entry = duties.find(id).and_then(|word| duties.entry(word));
    entry.map_or_else(TextDoc::default, |entry| TextDoc {
        en: entry.title_en.to_string(),
        nl: entry.title_nl.to_string(),
    })
}
