//! Two versions of the contract in one host: the adapters are all that knows of versions.

pub mod v0_2;

use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, json};
use uuid::Uuid;

use super::versions::{ContractVersion, VersionError};
use super::{Capability, Engine, GuestComponent, RunEnd, RunRequest, SandboxLimits, engine};
use crate::capabilities::{
    Capabilities, CapabilityLimits, ObjectLimits, Objects, Plan, Queries, RecordLimits, Records, Rejects,
};
use crate::jobs::lifecycle;
use jobhost_access::Role;
use jobhost_budget::{Budgets, Owner};
use jobhost_model::jobs::Lease;
use jobhost_model::{Clock, SystemClock, TableName, Timestamp};
use jobhost_search::SearchLimits;
use jobhost_store::{CatalogueChange, Store};
use jobhost_store_lmdb::{EmbeddedOptions, EmbeddedStore};

/// The bytes of a guest of the tests, which `cargo xtask plugins` builds.
fn guest(name: &str) -> Vec<u8> {
    let built = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../target/guests");
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

struct Place {
    store: Arc<dyn Store>,
    role: Arc<Role>,
    _directory: tempfile::TempDir,
}

async fn place() -> Place {
    let directory = tempfile::tempdir().unwrap();
    let options = EmbeddedOptions { max_bytes: 1 << 30, ..EmbeddedOptions::default() };
    let store: Arc<dyn Store> =
        Arc::new(EmbeddedStore::open(directory.path(), options, Arc::new(SystemClock)).unwrap());
    for name in ["mine", "theirs"] {
        let (name, primary_key) = (TableName::new("gold", name), "id".to_owned());
        let change = CatalogueChange::CreateTable { name, primary_key, schema_defined: false, attributes: Vec::new() };
        store.change_catalogue(change).await.unwrap();
    }
    let permission: Map<_, _> = json!({"super_user": true}).as_object().unwrap().clone();
    let (id, name) = ("1".to_owned(), "super_user".to_owned());
    let role = Arc::new(Role::new(id, name, permission, Timestamp(0), Timestamp(0)));
    Place { store, role, _directory: directory }
}

impl Place {
    /// Plans and runs a job, and tells what it said.
    async fn run(&self, guest: &GuestComponent, operation: &str) -> String {
        let memory = || Budgets::ample().memory.adopt(&Owner::Host, 0);
        let plan = guest.plan(operation, "{}", memory()).await.unwrap().unwrap();
        let now = SystemClock.now();
        let row = lifecycle::create(Uuid::new_v4(), operation, "u", String::new(), String::new(), now);
        self.store.create_job(row.clone(), Vec::new()).await.unwrap();
        let row = self.store.update_job(lifecycle::begin(row, now).unwrap(), 0).await.unwrap();
        let lease = Lease { job: row.id, attempt: row.attempt };
        let capabilities = self.capabilities(lease, plan);
        let (operation, request) = (operation.to_owned(), "{}".to_owned());
        let request = RunRequest { operation, request, resume: None, capabilities, memory: memory() };
        match guest.run(request).await {
            RunEnd::Returned(Ok(outcome)) => outcome.message.unwrap(),
            RunEnd::Returned(Err(failure)) => panic!("{failure:?}"),
            RunEnd::Crashed(crash) => panic!("{crash:?}"),
        }
    }

    fn capabilities(&self, lease: Lease, plan: Plan) -> Capabilities {
        let limits = CapabilityLimits::default();
        let (store, role) = (Arc::clone(&self.store), Arc::clone(&self.role));
        let (met, tally, checking) = (Arc::default(), Default::default(), Arc::default());
        let (batch, checkpoint_bytes) = (limits.batch, limits.checkpoint_bytes);
        let memory = Budgets::ample().of(Owner::Host).held(0).unwrap();
        let record_limits = RecordLimits { batch, checkpoint_bytes, met: Arc::clone(&met), memory, quota: None };
        let records = Records::new(store, lease, Arc::new(plan), role, record_limits, tally, checking);
        let (store, role) = (Arc::clone(&self.store), Arc::clone(&self.role));
        let object_limits = ObjectLimits { readers: limits.readers, writers: limits.writers };
        Capabilities {
            records,
            queries: Queries::new(store, role, Vec::new(), SearchLimits::default(), limits.cursors, Arc::clone(&met)),
            objects: Objects::new(Vec::new(), Vec::new(), object_limits, met),
            progress: Arc::default(),
            rejects: Arc::new(Rejects::new(limits.rejects)),
            log: Arc::default(),
            usage: Arc::default(),
        }
    }
}

#[tokio::test]
async fn a_plugin_of_0_1_still_runs_when_0_2_exists() {
    let engine = engine::start(SandboxLimits::default().stack_bytes).unwrap();
    let (old, new) = (component(&engine, "oversteps"), component(&engine, "renames"));
    let described = new.describe().await.unwrap();
    assert_eq!((&*described.name, &*described.capabilities), ("renames", &[Capability::Insert][..]));
    assert_eq!(old.describe().await.unwrap().name, "oversteps");

    let place = place().await;
    let (of_old, of_new) = tokio::join!(place.run(&old, "overstep"), place.run(&new, "rename"));
    assert!(of_old.ends_with("own table: ok"), "{of_old}");
    assert_eq!(of_new, "1 of 1 stored");
    let table = TableName::new("gold", "mine");
    assert_eq!(place.store.statistics(&table).await.unwrap().record_count, 2);
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
    // Whatever stands there, it is refused and nothing panics.
    for cut in (0..other.len()).step_by(997) {
        assert!(ContractVersion::of(&other[..cut]).is_err());
    }
}
