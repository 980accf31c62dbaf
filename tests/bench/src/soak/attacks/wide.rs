//! Repeated descriptions of a table with many attributes.

use std::time::Duration;

use super::Target;

const PAUSE: Duration = Duration::from_millis(20);

pub fn attack(target: &Target) {
    for request in [
        r#"{"operation":"describe_table","database":"soak","table":"wide"}"#,
        r#"{"operation":"describe_all"}"#,
        r#"{"operation":"search_by_id","database":"soak","table":"wide","ids":[900],"get_attributes":["*"]}"#,
    ] {
        if target.is_over() {
            return;
        }
        target.ask(target.user(), request);
        target.pause(PAUSE);
    }
}
