//! Passes false or excessive sizes to every call that takes a size. The host must not reserve memory for any of them.

use std::mem::ManuallyDrop;

use guest::{Action, Capability, Description, Failure, Guest, JobPlan, Outcome, Refusal, Right, TableUse};
use guest::{log, objects, records, rejects, told};

struct Lies;

/// Far more than the whole memory of a guest.
const FAR: usize = i32::MAX as usize - 8;
const MEBIBYTE: usize = 1024 * 1024;

impl Guest for Lies {
    fn describe() -> Description {
        let asked = [Capability::Insert, Capability::Update, Capability::ReadFile];
        guest::asking("lies", "lie", &asked)
    }

    fn plan(_operation: String, request: String) -> Result<JobPlan, Refusal> {
        let table = TableUse { table: guest::table("t"), rights: vec![Right::Upsert] };
        let mut plan = JobPlan { tables: vec![table], ..guest::nothing() };
        match guest::mode(&request) {
            "read" => plan.sources = vec![guest::file(guest::field(&request, "file").unwrap_or_default())],
            "forged plan" => plan.queries = vec![ManuallyDrop::into_inner(forged_text(FAR))],
            _ => {}
        }
        Ok(plan)
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let write = |batch: &[u8], checkpoint: Option<&[u8]>| {
            told(records::write(&guest::table("t"), Action::Upsert, batch, checkpoint))
        };
        let declare = |names: &[String]| told(records::declare(&guest::table("t"), Action::Upsert, names));
        match guest::mode(&request) {
            "read" => guest::done(read()),
            "random" => guest::done(wasip2::random::random::get_random_bytes(u64::MAX).len().to_string()),
            "insecure random" => {
                guest::done(wasip2::random::insecure::get_insecure_random_bytes(1 << 40).len().to_string())
            }
            "zeroes" => guest::done(format!("{:?}", wasip2::cli::stdout::get_stdout().write_zeroes(1 << 40))),
            "blocking zeroes" => {
                let stdout = wasip2::cli::stdout::get_stdout();
                guest::done(format!("{:?}", stdout.blocking_write_zeroes_and_flush(1 << 40)))
            }
            "input" => guest::done(format!("{:?}", wasip2::cli::stdin::get_stdin().blocking_read(u64::MAX))),
            "forged batch" => guest::done(write(forged(FAR), None)),
            "forged checkpoint" => guest::done(write(b"{\"id\":1}\n", Some(forged(FAR)))),
            "forged text" => {
                log::write(log::Level::Info, &forged_text(FAR));
                guest::done("written")
            }
            "large batch" => guest::done(write(&vec![b' '; 100 * MEBIBYTE], None)),
            "large reject" => {
                reject("r".repeat(32 * MEBIBYTE));
                guest::done("reported")
            }
            "names" => guest::done(declare(&vec![String::new(); 5_000_000])),
            "aliased names" => guest::done(declare(&aliased(100_000))),
            "poll" => guest::done(poll(10_000_000)),
            mode => guest::done(format!("unknown mode {mode:?}")),
        }
    }
}

/// A slice that claims to be longer than the memory that contains it.
fn forged(bytes: usize) -> &'static [u8] {
    // SAFETY: not sound. The slice is only passed to the host, which must not trust its length.
    unsafe { std::slice::from_raw_parts(8 as *const u8, bytes) }
}

fn forged_text(bytes: usize) -> ManuallyDrop<String> {
    // SAFETY: not sound, as above. The string is never freed.
    ManuallyDrop::new(unsafe { String::from_raw_parts(8 as *mut u8, bytes, bytes) })
}

/// Strings of 1 MiB that all share the same memory: cheap for the guest, expensive for a host that copies them.
fn aliased(count: usize) -> ManuallyDrop<Vec<String>> {
    let text = Box::leak("n".repeat(MEBIBYTE).into_boxed_str());
    // SAFETY: none of the strings is changed or freed.
    let alias = |_| unsafe { String::from_raw_parts(text.as_ptr().cast_mut(), MEBIBYTE, MEBIBYTE) };
    ManuallyDrop::new((0..count).map(alias).collect())
}

fn read() -> String {
    let reader = match objects::open(0, 0) {
        Ok(reader) => reader,
        Err(error) => return error.message,
    };
    let sizes: Vec<String> = (0..4)
        .map(|_| reader.read(u32::MAX).map_or_else(|error| error.message, |bytes| bytes.len().to_string()))
        .collect();
    sizes.join(", ")
}

fn reject(raw: String) {
    let word = || "w".to_owned();
    rejects::report(&rejects::Reject { line: 1, byte_offset: 0, column: None, kind: word(), raw, reason: word() });
}

/// Waits for a list that names the same timer many times.
fn poll(times: usize) -> String {
    let timer = wasip2::clocks::monotonic_clock::subscribe_duration(0);
    wasip2::io::poll::poll(&vec![&timer; times]).len().to_string()
}

guest::bindings::export!(Lies with_types_in guest::bindings);
