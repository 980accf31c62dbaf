//! Checks single records that another format produced against the rules of the host.

use jobhost_load::Table;

use crate::error::{Place, Problem};
use crate::record::{MAX_DEPTH, Records, Stop};
use crate::scan::{BLOCK, Malformed, Scanner, Why};

/// Checks generated records against the rules for names, keys, types, size and nesting.
#[derive(Debug)]
pub struct Checker {
    records: Records,
    text: Vec<u8>,
    max_record_bytes: usize,
}

impl Checker {
    /// `key_required` is the error message for a record without a primary key, if one is required.
    pub fn new(table: Table, key_required: Option<&'static str>) -> Self {
        let max_record_bytes = table.record_bytes;
        Checker { records: Records::new(table, key_required, None), text: Vec::new(), max_record_bytes }
    }

    /// Checks one record, a JSON object. Positions in a problem refer to its text.
    pub fn check(&mut self, record: &[u8]) -> Result<(), Problem> {
        let place = |at: usize| Place { line: 1, column: at as u64 + 1, offset: at as u64 };
        if record.len() > self.max_record_bytes {
            return Err(Problem::RecordTooLong { place: place(0), limit: self.max_record_bytes });
        }
        let syntax = |at, what: &str| Problem::Syntax { place: place(at), what: format!("expected {what}") };
        if record.first() != Some(&b'{') {
            return Err(syntax(0, "an object"));
        }
        self.text.clear();
        self.text.extend_from_slice(record);
        self.text.resize(record.len() + BLOCK, 0);
        let mut scanner = Scanner::new(&self.text, 0, record.len());
        match self.records.read(&mut scanner) {
            Ok(()) if scanner.at == record.len() => Ok(()),
            Ok(()) => Err(syntax(scanner.at, "the end of the record")),
            Err(Stop::Problem(problem)) => Err(*problem),
            Err(Stop::Malformed(Malformed { at, why: Why::TooDeep })) => {
                Err(Problem::TooDeep { place: place(at), limit: MAX_DEPTH })
            }
            Err(Stop::Malformed(Malformed { at, why: Why::Expected(what) })) => Err(syntax(at, what)),
            Err(Stop::Malformed(Malformed { at, why: Why::Ends })) => Err(syntax(at, "the rest of a value")),
        }
    }

    /// Returns the names found since the last call.
    pub fn new_attributes(&mut self) -> Vec<String> {
        self.records.new_attributes()
    }
}

#[cfg(test)]
mod tests {
    use jobhost_load::AttributeType;

    use super::*;

    #[test]
    fn generated_records_must_follow_the_rules() {
        let types = vec![("n".to_owned(), AttributeType::Int)];
        let mut checker = Checker::new(Table { types, ..Table::untyped("id") }, Some("a key is required"));
        assert_eq!(checker.check(b"{\"id\":1,\"n\":5,\"x\":[1.50,null]}"), Ok(()));
        assert_eq!(checker.new_attributes(), ["id", "n", "x"]);
        for (record, kind) in [
            ("{\"id\":1,\"n\":\"5\"}", "type"),
            ("{\"n\":5}", "key"),
            ("{\"id\":1}}", "syntax"),
            ("{\"id\":1", "syntax"),
            ("[]", "syntax"),
            ("{\"id\":1,\"\":2}", "attribute"),
        ] {
            assert_eq!(checker.check(record.as_bytes()).unwrap_err().kind(), kind, "{record}");
        }
        let long = format!("{{\"id\":1,\"x\":\"{}\"}}", "x".repeat(256 * 1024));
        assert_eq!(checker.check(long.as_bytes()).unwrap_err().kind(), "size");
    }
}
