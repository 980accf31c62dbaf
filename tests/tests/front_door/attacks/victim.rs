//! A host with data to lose, and the checks after an attack on it.

use std::ops::Deref;
use std::path::PathBuf;

use jobhost_tests::{Host, Login, Options, Reply};
use serde_json::{Value, json};
use tempfile::TempDir;

/// Part of everything that nobody may see. It is also the second line of a CSV file, so that a load of it would
/// succeed.
pub const CANARY: &str = "canary-of-the-attack-suite";

/// A host with the table `gold.t` of one record, and a directory that it must neither read nor write.
pub struct Victim {
    host: Host,
    outside: TempDir,
    rows: Vec<Value>,
}

impl Deref for Victim {
    type Target = Host;

    fn deref(&self) -> &Host {
        &self.host
    }
}

impl Victim {
    pub fn start(options: Options) -> Self {
        let outside = tempfile::tempdir().expect("a directory");
        std::fs::write(outside.path().join("secret.csv"), format!("id,a\n666,{CANARY}\n")).expect("a file");
        // In the environment, where /proc/self/environ would reveal it.
        let host = Host::start(options.environment("CANARY", CANARY));
        host.create_table("t");
        host.insert("t", json!([{"id": 1, "a": "before"}]));
        let rows = host.rows("t");
        Victim { host, outside, rows }
    }

    pub fn restart(&mut self) {
        assert!(self.host.stop().success());
        self.host.restart();
    }

    /// Kills the host and starts it again.
    pub fn crash(&mut self) {
        self.host.kill();
        self.host.restart();
    }

    /// A file that contains the canary.
    pub fn secret(&self) -> PathBuf {
        self.outside.path().join("secret.csv")
    }

    pub fn outside(&self) -> PathBuf {
        self.outside.path().to_owned()
    }

    /// Adds a user with a role of this name. `tables` are the rights in the database gold. The password is `pw`.
    pub fn add_user(&self, name: &str, tables: Value) -> Login {
        let permission = json!({"super_user": false, "gold": {"tables": tables}});
        self.post(&json!({"operation": "add_role", "role": name, "permission": permission})).ok();
        let user = json!({"operation": "add_user", "username": name, "password": "pw", "role": name, "active": true});
        self.post(&user).ok();
        Login::basic(name, "pw")
    }

    /// Checks that a reply is a refusal in one sentence that reveals nothing else.
    #[track_caller]
    pub fn refused(&self, what: &str, reply: Reply) -> String {
        assert!((400..500).contains(&reply.status), "{what}: {} {}", reply.status, reply.text);
        let told = reply.body["error"].as_str().unwrap_or_else(|| panic!("{what}: no sentence: {}", reply.text));
        self.clean(what, &reply.text);
        told.to_owned()
    }

    /// The same for a request that may also become a job and fail then.
    #[track_caller]
    pub fn fails(&self, what: &str, request: &Value) -> String {
        let reply = self.post(request);
        if reply.status != 200 {
            return self.refused(what, reply);
        }
        let id = reply.body["job_id"].as_str().unwrap_or_else(|| panic!("{what}: {}", reply.text)).to_owned();
        let row = self.job(&id);
        assert_eq!(row["status"], "ERROR", "{what}: {row:#}");
        self.clean(what, &row.to_string());
        row["message"].as_str().unwrap_or_else(|| panic!("{what}: no sentence in {row:#}")).to_owned()
    }

    /// Checks that a text contains no secret and nothing about the host's internals.
    #[track_caller]
    pub fn clean(&self, what: &str, text: &str) {
        for shown in [CANARY, "panicked at", "stack backtrace", ".rs:", "root:x:0"] {
            assert!(!text.contains(shown), "{what} shows {shown:?}: {:.2000}", text);
        }
    }

    /// Checks that the host responds, has kept its data, and has logged no secret and no internal error.
    #[track_caller]
    pub fn assert_unharmed(&self) {
        let health = self.send(&Login::Nobody, "GET", "/health", None, b"");
        assert_eq!((health.status, health.text.as_str()), (200, "HarperDB is running."));
        assert_eq!(self.rows("t"), self.rows, "the attack changed records");
        let secret = std::fs::read_to_string(self.secret()).expect("the secret");
        assert_eq!(secret, format!("id,a\n666,{CANARY}\n"), "the attack wrote to a file outside");
        let outside: Vec<_> = self.outside.path().read_dir().expect("the directory").collect();
        assert_eq!(outside.len(), 1, "the attack left something outside: {outside:?}");
        self.clean("the log", &self.log());
    }
}
