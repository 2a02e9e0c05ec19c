//! What to do next, for the clerk who holds the goods.

use crate::domain::outcome::Outcome;

/// Advice in English and Dutch.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Advice {
    /// English.
    pub en: &'static str,
    /// Dutch.
    pub nl: &'static str,
}

/// What to do after this outcome.
#[must_use]
pub const fn advice(outcome: Outcome) -> Advice {
    match outcome {
        Outcome::Permitted => Advice {
            en: "The goods may leave, for exactly this content and until the date that the answer holds. Keep the \
                 decision id with the document, and fulfil the duties.",
            nl: "De goederen mogen weg, voor precies deze inhoud en tot en met de dag waarop het antwoord geldt. Bewaar \
                 het beslissingsnummer bij het document en voldoe aan de verplichtingen.",
        },
        Outcome::LicenceRequired => Advice {
            en: "Hold the goods. Apply for a licence at the CDIU, or offer one that covers them, and ask again with a new \
                 request id.",
            nl: "Houd de goederen vast. Vraag een vergunning aan bij de CDIU, of geef een vergunning op die ze dekt, en \
                 vraag opnieuw met een nieuw request id.",
        },
        Outcome::LicenceInsufficient => Advice {
            en: "Hold the goods. The licence offered does not cover them: see why. Offer another one, have it amended, or \
                 ship less, and ask again with a new request id.",
            nl: "Houd de goederen vast. De opgegeven vergunning dekt ze niet: zie waarom. Geef een andere op, laat haar \
                 wijzigen, of zend minder, en vraag opnieuw met een nieuw request id.",
        },
        Outcome::Review => Advice {
            en: "Hold the goods. Supply the facts that are missing and ask again with a new request id that supersedes \
                 this decision, or let a compliance officer decide.",
            nl: "Houd de goederen vast. Vul de ontbrekende gegevens aan en vraag opnieuw met een nieuw request id dat deze \
                 beslissing vervangt, of laat een compliance officer beslissen.",
        },
        Outcome::LicenceSuspended => Advice {
            en: "Hold the goods. The licence that would cover them is suspended. Ask again with a new request id when the \
                 suspension is lifted.",
            nl: "Houd de goederen vast. De vergunning die ze zou dekken is geschorst. Vraag opnieuw met een nieuw request \
                 id als de schorsing is opgeheven.",
        },
        Outcome::Prohibited => Advice {
            en: "Hold the goods; they may not leave. Only other goods, another destination or end user, an exemption, or \
                 an authorisation under the act itself can change that.",
            nl: "Houd de goederen vast; ze mogen niet weg. Alleen andere goederen, een andere bestemming of eindgebruiker, \
                 een uitzondering, of een vergunning op grond van de regeling zelf verandert dat.",
        },
    }
}
