//! Intrinsic functions of CloudFormation in a service, as far as limg knows their values without the deployed stack: the
//! pseudo parameters of the Region, in `Ref`, `Fn::Sub` and `Fn::Join`.
//!
//! Serverless passes such values on to CloudFormation. limg needs those of layers.

use super::variables::{Resolver, Value};
use crate::project::Partition;

/// How deep functions may be in each other.
const DEPTH_AT_MOST: usize = 16;

/// The longest text that is evaluated, in bytes: far more than AWS Lambda takes for all variables of a function.
const TEXT_AT_MOST: usize = 64 * 1024;

/// What a value is that Serverless passes on to CloudFormation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Evaluated {
    /// A text.
    Text(String),
    /// A reference to a resource of the stack, by its logical id.
    Resource(String),
    /// Only the deployed stack knows it.
    Deployed,
}

/// The Region of a service, which decides about pseudo parameters.
pub(super) struct Region(Option<String>);

impl Region {
    /// The Region of a service, as far as it is known.
    pub(super) fn of_service(resolver: &Resolver<'_>) -> Self {
        let region = resolver.region(resolver.root().place()).ok();
        Self(region.and_then(|region| region.text().map(str::to_owned)))
    }

    /// Evaluates a single value, or a function of CloudFormation.
    pub(super) fn evaluate(&self, resolver: &Resolver<'_>, value: &Value<'_>) -> Evaluated {
        self.value(resolver, value, DEPTH_AT_MOST)
    }

    fn value(&self, resolver: &Resolver<'_>, value: &Value<'_>, depth: usize) -> Evaluated {
        let Some(depth) = depth.checked_sub(1) else { return Evaluated::Deployed };
        let Ok(value) = resolver.resolve(value) else { return Evaluated::Deployed };
        if let Some(text) = value.text() {
            return if text.len() > TEXT_AT_MOST {
                Evaluated::Deployed
            } else {
                Evaluated::Text(text.to_owned())
            };
        }
        let (name, argument) = match (value.tagged(), value.entries()) {
            (Some((tag, argument)), _) => (tag.trim_start_matches('!').to_owned(), argument),
            (None, Some(mut entries)) => match (entries.next(), entries.next()) {
                (Some((key, argument)), None) => (key.trim_start_matches("Fn::").to_owned(), argument),
                _ => return Evaluated::Deployed,
            },
            (None, None) => return Evaluated::Deployed,
        };
        let Ok(argument) = resolver.resolve(&argument) else { return Evaluated::Deployed };
        match name.as_str() {
            "Ref" => match argument.text() {
                Some(name) if name.starts_with("AWS::") => {
                    self.pseudo_parameter(name).map_or(Evaluated::Deployed, Evaluated::Text)
                }
                Some(id) => Evaluated::Resource(id.to_owned()),
                None => Evaluated::Deployed,
            },
            "Sub" => argument
                .text()
                .and_then(|text| self.substitute(text))
                .map_or(Evaluated::Deployed, Evaluated::Text),
            "Join" => self.join(resolver, &argument, depth).map_or(Evaluated::Deployed, Evaluated::Text),
            _ => Evaluated::Deployed,
        }
    }

    fn join(&self, resolver: &Resolver<'_>, argument: &Value<'_>, depth: usize) -> Option<String> {
        let mut parts = argument.items()?;
        let (separator, list) = (parts.next()?, resolver.resolve(&parts.next()?).ok()?);
        let separator = separator.text()?;
        let mut joined = String::new();
        for (index, item) in list.items()?.enumerate() {
            let Evaluated::Text(text) = self.value(resolver, &item, depth) else { return None };
            if joined.len() + separator.len() + text.len() > TEXT_AT_MOST {
                return None;
            }
            joined += if index == 0 { "" } else { separator };
            joined += &text;
        }
        Some(joined)
    }

    /// Replaces pseudo parameters in a text; nothing if there is anything else to replace. The plugin
    /// `serverless-pseudo-parameters` writes them as `#{AWS::Region}`.
    pub(super) fn substitute(&self, text: &str) -> Option<String> {
        let (mut replaced, mut rest) = (String::new(), text);
        while let Some(start) = rest.find("${").into_iter().chain(rest.find("#{")).min() {
            let (before, variable) = rest.split_at(start);
            let (name, after) = variable.get(2..)?.split_once('}')?;
            replaced += before;
            replaced += &self.pseudo_parameter(name.trim())?;
            rest = after;
        }
        Some(replaced + rest)
    }

    /// The value of a pseudo parameter that follows from the Region.
    fn pseudo_parameter(&self, name: &str) -> Option<String> {
        let region = self.0.as_deref()?;
        match name {
            "AWS::Region" => Some(region.to_owned()),
            "AWS::Partition" => Some(Partition::of_region(region)?.name().to_owned()),
            "AWS::URLSuffix" => Some(Partition::of_region(region)?.dns_suffix().to_owned()),
            _ => None,
        }
    }
}
