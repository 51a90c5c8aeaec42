//! [`RunOptions`], and the container that the engine creates from them.

use std::collections::HashMap;

use bollard::models::{ContainerCreateBody, HostConfig, HostConfigLogConfig};

use super::EngineError;
use super::debugger::{self, Debugger};
use super::emulator::{self, Emulator};
use super::network::{NetworkOptions, PublishedPort};
use super::sandbox::{self, Sandbox, Tmp};
use crate::project::{Architecture, RunConfig};

/// The label of every container that limg starts, and of its volumes: `docker ps -a --filter label=limg=invoke` and
/// the same with `docker volume ls` find those that a killed limg left behind.
const LABEL: (&str, &str) = ("limg", "invoke");

/// The folder of the container for limg's own files, such as a copied emulator. It is a volume, which can be written before the
/// container starts, even if the root is read-only and the engine runs on another machine.
pub(super) const OWN_FOLDER: &str = "/.limg";

/// The program that starts a shell.
pub(super) const SHELL: &str = "/bin/sh";

/// The region that a function sees unless the caller names one: that of the function's ARN in the emulator.
const DEFAULT_REGION: &str = "us-east-1";

/// The variables for the region, which all get the same value. If the caller sets several, the first one counts.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// Variables that configure the emulator but that Lambda does not reserve: a function's configuration may contain
/// them, and must not change how the function runs (rie/handlers.go).
pub const EMULATOR_VARIABLES: [&str; 2] = [TIMEOUT, HANDLER];

/// The timeout of an invocation in seconds.
const TIMEOUT: &str = "AWS_LAMBDA_FUNCTION_TIMEOUT";

/// The handler. Unless it is empty, it overrides the command line.
const HANDLER: &str = "AWS_LAMBDA_FUNCTION_HANDLER";

/// Which function to run, and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The image's name or id in the engine.
    pub image: String,
    /// The architecture of the image.
    pub architecture: Architecture,
    /// The run configuration of the image.
    pub run: RunConfig,
    /// The function's name.
    pub function: String,
    /// The name of the project.
    pub project: String,
    /// The timeout of an invocation in seconds.
    pub timeout: u32,
    /// The function's memory in MB, which is also the container's limit unless the sandbox is relaxed.
    pub memory: u32,
    /// The emulator that starts the image.
    pub emulator: Emulator,
    /// Whether the image has a `/tmp` that everyone can write to.
    pub has_tmp: bool,
    /// How the container is restricted.
    pub sandbox: Sandbox,
    /// The container's network.
    pub network: NetworkOptions,
    /// The debugger for which the function waits when it starts, and its port, which is published too.
    pub debugger: Option<(Debugger, u16)>,
    /// The port of the engine's machine at which to publish the emulator; `None` for any free one.
    pub port: Option<u16>,
    /// Variables that override those of the image and of limg, except for [`EMULATOR_VARIABLES`]; of the same name,
    /// the last one counts.
    pub environment: Vec<(String, String)>,
}

impl RunOptions {
    /// The container that runs the function. Its ports are published on the address `publish_on`.
    pub(super) fn container(&self, publish_on: &str) -> Result<ContainerCreateBody, EngineError> {
        let copied = format!("{OWN_FOLDER}/{}", emulator::NAME);
        let emulator = match &self.emulator {
            Emulator::InImage(path) => path,
            Emulator::Copied(_) => &copied,
        };
        let (entrypoint, command) = emulator::command_line(emulator, &self.run)
            .ok_or_else(|| EngineError::NothingToRun { function: self.function.clone() })?;
        Ok(ContainerCreateBody { entrypoint: Some(entrypoint), cmd: Some(command), ..self.setup(publish_on) })
    }

    /// The same container with a shell instead of the function. `is_terminal` is whether the user is at a terminal.
    pub(super) fn shell(&self, publish_on: &str, is_terminal: bool) -> ContainerCreateBody {
        let script = "command -v bash >/dev/null && exec bash; exec sh";
        ContainerCreateBody {
            entrypoint: Some(vec![SHELL.to_owned(), "-c".to_owned(), script.to_owned()]),
            cmd: Some(Vec::new()),
            tty: Some(is_terminal),
            open_stdin: Some(true),
            stdin_once: Some(true),
            attach_stdin: Some(true),
            ..self.setup(publish_on)
        }
    }

    /// What the containers of a function and of its shell have in common.
    fn setup(&self, publish_on: &str) -> ContainerCreateBody {
        ContainerCreateBody {
            image: Some(self.image.clone()),
            env: Some(self.variables()),
            user: self.sandbox.user(),
            exposed_ports: Some(self.network().exposed_ports()),
            labels: Some(self.labels()),
            host_config: Some(self.host_config(publish_on)),
            ..ContainerCreateBody::default()
        }
    }

    /// The script for the volume of limg's files, if the debugger needs one.
    pub(super) fn debug_script(&self) -> Option<&'static str> {
        matches!(self.debugger, Some((Debugger::Python, _))).then_some(debugger::SCRIPT)
    }

    /// The platform, as the engine writes it.
    pub(super) fn platform(&self) -> String {
        format!("linux/{}", self.architecture.oci_name())
    }

    /// The variables that Lambda sets and the emulator takes from its environment, then the caller's, then the
    /// debugger's.
    fn variables(&self) -> Vec<String> {
        let mut environment = self.environment.clone();
        if let Some((debugger, port)) = self.debugger {
            environment.extend(debugger.variables(port, OWN_FOLDER, &self.run, &self.environment));
        }
        let given = |name: &str| environment.iter().rev().find(|(given, _)| given == name);
        let region = REGIONS.into_iter().find_map(given);
        let region = region.map_or(DEFAULT_REGION, |(_, region)| region);
        // An image without this variable does not get an empty one.
        let has_handler = self.run.environment.iter().any(|(name, _)| name == HANDLER);
        let set = [
            ("AWS_LAMBDA_FUNCTION_NAME", self.function.clone()),
            (TIMEOUT, self.timeout.to_string()),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", self.memory.to_string()),
            ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{}", self.function)),
            (REGIONS[0], region.to_owned()),
            (REGIONS[1], region.to_owned()),
        ];
        let set = set.into_iter().chain(has_handler.then(|| (HANDLER, String::new())));
        let is_fixed = |name: &str| EMULATOR_VARIABLES.contains(&name) || REGIONS.contains(&name);
        let set = set.filter(|(name, _)| is_fixed(name) || given(name).is_none());
        let others = environment.iter().filter(|(name, _)| !is_fixed(name));
        set.map(|(name, value)| format!("{name}={value}"))
            .chain(others.map(|(name, value)| format!("{name}={value}")))
            .collect()
    }

    fn labels(&self) -> HashMap<String, String> {
        [LABEL, ("limg.project", &self.project), ("limg.function", &self.function)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn host_config(&self, publish_on: &str) -> HostConfig {
        let has_files = matches!(self.emulator, Emulator::Copied(_)) || self.debug_script().is_some();
        let files = has_files.then(|| sandbox::volume(OWN_FOLDER, self.labels()));
        let host = HostConfig {
            mounts: Some(files.into_iter().collect()),
            port_bindings: Some(self.network().bindings(self.port, publish_on)),
            network_mode: self.network.name.clone(),
            extra_hosts: Some(self.network.hosts()),
            // limg attaches to the output, so the engine does not have to keep it or send it to a log server.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        };
        // A debugger needs memory of its own.
        let memory = self.debugger.is_none().then_some(self.memory);
        let tmp = if self.has_tmp { Tmp::Volume(self.labels()) } else { Tmp::Memory };
        self.sandbox.restrict(host, memory, tmp)
    }

    /// The network, with the debugger's port.
    fn network(&self) -> NetworkOptions {
        let mut network = self.network.clone();
        network.ports.extend(self.debugger.map(|(_, port)| PublishedPort::same(port)));
        network
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn words(words: &[&str]) -> Vec<String> {
        words.iter().map(|&word| word.to_owned()).collect()
    }

    fn options() -> RunOptions {
        RunOptions {
            image: "shop/orders:v1".to_owned(),
            architecture: Architecture::Arm64,
            run: RunConfig {
                entrypoint: Some(words(&["/main"])),
                command: Some(words(&["app.handler"])),
                ..RunConfig::default()
            },
            function: "orders".to_owned(),
            project: "shop".to_owned(),
            timeout: 30,
            memory: 512,
            emulator: Emulator::InImage("/usr/local/bin/aws-lambda-rie".to_owned()),
            has_tmp: true,
            sandbox: Sandbox::default(),
            network: NetworkOptions::default(),
            debugger: None,
            port: None,
            environment: Vec::new(),
        }
    }

    fn container(options: &RunOptions) -> Value {
        serde_json::to_value(options.container("127.0.0.1").unwrap()).unwrap()
    }

    #[test]
    fn by_default_only_tmp_is_writable_and_memory_is_limited() {
        assert_eq!(options().platform(), "linux/arm64");
        let labels = json!({ "limg": "invoke", "limg.project": "shop", "limg.function": "orders" });
        let volume = json!({ "Labels": labels });
        assert_eq!(
            container(&options()),
            json!({
                "Image": "shop/orders:v1",
                "Entrypoint": [
                    "/usr/local/bin/aws-lambda-rie",
                    "--runtime-interface-emulator-address",
                    "0.0.0.0:28080",
                    "/main",
                ],
                "Cmd": ["app.handler"],
                "Env": [
                    "AWS_LAMBDA_FUNCTION_NAME=orders",
                    "AWS_LAMBDA_FUNCTION_TIMEOUT=30",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
                    "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/orders",
                    "AWS_REGION=us-east-1",
                    "AWS_DEFAULT_REGION=us-east-1",
                ],
                "ExposedPorts": { "28080/tcp": {} },
                "Labels": labels,
                "HostConfig": {
                    "ReadonlyRootfs": true,
                    "IpcMode": "none",
                    "Memory": 512 << 20,
                    "MemorySwap": 512 << 20,
                    "Mounts": [{ "Target": "/tmp", "Type": "volume", "VolumeOptions": volume }],
                    "ExtraHosts": ["sandbox:127.0.0.1", "sandbox.localdomain:127.0.0.1"],
                    "PortBindings": { "28080/tcp": [{ "HostIp": "127.0.0.1" }] },
                    "LogConfig": { "Type": "none" },
                },
            })
        );
    }

    #[test]
    fn a_copied_emulator_and_tmp_are_in_volumes() {
        let copied = || RunOptions { emulator: Emulator::Copied("rie".into()), ..options() };
        let container = container(&copied());
        assert_eq!(container["Entrypoint"][0], "/.limg/aws-lambda-rie");
        let targets: Vec<_> = container["HostConfig"]["Mounts"].as_array().unwrap().iter().collect();
        assert_eq!((&targets[0]["Target"], &targets[1]["Target"]), (&json!("/.limg"), &json!("/tmp")));
        let without_tmp = self::container(&RunOptions { has_tmp: false, ..options() });
        let host = &without_tmp["HostConfig"];
        assert_eq!(host["Mounts"], json!([]));
        assert!(host["Tmpfs"]["/tmp"].as_str().unwrap().contains("mode=1777"), "{host}");
        let error = RunOptions { run: RunConfig::default(), ..copied() }.container("127.0.0.1").unwrap_err();
        assert!(matches!(error, EngineError::NothingToRun { .. }), "{error}");
    }

    #[test]
    fn as_lambda_the_user_is_unprivileged_and_relaxed_nothing_is_restricted() {
        let strict = container(&RunOptions { sandbox: Sandbox::AsLambda, ..options() });
        assert_eq!(strict["User"], "993:990");
        let host = &strict["HostConfig"];
        assert_eq!((&host["ReadonlyRootfs"], &host["Memory"]), (&json!(true), &json!(512 << 20)));
        assert_eq!(host["CapDrop"], json!(["ALL"]));
        assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
        assert_eq!((&host["PidsLimit"], &host["Ulimits"][0]["Hard"]), (&json!(1024), &json!(1024)));

        let relaxed = container(&RunOptions { sandbox: Sandbox::Relaxed, ..options() });
        let keys: Vec<_> = relaxed["HostConfig"].as_object().unwrap().keys().collect();
        assert_eq!(keys, ["ExtraHosts", "LogConfig", "Mounts", "PortBindings"]);
        assert_eq!((&relaxed["User"], &relaxed["HostConfig"]["Mounts"]), (&Value::Null, &json!([])));
    }

    #[test]
    fn a_named_port_is_published() {
        let container = container(&RunOptions { port: Some(9000), ..options() });
        let bindings = &container["HostConfig"]["PortBindings"]["28080/tcp"];
        assert_eq!(bindings, &json!([{ "HostIp": "127.0.0.1", "HostPort": "9000" }]));
    }

    #[test]
    fn the_callers_variables_override_limgs() {
        let environment = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKID")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let container = container(&RunOptions { environment, ..options() });
        let variables = container["Env"].as_array().unwrap();
        assert_eq!(variables.last().unwrap(), "AWS_ACCESS_KEY_ID=AKID");
        assert_eq!(variables.iter().filter(|variable| *variable == "AWS_REGION=eu-west-1").count(), 1);
    }

    #[test]
    fn all_region_variables_have_the_same_value() {
        for (given, expected) in [
            (vec![], "us-east-1"),
            (vec![("AWS_DEFAULT_REGION", "eu-north-1")], "eu-north-1"),
            (vec![("AWS_REGION", "eu-west-1")], "eu-west-1"),
            (vec![("AWS_DEFAULT_REGION", "eu-north-1"), ("AWS_REGION", "eu-west-1")], "eu-west-1"),
        ] {
            let environment = given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
            let variables = RunOptions { environment: environment.collect(), ..options() }.variables();
            let regions: Vec<_> = variables.iter().filter(|variable| variable.contains("REGION=")).collect();
            let both = [format!("AWS_REGION={expected}"), format!("AWS_DEFAULT_REGION={expected}")];
            assert_eq!(regions, both.iter().collect::<Vec<_>>(), "{given:?}");
        }
    }

    #[test]
    fn the_emulators_variables_cannot_be_overridden() {
        let own = EMULATOR_VARIABLES.map(|name| (name.to_owned(), "900".to_owned())).to_vec();
        let run = RunConfig { environment: own.clone(), ..options().run };
        let variables = RunOptions { run, environment: own, ..options() }.variables();
        let fixed: Vec<_> = variables
            .iter()
            .filter(|variable| EMULATOR_VARIABLES.iter().any(|name| variable.starts_with(name)))
            .collect();
        assert_eq!(fixed, ["AWS_LAMBDA_FUNCTION_TIMEOUT=30", "AWS_LAMBDA_FUNCTION_HANDLER="]);
    }
}
