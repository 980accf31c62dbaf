//! If nobody reads the log, or it cannot be written, the host still serves requests and reports how many lines were
//! lost.

use std::fs::File;
use std::io::{Read, pipe};
use std::process::Stdio;

use jobhost_tests::{Client, Login, LooseHost, Options, artifacts, eventually};
use serde_json::json;

/// Sends typical requests of a client, and stops the host in order.
fn serves_and_stops(host: &mut LooseHost, client: &Client) {
    client.serves_others();
    assert!(lost(client) > 0, "no lost line is counted");
    assert!(host.stop().success());
}

fn lost(client: &Client) -> u64 {
    let figures = client.send(&Login::Nobody, "GET", "/metrics", None, b"").text;
    let line = figures.lines().find_map(|line| line.strip_prefix("jobhost_log_lines_lost_total "));
    line.unwrap_or_else(|| panic!("no such figure in {figures}")).parse().expect("a number")
}

#[test]
fn the_host_survives_the_end_of_the_process_that_reads_its_log() {
    let (reader, writer) = pipe().expect("a pipe");
    let mut host = LooseHost::spawn(&Options::new(), Stdio::piped(), writer);
    let client = host.ready();
    drop(reader);
    serves_and_stops(&mut host, &client);
}

#[test]
fn the_host_survives_a_full_disk_for_its_log() {
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut host = LooseHost::spawn(&Options::new(), Stdio::piped(), full);
    let client = host.ready();
    serves_and_stops(&mut host, &client);
}

#[test]
fn a_log_that_nobody_reads_does_not_delay_requests() {
    let (mut reader, writer) = pipe().expect("a pipe");
    let mut host = LooseHost::spawn(&Options::new().set("log.level", "trace"), Stdio::piped(), writer);
    let client = host.ready();
    // Until the pipe is more than full.
    while lost(&client) == 0 {
        client.serves_others();
    }
    client.serves_others();
    // As soon as somebody reads again, logging resumes.
    let reading = std::thread::spawn(move || {
        let mut log = Vec::new();
        reader.read_to_end(&mut log).expect("the pipe");
        String::from_utf8_lossy(&log).into_owned()
    });
    let before = lost(&client);
    eventually("a line that is not lost", || {
        let before = lost(&client);
        client.serves_others();
        (lost(&client) == before).then_some(())
    });
    assert!(before > 0);
    assert!(host.stop().success());
    let log = reading.join().expect("the reader");
    assert!(log.contains("stopping"), "nothing is logged after the pipe was read");
}

#[test]
fn a_host_without_stdout_serves() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let full = File::options().write(true).open("/dev/full").expect("/dev/full");
    let mut host = LooseHost::spawn(&Options::new(), full, log.reopen().expect("the file"));
    let address = eventually("the address in the log", || {
        let log = std::fs::read_to_string(log.path()).expect("the log");
        let (_, after) = log.lines().find(|line| line.contains(" ready address="))?.split_once("address=")?;
        Some(after.split_whitespace().next()?.to_owned())
    });
    host.client(&format!("http://{address}")).serves_others();
    assert!(host.stop().success());
}

#[test]
fn the_command_line_reports_that_stdout_cannot_be_written() {
    let guest = artifacts::guest("traps");
    for arguments in [&["config"][..], &["plugin", "check", guest.to_str().expect("UTF-8")]] {
        let mut command = artifacts::command();
        command.args(arguments);
        let full = || File::options().write(true).open("/dev/full").expect("/dev/full");
        let output = command.stdout(full()).stderr(Stdio::piped()).output().expect("jobhost runs");
        let told = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{told}");
        assert!(told.contains("stdout cannot be written"), "{told}");
        // Without either stream, only the exit status is left.
        let status = command.stdout(full()).stderr(full()).status().expect("jobhost runs");
        assert_eq!(status.code(), Some(1));
        // `jobhost config | head -1` is not an error.
        let (reader, writer) = pipe().expect("a pipe");
        drop(reader);
        assert!(command.stdout(writer).stderr(Stdio::piped()).status().expect("jobhost runs").success());
    }
}

#[test]
fn a_new_administrator_is_reported_in_the_format_of_the_log() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let options = Options::new().set("log.format", "json").without_password();
    let mut host = LooseHost::spawn(&options, Stdio::piped(), log.reopen().expect("the file"));
    let made = eventually("the administrator", || {
        let log = std::fs::read_to_string(log.path()).expect("the log");
        log.lines().find(|line| line.contains("created the administrator")).map(str::to_owned)
    });
    let line: serde_json::Value = serde_json::from_str(&made).expect("JSON");
    assert_eq!(line["fields"]["username"], json!("HDB_ADMIN"), "{line:#}");
    // The signal may arrive at any time.
    assert!(host.stop().success());
}
