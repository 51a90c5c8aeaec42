//! Runtimes that AWS no longer supports.
//!
//! Only AWS's own base images are judged: who maintains another base decides how long it gets patches.

use std::collections::BTreeSet;

use crate::finding::{Code, Finding, Place};
use crate::project::{Function, ImageLocation};
use crate::runtime::{self, Contract, Date};

/// Warns about the deprecated runtimes of functions, once for each runtime (facts 12.2).
#[must_use]
pub(crate) fn deprecated_runtimes(functions: &[Function], today: Date) -> Vec<Finding> {
    let mut seen = BTreeSet::new();
    let contract = |function| Some((function, contract_of_aws_base(function)?));
    let functions = functions.iter().filter_map(contract);
    functions
        .filter(|(_, contract)| seen.insert(&contract.id))
        .filter_map(|(function, contract)| deprecation(&function.places.runtime, contract, today))
        .collect()
}

/// The contract of a function on a base image of AWS, or on a copy of one in another registry.
fn contract_of_aws_base(function: &Function) -> Option<&'static Contract> {
    let contract = runtime::contract(&function.base.contract)?;
    let is_of_aws = match &function.base.image {
        None => true,
        Some(ImageLocation::Registry(image)) => {
            let name = &contract.image.repository().name;
            image
                .repository()
                .name
                .strip_suffix(name.as_str())
                .is_some_and(|rest| rest.is_empty() || rest.ends_with('/'))
        }
        Some(_) => false,
    };
    is_of_aws.then_some(contract)
}

/// The warning about a base of AWS with this runtime, if it is deprecated on a day.
pub(super) fn deprecation(place: &Place, contract: &Contract, today: Date) -> Option<Finding> {
    let deprecated = contract.support.deprecated.filter(|deprecated| *deprecated <= today)?;
    let id = &contract.id;
    let zip = match (contract.support.no_create, contract.support.no_update) {
        (Some(create), Some(update)) => {
            format!("; zip functions can be created until {create} and updated until {update}")
        }
        _ => String::new(),
    };
    let message = format!(
        "AWS deprecated `{id}` on {deprecated}: images keep running, but their base image gets no more patches{zip}"
    );
    let finding = Finding::warning(Code::DeprecatedRuntime, place.clone(), message);
    let help = runtime::successor(id, today)
        .map(|successor| format!("use `{successor}`, which AWS supports").into());
    Some(finding.optional_help(help))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The findings on a day about functions on several bases.
    fn on(today: Date) -> Vec<String> {
        let folder = tempfile::tempdir().unwrap();
        let text = "
defaults: { handler: a.b, code: . }
bases:
  mirror: { image: registry.example.com/mirror/lambda/python:3.10, contract: python3.10 }
  other: { image: registry.example.com/debian/python:3.9, contract: python3.9 }
  local: { image: \"oci:base\", contract: nodejs18.x }
functions:
  a: { runtime: python3.9 }
  b: { runtime: python3.9 }
  c: { runtime: mirror }
  d: { runtime: other }
  e: { runtime: local }
  f: { runtime: dotnet9 }
  g: { runtime: java8.al2023 }
";
        let file = folder.path().join("limg.yaml");
        std::fs::write(&file, text).unwrap();
        let project =
            crate::definition::load(&file, &crate::definition::Options::new(today)).unwrap().project;
        let findings = deprecated_runtimes(&project.functions, today);
        findings.iter().map(|finding| format!("{} {}", finding.place.path(), finding.message)).collect()
    }

    #[test]
    fn each_deprecated_base_of_aws_is_reported_once_from_its_day_on() {
        assert_eq!(on(Date::new(2025, 12, 14)), [""; 0]);
        let python = "functions.a.runtime AWS deprecated `python3.9` on 2025-12-15: images keep running, but their \
                      base image gets no more patches; zip functions can be created until 2027-02-01 and updated until \
                      2027-03-03";
        assert_eq!(on(Date::new(2025, 12, 15)), [python]);
        let later = on(Date::new(2026, 11, 29));
        assert_eq!(later.len(), 3, "{later:?}");
        assert_eq!(later[0], python);
        assert!(later[1].starts_with("functions.c.runtime AWS deprecated `python3.10`"), "{later:?}");
        let dotnet = "AWS deprecated `dotnet9` on 2026-11-10: images keep running, but their base image gets no more \
                      patches";
        assert_eq!(later[2], format!("functions.f.runtime {dotnet}"));
    }
}
