//! Bodies of clients without a login, and bodies that are announced as large and sent slowly.

use std::time::Duration;

use super::{Socket, Target, socket};
use crate::soak::scene::{HOSTILE, PASSWORD};

const STRANGERS: usize = 150;
const STRANGERS_SEND: usize = 1 << 20;
const ANNOUNCED: &str = "Content-Length: 1073741824\r\n";
/// How long all connections stay open.
const STAY: u32 = 20;
const DRIP: Duration = Duration::from_millis(500);
const DROP_BYTES: usize = 10_000;

pub fn attack(target: &Target) {
    let body = " ".repeat(STRANGERS_SEND);
    let mut crowd: Vec<Socket> = Vec::new();
    for _ in 0..STRANGERS {
        let Some(mut socket) = target.open() else { break };
        socket.offer(socket::head(None, &format!("Content-Length: {}\r\n", body.len() + 1)).as_bytes());
        socket.offer(body.as_bytes());
        target.count();
        crowd.push(socket);
    }
    for user in HOSTILE.iter().cycle().take(4) {
        let Some(mut socket) = target.open() else { break };
        socket.offer(socket::head(Some((user, PASSWORD)), ANNOUNCED).as_bytes());
        target.count();
        crowd.push(socket);
    }
    let piece = body.get(..DROP_BYTES).unwrap_or_default().as_bytes();
    for _ in 0..STAY {
        if target.is_over() {
            return;
        }
        // A connection that the host has closed is not replaced in this round.
        crowd.retain_mut(|socket| socket.offer(piece));
        target.pause(DRIP);
    }
}
