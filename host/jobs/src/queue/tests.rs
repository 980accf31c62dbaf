use std::time::Duration;

use super::*;

fn job(queue: &Arc<Queue>, user: &str, number: u128) -> QueuedJob {
    let place = Some(queue.place(user).unwrap());
    QueuedJob { id: Uuid::from_u128(number), user: Arc::from(user), operation: None, place, past: Past::default() }
}

fn recovered(user: &str, number: u128) -> QueuedJob {
    QueuedJob {
        id: Uuid::from_u128(number),
        user: Arc::from(user),
        operation: None,
        place: None,
        past: Past::default(),
    }
}

/// The jobs that can be taken now, if each ends before the next is taken.
fn taken(queue: &Arc<Queue>) -> Vec<u128> {
    taken_at(queue, Instant::now())
}

fn taken_at(queue: &Arc<Queue>, now: Instant) -> Vec<u128> {
    std::iter::from_fn(|| {
        let mut waiting = queue.lock();
        let (job, plugin) = waiting.take(now)?;
        waiting.give_back(&job.user, plugin.as_deref());
        drop(waiting);
        Some(job.id.as_u128())
    })
    .collect()
}

#[test]
fn users_take_turns_and_their_jobs_keep_their_order() {
    let queue = Queue::new(100, 4);
    for (user, number) in [("ann", 1), ("ann", 2), ("ann", 3), ("bob", 11), ("eve", 21), ("eve", 22)] {
        queue.push(job(&queue, user, number));
    }
    queue.push_recovered(recovered("ann", 101));
    queue.push_recovered(recovered("ann", 102));
    assert_eq!(taken(&queue), [101, 11, 21, 102, 22, 1, 2, 3]);
    assert_eq!(queue.in_use(), (0, 0, 0));
}

#[test]
fn a_job_that_is_removed_gives_its_place_back() {
    let queue = Queue::new(4, 1);
    (1..=4).for_each(|number| queue.push(job(&queue, "ann", number)));
    assert_eq!(queue.place("bob").err(), Some(NoPlace::Full));
    assert!(queue.remove("ann", Uuid::from_u128(2)));
    assert!(!queue.remove("ann", Uuid::from_u128(2)));
    assert!(queue.place("bob").is_ok());
    assert_eq!(taken(&queue), [1, 3, 4]);
    assert_eq!(queue.in_use(), (0, 0, 0));
}

#[tokio::test]
async fn a_delayed_job_is_waited_for_and_keeps_its_position() {
    let queue = Queue::new(10, 1);
    queue.push(job(&queue, "ann", 1));
    queue.push(job(&queue, "ann", 2));
    let (first, turn) = queue.next().await;
    drop(turn);
    let in_an_hour = Instant::now() + Duration::from_secs(3600);
    queue.push_later(first, in_an_hour);
    let (second, turn) = queue.next().await;
    assert_eq!(second.id.as_u128(), 2);
    drop(turn);
    queue.push(second);
    assert_eq!(taken_at(&queue, in_an_hour), [1, 2]);

    let soon = Instant::now() + Duration::from_millis(5);
    queue.push_later(recovered("ann", 3), soon);
    let (third, turn) = queue.next().await;
    assert!(third.id.as_u128() == 3 && Instant::now() >= soon, "nobody has to say that its time has come");
    queue.push_later(third, in_an_hour);
    assert!(queue.remove("ann", Uuid::from_u128(3)), "a job can be cancelled while it waits for its time");
    drop(turn);
    assert_eq!(queue.in_use(), (0, 0, 0));
}

#[tokio::test]
async fn one_user_leaves_workers_for_others() {
    let queue = Queue::new(100, 12);
    (1..=50).for_each(|number| queue.push(job(&queue, "ann", number)));
    let mut turns = Vec::new();
    for _ in 0..8 {
        turns.push(queue.next().await.1);
    }
    assert!(queue.lock().take(Instant::now()).is_none(), "a ninth of one user");
    queue.push(job(&queue, "bob", 51));
    let (of_bob, turn) = queue.next().await;
    assert_eq!(of_bob.id.as_u128(), 51);
    drop((turn, turns));
    assert_eq!(queue.in_use().2, 0);
    assert_eq!(queue.next().await.0.id.as_u128(), 9);
}
