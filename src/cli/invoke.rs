//! `limg invoke`.
use super::args::InvokeArguments;
use super::failure::Failure;
use super::render::Terminal;
use super::settings::Settings;
use std::process::ExitCode;
use std::sync::Arc;
pub(super) async fn run(_: InvokeArguments, _: &Settings, _: &Arc<Terminal>) -> Result<ExitCode, Failure> {
    Ok(ExitCode::SUCCESS)
}
