//! How a function's container is to be, as the value that the engine is given.

use std::collections::HashMap;
use std::path::PathBuf;

use bollard::models::{
    ContainerCreateBody, HostConfig, HostConfigLogConfig, Mount, MountType, MountVolumeOptions, PortBinding,
    ResourcesUlimits,
};

use super::EngineError;

use crate::project::{Architecture, RunConfig};

/// The port on which the emulator takes invocations, as the engine writes it.
pub(super) const PORT: &str = "8080/tcp";

/// The label of every container that limg starts and of its volume, and its value: `docker ps -a --filter
/// label=limg=invoke` and the same of `docker volume ls` find those that a killed limg left behind.
const LABEL: (&str, &str) = ("limg", "invoke");

/// The folder of the container that the emulator is put into: a volume, so that it can be written before the container
/// starts although the root is read-only, and without a file of this machine at hand for the engine.
pub(super) const EMULATOR_FOLDER: &str = "/.limg";

/// The name of the emulator in there.
pub(super) const EMULATOR_NAME: &str = "aws-lambda-rie";

/// The region that a function sees unless the caller gives one: the one that the emulator puts into the function's ARN.
const DEFAULT_REGION: &str = "us-east-1";

/// The names of the Region, the first one first: a function finds the same under both.
const REGIONS: [&str; 2] = ["AWS_REGION", "AWS_DEFAULT_REGION"];

/// The user that functions are seen to run as in Lambda.
const LAMBDA_USER: &str = "993:990";

/// The processes and threads, and the open files, that Lambda allows (Lambda developer guide, gettingstarted-limits).
const LAMBDA_LIMIT: i64 = 1024;

/// Lambda's `/tmp`. An engine adds `noexec` unless told otherwise; Lambda does not.
const LAMBDA_TMP: &str = "rw,exec,nosuid,nodev,mode=1777,size=512m";

/// Variables of the emulator's own that Lambda does not reserve: the function's configuration may have them, and must not
/// change how it is run (rie/handlers.go).
pub const OF_EMULATOR: [&str; 2] = [TIMEOUT, HANDLER];

/// The seconds that an invocation may take, as the emulator reads them.
const TIMEOUT: &str = "AWS_LAMBDA_FUNCTION_TIMEOUT";

/// What the emulator takes for the handler, whatever the command line says, unless it is empty.
const HANDLER: &str = "AWS_LAMBDA_FUNCTION_HANDLER";

/// What to run and how.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// The image's name or id in the engine.
    pub image: String,
    /// The architecture of the image.
    pub architecture: Architecture,
    /// How the image says that it runs.
    pub run: RunConfig,
    /// The function's name.
    pub function: String,
    /// The name of the project that it belongs to.
    pub project: String,
    /// The seconds that an invocation may take.
    pub timeout: u32,
    /// The function's memory in MB: told to the function, and the limit of the container under `as_lambda`.
    pub memory: u32,
    /// The emulator to put into the container, for an image that does not start one itself
    /// ([`emulator::is_needed`](super::emulator::is_needed)).
    pub emulator: Option<PathBuf>,
    /// Whether the container has what Lambda gives a function and no more: a read-only root, `/tmp`, an unprivileged
    /// user, a memory limit.
    pub as_lambda: bool,
    /// The port of the engine's machine at which the emulator can be reached; nothing for a free one.
    pub port: Option<u16>,
    /// Variables on top of those of the image and of limg, such as credentials, but for [`OF_EMULATOR`]. The last of a
    /// name holds.
    pub environment: Vec<(String, String)>,
}

impl RunOptions {
    /// The container to create, its port published on `publish_on`.
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

    /// The image's own command line with the emulator in front. The emulator takes all its arguments as the command and,
    /// if there are two or more, the last one as the handler too, which is what CMD is in an image for Lambda; an image
    /// without CMD has one argument, or names its handler itself (rie/run.go).
    fn emulated(&self) -> Result<(Vec<String>, Vec<String>), EngineError> {
        let own = self.run.entrypoint.clone().unwrap_or_default();
        let command = self.run.command.clone().unwrap_or_default();
        if own.is_empty() && command.is_empty() {
            return Err(EngineError::NothingToRun { function: self.function.clone() });
        }
        let emulator = format!("{EMULATOR_FOLDER}/{EMULATOR_NAME}");
        Ok(([vec![emulator], own].concat(), command))
    }

    /// The variables that Lambda sets and the emulator takes from outside, then the caller's.
    fn variables(&self) -> Vec<String> {
        let given = |name: &str| self.environment.iter().rev().find(|(given, _)| given == name);
        let region = REGIONS.into_iter().find_map(given);
        let region = region.map_or(DEFAULT_REGION, |(_, region)| region);
        // An image that does not have it is not given an empty one.
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
        let is_settled = |name: &str| OF_EMULATOR.contains(&name) || REGIONS.contains(&name);
        let set = set.filter(|(name, _)| is_settled(name) || given(name).is_none());
        let of_caller = self.environment.iter().filter(|(name, _)| !is_settled(name));
        set.map(|(name, value)| format!("{name}={value}"))
            .chain(of_caller.map(|(name, value)| format!("{name}={value}")))
            .collect()
    }

    fn labels(&self) -> HashMap<String, String> {
        [LABEL, ("limg.project", &self.project), ("limg.function", &self.function)]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into()
    }

    fn host_config(&self, publish_on: &str) -> HostConfig {
        // Without a host port the engine takes a free one.
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
            // The output is taken by attaching; the engine need not keep it, nor send it to whatever it is set up for.
            log_config: Some(HostConfigLogConfig { typ: Some("none".to_owned()), config: None }),
            ..HostConfig::default()
        };
        if self.as_lambda { self.confined(host) } else { host }
    }

    fn confined(&self, host: HostConfig) -> HostConfig {
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
            // Memory and swap together: no swap.
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
    fn an_image_with_its_own_emulator_is_run_as_it_is() {
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
    fn an_emulator_comes_in_a_volume_and_in_front() {
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
    fn as_lambda_the_container_may_write_only_to_tmp() {
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
    fn a_port_is_taken_as_it_is_named() {
        let container = container(&RunOptions { port: Some(9000), ..options() });
        let bindings = &container["HostConfig"]["PortBindings"]["8080/tcp"];
        assert_eq!(bindings, &json!([{ "HostIp": "127.0.0.1", "HostPort": "9000" }]));
    }

    #[test]
    fn the_callers_variables_win() {
        let environment = [("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", "AKID")];
        let environment = environment.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
        let container = container(&RunOptions { environment, ..options() });
        let variables = container["Env"].as_array().unwrap();
        assert_eq!(variables.last().unwrap(), "AWS_ACCESS_KEY_ID=AKID");
        assert_eq!(variables.iter().filter(|variable| *variable == "AWS_REGION=eu-west-1").count(), 1);
    }

    #[test]
    fn a_function_has_one_region() {
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
    fn the_emulators_own_variables_are_limgs() {
        let own = OF_EMULATOR.map(|name| (name.to_owned(), "900".to_owned())).to_vec();
        let run = RunConfig { environment: own.clone(), ..options().run };
        let variables = RunOptions { run, environment: own, ..options() }.variables();
        let fixed: Vec<_> = variables
            .iter()
            .filter(|variable| OF_EMULATOR.iter().any(|name| variable.starts_with(name)))
            .collect();
        assert_eq!(fixed, ["AWS_LAMBDA_FUNCTION_TIMEOUT=30", "AWS_LAMBDA_FUNCTION_HANDLER="]);
    }
}
