//! Paths that lead outside, for everything that takes one: the file of a load, the directory and name of an export, the
//! component that `add_plugin` reads.
//!
//! A hard link is the file itself, not a path to it, so the host cannot detect one: a load of it succeeds. Creating one
//! requires write access to a configured directory (and, with the usual Linux settings, to the file), which only the
//! operator has. An export never writes through one: it replaces it with a new file.

use std::os::unix::fs::symlink;
use std::path::Path;

use jobhost_tests::exports::{everything, export_local};
use jobhost_tests::{Options, Reply};
use serde_json::{Value, json};

use super::{CANARY, Victim};

fn load(path: &str) -> Value {
    json!({"operation": "csv_file_load", "database": "gold", "table": "t", "file_path": path})
}

fn add_plugin(path: &str) -> Value {
    json!({"operation": "add_plugin", "file": "evil.wasm", "path": path, "sha256": "0".repeat(64)})
}

/// Paths out of a directory that the host may use, to files and directories that it may not.
fn escapes(victim: &Victim, root: &Path) -> Vec<String> {
    let (secret, outside) = (victim.secret(), victim.outside());
    for (target, name) in [
        (secret.as_path(), "to-file"),
        (outside.as_path(), "to-directory"),
        (Path::new("to-file"), "to-link"),
        (Path::new("/"), "to-root"),
        (Path::new("/proc/self/environ"), "to-environment"),
        (Path::new("/proc/self"), "to-process"),
        (Path::new("/dev/zero"), "to-zero"),
        (Path::new("/dev/tty"), "to-terminal"),
        (Path::new("/dev/stdin"), "to-stdin"),
        (Path::new("../.."), "upwards"),
    ] {
        symlink(target, root.join(name)).expect("a link");
    }
    for number in 0..60 {
        symlink(format!("chain{}", number + 1), root.join(format!("chain{number}"))).expect("a link");
    }
    symlink(&secret, root.join("chain60")).expect("a link");
    std::fs::create_dir(root.join("sub")).expect("a directory");
    let up = "../".repeat(40);
    let beneath = [
        "to-file",
        "to-link",
        "chain0",
        "chain55",
        "to-directory/secret.csv",
        "to-directory",
        "to-root/etc/passwd",
        "to-environment",
        "to-process/environ",
        "to-process/root/etc/passwd",
        "to-process/cwd/../../etc/passwd",
        "to-process/fd/0",
        "to-zero",
        "to-terminal",
        "to-stdin",
        "upwards/../../../../etc/passwd",
        "sub/../../data/admin-password",
        "./sub/.././../data/token-key",
        "sub/..\u{0}/x",
        "..\\..\\etc\\passwd",
        "%2e%2e/%2e%2e/etc/passwd",
        "．．/．．/etc/passwd",
    ];
    let mut paths: Vec<String> = beneath.iter().map(|path| format!("{}/{path}", root.display())).collect();
    paths.extend([
        format!("{}/{up}{}", root.display(), secret.display()),
        format!("{up}etc/passwd"),
        format!("{}//..//..//etc/passwd", root.display()),
        format!("{}\u{0}.csv", secret.display()),
        secret.display().to_string(),
        format!("file://{}", secret.display()),
        format!("/{}", secret.display()),
        victim.data().join("token-key").display().to_string(),
        victim.data().join("sealing-key").display().to_string(),
        victim.plugins().join("csv-load.wasm").display().to_string(),
        "/proc/self/environ".to_owned(),
        "/proc/thread-self/environ".to_owned(),
        "/proc/self/mem".to_owned(),
        "/proc/self/fd/0".to_owned(),
        "/proc/kcore".to_owned(),
        "/dev/zero".to_owned(),
        "/dev/tty".to_owned(),
        "/dev/fd/0".to_owned(),
        "~/.ssh/id_rsa".to_owned(),
        "$HOME/x".to_owned(),
        format!("{}/{}", root.display(), "x".repeat(300)),
        format!("{}/{}", root.display(), "x/".repeat(5_000)),
        format!("{}/{}", root.display(), "../".repeat(50_000)),
        "x".repeat(1_000_000),
        "/".repeat(100_000),
    ]);
    paths
}

#[test]
fn no_path_of_a_load_leads_out_of_the_directories() {
    let victim = Victim::start(Options::new());
    for path in escapes(&victim, &victim.files()) {
        let told = victim.fails(&format!("{path:.100}"), &load(&path));
        assert!(told.len() < path.len() * 3 + 1000, "{} bytes for a path of {}", told.len(), path.len());
    }
    victim.assert_unharmed();
}

#[test]
fn no_path_of_add_plugin_leads_out_of_the_directories() {
    let victim = Victim::start(Options::new());
    let before = victim.plugins().read_dir().expect("the plugins").count();
    for path in escapes(&victim, &victim.files()) {
        let what = format!("{path:.100}");
        let told = victim.refused(&what, victim.post(&add_plugin(&path)));
        // The digest of a file would identify it.
        assert!(!told.contains("but the component's is"), "{what}: {told}");
    }
    for name in ["../evil.wasm", "/tmp/evil.wasm", "a/b.wasm", "evil.wasm\u{0}", "évil.wasm", &"x".repeat(5_000)] {
        let mut request = add_plugin("/nowhere");
        request["file"] = json!(name);
        victim.refused(name, victim.post(&request));
        victim.refused(name, victim.post(&json!({"operation": "remove_plugin", "name": name})));
        victim.refused(name, victim.post(&json!({"operation": "describe_plugin", "name": name})));
    }
    assert_eq!(victim.plugins().read_dir().expect("the plugins").count(), before);
    victim.assert_unharmed();
}

#[test]
fn no_path_of_an_export_leads_out_of_the_directories() {
    let victim = Victim::start(Options::new());
    let paths = escapes(&victim, &victim.exports());
    let before = victim.exported();
    let to = |path: &str, name: &str| {
        let mut request = export_local(&victim, "csv", name, everything("t"));
        request["path"] = json!(path);
        victim.post(&request)
    };
    for path in &paths {
        victim.refused(&format!("{path:.100}"), to(path, "f"));
    }
    let own = victim.exports().display().to_string();
    for name in ["../f", "/tmp/f", "sub/f", "f\u{0}", "f\r\nx", "..", &"x".repeat(5_000)] {
        victim.refused(name, to(&own, name));
    }
    assert_eq!(victim.exported(), before, "a refused export left something");
    victim.assert_unharmed();
}

#[test]
fn devices_pipes_and_sockets_hold_nobody_up() {
    // Here the operator allows the directory that contains them.
    let victim = Victim::start(Options::new().files(Path::new("/dev")));
    let pipe = victim.files().join("pipe");
    let made = std::process::Command::new("mkfifo").arg(&pipe).status().expect("mkfifo");
    assert!(made.success());
    let socket = victim.files().join("socket");
    let _listener = std::os::unix::net::UnixListener::bind(&socket).expect("a socket");
    symlink("pipe", victim.files().join("to-pipe")).expect("a link");
    let to_pipe = victim.files().join("to-pipe");
    let inside = ["/dev/zero", "/dev/null", "/dev/full", "/dev/random", "/dev/tty", "/dev/ptmx", "/dev/.", "/dev"];
    let paths = inside.map(Path::new).into_iter().chain([pipe.as_path(), socket.as_path(), to_pipe.as_path()]);
    for path in paths.map(|path| path.display().to_string()) {
        // More often than there are workers, to show that none of them is lost.
        for _ in 0..3 {
            victim.fails(&path, &load(&path));
            victim.refused(&path, victim.post(&add_plugin(&path)));
        }
    }
    victim.run_ok(&load(&victim.file("ok.csv", "id,a\n1,x\n")));
    victim.assert_unharmed();
}

#[test]
fn an_export_puts_a_new_file_in_the_place_of_a_link_a_pipe_or_a_socket() {
    let victim = Victim::start(Options::new());
    let exports = victim.exports();
    let made = std::process::Command::new("mkfifo").arg(exports.join("pipe.csv")).status().expect("mkfifo");
    assert!(made.success());
    let _listener = std::os::unix::net::UnixListener::bind(exports.join("socket.csv")).expect("a socket");
    symlink(victim.secret(), exports.join("link.csv")).expect("a link");
    symlink("/dev/full", exports.join("device.csv")).expect("a link");
    std::fs::hard_link(victim.secret(), exports.join("hard.csv")).expect("a link");
    for name in ["pipe", "socket", "link", "device", "hard"] {
        victim.run_for_result(&export_local(&victim, "csv", name, everything("t")));
        let path = exports.join(format!("{name}.csv"));
        assert!(path.symlink_metadata().expect("the file").is_file(), "{name}");
        assert!(std::fs::read_to_string(&path).expect("the file").contains("before"), "{name}");
    }
    victim.assert_unharmed();
}

#[test]
fn a_hard_link_is_the_file_itself() {
    let victim = Victim::start(Options::new());
    let link = victim.files().join("hard.csv");
    std::fs::hard_link(victim.secret(), &link).expect("a link");
    victim.create_table("copy");
    let mut request = load(link.to_str().expect("UTF-8"));
    request["table"] = json!("copy");
    victim.run_ok(&request);
    assert_eq!(victim.rows("copy"), [json!({"id": 666, "a": CANARY})]);
    victim.assert_unharmed();
}

/// An error about a path outside is the same whether the path exists or not.
#[test]
fn nobody_learns_what_exists_outside() {
    let victim = Victim::start(Options::new());
    let (there, absent) = (victim.secret(), victim.outside().join("absent.csv"));
    let told = |reply: Reply, path: &Path| (reply.status, reply.text.replace(&path.display().to_string(), "P"));
    for request in [load, add_plugin] {
        let ask = |path: &Path| told(victim.post(&request(path.to_str().expect("UTF-8"))), path);
        assert_eq!(ask(&there), ask(&absent));
    }
    let export = |path: &Path| {
        let mut request = export_local(&victim, "csv", "f", everything("t"));
        request["path"] = json!(path);
        told(victim.post(&request), path)
    };
    assert_eq!(export(&victim.outside()), export(&victim.outside().join("absent")));
    // Also through a link that leads outside.
    symlink(victim.outside(), victim.files().join("out")).expect("a link");
    let through = |name: &str| {
        let path = victim.files().join("out").join(name);
        told(victim.post(&load(path.to_str().expect("UTF-8"))), &path)
    };
    assert_eq!(through("secret.csv"), through("absent.csv"));
    victim.assert_unharmed();
}
