//! `limg.yaml` exactly as it is written: the one description of its keys.
//!
//! Editors show the doc comments of these types through `limg schema`, so they address the user of the format. The types
//! describe only the shape; [`super::validate`] gives the values their meaning. serde reads them only after
//! [`super::shape`] has accepted the document, so that a user sees every slip at once.

use std::borrow::Cow;
use std::fmt;

use schemars::generate::SchemaSettings;
use schemars::transform::RecursiveTransform;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

pub(super) use super::bundle::Bundle;
pub(super) use super::entries::{AsWritten, Entries};
use crate::finding::Code;
use crate::project::{Architecture, BytecodeMode};
use crate::runtime;

/// The name of the schema, which tools show and compare. Nothing is fetched from it.
const SCHEMA_ID: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/limg.yaml");

/// AWS Lambda functions, layers and extensions, from which limg builds container images.
///
/// Relative paths are relative to this file. A key without a value counts as absent.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "limg.yaml", extend("$id" = SCHEMA_ID))]
pub(super) struct Definition {
    /// The project's name, which is part of the names of its images: lower-case letters and digits, with single
    /// separators (`.`, `_`, `-`) between them. Default: the name of the folder of this file.
    pub(super) project: Option<String>,
    /// Settings of every function that does not have its own. A function's own key wins; `environment` is merged
    /// variable by variable.
    pub(super) defaults: Option<Function>,
    /// Base images by name, which functions use as their `runtime`. They add to the built-in catalogue; a base that is
    /// named like a runtime id replaces that runtime's base.
    pub(super) bases: Option<Entries<Base>>,
    /// Layers by name: file trees that are merged into `/opt`.
    pub(super) layers: Option<Entries<Layer>>,
    /// Extensions by name. An external extension is a process of its own; an internal extension runs inside the runtime's
    /// process, through variables and a wrapper script. An entry may be both.
    pub(super) extensions: Option<Entries<Extension>>,
    /// Functions by name. Each becomes one image.
    pub(super) functions: Entries<Function>,
    /// The repositories of the functions in Amazon ECR. All settings except the name apply only to repositories that
    /// `limg push ecr --create-repository` creates; existing repositories are not changed.
    pub(super) ecr: Option<Ecr>,
    /// Findings that are known and allowed: limg reports none of them, and builds although one is an error.
    pub(super) checks: Option<Vec<Check>>,
}

/// Findings that are allowed.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Check {
    /// The code of the findings, such as `missing-library`.
    #[schemars(extend("examples" = codes()))]
    pub(super) allow: String,
    /// Why they are allowed.
    pub(super) reason: String,
    /// Which paths in the image they may be about: a pattern in gitignore syntax, where `/` is the root of the image. Default:
    /// findings about any paths, and about none.
    pub(super) path: Option<String>,
}

/// The codes of all findings.
fn codes() -> Vec<&'static str> {
    Code::ALL.iter().map(|code| code.name()).collect()
}

/// A base image.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Base {
    /// Where the image is: `oci:DIR[:REFERENCE]`, `oci-archive:FILE[:REFERENCE]`, `docker-archive:FILE[:NAME]`,
    /// `docker-daemon:NAME`, `scratch`, or a reference to a registry.
    pub(super) image: String,
    /// The runtime id, such as `python3.12`, whose layout and start-up the image keeps. Optional if the base
    /// itself is named like a runtime id.
    #[schemars(extend("examples" = runtime::ids()))]
    pub(super) contract: Option<String>,
    /// The command that starts the handler, which is appended as the last argument: a list of words that starts with the
    /// absolute path of a program in the image. It replaces the image's own entry point and command.
    pub(super) entrypoint: Option<Vec<String>>,
}

/// A layer: local files (`path`), a layer published in Lambda (`arn`), or files of another image (`image` and `path`).
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Layer {
    /// A directory or a `.zip`, laid out as Lambda lays it out: its root becomes `/opt`. With `image` it is the absolute
    /// path of a file or folder in that image.
    pub(super) path: Option<String>,
    /// The ARN of a layer version, `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`, of any region and account whose
    /// layers you may read.
    pub(super) arn: Option<String>,
    /// With `arn`: use the layer even if it declares other runtimes or architectures.
    pub(super) ignore_compatibility: Option<bool>,
    /// A reference to an image in a registry that contains the files at `path`.
    pub(super) image: Option<String>,
    /// Packages to install, those of Python into `/opt/python` and those of Node.js into `/opt/nodejs/node_modules`: the path
    /// of a list or lock file, or a mapping with `list`, `groups` and `extras`, or `scripts`. Needs `uv` and `pip`, or the
    /// `npm`, `pnpm` or `yarn` that has made the lock file.
    pub(super) install: Option<Install>,
    /// Python: `compile` the sources that have no valid bytecode, which Lambda would do at every cold start; `keep` what
    /// is there; or `strip` it. Default: that of `defaults`, or else `compile` for packages that limg installs and `keep` for all
    /// else.
    pub(super) bytecode: Option<BytecodeMode>,
    /// With `image`: the path of the files in the function's image, `/opt` or below it. Default: the same as `path`.
    pub(super) to: Option<String>,
    /// Copy what a symbolic link points to if it leaves the directory, instead of rejecting the link. Only for local
    /// files.
    pub(super) follow: Option<bool>,
    /// Patterns of files to leave out, in gitignore syntax, in addition to `.limgignore` files. Only for local files.
    pub(super) exclude: Option<Vec<String>>,
    /// Leave out of a directory what functions do not need, such as `.git`, virtual environments and caches; a pattern with
    /// `!` in `exclude` brings it back. Only for local files. Default: `true`.
    pub(super) default_excludes: Option<bool>,
}

/// An extension.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Extension {
    /// One executable file, which becomes `/opt/extensions/NAME`; or a directory or `.zip` whose root becomes `/opt`.
    pub(super) path: Option<String>,
    /// Copy what a symbolic link points to if it leaves the directory, instead of rejecting the link.
    pub(super) follow: Option<bool>,
    /// Patterns of files to leave out, in gitignore syntax, in addition to `.limgignore` files.
    pub(super) exclude: Option<Vec<String>>,
    /// Leave out of a directory what extensions do not need, such as `.git`, virtual environments and caches; a pattern with
    /// `!` in `exclude` brings it back. Default: `true`.
    pub(super) default_excludes: Option<bool>,
    /// Python: `compile` the sources that have no valid bytecode, which Lambda would do at every cold start; `keep` what
    /// is there; or `strip` it. Default: that of `defaults`, or else `keep`.
    pub(super) bytecode: Option<BytecodeMode>,
    /// Variables that the extension sets in the image of every function that uses it.
    pub(super) environment: Option<Entries<AsWritten>>,
    /// A wrapper script that starts the runtime: a path in the image, which begins with `/`, or a local file, which
    /// is placed in `/opt/wrappers`.
    pub(super) wrapper: Option<String>,
    /// A handler that Lambda calls instead of the function's own, which it then calls: the handler of a known vendor, or a
    /// mapping with `handler` and `variable`.
    pub(super) handler_wrapper: Option<HandlerWrapper>,
}

/// A function, or the defaults of all functions.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Function {
    /// A Lambda runtime id such as `python3.12`, or a name from `bases`.
    #[schemars(extend("examples" = runtime::ids()))]
    pub(super) runtime: Option<String>,
    /// The handler as Lambda knows it, such as `app.handler`: at most 128 characters, without white space. Optional
    /// for a custom runtime.
    pub(super) handler: Option<String>,
    /// The instruction set. Default: `x86_64`.
    pub(super) architecture: Option<Architecture>,
    /// The function's code: a directory, a `.zip` or one file. It becomes `/var/task`.
    pub(super) code: Option<String>,
    /// Names of layers, merged into `/opt` in this order; a later one wins file by file.
    pub(super) layers: Option<Vec<String>>,
    /// Names of extensions, merged into `/opt` in this order after all layers.
    pub(super) extensions: Option<Vec<String>>,
    /// A wrapper script that starts the runtime (`AWS_LAMBDA_EXEC_WRAPPER`): a path in the image, which begins with
    /// `/`, or a local file, which is placed in `/opt/wrappers`.
    pub(super) wrapper: Option<String>,
    /// A handler that Lambda calls instead of `handler`, which it then calls: the handler of a known vendor, or a mapping
    /// with `handler` and `variable`. The handler wrappers of extensions come first.
    pub(super) handler_wrapper: Option<HandlerWrapper>,
    /// Give the image the label that allows Lambda to take snapshots of the started function (`SnapStart`). Default:
    /// `false`.
    pub(super) snapstart: Option<bool>,
    /// The function's environment variables.
    pub(super) environment: Option<Entries<AsWritten>>,
    /// Patterns of files to leave out of `code`, in gitignore syntax, in addition to `.limgignore` files.
    pub(super) exclude: Option<Vec<String>>,
    /// Leave out of a directory what functions do not need, such as `.git`, virtual environments and caches; a pattern with
    /// `!` in `exclude` brings it back. Default: `true`.
    pub(super) default_excludes: Option<bool>,
    /// Copy what a symbolic link points to if it leaves the code's directory, instead of rejecting the link.
    pub(super) follow: Option<bool>,
    /// Packages to install below `code`, for the function's runtime and architecture: the path of a list or lock file, `true`
    /// for one in the code's directory, or a mapping with `list`, `groups` and `extras`, or `scripts`. Needs `uv` and `pip`, or
    /// the `npm`, `pnpm` or `yarn` that has made the lock file.
    pub(super) install: Option<Install>,
    /// Python: `compile` the sources that have no valid bytecode, which Lambda would do at every cold start; `keep` what
    /// is there; or `strip` it. Applies to `code` and its packages; in `defaults` to layers and extensions too. Default: `compile`
    /// for packages that limg installs and `keep` for all else.
    pub(super) bytecode: Option<BytecodeMode>,
    /// Bundle `code` with the project's own esbuild, as the AWS SAM CLI does: `true` for the handler's module, the path of another
    /// one, or a mapping with `entry_points` and options of esbuild. The packages of `install` are installed for it, or those of
    /// the lock file in the code's directory.
    pub(super) bundle: Option<Bundle>,
    /// Which files of `code` get a layer of their own, which does not change when the rest is edited: patterns in gitignore
    /// syntax, relative to the root of the code; or `false` for none. Default: `true`, for installed packages.
    pub(super) dependencies: Option<Dependencies>,
    /// Seconds that one invocation may take. Used by `limg invoke`; not part of the image. Lambda takes more
    /// than 900 only in some accounts and Regions. Default: 3.
    #[schemars(range(min = 1, max = 5400))]
    pub(super) timeout: Option<u32>,
    /// Memory in MB. Used by `limg invoke`; not part of the image. Lambda takes more than 10240 only in some
    /// accounts and Regions. Default: 128.
    #[schemars(range(min = 128, max = 32_768))]
    pub(super) memory: Option<u32>,
}

/// A handler that calls another one.
#[derive(Debug)]
pub(super) enum HandlerWrapper {
    /// The handler of a vendor that limg knows.
    Known(String),
    /// Any handler.
    Any(AnyHandlerWrapper),
}

/// A handler that calls another one, and the variable in which it looks for that.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AnyHandlerWrapper {
    /// The handler that Lambda calls.
    pub(super) handler: String,
    /// The environment variable in which it looks for the function's own handler.
    pub(super) variable: String,
}

impl<'de> Deserialize<'de> for HandlerWrapper {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct HandlerWrapperVisitor;
        impl<'de> Visitor<'de> for HandlerWrapperVisitor {
            type Value = HandlerWrapper;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("text or a mapping")
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(HandlerWrapper::Known(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                AnyHandlerWrapper::deserialize(MapAccessDeserializer::new(map)).map(HandlerWrapper::Any)
            }
        }
        deserializer.deserialize_any(HandlerWrapperVisitor)
    }
}

impl JsonSchema for HandlerWrapper {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "HandlerWrapper".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = AnyHandlerWrapper::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["string", "object"]));
        schema
    }
}

/// Packages to install.
#[derive(Debug)]
pub(super) enum Install {
    /// Whether to install those of a list in the code's directory.
    Automatic(bool),
    /// Those of this list.
    List(String),
    /// Those of a list with further ones.
    More(MoreInstall),
}

/// Packages to install, with those that are optional.
#[derive(Debug, Default, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoreInstall {
    /// The list or lock file. Default: one in the code's directory.
    pub(super) list: Option<String>,
    /// Python: dependency groups to install too.
    pub(super) groups: Option<Vec<String>>,
    /// Python: extras to install too.
    pub(super) extras: Option<Vec<String>>,
    /// Node.js: whether the install scripts of packages run, on this machine. `false` is the default without its warning.
    pub(super) scripts: Option<bool>,
    /// Whether packages that the base image has, such as boto3 or the AWS SDK for JavaScript, are left to it. Their versions
    /// are then those of the base. Default: false.
    pub(super) base_provides: Option<bool>,
    /// Python: whether packages without a wheel that fits are built from source, which runs their code on this machine.
    /// Default: false.
    pub(super) allow_source: Option<bool>,
}

impl<'de> Deserialize<'de> for Install {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct InstallVisitor;
        impl<'de> Visitor<'de> for InstallVisitor {
            type Value = Install;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean, text or a mapping")
            }

            fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
                Ok(Install::Automatic(value))
            }

            fn visit_str<E>(self, text: &str) -> Result<Self::Value, E> {
                Ok(Install::List(text.to_owned()))
            }

            fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<Self::Value, A::Error> {
                MoreInstall::deserialize(MapAccessDeserializer::new(map)).map(Install::More)
            }
        }
        deserializer.deserialize_any(InstallVisitor)
    }
}

impl JsonSchema for Install {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Install".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        let mut schema = MoreInstall::json_schema(generator);
        schema.insert("type".to_owned(), serde_json::json!(["boolean", "string", "object"]));
        schema
    }
}

/// Which files of a function's code are dependencies.
#[derive(Debug)]
pub(super) enum Dependencies {
    /// Whether limg detects them.
    Automatic(bool),
    /// Patterns that match them.
    Patterns(Vec<String>),
}

impl<'de> Deserialize<'de> for Dependencies {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct DependenciesVisitor;
        impl<'de> Visitor<'de> for DependenciesVisitor {
            type Value = Dependencies;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean or a list")
            }

            fn visit_bool<E>(self, is_automatic: bool) -> Result<Self::Value, E> {
                Ok(Dependencies::Automatic(is_automatic))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, list: A) -> Result<Self::Value, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(list)).map(Dependencies::Patterns)
            }
        }
        deserializer.deserialize_any(DependenciesVisitor)
    }
}

impl JsonSchema for Dependencies {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> Cow<'static, str> {
        "Dependencies".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["boolean", "array"], "items": { "type": "string" } })
    }
}

/// Repositories in Amazon ECR.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Ecr {
    /// The name of a function's repository, in quotes, where `{project}` and `{function}` are replaced by their names. Default:
    /// `"{project}/{function}"`.
    pub(super) repository: Option<String>,
    /// Scan each pushed image for known vulnerabilities. Default: `false`.
    pub(super) scan_on_push: Option<bool>,
    /// Never allow a tag to move to another image. Default: `false`.
    pub(super) immutable_tags: Option<bool>,
    /// How the images are encrypted. Default: `AES256`.
    pub(super) encryption: Option<Encryption>,
    /// With `encryption: KMS`, the ARN, id or alias of the key, in the region of the repository. Default: the account's
    /// own key for ECR.
    pub(super) kms_key: Option<String>,
    /// How many images to keep. ECR removes older images even if a function still uses them, which then stops working.
    /// Default: all.
    #[schemars(range(min = 1, max = 100_000))]
    pub(super) keep: Option<u32>,
    /// Tags of the repository, for cost allocation and access rules.
    pub(super) tags: Option<Entries<AsWritten>>,
    /// Other AWS accounts, 12 digits each, whose Lambda functions may use the images.
    pub(super) lambda_accounts: Option<Vec<AsWritten>>,
}

/// How ECR encrypts images.
#[derive(Debug, Clone, Copy, serde::Deserialize, JsonSchema)]
pub(super) enum Encryption {
    /// With keys that Amazon S3 manages.
    #[serde(rename = "AES256")]
    Aes256,
    /// With a key of the Key Management Service.
    #[serde(rename = "KMS")]
    Kms,
}

/// The JSON Schema of the format.
///
/// Draft 7 without references, since every editor's YAML support understands that.
pub(in crate::definition) fn schema() -> serde_json::Value {
    let settings = SchemaSettings::draft07()
        .with(|settings| settings.inline_subschemas = true)
        .with_transform(RecursiveTransform(join_lines));
    settings.into_generator().into_root_schema_for::<Definition>().to_value()
}

/// Removes the line breaks of this file from a description, since an editor would show them; paragraphs stay.
fn join_lines(schema: &mut Schema) {
    if let Some(description) = schema.get("description").and_then(serde_json::Value::as_str) {
        let paragraphs: Vec<_> =
            description.split("\n\n").map(|paragraph| paragraph.replace('\n', " ")).collect();
        schema.insert("description".to_owned(), paragraphs.join("\n\n").into());
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;

    /// Calls `visit` with the path and schema of every key.
    fn for_each_key(schema: &Value, path: &str, visit: &mut impl FnMut(&str, &Value)) {
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            let path = format!("{path}.{name}");
            visit(&path, property);
            for_each_key(property, &path, visit);
            for_each_key(&property["additionalProperties"], &format!("{path}.*"), visit);
        }
    }

    #[test]
    fn every_key_has_a_description_on_one_line() {
        let mut keys = 0;
        for_each_key(&schema(), "", &mut |path, property| {
            keys += 1;
            let description = property["description"].as_str().unwrap_or_default();
            assert!(description.ends_with('.'), "{path}: {description:?}");
            assert!(!description.contains('\n'), "{path}: {description:?}");
        });
        // The last are bundles, in defaults and functions.
        assert_eq!(keys, 8 + 26 + 3 + 16 + 10 + 26 + 8 + 2 * 54);
    }

    #[test]
    fn the_schema_stands_alone_and_says_what_it_is() {
        let schema = schema();
        assert_eq!(schema["title"], "limg.yaml");
        assert_eq!(schema["$id"], "https://github.com/limg-dev/limg/limg.yaml");
        let function = &schema["properties"]["functions"]["additionalProperties"]["properties"];
        let base = &schema["properties"]["bases"]["additionalProperties"]["properties"];
        for examples in [&function["runtime"]["examples"], &base["contract"]["examples"]] {
            assert_eq!(examples, &serde_json::json!(runtime::ids()));
        }
        assert!(schema["$schema"].as_str().unwrap().contains("draft-07"));
        assert!(!schema.to_string().contains("$ref"));
        assert_eq!(schema["required"], serde_json::json!(["functions"]));
    }
}
