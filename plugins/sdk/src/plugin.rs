//! The trait that a plugin implements, and the macro that turns an implementation into a component.

use crate::{Description, Failure, Outcome, Plan, Refusal, Request};

/// A plugin. The contract in `wit/` specifies each function.
pub trait Plugin {
    /// Describes the plugin. Must be pure: it returns the same value every time.
    fn describe() -> Description;

    /// Returns what a request will access, or why it cannot become a job. Must be pure and fast.
    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal>;

    /// Runs the job. `resume` is the last durable checkpoint if an earlier attempt was interrupted.
    fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure>;
}

/// Exports a type that implements [`Plugin`] as a component.
#[macro_export]
macro_rules! export {
    ($plugin:ty) => {
        #[allow(unsafe_code, dead_code, reason = "the component's entry points, generated from the contract")]
        const _: () = {
            use $crate::bindings::exports::jobhost::plugin::job;

            struct Component;

            impl job::Guest for Component {
                fn describe() -> job::Description {
                    <$plugin as $crate::Plugin>::describe()
                }

                fn plan(
                    operation: ::std::string::String,
                    request: ::std::string::String,
                ) -> ::std::result::Result<job::JobPlan, job::Refusal> {
                    let request = $crate::Request::parse(&request)?;
                    <$plugin as $crate::Plugin>::plan(&operation, &request)
                }

                fn run(
                    operation: ::std::string::String,
                    request: ::std::string::String,
                    resume: ::std::option::Option<::std::vec::Vec<u8>>,
                ) -> ::std::result::Result<job::Outcome, job::Failure> {
                    let request = $crate::Request::parse(&request)?;
                    <$plugin as $crate::Plugin>::run(&operation, &request, resume)
                }
            }

            // Native test builds are not components, and the exported symbols would break linking.
            #[cfg(target_family = "wasm")]
    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
