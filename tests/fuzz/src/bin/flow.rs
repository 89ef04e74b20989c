#![no_main]
use waybell_domain::flow::{Flow, simulate};
use waybell_domain::lang::Lang;

// A flow, and after a line of `---` what the person does, one word a line.
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (json, script) = text.split_once("\n---\n").unwrap_or((text, ""));
    let Ok(flow) = Flow::parse(json) else { return };
    let script: Vec<&str> = script.lines().take(64).collect();
    let _ = simulate(&flow, Lang::Zh, &Default::default(), &script);
});
