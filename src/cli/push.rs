//! `limg push`.

#[cfg(feature = "aws")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::pin::pin;
use std::process::ExitCode;
use std::sync::Arc;

use super::access::{self, Access};
#[cfg(feature = "aws")]
use super::args::PushEcrArguments;
use super::args::{DivisionArguments, Format, PushArguments, PushCommand, PushRegistryArguments};
use super::failure::Failure;
use super::interrupt::{INTERRUPTED, Interrupt};
use super::render::Terminal;
use super::report::Report;
use super::settings::Settings;
use super::{load, select};
use crate::definition::Loaded;
use crate::pipeline::{self, Built, Context, Options, PushError, Pushed, Target};
use crate::project::{DOCKER_HUB, EcrHost, Function, ImageReference, ReferenceTemplate, Repository, is_tag};

/// The tag of images for which the user names none.
const DEFAULT_TAG: &str = "latest";

pub(super) async fn run(
    command: PushCommand,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    match command {
        PushCommand::Registry(arguments) => to_registry(arguments, settings, terminal).await,
        #[cfg(feature = "aws")]
        PushCommand::Ecr(arguments) => to_ecr(arguments, settings, terminal).await,
    }
}

async fn to_registry(
    arguments: PushRegistryArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let PushRegistryArguments { prefix, push } = arguments;
    let work = Work::new(&push, settings, terminal)?;
    let access = Access { connections: push.connections.into(), ..Access::of(&push.resolution) };
    let context = access.context(settings, terminal, &work.loaded)?;
    let target =
        |function: &Function| repository(&prefix, &function.name).map(|repository| work.target(repository));
    let targets = work.functions.iter().map(target).collect::<Result<Vec<_>, _>>()?;
    let code = work.push(&targets, async |_| Ok(()), &context).await?;
    access::close(context, terminal);
    Ok(code)
}

#[cfg(feature = "aws")]
async fn to_ecr(
    arguments: PushEcrArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, Failure> {
    let PushEcrArguments { region, account, profile, repository: template, create_repository, push } =
        arguments;
    let work = Work::new(&push, settings, terminal)?;
    let project = &work.loaded.project;
    let template = match template {
        Some(text) => text.parse().map_err(Failure::Template)?,
        None => project.ecr_repository.clone(),
    };
    let names = work.functions.iter().map(|function| template.repository(&project.name, &function.name));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(Failure::Template)?;
    work.each_alone(&names)?;
    let access = Access {
        connections: push.connections.into(),
        region: region.clone(),
        profile,
        ..Access::of(&push.resolution)
    };
    let context = access.context(settings, terminal, &work.loaded)?;
    let registry = context.aws.registry(account.as_deref(), region.as_deref()).await.map_err(Failure::Aws)?;
    let targets: Vec<Target> =
        names.into_iter().map(|name| work.target(Repository { host: registry.host.clone(), name })).collect();
    let ready = async |repository: &Repository| -> Result<(), PushError> {
        if create_repository {
            context.aws.ensure_repository(&registry, &repository.name, &project.ecr).await?;
        }
        Ok(())
    };
    let code = work.push(&targets, ready, &context).await?;
    access::close(context, terminal);
    Ok(code)
}

/// What both ways of pushing have in common.
struct Work<'a> {
    loaded: Loaded,
    /// Those of all machines.
    functions: Vec<Function>,
    division: DivisionArguments,
    tags: Vec<String>,
    cache_from: Vec<ReferenceTemplate>,
    settings: &'a Settings,
    terminal: &'a Arc<Terminal>,
}

impl<'a> Work<'a> {
    fn new(
        arguments: &PushArguments,
        settings: &'a Settings,
        terminal: &'a Arc<Terminal>,
    ) -> Result<Self, Failure> {
        let PushArguments { functions, division, tags, connections: _, cache, resolution } = arguments;
        if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
            return Err(Failure::Tag(tag.clone()));
        }
        let mut seen = BTreeSet::new();
        let mut tags: Vec<String> = tags.iter().filter(|tag| seen.insert(*tag)).cloned().collect();
        if tags.is_empty() {
            tags.push(DEFAULT_TAG.to_owned());
        }
        let loaded = load(settings, terminal)?;
        let functions = select(&loaded, functions, resolution.arch)?;
        let cache_from = cache.cache_from.clone();
        Ok(Self { loaded, functions, division: *division, tags, cache_from, settings, terminal })
    }

    /// Refuses a template that sends two functions to one repository: all get the same tags, so that one image would take
    /// the other's.
    #[cfg(feature = "aws")]
    fn each_alone(&self, repositories: &[String]) -> Result<(), Failure> {
        let mut taken = BTreeMap::new();
        for (function, repository) in self.functions.iter().zip(repositories) {
            if let Some(first) = taken.insert(repository, &function.name) {
                return Err(Failure::OneRepository {
                    repository: repository.clone(),
                    functions: [first.clone(), function.name.clone()],
                });
            }
        }
        Ok(())
    }

    fn target(&self, repository: Repository) -> Target {
        Target { repository, tags: self.tags.clone() }
    }

    /// Pushes this machine's functions; `targets` are those of all.
    async fn push(
        &self,
        targets: &[Target],
        ready: impl AsyncFn(&Repository) -> Result<(), PushError>,
        context: &Context,
    ) -> Result<ExitCode, Failure> {
        let Self { loaded, settings, terminal, .. } = self;
        let options = Options {
            destinations: Vec::new(),
            time: settings.time.clone(),
            cache_from: self.cache_from.clone(),
        };
        let own = self.division.part(self.functions.clone(), terminal);
        let is_own = |name: &str| own.iter().any(|function| function.name == name);
        let targets = self.functions.iter().zip(targets).filter(|(function, _)| is_own(&function.name));
        let targets: Vec<Target> = targets.map(|(_, target)| target.clone()).collect();
        let functions: Vec<&Function> = own.iter().collect();
        let mut interrupt = Interrupt::register()?;
        let work = pin!(pipeline::build_and_push(&functions, &targets, &options, ready, context));
        let pushed = tokio::select! {
            pushed = work => pushed.map_err(|error| Failure::pipeline(error, loaded))?,
            // Blobs get their names when they are whole, and tags come last: nothing is left by half.
            () = interrupt.wait() => return Ok(ExitCode::from(INTERRUPTED)),
        };
        terminal.finish();
        match settings.format {
            Format::Json => terminal.json(&Report::of_push(&pushed, uri)),
            Format::Human => terminal.pushed(&pushed, uri),
        }
        super::leave(pushed);
        Ok(ExitCode::SUCCESS)
    }
}

/// The name of a pushed image for ever.
fn uri(built: &Built, pushed: &Pushed) -> String {
    let Repository { host, name } = &pushed.target.repository;
    // Lambda takes the images of a FIPS or dual-stack host by the ordinary one alone.
    let host = &EcrHost::parse(host).map_or_else(|| host.clone(), |ecr| ecr.lambda_uri_host());
    format!("{host}/{name}@{}", built.image.digest())
}

/// The repository of a function below a prefix.
fn repository(prefix: &str, function: &str) -> Result<Repository, Failure> {
    let text = format!("{}/{}", prefix.trim_end_matches('/'), function.to_lowercase());
    let bad = |why| Failure::Prefix { prefix: prefix.to_owned(), why };
    if prefix.contains("://") {
        return Err(bad("it is written without `https://`"));
    }
    if prefix.contains('@') {
        let help = "credentials do not belong here: log in, such as with `docker login`";
        return Err(Failure::Prefix { prefix: "…".to_owned(), why: help });
    }
    let reference: ImageReference = text.parse().map_err(|_| {
        bad("write HOST[:PORT][/WORDS] in lower case, with a name in place of an IPv6 address")
    })?;
    let repository = reference.repository();
    if prefix == DOCKER_HUB {
        return Err(bad("name your account there too: `docker.io/ACCOUNT`"));
    }
    let port = repository.host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if matches!(port, Some(Err(_))) {
        return Err(bad("its port is none: write a number up to 65535"));
    }
    // A prefix without a host would silently mean Docker Hub.
    if repository.name == format!("library/{text}")
        || format!("{}/{}", repository.host, repository.name) != text
    {
        return Err(bad("it must begin with the registry's host; Docker Hub's is `docker.io`"));
    }
    Ok(repository.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_begins_with_a_host() {
        for (prefix, expected) in [
            ("registry.example.com/shop", "registry.example.com/shop/orders"),
            ("127.0.0.1:5000", "127.0.0.1:5000/orders"),
            ("localhost:5000/a/b/", "localhost:5000/a/b/orders"),
            ("docker.io/shop", "docker.io/shop/orders"),
        ] {
            assert_eq!(repository(prefix, "Orders").unwrap().to_string(), expected);
        }
        for prefix in [
            "shop",
            "shop/x",
            "",
            "docker.io",
            "127.0.0.1:99999/x",
            "https://registry.example.com",
            "registry.example.com/Shop",
            "a b/c",
            "user:secret@registry.example.com/shop",
        ] {
            assert!(repository(prefix, "orders").is_err(), "{prefix}");
        }
    }
}
