#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| jisr_fuzz::text_raw(octets));
