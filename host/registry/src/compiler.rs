//! Compiles components. A component's author determines how much time and memory the compiler needs, and the compiler
//! cannot be interrupted. It therefore runs in a child process: this program with another command. One compilation
//! runs at a time, at lower priority than the host, and is killed at its limits.

use std::io::{self, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};
use tokio_util::sync::CancellationToken;

use jobhost_model::Limit;
use jobhost_sandbox::engine;

/// The command that runs the compiler.
pub const COMMAND: &str = "compile-component";
/// Compiled code is about ten times as large as its component. Larger output indicates a malicious component.
const MAX_COMPILED_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_REASON_BYTES: u64 = 4096;
/// How often the process is polled for its end; small components take tens of milliseconds.
const LOOK: Duration = Duration::from_millis(2);
/// The niceness of the compiler process, as in nice(1).
const NICENESS: i32 = 10;

/// Limits of one compilation. Each has a key of the same name in section `plugins` of the configuration.
#[derive(Debug, Clone)]
pub struct CompileLimits {
    pub time: Limit,
    /// Maximum address space of the process.
    pub memory_bytes: Limit,
    /// `sandbox.stack_bytes`, for which the code is compiled.
    pub stack_bytes: usize,
}

impl CompileLimits {
    /// Default of [`CompileLimits::time`].
    pub const TIME: Limit = Limit::new("plugins.compile_seconds", 60);
    /// Default of [`CompileLimits::memory_bytes`].
    pub const MEMORY_BYTES: Limit = Limit::new("plugins.compile_memory_bytes", 4 << 30);
}

/// Compiles one component at a time.
#[derive(Debug, Clone)]
pub struct Compiler {
    limits: CompileLimits,
    turn: Arc<Mutex<()>>,
}

impl Compiler {
    pub fn new(limits: CompileLimits) -> Self {
        Compiler { limits, turn: Arc::default() }
    }

    /// Returns what the engine can load. Waits for earlier compilations. Blocks until the component is compiled or the
    /// host stops.
    pub fn compile(&self, component: &[u8], stop: &CancellationToken) -> Result<Vec<u8>, CompileFailure> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if stop.is_cancelled() {
            return Err(CompileFailure::passing("the host stops".to_owned()));
        }
        let unstarted = |error: io::Error| CompileFailure::passing(format!("the compiler cannot be started: {error}"));
        let mut child = self.command().spawn().map_err(unstarted)?;
        let (input, output, reason) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let done = thread::scope(|scope| {
            // A process that exits early leaves the rest unread; its exit status says why.
            let fed = thread::Builder::new()
                .spawn_scoped(scope, move || input.map(|mut input| input.write_all(component)))
                .map(drop);
            let output = thread::Builder::new().spawn_scoped(scope, move || read(output, MAX_COMPILED_BYTES));
            let reason = thread::Builder::new().spawn_scoped(scope, move || read(reason, MAX_REASON_BYTES));
            let threads = fed.and_then(|()| Ok((output?, reason?)));
            if threads.is_err() {
                child.kill()?;
            }
            let ended = wait(&mut child, self.limits.time.time(), stop)?;
            let (output, reason) = threads?;
            let of_thread = |text: thread::Result<io::Result<Vec<u8>>>| text.unwrap_or_else(|_| Ok(Vec::new()));
            Ok((ended, of_thread(output.join()), of_thread(reason.join())))
        });
        let (ended, output, reason) = done.map_err(unstarted)?;
        match ended {
            Ended::Exited(status) if status.success() => {
                let unread = |error| CompileFailure::passing(format!("the compiler's answer cannot be read: {error}"));
                let compiled = output.map_err(unread)?;
                if compiled.len() as u64 > MAX_COMPILED_BYTES {
                    let reason = format!("it compiles to more than {MAX_COMPILED_BYTES} bytes of code");
                    return Err(CompileFailure::lasting(reason));
                }
                Ok(compiled)
            }
            Ended::Exited(status) => Err(self.explained(status, &String::from_utf8_lossy(&reason.unwrap_or_default()))),
            Ended::Stopped => Err(CompileFailure::passing("the host stops".to_owned())),
            Ended::TimedOut => {
                let (seconds, key) = (self.limits.time.value(), self.limits.time.key());
                let reason = format!("compiling it took longer than {seconds} seconds ({key})");
                Err(CompileFailure::lasting(reason))
            }
        }
    }

    /// Runs the running program, even if its file has been replaced or deleted.
    fn command(&self) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg(COMMAND).args(["--stack-bytes", &self.limits.stack_bytes.to_string()]);
        command.args(["--memory-bytes", &self.limits.memory_bytes.value().to_string()]);
        command.args(["--cpu-seconds", &self.limits.time.value().saturating_mul(16).to_string()]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    fn explained(&self, status: ExitStatus, reason: &str) -> CompileFailure {
        if reason.contains("memory allocation") || reason.contains("Cannot allocate memory") {
            let (bytes, key) = (self.limits.memory_bytes.value(), self.limits.memory_bytes.key());
            let reason = format!("compiling it takes more than {bytes} bytes of memory ({key})");
            return CompileFailure::lasting(reason);
        }
        // The compiler's own limits end it in other ways. A machine without memory kills processes like this.
        if status.signal() == Some(Signal::KILL.as_raw()) {
            return CompileFailure::passing("the compiler was killed while compiling it".to_owned());
        }
        CompileFailure::lasting(match reason.trim() {
            "" => format!("the compiler failed on it ({status})"),
            reason => reason.trim_start_matches("jobhost: ").to_owned(),
        })
    }
}

/// Why a component could not be compiled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct CompileFailure {
    pub reason: String,
    /// The failure does not depend on the component: a retry may succeed.
    pub may_pass: bool,
}

impl CompileFailure {
    pub fn lasting(reason: String) -> Self {
        CompileFailure { reason, may_pass: false }
    }

    pub fn passing(reason: String) -> Self {
        CompileFailure { reason, may_pass: true }
    }
}

fn read(from: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

enum Ended {
    Exited(ExitStatus),
    /// Killed at the time limit.
    TimedOut,
    /// Killed because the host is stopping.
    Stopped,
}

fn wait(child: &mut Child, time: Duration, stop: &CancellationToken) -> io::Result<Ended> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Ended::Exited(status));
        }
        let stopped = stop.is_cancelled();
        if stopped || begun.elapsed() >= time {
            child.kill()?;
            child.wait()?;
            return Ok(if stopped { Ended::Stopped } else { Ended::TimedOut });
        }
        thread::sleep(LOOK);
    }
}

/// The compiler processes untrusted input, so it must not inherit the host's files. Not every library opens files with
/// close-on-exec; the store's does not.
fn close_inherited() -> io::Result<()> {
    const FIRST: libc::c_int = 3;
    #[allow(
        unsafe_code,
        reason = "these calls take numbers. Nothing in this process owns what they close: it has just begun, has one thread, \
                  and has opened nothing but the directory that it reads here"
    )]
    // Called by number because older C libraries have no wrapper for it. Older kernels lack the call.
    unsafe {
        if libc::syscall(libc::SYS_close_range, FIRST, libc::c_uint::MAX, 0) == 0 {
            return Ok(());
        }
        let mut open: Vec<libc::c_int> = Vec::new();
        for entry in std::fs::read_dir("/proc/self/fd")? {
            open.extend(entry?.file_name().to_str().and_then(|name| name.parse::<libc::c_int>().ok()));
        }
        for descriptor in open.into_iter().filter(|descriptor| *descriptor >= FIRST) {
            libc::close(descriptor);
        }
    }
    Ok(())
}

/// The child process's work: reads a component from stdin and writes what the engine can load to stdout.
pub fn compile_here(stack_bytes: usize, memory_bytes: u64, cpu_seconds: u64) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    close_inherited().map_err(|error| format!("the compiler cannot close inherited file descriptors: {error}"))?;
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| told(&error))?;
    nice(NICENESS).map_err(|error| told(&error))?;
    let bound = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, bound(memory_bytes)).map_err(|error| told(&error))?;
    // The soft limit raises a signal of its own, so that it can be told from a kill by another process. The hard limit
    // is one second later.
    let cpu = Rlimit { current: Some(cpu_seconds), maximum: Some(cpu_seconds.saturating_add(1)) };
    setrlimit(Resource::Cpu, cpu).map_err(|error| told(&error))?;
    setrlimit(Resource::Core, bound(0)).map_err(|error| told(&error))?;
    let mut component = Vec::new();
    io::stdin().read_to_end(&mut component).map_err(|error| told(&error))?;
    let engine = engine::build(stack_bytes).map_err(|error| told(&error))?;
    let compiled = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&compiled).and_then(|()| stdout.flush()).map_err(|error| told(&error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn compiler() -> Compiler {
        let time = CompileLimits::TIME;
        Compiler::new(CompileLimits { time, memory_bytes: CompileLimits::MEMORY_BYTES, stack_bytes: 1 << 20 })
    }

    #[test]
    fn transient_failures_are_distinguished_from_faults_of_the_component() {
        let ended = |signal: Signal| ExitStatus::from_raw(signal.as_raw());
        let failed = ExitStatus::from_raw(1 << 8);
        for (status, reason, may_pass) in [
            (ended(Signal::KILL), "", true),
            (ended(Signal::XCPU), "", false),
            (ended(Signal::ABORT), "memory allocation of 7 bytes failed", false),
            (failed, "jobhost: no component", false),
        ] {
            let failure = compiler().explained(status, reason);
            assert_eq!(failure.may_pass, may_pass, "{failure}");
        }
        assert_eq!(compiler().explained(failed, "jobhost: no component\n").reason, "no component");
    }

    #[test]
    fn a_stopping_host_does_not_compile() {
        let stop = CancellationToken::new();
        stop.cancel();
        assert!(compiler().compile(b"", &stop).unwrap_err().may_pass);
    }
}
