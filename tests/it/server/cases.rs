//! The daemon decides as the worked cases say, over the wire.

use slagboom::{
    proto::v1::{self, check_answer},
    rulebook::{Bundle, case::GivenDoc, read_cases},
    server::grpc::convert,
};
use tokio_stream::StreamExt;

use crate::{
    cases::files,
    support::{Setup, TestServer, block_on, rulebook_of},
};

/// New year 2027: everything in the shipped rulebook is known.
const LATE_MS: i64 = 1_798_758_000_000;

#[test]
fn every_case_that_needs_no_given_comes_out_the_same_over_the_wire() {
    let book = rulebook_of(Bundle::built_in());
    let mut asked = Vec::new();
    let bundled = book.bundle.files().filter(|(file, _)| file.ends_with("_test.yaml"));
    let bundled: Vec<(String, String)> =
        bundled.map(|(file, text)| (file.to_owned(), text.to_owned())).collect();
    for (file, text) in bundled.into_iter().chain(files()) {
        for case in read_cases(&file, &text).unwrap().cases {
            // A recorded check looks at the law as it is known now, so cases of another moment stay out.
            if case.given == GivenDoc::default() && case.request.known_at.is_none() {
                let mut request = convert::request_message(case.request.clone()).unwrap();
                request.request_id = format!("{file}/{}", case.id);
                asked.push((request, case));
            }
        }
    }
    assert!(asked.len() > 500, "only {} cases", asked.len());
    let server = TestServer::start_with(Setup { rulebook: book, ..Setup::default() });
    server.clock.set(LATE_MS);
    let items: Vec<_> =
        asked.iter().map(|(request, _)| v1::CheckExportsRequest { request: Some(request.clone()) }).collect();
    let answers: Vec<v1::CheckAnswer> = block_on(async {
        let answers = server.control().await.check_exports(tokio_stream::iter(items)).await.unwrap();
        answers.into_inner().map(|answer| answer.unwrap().answer.unwrap()).collect().await
    });
    assert_eq!(answers.len(), asked.len());
    let mut wrong = Vec::new();
    for (answer, (_, case)) in answers.iter().zip(&asked) {
        let (outcome, rules) = match answer.result.as_ref().unwrap() {
            check_answer::Result::Decision(decision) => (
                decision.outcome().as_str_name().trim_start_matches("OUTCOME_").to_owned(),
                decision.findings.iter().map(|finding| finding.rule.clone()).collect(),
            ),
            check_answer::Result::Error(error) => (error.reason.clone(), Vec::new()),
        };
        let missing: Vec<_> = case.expect.rules.iter().filter(|rule| !rules.contains(rule)).collect();
        if outcome != case.expect.outcome || !missing.is_empty() {
            wrong.push(format!(
                "{}: expected {}, got {outcome}, without {missing:?}",
                answer.request_id, case.expect.outcome
            ));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
