//! The built-in operations: names, required permission, implementation.

use std::net::IpAddr;

use axum::http::HeaderMap;
use futures::future::BoxFuture;

use super::call::Call;
use super::envelope::Envelope;
use super::error::ApiError;
use super::reply::Reply;
use super::{ApiState, describe, jobs, plugins, roles, search, sql, structure, tokens, users, write};

/// Who may call an operation at all. The operation itself checks which data the user may access.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Permission {
    /// Every user.
    Anyone,
    /// Users whose role grants a permission on what the request names.
    ByRole,
    SuperUser,
}

type Run = for<'a> fn(&'a Call<'a>) -> BoxFuture<'a, Result<Reply, ApiError>>;

pub(super) struct Operation {
    /// The name and its synonyms.
    names: &'static [&'static str],
    pub permission: Permission,
    /// The operation changes data, and completes even if its client disconnects.
    pub changes: bool,
    /// The operation inspects or cancels jobs, and may use the memory reserved for that.
    pub urgent: bool,
    pub run: Run,
}

const fn operation(names: &'static [&'static str], permission: Permission, run: Run) -> Operation {
    Operation { names, permission, changes: false, urgent: false, run }
}

impl Operation {
    const fn changing(self) -> Self {
        Operation { changes: true, ..self }
    }

    const fn urgent(self) -> Self {
        Operation { urgent: true, ..self }
    }
}

use Permission::{Anyone, ByRole, SuperUser};

static OPERATIONS: &[Operation] = &[
    operation(&["create_database", "create_schema"], ByRole, |call| Box::pin(structure::create_database(call)))
        .changing(),
    operation(&["drop_database", "drop_schema"], ByRole, |call| Box::pin(structure::drop_database(call))).changing(),
    operation(&["create_table"], ByRole, |call| Box::pin(structure::create_table(call))).changing(),
    operation(&["drop_table"], ByRole, |call| Box::pin(structure::drop_table(call))).changing(),
    operation(&["create_attribute"], ByRole, |call| Box::pin(structure::create_attribute(call))).changing(),
    operation(&["drop_attribute"], ByRole, |call| Box::pin(structure::drop_attribute(call))).changing(),
    operation(&["describe_all"], Anyone, |call| Box::pin(describe::all(call))),
    operation(&["describe_database", "describe_schema"], ByRole, |call| Box::pin(describe::database(call))),
    operation(&["describe_table"], ByRole, |call| Box::pin(describe::table(call))),
    operation(&["insert"], ByRole, |call| Box::pin(write::insert(call))).changing(),
    operation(&["update"], ByRole, |call| Box::pin(write::update(call))).changing(),
    operation(&["upsert"], ByRole, |call| Box::pin(write::upsert(call))).changing(),
    operation(&["delete"], ByRole, |call| Box::pin(write::delete(call))).changing(),
    operation(&["search_by_id", "search_by_hash"], ByRole, |call| Box::pin(search::answer(call))),
    operation(&["search_by_value"], ByRole, |call| Box::pin(search::answer(call))),
    operation(&["search_by_conditions"], ByRole, |call| Box::pin(search::answer(call))),
    operation(&["sql"], ByRole, |call| Box::pin(sql::answer(call))),
    operation(&["add_user"], SuperUser, |call| Box::pin(users::add(call))).changing(),
    operation(&["alter_user"], SuperUser, |call| Box::pin(users::alter(call))).changing(),
    operation(&["drop_user"], SuperUser, |call| Box::pin(users::drop(call))).changing(),
    operation(&["list_users"], SuperUser, |call| Box::pin(users::list(call))),
    operation(&["user_info"], Anyone, |call| Box::pin(users::info(call))),
    operation(&["add_role"], SuperUser, |call| Box::pin(roles::add(call))).changing(),
    operation(&["alter_role"], SuperUser, |call| Box::pin(roles::alter(call))).changing(),
    operation(&["drop_role"], SuperUser, |call| Box::pin(roles::drop(call))).changing(),
    operation(&["list_roles"], SuperUser, |call| Box::pin(roles::list(call))),
    operation(&["get_job"], Anyone, |call| Box::pin(jobs::get_job(call))).urgent(),
    operation(&["get_job_log"], Anyone, |call| Box::pin(jobs::get_log(call))).urgent(),
    operation(&["cancel_job"], Anyone, |call| Box::pin(jobs::cancel(call))).changing().urgent(),
    operation(&["search_jobs_by_start_date"], SuperUser, |call| Box::pin(jobs::search_by_start_date(call))),
    operation(&["list_plugins"], SuperUser, |call| Box::pin(plugins::list(call))),
    operation(&["describe_plugin"], SuperUser, |call| Box::pin(plugins::describe(call))),
    operation(&["add_plugin"], SuperUser, |call| Box::pin(plugins::add(call))).changing(),
    operation(&["remove_plugin"], SuperUser, |call| Box::pin(plugins::remove(call))).changing(),
    operation(&["reload_plugins"], SuperUser, |call| Box::pin(plugins::reload(call))).changing(),
];

const CREATE_TOKENS: &str = "create_authentication_tokens";
const REFRESH_TOKEN: &str = "refresh_operation_token";

pub(super) fn named(name: &str) -> Option<&'static Operation> {
    OPERATIONS.iter().find(|operation| operation.names.contains(&name))
}

/// Returns true for names that no plugin can provide.
pub fn is_builtin(name: &str) -> bool {
    name == CREATE_TOKENS || name == REFRESH_TOKEN || named(name).is_some()
}

/// The two login operations, which check the credentials themselves.
pub(super) async fn run_unauthenticated(
    state: &ApiState,
    envelope: &Envelope,
    headers: &HeaderMap,
    source: Option<IpAddr>,
) -> Option<Result<Reply, ApiError>> {
    match envelope.operation() {
        CREATE_TOKENS => Some(tokens::create(state, envelope, headers, source).await),
        REFRESH_TOKEN => Some(tokens::refresh(state, envelope, headers)),
        _ => None,
    }
}
