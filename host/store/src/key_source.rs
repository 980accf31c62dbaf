//! Keys for records that come without one: unique without asking anybody, so that tables of several hosts can be put together.
//!
//! A number has 53 bits, so that a double holds it: ten from the clock, which count steps of 2^40 microseconds (12.7 days),
//! and 43 that are random. It is not drawn alone: a source draws where it begins and counts on from there until the clock
//! comes to the next step. So the records of a host come in order of arrival when they are asked for in order of key, and
//! keys that are neighbours are stored side by side.
//!
//! How probable is a collision? Two hosts that generate n and m numbers from one beginning each within the same twelve days
//! share some with a probability of (n + m) / 2^43: for 20 million each, one in 220,000. A host that begins anew, with 20
//! million numbers of those days in a table, comes upon one of them with half of that. The store writes a record whose
//! generated key is taken with another one, so a collision within a table does no harm; between hosts it shows when the
//! tables are put together.

use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng;

use jobhost_model::Clock;
use jobhost_model::key::Key;

const RANDOM_BITS: u32 = 43;
const CLOCK_BITS: u32 = 10;
/// Microseconds of one step, as a power of two.
const CLOCK_STEP: u32 = 40;
const MOST: u64 = (1 << (CLOCK_BITS + RANDOM_BITS)) - 1;
/// Numbers between two looks at the clock.
const BETWEEN_LOOKS: u64 = 1024;

/// Generates keys. Clones count on together.
#[derive(Clone)]
pub struct KeySource(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    random: Box<dyn Fn() -> u64 + Send + Sync>,
    run: Mutex<Run>,
}

/// Where a source has come to.
#[derive(Debug, Default)]
struct Run {
    next: u64,
    /// Numbers until the next look at the clock.
    left: u64,
    /// The step of the clock in which it began.
    step: Option<u64>,
}

impl KeySource {
    /// With random numbers of the system.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        KeySource::with_random(clock, || rand::rng().next_u64())
    }

    /// With random numbers of one's own, so that a test decides what collides.
    pub fn with_random(clock: Arc<dyn Clock>, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        KeySource(Arc::new(Inner { clock, random: Box::new(random), run: Mutex::default() }))
    }

    /// A number from 0 to 2^53 - 1.
    pub fn number(&self) -> Key {
        self.next(&mut self.0.run.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn next(&self, run: &mut Run) -> Key {
        if run.left == 0 {
            let step = (self.0.clock.now().0 >> CLOCK_STEP) & ((1 << CLOCK_BITS) - 1);
            if run.step != Some(step) {
                run.step = Some(step);
                run.next = step << RANDOM_BITS | (self.0.random)() & ((1 << RANDOM_BITS) - 1);
            }
            run.left = BETWEEN_LOOKS;
        }
        let number = run.next;
        run.next = (number + 1) & MOST;
        run.left -= 1;
        Key::Number(number as f64)
    }

    /// A random UUID, for a key that is declared a string.
    pub fn uuid(&self) -> Key {
        let bits = u128::from((self.0.random)()) << 64 | u128::from((self.0.random)());
        let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        Key::String(uuid.hyphenated().to_string().into())
    }

    /// Another key of the same kind, from another beginning: where one is taken, its neighbours may be.
    pub fn instead_of(&self, key: &Key) -> Key {
        match key {
            Key::Number(_) => {
                let mut run = self.0.run.lock().unwrap_or_else(PoisonError::into_inner);
                *run = Run::default();
                self.next(&mut run)
            }
            Key::String(_) => self.uuid(),
        }
    }
}

impl std::fmt::Debug for KeySource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KeySource")
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use jobhost_model::Timestamp;

    struct At(u64);

    impl Clock for At {
        fn now(&self) -> Timestamp {
            Timestamp(self.0)
        }
    }

    fn number(source: &KeySource) -> u64 {
        match source.number() {
            Key::Number(number) => number as u64,
            Key::String(_) => panic!("a number"),
        }
    }

    #[test]
    fn numbers_fit_a_double_and_are_whole_in_json() {
        // The least, some of this century, and the greatest that a clock can tell.
        for now in [0, 1_795_478_945_747_000, 4_000_000_000_000_000, u64::MAX] {
            for bits in [0, u64::MAX] {
                let source = KeySource::with_random(Arc::new(At(now)), move || bits);
                for _ in 0..40_000 {
                    let key = source.number();
                    let json = key.to_json().to_string();
                    assert!(json.bytes().all(|byte| byte.is_ascii_digit()), "{json}");
                    assert!(json.parse::<u64>().unwrap() < 1 << 53);
                }
            }
        }
    }

    #[test]
    fn numbers_do_not_repeat_and_lie_together() {
        let source = KeySource::new(Arc::new(At(1_795_478_945_747_000)));
        let numbers: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> =
                (0..4).map(|_| scope.spawn(|| (0..25_000).map(|_| number(&source)).collect::<Vec<_>>())).collect();
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
        });
        let known: HashSet<_> = numbers.iter().copied().collect();
        assert_eq!(known.len(), numbers.len());
        let places = known.iter().filter(|number| !known.contains(&number.wrapping_sub(1))).count();
        assert_eq!(places, 1);
    }

    #[test]
    fn sources_share_nothing_but_the_time() {
        let numbers: HashSet<_> = (0..1_000).map(|_| number(&KeySource::new(Arc::new(At(1 << CLOCK_STEP))))).collect();
        assert_eq!(numbers.len(), 1_000);
        assert!(numbers.iter().all(|number| number >> RANDOM_BITS == 1));
    }

    #[test]
    fn numbers_ascend_and_begin_anew_with_the_clock_and_after_a_collision() {
        struct Now(Arc<AtomicU64>);
        impl Clock for Now {
            fn now(&self) -> Timestamp {
                Timestamp(self.0.load(Ordering::Relaxed))
            }
        }
        let now = Arc::new(AtomicU64::new(5 << CLOCK_STEP));
        let source = KeySource::new(Arc::new(Now(Arc::clone(&now))));
        let numbers: Vec<_> = (0..5_000).map(|_| number(&source)).collect();
        assert!(numbers.is_sorted_by(|one, next| *next == one + 1));
        now.store(6 << CLOCK_STEP, Ordering::Relaxed);
        let later: Vec<_> = (0..5_000).map(|_| number(&source)).collect();
        assert!(later.last().is_some_and(|last| last >> RANDOM_BITS == 6) && numbers.last() < later.first());
        let Key::Number(other) = source.instead_of(&Key::Number(1.0)) else { panic!("a number") };
        assert!((other as u64).abs_diff(later[4_999]) > 1);
    }

    #[test]
    fn uuids_are_random_ones() {
        let source = KeySource::new(Arc::new(At(0)));
        let Key::String(text) = source.uuid() else { panic!("a string") };
        assert_eq!(uuid::Uuid::parse_str(&text).unwrap().get_version_num(), 4);
        assert_ne!(source.uuid(), source.instead_of(&source.uuid()));
    }
}
