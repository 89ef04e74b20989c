//! The library's own runtime: two threads, made at the first use.

use std::future::Future;
use std::sync::OnceLock;
use tokio::runtime::{Builder, Runtime};

/// The runtime. Failing to make threads at the start of an app cannot be handled by anybody.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let made = Builder::new_multi_thread().worker_threads(2).thread_name("waybell").enable_all().build();
        made.unwrap_or_else(|e| panic!("no threads for the runtime: {e}"))
    })
}

/// Runs a future on the runtime and waits for it.
pub(crate) async fn on_runtime<T: Send + 'static>(
    work: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    runtime().spawn(work).await.ok()
}
