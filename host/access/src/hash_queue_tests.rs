use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::*;

type Waiting<'q> = Pin<Box<dyn Future<Output = Result<Permit, AuthenticationError>> + 'q>>;

fn address(last: u8) -> Source {
    Source::of(Some(IpAddr::from([10, 0, 0, last])))
}

fn asker(source: Source, username: &str, known: bool) -> Asker<'_> {
    Asker { source, username, known }
}

fn poll(waiting: &mut Waiting<'_>) -> Poll<Result<Permit, AuthenticationError>> {
    waiting.as_mut().poll(&mut Context::from_waker(Waker::noop()))
}

/// Joins the queue and checks that there is no immediate turn.
fn wait<'q>(queue: &'q Arc<HashQueue>, asker: Asker<'q>) -> Waiting<'q> {
    let mut waiting: Waiting<'q> = Box::pin(queue.turn(asker));
    assert!(poll(&mut waiting).is_pending());
    waiting
}

/// Ends one computation after another until `one` gets its turn. Returns how many came before.
fn turns_until(mut running: Permit, others: &mut Vec<Waiting<'_>>, one: &mut Waiting<'_>) -> usize {
    for before in 0.. {
        drop(running);
        if let Poll::Ready(permit) = poll(one) {
            permit.unwrap();
            return before;
        }
        let next = others.iter_mut().enumerate().find_map(|(index, other)| match poll(other) {
            Poll::Ready(permit) => Some((index, permit.unwrap())),
            Poll::Pending => None,
        });
        let (index, permit) = next.expect("somebody's turn");
        drop(others.remove(index));
        running = permit;
    }
    unreachable!()
}

fn queue() -> Arc<HashQueue> {
    HashQueue::new(1, LONGEST_WAIT)
}

#[tokio::test]
async fn a_storm_of_names_lets_a_known_one_through() {
    let queue = queue();
    let running = queue.turn(asker(address(1), "first", true)).await.unwrap();
    let unknown: Vec<String> = (0..300).map(|number| format!("ghost {number}")).collect();
    let mut storm: Vec<_> = unknown.iter().map(|name| wait(&queue, asker(address(1), name, false))).collect();
    storm.extend((0..WAITING_OF_A_NAME).map(|_| wait(&queue, asker(address(1), "boss", true))));
    let mut ann = wait(&queue, asker(address(1), "ann", true));
    assert!(turns_until(running, &mut storm, &mut ann) <= 3);
}

#[tokio::test]
async fn unknown_names_get_one_of_four_turns() {
    let queue = queue();
    let running = queue.turn(asker(address(1), "first", true)).await.unwrap();
    let known: Vec<String> = (0..100).map(|number| format!("user {number}")).collect();
    let mut storm: Vec<_> = known.iter().map(|name| wait(&queue, asker(address(1), name, true))).collect();
    let mut ghost = wait(&queue, asker(address(1), "ghost", false));
    assert!(turns_until(running, &mut storm, &mut ghost) <= 3);
}

#[tokio::test]
async fn addresses_take_turns() {
    let queue = queue();
    let running = queue.turn(asker(address(1), "first", true)).await.unwrap();
    let known: Vec<String> = (0..200).map(|number| format!("user {number}")).collect();
    let mut storm: Vec<_> = known.iter().map(|name| wait(&queue, asker(address(1), name, true))).collect();
    let mut other = wait(&queue, asker(address(2), "user 7", true));
    assert!(turns_until(running, &mut storm, &mut other) <= 1);
}

#[tokio::test]
async fn waiters_per_name_and_address_are_limited() {
    let queue = queue();
    let _running = queue.turn(asker(address(1), "ann", true)).await.unwrap();
    let waiting: Vec<_> = (0..WAITING_OF_A_NAME).map(|_| wait(&queue, asker(address(1), "ann", true))).collect();
    assert_eq!(queue.turn(asker(address(1), "ann", true)).await.err(), Some(AuthenticationError::Busy));
    let elsewhere = wait(&queue, asker(address(2), "ann", true));
    drop(waiting);
    let again = wait(&queue, asker(address(1), "ann", true));
    drop((elsewhere, again));
    let state = queue.state();
    assert!(state.known.waiting == 0 && state.known.sources.is_empty(), "who leaves gives up his place");
}

#[tokio::test]
async fn a_full_queue_has_room_for_those_who_have_few_waiting() {
    let queue = queue();
    let _running = queue.turn(asker(address(1), "ann", true)).await.unwrap();
    let names: Vec<String> = (0..WAITING_OF_A_CLASS).map(|number| format!("ghost {number}")).collect();
    let mut storm: Vec<_> = names.iter().map(|name| wait(&queue, asker(address(1), name, false))).collect();
    assert_eq!(queue.turn(asker(address(1), "one more", false)).await.err(), Some(AuthenticationError::Busy));
    let _other = wait(&queue, asker(address(2), "somebody", false));
    let sent_away = storm.iter_mut().filter_map(|waiting| match poll(waiting) {
        Poll::Ready(permit) => Some(permit.err()),
        Poll::Pending => None,
    });
    assert_eq!(sent_away.collect::<Vec<_>>(), [Some(AuthenticationError::Busy)]);
    assert_eq!(queue.state().unknown.waiting, WAITING_OF_A_CLASS);
}

#[tokio::test]
async fn the_wait_for_a_turn_times_out() {
    let queue = HashQueue::new(1, Duration::from_millis(1));
    let _running = queue.turn(asker(address(1), "ann", true)).await.unwrap();
    assert_eq!(queue.turn(asker(address(1), "bob", true)).await.err(), Some(AuthenticationError::Busy));
    assert_eq!(queue.state().known.waiting, 0);
}

#[tokio::test]
async fn a_permit_that_is_not_taken_goes_to_the_next_waiter() {
    let queue = queue();
    let running = queue.turn(asker(address(1), "first", true)).await.unwrap();
    let mut waiting: Vec<_> =
        ["a", "b", "c"].map(|name| wait(&queue, asker(address(1), name, true))).into_iter().collect();
    drop(running);
    // It got its turn and left before taking it.
    drop(waiting.remove(0));
    drop(waiting.remove(0));
    assert!(poll(&mut waiting[0]).is_ready());
    drop(waiting);
    assert_eq!(queue.state().running, 0);
    assert!(queue.turn(asker(address(1), "last", true)).await.is_ok());
}

#[test]
fn an_ipv6_network_counts_as_one_client() {
    let source = |text: &str| Source::of(Some(text.parse().unwrap()));
    assert_eq!(source("2001:db8::1"), source("2001:db8::2:3:4:5"));
    assert_ne!(source("2001:db8::1"), source("2001:db8:0:1::1"));
    assert_eq!(source("::ffff:10.0.0.1"), address(1));
}
