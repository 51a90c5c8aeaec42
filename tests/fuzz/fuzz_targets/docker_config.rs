#![no_main]
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| limg::fuzzing::docker_config(bytes));
