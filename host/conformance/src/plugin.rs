//! One plugin under test: its description and its plans.

use std::sync::Arc;

use jobhost_budget::{Budgets, Owner};
use jobhost_contract::{Description, Plan};
use jobhost_sandbox::{ContractVersion, Crash, GuestComponent, SandboxLimits, VersionError, engine};

/// Why a component does not conform.
#[derive(Debug, thiserror::Error)]
pub enum Nonconformance {
    /// The component implements no version of the contract that this kit supports.
    #[error("{0}")]
    Version(#[from] VersionError),
    /// The component cannot be compiled.
    #[error("the component cannot be compiled: {0}")]
    Compile(String),
    /// The component trapped, reached a limit or broke the contract.
    #[error("{0}")]
    Crash(#[from] Crash),
    /// A list of the plan is too long.
    #[error("the plan names {length} {list}; the limit is {limit}")]
    Excess {
        /// The name of the list.
        list: &'static str,
        /// The length of the list.
        length: usize,
        /// The maximum length.
        limit: usize,
    },
    /// The plan names a table without a right, or with the same right twice.
    #[error("the plan names the table {0} with no right or with one twice")]
    UnclearTable(String),
}

/// A component that has been compiled and linked.
pub struct PluginUnderTest {
    component: GuestComponent,
    budgets: Budgets,
}

impl PluginUnderTest {
    /// Compiles and links a component, as a host does for a file in its plugin folder.
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

    /// Returns the plugin's description. Repeated calls must return the same.
    pub async fn description(&self) -> Result<Description, Nonconformance> {
        Ok(self.component.describe().await?)
    }

    /// Returns the plan for a request, or the message of its refusal.
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
