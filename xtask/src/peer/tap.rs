//! Parses the output of Node's test runner in the Test Anything Protocol. The tests of a suite precede the suite,
//! indented by four more spaces.

/// Indentation of a test in a suite, and of a suite. All suites are nested in an outer one.
const TEST: usize = 8;
const SUITE: usize = 4;
/// Maximum length of an error that is shown.
const SHOWN_CHARACTERS: usize = 300;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    Passed,
    Failed,
    Skipped,
}

#[derive(Debug, PartialEq, Eq)]
pub struct Test {
    pub suite: String,
    pub name: String,
    pub outcome: Outcome,
    pub error: String,
}

pub fn read(text: &str) -> Vec<Test> {
    let mut all: Vec<Test> = Vec::new();
    // Start of the tests whose suite has not been named yet.
    let mut open = 0;
    let mut error: Option<String> = None;
    for line in text.lines() {
        let content = line.trim_start_matches(' ');
        let Some((passed, name)) = result(content) else {
            note(&mut all, &mut error, content);
            continue;
        };
        match line.len() - content.len() {
            TEST => {
                let (name, outcome) = match name.split_once(" # SKIP") {
                    Some((name, _)) => (name, Outcome::Skipped),
                    None if passed => (name, Outcome::Passed),
                    None => (name, Outcome::Failed),
                };
                error = (outcome == Outcome::Failed).then(String::new);
                let name = name.trim_end().replace("\\#", "#");
                all.push(Test { suite: String::new(), name, outcome, error: String::new() });
            }
            SUITE => {
                error = None;
                all.iter_mut().skip(open).for_each(|test| name.clone_into(&mut test.suite));
                open = all.len();
            }
            _ => error = None,
        }
    }
    all
}

/// Parses `ok 1 - name` or `not ok 1 - name`.
fn result(line: &str) -> Option<(bool, &str)> {
    let (passed, rest) = match line.strip_prefix("not ok ") {
        Some(rest) => (false, rest),
        None => (true, line.strip_prefix("ok ")?),
    };
    let (number, name) = rest.split_once(" - ")?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then_some((passed, name))
}

/// Collects the lines of an error after the test that failed.
fn note(all: &mut [Test], error: &mut Option<String>, line: &str) {
    let (Some(collected), Some(test)) = (error.as_mut(), all.last_mut()) else { return };
    if line.starts_with("code:") || line == "..." {
        test.error = collected.chars().take(SHOWN_CHARACTERS).collect();
        *error = None;
        return;
    }
    let layout = ["---", "duration_ms:", "location:", "failureType:"];
    if !layout.iter().any(|word| line.starts_with(word)) {
        let line = line.strip_prefix("error:").unwrap_or(line).trim();
        if !collected.is_empty() && !line.is_empty() {
            collected.push(' ');
        }
        collected.push_str(line);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_belong_to_the_suite_after_them() {
        let text = "\
TAP version 13
# Subtest: all
    # Subtest: 1. One
        # Subtest: a
        ok 1 - a
          ---
          duration_ms: 1
          ...
        not ok 2 - b - c
          ---
          location: 'x'
          error: |-
            wrong
          code: 'ERR'
          ...
        1..2
    not ok 1 - 1. One
        ok 1 - d # SKIP
    ok 2 - 2. Two
not ok 1 - all
";
        let test = |suite: &str, name: &str, outcome: Outcome, error: &str| Test {
            suite: suite.to_owned(),
            name: name.to_owned(),
            outcome,
            error: error.to_owned(),
        };
        assert_eq!(
            read(text),
            [
                test("1. One", "a", Outcome::Passed, ""),
                test("1. One", "b - c", Outcome::Failed, "|- wrong"),
                test("2. Two", "d", Outcome::Skipped, ""),
            ]
        );
    }
}
