//! The trait a plugin implements, and the macro that makes a component of it.

use crate::{Description, Failure, Outcome, Plan, Refusal, Request};

/// A plugin. See the contract for what each function promises.
pub trait Plugin {
    /// What it is. Pure: the same answer every time.
    fn describe() -> Description;

    /// What a request would touch, or why it cannot be a job. Pure and quick.
    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal>;

    /// Do the work. `resume` is the last durable checkpoint if an earlier attempt was interrupted.
    fn run(operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure>;
}

/// Make the component's exports of a type that implements [`Plugin`].
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

            // Natively, for tests, there is no component; its symbols would upset the linker.
            #[cfg(target_family = "wasm")]
    $crate::bindings::export!(Component with_types_in $crate::bindings);
        };
    };
}
