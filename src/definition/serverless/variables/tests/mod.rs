//! Variables: what they resolve to, where that was written, and what is said about those that do not.

mod cases;
mod findings;
mod places;
mod properties;

use std::collections::BTreeMap;
use std::path::Path;

use super::files::{FileContent, FileOutcome};
use super::{Resolved, Resolver, Value};
use crate::definition::document::{Document, Node, Scalar};
use crate::definition::serverless::fixture::Service;

/// A service in memory, with other files by their paths below the folder `/shop`, in which `serverless.yml` is.
fn service(text: &str, files: &[(&'static str, &str)]) -> Service {
    let files: BTreeMap<_, _> = files.iter().map(|(path, text)| (*path, (*text).to_owned())).collect();
    let read = move |path: &Path| -> FileOutcome {
        let relative = path.strip_prefix("/shop").unwrap_or(path);
        let Some(text) = files.get(relative.to_str().unwrap()) else { return Ok(None) };
        if path.extension().is_some_and(|suffix| suffix == "txt") {
            return Ok(Some(FileContent::Text(text.clone())));
        }
        Document::parse(path, text.clone()).map(|document| Some(FileContent::Document(document)))
    };
    let map = |entries: &[(&str, &str)]| {
        entries.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    };
    let mut service = Service::new(Path::new("/shop"), text, read);
    service.parameters = map(&[("color", "red")]);
    service.environment = map(&[("HOME_STAGE", "home"), ("NESTED", "${self:service}!"), ("EMPTY", "")]);
    service
}

/// The value of the key `x` of a service, as compact text; `-` if there is none.
fn shown(service: &Service) -> String {
    let resolver = service.resolver();
    match resolver.get(&resolver.root(), "x") {
        Ok(None) => "-".to_owned(),
        Ok(Some(value)) => show(&resolver, &value).unwrap_or_else(|error| format!("{:?}", error.cause)),
        Err(error) => format!("{:?}", error.cause),
    }
}

/// A value and all that is in it, in the flow style of YAML; texts are in quotes.
fn show(resolver: &Resolver<'_>, value: &Value<'_>) -> Resolved<String> {
    let value = resolver.resolve(value)?;
    if let Some(items) = value.items() {
        let items = items.map(|item| show(resolver, &item)).collect::<Resolved<Vec<_>>>()?;
        return Ok(format!("[{}]", items.join(", ")));
    }
    if let Some(entries) = value.entries() {
        let entries = entries.map(|(key, value)| Ok(format!("{key}: {}", show(resolver, &value)?)));
        return Ok(format!("{{{}}}", entries.collect::<Resolved<Vec<_>>>()?.join(", ")));
    }
    if let Some((tag, value)) = value.tagged() {
        return Ok(format!("!{tag} {}", show(resolver, &value)?));
    }
    Ok(match value.scalar() {
        Some(Scalar { kind: crate::definition::document::ScalarKind::Text, text }) => format!("{text:?}"),
        Some(scalar) if Node::Scalar(scalar.clone()).is_null() => "null".to_owned(),
        Some(scalar) => scalar.text.clone(),
        None => String::new(),
    })
}
