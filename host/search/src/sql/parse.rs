//! Parses a client's text into a statement. Limits are checked before any recursion.

use sqlparser::ast::Statement;
use sqlparser::dialect::SQLiteDialect;
use sqlparser::parser::{Parser, ParserError};
use sqlparser::tokenizer::{Location, Token, TokenWithSpan, Tokenizer};

use super::render::render;
use super::sentences::{MAX_COMPOUND, MAX_PARSER_DEPTH, bad_sql, shortened, too_complex};
use super::{MAX_SQL_BYTES, SqlError, SqlStatement};

/// Maximum number of consecutive tokens that may each deepen the syntax tree by one level: terms of a chain, and what
/// contains them.
const MAX_CHAIN_TOKENS: usize = 4000;
/// The syntax tree is walked and dropped by recursion. With the bounds above this is more than it takes in a debug build.
const STACK_BYTES: usize = 32 << 20;

/// First words of statements that exist but are not SELECT.
const OTHER_STATEMENTS: &[&str] = &[
    "ALTER",
    "ANALYZE",
    "ATTACH",
    "BEGIN",
    "CALL",
    "COMMIT",
    "COPY",
    "CREATE",
    "DEALLOCATE",
    "DECLARE",
    "DELETE",
    "DESC",
    "DESCRIBE",
    "DETACH",
    "DROP",
    "END",
    "EXEC",
    "EXECUTE",
    "EXPLAIN",
    "EXPORT",
    "GRANT",
    "IMPORT",
    "INSERT",
    "INSTALL",
    "KILL",
    "LOAD",
    "LOCK",
    "MERGE",
    "PRAGMA",
    "PREPARE",
    "REINDEX",
    "RELEASE",
    "RENAME",
    "REPLACE",
    "REVOKE",
    "ROLLBACK",
    "SAVEPOINT",
    "SET",
    "SHOW",
    "START",
    "TRUNCATE",
    "UNLOCK",
    "UPDATE",
    "UPSERT",
    "USE",
    "VACUUM",
    "VALUES",
];

pub(super) fn parse(text: &str) -> Result<SqlStatement, SqlError> {
    let tokens = tokens(text)?;
    check_kind(&tokens)?;
    on_a_large_stack(text, tokens, |statement| match statement {
        Statement::Query(query) => render(query),
        other => Err(only_select(other.to_string().split_whitespace().next().unwrap_or_default())),
    })
}

/// Parses one statement of any kind, within the same limits.
pub(super) fn parse_any<T: Send>(
    text: &str,
    look: impl Fn(&Statement) -> Result<T, SqlError> + Send,
) -> Result<T, SqlError> {
    on_a_large_stack(text, tokens(text)?, look)
}

fn tokens(text: &str) -> Result<Vec<TokenWithSpan>, SqlError> {
    if text.len() > MAX_SQL_BYTES {
        let bytes = text.len();
        return Err(SqlError::Invalid(format!("'sql' has {bytes} bytes; the maximum is {MAX_SQL_BYTES}")));
    }
    // SQLite would take a NUL for the end.
    if text.contains('\0') {
        return Err(SqlError::Invalid("'sql' contains the character U+0000; leave it out".to_owned()));
    }
    let mut tokens = Tokenizer::new(&SQLiteDialect {}, text).tokenize_with_location().map_err(|error| {
        let from = byte_at(text, error.location).unwrap_or(text.len());
        bad_sql(text.get(from..).filter(|rest| !rest.is_empty()).unwrap_or("the end"))
    })?;
    check_chains(&tokens)?;
    quote_extract(&mut tokens);
    Ok(tokens)
}

fn on_a_large_stack<T: Send>(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    look: impl Fn(&Statement) -> Result<T, SqlError> + Send,
) -> Result<T, SqlError> {
    std::thread::scope(|scope| {
        let thread = std::thread::Builder::new().name("sql-parse".to_owned()).stack_size(STACK_BYTES);
        let busy = || SqlError::Unavailable("The host is too busy to parse SQL; try again".to_owned());
        let parsing = thread.spawn_scoped(scope, || understand(text, tokens, look)).map_err(|_| busy())?;
        parsing.join().map_err(|_| busy())?
    })
}

fn understand<T>(
    text: &str,
    tokens: Vec<TokenWithSpan>,
    look: impl Fn(&Statement) -> Result<T, SqlError>,
) -> Result<T, SqlError> {
    let mut parser = Parser::new(&SQLiteDialect {}).with_recursion_limit(MAX_PARSER_DEPTH);
    parser = parser.with_tokens_with_locations(tokens);
    let statement = parser.parse_statement().map_err(|error| refused(text, error))?;
    let mut semicolons = 0;
    while parser.consume_token(&Token::SemiColon) {
        semicolons += 1;
    }
    let rest = parser.peek_token();
    if rest.token != Token::EOF {
        if semicolons > 0 {
            return Err(SqlError::Invalid("'sql' must be a single statement; remove what follows the ';'".to_owned()));
        }
        return Err(bad_sql(&rest.token.to_string()));
    }
    look(&statement)
}

/// Rejects statements that are not a SELECT. The parser reports any other invalid beginning.
fn check_kind(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let first = tokens
        .iter()
        .map(|token| &token.token)
        .find(|token| !matches!(token, Token::Whitespace(_) | Token::LParen | Token::SemiColon));
    match first {
        None => Err(SqlError::Invalid("Only SELECT can be run: 'sql' is empty".to_owned())),
        Some(Token::Word(word)) if word.quote_style.is_none() => {
            let upper = word.value.to_ascii_uppercase();
            if OTHER_STATEMENTS.contains(&upper.as_str()) { Err(only_select(&upper)) } else { Ok(()) }
        }
        Some(_) => Ok(()),
    }
}

/// `EXTRACT(date, 'year')` is an ordinary call, but the parser accepts only `EXTRACT(YEAR FROM date)`. In quotes, the
/// name is not a keyword.
fn quote_extract(tokens: &mut [TokenWithSpan]) {
    let significant = |token: &&TokenWithSpan| !matches!(token.token, Token::Whitespace(_));
    let is_word = |token: &Token, text: &str| match token {
        Token::Word(word) => word.quote_style.is_none() && word.value.eq_ignore_ascii_case(text),
        _ => false,
    };
    let mut rest = tokens;
    while let Some((first, behind)) = rest.split_first_mut() {
        if is_word(&first.token, "EXTRACT") {
            let mut next = behind.iter().filter(significant);
            let is_call = next.next().is_some_and(|token| token.token == Token::LParen);
            if is_call && !next.nth(1).is_some_and(|token| is_word(&token.token, "FROM")) {
                first.token = Token::make_word("extract", Some('"'));
            }
        }
        rest = behind;
    }
}

fn only_select(kind: &str) -> SqlError {
    SqlError::Invalid(format!("Only SELECT can be run: the statement is {}", shortened(kind)))
}

/// Limits the depth of the syntax tree, which is dropped recursively. Between two commas, each token may add a level;
/// inside parentheses, the level of the enclosing expression is added.
fn check_chains(tokens: &[TokenWithSpan]) -> Result<(), SqlError> {
    let mut open = vec![0_usize];
    let mut depth = 0_usize;
    let mut compound = 0_usize;
    for token in tokens {
        match &token.token {
            Token::Whitespace(_) => continue,
            Token::LParen => open.push(0),
            Token::RParen => {
                depth -= open.pop().unwrap_or_default();
                if open.is_empty() {
                    open.push(0);
                }
            }
            Token::Comma => {
                if let Some(level) = open.last_mut() {
                    depth -= std::mem::take(level);
                }
            }
            Token::Word(word)
                if word.quote_style.is_none()
                    && ["UNION", "INTERSECT", "EXCEPT", "MINUS"]
                        .iter()
                        .any(|name| word.value.eq_ignore_ascii_case(name)) =>
            {
                compound += 1;
            }
            _ => {}
        }
        if let Some(level) = open.last_mut() {
            *level += 1;
            depth += 1;
        }
        if depth > MAX_CHAIN_TOKENS || compound > MAX_COMPOUND {
            return Err(too_complex());
        }
    }
    Ok(())
}

/// The parser says what it found and where in a sentence; the sentence shown has the token only.
fn refused(text: &str, error: ParserError) -> SqlError {
    let message = match error {
        ParserError::RecursionLimitExceeded => return too_complex(),
        ParserError::ParserError(message) | ParserError::TokenizerError(message) => message,
    };
    let found = message.rfind("found: ").and_then(|start| message.get(start + "found: ".len()..));
    let place = match (found, message.rfind(" at Line: ")) {
        (Some(found), Some(_)) => found.rfind(" at Line: ").and_then(|end| found.get(..end)).unwrap_or(found),
        (Some(found), None) => found,
        (None, Some(at)) => {
            let location = location_of(message.get(at..).unwrap_or_default());
            location.and_then(|location| text.get(byte_at(text, location)?..)).unwrap_or(text)
        }
        (None, None) => text,
    };
    bad_sql(if place == "EOF" || place.is_empty() { "the end" } else { place })
}

/// Reads ` at Line: 1, Column: 2`.
fn location_of(place: &str) -> Option<Location> {
    let (line, column) = place.strip_prefix(" at Line: ")?.split_once(", Column: ")?;
    Some(Location::new(line.parse().ok()?, column.trim().parse().ok()?))
}

/// Where a line and a column (both from 1, columns in characters) are in the text.
fn byte_at(text: &str, location: Location) -> Option<usize> {
    let before = text.split_inclusive('\n').take(usize::try_from(location.line).ok()?.checked_sub(1)?);
    let start: usize = before.map(str::len).sum();
    let column = usize::try_from(location.column).ok()?.checked_sub(1)?;
    let line = text.get(start..)?;
    line.char_indices().map(|(at, _)| at).chain(std::iter::once(line.len())).nth(column).map(|at| start + at)
}
