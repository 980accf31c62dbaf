//! The host serves requests while it loads plugins. A plugin that loads slowly or never affects only itself, and a
//! temporary failure is retried.

use std::path::Path;
use std::process::Stdio;

use jobhost_tests::components::{component, describing, enlarged, laborious, memory};
use jobhost_tests::{Host, LooseHost, Options, artifacts, eventually};
use rustix::process::Signal;
use serde_json::{Value, json};

/// Longer than a test waits for anything.
const FOREVER_SECONDS: u64 = 600;

/// Starts a host with these files in its plugin folder.
fn started_with(options: Options, files: &[(&str, &[u8])]) -> Host {
    let mut host = Host::start(options);
    host.stop();
    for (name, bytes) in files {
        std::fs::write(host.plugins().join(name), bytes).expect("a file");
    }
    host.restart();
    host
}

fn patient() -> Options {
    Options::new().set("sandbox.plan_milliseconds", FOREVER_SECONDS * 1000)
}

/// Takes far longer to compile than a test waits.
fn dear() -> Vec<u8> {
    enlarged(&component("sleeps"), &laborious(40, 50_000), 0)
}

/// Makes the component unique, so that it is in no compile cache.
fn unusual() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock");
    u64::from(now.subsec_micros() % 60_000)
}

fn names(files: &Value) -> Vec<&str> {
    files.as_array().expect("a list").iter().filter_map(|entry| entry["file"].as_str()).collect()
}

/// Waits until the host has started but is not ready yet.
fn has_started(log: &Path) {
    eventually("the administrator", || {
        std::fs::read_to_string(log).expect("the log").contains("created the administrator").then_some(())
    });
}

fn fifo(path: &Path) {
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, path, rustix::fs::FileType::Fifo, mode, 0).expect("a FIFO");
}

#[test]
fn a_description_that_never_comes_costs_the_others_nothing() {
    let mut host =
        started_with(patient(), &[("describes.wasm", &describing("never")), ("traps.wasm", &component("traps"))]);
    // The shipped plugins, and one that loads beside them without being configured.
    host.serves_others();
    host.run_error(&json!({"operation": "trap"}));
    // Only the last file can show whether this operation exists.
    let reply = host.post(&json!({"operation": "describe_me"}));
    let seconds = reply.header("retry-after").and_then(|value| value.parse::<u64>().ok());
    assert!(seconds.is_some_and(|seconds| (1..=60).contains(&seconds)), "{seconds:?}");
    let told = reply.refused(503);
    assert!(told.contains("loading its plugins"), "{told}");
    // What has been loaded so far.
    let files = host.post(&json!({"operation": "list_plugins"})).ok();
    let files = names(&files);
    assert!(files.contains(&"traps.wasm") && files.contains(&"csv-load.wasm"), "{files:?}");
    assert!(!files.contains(&"describes.wasm"), "{files:?}");
    assert!(host.stop().success(), "SIGTERM is not heard while a plugin is loaded");
}

#[test]
fn a_stop_waits_for_no_compiler() {
    let options = Options::new().set("plugins.compile_seconds", FOREVER_SECONDS);
    let mut host = started_with(options, &[("sleeps.wasm", &dear())]);
    host.serves_others();
    // A client waits for the operations of the component.
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| host.post(&json!({"operation": "sleep"})).status);
        assert_eq!(waiting.join().expect("an answer"), 503);
    });
    assert!(host.stop().success());
}

#[test]
fn a_start_is_stopped_at_any_moment() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    // Replaces a plugin that the ready line waits for.
    let files = [("csv-load.wasm", &*describing("never"))];
    let options = patient().without_password();
    let mut host = LooseHost::spawn_with(&options, &files, Stdio::piped(), log.reopen().expect("the file"));
    has_started(log.path());
    assert!(host.stop().success(), "{}", std::fs::read_to_string(log.path()).expect("the log"));
}

#[test]
fn a_pipe_in_the_folder_is_waited_for_neither_as_a_component_nor_as_a_signature() {
    let mut host = Host::start(Options::new());
    host.stop();
    std::fs::write(host.plugins().join("traps.wasm"), component("traps")).expect("a file");
    fifo(&host.plugins().join("traps.wasm.sig"));
    fifo(&host.plugins().join("pipe.wasm"));
    host.restart();
    host.run_error(&json!({"operation": "trap"}));
    let entry = host.plugin("pipe.wasm").expect("the file");
    assert!(entry["reason"].as_str().is_some_and(|reason| reason.contains("regular file")), "{entry:#}");
    // If signatures are required, the pipe is not accepted as one.
    host.stop();
    host.restart_with(|options| options.set("plugins.signing_keys", "0".repeat(64)));
    let entry = host.plugin("traps.wasm").expect("the file");
    let reason = entry["reason"].as_str().expect("a reason");
    assert!(reason.contains("signature") && reason.contains("regular file"), "{reason}");
}

#[test]
fn after_a_lack_of_descriptors_the_plugin_gets_into_service_on_its_own() {
    let options = Options::new();
    let mut host = LooseHost::spawn(&options, Stdio::piped(), Stdio::null());
    let client = host.ready();
    client.serves_others();
    // Enough to list the folder and read a file, but not enough for a compiler and the pipes to it.
    host.leave_descriptors(Some(4));
    let fresh = enlarged(&component("traps"), &memory(unusual()), 0);
    std::fs::write(host.plugins().join("traps.wasm"), fresh).expect("a file");
    let listed = || {
        let files = client.post(&json!({"operation": "list_plugins"})).ok();
        files.as_array().expect("a list").iter().find(|entry| entry["file"] == "traps.wasm").cloned()
    };
    let entry = eventually("the failure", listed);
    assert_eq!(entry["state"], "failed", "{entry:#}");
    assert!(entry["reason"].as_str().is_some_and(|reason| reason.contains("(os error 24)")), "{entry:#}");
    host.leave_descriptors(None);
    eventually("another try", || listed().filter(|entry| entry["state"] == "in_service"));
    assert!(host.stop().success());
}

#[test]
fn sighup_reloads_the_folder_and_ends_no_job() {
    let log = tempfile::NamedTempFile::new().expect("a file");
    let mut host = LooseHost::spawn(&Options::new(), Stdio::piped(), log.reopen().expect("the file"));
    // Also if the signal arrives before the host is ready.
    eventually("the start", || std::fs::read_to_string(log.path()).expect("the log").contains("jobhost").then_some(()));
    host.signal(Signal::HUP);
    let client = host.ready();
    std::fs::copy(artifacts::guest("traps"), host.plugins().join("traps.wasm")).expect("a copy");
    host.signal(Signal::HUP);
    eventually("the word in the log", || {
        std::fs::read_to_string(log.path()).expect("the log").contains("SIGHUP").then_some(())
    });
    eventually("the plugin", || (client.post(&json!({"operation": "trap"})).status == 200).then_some(()));
    assert!(host.is_running());
    client.serves_others();
    assert!(host.stop().success());
}

/// The compiler processes untrusted bytes, so it must not have access to the store.
#[test]
fn the_compiler_inherits_no_descriptor_of_the_host() {
    let mut host = LooseHost::spawn(&Options::new(), Stdio::piped(), Stdio::null());
    host.ready();
    std::fs::write(host.plugins().join("sleeps.wasm"), dear()).expect("a file");
    let children = |pid: String| {
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).expect("/proc");
        let children = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("children")).ok());
        children.flat_map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).collect::<Vec<_>>()
    };
    // The child closes inherited descriptors first, but its process exists before that.
    let open = eventually("a compiler that has closed what it inherited", || {
        let child = children(host.pid().as_raw_nonzero().to_string()).into_iter().next()?;
        let open = std::fs::read_dir(format!("/proc/{child}/fd")).ok()?;
        let open: Vec<_> = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok()).collect();
        (open.len() == 3).then_some(open)
    });
    assert!(open.iter().all(|target| target.to_string_lossy().starts_with("pipe:")), "{open:?}");
    assert!(host.stop().success());
}
