//! Dropping components into the plugin folder of a running host, and what it says of them.

use serde_json::{Value, json};

use crate::host::Host;

impl Host {
    /// The entry of a file in the list of plugins.
    #[track_caller]
    pub fn plugin(&self, file: &str) -> Option<Value> {
        entry(&self.post(&json!({"operation": "list_plugins"})).ok(), file)
    }

    /// Put a file into the plugin folder, and give its entry in the list once it has been looked at.
    #[track_caller]
    pub fn drop_in(&self, file: &str, bytes: impl AsRef<[u8]>) -> Value {
        std::fs::write(self.plugins().join(file), bytes).expect("a file");
        let files = self.post(&json!({"operation": "reload_plugins"})).ok();
        entry(&files, file).unwrap_or_else(|| panic!("{file} is not in {files:#}"))
    }

    /// Put a file into the plugin folder that must not get in service, and give the reason.
    #[track_caller]
    pub fn drop_in_bad(&self, file: &str, bytes: impl AsRef<[u8]>) -> String {
        let entry = self.drop_in(file, bytes);
        assert_eq!(entry["state"], "failed", "{entry:#}");
        assert!(entry["supported_contracts"].is_array(), "{entry:#}");
        entry["reason"].as_str().unwrap_or_else(|| panic!("no reason in {entry:#}")).to_owned()
    }

    /// Put a component into the plugin folder that must get in service.
    #[track_caller]
    pub fn drop_in_good(&self, file: &str, bytes: impl AsRef<[u8]>) {
        let entry = self.drop_in(file, bytes);
        assert_eq!(entry["state"], "in_service", "{entry:#}");
    }
}

fn entry(files: &Value, file: &str) -> Option<Value> {
    files.as_array().expect("a list").iter().find(|entry| entry["file"] == file).cloned()
}
