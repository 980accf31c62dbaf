//! One plugin under test: what it says it is, and what it plans.

use std::sync::Arc;

use jobhost_budget::{Budgets, Owner};
use jobhost_contract::{Description, Plan};
use jobhost_sandbox::{ContractVersion, Crash, GuestComponent, SandboxLimits, VersionError, engine};

/// Why a component is no plugin, or what it did wrong.
#[derive(Debug, thiserror::Error)]
pub enum Nonconformance {
    /// It implements no version of the contract that this kit knows.
    #[error("{0}")]
    Version(#[from] VersionError),
    /// It cannot be compiled.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// It trapped, exceeded a limit or broke the contract.
    #[error("{0}")]
    Crash(#[from] Crash),
    /// A plan holds more than a plan may.
    #[error("the plan names {length} {list}; the limit is {limit}")]
    Excess {
        /// What there is too much of.
        list: &'static str,
        /// How many it names.
        length: usize,
        /// How many it may name.
        limit: usize,
    },
    /// A plan names a table without a right, or a right twice.
    #[error("the plan names the table {0} with no right or with one twice")]
    UnclearTable(String),
}

/// A component that has been compiled and linked.
pub struct PluginUnderTest {
    component: GuestComponent,
    budgets: Budgets,
}

impl PluginUnderTest {
    /// Compiles and links a component, as a host does when it finds the file in its plugin folder.
    pub fn load(component: &[u8]) -> Result<Self, Nonconformance> {
        let version = ContractVersion::of(component)?;
        let limits = SandboxLimits::default();
        let engine =
            engine::start(limits.stack_bytes.size()).map_err(|error| Nonconformance::Compile(format!("{error:#}")))?;
        let compiled =
            engine.precompile_component(component).map_err(|error| Nonconformance::Compile(format!("{error:#}")))?;
        let component = GuestComponent::precompiled(&engine, version, &compiled, Arc::new(limits))?;
        Ok(PluginUnderTest { component, budgets: Budgets::ample() })
    }

    /// What the plugin says it is. Asked twice, it must say the same.
    pub async fn description(&self) -> Result<Description, Nonconformance> {
        Ok(self.component.describe().await?)
    }

    /// What a request would touch, or the sentence that refuses it.
    pub async fn plan(&self, operation: &str, request: &str) -> Result<Result<Plan, String>, Nonconformance> {
        let memory = self.budgets.memory.adopt(&Owner::Host, 0);
        let planned = self.component.plan(operation, request, memory).await?;
        let Ok(plan) = planned else { return Ok(planned) };
        if let Some(table) = plan.unclear_table() {
            return Err(Nonconformance::UnclearTable(table.to_string()));
        }
        match plan.excess() {
            Some((list, length, limit)) => Err(Nonconformance::Excess { list, length, limit }),
            None => Ok(Ok(plan)),
        }
    }
}
