//! The extension: says on standard output how many events the function has been given.
//!
//! Lambda starts every file of `/opt/extensions` as a process of its own, before the function.
//! Under that file's name the extension registers for the two kinds of event there are.

use std::process;
use std::sync::atomic::{AtomicU64, Ordering};

use lambda_extension::{Error, Extension, LambdaEvent, NextEvent, service_fn};

static INVOCATIONS: AtomicU64 = AtomicU64::new(0);

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Error> {
    Extension::new()
        .with_events(&["INVOKE", "SHUTDOWN"])
        .with_events_processor(service_fn(report))
        .run()
        .await
}

async fn report(event: LambdaEvent) -> Result<(), Error> {
    match event.next {
        NextEvent::Invoke(invoke) => {
            let number = INVOCATIONS.fetch_add(1, Ordering::Relaxed) + 1;
            println!("[counter] INVOKE {} number {number}", invoke.request_id);
        }
        NextEvent::Shutdown(shutdown) => {
            let total = INVOCATIONS.load(Ordering::Relaxed);
            println!("[counter] SHUTDOWN {} after {total}", shutdown.shutdown_reason);
            // Nothing follows a SHUTDOWN; an extension that stays is killed.
            process::exit(0);
        }
    }
    Ok(())
}
