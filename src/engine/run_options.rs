//! [`RunOptions`], and the container that the engine creates from them.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions, PortBinding,
    ResourcesUlimits,
};

use super::EngineError;
use crate::project::{Architecture, RunConfig};

/// The port on which the emulator accepts invocations, as the engine writes it.
pub(super) const PORT: &str = "8080/tcp";

/// The label of every container that limg starts, and of its volume: `docker ps -a --filter label=limg=invoke` and
/// the same with `docker volume ls` find those that a killed limg left behind.
const LABEL: (&str, &str) = ("limg", "invoke");

/// The folder of the container to which the emulator is copied. It is a volume, which can be written before the
/// container starts, even if the root is read-only and the engine runs on another machine.
pub(super) const EMULATOR_FOLDER: &str = "/.limg";

/// The name of the emulator in that folder.
pub(super) const EMULATOR_NAME: &str = "aws-lambda-rie";

/// The region that a function sees unless the caller names one: that of the function's ARN in the emulator.
const DEFAULT_REGION: &str = "us-east-1";

/// The variables for the region, which all get the same value. If the caller sets several, the first one counts.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The user and group that functions run as in Lambda.
const LAMBDA_USER: &str = "993:990";

/// The number of processes and threads, and of open files, that Lambda allows (Lambda developer guide,
/// gettingstarted-limits).
const LAMBDA_LIMIT: i64 = 1024;

/// Lambda's `/tmp`. An engine mounts it `noexec` by default; Lambda does not.
const LAMBDA_TMP: &str = "rw,exec,nosuid,nodev,mode=1777,size=512m";

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
    /// The function's memory in MB. With `as_lambda` it is also the container's limit.
    pub memory: u32,
    /// The emulator to copy into the container, for an image that does not start its own
    /// ([`emulator::is_needed`](super::emulator::is_needed)).
    pub emulator: Option<PathBuf>,
    /// Whether the container is restricted as in Lambda: a read-only root, `/tmp`, an unprivileged user, a memory
    /// limit.
    pub as_lambda: bool,
    /// The port of the engine's machine at which to publish the emulator; `None` for any free one.
    pub port: Option<u16>,
    /// Variables that override those of the image and of limg, except for [`EMULATOR_VARIABLES`]; of the same name,
    /// the last one counts.
    pub environment: Vec<(String, String)>,
}

impl RunOptions {
    /// The container to create. Its port is published on the address `publish_on`.
    pub(super) fn container(&self, publish_on: &str) -> Result<ContainerCreateBody, EngineError> {
        let (entrypoint, cmd) = match &self.emulator {
            Some(_) => {
                let (entrypoint, command) = self.emulated()?;
                (Some(entrypoint), Some(command))
            }
            None => (None, None),
        };
        Ok(ContainerCreateBody {
            image: Some(self.image.clone()),
            entrypoint,
            cmd,
            env: Some(self.variables()),
            user: self.as_lambda.then(|| LAMBDA_USER.to_owned()),
            exposed_ports: Some(vec![PORT.to_owned()]),
            labels: Some(self.labels()),
            host_config: Some(self.host_config(publish_on)),
            ..ContainerCreateBody::default()
        })
    }

    /// The platform, as the engine writes it.
    pub(super) fn platform(&self) -> String {
        format!("linux/{}", self.architecture.oci_name())
    }

    /// The entry point and the command, with the emulator in front of the image's own. The emulator runs its
    /// arguments as a command. If there are several, it also takes the last one as the handler, which is CMD in an
    /// image for Lambda; an image without CMD has one argument or names the handler itself (rie/run.go).
    fn emulated(&self) -> Result<(Vec<String>, Vec<String>), EngineError> {
        let own = self.run.entrypoint.clone().unwrap_or_default();
        let command = self.run.command.clone().unwrap_or_default();
        if own.is_empty() && command.is_empty() {
            return Err(EngineError::NothingToRun { function: self.function.clone() });
        }
        let emulator = format!("{EMULATOR_FOLDER}/{EMULATOR_NAME}");
        Ok(([vec![emulator], own].concat(), command))
    }

    /// The variables that Lambda sets and the emulator takes from its environment, then the caller's.
    fn variables(&self) -> Vec<String> {
        let given = |name: &str| self.environment.iter().rev().find(|(given, _)| given == name);
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
        let others = self.environment.iter().filter(|(name, _)| !is_fixed(name));
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
        // Without a host port the engine chooses a free one.
        let host_port = self.port.map(|port| port.to_string());
        let binding = PortBinding { host_ip: Some(publish_on.to_owned()), host_port };
        let emulator = Mount {
            target: Some(EMULATOR_FOLDER.to_owned()),
            typ: Some(MountType::VOLUME),
            volume_options: Some(MountVolumeOptions {
                labels: Some(self.labels()),
                ..MountVolumeOptions::default()
            }),
            ..Mount::default()
        };
        let host = HostConfig {
            port_bindings: Some(HashMap::from([(PORT.to_owned(), Some(vec![binding]))])),
            mounts: self.emulator.is_some().then(|| vec![emulator]),
            // limg attaches to the output, so the engine does not have to keep it or send it to a log server.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        };
        if self.as_lambda { self.restricted(host) } else { host }
    }

    fn restricted(&self, host: HostConfig) -> HostConfig {
        let memory = i64::from(self.memory) * 1024 * 1024;
        let open_files = ResourcesUlimits {
            name: Some("nofile".to_owned()),
            soft: Some(LAMBDA_LIMIT),
            hard: Some(LAMBDA_LIMIT),
        };
        HostConfig {
            readonly_rootfs: Some(true),
            tmpfs: Some(HashMap::from([("/tmp".to_owned(), LAMBDA_TMP.to_owned())])),
            cap_drop: Some(vec!["ALL".to_owned()]),
            security_opt: Some(vec!["no-new-privileges".to_owned()]),
            memory: Some(memory),
            // The limit of memory and swap together, so there is no swap.
            memory_swap: Some(memory),
            pids_limit: Some(LAMBDA_LIMIT),
            ulimits: Some(vec![open_files]),
            ..host
        }
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
            emulator: None,
            as_lambda: false,
            port: None,
            environment: Vec::new(),
        }
    }

    fn container(options: &RunOptions) -> Value {
        serde_json::to_value(options.container("127.0.0.1").unwrap()).unwrap()
    }

    #[test]
    fn an_image_with_its_own_emulator_keeps_its_entry_point() {
        assert_eq!(options().platform(), "linux/arm64");
        assert_eq!(
            container(&options()),
            json!({
                "Image": "shop/orders:v1",
                "Env": [
                    "AWS_LAMBDA_FUNCTION_NAME=orders",
                    "AWS_LAMBDA_FUNCTION_TIMEOUT=30",
                    "AWS_LAMBDA_FUNCTION_MEMORY_SIZE=512",
                    "AWS_LAMBDA_LOG_GROUP_NAME=/aws/lambda/orders",
                    "AWS_REGION=us-east-1",
                    "AWS_DEFAULT_REGION=us-east-1",
                ],
                "ExposedPorts": { "8080/tcp": {} },
                "Labels": { "limg": "invoke", "limg.project": "shop", "limg.function": "orders" },
                "HostConfig": {
                    "PortBindings": { "8080/tcp": [{ "HostIp": "127.0.0.1" }] },
                    "LogConfig": { "Type": "none" },
                },
            })
        );
    }

    #[test]
    fn a_copied_emulator_is_in_a_volume_and_runs_the_image() {
        let cases = [
            (
                Some(words(&["/main"])),
                Some(words(&["app.handler"])),
                json!(["/.limg/aws-lambda-rie", "/main"]),
                json!(["app.handler"]),
            ),
            (Some(words(&["/main"])), None, json!(["/.limg/aws-lambda-rie", "/main"]), json!([])),
            (None, Some(words(&["/main", "x"])), json!(["/.limg/aws-lambda-rie"]), json!(["/main", "x"])),
        ];
        for (entrypoint, command, expected, expected_command) in cases {
            let run = RunConfig { entrypoint, command, ..RunConfig::default() };
            let container = container(&RunOptions { emulator: Some("rie".into()), run, ..options() });
            assert_eq!(container["Entrypoint"], expected);
            assert_eq!(container["Cmd"], expected_command);
            let labels =
                json!({ "Labels": { "limg": "invoke", "limg.project": "shop", "limg.function": "orders" } });
            let mount = json!({ "Target": "/.limg", "Type": "volume", "VolumeOptions": labels });
            assert_eq!(container["HostConfig"]["Mounts"], json!([mount]));
        }
        let run = RunConfig::default();
        let error =
            RunOptions { emulator: Some("rie".into()), run, ..options() }.container("127.0.0.1").unwrap_err();
        assert!(matches!(error, EngineError::NothingToRun { .. }), "{error}");
    }

    #[test]
    fn as_lambda_only_tmp_is_writable() {
        let container = container(&RunOptions { as_lambda: true, ..options() });
        assert_eq!(container["User"], "993:990");
        let host = &container["HostConfig"];
        assert_eq!(host["ReadonlyRootfs"], true);
        assert_eq!(host["Tmpfs"]["/tmp"], LAMBDA_TMP);
        assert_eq!(host["CapDrop"], json!(["ALL"]));
        assert_eq!(host["SecurityOpt"], json!(["no-new-privileges"]));
        assert_eq!((&host["Memory"], &host["MemorySwap"]), (&json!(512 << 20), &json!(512 << 20)));
        assert_eq!((&host["PidsLimit"], &host["Ulimits"][0]["Hard"]), (&json!(1024), &json!(1024)));
    }

    #[test]
    fn a_named_port_is_published() {
        let container = container(&RunOptions { port: Some(9000), ..options() });
        let bindings = &container["HostConfig"]["PortBindings"]["8080/tcp"];
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
