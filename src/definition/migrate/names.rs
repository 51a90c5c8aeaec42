//! Names that `limg.yaml` accepts.
//!
//! A name is part of the history of an image, so that another name is another digest: names change only where they must.

use std::collections::BTreeSet;

use crate::definition::fields::Findings;
use crate::definition::fields::name;
use crate::finding::Place;

/// Far below the limits of all names, so that a number fits at the end.
const AT_MOST: usize = 60;

/// The names of one section.
#[derive(Debug, Default)]
pub(super) struct Names(BTreeSet<String>);

impl Names {
    /// The name of a function: `wanted` if possible. The names of functions differ in more than case.
    pub(super) fn function(&mut self, wanted: &str, place: &Place) -> String {
        self.name(wanted, str::to_lowercase, |name| {
            let mut findings = Findings::new(place.clone());
            name::functions([(name, place.clone())], &mut findings);
            !findings.has_errors()
        })
    }

    /// The name of a layer: `wanted` if possible.
    pub(super) fn layer(&mut self, wanted: &str, place: &Place) -> String {
        self.name(wanted, str::to_owned, |name| {
            let mut findings = Findings::new(place.clone());
            name::entry("a layer", name, place, &mut findings);
            !findings.has_errors()
        })
    }

    /// `key` gives what no two names have in common.
    fn name(&mut self, wanted: &str, key: fn(&str) -> String, is_accepted: impl Fn(&str) -> bool) -> String {
        let mut name = wanted.to_owned();
        if !is_accepted(wanted) {
            let words = wanted.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
            let words: String = words.collect::<Vec<_>>().join("-").chars().take(AT_MOST).collect();
            words.trim_end_matches('-').clone_into(&mut name);
            if name.is_empty() {
                "unnamed".clone_into(&mut name);
            }
        }
        if self.0.contains(&key(&name)) {
            let short: String = name.chars().take(AT_MOST).collect();
            let short = short.trim_end_matches(['-', '_', '.']);
            let mut numbered = (2_u32..).map(|number| format!("{short}-{number}"));
            name = numbered.find(|name| !self.0.contains(&key(name))).unwrap_or(name);
        }
        self.0.insert(key(&name));
        name
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_change_only_where_they_must() {
        let place = Place::document(std::path::Path::new("template.yaml"));
        let long = "Very".repeat(20);
        for (wanted, expected) in [
            (&["Orders", "a_b"][..], &["Orders", "a_b"][..]),
            (&["a.b", "a-b"], &["a-b", "a-b-2"]),
            (&["ü", "ä"], &["unnamed", "unnamed-2"]),
            (&[&long, &long], &[&long[..60], &format!("{}-2", &long[..60])]),
            (&["A", "a"], &["A", "a-2"]),
        ] {
            let mut names = Names::default();
            let found: Vec<_> = wanted.iter().map(|name| names.function(name, &place)).collect();
            assert_eq!(found, expected);
        }
        let mut names = Names::default();
        let layers = ["utils.1", "-x", "utils.1"].map(|name| names.layer(name, &place));
        assert_eq!(layers, ["utils.1", "x", "utils.1-2"]);
    }
}
