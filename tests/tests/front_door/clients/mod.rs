//! Published clients of other authors, unmodified, with every method that makes sense for a single host.

use std::process::Command;

use jobhost_tests::web::{OK_CSV, Page};
use jobhost_tests::{Host, Options, Web, artifacts};

const CSV: &str = "/dogs.csv";

fn start() -> (Web, Host) {
    let web = Web::start();
    web.page(CSV, Page::csv(OK_CSV));
    let host = Host::start(Options::new().set("urls.allow", web.address()));
    (web, host)
}

#[track_caller]
fn must_succeed(command: &mut Command) {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (told, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{told}\n{wrong}");
    assert_eq!(told.trim_end(), "every method did what it says", "{wrong}");
}

fn script(name: &str) -> std::path::PathBuf {
    artifacts::in_package("tests/front_door/clients").join(name)
}

#[test]
fn the_client_for_python_works_unmodified() {
    let (web, host) = start();
    let mut python = Command::new(artifacts::python());
    python.arg(script("client.py")).arg(host.url()).args([host.files(), host.exports()]).arg(web.url(CSV));
    must_succeed(&mut python);
}

#[test]
fn the_client_for_javascript_works_unmodified() {
    let (web, host) = start();
    let mut node = Command::new("node");
    node.env("NODE_PATH", artifacts::node_modules()).arg(script("client.cjs")).args([host.url(), &web.url(CSV)]);
    must_succeed(&mut node);
}
