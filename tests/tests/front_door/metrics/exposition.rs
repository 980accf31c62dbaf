//! A strict parser of the OpenMetrics text format: any deviation from the specification fails the test.

use std::collections::BTreeMap;

/// One reply of `GET /metrics`.
#[derive(Debug)]
pub struct Exposition {
    /// `name{label="value",…}` with the labels sorted by name.
    samples: BTreeMap<String, f64>,
}

impl Exposition {
    #[track_caller]
    pub fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").unwrap_or_else(|| panic!("it does not end with # EOF:\n{text}"));
        let mut kinds: BTreeMap<String, String> = BTreeMap::new();
        let mut samples = BTreeMap::new();
        for line in body.lines() {
            if let Some(comment) = line.strip_prefix("# ") {
                if let Some((family, kind)) = comment.strip_prefix("TYPE ").and_then(|rest| rest.split_once(' ')) {
                    let before = kinds.insert(family.to_owned(), kind.to_owned());
                    assert_eq!(before, None, "{family} is declared twice");
                } else {
                    let told = ["HELP ", "UNIT "].iter().find_map(|word| comment.strip_prefix(word));
                    assert!(told.is_some_and(|rest| rest.contains(' ')), "not a comment of the format: {line}");
                }
                continue;
            }
            let (series, value) = line.rsplit_once(' ').unwrap_or_else(|| panic!("not a sample: {line}"));
            let value: f64 = value.parse().unwrap_or_else(|_| panic!("not a number: {line}"));
            assert!(value.is_finite() && value >= 0.0, "{line}");
            let (name, labels) = parts(series);
            let kind = kind_of(&kinds, name).unwrap_or_else(|| panic!("no TYPE was given for {line}"));
            assert!(["counter", "gauge", "histogram", "info"].contains(&kind), "{kind}");
            let before = samples.insert(normal(name, labels), value);
            assert_eq!(before, None, "{series} is there twice");
        }
        Exposition { samples }
    }

    /// The value of one series, or 0 if it does not exist, because a counter appears with its first event.
    pub fn value(&self, series: &str) -> f64 {
        let (name, labels) = parts(series);
        self.samples.get(&normal(name, labels)).copied().unwrap_or_default()
    }

    /// The sum of all series with that name.
    pub fn sum(&self, name: &str) -> f64 {
        self.samples.iter().filter(|(series, _)| parts(series).0 == name).map(|(_, value)| value).sum()
    }

    /// The sum of all series with this label.
    pub fn sum_where(&self, name: &str, label: &str, value: &str) -> f64 {
        let wanted = format!("{label}={value:?}");
        let fits = |series: &str| parts(series).0 == name && parts(series).1.contains(&wanted.as_str());
        self.samples.iter().filter(|(series, _)| fits(series)).map(|(_, value)| value).sum()
    }

    pub fn series(&self) -> impl Iterator<Item = &str> {
        self.samples.keys().map(String::as_str)
    }
}

/// Splits a series into name and labels. Our values contain neither commas nor quotes.
fn parts(series: &str) -> (&str, Vec<&str>) {
    let Some((name, labels)) = series.split_once('{') else { return (series, Vec::new()) };
    let labels = labels.strip_suffix('}').unwrap_or_else(|| panic!("labels without an end: {series}"));
    (name, labels.split(',').filter(|label| !label.is_empty()).collect())
}

fn normal(name: &str, mut labels: Vec<&str>) -> String {
    labels.sort_unstable();
    for label in &labels {
        let value = label.split_once('=').map(|(_, value)| value);
        assert!(
            value.is_some_and(|value| value.len() >= 2 && value.starts_with('"') && value.ends_with('"')),
            "{label}"
        );
    }
    if labels.is_empty() { name.to_owned() } else { format!("{name}{{{}}}", labels.join(",")) }
}

/// The name of a sample is that of its family plus a suffix that depends on the kind.
fn kind_of<'a>(kinds: &'a BTreeMap<String, String>, name: &str) -> Option<&'a str> {
    kinds.iter().find_map(|(family, kind)| {
        let suffix = name.strip_prefix(family.as_str())?;
        let fits = match kind.as_str() {
            "counter" => suffix == "_total",
            "info" => suffix == "_info",
            "histogram" => ["_bucket", "_sum", "_count"].contains(&suffix),
            _ => suffix.is_empty(),
        };
        fits.then_some(kind.as_str())
    })
}
