//! Puts components into the plugin folder of a running host and checks what it reports about them.

use serde_json::{Value, json};

use crate::host::Host;

impl Host {
    /// Returns the entry of a file in the list of plugins.
    #[track_caller]
    pub fn plugin(&self, file: &str) -> Option<Value> {
        entry(&self.post(&json!({"operation": "list_plugins"})).ok(), file)
    }

    /// Puts a file into the plugin folder, and returns its entry in the list once the host has examined it.
    #[track_caller]
    pub fn drop_in(&self, file: &str, bytes: impl AsRef<[u8]>) -> Value {
        std::fs::write(self.plugins().join(file), bytes).expect("a file");
        let files = self.post(&json!({"operation": "reload_plugins"})).ok();
        entry(&files, file).unwrap_or_else(|| panic!("{file} is not in {files:#}"))
    }

    /// Puts a file into the plugin folder that must be rejected, and returns the reason.
    #[track_caller]
    pub fn drop_in_bad(&self, file: &str, bytes: impl AsRef<[u8]>) -> String {
        let entry = self.drop_in(file, bytes);
        assert_eq!(entry["state"], "failed", "{entry:#}");
        assert!(entry["supported_contracts"].is_array(), "{entry:#}");
        entry["reason"].as_str().unwrap_or_else(|| panic!("no reason in {entry:#}")).to_owned()
    }

    /// Puts a component into the plugin folder that must be accepted.
    #[track_caller]
    pub fn drop_in_good(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let entry = self.drop_in(file, bytes);
        assert_eq!(entry["state"], "in_service", "{entry:#}");
    }
}

fn entry(files: &Value, file: &str) -> Option<Value> {
    files.as_array().expect("a list").iter().find(|entry| entry["file"] == file).cloned()
}
