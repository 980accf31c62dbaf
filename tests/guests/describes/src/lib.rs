//! Returns a good or bad description. `describe` receives no request, so a word in the guest's data selects the
//! description; the tests replace that word (`tests/src/components.rs`). In service, the guest plans to insert into
//! `gold.t`.

use std::mem::ManuallyDrop;

use guest::{Capability, Description, Failure, Guest, JobPlan, Operation, Outcome, Refusal, Right, TableUse};

struct Describes;

/// The tests search for this. The mode is the text between `=` and the blanks.
static MODE: [u8; 48] = *b"jobhost-tests:describe=well                     ";

impl Guest for Describes {
    fn describe() -> Description {
        let mut description = guest::asking("describes", "describe_me", &[Capability::Insert]);
        match mode().as_str() {
            "never" => forever(),
            "panic" => panic!("no description"),
            "builtin" => description.operations[0].name = "get_job".to_owned(),
            "alias" => description.operations[0].aliases = vec!["insert".to_owned()],
            "csv" => description.operations[0].name = "csv_data_load".to_owned(),
            "honest" => {
                description.name = "a-thief".to_owned();
                description.operations[0].name = "keep_watch".to_owned();
            }
            "rival" => description.name = "rival".to_owned(),
            "thief" => {
                description.name = "a-thief".to_owned();
                description.operations[0].name = "csv_data_load".to_owned();
            }
            "name" => description.name = "csv-load".to_owned(),
            "modest" => description.capabilities.clear(),
            "moody" => description.summary = random(),
            "many" => {
                let numbered = |number| Operation { name: format!("op_{number}"), ..description.operations[0].clone() };
                description.operations = (0..10_000).map(numbered).collect();
            }
            "some" => {
                let numbered = |number| Operation { name: format!("op_{number}"), ..description.operations[0].clone() };
                description.operations = (0..65).map(numbered).collect();
            }
            "none" => description.operations.clear(),
            "long" => description.summary = "s".repeat(100 * 1024 * 1024),
            "gigabyte" => description.summary = ManuallyDrop::into_inner(forged(1 << 30)),
            "long name" => description.name = "n".repeat(3 * 1024 * 1024),
            "long version" => description.version = "1".repeat(3 * 1024 * 1024),
            "long operation" => description.operations[0].name = "o".repeat(3 * 1024 * 1024),
            "long secret" => description.operations[0].secrets = vec!["s".repeat(3 * 1024 * 1024)],
            "lines" => description.name = "a\nname\u{1b}[31m".to_owned(),
            "schema" => description.operations[0].request_schema = "not JSON".to_owned(),
            "nested" => {
                let depth = 100_000;
                description.operations[0].request_schema = "{\"a\":".repeat(depth) + "1" + &"}".repeat(depth);
            }
            "memory" => drop(std::hint::black_box(vec![1u8; 1 << 30])),
            _ => {}
        }
        description
    }

    fn plan(_operation: String, _request: String) -> Result<JobPlan, Refusal> {
        let table = TableUse { table: guest::table("t"), rights: vec![Right::Insert] };
        Ok(JobPlan { tables: vec![table], ..guest::nothing() })
    }

    fn run(_operation: String, _request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        guest::done("described")
    }
}

fn mode() -> String {
    // A volatile read, because the compiler would otherwise evaluate it at compile time. SAFETY: the address of a
    // static.
    let data = unsafe { std::ptr::read_volatile(&raw const MODE) };
    let text = String::from_utf8_lossy(&data).into_owned();
    text.split_once('=').map(|(_, mode)| mode.trim_end().to_owned()).unwrap_or_default()
}

fn random() -> String {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0).to_string()
}

fn forever() {
    let mut number = 1u64;
    while std::hint::black_box(number) != 0 {
        number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1) | 1;
    }
}

/// A string that claims to be larger than the memory that contains it. It must not be freed.
fn forged(bytes: usize) -> ManuallyDrop<String> {
    // SAFETY: not sound. The string is only passed to the host, which must not trust its length.
    ManuallyDrop::new(unsafe { String::from_raw_parts(8 as *mut u8, bytes, bytes) })
}

guest::bindings::export!(Describes with_types_in guest::bindings);
