//! JSON whose text is small but whose values are large.

use std::fmt::Write as _;

/// A shape of JSON that can be generated in any size.
pub struct Shape {
    pub name: &'static str,
    ends: [&'static str; 2],
    /// Returns an element or member by its number.
    unit: fn(usize) -> String,
}

impl Shape {
    /// Returns at least this many bytes, and little more.
    pub fn filled(&self, bytes: usize) -> String {
        let mut text = String::with_capacity(bytes + 2048);
        text.push_str(self.ends[0]);
        for number in 0.. {
            let comma = if number == 0 { "" } else { "," };
            let _ = write!(text, "{comma}{}", (self.unit)(number));
            if text.len() >= bytes {
                break;
            }
        }
        text + self.ends[1]
    }

    /// Returns `template` with the word BOMB replaced by this shape.
    pub fn within(&self, template: &str, bytes: usize) -> String {
        template.replace("BOMB", &self.filled(bytes))
    }
}

const fn list(name: &'static str, unit: fn(usize) -> String) -> Shape {
    Shape { name, ends: ["[", "]"], unit }
}

const fn object(name: &'static str, unit: fn(usize) -> String) -> Shape {
    Shape { name, ends: ["{", "}"], unit }
}

pub const SHAPES: [Shape; 18] = [
    list("numbers in arrays", |_| "[[0]]".to_owned()),
    list("empty arrays", |_| "[]".to_owned()),
    list("empty objects", |_| "{}".to_owned()),
    list("objects in objects", |_| r#"{"a":{}}"#.to_owned()),
    list("objects in arrays in objects", |_| r#"{"a":[{}]}"#.to_owned()),
    list("digits", |_| "0".to_owned()),
    list("other numbers", |number| number.to_string()),
    list("numbers with a point", |_| "1.5".to_owned()),
    list("nulls", |_| "null".to_owned()),
    list("empty strings", |_| r#""""#.to_owned()),
    list("short strings", |_| r#""a""#.to_owned()),
    list("escapes", |_| r#""\u0000""#.to_owned()),
    list("deep arrays", |_| format!("{}{}", "[".repeat(100), "]".repeat(100))),
    list("deep objects", |_| format!("{}1{}", r#"{"a":"#.repeat(100), "}".repeat(100))),
    list("objects with a name of their own", |number| format!(r#"{{"k{number}":0}}"#)),
    object("many members", |number| format!(r#""k{number}":0"#)),
    object("long names", |number| format!(r#""{}{number}":0"#, "x".repeat(1000))),
    object("members with objects", |number| format!(r#""k{number}":{{"a":[]}}"#)),
];

/// Elements that are valid records.
pub const RECORDS: Shape = list("records", |number| format!(r#"{{"id":{number}}}"#));
pub const ATTRIBUTES: Shape = list("attributes", |number| format!(r#"{{"name":"k{number}","type":"String"}}"#));
pub const ATTRIBUTE_RIGHTS: Shape = list("rights of attributes", |number| {
    format!(r#"{{"attribute_name":"k{number}","read":true,"insert":true,"update":true}}"#)
});
pub const TABLE_RIGHTS: Shape = object("rights of tables", |number| {
    format!(r#""k{number}":{{"read":true,"insert":true,"update":true,"delete":true,"attribute_permissions":[]}}"#)
});
pub const CONDITIONS: Shape =
    list("conditions", |number| format!(r#"{{"attribute":"a","comparator":"equals","value":{number}}}"#));
