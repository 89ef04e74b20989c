//! Ctrl-C and SIGTERM: the first ends the demonstration in order, a second one at once.
//!
//! They are waited for on a thread of their own, because the start of the processes blocks the main one.

use crate::{screen, show};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use tokio::runtime::Builder;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Exit code of a program that Ctrl-C has ended (128 and the number of SIGINT).
pub(crate) const CODE: u8 = 130;

static CAME: AtomicBool = AtomicBool::new(false);
static PROCESSES: Mutex<Vec<u32>> = Mutex::new(Vec::new());

/// One of the signals has come.
pub(crate) fn came() -> bool {
    CAME.load(Ordering::Relaxed)
}

/// A process that a second Ctrl-C ends. It is not waited for before the end of the demonstration, so its id stays its own.
pub(crate) fn note(process: u32) {
    if let Ok(mut all) = PROCESSES.lock() {
        all.push(process);
    }
}

/// From now on neither signal ends this process by itself; the first one is told. `last_words` are said at the second.
pub(crate) fn listen(last_words: String) -> anyhow::Result<oneshot::Receiver<()>> {
    let runtime = Builder::new_current_thread().enable_io().build()?;
    let (int, term) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let (tell, told) = oneshot::channel();
    std::thread::Builder::new().name("interrupt".into()).spawn(move || {
        runtime.block_on(wait(int, term, tell, &last_words));
    })?;
    Ok(told)
}

async fn wait(mut int: Signal, mut term: Signal, tell: oneshot::Sender<()>, last_words: &str) {
    either(&mut int, &mut term).await;
    CAME.store(true, Ordering::Relaxed);
    let _ = tell.send(());
    either(&mut int, &mut term).await;
    for process in PROCESSES.lock().map(|all| all.clone()).unwrap_or_default() {
        kill(process);
    }
    screen::restore();
    show::say(last_words);
    std::process::exit(i32::from(CODE));
}

async fn either(int: &mut Signal, term: &mut Signal) {
    tokio::select! {
        _ = int.recv() => {}
        _ = term.recv() => {}
    }
}

#[allow(unsafe_code, reason = "a signal to a child of this process")]
fn kill(process: u32) {
    // SAFETY: kill(2) takes plain numbers; the id is that of a child which this process waits for only as it ends.
    unsafe { libc::kill(process as libc::pid_t, libc::SIGKILL) };
}
