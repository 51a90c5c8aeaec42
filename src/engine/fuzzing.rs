//! The reader of what the emulator answers and logs, for `crate::fuzzing`.

use super::emulator_log::EmulatorLine;
use super::response::{self, EmulatorResponse};

/// A body, and the same bytes as the emulator's log.
pub(crate) fn answer(bytes: &[u8]) {
    let log = String::from_utf8_lossy(bytes);
    for status in [200, 500] {
        let _parsed = response::interpret(EmulatorResponse { status, body: bytes.to_vec() }, &log);
    }
    for line in log.lines() {
        let _parsed = EmulatorLine::classify(line);
    }
}
