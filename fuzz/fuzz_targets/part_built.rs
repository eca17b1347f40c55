#![no_main]

libfuzzer_sys::fuzz_target!(|octets: &[u8]| jisr_fuzz::part_built(octets));
