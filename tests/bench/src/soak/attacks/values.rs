//! Requests whose text is small but whose values are large.

use std::time::Duration;

use super::Target;
use crate::soak::scene::{HOSTILE, NOBODY};

const BYTES: usize = 10_000_000;
const PAUSE: Duration = Duration::from_millis(300);

const UNITS: [&str; 6] = ["[[0]]", "{\"a\":{}}", "{}", "0", "\"a\"", "[[[[[[[[]]]]]]]]"];

const TEMPLATES: [(&str, &str); 7] = [
    (NOBODY, r#"{"operation":"csv_data_load","database":"soak","table":"prey","data":"id\n1\n","x":BOMB}"#),
    (
        NOBODY,
        r#"{"operation":"search_by_conditions","database":"soak","table":"prey","get_attributes":["*"],"conditions":BOMB}"#,
    ),
    (
        HOSTILE[0],
        r#"{"operation":"search_by_id","database":"soak","table":"prey","get_attributes":["id"],"ids":[BOMB]}"#,
    ),
    (HOSTILE[1], r#"{"operation":"insert","database":"soak","table":"prey","records":BOMB}"#),
    (HOSTILE[0], r#"{"operation":"delete","database":"soak","table":"wide","ids":[BOMB]}"#),
    (NOBODY, r#"{"operation":"export_local","format":"json","path":"/","search_operation":BOMB}"#),
    (HOSTILE[1], r#"{"operation":"user_info","x":BOMB}"#),
];

pub fn attack(target: &Target) {
    for (number, (user, template)) in TEMPLATES.iter().enumerate() {
        if target.is_over() {
            return;
        }
        let unit = UNITS.iter().cycle().nth(number + target.number as usize).copied().unwrap_or("0");
        target.ask(user, &template.replace("BOMB", &list_of(unit, BYTES)));
        target.pause(PAUSE);
    }
}

fn list_of(unit: &str, bytes: usize) -> String {
    let mut text = format!("[{unit}");
    while text.len() < bytes {
        text.push(',');
        text.push_str(unit);
    }
    text.push(']');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_json_of_the_requested_size() {
        let list = list_of("[[0]]", 1000);
        assert!((1000..1010).contains(&list.len()));
        assert!(serde_json::from_str::<serde_json::Value>(&list).unwrap().is_array());
    }
}
