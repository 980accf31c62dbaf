//! A name that resolves to one address when the host checks it and to another when it connects.
//!
//! The host's resolver reads `/etc/hosts`. If the system permits it, the host runs in a separate mount namespace in
//! which the test changes that file a thousand times per second. Otherwise, the test uses a name with several
//! addresses, of which one is allowed: `localhost`.

use std::io::{BufRead as _, BufReader};
use std::net::TcpListener;
use std::os::unix::fs::FileExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use jobhost_tests::options::{ADMIN, PASSWORD};
use jobhost_tests::{Client, Host, Login, Options, Web};
use serde_json::{Value, json};

const NAME: &str = "rebound.example";
const TRIES: usize = 60;

/// Returns a command that sees this file instead of `/etc/hosts`.
fn in_namespace(hosts: &Path, command: &Command) -> Command {
    let mut outer = Command::new("unshare");
    outer.args(["--user", "--map-root-user", "--mount", "sh", "-c"]);
    outer.arg("mount --bind \"$0\" /etc/hosts && exec \"$@\"").arg(hosts).arg(command.get_program());
    outer.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => outer.env(name, value),
            None => outer.env_remove(name),
        };
    }
    if let Some(directory) = command.get_current_dir() {
        outer.current_dir(directory);
    }
    outer
}

struct Running {
    child: Child,
    client: Client,
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A host in a namespace; `None` if the system does not let one be made.
fn start(home: &Path, hosts: &Path, options: &Options) -> Option<Running> {
    let probe = in_namespace(hosts, &Command::new("true")).stderr(Stdio::null()).status();
    if !probe.is_ok_and(|status| status.success()) {
        return None;
    }
    for name in ["files", "exports", "plugins"] {
        std::fs::create_dir(home.join(name)).expect("a directory");
    }
    for entry in jobhost_tests::artifacts::plugins().read_dir().expect("the plugins") {
        let path = entry.expect("a plugin").path();
        std::fs::copy(&path, home.join("plugins").join(path.file_name().expect("a name"))).expect("a copy");
    }
    let log = std::fs::File::create(home.join("stderr.log")).expect("a log");
    let mut command = in_namespace(hosts, &Host::command(options, home));
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(log).spawn().expect("the host");
    let mut line = String::new();
    BufReader::new(child.stdout.take().expect("stdout")).read_line(&mut line).expect("a line");
    let log = || std::fs::read_to_string(home.join("stderr.log")).unwrap_or_default();
    let url = line.strip_prefix("ready ").unwrap_or_else(|| panic!("not ready but {line:?}: {}", log())).trim();
    Some(Running { client: Client::new(url.to_owned(), Login::basic(ADMIN, PASSWORD)), child })
}

/// Two servers on the same port: one at an allowed address, one at a forbidden address.
struct Servers {
    allowed: Web,
    forbidden: TcpListener,
}

impl Servers {
    fn start(forbidden: &str) -> Option<Self> {
        // The port may be in use at the other address.
        (0..20).find_map(|_| {
            let allowed = Web::start();
            let forbidden = TcpListener::bind((forbidden, allowed.port())).ok()?;
            forbidden.set_nonblocking(true).expect("a listener");
            Some(Servers { allowed, forbidden })
        })
    }

    /// Nobody has connected to the forbidden address.
    #[track_caller]
    fn assert_untouched(&self) {
        let visitor = self.forbidden.accept();
        assert!(visitor.is_err(), "somebody came through: {visitor:?}");
    }

    fn load(&self, name: &str) -> Value {
        let url = format!("http://{name}:{}/ok.csv", self.allowed.port());
        json!({"operation": "csv_url_load", "database": "gold", "table": "t", "action": "upsert", "csv_url": url})
    }

    fn import(&self, name: &str) -> Value {
        let s3 = json!({
            "aws_access_key_id": "AK", "aws_secret_access_key": "SK", "bucket": "bkt", "key": "ok.csv", "region": "r",
            "endpoint": format!("http://{name}:{}", self.allowed.port()),
        });
        json!({"operation": "import_from_s3", "database": "gold", "table": "t", "s3": s3})
    }
}

/// Repeats the request until the job has ended, successfully or not.
fn run(client: &Client, request: &Value) -> Value {
    let reply = client.post(request);
    match reply.body["job_id"].as_str() {
        Some(id) => client.job(id),
        None => reply.body,
    }
}

#[test]
fn a_name_that_changes_its_mind_leads_to_no_forbidden_address() {
    let servers = Servers::start("127.0.0.2").expect("a port that is free at two addresses");
    let home = tempfile::tempdir().expect("a directory");
    let hosts = home.path().join("hosts");
    std::fs::write(&hosts, "").expect("the file of hosts");
    let file = std::fs::OpenOptions::new().write(true).open(&hosts).expect("the file of hosts");
    // Always the same length and written at once: the file is bind-mounted, and a reader must always find the name in
    // it.
    let answer = |addresses: [&str; 2]| {
        let lines = addresses.map(|address| format!("{address} {NAME}\n")).concat();
        file.write_all_at(lines.as_bytes(), 0).expect("a write");
    };
    answer(["127.0.0.1", "127.0.0.1"]);
    let allowed = servers.allowed.address();
    let options = Options::new().set("urls.allow", &allowed).set("s3.allow", &allowed).set("s3.timeout_seconds", 1);
    let Some(running) = start(home.path(), &hosts, &options) else {
        eprintln!("no mount namespace can be made here; a name with several addresses is tried instead");
        return a_name_with_several_addresses();
    };
    let client = &running.client;
    client.create_table("t");
    assert_eq!(run(client, &servers.load(NAME))["status"], "COMPLETE", "the name is not known in the namespace");
    // Both addresses at once, in either order.
    for addresses in [["127.0.0.2", "127.0.0.1"], ["127.0.0.1", "127.0.0.2"], ["127.0.0.2", "127.0.0.2"]] {
        answer(addresses);
        run(client, &servers.load(NAME));
        run(client, &servers.import(NAME));
        servers.assert_untouched();
    }
    let (done, changes) = (AtomicBool::new(false), AtomicUsize::new(0));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                answer(["127.0.0.1", "127.0.0.1"]);
                std::thread::yield_now();
                answer(["127.0.0.2", "127.0.0.2"]);
                changes.fetch_add(1, Ordering::Relaxed);
            }
        });
        let mut loaded = 0;
        for _ in 0..TRIES {
            loaded += usize::from(run(client, &servers.load(NAME))["status"] == "COMPLETE");
        }
        run(client, &servers.import(NAME));
        done.store(true, Ordering::Relaxed);
        eprintln!("{loaded} of {TRIES} loads met the address that is allowed");
    });
    assert!(changes.into_inner() > TRIES, "the name did not change its mind");
    servers.assert_untouched();
    assert_eq!(client.send(&Login::Nobody, "GET", "/health", None, b"").status, 200);
}

#[test]
fn a_name_with_several_addresses_leads_only_to_those_that_are_allowed() {
    a_name_with_several_addresses();
}

fn a_name_with_several_addresses() {
    // `localhost` is 127.0.0.1 everywhere, and usually also ::1. The server at the latter is not allowed.
    let Some(servers) = Servers::start("::1").or_else(|| Servers::start("127.0.0.2")) else {
        panic!("no port is free at two addresses");
    };
    let host = Host::start(Options::new().set("urls.allow", servers.allowed.address()));
    host.create_table("t");
    for _ in 0..5 {
        assert_eq!(run(&host, &servers.load("localhost"))["status"], "COMPLETE");
    }
    servers.assert_untouched();
    for name in ["[::1]", "[::ffff:127.0.0.2]", "127.0.0.2"] {
        assert_ne!(run(&host, &servers.load(name))["status"], "COMPLETE", "{name}");
    }
    servers.assert_untouched();
}
