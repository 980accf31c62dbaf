//! Runs the steps in its request. The request contains `plan` and `steps` as JSON; the result has the outcome of each
//! step. It asks for every capability, so that only the operator's grants limit it.

mod plan;
mod steps;

use guest::{Capability, Description, Failure, Guest, JobPlan, Message, Outcome, Refusal};
use serde_json::Value;

struct Acts;

impl Guest for Acts {
    fn describe() -> Description {
        let asked = [
            Capability::Insert,
            Capability::Update,
            Capability::Delete,
            Capability::Query,
            Capability::ReadFile,
            Capability::WriteFile,
            Capability::FetchUrl,
            Capability::ReadS3,
            Capability::WriteS3,
        ];
        let mut description = guest::asking("acts", "act", &asked);
        description.operations[0].secrets = vec!["/keys/*".to_owned()];
        description
    }

    fn plan(_operation: String, request: String) -> Result<JobPlan, Refusal> {
        let request = parsed(&request);
        plan::of(&request["plan"]).map_err(|message| Refusal { message })
    }

    fn run(_operation: String, request: String, _resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        let request = parsed(&request);
        let came: Vec<Value> = list(&request["steps"]).iter().map(|step| steps::take(step).into()).collect();
        Ok(Outcome { message: Some(Message::Text("done".to_owned())), result: Some(Value::Array(came).to_string()) })
    }
}

fn parsed(request: &str) -> Value {
    serde_json::from_str(request).unwrap_or_default()
}

fn list(value: &Value) -> &[Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

guest::bindings::export!(Acts with_types_in guest::bindings);
