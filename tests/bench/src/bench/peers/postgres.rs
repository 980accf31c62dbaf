//! PostgreSQL: a temporary cluster on a Unix socket. Dropping it stops and removes the cluster.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use super::{Loader, Table, copy_with_times, create_table, create_table_with_times, disk_bytes};
use crate::bench::dataset::Dataset;
use crate::bench::meter::{self, Usage};
use crate::bench::written::{Columns, Format};
use jobhost_testkit::failure::{Doing, Failure, Result};

/// The path of a Unix socket is limited to 107 bytes.
const SOCKET_DIR_MAX: usize = 80;
const READY_WITHIN: Duration = Duration::from_secs(60);
const KEYS: [&str; 2] = ["bigint", "uuid"];
const REST: &str =
    "name text, email text, city text, age integer, score double precision, active boolean, created timestamptz";
/// Distinct times in milliseconds with a fraction, as a server stores them.
const TIME: &str = "double precision DEFAULT round((extract(epoch from clock_timestamp()) * 1000)::numeric, 4)";

pub struct Postgres {
    programs: PathBuf,
    version: String,
    owner: Option<Owner>,
    /// Contains the socket, the log and, in a subdirectory, the cluster.
    dir: PathBuf,
    server: Option<Child>,
}

/// The user that runs the server, which refuses to run as root.
#[derive(Debug, Clone, Copy)]
struct Owner {
    uid: u32,
    gid: u32,
}

impl Postgres {
    pub fn prepare(run: &Path) -> Result<Self> {
        let programs = programs()?;
        let version = meter::run("postgres", Command::new(programs.join("postgres")).arg("--version"))?;
        let version = version.split_whitespace().nth(2).unwrap_or("?").to_owned();
        let owner = owner()?;
        // Next to the other databases if that user has access and the path of the socket is short enough, otherwise in
        // the system's temporary directory.
        let here = run.join("postgres");
        let elsewhere = std::env::temp_dir().join(format!("jobhost-bench-{}", std::process::id()));
        let mut it = Self { programs, version, owner, dir: here, server: None };
        it.make_dir()?;
        let reachable = meter::run("test", it.command("test").arg("-w").arg(&it.dir)).is_ok();
        if !reachable || it.dir.as_os_str().len() > SOCKET_DIR_MAX {
            fs::remove_dir_all(&it.dir).ok();
            it.dir = elsewhere;
            it.make_dir()?;
        }
        it.start()?;
        Ok(it)
    }

    fn make_dir(&self) -> Result<()> {
        let cannot = || format!("cannot make {} for the user postgres", self.dir.display());
        fs::remove_dir_all(&self.dir).ok();
        fs::create_dir_all(&self.dir).doing(cannot)?;
        fs::set_permissions(&self.dir, fs::Permissions::from_mode(0o700)).doing(cannot)?;
        match self.owner {
            Some(owner) => chown(&self.dir, Some(owner.uid), Some(owner.gid)).doing(cannot),
            None => Ok(()),
        }
    }

    fn data(&self) -> PathBuf {
        self.dir.join("data")
    }

    /// Returns a command that runs as the owner of the cluster.
    fn command(&self, program: &str) -> Command {
        let own = self.programs.join(program);
        let mut command = Command::new(if own.exists() { own } else { PathBuf::from(program) });
        command.current_dir("/").env("LC_ALL", "C");
        if let Some(owner) = self.owner {
            command.uid(owner.uid).gid(owner.gid);
        }
        command
    }

    fn start(&mut self) -> Result<()> {
        let initdb = ["-A", "trust", "-U", "postgres", "-E", "UTF8", "--no-locale", "-D"];
        meter::run("initdb", self.command("initdb").args(initdb).arg(self.data()))?;
        let log = self.dir.join("server.log");
        let out = fs::File::create(&log).doing(|| format!("cannot make {}", log.display()))?;
        // A direct child, so that its CPU time can be read as one tree and Ctrl-C reaches it.
        let server = self
            .command("postgres")
            .arg("-D")
            .arg(self.data())
            .arg("-k")
            .arg(&self.dir)
            .args(["-c", "listen_addresses="])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(out)
            .spawn()
            .doing(|| "cannot start postgres".to_owned())?;
        self.server = Some(server);
        let deadline = Instant::now() + READY_WITHIN;
        while let Err(e) = self.psql("SELECT 1") {
            if Instant::now() > deadline {
                let text = fs::read_to_string(&log).unwrap_or_default();
                return Err(Failure::new(format!("PostgreSQL did not start: {e}\n{text}")));
            }
            thread::sleep(Duration::from_millis(50));
        }
        Ok(())
    }

    fn psql(&self, sql: &str) -> Result<String> {
        let mut psql = self.command("psql");
        psql.args(["-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1", "-U", "postgres", "-d", "postgres", "-h"]);
        meter::run("psql", psql.arg(&self.dir).arg("-c").arg(sql))
    }

    fn measured(&self, sql: &str) -> Result<Usage> {
        let pid = self.server.as_ref().map_or(0, Child::id);
        meter::of_server(pid, || self.psql(sql)).map(|(_, usage)| usage)
    }

    fn copy(&self, data: &Dataset) -> Result<String> {
        let file = sql_text(&data.path);
        if meter::run("test", self.command("test").arg("-r").arg(&data.path)).is_err() {
            return Err(Failure::new(format!(
                "the user postgres may not read {file}: make its directories searchable for all (chmod o+x)"
            )));
        }
        Ok(format!("COPY people FROM '{file}' WITH (FORMAT csv, HEADER)"))
    }

    fn table_bytes(&self) -> Result<u64> {
        let bytes = self.psql("SELECT pg_total_relation_size('people')")?;
        Ok(bytes.parse().unwrap_or_else(|_| disk_bytes(&self.data())))
    }

    fn expect_rows(&self, rows: u64) -> Result<()> {
        let count = self.psql("SELECT count(*) FROM people")?;
        if count == rows.to_string() {
            return Ok(());
        }
        Err(Failure::new(format!("PostgreSQL has {count} rows instead of {rows}")))
    }
}

impl Loader for Postgres {
    fn name(&self) -> String {
        format!("PostgreSQL {} COPY", self.version)
    }

    fn conditions(&self) -> &'static str {
        "`COPY people FROM file` with its commit; all processes of the server and the `psql` that asks; settings as initdb makes them; BIGINT or UUID PRIMARY KEY"
    }

    fn load(&mut self, data: &Dataset) -> Result<(Usage, u64)> {
        let table = create_table(data.keys, KEYS, REST);
        self.psql("DROP TABLE IF EXISTS people")?;
        self.psql(&table)?;
        // What the previous round left to be written must not count for this round.
        self.psql("CHECKPOINT")?;
        let copy = self.copy(data)?;
        let usage = self.measured(&copy)?;
        let bytes = self.table_bytes()?;
        self.expect_rows(data.rows)?;
        self.psql("DROP TABLE people")?;
        Ok((usage, bytes))
    }
}

impl Table for Postgres {
    fn name(&self) -> String {
        format!("PostgreSQL {}", self.version)
    }

    fn export_conditions(&self) -> &'static str {
        "CSV by `COPY (SELECT …) TO file`, JSON by `COPY (SELECT row_to_json(…)) TO file`, one object a line; no sync; all processes of the server and the `psql` that asks; after VACUUM ANALYZE"
    }

    fn delete_conditions(&self) -> &'static str {
        "`DELETE FROM people WHERE created < …` with its commit; the space is free after VACUUM only, which is not counted"
    }

    fn load(&self, data: &Dataset) -> Result<()> {
        self.psql("DROP TABLE IF EXISTS people")?;
        self.psql(&create_table_with_times(data.keys, KEYS, TIME, REST))?;
        self.load_again(data)?;
        self.psql("VACUUM ANALYZE people").map(|_| ())
    }

    fn load_again(&self, data: &Dataset) -> Result<()> {
        self.psql(&copy_with_times(&self.copy(data)?))?;
        self.expect_rows(data.rows)?;
        self.psql("CHECKPOINT").map(|_| ())
    }

    fn export(&self, _data: &Dataset, columns: Columns, format: Format) -> Result<(Usage, PathBuf)> {
        let path = self.dir.join(format!("people.{}", format.name()));
        fs::remove_file(&path).ok();
        let (to, select) = (sql_text(&path), columns.names().join(", "));
        let statement = match format {
            Format::Csv => format!("COPY (SELECT {select} FROM people) TO '{to}' WITH (FORMAT csv, HEADER)"),
            Format::Json => format!("COPY (SELECT row_to_json(r) FROM (SELECT {select} FROM people) r) TO '{to}'"),
        };
        Ok((self.measured(&statement)?, path))
    }

    fn delete_all(&self, sql: &str) -> Result<Usage> {
        let usage = self.measured(sql)?;
        self.expect_rows(0)?;
        self.psql("CHECKPOINT")?;
        Ok(usage)
    }

    fn disk_bytes(&self) -> Result<u64> {
        self.table_bytes()
    }
}

impl Drop for Postgres {
    fn drop(&mut self) {
        if let Some(mut server) = self.server.take() {
            let stop = ["stop", "-s", "-m", "fast", "-t", "20", "-D"];
            if meter::run("pg_ctl stop", self.command("pg_ctl").args(stop).arg(self.data())).is_err() {
                server.kill().ok();
            }
            server.wait().ok();
        }
        fs::remove_dir_all(&self.dir).ok();
    }
}

/// Quotes a path for an SQL string.
fn sql_text(path: &Path) -> String {
    path.display().to_string().replace('\'', "''")
}

fn programs() -> Result<PathBuf> {
    // `pg_config` is part of a development package that may not be installed.
    let mut found: Vec<PathBuf> = fs::read_dir("/usr/lib/postgresql")
        .map(|versions| versions.flatten().map(|v| v.path().join("bin")).collect())
        .unwrap_or_default();
    found.extend(meter::run("pg_config", Command::new("pg_config").arg("--bindir")).map(PathBuf::from));
    found.retain(|dir| dir.join("initdb").exists());
    found.sort();
    found
        .pop()
        .ok_or_else(|| Failure::new("PostgreSQL's server programs are not here: install Debian's package postgresql"))
}

fn owner() -> Result<Option<Owner>> {
    let id = |args: &[&str]| -> Result<u32> {
        let text = meter::run("id", Command::new("id").args(args))?;
        text.parse().map_err(|_| Failure::new(format!("id {args:?} printed {text:?}")))
    };
    if id(&["-u"])? != 0 {
        return Ok(None);
    }
    Ok(Some(Owner { uid: id(&["-u", "postgres"])?, gid: id(&["-g", "postgres"])? }))
}
