//! The way from a phone to the server, which can be cut.

use std::sync::Arc;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// A port that leads to the server while the network is there.
pub(crate) struct Network {
    /// For the phone.
    pub url: String,
    is_open: Arc<watch::Sender<bool>>,
    task: tokio::task::JoinHandle<()>,
}

impl Network {
    pub(crate) async fn start(server: &str) -> Network {
        let to = server.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let is_open = Arc::new(watch::channel(true).0);
        let gate = is_open.clone();
        let task = tokio::spawn(async move {
            while let Ok((mut from, _)) = listener.accept().await {
                let (to, mut gate) = (to.clone(), gate.subscribe());
                tokio::spawn(async move {
                    if !*gate.borrow() {
                        return;
                    }
                    let Ok(mut to) = TcpStream::connect(to).await else { return };
                    tokio::select! {
                        _ = copy_bidirectional(&mut from, &mut to) => {}
                        _ = gate.wait_for(|is_open| !is_open) => {}
                    }
                });
            }
        });
        Network { url, is_open, task }
    }

    /// Cuts everything that is under way, or lets new connections through.
    pub(crate) fn open(&self, is_open: bool) {
        self.is_open.send_replace(is_open);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        self.task.abort();
    }
}
