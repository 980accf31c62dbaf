//! `cargo xtask demo`: takes a fresh clone to a finished job and shows its result, using only the public interfaces.

mod scene;

use crate::{components, toolchain};
use jobhost_testkit::failure::{Doing, Failure, Result};
use jobhost_testkit::{Configuration, Host, process, repository};
use std::net::TcpListener;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// The default port, which is also Harper's.
const PORT: u16 = 9925;

/// Builds everything, then runs the demo. With `once`, the host stops at the end.
pub fn run(once: bool) -> Result<()> {
    let toolchain = toolchain::ensure()?;
    components::build_plugins(&toolchain)?;
    build_host()?;
    show(once)
}

/// Builds the host in the profile that demo, tests and benchmarks share.
pub fn build_host() -> Result<()> {
    println!("building the host (the engine takes some minutes the first time)");
    let mut cargo = Command::new("cargo");
    process::run(cargo.current_dir(repository::root()).args(["build", "--release", "--package", "jobhost"]))
}

/// Runs the demo with what is already built.
pub fn show(once: bool) -> Result<()> {
    let interrupted = interruptions()?;
    let folder = tempfile::Builder::new().prefix("jobhost-demo-").tempdir();
    let folder = folder.doing(|| "cannot make a folder for the demo's data".to_owned())?;
    let configuration = Configuration::new(repository::host_binary(), repository::built_plugins())
        .in_own_group()
        .set("server.listen", format!("127.0.0.1:{}", free_port()))
        .set("files.directories", repository::data_set().display());
    let played = play(folder.path(), &configuration, once, &interrupted);
    if played.is_err() {
        println!("the demo's data and log are kept in {}", folder.keep().display());
    }
    played
}

fn play(folder: &std::path::Path, configuration: &Configuration, once: bool, interrupted: &AtomicBool) -> Result<()> {
    let mut host = Host::start(configuration, folder)?;
    println!("the host listens on {}, its data is in {}", host.url(), folder.display());
    let credentials = scene::play(&host)?;
    if once {
        host.stop()?;
        println!("demo: the host stopped in order");
        return Ok(());
    }
    println!(
        "\nThe host keeps running until Ctrl-C. Try, in another terminal:\n\n{}\n",
        curl(host.url(), &credentials)
    );
    while !interrupted.load(Ordering::Relaxed) {
        if host.has_ended() {
            return Err(host.explain(Failure::new("the host ended by itself")));
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    println!("\nstopping the host");
    host.stop()
}

fn curl(url: &str, credentials: &str) -> String {
    let request = serde_json::json!({
        "operation": "search_by_value", "database": "demo", "table": "airports",
        "search_attribute": "state", "search_value": "AK", "get_attributes": ["iata", "name"], "limit": 5,
    });
    format!("curl {url} -u {credentials} -H 'content-type: application/json' \\\n  -d '{request}'")
}

/// Returns a flag that is set by SIGINT and SIGTERM.
fn interruptions() -> Result<Arc<AtomicBool>> {
    let flag = Arc::new(AtomicBool::new(false));
    for signal in [signal_hook::consts::SIGINT, signal_hook::consts::SIGTERM, signal_hook::consts::SIGHUP] {
        // The flag is checked when the demo is finished, which takes limited time. A second signal must not end this
        // program and leave the host running.
        signal_hook::flag::register(signal, Arc::clone(&flag)).doing(|| "cannot listen for Ctrl-C".to_owned())?;
    }
    Ok(flag)
}

/// Returns the default port, or 0 (any port) if it is in use.
fn free_port() -> u16 {
    if TcpListener::bind(("127.0.0.1", PORT)).is_ok() {
        return PORT;
    }
    println!("port {PORT} is taken, so the host takes a free one");
    0
}
