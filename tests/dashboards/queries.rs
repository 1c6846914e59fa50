//! Which metrics a query names: as much of the query language as that takes.

/// Words of the query language that are neither functions nor metrics.
const KEYWORDS: [&str; 12] = [
    "and",
    "bool",
    "by",
    "group_left",
    "group_right",
    "ignoring",
    "offset",
    "on",
    "or",
    "unless",
    "without",
    "Inf",
];

/// The metrics a query names: its words, but for functions, keywords, labels and quoted text.
pub fn metrics(query: &str) -> Vec<String> {
    let bare = without_labels(query);
    let is_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | ':' | '$');
    let mut found = Vec::new();
    let mut rest = bare.as_str();
    while let Some(start) = rest.find(is_word) {
        let end = rest[start..].find(|character| !is_word(character)).map_or(rest.len(), |end| start + end);
        let word = &rest[start..end];
        rest = &rest[end..];
        let is_function = rest.trim_start().starts_with('(');
        let is_name = word.starts_with(|first: char| first.is_alphabetic() || first == '_');
        if is_name && !is_function && !KEYWORDS.contains(&word) {
            found.push(word.to_owned());
        }
    }
    found
}

/// The query without what stands in braces, brackets or quotes and without the labels of groupings and of
/// `label_values`.
fn without_labels(query: &str) -> String {
    let mut bare = String::new();
    let mut closing = None;
    for character in query.chars() {
        match (closing, character) {
            (Some(end), _) if character == end => closing = None,
            (Some(_), _) => {}
            (None, '{') => closing = Some('}'),
            (None, '[') => closing = Some(']'),
            (None, '"') => closing = Some('"'),
            (None, '(') if let Some(word_at) = grouping(&bare) => {
                bare.truncate(word_at);
                closing = Some(')');
            }
            (None, ',') if bare.trim_start().starts_with("label_values(") => closing = Some(')'),
            (None, _) => bare.push(character),
        }
    }
    bare
}

/// Where the word begins that makes a list of labels of what follows, if one stands at the end.
fn grouping(before: &str) -> Option<usize> {
    let words = [" by", " without", " on", " ignoring"].into_iter();
    words.filter_map(|word| before.trim_end().strip_suffix(word)).map(str::len).next()
}

/// The queries of a file of rules: what follows `expr:`, on its line or, after `>-`, the deeper ones below.
pub fn of_rules(text: &str) -> Vec<String> {
    let indent = |line: &str| line.len() - line.trim_start().len();
    let mut found = Vec::new();
    let mut lines = text.lines().peekable();
    while let Some(line) = lines.next() {
        let Some(rest) = line.trim_start().strip_prefix("expr: ") else { continue };
        let mut query = rest.trim_start_matches(">-").to_owned();
        while let Some(more) = lines.next_if(|more| indent(more) > indent(line)) {
            query.push(' ');
            query.push_str(more.trim());
        }
        found.push(query.trim().to_owned());
    }
    found
}

/// The labels a query groups by or selects by.
pub fn labels(query: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in query.match_indices(" by (").chain(query.match_indices(" on (")) {
        let list = query[at..].split_once('(').and_then(|(_, rest)| rest.split_once(')'));
        let list = list.map_or("", |(list, _)| list);
        found.extend(list.split(',').map(|label| label.trim().to_owned()));
    }
    for selector in query.split('{').skip(1).filter_map(|rest| rest.split_once('}')) {
        let matchers = selector.0.split("\",").filter_map(|it| it.split_once(['=', '!']));
        found.extend(matchers.map(|(label, _)| label.trim().to_owned()));
    }
    found
}
