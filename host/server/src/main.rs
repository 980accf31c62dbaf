//! The program's entry point; see the library's `cli`.

fn main() -> std::process::ExitCode {
    jobhost::cli::run()
}
