//! From a place in the document to a line of its text.
//!
//! serde does not tell where a value stands, but the YAML library adds the place to every error. So the text is read
//! once more, straight along the path, and refused at the goal. That costs one reading for each problem, which is paid
//! only when there is a problem to show.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::node::{self, Node, Refuse};
use super::secret;
use crate::problem::{DocumentPath, Problem, Step};

/// How much text may be read to find lines; problems beyond it are shown without one. That is thousands of problems in
/// a definition of usual size.
const READ_AT_MOST: usize = 64 * 1024 * 1024;

/// A problem and the line that it is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Located {
    /// The problem.
    pub problem: Problem,
    /// The line in the file, counted from 1.
    pub line: Option<usize>,
    /// The column in that line, counted in characters from 1.
    pub column: Option<usize>,
    /// The line itself, unless it would show the value of a variable; what looks like a secret in it is replaced by
    /// `***`.
    pub excerpt: Option<String>,
}

/// Finds the line of each problem in the text that it is about.
///
/// A place that the text does not have, such as a missing key, is that of the nearest key above it. A place that came in
/// by an alias or a merge key is where the anchor stands. The order is kept.
#[must_use]
pub fn locate(text: &str, problems: &[Problem]) -> Vec<Located> {
    let document = node::parse(text).ok();
    let hidden = document.as_ref().map(secret::values).unwrap_or_default();
    let affordable = READ_AT_MOST / text.len().max(1);
    let place_of = |(position, problem): (usize, &Problem)| {
        let goal = Goal::of(document.as_ref().filter(|_| position < affordable)?, &problem.at);
        let error =
            Descend(&goal.way, goal.on_key).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
        error.location().map(|place| (place.line(), place.column()))
    };
    problems
        .iter()
        .enumerate()
        .map(|(position, problem)| {
            let place = place_of((position, problem));
            let line = place.map(|(line, _)| line);
            let excerpt = line
                .filter(|_| !is_in_environment(&problem.at))
                .and_then(|line| text.lines().nth(line - 1))
                .map(|line| hidden.iter().fold(line.to_owned(), |line, value| line.replace(value, "***")));
            Located { problem: problem.clone(), line, column: place.map(|(_, column)| column), excerpt }
        })
        .collect()
}

/// Whether a place is that of variables, whose values may be secret whatever their names.
fn is_in_environment(at: &DocumentPath) -> bool {
    at.steps().iter().any(|step| matches!(step, Step::Key(key) if key == "environment"))
}

/// A place as the text has it: positions in mappings and lists, merged or not.
struct Goal {
    way: Vec<usize>,
    on_key: bool,
}

impl Goal {
    /// The place in the text of `at`, or of what is nearest above it.
    fn of(document: &Node, at: &DocumentPath) -> Self {
        let mut goal = Self { way: Vec::new(), on_key: false };
        let mut node = document;
        for (depth, step) in at.steps().iter().enumerate() {
            let is_last = depth + 1 == at.steps().len();
            let next = match (step, node) {
                (Step::Key(key), Node::Mapping(entries)) => {
                    let mut same = entries.iter().filter(|entry| entry.key == *key);
                    // Of a key that stands twice, the second place is what is wrong.
                    let entry = if is_last && at.is_on_key() { same.next_back() } else { same.next() };
                    entry.map(|entry| (&entry.way[..], &entry.value))
                }
                (Step::Index(index), Node::List(items)) => {
                    items.get(*index).map(|item| (std::slice::from_ref(index), item))
                }
                _ => None,
            };
            let Some((way, value)) = next else {
                goal.on_key = depth > 0 && matches!(at.steps()[depth - 1], Step::Key(_));
                return goal;
            };
            goal.way.extend_from_slice(way);
            node = value;
        }
        // No value stands nowhere; its key does.
        let by_key = matches!(at.steps().last(), Some(Step::Key(_)));
        goal.on_key = by_key && (at.is_on_key() || node.is_null());
        goal
    }
}

/// Follows the way and fails at its end: at the key there, or else at the value.
struct Descend<'a>(&'a [usize], bool);

impl<'de> DeserializeSeed<'de> for Descend<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        if self.0.is_empty() {
            deserializer.deserialize_any(Refuse)
        } else {
            deserializer.deserialize_any(self)
        }
    }
}

impl<'de> Visitor<'de> for Descend<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the way to a problem")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((position, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("the way ends here"));
        };
        for _ in 0..*position {
            map.next_entry::<IgnoredAny, IgnoredAny>()?;
        }
        if rest.is_empty() && self.1 {
            return map.next_key_seed(Refuse).map(|_| ());
        }
        map.next_key::<IgnoredAny>()?;
        map.next_value_seed(Descend(rest, self.1))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        let Some((position, rest)) = self.0.split_first() else {
            return Err(A::Error::custom("the way ends here"));
        };
        for _ in 0..*position {
            list.next_element::<IgnoredAny>()?;
        }
        list.next_element_seed(Descend(rest, self.1)).map(|_| ())
    }
}
