//! Chooses the next of the waiting jobs. Looks at a few jobs of each waiting user, never at all waiting jobs.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use tokio::time::Instant;
use uuid::Uuid;

use super::QueuedJob;
use super::shares::may_begin;

/// The first number for jobs of this process. Jobs of an earlier process have lower numbers.
const FIRST_OF_THIS_PROCESS: u64 = 1 << 63;

pub(super) struct Waiting {
    workers: usize,
    running: usize,
    users: HashMap<Arc<str>, OfUser>,
    /// Users with jobs in `users`, each once, in the order of their turns.
    turns: VecDeque<Arc<str>>,
    /// Running attempts of plugins whose grant sets a maximum.
    plugins: HashMap<Arc<str>, usize>,
    /// Jobs that must not start yet.
    later: BTreeMap<(Instant, u64), QueuedJob>,
    next_recovered: u64,
    next: u64,
}

/// A user with waiting or running jobs.
#[derive(Default)]
struct OfUser {
    running: usize,
    /// Jobs in order of arrival, grouped by the plugin that limits them, so that jobs that cannot run now are skipped
    /// in one step.
    lanes: HashMap<Option<Arc<str>>, BTreeMap<u64, QueuedJob>>,
}

/// The job's plugin and its maximum of concurrent attempts, if the grant sets one.
fn bound(job: &QueuedJob) -> Option<(&str, usize)> {
    let plugin = &job.operation.as_ref()?.plugin;
    Some((&plugin.description.name, plugin.grants.concurrency()?))
}

impl Waiting {
    pub fn new(workers: usize) -> Self {
        Waiting {
            workers,
            running: 0,
            users: HashMap::new(),
            turns: VecDeque::new(),
            plugins: HashMap::new(),
            later: BTreeMap::new(),
            next_recovered: 0,
            next: FIRST_OF_THIS_PROCESS,
        }
    }

    pub fn is_empty(&self) -> bool {
        self.turns.is_empty()
    }

    pub fn push(&mut self, mut job: QueuedJob) {
        let order = job.past.order.unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        job.past.order = Some(order);
        let lane = bound(&job).map(|(plugin, _)| Arc::from(plugin));
        let user = Arc::clone(&job.user);
        let of_user = self.users.entry(Arc::clone(&user)).or_default();
        if of_user.lanes.is_empty() {
            self.turns.push_back(user);
        }
        of_user.lanes.entry(lane).or_default().insert(order, job);
    }

    pub fn push_recovered(&mut self, mut job: QueuedJob) {
        self.next_recovered += 1;
        job.past.order = Some(self.next_recovered);
        self.push(job);
    }

    pub fn push_later(&mut self, mut job: QueuedJob, when: Instant) {
        let order = job.past.order.unwrap_or_else(|| {
            self.next += 1;
            self.next
        });
        job.past.order = Some(order);
        self.later.insert((when, order), job);
    }

    /// When the first delayed job is due.
    pub fn next_due(&self) -> Option<Instant> {
        self.later.first_key_value().map(|((when, _), _)| *when)
    }

    /// Takes the next job, and returns the plugin whose maximum it counts towards.
    pub fn take(&mut self, now: Instant) -> Option<(QueuedJob, Option<Arc<str>>)> {
        while let Some(first) = self.later.first_entry()
            && first.key().0 <= now
        {
            let job = first.remove();
            self.push(job);
        }
        let ready = |user: &Arc<str>| {
            let of_user = self.users.get(user)?;
            if !may_begin(of_user.running, self.running, self.workers) {
                return None;
            }
            of_user.next(&self.plugins)
        };
        let (place, lane) = self.turns.iter().enumerate().find_map(|(place, user)| Some((place, ready(user)?)))?;
        let user = self.turns.remove(place)?;
        let of_user = self.users.get_mut(&user)?;
        let jobs = of_user.lanes.get_mut(&lane)?;
        let (_, job) = jobs.pop_first()?;
        if jobs.is_empty() {
            of_user.lanes.remove(&lane);
        }
        of_user.running += 1;
        self.running += 1;
        if !of_user.lanes.is_empty() {
            self.turns.push_back(user);
        }
        if let Some(plugin) = &lane {
            *self.plugins.entry(Arc::clone(plugin)).or_default() += 1;
        }
        Some((job, lane))
    }

    /// Releases the worker of a finished attempt.
    pub fn give_back(&mut self, user: &str, plugin: Option<&str>) {
        self.running = self.running.saturating_sub(1);
        if let Some(of_user) = self.users.get_mut(user) {
            of_user.running = of_user.running.saturating_sub(1);
            if of_user.running == 0 && of_user.lanes.is_empty() {
                self.users.remove(user);
            }
        }
        if let Some(plugin) = plugin
            && let Some(running) = self.plugins.get_mut(plugin)
        {
            *running -= 1;
            if *running == 0 {
                self.plugins.remove(plugin);
            }
        }
    }

    /// Searches the jobs of one user and the delayed jobs.
    pub fn remove(&mut self, user: &str, id: Uuid) -> Option<QueuedJob> {
        let later = self.later.iter().find(|(_, job)| job.id == id).map(|(place, _)| *place);
        if let Some(place) = later {
            return self.later.remove(&place);
        }
        let of_user = self.users.get_mut(user)?;
        let found = of_user.lanes.iter().find_map(|(lane, jobs)| {
            let (order, _) = jobs.iter().find(|(_, job)| job.id == id)?;
            Some((lane.clone(), *order))
        });
        let (lane, order) = found?;
        let jobs = of_user.lanes.get_mut(&lane)?;
        let removed = jobs.remove(&order);
        if jobs.is_empty() {
            of_user.lanes.remove(&lane);
        }
        if of_user.lanes.is_empty() {
            self.turns.retain(|name| &**name != user);
            if of_user.running == 0 {
                self.users.remove(user);
            }
        }
        removed
    }

    #[cfg(test)]
    pub fn len(&self) -> usize {
        let waiting = self.users.values().flat_map(|of_user| of_user.lanes.values());
        waiting.map(BTreeMap::len).sum::<usize>() + self.later.len()
    }

    #[cfg(test)]
    pub fn running(&self) -> usize {
        self.running
    }
}

impl OfUser {
    /// The lane whose oldest job comes first among those that may run.
    fn next(&self, running: &HashMap<Arc<str>, usize>) -> Option<Option<Arc<str>>> {
        let ready = self.lanes.iter().filter_map(|(lane, jobs)| {
            let (order, job) = jobs.first_key_value()?;
            let busy = lane.as_ref().and_then(|plugin| running.get(plugin)).copied().unwrap_or_default();
            let most = bound(job).map_or(usize::MAX, |(_, most)| most);
            (busy < most).then_some((*order, lane))
        });
        ready.min_by_key(|(order, _)| *order).map(|(_, lane)| lane.clone())
    }
}
