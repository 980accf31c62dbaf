//! Runs other programs: with visible output, with captured output, or with a time limit. Every error includes the
//! command line. A child is never left behind when this module stops waiting for it.

use crate::failure::{Doing, Failure, Result};
use std::fs::File;
use std::io::{Read, Seek};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Number of lines of a program's output that an error includes.
const TAIL_LINES: usize = 40;

/// Polling interval for a program with a time limit.
const LOOK: Duration = Duration::from_millis(5);

/// Formats the command as a user would type it.
pub fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    for argument in command.get_args() {
        let text = argument.to_string_lossy();
        let plain = !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c));
        words.push(if plain { text.into_owned() } else { format!("'{}'", text.replace('\'', r"'\''")) });
    }
    words.join(" ")
}

pub fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    let from = lines.len().saturating_sub(TAIL_LINES);
    lines.get(from..).unwrap_or_default().join("\n")
}

/// Runs a program whose output goes to the terminal.
pub fn run(command: &mut Command) -> Result<()> {
    let status = command.stdin(Stdio::null()).status().doing(|| format!("cannot start `{}`", shown(command)))?;
    if status.success() { Ok(()) } else { Err(ended(command, status)) }
}

/// Runs a program and returns its standard output.
pub fn capture(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).output().doing(|| format!("cannot start `{}`", shown(command)))?;
    if output.status.success() {
        return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
    }
    let mut said = String::from_utf8_lossy(&output.stdout).into_owned();
    said.push_str(&String::from_utf8_lossy(&output.stderr));
    Err(ended(command, output.status).detail(tail(&said)))
}

/// Runs a program for at most `limit` and returns everything that it printed. Kills the program and its children when
/// the time is up.
pub fn bounded(command: &mut Command, limit: Duration) -> Result<String> {
    let mut log = tempfile::tempfile().doing(|| "cannot make a temporary file".to_owned())?;
    let writer = |log: &File| log.try_clone().doing(|| "cannot share a temporary file".to_owned());
    let child = command.stdin(Stdio::null()).stdout(writer(&log)?).stderr(writer(&log)?).process_group(0).spawn();
    let mut child = child.doing(|| format!("cannot start `{}`", shown(command)))?;
    let ended_in_time = wait(&mut child, limit);
    if !matches!(ended_in_time, Ok(Some(_))) {
        kill_group(&child);
        child.wait().doing(|| format!("cannot wait for `{}`", shown(command)))?;
    }
    let mut said = Vec::new();
    log.rewind().and_then(|()| log.read_to_end(&mut said)).doing(|| "cannot read a temporary file".to_owned())?;
    let said = String::from_utf8_lossy(&said).into_owned();
    match ended_in_time? {
        Some(status) if status.success() => Ok(said),
        Some(status) => Err(ended(command, status).detail(tail(&said))),
        None => {
            Err(Failure::new(format!("`{}` was not done after {} s", shown(command), limit.as_secs()))
                .detail(tail(&said)))
        }
    }
}

/// Waits for a child for at most `limit`. Returns `None` if it is still running then.
pub fn wait(child: &mut Child, limit: Duration) -> Result<Option<ExitStatus>> {
    let deadline = Instant::now() + limit;
    loop {
        if let Some(status) = child.try_wait().doing(|| "cannot wait for a program".to_owned())? {
            return Ok(Some(status));
        }
        if Instant::now() >= deadline {
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

pub fn signal(child: &Child, signal: rustix::process::Signal) {
    if let Some(pid) = pid(child) {
        // If it has ended meanwhile, the caller's wait will notice.
        let _gone = rustix::process::kill_process(pid, signal);
    }
}

fn kill_group(child: &Child) {
    if let Some(pid) = pid(child) {
        let _gone = rustix::process::kill_process_group(pid, rustix::process::Signal::KILL);
    }
}

fn pid(child: &Child) -> Option<rustix::process::Pid> {
    i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw)
}

fn ended(command: &Command, status: ExitStatus) -> Failure {
    Failure::new(format!("`{}` failed ({status})", shown(command)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_hangs_is_killed_with_its_children() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo started; sleep 600 & wait"]);
        let failure = bounded(&mut command, Duration::from_millis(300)).unwrap_err().to_string();
        assert!(failure.contains("was not done after"), "{failure}");
    }

    #[test]
    fn an_error_includes_the_output_of_the_program() {
        let mut command = Command::new("sh");
        command.args(["-c", "echo the reason >&2; exit 3"]);
        let failure = capture(&mut command).unwrap_err().to_string();
        assert!(failure.contains("exit status: 3") && failure.contains("the reason"), "{failure}");
    }

    #[test]
    fn words_with_blanks_are_quoted() {
        let mut command = Command::new("cargo");
        command.args(["test", "a b", ""]);
        assert_eq!(shown(&command), "cargo test 'a b' ''");
    }
}
