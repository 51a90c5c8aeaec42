//! Every way to customise Lambda, on every runtime where it exists: each test is one cell of the table in the README.
//!
//! A cell is a real project, built by limg and asked in Docker under AWS's runtime interface emulator; what is asserted is
//! what comes out of the container. Each question is asked twice, the second time under `--as-lambda`. All runtimes have
//! the same function, the *probe*: it does what the event's operations say, each `[name, argument]`, and answers with the
//! list of their results. So the tests are the same for all, and the languages differ in [`Runtime`] only.
//!
//! `.ci/matrix` makes the table from the names of these tests and how they ended.

mod extensions;
mod failures;
mod functions;
mod layers;
mod libraries;
mod made;
mod project;
mod runtime;
mod wrappers;

use project::Project;
use runtime::Runtime;

/// Makes a test of each feature for each of its runtimes: `matrix::GROUP::FEATURE::RUNTIME`.
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
