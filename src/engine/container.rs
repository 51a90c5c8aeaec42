//! The life of a function's container: created, watched, stopped and removed, whatever happens in between.

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

use super::output::Record;
use super::run::{EMULATOR_FOLDER, EMULATOR_NAME, PORT};
use super::{Engine, EngineError, OutputSink, OutputStream, RunOptions, body, is_status};
use crate::fs;

/// The seconds that a container gets to end by itself. The emulator gives runtime and extensions 2 from SIGTERM on.
const GRACE_SECONDS: i32 = 3;

/// How long the engine may take to hand out the last output of a container that has ended.
const LAST_OUTPUT: Duration = Duration::from_secs(5);

/// How long the news of a container's end may take to follow the breaking of its connections.
const NEWS_OF_END: Duration = Duration::from_secs(2);

/// A container that exists. It is removed by [`Container::close`]; a container that is dropped otherwise starts its own
/// removal, which is the most that can be done there.
pub(super) struct Container<'a> {
    docker: Docker,
    id: String,
    function: &'a str,
    /// What it prints.
    pub(super) record: Record,
    /// The task that hands the output on.
    pump: Option<JoinHandle<()>>,
    removed: bool,
}

impl<'a> Container<'a> {
    pub(super) async fn create(engine: &Engine, options: &'a RunOptions) -> Result<Self, EngineError> {
        let container = options.container(engine.address.publish_on())?;
        let how = CreateContainerOptions { platform: options.platform(), name: None };
        let function = options.function.as_str();
        let created =
            engine.docker.create_container(Some(how), container).await.map_err(|error| match error {
                error if is_status(&error, 404) => EngineError::NoImage { name: options.image.clone() },
                error => EngineError::call(format!("create a container for `{function}`"), error),
            })?;
        Ok(Self {
            docker: engine.docker.clone(),
            id: created.id,
            function,
            record: Record::default(),
            pump: None,
            removed: false,
        })
    }

    /// Starts the container; what it prints goes to `output`.
    pub(super) async fn start(
        &mut self,
        options: &RunOptions,
        output: &OutputSink,
    ) -> Result<(), EngineError> {
        if let Some(emulator) = &options.emulator {
            self.upload(emulator).await?;
        }
        // Before the start, so that nothing is missed.
        self.attach(output.clone()).await?;
        let started = self.docker.start_container(&self.id, None::<StartContainerOptions>).await;
        started.map_err(|error| self.failed("start", error))
    }

    /// Does something that ends early when the container does.
    pub(super) async fn while_running<T>(
        &self,
        work: impl Future<Output = Result<T, EngineError>>,
    ) -> Result<T, EngineError> {
        let mut ended = pin!(self.ended());
        let done = tokio::select! {
            biased;
            done = work => done,
            status = &mut ended => return Err(self.exited(status?)),
        };
        match done {
            // The end of a container breaks its connections before it is known here, and is the better reason.
            Err(error @ (EngineError::Http { .. } | EngineError::Call { .. })) => {
                match tokio::time::timeout(NEWS_OF_END, ended).await {
                    Ok(Ok(status)) => Err(self.exited(status)),
                    _ => Err(error),
                }
            }
            done => done,
        }
    }

    /// Puts the emulator into its volume.
    async fn upload(&self, emulator: &Path) -> Result<(), EngineError> {
        let path = emulator.to_owned();
        let (archive, writing) = body::stream(move |output| -> io::Result<()> {
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
            return Err(EngineError::Emulate { path: emulator.to_owned(), source });
        }
        uploaded.map_err(|error| self.failed("put the emulator into", error))
    }

    /// Hands on what the container prints until it ends.
    async fn attach(&mut self, output: OutputSink) -> Result<(), EngineError> {
        let options = AttachContainerOptions {
            stream: true,
            stdout: true,
            stderr: true,
            ..AttachContainerOptions::default()
        };
        let attached = self.docker.attach_container(&self.id, Some(options)).await;
        let mut attached = attached.map_err(|error| self.failed("attach to", error))?;
        let record = self.record.clone();
        self.pump = Some(tokio::spawn(async move {
            while let Some(Ok(piece)) = attached.output.next().await {
                let stream = match &piece {
                    LogOutput::StdErr { .. } => OutputStream::Stderr,
                    _ => OutputStream::Stdout,
                };
                record.push(stream, piece.as_ref());
                output(stream, piece.as_ref());
            }
        }));
        Ok(())
    }

    /// Where the emulator's port can be reached, as `HOST:PORT`.
    pub(super) async fn published(&self, engine: &Engine) -> Result<String, EngineError> {
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let inspected = inspected.map_err(|error| self.failed("inspect", error))?;
        let bindings = inspected
            .network_settings
            .and_then(|network| network.ports)
            .and_then(|mut ports| ports.remove(PORT).flatten())
            .unwrap_or_default();
        let port = bindings.into_iter().find_map(|binding| binding.host_port);
        // A container that has ended has no ports.
        let port =
            port.ok_or_else(|| self.failed("publish a port of", io::Error::other("it has none").into()))?;
        Ok(format!("{}:{port}", engine.address.reach_at()))
    }

    /// Waits for the container's end and gives its exit status.
    async fn ended(&self) -> Result<i64, EngineError> {
        let options = WaitContainerOptions { condition: "not-running".to_owned() };
        let mut waiting = pin!(self.docker.wait_container(&self.id, Some(options)));
        match waiting.next().await {
            Some(Ok(ended)) => Ok(ended.status_code),
            Some(Err(DockerError::DockerContainerWaitError { code, .. })) => Ok(code),
            Some(Err(error)) => Err(self.failed("wait for", error)),
            None => Err(self.failed("wait for", io::Error::from(io::ErrorKind::UnexpectedEof).into())),
        }
    }

    /// Stops and removes the container and its volume. Gives whether it ran out of memory, and the end of its output.
    pub(super) async fn close(mut self) -> (Result<bool, EngineError>, String) {
        let grace = StopContainerOptions { t: Some(GRACE_SECONDS), signal: None };
        // Whether this works does not matter: the removal is forced.
        drop(self.docker.stop_container(&self.id, Some(grace)).await);
        if let Some(mut pump) = self.pump.take()
            && tokio::time::timeout(LAST_OUTPUT, &mut pump).await.is_err()
        {
            pump.abort();
        }
        // Engines say it of containers that have ended only.
        let inspected = self.docker.inspect_container(&self.id, None::<InspectContainerOptions>).await;
        let out_of_memory =
            inspected.ok().and_then(|container| container.state?.oom_killed).unwrap_or_default();
        let removed = remove(&self.docker, &self.id).await;
        self.removed = true;
        let removed = removed.map_err(|error| self.failed("remove", error));
        (removed.map(|()| out_of_memory), self.record.end())
    }

    fn exited(&self, status: i64) -> EngineError {
        EngineError::Exited { function: self.function.to_owned(), status, log: Vec::new() }
    }

    fn failed(&self, verb: &str, error: DockerError) -> EngineError {
        // As much of the id as the docker client shows.
        let id = self.id.get(..12).unwrap_or(&self.id);
        EngineError::call(format!("{verb} the container {id} of `{}`", self.function), error)
    }
}

impl Drop for Container<'_> {
    fn drop(&mut self) {
        if let Some(pump) = self.pump.take() {
            pump.abort();
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

/// Removes a container, running or not, and its anonymous volumes.
async fn remove(docker: &Docker, id: &str) -> Result<(), DockerError> {
    let options = RemoveContainerOptions { v: true, force: true, link: false };
    match docker.remove_container(id, Some(options)).await {
        // Gone, or just going.
        Err(error) if is_status(&error, 404) || is_status(&error, 409) => Ok(()),
        removed => removed,
    }
}
