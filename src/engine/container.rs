//! A function's container, from its creation to its removal, which is guaranteed unless limg is killed.

use std::io::{self, Write as _};
use std::path::Path;
use std::pin::pin;
use std::time::Duration;

use bollard::Docker;
use bollard::container::LogOutput;
use bollard::errors::Error as DockerError;
use bollard::query_parameters::{
    AttachContainerOptions, CreateContainerOptions, InspectContainerOptions, RemoveContainerOptions,
    StartContainerOptions, StopContainerOptions, UploadToContainerOptions, WaitContainerOptions,
};
use futures_util::StreamExt as _;
use tokio::task::JoinHandle;

use super::connection::is_status;
use super::container_output::RecentOutput;
use super::run_options::{EMULATOR_FOLDER, EMULATOR_NAME, PORT};
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

impl<'a> Container<'a> {
    pub(super) async fn create(engine: &Engine, options: &'a RunOptions) -> Result<Self, EngineError> {
        let container = options.container(engine.address.publish_on())?;
        let query = CreateContainerOptions { platform: options.platform(), name: None };
        let function = options.function.as_str();
        let created =
            engine.docker.create_container(Some(query), container).await.map_err(|error| match error {
                error if is_status(&error, 404) => EngineError::NoImage { name: options.image.clone() },
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

    /// Starts the container. Its output goes to `sink`.
    pub(super) async fn start(&mut self, options: &RunOptions, sink: &OutputSink) -> Result<(), EngineError> {
        if let Some(emulator) = &options.emulator {
            self.copy_emulator(emulator).await?;
        }
        // Before the start, so that no output is lost.
        self.attach(sink.clone()).await?;
        let started = self.docker.start_container(&self.id, None::<StartContainerOptions>).await;
        started.map_err(|error| match options.port {
            Some(port) if is_port_in_use(&error) => EngineError::PortInUse { port },
            _ => self.failed("start", error),
        })
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

    /// Copies the emulator into its volume.
    async fn copy_emulator(&self, emulator: &Path) -> Result<(), EngineError> {
        let path = emulator.to_owned();
        let (archive, writing) = streaming_body::stream(move |output| -> io::Result<()> {
            let mut file = fs::open(&path).map_err(io::Error::other)?;
            let mut header = tar::Header::new_ustar();
            header.set_mode(0o755);
            header.set_size(file.metadata()?.len());
            let mut archive = tar::Builder::new(output);
            archive.append_data(&mut header, EMULATOR_NAME, &mut file)?;
            archive.into_inner()?.flush()
        });
        let options = UploadToContainerOptions {
            path: EMULATOR_FOLDER.to_owned(),
            ..UploadToContainerOptions::default()
        };
        let archive = bollard::body_try_stream(archive);
        let uploaded = self.docker.upload_to_container(&self.id, Some(options), archive).await;
        if let Ok(written) = writing.await
            && let (Err(source), false) = (written.result, written.abandoned)
        {
            return Err(EngineError::CopyEmulator { path: emulator.to_owned(), source });
        }
        uploaded.map_err(|error| self.failed("copy the emulator into", error))
    }

    /// Passes the output on until the container exits.
    async fn attach(&mut self, sink: OutputSink) -> Result<(), EngineError> {
        let options = AttachContainerOptions {
            stream: true,
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
        Ok(())
    }

    /// The port of the engine's machine at which the emulator is published.
    pub(super) async fn published_port(&self) -> Result<u16, EngineError> {
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let inspected = inspected.map_err(|error| self.failed("inspect", error))?;
        let bindings = inspected
            .network_settings
            .and_then(|network| network.ports)
            .and_then(|mut ports| ports.remove(PORT).flatten())
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

    /// Stops and removes the container and its volume. Returns whether it ran out of memory, and the end of its output.
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

/// Whether a container did not start because another container, or another program, uses its port.
fn is_port_in_use(error: &DockerError) -> bool {
    let text = error.to_string();
    text.contains("port is already allocated") || text.contains("address already in use")
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
