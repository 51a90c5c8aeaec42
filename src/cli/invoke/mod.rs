//! `limg invoke`.

mod container_log;
mod events;
mod invocation_report;
mod job;
mod shell;
mod watch;

use std::process::ExitCode;
use std::sync::Arc;

use super::args::InvokeArguments;
use super::error::CommandError;
use super::interrupt::{DeferredInterrupt, Interrupt};
use super::render::Terminal;
use super::selection;
use super::settings::Settings;
use crate::engine::{EventPayload, FinishedRun, NetworkOptions, RunningFunction, Sandbox};
use crate::pipeline::BasePrograms;
use invocation_report::InvocationReport;
use job::{Job, Version};

pub(super) async fn run(
    arguments: InvokeArguments,
    settings: &Settings,
    terminal: &Arc<Terminal>,
    interrupt: Interrupt,
) -> Result<ExitCode, CommandError> {
    let InvokeArguments { function, events, port, watch, rie, common, .. } = arguments;
    let job = Job {
        port,
        several_responses: events.len() > 1 || port.is_some() || watch,
        sandbox: match (arguments.as_lambda, arguments.relaxed) {
            (true, _) => Sandbox::AsLambda,
            (false, true) => Sandbox::Relaxed,
            (false, false) => Sandbox::Standard,
        },
        network: NetworkOptions {
            name: arguments.network,
            hosts: arguments.hosts,
            ports: arguments.published,
        },
        debug_port: arguments.debug,
        #[cfg(feature = "aws")]
        profile: arguments.profile,
        rie,
        base_programs: BasePrograms::new(common.definition.allow_base_programs),
        common,
        settings,
        terminal,
    };
    let read_events = || events::read(&events, port.is_none(), &settings.directory);
    if watch {
        return Box::pin(watch::run(&job, function, &read_events()?, interrupt)).await;
    }
    let names: Vec<String> = function.iter().cloned().collect();
    let (loaded, objects) = selection::load(job.common.reading(&names), settings, terminal).await?;
    let function = selection::function_to_run(&loaded, function, settings, terminal)?;
    if arguments.shell {
        return Box::pin(shell::run(&job, &loaded, objects, &function, interrupt)).await;
    }
    let events = read_events()?;
    // After the events are read: the command would not notice a signal while it waits for standard input.
    let mut interrupt = interrupt.defer();
    let version = tokio::select! {
        biased;
        // No container exists yet. A later run removes an unfinished layer, and the engine drops an unfinished image.
        () = interrupt.wait() => return Ok(interrupt.report(terminal)),
        version = Box::pin(job.build(&loaded, objects, &function)) => version?,
    };
    invoke(&version, &events, interrupt, &job.report(&version), port.is_some(), terminal).await
}

/// Sends the events to one container and reports the responses. With `stay` the container runs until the user
/// interrupts.
async fn invoke(
    version: &Version,
    events: &[EventPayload],
    mut interrupt: DeferredInterrupt,
    report: &InvocationReport<'_>,
    stay: bool,
    terminal: &Terminal,
) -> Result<ExitCode, CommandError> {
    let (mut sent, mut is_up) = (0, false);
    version.remove_older().await;
    report.waits_for_debugger(version.engine.published_host());
    let work = async |session: &RunningFunction<'_>| {
        let last = events::send(session, events, report, &mut sent).await?;
        if stay {
            report.invocation_of_running(last);
            report.show_failures();
            report.is_up(&session.url());
            is_up = true;
            report.subscribers(&report.find_subscribers(session).await);
            return Err(session.exited().await);
        }
        Ok((last, report.find_subscribers(session).await))
    };
    let used = version.engine.run(&version.run, &report.output(), interrupt.wait(), work).await;
    report.end_of_output();
    match used {
        Ok(Some(FinishedRun { result: (last, subscribers), out_of_memory })) => {
            // Only after the container has ended, so that none of its output follows the last response.
            if let Some(last) = last {
                // The engine does not report which of several events ran out of memory.
                report.invocation(&last, out_of_memory && events.len() == 1);
            }
            report.subscribers(&subscribers);
            Ok(report.exit_code())
        }
        Ok(None) if is_up => Ok(report.exit_code()),
        Ok(None) => Ok(interrupt.report(terminal)),
        Err(error) => {
            report.unsent(events.len() - sent, events.len());
            Err(CommandError::Engine(error))
        }
    }
}
