//! The plugin `reverse-load`: each line of the input becomes a record whose `text` is the line reversed.

use jobhost_plugin::rejects::{self, Reject};
use jobhost_plugin::{Access, Action, BatchWriter, Capability, Description, Failure, Operation, Outcome, Plan};
use jobhost_plugin::{PlannedSource, Plugin, Refusal, Reply, Request, Source, TableUse, progress, schema};
use serde_json::json;

struct ReverseLoad;

impl Plugin for ReverseLoad {
    fn describe() -> Description {
        let table = || ("table", json!({ "type": "string" }), true);
        let operation = |name: &str, summary: &str, field: &str| Operation {
            name: name.to_owned(),
            aliases: Vec::new(),
            summary: summary.to_owned(),
            // For people and tools. The host does not check requests against it: `plan` does.
            request_schema: schema::request(name, &[table(), (field, json!({ "type": "string" }), true)]).to_string(),
            secrets: Vec::new(),
            inline_source: None,
            access: Access::TablePermission,
            reply: Reply::JobId,
            resumable: true,
        };
        Description {
            name: "reverse-load".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Stores the lines of a text, reversed".to_owned(),
            capabilities: vec![Capability::Insert, Capability::ReadFile],
            operations: vec![
                Operation {
                    // The host takes this field out of the request and provides it as a source.
                    inline_source: Some("/data".to_owned()),
                    ..operation("reverse_data_load", "Store the lines of the request, reversed", "data")
                },
                operation("reverse_file_load", "Store the lines of a file, reversed", "file_path"),
            ],
        }
    }

    fn plan(operation: &str, request: &Request) -> Result<Plan, Refusal> {
        request.text("table").ok_or_else(|| Refusal::new("'table' is required and must be a string"))?;
        let source = match operation {
            // If `data` is a string, it is the source, and the plugin sees a placeholder string instead.
            "reverse_data_load" if request.get("data").is_some_and(serde_json::Value::is_string) => {
                PlannedSource::RequestField
            }
            "reverse_data_load" => return Err(Refusal::new("'data' is required and must be a string")),
            _ => match request.text("file_path") {
                Some(path) => PlannedSource::file(path),
                None => return Err(Refusal::new("'file_path' is required and must be a string")),
            },
        };
        let tables = vec![TableUse::new(request.table_name(), Action::Insert)];
        Ok(Plan { tables, sources: vec![source], ..Plan::default() })
    }

    fn run(_operation: &str, request: &Request, resume: Option<Vec<u8>>) -> Result<Outcome, Failure> {
        // The checkpoint is the offset after the last line of a batch: an interrupted job continues there.
        let offset = match resume {
            Some(checkpoint) => u64::from_le_bytes(checkpoint.try_into().map_err(|_| Failure::internal("checkpoint"))?),
            None => 0,
        };
        let mut lines = Source::open(0, offset)?.lines();
        let mut writer = BatchWriter::new(request.table_name(), Action::Insert);
        loop {
            let start = lines.offset();
            let Some(line) = lines.line()? else { break };
            match std::str::from_utf8(line) {
                // Without a primary key, so the host generates one.
                Ok(text) => writer.record(|json| {
                    json.raw(b"{\"text\":");
                    json.string(&text.chars().rev().collect::<String>());
                    json.byte(b'}');
                    Ok::<(), Failure>(())
                })?,
                Err(error) => {
                    let raw = String::from_utf8_lossy(line).chars().take(100).collect();
                    let reject = Reject {
                        line: lines.number(),
                        byte_offset: start,
                        column: None,
                        kind: "encoding".to_owned(),
                        raw,
                        reason: error.to_string(),
                    };
                    rejects::report(&reject);
                }
            }
            if writer.is_full() {
                writer.hand_over(Some(&lines.offset().to_le_bytes()))?;
                progress::report(lines.offset(), None, progress::Unit::Bytes);
                if progress::cancelled() {
                    return Err(Failure::interrupted());
                }
            }
        }
        let tally = writer.finish(Some(&lines.offset().to_le_bytes()))?;
        Ok(Outcome::message(format!("{} lines stored", tally.received)))
    }
}

jobhost_plugin::export!(ReverseLoad);

#[cfg(test)]
mod tests {
    use super::*;
    use jobhost_plugin::Message;
    use jobhost_plugin::testing::Host;

    #[test]
    fn lines_are_stored_reversed_and_bad_ones_are_reported() {
        let request = Request::parse(r#"{"table": "lines"}"#).unwrap();
        let host = Host::new().source(b"hello\n\xff\nna\xc3\xafve");
        let (outcome, host) = host.enter(|| ReverseLoad::run("reverse_data_load", &request, None));
        assert!(matches!(outcome.unwrap().message, Some(Message::Text(said)) if said == "2 lines stored"));
        assert_eq!(host.records(), [json!({ "text": "olleh" }), json!({ "text": "evïan" })]);
        assert_eq!((host.rejects[0].line, host.rejects[0].byte_offset), (2, 6));
    }

    #[test]
    fn a_job_continues_after_its_checkpoint() {
        let request = Request::parse(r#"{"table": "lines"}"#).unwrap();
        let resume = Some(6_u64.to_le_bytes().to_vec());
        let (outcome, host) =
            Host::new().source("hello\nworld").enter(|| ReverseLoad::run("reverse_file_load", &request, resume));
        assert!(outcome.is_ok());
        assert_eq!(host.records(), [json!({ "text": "dlrow" })]);
    }

    #[test]
    fn a_request_without_input_is_refused() {
        let request = Request::parse(r#"{"table": "lines"}"#).unwrap();
        let refused = ReverseLoad::plan("reverse_data_load", &request).unwrap_err();
        assert_eq!(refused.message, "'data' is required and must be a string");
    }
}
