//! Clients that disconnect while the host handles their request.

use std::time::Duration;

use super::{Target, socket};

const PAUSE: Duration = Duration::from_millis(10);
/// Longer than most requests take.
const LONGEST: u64 = 8_000;

pub fn attack(target: &Target) {
    let number = target.count();
    let rows = if number.is_multiple_of(4) { 100 } else { 1 };
    let body = match number % 5 {
        0..=2 => {
            let data = format!("7,{}\\n", "y".repeat(1000)).repeat(rows);
            format!(
                r#"{{"operation":"csv_data_load","database":"soak","table":"prey","action":"upsert","data":"id,a\n{data}"}}"#
            )
        }
        3 => r#"{"operation":"upsert","database":"soak","table":"prey","records":[{"id":7,"a":"z"}]}"#.to_owned(),
        _ => r#"{"operation":"search_by_value","database":"soak","table":"prey","attribute":"id","value":"*","get_attributes":["*"]}"#.to_owned(),
    };
    let Some(mut socket) = target.open() else { return };
    socket.send(&socket::request(target.user(), &body));
    // Disconnects at a different time in each round. The multiplier is coprime to the range, so every time is equally
    // likely.
    std::thread::sleep(Duration::from_micros(number.wrapping_mul(2_654_435_761) % LONGEST));
    drop(socket);
    target.pause(PAUSE);
}
