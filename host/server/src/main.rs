//! The program. Everything is in the library's `cli`.

fn main() -> std::process::ExitCode {
    jobhost::cli::run()
}
