//! Every way to customise Lambda, on every runtime that supports it. Each test is one cell of the table in the README.
//!
//! A cell is a real project, which limg builds and invokes in Docker with AWS's runtime interface emulator; the tests
//! check the responses. Each event is sent twice, the second time with `--as-lambda`. All runtimes have the same
//! function, the *probe*: it performs the operations in the event, each `[name, argument]`, and responds with the
//! list of their results. So the tests are the same for all languages, which differ only in [`Runtime`].
//!
//! `.ci/matrix` makes the table from the names and the results of these tests.

mod extensions;
mod failures;
mod functions;
mod layers;
mod libraries;
mod programs;
mod project;
mod runtime;
mod wrappers;

use project::Project;
use runtime::Runtime;

/// Defines a test of each feature for each of its runtimes: `matrix::GROUP::FEATURE::RUNTIME`.
macro_rules! cells {
    ($($feature:ident: $($runtime:ident)+;)+) => {$(
        mod $feature {
            $(
                #[test]
                #[ignore = "needs Docker and the open bases; `make test` runs it"]
                fn $runtime() {
                    super::$feature(crate::matrix::Runtime::$runtime());
                }
            )+
        }
    )+};
}
use cells;
