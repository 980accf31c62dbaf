//! The versions of the contract that this host supports, with one adapter for each. A component's version is read from
//! its bytes before anything is compiled.

use wasmparser::{Encoding, Parser, Payload};
use wasmtime::component::{Component, Linker};
use wasmtime::{Engine, Store};

use super::guest::Guest;
#[cfg(test)]
use super::tests::v0_2;
use super::v0_1;
use jobhost_contract::{Description, Failure, Outcome, Plan};

/// The versions shown by `list_plugins` and in error messages.
pub const SUPPORTED: &[&str] = &["0.1"];
const PACKAGE: &str = "jobhost:plugin/";
/// The contract ignores nested components; deeper items are skipped.
const TOP: usize = 1;

/// A version of the contract. A later patch of the same version only adds what a plugin may ignore.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContractVersion {
    V0_1,
    /// Shows that a second version fits beside the first; see `super::tests`.
    #[cfg(test)]
    V0_2,
}

/// Why a component implements no version that this host supports.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum VersionError {
    #[error("it is not WebAssembly")]
    NotWasm,
    #[error("it is a core module, not a component; wasm32-wasip2 and `wasm-tools component new` make components")]
    CoreModule,
    #[error("it cannot be read: {0}")]
    Malformed(String),
    #[error("it does not export jobhost:plugin/job; it is a component of another world")]
    AnotherWorld,
    #[error("it is built for jobhost:plugin@{0}, and this host runs {supported}", supported = SUPPORTED.join(", "))]
    Unsupported(String),
}

impl ContractVersion {
    /// Returns the version of the `job` interface that a component exports.
    pub fn of(component: &[u8]) -> Result<Self, VersionError> {
        let version = exported(component)?;
        let mut parts = version.split('.');
        match (parts.next(), parts.next()) {
            (Some("0"), Some("1")) => Ok(ContractVersion::V0_1),
            #[cfg(test)]
            (Some("0"), Some("2")) => Ok(ContractVersion::V0_2),
            _ => Err(VersionError::Unsupported(version.chars().take(64).collect())),
        }
    }

    pub fn link(self, linker: &mut Linker<Guest>, component: &Component) -> wasmtime::Result<LinkedGuest> {
        match self {
            ContractVersion::V0_1 => v0_1::link(linker, component).map(LinkedGuest::V0_1),
            #[cfg(test)]
            ContractVersion::V0_2 => v0_2::link(linker, component).map(LinkedGuest::V0_2),
        }
    }
}

/// Returns the version in the name of the exported interface `job`.
fn exported(component: &[u8]) -> Result<String, VersionError> {
    if !component.starts_with(b"\0asm") {
        return Err(VersionError::NotWasm);
    }
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(component) {
        let malformed = |error: wasmparser::BinaryReaderError| VersionError::Malformed(error.to_string());
        match payload.map_err(malformed)? {
            Payload::Version { encoding, .. } => {
                if depth == 0 && encoding == Encoding::Module {
                    return Err(VersionError::CoreModule);
                }
                depth += 1;
            }
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::ComponentExportSection(exports) if depth == TOP => {
                for export in exports {
                    let name = export.map_err(malformed)?.name.name;
                    if let Some(version) = name.strip_prefix(PACKAGE).and_then(|rest| rest.strip_prefix("job@")) {
                        return Ok(version.to_owned());
                    }
                }
            }
            _ => {}
        }
    }
    Err(VersionError::AnotherWorld)
}

/// A component linked with the adapter of its version.
#[derive(Clone)]
pub enum LinkedGuest {
    V0_1(v0_1::JobTypePre<Guest>),
    #[cfg(test)]
    V0_2(v0_2::JobTypePre<Guest>),
}

impl LinkedGuest {
    pub fn engine(&self) -> &Engine {
        match self {
            LinkedGuest::V0_1(guest) => guest.engine(),
            #[cfg(test)]
            LinkedGuest::V0_2(guest) => guest.engine(),
        }
    }

    pub async fn describe(&self, store: &mut Store<Guest>) -> wasmtime::Result<Description> {
        match self {
            LinkedGuest::V0_1(guest) => v0_1::describe(guest, store).await,
            #[cfg(test)]
            LinkedGuest::V0_2(guest) => v0_2::describe(guest, store).await,
        }
    }

    /// Returns a plan, or the message that refuses the request.
    pub async fn plan(
        &self,
        store: &mut Store<Guest>,
        operation: &str,
        request: &str,
    ) -> wasmtime::Result<Result<Plan, String>> {
        match self {
            LinkedGuest::V0_1(guest) => v0_1::plan(guest, store, operation, request).await,
            #[cfg(test)]
            LinkedGuest::V0_2(guest) => v0_2::plan(guest, store, operation, request).await,
        }
    }

    pub async fn run(
        &self,
        store: &mut Store<Guest>,
        operation: &str,
        request: &str,
        resume: Option<&[u8]>,
    ) -> wasmtime::Result<Result<Outcome, Failure>> {
        match self {
            LinkedGuest::V0_1(guest) => v0_1::run(guest, store, operation, request, resume).await,
            #[cfg(test)]
            LinkedGuest::V0_2(guest) => v0_2::run(guest, store, operation, request, resume).await,
        }
    }
}

#[cfg(test)]
mod fuzz {
    use super::*;

    /// Input similar to a component has a version or an error, and parsing it terminates.
    #[test]
    fn fuzz_version() {
        let export = b"\x01\x00\x18jobhost:plugin/job@0.1.0\x05\x00\x00";
        let sections = bolero::produce::<Vec<(u8, Vec<u8>)>>().with().len(0usize..6);
        let input = (bolero::produce::<[u8; 4]>(), sections);
        bolero::check!().with_iterations(2_000).with_generator(input).for_each(|(version, sections)| {
            for version in [*version, [0x0d, 0, 1, 0], [1, 0, 0, 0]] {
                let mut bytes = [b"\0asm", &version[..]].concat();
                for (id, content) in sections {
                    // Mostly section kinds that exist, and half of the exports nearly valid.
                    let content = if id % 2 == 0 { [&export[..], content].concat() } else { content.clone() };
                    bytes.extend([id % 14, u8::try_from(content.len() & 0x7f).unwrap_or(0)]);
                    bytes.extend(content);
                }
                if let Err(VersionError::Unsupported(version)) = ContractVersion::of(&bytes) {
                    assert!(version.chars().count() <= 64);
                }
            }
        });
    }
}
