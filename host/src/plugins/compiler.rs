//! Compiling components. The compiler is large, its time and memory are up to whoever wrote the component, and it cannot be
//! told to stop: so it works in a process of its own, which is this program with another command, one at a time, with less
//! right to the processor than the host has, and is killed at its bounds.

use std::io::{self, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::process::{Resource, Rlimit, Signal, nice, set_parent_process_death_signal, setrlimit};

use crate::sandbox::engine;

/// The command of this program that compiles.
pub const COMMAND: &str = "compile-component";
/// Compiled code is some ten times as large as a component; a component that makes more is no honest one.
const MAX_COMPILED_BYTES: u64 = 1024 * 1024 * 1024;
const MAX_REASON_BYTES: u64 = 4096;
/// Between two looks whether the process has ended; small components take some ten milliseconds.
const LOOK: Duration = Duration::from_millis(2);
/// What the host leaves to others, in the terms of nice(1).
const NICENESS: i32 = 10;

/// Bounds of one compilation. Each has a key of that name in section `plugins` of the configuration.
#[derive(Debug, Clone, Copy)]
pub struct CompileLimits {
    pub seconds: Duration,
    /// Address space of the process.
    pub memory_bytes: u64,
    /// `sandbox.stack_bytes`, which the compiled code is for.
    pub stack_bytes: usize,
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

    /// What the engine can load, or why there is none. Blocks until it is the component's turn, and while it is compiled.
    pub fn compile(&self, component: &[u8]) -> Result<Vec<u8>, String> {
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        // The program as it is running, whatever has become of its file since.
        let mut command = Command::new("/proc/self/exe");
        command.arg(COMMAND).args(["--stack-bytes", &self.limits.stack_bytes.to_string()]);
        command.args(["--memory-bytes", &self.limits.memory_bytes.to_string()]);
        command.args(["--cpu-seconds", &self.limits.seconds.as_secs().saturating_mul(16).to_string()]);
        command.env_clear().stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("the compiler cannot be started: {error}"))?;
        let done = std::thread::scope(|scope| {
            let (input, output, reason) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
            // A process that ends early leaves the rest unread; its exit status says why.
            scope.spawn(move || input.map(|mut input| input.write_all(component)));
            let output = scope.spawn(move || read(output, MAX_COMPILED_BYTES));
            let reason = scope.spawn(move || read(reason, MAX_REASON_BYTES));
            let ended = wait(&mut child, self.limits.seconds);
            let of_thread = |text: std::thread::Result<io::Result<Vec<u8>>>| text.unwrap_or_else(|_| Ok(Vec::new()));
            (ended, of_thread(output.join()), of_thread(reason.join()))
        });
        let (ended, output, reason) = done;
        let unread = |error: io::Error| format!("the compiler's answer cannot be read: {error}");
        match ended.map_err(unread)? {
            Some(status) if status.success() => {
                let compiled = output.map_err(unread)?;
                if compiled.len() as u64 > MAX_COMPILED_BYTES {
                    return Err(format!("it compiles to more than {MAX_COMPILED_BYTES} bytes of code"));
                }
                Ok(compiled)
            }
            Some(status) => Err(self.explained(status, &String::from_utf8_lossy(&reason.unwrap_or_default()))),
            None => {
                let seconds = self.limits.seconds.as_secs();
                Err(format!("compiling it took longer than {seconds} seconds (plugins.compile_seconds)"))
            }
        }
    }

    fn explained(&self, status: ExitStatus, reason: &str) -> String {
        if reason.contains("memory allocation") || reason.contains("Cannot allocate memory") {
            let bytes = self.limits.memory_bytes;
            return format!("compiling it takes more than {bytes} bytes of memory (plugins.compile_memory_bytes)");
        }
        match reason.trim() {
            "" => format!("the compiler failed on it ({status})"),
            reason => reason.trim_start_matches("jobhost: ").to_owned(),
        }
    }
}

fn read(from: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        from.take(most + 1).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// How the process ended; `None` if it had to be killed.
fn wait(child: &mut Child, time: Duration) -> io::Result<Option<ExitStatus>> {
    let begun = Instant::now();
    loop {
        if let Some(status) = child.try_wait()? {
            return Ok(Some(status));
        }
        if begun.elapsed() >= time {
            child.kill()?;
            child.wait()?;
            return Ok(None);
        }
        std::thread::sleep(LOOK);
    }
}

/// What the process does: a component on stdin, what the engine can load on stdout.
pub fn compile_here(stack_bytes: usize, memory_bytes: u64, cpu_seconds: u64) -> Result<(), String> {
    let told = |error: &dyn std::fmt::Display| error.to_string();
    set_parent_process_death_signal(Some(Signal::KILL)).map_err(|error| told(&error))?;
    nice(NICENESS).map_err(|error| told(&error))?;
    let bound = |most: u64| Rlimit { current: Some(most), maximum: Some(most) };
    setrlimit(Resource::As, bound(memory_bytes)).map_err(|error| told(&error))?;
    setrlimit(Resource::Cpu, bound(cpu_seconds)).map_err(|error| told(&error))?;
    setrlimit(Resource::Core, bound(0)).map_err(|error| told(&error))?;
    let mut component = Vec::new();
    io::stdin().read_to_end(&mut component).map_err(|error| told(&error))?;
    let engine = engine::build(stack_bytes).map_err(|error| told(&error))?;
    let compiled = engine.precompile_component(&component).map_err(|error| format!("{error:#}"))?;
    let mut stdout = io::stdout().lock();
    stdout.write_all(&compiled).and_then(|()| stdout.flush()).map_err(|error| told(&error))
}
