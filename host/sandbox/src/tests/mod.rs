//! Two versions of the contract in one host: only the adapters depend on the version.

mod counting;
pub mod v0_2;

use std::path::PathBuf;
use std::sync::Arc;

use jobhost_budget::{Budgets, Owner};
use jobhost_contract::{Capability, Message, Outcome};

use super::versions::{ContractVersion, VersionError};
use super::{Engine, GuestComponent, RunEnd, RunRequest, SandboxLimits, engine};
use counting::Counting;

/// The bytes of a test guest, which `cargo xtask plugins` builds.
fn guest(name: &str) -> Vec<u8> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../target/guests");
    let folder = std::env::var_os("JOBHOST_GUESTS").map_or(built, PathBuf::from);
    let file = folder.join(format!("{name}.wasm"));
    std::fs::read(&file).unwrap_or_else(|error| panic!("{} ({error}): run `cargo xtask plugins`", file.display()))
}

fn component(engine: &Engine, name: &str) -> GuestComponent {
    let bytes = guest(name);
    let version = ContractVersion::of(&bytes).unwrap();
    let compiled = engine.precompile_component(&bytes).unwrap();
    GuestComponent::precompiled(engine, version, &compiled, Arc::new(SandboxLimits::default())).unwrap()
}

/// Plans and runs a job; returns its message and the number of records it wrote.
async fn run(guest: &GuestComponent, operation: &str) -> (String, u64) {
    let memory = || Budgets::ample().memory.adopt(&Owner::Host, 0);
    let plan = guest.plan(operation, "{}", memory()).await.unwrap().unwrap();
    let capabilities = Counting::new(plan);
    let written = capabilities.written();
    let request = RunRequest {
        operation: operation.to_owned(),
        request: "{}".to_owned(),
        resume: None,
        capabilities: Box::new(capabilities),
        log: Arc::default(),
        usage: Arc::default(),
        memory: memory(),
    };
    let message = match guest.run(request).await {
        RunEnd::Returned(Ok(Outcome { message: Some(Message::Text(sentence)), .. })) => sentence,
        RunEnd::Returned(Ok(outcome)) => panic!("{outcome:?}"),
        RunEnd::Returned(Err(failure)) => panic!("{failure:?}"),
        RunEnd::Crashed(crash) => panic!("{crash:?}"),
    };
    (message, written.load(std::sync::atomic::Ordering::Relaxed))
}

#[tokio::test]
async fn a_plugin_of_0_1_still_runs_when_0_2_exists() {
    let engine = engine::start(SandboxLimits::default().stack_bytes.size()).unwrap();
    let (old, new) = (component(&engine, "oversteps"), component(&engine, "renames"));
    let described = new.describe().await.unwrap();
    assert_eq!((&*described.name, &*described.capabilities), ("renames", &[Capability::Insert][..]));
    assert_eq!(old.describe().await.unwrap().name, "oversteps");

    let ((of_old, by_old), (of_new, by_new)) = tokio::join!(run(&old, "overstep"), run(&new, "rename"));
    assert!(of_old.ends_with("own table: ok"), "{of_old}");
    assert_eq!(of_new, "1 of 1 stored");
    assert_eq!((by_old, by_new), (1, 1));
}

#[test]
fn the_version_is_read_without_compiling() {
    assert_eq!(ContractVersion::of(&guest("oversteps")), Ok(ContractVersion::V0_1));
    assert_eq!(ContractVersion::of(&guest("renames")), Ok(ContractVersion::V0_2));
    assert_eq!(ContractVersion::of(b"junk"), Err(VersionError::NotWasm));
    assert_eq!(ContractVersion::of(b"\0asm\x01\0\0\0"), Err(VersionError::CoreModule));
    assert_eq!(ContractVersion::of(b"\0asm\x0d\0\x01\0"), Err(VersionError::AnotherWorld));
    let mut other = guest("oversteps");
    let name = b"jobhost:plugin/job@0.1.0";
    let places: Vec<usize> = (0..other.len() - name.len()).filter(|at| other[*at..].starts_with(name)).collect();
    for at in places {
        other[at + 19..at + 24].copy_from_slice(b"7.1.0");
    }
    assert_eq!(ContractVersion::of(&other), Err(VersionError::Unsupported("7.1.0".to_owned())));
    // Any truncated component is rejected without a panic.
    for cut in (0..other.len()).step_by(997) {
        assert!(ContractVersion::of(&other[..cut]).is_err());
    }
}
