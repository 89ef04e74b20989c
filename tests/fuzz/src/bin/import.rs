#![no_main]
use waybell_domain::import::read_list;

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    // what a spreadsheet unpacks into is bounded by the reader; a file of this size tells enough
    if data.len() > 1 << 16 {
        return;
    }
    let _ = read_list(data);
});
