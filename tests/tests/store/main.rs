//! The behaviour suite of the stores: checks the promises of `jobhost_store::Store` on every implementation.
//!
//! A behaviour is an async function with a `Place` (a location where a store can be opened repeatedly). A new store
//! implements `Place` and adds one line to `main`. `embedded` covers what is specific to the embedded store (its lock,
//! its size, its file).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test says that something is wrong by panicking"
)]

mod catalog;
mod crash;
mod deletes;
mod documents;
mod embedded;
mod expected;
mod generated_keys;
mod jobs;
mod model;
mod place;
mod quotas;
mod records;
mod scans;
mod snapshots;
mod unpublished;

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};
use place::{EmbeddedPlace, ManyRunsPlace, MemoryPlace, Place};

/// Creates trials of async functions. The arguments are in brackets.
macro_rules! trials {
    ($store:expr, $arguments:tt: $($module:ident::{$($behaviour:ident),+ $(,)?}),+ $(,)?) => {
        vec![$($(trial(format!("{}::{}::{}", $store, stringify!($module), stringify!($behaviour)), || {
            run(async { $module::$behaviour $arguments.await })
        })),+),+]
    };
}

fn main() -> ExitCode {
    if crash::is_child() {
        crash::child();
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let suites = [
        suite::<EmbeddedPlace>("embedded"),
        on_disk::<EmbeddedPlace>("embedded"),
        only_embedded("embedded"),
        suite::<ManyRunsPlace>("many_runs"),
        on_disk::<ManyRunsPlace>("many_runs"),
        suite::<MemoryPlace>("memory"),
    ];
    libtest_mimic::run(&arguments, suites.into_iter().flatten().collect()).exit_code()
}

/// The behaviour of every store.
fn suite<P: Place + 'static>(store: &str) -> Vec<Trial> {
    let mut trials = trials!(store, (&P::fresh().await):
        records::{
            insert_skips_what_exists, update_skips_what_is_absent, upsert_writes_all, merging_keeps_order_number_and_created_time,
            first_of_duplicates_is_inserted, last_of_duplicates_is_upserted, duplicates_across_the_writes_of_a_group,
            one_group_has_one_created_time, times_follow_arrival_when_the_clock_goes_back, fetch_keeps_the_order_of_keys,
            delete_says_what_was_there, attributes_become_known, a_group_is_all_or_nothing, batches_of_a_dropped_table_are_refused,
            large_records, keys_of_every_kind, many_groups_at_once, statistics_count,
            records_written_in_many_steps_keep_their_order,
        },
        generated_keys::{
            a_generated_key_that_is_taken_is_replaced, a_key_of_the_client_comes_before_a_generated_one,
            a_taken_uuid_is_replaced, without_a_free_key_nothing_is_stored,
            generated_keys_count_in_the_tally_of_a_job, many_generated_keys,
            records_with_and_without_a_key_outlive_older_ones,
        },
        scans::{order_of_arrival, order_of_keys, an_empty_table, a_scan_can_skip_records, a_scan_sees_one_moment, pages_are_bounded, tables_do_not_mix},
        snapshots::{
            a_snapshot_sees_one_moment_of_all_tables, pages_and_look_ups_agree, a_scan_can_go_on_from_any_record,
            a_snapshot_can_go_to_another_thread,
        },
        deletes::{
            only_what_was_created_before_goes, the_oldest_go_first_a_limit_at_a_time, holes_do_not_count,
            an_update_does_not_make_a_record_younger, keys_of_every_kind_are_deleted,
            records_larger_than_a_page_are_deleted, other_tables_keep_theirs, tally_and_checkpoint_commit_with_a_step,
            a_stale_attempt_deletes_nothing, a_clock_that_jumped_forward_does_no_lasting_harm,
            the_oldest_of_all_eras_go_first, writers_and_deleters_do_not_disturb_each_other,
        },
        catalog::{
            databases, tables, a_table_created_anew_is_empty, attributes_can_be_added, a_dropped_attribute_leaves_the_records,
            the_primary_key_stays, a_dropped_database_takes_its_tables, the_catalog_is_kept, attributes_are_bounded,
        },
        quotas::{a_user_stores_as_much_as_the_quota_and_no_more, what_shrinks_a_table_is_taken_from_all_who_wrote_it},
        unpublished::{
            nothing_is_visible_before_the_end, a_job_without_success_leaves_nothing,
            existing_records_are_skipped_or_merged_at_the_end, what_others_insert_in_between_is_respected,
            jobs_that_load_the_same_keys_at_once, several_tables_and_actions_of_one_job,
            changes_and_new_records_of_one_job_in_an_emptied_table, a_job_goes_on_after_the_store_was_closed, a_stale_attempt_neither_writes_nor_publishes,
            an_attempt_without_a_checkpoint_starts_over, a_dropped_table_fails_the_end_and_the_job_can_fail, generated_keys_are_those_of_new_records,
            old_records_can_be_deleted_in_between, an_attribute_dropped_in_between_comes_back_with_the_records,
            unpublished_records_count_for_the_quota_once,
        },
        documents::{documents_are_kept_by_kind_and_name, impossible_names_are_refused},
        jobs::{
            a_job_is_created_once, a_final_row_never_changes, a_stale_attempt_changes_nothing, the_tally_is_the_stores,
            payload_and_checkpoint_live_as_long_as_the_job, batch_checkpoint_and_tally_commit_together,
            a_checkpoint_needs_a_lease, found_by_start_time, pages_of_rows_are_bounded, unfinished_in_order_of_creation,
            jobs_survive_closing, an_attempt_is_fruitless_until_it_has_stored_something,
            a_job_that_is_queued_again_hears_no_late_word_of_its_attempt,
            last_records_documents_and_final_row_commit_together, an_end_that_cannot_be_stored_changes_nothing,
        },
        crash::{what_was_acknowledged_survives_closing},
    );
    let model = format!("{store}::model::behaves_like_the_model");
    trials.push(trial(model, model::behaves_like_the_model::<P>));
    trials
}

/// The behaviour of stores that outlive their process.
fn on_disk<P: Place + 'static>(store: &str) -> Vec<Trial> {
    trials!(store, (&P::fresh().await):
        crash::{
            nothing_acknowledged_is_lost_when_killed, steps_of_deleting_are_whole_when_killed,
            unpublished_records_become_visible_whole_or_never_when_killed,
        },
        // The store keeps a limited number of eras of a jumping clock.
        deletes::{many_jumps_of_the_clock},
    )
}

/// The behaviour of the embedded store.
fn only_embedded(store: &str) -> Vec<Trial> {
    trials!(store, ():
        embedded::{
            a_second_opener_is_refused_and_told_who_holds_it, a_scan_keeps_the_store_from_being_opened_anew_until_it_ends, the_data_directory_is_private, a_full_store_says_so_and_goes_on_when_there_is_room, space_is_used_again, the_space_of_old_records_is_used_again, readers_and_deleters_do_not_wait_for_each_other, a_dropped_tables_space_is_used_again_also_after_closing, what_is_no_store_is_not_opened,
            a_store_of_layout_1_is_upgraded, a_store_of_another_layout_is_refused,
        },
    )
}

fn trial(name: String, behaviour: impl FnOnce() + Send + 'static) -> Trial {
    Trial::test(name, move || {
        behaviour();
        Ok(())
    })
}

fn run(behaviour: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    runtime.unwrap().block_on(behaviour);
}
