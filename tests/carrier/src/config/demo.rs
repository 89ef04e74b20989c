//! A ready settings file: sixty numbers with a believable mix of outcomes, and a courier's mobile that takes calls.

/// Settings for the sixty numbers `+8613800000001` to `+8613800000060`: most answer, some press keys, the rest is what
/// a courier meets in a day. Everything else answers.
pub fn demo_config() -> String {
    let rows: [(&str, u32, &str); 14] = [
        ("answer", 22, "talk_ms = 20000\nuntil_end = true"),
        ("press_keys", 6, "digits = \"1\"\ndigits_after_ms = 5000\nuntil_end = true"),
        ("press_keys", 4, "digits = \"2\"\ndigits_after_ms = 4000\ndtmf = \"inband\"\nuntil_end = true"),
        ("answer_hangup_early", 5, "talk_ms = 2500"),
        ("busy", 4, ""),
        ("no_answer", 6, "ring_ms = 60000"),
        ("reject", 3, "ring_ms = 3000"),
        ("unallocated", 2, ""),
        ("powered_off", 2, ""),
        ("suspended", 1, ""),
        ("slow_180", 2, "delay_ms = 2000\nuntil_end = true"),
        ("only_183", 1, "until_end = true"),
        ("rate_limited", 1, ""),
        ("overload", 1, "retry_after_s = 2"),
    ];
    let mut text = String::from(
        "# Sixty callees for a demonstration. Run: waybell-carrier serve --config THIS --truth truth.jsonl\n\
         [defaults]\nbehaviour = \"answer\"\ndelay_ms = 300\nring_ms = 2500\nuntil_end = true\n",
    );
    // the courier's own mobile takes the calls that come to it
    text.push_str(
        "\n[[callee]]\nnumber = \"+8613900000002\"\nbehaviour = \"press_keys\"\ndigits = \"1\"\n\
         digits_after_ms = 2500\nuntil_end = true\n",
    );
    let mut number = 0;
    for (behaviour, count, extra) in rows {
        for _ in 0..count {
            number += 1;
            text.push_str(&format!(
                "\n[[callee]]\nnumber = \"+86138{number:08}\"\nbehaviour = \"{behaviour}\"\n"
            ));
            if !extra.is_empty() {
                text.push_str(extra);
                text.push('\n');
            }
        }
    }
    text
}
