//! A function's container, from its creation to its removal, which is guaranteed unless limg is killed.

use std::io::{self, Read, Write as _};
use std::path::Path;
use std::pin::{Pin, pin};
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::models::ContainerCreateBody;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions,
    StartContainerOptions, StopContainerOptions, UploadToContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use tokio::io::AsyncWrite;
use tokio::task::JoinHandle;

use super::connection::is_status;
use super::container_output::RecentOutput;
use super::debugger;
use super::emulator::{self, Emulator};
use super::network::emulator_port;
use super::run_options::OWN_FOLDER;
use super::{Engine, EngineError, OutputSink, OutputStream, RunOptions, streaming_body};
use crate::fs;

/// The seconds that a container has to exit after SIGTERM. The emulator allows runtime and extensions 2.
const GRACE_SECONDS: i32 = 3;

/// How long the engine may take to send the last output of a container that has exited.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// How long after its connections break the engine may take to report that a container has exited.
const EXIT_REPORT: Duration = Duration::from_secs(2);

/// A container that exists. [`Container::close`] removes it. Dropping it without that starts the removal but does not
/// wait for it.
pub(super) struct Container<'a> {
    pub(super) docker: Docker,
    pub(super) id: String,
    function: &'a str,
    pub(super) output: RecentOutput,
    /// The task that passes the output on.
    output_task: Option<JoinHandle<()>>,
    removed: bool,
}

/// Why a file was not copied into a container.
enum CopyError {
    Read(io::Error),
    Upload(DockerError),
}

impl<'a> Container<'a> {
    /// Creates the container with this description, which is that of `options`.
    pub(super) async fn create(
        engine: &Engine,
        options: &'a RunOptions,
        container: ContainerCreateBody,
    ) -> Result<Self, EngineError> {
        // The engine refuses a platform that lacks the variant of the image.
        let image = engine.inspect(&options.image).await?;
        let image = image.ok_or_else(|| EngineError::NoImage { name: options.image.clone() })?;
        let variant = image.variant.filter(|variant| !variant.is_empty());
        let platform = options.platform() + &variant.map(|variant| format!("/{variant}")).unwrap_or_default();
        let query = CreateContainerOptions { platform, name: None };
        let function = options.function.as_str();
        let created =
            engine.docker.create_container(Some(query), container).await.map_err(|error| match error {
                // Newer engines look for the network at once.
                error if is_missing_network(&error) => {
                    EngineError::NoNetwork { name: options.network.name.clone().unwrap_or_default() }
                }
                error => EngineError::call(format!("create a container for `{function}`"), error),
            })?;
        Ok(Self {
            docker: engine.docker.clone(),
            id: created.id,
            function,
            output: RecentOutput::default(),
            output_task: None,
            removed: false,
        })
    }

    /// Starts the container. Its output goes to `sink`. Returns its standard input, if it has one.
    pub(super) async fn start(
        &mut self,
        options: &RunOptions,
        sink: &OutputSink,
        has_input: bool,
    ) -> Result<Pin<Box<dyn AsyncWrite + Send>>, EngineError> {
        if let Emulator::Copied(emulator) = &options.emulator {
            self.copy_emulator(emulator).await?;
        }
        if let Some(script) = options.debug_script() {
            self.copy_script(script).await?;
        }
        // Before the start, so that no output is lost.
        let input = self.attach(sink.clone(), has_input).await?;
        let started = self.docker.start_container(&self.id, None::<StartContainerOptions>).await;
        started.map_err(|error| match (port_in_use(&error, options), &options.network.name) {
            (Some(port), _) => EngineError::PortInUse { port },
            (_, Some(name)) if is_missing_network(&error) => EngineError::NoNetwork { name: name.clone() },
            _ => self.failed("start", error),
        })?;
        Ok(input)
    }

    /// Does some work, which fails when the container exits.
    pub(super) async fn while_running<T>(
        &self,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let mut exit = pin!(self.wait());
        let done = tokio::select! {
            biased;
            done = work => done,
            status = &mut exit => return Err(self.exited(status?)),
        };
        match done {
            // When a container exits, its connections break before the engine reports the exit, which explains more.
            Err(error @ (EngineError::Http { .. } | EngineError::Call { .. })) => {
                match tokio::time::timeout(EXIT_REPORT, exit).await {
                    Ok(Ok(status)) => Err(self.exited(status)),
                    _ => Err(error),
                }
            }
            done => done,
        }
    }

    /// Copies the emulator into the volume of limg's files.
    async fn copy_emulator(&self, emulator: &Path) -> Result<(), EngineError> {
        let path = emulator.to_owned();
        let open = move || {
            let file = fs::open(&path).map_err(io::Error::other)?;
            Ok((file.metadata()?.len(), file))
        };
        self.copy_program(emulator::NAME, open).await.map_err(|error| match error {
            CopyError::Read(source) => EngineError::CopyEmulator { path: emulator.to_owned(), source },
            CopyError::Upload(source) => self.failed("copy the emulator into", source),
        })
    }

    /// Copies the script of the debugger into the volume of limg's files.
    async fn copy_script(&self, script: &'static str) -> Result<(), EngineError> {
        let open = || Ok((script.len() as u64, script.as_bytes()));
        self.copy_program(debugger::SCRIPT_NAME, open).await.map_err(|error| match error {
            CopyError::Read(source) => self.failed("copy a script into", source.into()),
            CopyError::Upload(source) => self.failed("copy a script into", source),
        })
    }

    /// Copies an executable file, with its size in bytes, into the volume of limg's files.
    async fn copy_program<R: Read>(
        &self,
        name: &'static str,
        open: impl FnOnce() -> io::Result<(u64, R)> + Send + 'static,
    ) -> Result<(), CopyError> {
        let (archive, writing) = streaming_body::stream(move |output| -> io::Result<()> {
            let (size, content) = open()?;
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o755);
            header.set_size(size);
            let mut archive = tar::Builder::new(output);
            archive.append_data(&mut header, name, content)?;
            archive.into_inner()?.flush()
        });
        let options =
            UploadToContainerOptions { path: OWN_FOLDER.to_owned(), ..UploadToContainerOptions::default() };
        let archive = bollard::body_try_stream(archive);
        let uploaded = self.docker.upload_to_container(&self.id, Some(options), archive).await;
        if let Ok(written) = writing.await
            && let (Err(source), false) = (written.result, written.abandoned)
        {
            return Err(CopyError::Read(source));
        }
        uploaded.map_err(CopyError::Upload)
    }

    /// Passes the output on until the container exits, and returns its standard input.
    async fn attach(
        &mut self,
        sink: OutputSink,
        has_input: bool,
    ) -> Result<Pin<Box<dyn AsyncWrite + Send>>, EngineError> {
        let options = AttachContainerOptions {
            stream: true,
            stdin: has_input,
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        let attached = self.docker.attach_container(&self.id, Some(options)).await;
        let mut attached = attached.map_err(|error| self.failed("attach to", error))?;
        let recent = self.output.clone();
        self.output_task = Some(tokio::spawn(async move {
            while let Some(Ok(chunk)) = attached.output.next().await {
                let stream = match &chunk {
                    LogOutput::StdErr { .. } => OutputStream::Stderr,
                    _ => OutputStream::Stdout,
                };
                recent.push(stream, chunk.as_ref());
                sink(stream, chunk.as_ref());
            }
        }));
        Ok(attached.input)
    }

    /// The port of the engine's machine at which the emulator is published.
    pub(super) async fn published_port(&self) -> Result<u16, EngineError> {
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let inspected = inspected.map_err(|error| self.failed("inspect", error))?;
        let bindings = inspected
            .network_settings
            .and_then(|network| network.ports)
            .and_then(|mut ports| ports.remove(&emulator_port()).flatten())
            .unwrap_or_default();
        let port = bindings.into_iter().find_map(|binding| binding.host_port?.parse().ok());
        // A container that has exited has no ports.
        port.ok_or_else(|| self.failed("publish a port of", io::Error::other("it has none").into()))
    }

    /// Waits until the container exits, and returns its status.
    pub(super) async fn wait(&self) -> Result<i64, EngineError> {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut waiting = pin!(self.docker.wait_container(&self.id, Some(options)));
        match waiting.next().await {
            Some(Ok(exit)) => Ok(exit.status_code),
            Some(Err(DockerError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(self.failed("wait for", error)),
            None => Err(self.failed("wait for", io::Error::from(io::ErrorKind::UnexpectedEof).into())),
        }
    }

    /// Stops and removes the container and its volumes. Returns whether it ran out of memory, and the end of its output.
    pub(super) async fn close(mut self) -> (Result<bool, EngineError>, String) {
        let grace = StopContainerOptions { t: Some(GRACE_SECONDS), signal: None };
        // A failure does not matter, since the removal is forced.
        drop(self.docker.stop_container(&self.id, Some(grace)).await);
        if let Some(mut task) = self.output_task.take()
            && tokio::time::timeout(LAST_OUTPUT, &mut task).await.is_err()
        {
            task.abort();
        }
        // Engines report it only for containers that have exited.
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let out_of_memory =
            inspected.ok().and_then(|container| container.state?.oom_killed).unwrap_or_default();
        let removed = remove(&self.docker, &self.id).await;
        self.removed = true;
        let removed = removed.map_err(|error| self.failed("remove", error));
        (removed.map(|()| out_of_memory), self.output.end())
    }

    pub(super) fn exited(&self, status: i64) -> EngineError {
        EngineError::Exited { function: self.function.to_owned(), status, output: Vec::new() }
    }

    fn failed(&self, verb: &str, error: DockerError) -> EngineError {
        // The part of the id that the docker client shows.
        let id = self.id.get(..12).unwrap_or(&self.id);
        EngineError::call(format!("{verb} the container {id} of `{}`", self.function), error)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let Some(task) = self.output_task.take() {
            task.abort();
        }
        if self.removed {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let (docker, id) = (self.docker.clone(), self.id.clone());
            drop(runtime.spawn(async move { remove(&docker, &id).await }));
        }
    }
}

/// The port because of which a container did not start: another container, or another program, uses it.
fn port_in_use(error: &DockerError, options: &RunOptions) -> Option<u16> {
    let text = error.to_string();
    let is_in_use = text.contains("port is already allocated") || text.contains("address already in use");
    let ports = options.port.into_iter().chain(options.debugger.map(|(_, port)| port));
    // The engine names the address: `Bind for 127.0.0.1:9000 failed`, or `listen tcp4 127.0.0.1:9000: bind: …`.
    ports
        .filter(|_| is_in_use)
        .find(|port| text.contains(&format!(":{port} ")) || text.contains(&format!(":{port}:")))
}

/// Whether a container was not created, or did not start, because its network does not exist.
fn is_missing_network(error: &DockerError) -> bool {
    let text = error.to_string();
    is_status(error, 404) && text.contains("network") && text.contains("not found")
}

/// Removes a container, running or not, and its anonymous volumes.
async fn remove(docker: &Docker, id: &str) -> Result<(), DockerError> {
    let options = RemoveContainerOptions { v: true, force: true, link: false };
    match docker.remove_container(id, Some(options)).await {
        // Already removed, or being removed.
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
        removed => removed,
    }
}
