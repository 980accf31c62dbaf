//! Measures the formats without a sandbox: converts generated rows of eight columns into bytes, which are only counted.
//! `cargo run --release -p export --example rows [ROWS] [ROUNDS]` prints nanoseconds per row.

use std::process::ExitCode;
use std::time::Instant;

use export::format::Format;
use export::format::malformed::Malformed;
use export::format::writer::RowWriter;

/// Same size as a chunk of the contract.
const CHUNK_BYTES: usize = 256 * 1024;
const COLUMNS: [&str; 8] = ["id", "name", "email", "city", "age", "score", "active", "created"];

/// Returns the row with this number.
type Row = fn(u64) -> String;

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1).filter_map(|text| text.parse().ok());
    let rows: u64 = arguments.next().unwrap_or(1_000_000);
    let rounds = arguments.next().unwrap_or(3);
    let inputs: [(&str, Format, Row); 5] = [
        ("csv, plain", Format::Csv, |n| format!("[{}]", person(n).join(","))),
        ("csv, every second cell null", Format::Csv, |n| {
            let cells = person(n).into_iter().enumerate();
            let cells: Vec<String> =
                cells.map(|(index, cell)| if index % 2 == 1 { "null".to_owned() } else { cell }).collect();
            format!("[{}]", cells.join(","))
        }),
        ("csv, an object and a text with escapes", Format::Csv, |n| {
            format!(r#"[{},"a \"quoted\" word\nand\ta tab",{{"x":{n},"tags":["a","b"]}}]"#, person(n).join(","))
        }),
        ("json", Format::Json, object),
        ("jsonl", Format::JsonLines, object),
    ];
    for (name, format, row) in inputs {
        let input = chunks(rows, row);
        for _ in 0..rounds {
            match measure(format, input.clone()) {
                Ok((bytes, nanoseconds)) => {
                    println!("{name}: {bytes} bytes, {:.1} ns a row", nanoseconds / rows as f64);
                }
                Err(error) => {
                    eprintln!("{name}: {error}");
                    return ExitCode::FAILURE;
                }
            }
        }
    }
    ExitCode::SUCCESS
}

/// Returns the bytes of the file and the nanoseconds that it took.
fn measure(format: Format, input: Vec<Vec<u8>>) -> Result<(usize, f64), Malformed> {
    let mut writer = RowWriter::new(format, &COLUMNS.map(str::to_owned));
    let mut bytes = 0;
    let start = Instant::now();
    for chunk in input {
        bytes += writer.rows(chunk)?.len();
    }
    bytes += writer.finish().len();
    std::hint::black_box(writer.count());
    Ok((bytes, start.elapsed().as_secs_f64() * 1e9))
}

fn chunks(rows: u64, row: Row) -> Vec<Vec<u8>> {
    let mut chunks = Vec::new();
    let mut chunk = Vec::with_capacity(CHUNK_BYTES);
    for n in 0..rows {
        chunk.extend_from_slice(row(n).as_bytes());
        chunk.push(b'\n');
        if chunk.len() >= CHUNK_BYTES - 1024 || n + 1 == rows {
            chunks.push(std::mem::replace(&mut chunk, Vec::with_capacity(CHUNK_BYTES)));
        }
    }
    chunks
}

/// Returns the cells of one row as JSON.
fn person(n: u64) -> [String; 8] {
    let mixed = n.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 20;
    let pick = |names: &[&'static str], shift: u32| {
        names.get((mixed >> shift) as usize % names.len().max(1)).copied().unwrap_or_default()
    };
    let first = pick(&["Ada", "Barbara", "Claude", "Edsger", "Margaret", "Ken", "Radia"], 0);
    let last = pick(&["Abbot", "Eastwood", "Gardener", "Joiner", "Wainwright", "Dyer"], 5);
    let city = pick(&["Amsterdam", "Cork", "Edinburgh", "Montevideo", "Oslo", "Porto"], 9);
    [
        (n + 1).to_string(),
        format!("\"{last}, {first}\""),
        format!("\"{first}.{last}{}@example.com\"", mixed % 100_000),
        format!("\"{city}\""),
        (18 + mixed % 72).to_string(),
        format!("{}.{:04}", mixed % 1000, 1 + mixed % 9999),
        (mixed % 2 == 0).to_string(),
        format!("\"20{:02}-{:02}-{:02}T04:05:06.000Z\"", 10 + mixed % 15, 1 + mixed % 12, 1 + mixed % 28),
    ]
}

fn object(n: u64) -> String {
    let members: Vec<String> =
        COLUMNS.iter().zip(person(n)).map(|(name, value)| format!("\"{name}\":{value}")).collect();
    format!("{{{}}}", members.join(","))
}
