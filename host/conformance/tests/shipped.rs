//! The shipped plugins conform, and hostile guests do not. `cargo xtask plugins` builds both.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says that something is wrong by panicking")]

use std::path::{Path, PathBuf};

use jobhost_conformance::{Nonconformance, PluginUnderTest};

fn bytes(variable: &str, built: &str, name: &str) -> Vec<u8> {
    let built = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target").join(built);
    let file = std::env::var_os(variable).map_or(built, PathBuf::from).join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{} ({error}): run `cargo xtask plugins`", file.display()))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_shipped_plugin_describes_itself_and_plans() {
    let plugin = PluginUnderTest::load(&bytes("JOBHOST_PLUGINS", "plugins", "csv-load")).unwrap();
    let description = plugin.description().await.unwrap();
    assert_eq!(description.name, "csv-load");
    let request = r#"{"operation":"csv_file_load","table":"dog","file_path":"/data/dogs.csv"}"#;
    let plan = plugin.plan("csv_file_load", request).await.unwrap().unwrap();
    assert_eq!((plan.tables.len(), plan.sources.len()), (1, 1));
    assert!(plugin.plan("csv_file_load", "{}").await.unwrap().is_err());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_no_plugin_is_told() {
    assert!(matches!(PluginUnderTest::load(b"\0asm").err().unwrap(), Nonconformance::Version(_)));
    let traps = PluginUnderTest::load(&bytes("JOBHOST_GUESTS", "guests", "plans")).unwrap();
    let description = traps.description().await.unwrap();
    let mut refused = false;
    for operation in &description.operations {
        refused |= traps.plan(&operation.name, "{}").await.is_err();
    }
    assert!(refused, "{:?}", description.operations);
}
