//! Wrong passwords for existing and unknown users, in headers and in bodies.

use std::time::Duration;

use super::{Target, socket};
use crate::soak::scene::{HONEST, HOSTILE};

const PAUSE: Duration = Duration::from_millis(20);

pub fn attack(target: &Target) {
    let number = target.count();
    let users = [HONEST[0], HOSTILE[0], "HDB_ADMIN", "ghost"];
    let user = users.iter().cycle().nth((number % 4) as usize).copied().unwrap_or("ghost");
    let wrong = format!("wrong-{number}");
    let Some(mut socket) = target.open() else { return };
    if number.is_multiple_of(3) {
        let body =
            format!(r#"{{"operation":"create_authentication_tokens","username":"{user}","password":"{wrong}"}}"#);
        socket.send(socket::head(None, &format!("Content-Length: {}\r\n", body.len())).as_bytes());
        socket.send(body.as_bytes());
    } else {
        let body = r#"{"operation":"user_info"}"#;
        let headers = format!("Content-Length: {}\r\n", body.len());
        socket.send(socket::head(Some((user, &wrong)), &headers).as_bytes());
        socket.send(body.as_bytes());
    }
    socket.status();
    target.pause(PAUSE);
}
