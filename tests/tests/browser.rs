//! Chromium as a courier's app: another's ICE, DTLS, Opus and RED against the switch.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

#[allow(dead_code, reason = "shared with the tests of calls")]
#[path = "calls/exchange.rs"]
mod exchange;
#[allow(dead_code, reason = "shared with the tests of calls")]
#[path = "calls/switch_stage.rs"]
mod switch_stage;

use switch_stage::SwitchStage;
use waybell_switch::{EventKind, LegId};
use waybell_tests::peers::Stage;
use waybell_tests::peers::browser::Browser;

#[test]
fn a_browser_speaks_with_a_telephone_over_two_networks() {
    let stage = Stage::new().unwrap();
    let mut browser = Browser::start(&stage, 1_100).unwrap();
    let mut switch = SwitchStage::new();
    let (customer, telephone) = switch.telephone("a1");
    for round in 0..2 {
        let courier = LegId::new(&format!("browser-{round}"));
        let offers = |browser: &mut Browser, switch: &SwitchStage| {
            let offer = browser.offer().unwrap();
            let answer = switch.runtime.block_on(switch.switch.app_offer(&courier, &offer)).unwrap();
            browser.answered(&answer).unwrap();
        };
        offers(&mut browser, &switch);
        browser.connects().unwrap();
        switch.until(&courier, "connection", |k| matches!(k, EventKind::Connected).then_some(()));
        switch.joins(&customer, &courier);
        telephone.line.says(700);
        assert!(telephone.line.hears(1_100), "the telephone hears the browser");
        assert!(browser.hears(700).unwrap(), "the browser hears the telephone");
        browser.presses("5").unwrap();
        let digit = switch.until(&courier, "key", |k| match k {
            EventKind::Digit { digit, .. } => Some(*digit),
            _ => None,
        });
        assert_eq!(digit, '5');
        // ICE restart
        offers(&mut browser, &switch);
        browser.connects().unwrap();
        assert!(telephone.line.hears(1_100) && browser.hears(700).unwrap(), "sound goes on");
        browser.hangs_up().unwrap();
        let end = switch.ended(&courier);
        assert!(end.answered && end.rtp.received > 100, "{end:?}");
    }
    assert_eq!(switch.switch.stats().legs, 1);
}
