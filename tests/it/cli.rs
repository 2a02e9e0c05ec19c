//! The program itself: exit codes, and the JSON that others script against.

use std::process::{Command, Output, Stdio};

use serde_json::Value;

pub fn slagboom(args: &[&str]) -> Output {
    slagboom_with(args, "")
}

pub fn slagboom_with(args: &[&str], stdin: &str) -> Output {
    use std::io::Write;
    let mut child = Command::new(env!("CARGO_BIN_EXE_slagboom"))
        .args(args)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .env_remove("SLAGBOOM_DATA")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // An error means that the program ended without reading.
    let _ = child.stdin.take().unwrap().write_all(stdin.as_bytes());
    child.wait_with_output().unwrap()
}

pub fn code(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {}", text(&output.stderr)))
}

pub fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

pub fn json(output: &Output) -> Value {
    serde_json::from_slice(&output.stdout)
        .unwrap_or_else(|error| panic!("{error}: {}\n{}", text(&output.stdout), text(&output.stderr)))
}

/// A copy of the shipped rulebook with one text of one file replaced.
fn rules_with(file: &str, from: &str, to: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in slagboom::rulebook::Bundle::built_in().files() {
        let text = if path == file {
            assert!(text.contains(from), "{from:?} is not in {file}");
            text.replacen(from, to, 1)
        } else {
            text.to_owned()
        };
        let path = folder.path().join(path);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    }
    folder
}

#[test]
fn wrong_usage_ends_with_64_and_help_with_0() {
    for args in
        [&["fly"][..], &["check"], &["test", "--format", "xml"], &["serve", "--listen", "0.0.0.0:7443"], &[]]
    {
        let output = slagboom(args);
        assert_eq!(code(&output), 64, "{args:?}: {}", text(&output.stderr));
        assert_eq!(text(&output.stdout), "", "{args:?}");
    }
    for args in [&["--help"][..], &["--version"], &["check", "--help"]] {
        assert_eq!(code(&slagboom(args)), 0, "{args:?}");
    }
}

#[test]
fn worked_cases_come_as_the_contract_says() {
    let output = slagboom(&["test", "tests/cases/worked.yaml", "--format", "json"]);
    let report = json(&output);
    assert_eq!(report["total"], 60);
    let passed = report["passed"].as_u64().unwrap();
    let failed = report["failed"].as_array().unwrap();
    assert_eq!(code(&output), if failed.is_empty() { 0 } else { 4 });
    for row in failed {
        let mut keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
        keys.sort_unstable();
        assert_eq!(keys, ["expected", "field", "file", "got", "id"]);
        assert_eq!(
            (row["id"].as_str(), row["file"].as_str()),
            (Some("S57"), Some("tests/cases/worked.yaml"))
        );
    }
    assert!(passed >= 59);
}

#[test]
fn cases_end_with_4_when_one_fails_and_2_when_a_file_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let cases = folder.path().join("cases.yaml");
    let request = std::fs::read_to_string("examples/04-routers-to-russia.yaml").unwrap();
    let indented = format!("      {}\n", request.trim_end().replace('\n', "\n      "));
    let file = format!(
        "cases:\n  - id: C1\n    title: t\n    request:\n{indented}    expect: {{outcome: PERMITTED}}\n"
    );
    std::fs::write(&cases, file).unwrap();
    let cases = cases.to_str().unwrap();
    let output = slagboom(&["test", cases, "--format", "json"]);
    assert_eq!(code(&output), 4);
    let report = json(&output);
    assert_eq!(report["failed"][0]["got"], "PROHIBITED");
    assert_eq!((report["total"].as_u64(), report["passed"].as_u64()), (Some(1), Some(0)));
    assert_eq!(code(&slagboom(&["test", "no/such/file.yaml"])), 2);
    std::fs::write(folder.path().join("bad.yaml"), "cases: [{id: 1, titel: x}]").unwrap();
    let output = slagboom(&["test", folder.path().join("bad.yaml").to_str().unwrap()]);
    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("bad.yaml:1:"), "{}", text(&output.stderr));
}

#[test]
fn lint_ends_with_3_and_says_where() {
    assert_eq!(code(&slagboom(&["lint", "rules"])), 0);
    assert_eq!(code(&slagboom(&["lint", "no/such/folder"])), 2);
    let folder = rules_with("acts/269-2014.yaml", "effects:", "efects:");
    let output = slagboom(&["lint", folder.path().to_str().unwrap(), "--format", "json"]);
    assert_eq!(code(&output), 3);
    let rows = json(&output);
    let row = rows.as_array().unwrap().first().unwrap();
    let mut keys: Vec<&str> = row.as_object().unwrap().keys().map(String::as_str).collect();
    keys.sort_unstable();
    assert_eq!(keys, ["code", "column", "file", "help", "line", "message", "severity"]);
    assert_eq!(
        (row["file"].as_str(), row["code"].as_str()),
        (Some("acts/269-2014.yaml"), Some("unknown_field"))
    );
    assert!(row["line"].as_u64().unwrap() > 1 && row["column"].as_u64().unwrap() > 0);
    assert_eq!(code(&slagboom(&["test", "--rules", folder.path().to_str().unwrap()])), 3);
}

#[cfg(feature = "daemon")]
pub mod with_the_daemon {
    use std::io::{BufRead, BufReader};
    use std::path::Path;
    use std::process::Child;
    use std::time::{Duration, Instant};

    use super::*;

    const EXAMPLE: &str = "examples/04-routers-to-russia.yaml";

    #[test]
    fn check_in_place_answers_and_ends_by_the_worst() {
        let output =
            slagboom(&["check", "examples/01-office-chairs-to-the-united-states.yaml", "--format", "json"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let decision = &json(&output)["decision"];
        assert_eq!(
            (decision["outcome"].as_str(), decision["basis"].as_str()),
            (Some("OUTCOME_PERMITTED"), Some("BASIS_NOT_CONTROLLED"))
        );
        assert_eq!(decision["dryRun"], true);
        let output = slagboom(&["check", EXAMPLE, "--format", "json"]);
        assert_eq!(code(&output), 1);
        let finding = &json(&output)["decision"]["findings"][0];
        assert_eq!(finding["rule"], "RU-833-ART2-2022");
        assert_eq!(finding["citation"]["celex"], "32014R0833");
        assert_eq!(finding["effectiveFrom"], "2022-02-26");
    }

    #[test]
    fn several_requests_make_an_array_and_a_case_file_uses_what_it_gives() {
        let output = slagboom(&["check", "tests/cases/worked.yaml", "--format", "json"]);
        // S47 is malformed on purpose, so the end is 2; all others are answered.
        assert_eq!(code(&output), 2);
        let answers = json(&output);
        assert_eq!(answers.as_array().unwrap().len(), 59);
        assert_eq!(answers[0]["decision"]["basis"], "BASIS_LICENCE");
        assert_eq!(answers[0]["decision"]["allocations"][0]["remainingValue"], "955000.00");
        assert!(text(&output.stderr).contains("S47"), "{}", text(&output.stderr));
    }

    #[test]
    fn json_on_standard_input_is_read_and_every_bad_field_named() {
        let request = r#"{"export_date": "2022-02-30", "goods": [{"code": "5AOO2", "quantity": "0", "unit": "", "value": "1", "currency": "EUR"}]}"#;
        let output = slagboom_with(&["check", "-"], request);
        assert_eq!(code(&output), 2);
        let said = text(&output.stderr);
        for field in [
            "export_date",
            "goods[0].code",
            "goods[0].quantity",
            "goods[0].unit",
            "exporter",
            "consignee",
            "end_user",
            "destination",
        ] {
            assert!(said.contains(&format!("  {field}: ")), "{field} is not named:\n{said}");
        }
        assert_eq!(code(&slagboom_with(&["check", "-"], "exporter: [")), 2);
        assert_eq!(code(&slagboom_with(&["check", "-"], "exportdate: x")), 2);
        let output = slagboom(&["check", EXAMPLE, "--server", "http://127.0.0.1:1"]);
        assert_eq!(code(&output), 2);
        // Each cause is said once.
        assert_eq!(text(&output.stderr).matches("os error").count(), 1, "{}", text(&output.stderr));
    }

    /// Once a list without requests ended with 0, as if all of it were permitted (`never_permit_by_default`).
    #[test]
    fn nothing_asked_is_not_all_permitted() {
        for nothing in ["[]", "cases: []", "", "~"] {
            let output = slagboom_with(&["check", "-", "--format", "json"], nothing);
            assert_eq!((code(&output), text(&output.stdout)), (2, String::new()), "{nothing:?}");
            assert!(text(&output.stderr).contains("holds no request"), "{}", text(&output.stderr));
        }
    }

    /// Once `check … | head -1` ended with 0 whatever the answer was, because the reader was gone.
    #[test]
    fn a_reader_that_leaves_does_not_turn_a_no_into_a_yes() {
        let mut child = Command::new(env!("CARGO_BIN_EXE_slagboom"))
            .args(["check", EXAMPLE])
            .current_dir(env!("CARGO_MANIFEST_DIR"))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        drop(child.stdout.take());
        let output = child.wait_with_output().unwrap();
        assert_eq!((code(&output), text(&output.stderr)), (1, String::new()));
    }

    /// Once `--data data` failed, because the parent of a bare name is the empty path; a Unix socket is named as shortly.
    #[test]
    fn serve_takes_bare_names_and_listens_on_a_unix_socket() {
        let folder = tempfile::tempdir().unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_slagboom"))
            .args(["serve", "--data", "data", "--listen", "unix:gate", "--log", "error"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        assert_eq!(
            lines.next().as_deref(),
            Some(&*format!("slagboom {} listens on unix:gate", env!("CARGO_PKG_VERSION")))
        );
        let server = format!("unix:{}", folder.path().join("gate").display());
        let output = slagboom(&["check", EXAMPLE, "--server", &server]);
        assert_eq!(code(&output), 1, "{}", text(&output.stderr));
        assert!(text(&output.stdout).contains("at sequence 1; "), "{}", text(&output.stdout));
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn tokens_are_made_shown_once_used_and_revoked() {
        let folder = tempfile::tempdir().unwrap();
        let run = |args: &[&str], token: Option<&str>| {
            let mut command = Command::new(env!("CARGO_BIN_EXE_slagboom"));
            command.args(args).current_dir(folder.path()).env_remove("SLAGBOOM_TOKEN");
            if let Some(token) = token {
                command.env("SLAGBOOM_TOKEN", token);
            }
            command.output().unwrap()
        };
        for (wrong, exit) in [
            (&["token", "list"][..], 2),
            (&["token", "revoke", "0123"], 2),
            (&["token", "new", "erp"], 64),
            (&["token", "new", "erp", "--role", "root"], 64),
            (&["token", "new", "two words", "--role", "erp"], 64),
            (&["serve", "--tokens", "nowhere.yaml", "--data", "data"], 2),
        ] {
            let output = run(wrong, None);
            assert_eq!(code(&output), exit, "{wrong:?}: {}", text(&output.stderr));
        }
        assert!(!folder.path().join("data").exists(), "nothing was opened without the tokens asked for");
        let output =
            run(&["token", "new", "erp-1", "--role", "erp", "--exporter", "Voorbeeld Netwerken BV"], None);
        let token = text(&output.stdout).trim().to_owned();
        assert!(token.starts_with("slagboom_"), "{token}");
        let listed = json(&run(&["token", "list", "--format", "json"], None));
        assert_eq!(listed["tokens"][0]["name"], "erp-1");
        let id = listed["tokens"][0]["id"].as_str().unwrap().to_owned();

        // The file is there, so it is used.
        let mut child = Command::new(env!("CARGO_BIN_EXE_slagboom"))
            .args(["serve", "--data", "data", "--listen", "unix:gate", "--log", "off"])
            .current_dir(folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let said: Vec<String> = lines.take(5).collect();
        assert!(
            said.iter().any(|line| line == "callers  by the tokens of `./slagboom-tokens.yaml`"),
            "{said:?}"
        );
        let example = Path::new(env!("CARGO_MANIFEST_DIR")).join(EXAMPLE);
        let server = format!("unix:{}", folder.path().join("gate").display());
        let check = ["check", example.to_str().unwrap(), "--server", &server];
        let output = run(&check, None);
        assert_eq!(code(&output), 2);
        assert!(text(&output.stderr).contains("UNAUTHENTICATED"), "{}", text(&output.stderr));
        assert_eq!(code(&run(&check, Some(&token))), 1);
        assert_eq!(code(&run(&["token", "revoke", &id], None)), 0);
        let deadline = Instant::now() + Duration::from_secs(20);
        while code(&run(&check, Some(&token))) != 2 {
            assert!(Instant::now() < deadline, "a revoked token is still good");
        }
        child.kill().unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn licences_are_imported_all_or_none_listed_and_suspended() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut daemon = Daemon::start(&data, &[]);
        let server = daemon.server.clone();
        let bad = folder.path().join("bad.csv");
        std::fs::write(
            &bad,
            "number,kind,holder,eccn,value,country,valid_from,valid_until\n\
             NL-1,individual,Voorbeeld BV,5A002,100,IN,2022-01-01,2022-12-31\n\
             NL-2,private,Voorbeeld BV,5A,-1,India,2022-01-01,2021-12-31\n\
             NL-3,individual,,5A002,100,IN,,\n",
        )
        .unwrap();
        let output = slagboom(&["licence", "import", bad.to_str().unwrap(), "--server", &server]);
        assert_eq!(code(&output), 2);
        let told = text(&output.stderr);
        for fault in [
            "bad.csv:3: kind",
            "bad.csv:3: lines[0].code",
            "bad.csv:3: lines[0].value",
            "bad.csv:3: destinations[0]",
            "bad.csv:3: valid_until",
            "bad.csv:4: holder",
        ] {
            assert!(told.contains(fault), "{fault} is not in {told}");
        }
        assert!(!told.contains("bad.csv:2"), "{told}");
        let list = |more: &[&str]| {
            let args = [&["licence", "list", "--format", "json", "--server", &server], more].concat();
            let output = slagboom(&args);
            json(&output)["licences"].as_array().map_or(0, Vec::len)
        };
        assert_eq!(list(&[]), 0, "nothing was imported");

        let register = "examples/licences/nl_dual_use_russia_2014_2022.csv";
        for recorded in [389, 0] {
            let args = ["licence", "import", register, "--server", &server, "--format", "json"];
            assert_eq!(json(&slagboom(&args))["recorded"], recorded);
        }
        // The figures of the article.
        let running = ["--country", "RU", "--usable-on", "2022-02-24"];
        assert_eq!((list(&[]), list(&running)), (389, 54));
        let args =
            ["licence", "suspend", "--country", "RU", "--kind", "individual,global", "--from", "2022-02-24"];
        let more = ["--reason", "February 2022", "--server", &server, "--format", "json"];
        let stopped = json(&slagboom(&[&args[..], &more].concat()));
        assert_eq!(
            (stopped["licences"].as_str(), stopped["unusable"][0]["value"].as_str()),
            (Some("54"), Some("427318905"))
        );
        assert_eq!(list(&running), 0);
        assert_eq!(list(&["--country", "RU", "--usable-on", "2022-02-23"]), 54);
        let suspension = stopped["recorded"]["sequence"].as_str().unwrap();
        let lifting = [
            "licence",
            "lift",
            suspension,
            "--from",
            "2022-02-24",
            "--reason",
            "rehearsal over",
            "--server",
            &server,
        ];
        assert_eq!(code(&slagboom(&lifting)), 0);
        assert_eq!(list(&running), 54);
        let end = |verb: &str, number: &str| {
            code(&slagboom(&[
                "licence",
                verb,
                number,
                "--from",
                "2022-02-01",
                "--reason",
                "test",
                "--server",
                &server,
            ]))
        };
        assert_eq!(
            (end("revoke", "NL-DU-2020-0359"), end("return", "NL-DU-2019-0289"), end("return", "NL-0")),
            (0, 0, 2)
        );
        assert_eq!(list(&running), 52);
        assert_eq!(daemon.signal(rustix::process::Signal::TERM), 0);
        let shown = slagboom(&["licence", "show", "NL-DU-2020-0359", "--data", data.to_str().unwrap()]);
        assert!(text(&shown.stdout).contains("revoked 2022-02-01"), "{}", text(&shown.stdout));
    }

    #[test]
    fn the_report_gives_the_figures_that_were_counted() {
        let folder = tempfile::tempdir().unwrap();
        let daemon = Daemon::start(&folder.path().join("data"), &[]);
        let server = daemon.server.clone();
        let register = "examples/licences/nl_dual_use_russia_2014_2022.csv";
        assert_eq!(code(&slagboom(&["licence", "import", register, "--server", &server])), 0);
        let report = |more: &[&str]| {
            let args = [
                &["report", "licences", "--at", "2022-02-24", "--format", "json", "--server", &server],
                more,
            ]
            .concat();
            json(&slagboom(&args))["rows"].clone()
        };
        let row = |rows: &Value| {
            let value = |name: &str| rows[0]["values"][0][name].as_str().unwrap().to_owned();
            let count = |name: &str| rows[0][name].as_u64().unwrap();
            (
                [count("licences"), count("running"), count("usable")],
                [value("granted"), value("granted_of_running"), value("left_of_usable")],
            )
        };
        let texts = |values: [&str; 3]| values.map(str::to_owned);
        let (all, security) = (report(&[]), report(&["--eccn", "5A002,5D002,5E002"]));
        assert_eq!(row(&all), ([389, 54, 54], texts(["2594420716", "427318905", "427318905"])));
        assert_eq!(row(&security), ([158, 29, 29], texts(["2104317482", "423106744", "423106744"])));
        let years = report(&["--by", "year"]);
        assert_eq!(years.as_array().unwrap().len(), 9);
        for (by, groups) in [("country", 1), ("category", 10), ("regime", 6), ("kind", 1)] {
            let rows = report(&["--by", by]);
            let rows = rows.as_array().unwrap();
            assert_eq!(rows.len(), groups, "{by}");
            let licences: u64 = rows.iter().map(|row| row["licences"].as_u64().unwrap()).sum();
            assert_eq!(licences, 389, "{by}");
        }
        let year = report(&["--from", "2021-01-01", "--until", "2021-12-31"]);
        assert_eq!(year[0]["licences"], 18);
        let args =
            ["licence", "suspend", "--country", "RU", "--from", "2022-02-24", "--reason", "February 2022"];
        assert_eq!(code(&slagboom(&[&args[..], &["--server", &server]].concat())), 0);
        assert_eq!(row(&report(&[])), ([389, 54, 0], texts(["2594420716", "427318905", "0"])));
    }

    #[test]
    fn february_2022_can_be_rehearsed() {
        let output = slagboom(&["demo", "february-2022"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let shown = text(&output.stdout);
        for words in [
            "389 licences recorded",
            "54 licences that are valid on that day",
            "5 open reservations",
            "licences that may still be used: 0",
            "it is suspended since 2022-02-24",
            "for 2022-02-25: LICENCE_SUSPENDED",
            "for 2022-02-28: PROHIBITED",
            "8 decisions, 8 the same to the byte",
            "PERMITTED → PROHIBITED",
        ] {
            assert!(shown.contains(words), "{words} is not shown:\n{shown}");
        }
    }

    #[test]
    fn demo_shows_the_product_and_ends_well() {
        let output = slagboom(&["demo"]);
        assert_eq!(code(&output), 0, "{}", text(&output.stderr));
        let shown = text(&output.stdout);
        for word in [
            "PERMITTED",
            "PROHIBITED",
            "REVIEW",
            "LICENCE_REQUIRED",
            "A retry",
            "malformed",
            "the journal and sled agree",
        ] {
            assert!(shown.contains(word), "{word} is not shown:\n{shown}");
        }
    }

    /// A daemon as its user starts it, on a free port.
    pub struct Daemon {
        child: Child,
        pub server: String,
        pub banner: String,
    }

    impl Daemon {
        pub fn start(data: &Path, more: &[&str]) -> Self {
            Self::start_with(data, more, &[])
        }

        /// The same with these variables in its environment.
        pub fn start_with(data: &Path, more: &[&str], environment: &[(&str, &Path)]) -> Self {
            let mut child = Command::new(env!("CARGO_BIN_EXE_slagboom"))
                .args(["serve", "--listen", "127.0.0.1:0", "--log", "error", "--data"])
                .arg(data)
                .args(more)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .env_remove("SLAGBOOM_DATA")
                .envs(environment.iter().copied())
                .stdout(Stdio::piped())
                .spawn()
                .unwrap();
            let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
            let banner: Vec<String> = lines.by_ref().map_while(Result::ok).take(6).collect();
            let address =
                banner.first().and_then(|line| line.rsplit(' ').next()).expect("it says where it listens");
            Self { server: format!("http://{address}"), banner: banner.join("\n"), child }
        }

        pub fn signal(&mut self, signal: rustix::process::Signal) -> i32 {
            let pid = rustix::process::Pid::from_child(&self.child);
            rustix::process::kill_process(pid, signal).unwrap();
            self.child.wait().unwrap().code().unwrap_or(-1)
        }

        /// Waits until it ends by itself.
        pub fn ended(&mut self) -> i32 {
            self.child.wait().unwrap().code().unwrap_or(-1)
        }
    }

    impl Drop for Daemon {
        fn drop(&mut self) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }

    #[test]
    fn serve_check_and_log_work_together_and_after_a_restart() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("data");
        let mut daemon = Daemon::start(&data, &[]);
        for word in ["listens on 127.0.0.1:", "rulebook eu-nl", "rules", "lists", "try "] {
            assert!(daemon.banner.contains(word), "{word} is not in:\n{}", daemon.banner);
        }
        let server = daemon.server.clone();
        let asked = |server: &str| {
            let output = slagboom(&["check", EXAMPLE, "--server", server, "--format", "json"]);
            assert_eq!(code(&output), 1, "{}", text(&output.stderr));
            json(&output)["decision"].clone()
        };
        let (first, again) = (asked(&server), asked(&server));
        assert_eq!(first["decisionId"], again["decisionId"]);
        assert_eq!(again["answeredFromRecord"], true);
        let id = first["decisionId"].as_str().unwrap().to_owned();
        let listed = json(&slagboom(&[
            "log",
            "list",
            "--server",
            &server,
            "--outcome",
            "PROHIBITED",
            "--format",
            "json",
        ]));
        assert_eq!(listed["decisions"][0]["decision"]["decisionId"], id.as_str());
        assert_eq!(code(&slagboom(&["log", "list", "--server", &server, "--outcome", "MAYBE"])), 64);
        // While it runs, its folder is its own.
        let busy = slagboom(&["log", "list", "--data", data.to_str().unwrap()]);
        assert_eq!(code(&busy), 2);
        assert!(text(&busy.stderr).contains("in use"), "{}", text(&busy.stderr));
        assert_eq!(daemon.signal(rustix::process::Signal::TERM), 0);
        let shown =
            json(&slagboom(&["log", "show", &id, "--data", data.to_str().unwrap(), "--format", "json"]));
        assert_eq!(shown["recorded"]["decision"]["outcome"], "OUTCOME_PROHIBITED");
        // Damage to one copy is mended from the other, and never in silence (`two_copies`).
        flip_last_byte(&data.join("journal/00000000000000000000.journal"));
        let mended = slagboom(&["log", "show", &id, "--data", data.to_str().unwrap(), "--format", "json"]);
        assert_eq!(json(&mended), shown);
        assert!(text(&mended.stderr).contains("restored"), "{}", text(&mended.stderr));
        let daemon = Daemon::start(&data, &[]);
        assert_eq!(asked(&daemon.server)["decisionId"], id.as_str());
        assert_eq!(code(&slagboom(&["log", "show", "D000000009901M86P7FK0", "--server", &daemon.server])), 2);
    }

    fn flip_last_byte(path: &Path) {
        let mut bytes = std::fs::read(path).unwrap();
        let last = bytes.iter().rposition(|byte| *byte != 0).unwrap();
        bytes[last] ^= 1;
        std::fs::write(path, bytes).unwrap();
    }

    /// INVARIANT (`last_good_rulebook`).
    #[test]
    fn serve_refuses_a_rulebook_that_does_not_hold() {
        let data = tempfile::tempdir().unwrap();
        let serve = |rules: &Path| {
            slagboom(&[
                "serve",
                "--data",
                data.path().join("d").to_str().unwrap(),
                "--listen",
                "127.0.0.1:0",
                "--rules",
                rules.to_str().unwrap(),
            ])
        };
        let broken = rules_with("acts/269-2014.yaml", "effects:", "efects:");
        assert_eq!(code(&serve(broken.path())), 3);
        let failing = rules_with("acts/269-2014_test.yaml", "outcome: PROHIBITED", "outcome: PERMITTED");
        let output = serve(failing.path());
        assert_eq!(code(&output), 4, "{}", text(&output.stderr));
        assert!(text(&output.stderr).contains("not put in force"));
    }
}
