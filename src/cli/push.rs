//! `limg push`.

#[cfg(feature = "aws")]
use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;

#[cfg(feature = "aws")]
use super::args::PushEcrArguments;
use super::args::{PushArguments, PushCommand, PushRegistryArguments, Reading, ShardArguments};
use super::context::{self, ContextOptions, ObjectPins};
use super::error::CommandError;
use super::pushed::{PushedImage, PushedImages};
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
#[cfg(feature = "aws")]
use crate::aws::{Aws, EcrRegistry};
use crate::definition::Loaded;
#[cfg(feature = "aws")]
use crate::event::Event;
#[cfg(feature = "aws")]
use crate::failure::AnyFailure;
use crate::pipeline::{self, Context, Options, PipelineError, PushError, Pushed, Target};
use crate::project::{DOCKER_HUB, EcrHost, Function, ImageReference, Repository, is_tag};
use crate::store::Digest;
use crate::text::with_causes;

/// The size of its files, in bytes, from which a layer is sent while it is made. A smaller one is finished before an upload
/// could begin.
const SEND_EARLY_FROM: u64 = 8 * 1024 * 1024;

/// The tag without `--tag`.
const DEFAULT_TAG: &str = "latest";

pub(super) async fn run(
    command: PushCommand,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
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
) -> Result<ExitCode, CommandError> {
    let (job, targets, context) = registry_job(&arguments, false, settings, terminal).await?;
    let code = job.push(&targets, async |_| Ok(()), &context).await?;
    context::close(context, terminal);
    Ok(code)
}

/// Reads what to push to a registry, and where to: the targets are those of all functions.
pub(super) async fn registry_job<'a>(
    arguments: &PushRegistryArguments,
    offline: bool,
    settings: &'a Settings,
    terminal: &'a Arc<Terminal>,
) -> Result<(PushJob<'a>, Vec<Target>, Context), CommandError> {
    let PushRegistryArguments { prefix, push } = arguments;
    let reading = push.common.reading(&push.functions);
    let (job, objects) = PushJob::new(push, reading, settings, terminal).await?;
    let options = ContextOptions {
        connections: push.connections.into(),
        offline,
        ..ContextOptions::of_build(&push.common, objects)
    };
    let context = options.open(settings, terminal, job.loaded.lock_file.clone())?;
    let target = |function: &Function| {
        repository(prefix, &function.image.name).map(|repository| job.target(repository))
    };
    let targets = job.functions.iter().map(target).collect::<Result<Vec<_>, _>>()?;
    Ok((job, targets, context))
}

#[cfg(feature = "aws")]
async fn to_ecr(
    arguments: PushEcrArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
) -> Result<ExitCode, CommandError> {
    let (job, targets, context, (aws, registry)) = ecr_job(&arguments, false, settings, terminal).await?;
    let ready = async |repository: &Repository| -> Result<(), PushError> {
        if arguments.create_repository {
            let created = aws.ensure_repository(&registry, &repository.name, &job.loaded.project.ecr).await;
            if created.map_err(|error| PushError::Prepare(AnyFailure::new(error)))? {
                context.reporter.report(Event::RepositoryCreated { repository: repository.to_string() });
            }
        }
        Ok(())
    };
    let code = job.push(&targets, ready, &context).await?;
    context::close(context, terminal);
    Ok(code)
}

/// Reads what to push to Amazon ECR, and where to: the targets are those of all functions.
#[cfg(feature = "aws")]
pub(super) async fn ecr_job<'a>(
    arguments: &PushEcrArguments,
    offline: bool,
    settings: &'a Settings,
    terminal: &'a Arc<Terminal>,
) -> Result<(PushJob<'a>, Vec<Target>, Context, (Aws, EcrRegistry)), CommandError> {
    let PushEcrArguments { profile, repository: template, create_repository: _, push } = arguments;
    let (region, account) = (push.common.definition.region.clone(), push.common.definition.account.clone());
    let reading = Reading { profile: profile.as_deref(), ..push.common.reading(&push.functions) };
    let (job, objects) = PushJob::new(push, reading, settings, terminal).await?;
    let project = &job.loaded.project;
    let template = match template {
        Some(text) => text.parse().map_err(CommandError::RepositoryTemplate)?,
        None => project.ecr_repository.clone(),
    };
    let names = job.functions.iter().map(|function| template.repository(&project.name, &function.image.name));
    let names = names.collect::<Result<Vec<_>, _>>().map_err(CommandError::RepositoryTemplate)?;
    job.check_repositories(&names)?;
    let aws = context::aws(settings, region.clone(), profile.clone())?;
    let options = ContextOptions {
        connections: push.connections.into(),
        offline,
        aws: Some(aws.clone()),
        ..ContextOptions::of_build(&push.common, objects)
    };
    let context = options.open(settings, terminal, job.loaded.lock_file.clone())?;
    let registry = aws.registry(account.as_deref(), region.as_deref()).await.map_err(CommandError::Aws)?;
    let targets: Vec<Target> =
        names.into_iter().map(|name| job.target(Repository { host: registry.host.clone(), name })).collect();
    Ok((job, targets, context, (aws, registry)))
}

/// What both ways to push have in common.
pub(super) struct PushJob<'a> {
    loaded: Loaded,
    /// The functions of all machines.
    functions: Vec<Function>,
    shard: ShardArguments,
    tags: Vec<String>,
    options: Options,
    terminal: &'a Arc<Terminal>,
}

impl<'a> PushJob<'a> {
    async fn new(
        arguments: &PushArguments,
        reading: Reading<'_>,
        settings: &'a Settings,
        terminal: &'a Arc<Terminal>,
    ) -> Result<(Self, ObjectPins), CommandError> {
        let PushArguments {
            functions,
            shard,
            tags,
            connections: _,
            no_speculation,
            no_store_base,
            cache,
            rules,
            common: _,
        } = arguments;
        if let Some(tag) = tags.iter().find(|tag| !is_tag(tag)) {
            return Err(CommandError::Tag(tag.clone()));
        }
        let mut seen = BTreeSet::new();
        let mut tags: Vec<String> = tags.iter().filter(|tag| seen.insert(*tag)).cloned().collect();
        if tags.is_empty() {
            tags.push(DEFAULT_TAG.to_owned());
        }
        let (loaded, objects) = selection::load(reading, settings, terminal).await?;
        let functions = selection::functions(&loaded, functions, settings, terminal)?;
        selection::report_deployed_variables(&functions, terminal);
        let options = Options {
            cache_from: cache.cache_from.clone(),
            send_early_from: (!no_speculation).then_some(SEND_EARLY_FROM),
            store_base: !no_store_base,
            enforce_rules: !rules.no_check,
            ..Options::new(settings.time.clone())
        };
        let job = Self { loaded, functions, shard: *shard, tags, options, terminal };
        Ok((job, objects))
    }

    /// Checks that each image has a repository of its own. All get the same tags, so one image would overwrite the tags of
    /// another.
    #[cfg(feature = "aws")]
    fn check_repositories(&self, repositories: &[String]) -> Result<(), CommandError> {
        let mut taken = BTreeMap::new();
        for (function, repository) in self.functions.iter().zip(repositories) {
            let image = &function.image.name;
            if let Some(other) = taken.insert(repository, image).filter(|other| *other != image) {
                return Err(CommandError::SharedRepository {
                    repository: repository.clone(),
                    functions: [other.clone(), image.clone()],
                });
            }
        }
        Ok(())
    }

    fn target(&self, repository: Repository) -> Target {
        Target { repository, tags: self.tags.clone() }
    }

    /// How the images are built.
    pub(super) fn options(&self) -> &Options {
        &self.options
    }

    /// The failure of a build, with the lines of findings in the definition.
    pub(super) fn failure(&self, error: PipelineError) -> CommandError {
        CommandError::pipeline(error, &self.loaded)
    }

    /// The functions of this machine and their targets, out of those of all functions.
    pub(super) fn of_this_machine(&self, targets: &[Target]) -> (Vec<Function>, Vec<Target>) {
        let own = selection::of_shard(self.shard, self.functions.clone(), self.terminal);
        let is_own = |name: &str| own.iter().any(|function| function.name == name);
        let targets = self.functions.iter().zip(targets).filter(|(function, _)| is_own(&function.name));
        let targets = targets.map(|(_, target)| target.clone()).collect();
        (own, targets)
    }

    /// The digest of the image that each function was last pushed as, if that was to its target's repository.
    pub(super) fn last_pushed(
        &self,
        functions: &[&Function],
        targets: &[Target],
    ) -> Result<Vec<Option<Digest>>, CommandError> {
        let pushed = PushedImages::read(&self.loaded.project)?;
        let last = |(function, target): (&&Function, &Target)| {
            let (repository, digest) = pushed.get(&function.name)?.split_once('@')?;
            (repository == uri_repository(&target.repository)).then(|| digest.parse().ok())?
        };
        Ok(functions.iter().zip(targets).map(last).collect())
    }

    /// Pushes the functions of this machine. `targets` are those of all functions.
    async fn push(
        &self,
        targets: &[Target],
        ready: impl AsyncFn(&Repository) -> Result<(), PushError>,
        context: &Context,
    ) -> Result<ExitCode, CommandError> {
        let Self { loaded, options, terminal, .. } = self;
        let (own, targets) = self.of_this_machine(targets);
        let functions: Vec<&Function> = own.iter().collect();
        let pushed = pipeline::build_and_push(&functions, &targets, options, ready, context)
            .await
            .map_err(|error| self.failure(error))?;
        terminal.summarize_overwrites();
        let images = pushed.iter().map(|(built, pushed)| PushedImage {
            function: built.name.clone(),
            image: uri(pushed),
            layers: built.image.layers().iter().map(|layer| layer.diff_id().to_string()).collect(),
        });
        // The push itself is done.
        if let Err(error) = PushedImages::add(&loaded.project, images) {
            let message = format!("failed to record the pushed images: {}", with_causes(&error));
            terminal.warning(&message, Some("pass them to `limg template` with `--uri`"));
        }
        terminal.pushed(&pushed, uri);
        context::leak(pushed);
        Ok(ExitCode::SUCCESS)
    }
}

/// The name of a pushed image by its digest.
fn uri(pushed: &Pushed) -> String {
    format!("{}@{}", uri_repository(&pushed.target.repository), pushed.digest)
}

/// The name of a repository in the name of a pushed image.
fn uri_repository(Repository { host, name }: &Repository) -> String {
    // For an image on a FIPS or dual-stack host, Lambda accepts only the ordinary host.
    let host = &EcrHost::parse(host).map_or_else(|| host.clone(), |ecr| ecr.lambda_uri_host());
    format!("{host}/{name}")
}

/// The repository of a function under a prefix.
fn repository(prefix: &str, function: &str) -> Result<Repository, CommandError> {
    let text = format!("{}/{}", prefix.trim_end_matches('/'), function.to_lowercase());
    let bad = |why| CommandError::Prefix { prefix: prefix.to_owned(), why };
    if prefix.contains("://") {
        return Err(bad("remove `https://`"));
    }
    if prefix.contains('@') {
        let help = "remove the credentials, and log in with `docker login`";
        return Err(CommandError::Prefix { prefix: "…".to_owned(), why: help });
    }
    let reference: ImageReference = text
        .parse()
        .map_err(|_| bad("use HOST[:PORT][/PATH] in lower case, and a name instead of an IPv6 address"))?;
    let repository = reference.repository();
    if prefix == DOCKER_HUB {
        return Err(bad("add your account: `docker.io/ACCOUNT`"));
    }
    let port = repository.host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if matches!(port, Some(Err(_))) {
        return Err(bad("use a port number up to 65535"));
    }
    // A prefix without a host would silently mean Docker Hub.
    if repository.name == format!("library/{text}")
        || format!("{}/{}", repository.host, repository.name) != text
    {
        return Err(bad("begin with the registry's host; for Docker Hub it is `docker.io`"));
    }
    Ok(repository.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_prefix_starts_with_a_host() {
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
