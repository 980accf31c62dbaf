//! Generates keys for records without one. The keys are unique without coordination, so that tables of several hosts
//! can be merged.
//!
//! A number has 53 bits, which a double represents exactly: 10 bits from the clock, in steps of 2^40 microseconds (12.7
//! days), and 43 random bits. A source draws a random starting point and counts up from there until the clock reaches
//! the next step. So keys ascend in order of arrival, and neighbouring keys are stored side by side.
//!
//! Collisions are rare. If two hosts generate n and m numbers within the same 12 days, each from one starting point,
//! they share some with a probability of (n + m) / 2^43: for 20 million each, 1 in 220,000. If a host restarts while a
//! table has 20 million numbers from the same 12 days, the probability is half of that. Within a table a collision does
//! no harm, because the store replaces a generated key that is taken. Between hosts it shows up when the tables are
//! merged.

use std::sync::{Arc, Mutex, PoisonError};

use rand::Rng;

use jobhost_model::Clock;
use jobhost_model::key::Key;

const RANDOM_BITS: u32 = 43;
const CLOCK_BITS: u32 = 10;
/// Length of a clock step in microseconds, as a power of two.
const CLOCK_STEP: u32 = 40;
const MOST: u64 = (1 << (CLOCK_BITS + RANDOM_BITS)) - 1;
/// Number of keys generated between two readings of the clock.
const BETWEEN_LOOKS: u64 = 1024;

/// Generates keys. Clones share one sequence.
#[derive(Clone)]
pub struct KeySource(Arc<Inner>);

struct Inner {
    clock: Arc<dyn Clock>,
    random: Box<dyn Fn() -> u64 + Send + Sync>,
    run: Mutex<Run>,
}

/// The current sequence of a source.
#[derive(Debug, Default)]
struct Run {
    next: u64,
    /// Number of keys until the clock is read again.
    left: u64,
    /// The clock step in which the sequence started.
    step: Option<u64>,
}

impl KeySource {
    /// Creates a source that uses the system's random numbers.
    pub fn new(clock: Arc<dyn Clock>) -> Self {
        KeySource::with_random(clock, || rand::rng().next_u64())
    }

    /// Creates a source with custom random numbers, so that tests can force collisions.
    pub fn with_random(clock: Arc<dyn Clock>, random: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        KeySource(Arc::new(Inner { clock, random: Box::new(random), run: Mutex::default() }))
    }

    /// Returns an integer key from 0 to 2^53 - 1.
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

    /// Returns a random UUID, for a key declared as a string.
    pub fn uuid(&self) -> Key {
        let bits = u128::from((self.0.random)()) << 64 | u128::from((self.0.random)());
        let uuid = uuid::Builder::from_random_bytes(bits.to_be_bytes()).into_uuid();
        Key::String(uuid.hyphenated().to_string().into())
    }

    /// Returns another key of the same kind, from a new starting point: if one key is taken, its neighbours may be
    /// taken, too.
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
    fn generated_numbers_fit_a_double_and_are_integers_in_json() {
        // The minimum, two times of this century, and the maximum.
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
    fn generated_numbers_are_unique_and_contiguous() {
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
    fn sources_share_only_the_bits_of_the_clock() {
        let numbers: HashSet<_> = (0..1_000).map(|_| number(&KeySource::new(Arc::new(At(1 << CLOCK_STEP))))).collect();
        assert_eq!(numbers.len(), 1_000);
        assert!(numbers.iter().all(|number| number >> RANDOM_BITS == 1));
    }

    #[test]
    fn numbers_ascend_and_restart_with_the_clock_and_after_a_collision() {
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
    fn generated_uuids_are_random() {
        let source = KeySource::new(Arc::new(At(0)));
        let Key::String(text) = source.uuid() else { panic!("a string") };
        assert_eq!(uuid::Uuid::parse_str(&text).unwrap().get_version_num(), 4);
        assert_ne!(source.uuid(), source.instead_of(&source.uuid()));
    }
}
