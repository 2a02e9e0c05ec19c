//! `slagboom witness` from outside: the program, real sockets, and the client that a daemon asks it with.

mod client;
mod daemon;
mod protocol;
mod state;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

use slagboom::ledger::{AddCheckpoint, Cosignature, Signature, Verifier};

use crate::ledger::log_key;
pub use crate::ledger::witnesses::{checkpoint, continuing, request};

/// A witness as its user starts it, on a free port.
pub struct Running {
    child: Child,
    pub address: SocketAddr,
    pub vkey: Verifier,
    pub banner: String,
}

impl Running {
    /// A witness of the log of these tests.
    pub fn start(state: &Path) -> Running {
        Running::start_with(state, &["--log", &log_key().verifier().to_string()])
    }

    pub fn start_with(state: &Path, more: &[&str]) -> Running {
        let mut child = command(state, more).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
        let mut banner = Vec::new();
        for line in lines {
            let last = line.starts_with("daemon ");
            banner.push(line);
            if last {
                break;
            }
        }
        let value = |word: &str| {
            let line = banner.iter().find(|line| line.contains(word));
            line.unwrap_or_else(|| panic!("no {word} in {banner:?}")).rsplit(' ').next().unwrap().to_owned()
        };
        let (address, vkey) = (value(" witnesses on ").parse().unwrap(), value("vkey ").parse().unwrap());
        Running { child, address, vkey, banner: banner.join("\n") }
    }

    /// As a power cut ends it.
    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn signal(&self, signal: rustix::process::Signal) {
        rustix::process::kill_process(rustix::process::Pid::from_child(&self.child), signal).unwrap();
    }

    pub fn ended(&mut self) -> Option<i32> {
        self.child.wait().unwrap().code()
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
        stream
    }

    /// Sends the body of a request to add a checkpoint.
    pub fn post(&self, body: &[u8]) -> Reply {
        self.ask("POST", "/add-checkpoint", body)
    }

    pub fn ask(&self, method: &str, path: &str, body: &[u8]) -> Reply {
        let mut stream = self.connect();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: w\r\nconnection: close\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(&[head.as_bytes(), body].concat()).unwrap();
        Reply::read(&mut stream)
    }

    /// The cosignature that it gives for this request, verified.
    pub fn cosigns(&self, request: &AddCheckpoint) -> Cosignature {
        let reply = self.post(request.encode().as_bytes());
        assert_eq!(reply.status, 200, "{}", reply.body);
        let signature = Signature::parse(reply.body.strip_suffix('\n').unwrap()).unwrap();
        Cosignature::verify(&self.vkey, request.checkpoint.text(), &signature).unwrap()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An answer, as it came.
#[derive(Debug)]
pub struct Reply {
    pub status: u16,
    pub content_type: String,
    pub body: String,
}

impl Reply {
    /// Reads an answer until the connection is closed.
    pub fn read(stream: &mut TcpStream) -> Reply {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        let (head, body) = text.split_once("\r\n\r\n").unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        let content_type = head.lines().find_map(|line| line.strip_prefix("content-type: "));
        Reply { status, content_type: content_type.unwrap_or_default().to_owned(), body: body.to_owned() }
    }
}

fn command(state: &Path, more: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_slagboom"));
    command.args(["witness", "--state"]).arg(state).args(more).env("SLAGBOOM_LOG", "error");
    if !more.contains(&"--listen") {
        command.args(["--listen", "127.0.0.1:0"]);
    }
    command
}

/// Runs a witness that is expected not to start.
pub fn refused_start(state: &Path, more: &[&str]) -> (i32, String) {
    let output = command(state, more).stdin(Stdio::null()).output().unwrap();
    ended(&output)
}

/// Exit code and what was said, for an end without data.
pub fn ended(output: &Output) -> (i32, String) {
    assert_eq!(String::from_utf8_lossy(&output.stdout), "");
    (output.status.code().unwrap(), String::from_utf8(output.stderr.clone()).unwrap())
}

pub fn show(state: &Path, more: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_slagboom"))
        .args(["witness", "show", "--state"])
        .arg(state)
        .args(more)
        .output()
        .unwrap()
}
