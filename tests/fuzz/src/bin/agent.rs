#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| waybell_switch::fuzz::agent(data));
