//! The one task that touches the device. Opening, switching and closing may take seconds each; the call goes on meanwhile, and so does
//! its end.
//!
//! Jobs are done in their order, so that a device is closed before it is opened for the next call. One that was closed before its
//! turn came is not opened at all.

use super::super::audio::route::SpeakerRoute;
use super::super::audio::{AudioDevice, AudioError, AudioStream, DeviceEnds};
use super::media::Report;
use std::collections::HashSet;
use std::sync::Arc;
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};
use tokio::sync::watch;

/// What is to be done with the device. `media`: for which call's media.
enum Job {
    Open { media: u64, ends: DeviceEnds, reports: UnboundedSender<Report> },
    Microphone { media: u64, on: bool },
    Close { media: u64 },
    Route { to: SpeakerRoute, reports: UnboundedSender<Report> },
}

/// The device of all calls of a session. Cheap to clone.
#[derive(Clone)]
pub(super) struct Devices {
    jobs: UnboundedSender<Job>,
    /// Media whose device is open, or will be.
    used: watch::Sender<usize>,
}

impl Devices {
    /// Starts the task; it ends with the last clone of this, after the jobs that are left. Call it in a tokio runtime.
    pub(super) fn start(device: Arc<dyn AudioDevice>) -> Devices {
        let (jobs, todo) = unbounded_channel();
        let used = watch::Sender::new(0);
        tokio::spawn(work(device, todo, used.clone()));
        Devices { jobs, used }
    }

    /// Opens the device. What is wrong with it is reported.
    pub(super) fn open(&self, media: u64, ends: DeviceEnds, reports: UnboundedSender<Report>) {
        self.used.send_modify(|n| *n += 1);
        self.tell(Job::Open { media, ends, reports });
    }

    /// Turns the microphone on or off.
    pub(super) fn microphone(&self, media: u64, on: bool) {
        self.tell(Job::Microphone { media, on });
    }

    /// Closes the device that [`Devices::open`] opened; once for each.
    pub(super) fn close(&self, media: u64) {
        self.tell(Job::Close { media });
    }

    /// Asks the platform for another loudspeaker.
    pub(super) fn route(&self, to: SpeakerRoute, reports: UnboundedSender<Report>) {
        self.tell(Job::Route { to, reports });
    }

    /// How many calls' devices are not closed yet.
    pub(super) fn used(&self) -> watch::Receiver<usize> {
        self.used.subscribe()
    }

    fn tell(&self, job: Job) {
        // the task ends after the last of us
        let _ = self.jobs.send(job);
    }
}

type Open = Option<(u64, Box<dyn AudioStream>)>;

async fn work(device: Arc<dyn AudioDevice>, mut todo: UnboundedReceiver<Job>, used: watch::Sender<usize>) {
    let mut open: Open = None;
    let mut batch = Vec::new();
    while todo.recv_many(&mut batch, 64).await > 0 {
        let closed: HashSet<u64> = batch
            .iter()
            .filter_map(|job| if let Job::Close { media } = job { Some(*media) } else { None })
            .collect();
        for job in batch.drain(..) {
            match job {
                // given up before its turn came
                Job::Open { media, .. } if closed.contains(&media) => {}
                Job::Open { media, ends, reports } => {
                    let device = device.clone();
                    match blocking(move || device.open(ends)).await.and_then(|opened| opened) {
                        Ok(stream) => open = Some((media, stream)),
                        Err(error) => {
                            let _ = reports.send(Report::Audio { media, error });
                        }
                    }
                }
                Job::Microphone { media, on } => {
                    if let Some((of, stream)) = open.take_if(|(of, _)| *of == media) {
                        let switched = blocking(move || {
                            stream.microphone(on);
                            stream
                        });
                        open = switched.await.ok().map(|stream| (of, stream));
                    }
                }
                Job::Close { media } => {
                    if let Some((_, stream)) = open.take_if(|(of, _)| *of == media) {
                        let _ = blocking(move || drop(stream)).await;
                    }
                    used.send_modify(|n| *n -= 1);
                }
                Job::Route { to, reports } => {
                    let device = device.clone();
                    if let Err(error) = blocking(move || device.route(to)).await.and_then(|done| done) {
                        let _ = reports.send(Report::Unrouted(error));
                    }
                }
            }
        }
    }
}

/// Runs what may wait beside the runtime's own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, AudioError> {
    tokio::task::spawn_blocking(work).await.map_err(|e| AudioError {
        what: "audio".to_owned(),
        problem: e.to_string(),
        hint: "try again",
    })
}

#[cfg(test)]
mod tests {
    use super::super::super::audio::rings;
    use super::*;
    use parking_lot::Mutex;
    use std::sync::mpsc::{Receiver, Sender, channel};

    /// A device that opens and closes when it is told to, and notes what it did.
    struct Slow {
        gate: Arc<Mutex<Receiver<()>>>,
        notes: Arc<Mutex<Vec<String>>>,
        count: Mutex<u32>,
    }

    struct Stream {
        number: u32,
        gate: Arc<Mutex<Receiver<()>>>,
        notes: Arc<Mutex<Vec<String>>>,
    }

    impl AudioDevice for Slow {
        fn open(&self, _: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
            self.gate.lock().recv().unwrap();
            let mut count = self.count.lock();
            *count += 1;
            self.notes.lock().push(format!("open {count}"));
            let (gate, notes) = (self.gate.clone(), self.notes.clone());
            Ok(Box::new(Stream { number: *count, gate, notes }))
        }
    }

    impl AudioStream for Stream {
        fn microphone(&self, on: bool) {
            self.notes.lock().push(format!("microphone {} {on}", self.number));
        }
    }

    impl Drop for Stream {
        fn drop(&mut self) {
            let _ = self.gate.lock().recv();
            self.notes.lock().push(format!("close {}", self.number));
        }
    }

    fn slow() -> (Slow, Sender<()>, Arc<Mutex<Vec<String>>>) {
        let (go, gate) = channel();
        let notes = Arc::new(Mutex::new(Vec::new()));
        let slow = Slow { gate: Arc::new(Mutex::new(gate)), notes: notes.clone(), count: Mutex::new(0) };
        (slow, go, notes)
    }

    fn ends() -> DeviceEnds {
        let (_, (microphone, loudspeaker)) = rings();
        DeviceEnds { microphone, loudspeaker, failed: Box::new(|_| {}) }
    }

    #[tokio::test]
    async fn a_slow_device_is_closed_before_it_is_opened_again_and_what_was_given_up_is_not_opened() {
        let (device, go, notes) = slow();
        let devices = Devices::start(Arc::new(device));
        let (reports, mut reported) = unbounded_channel();
        devices.open(1, ends(), reports.clone());
        // the first is being opened: the others wait behind it
        tokio::task::yield_now().await;
        tokio::task::yield_now().await;
        devices.microphone(1, true);
        devices.close(1);
        devices.open(2, ends(), reports.clone());
        devices.close(2);
        devices.open(3, ends(), reports.clone());
        devices.microphone(1, false);
        devices.microphone(3, true);
        let mut used = devices.used();
        assert_eq!(*used.borrow(), 3);
        for _ in 0..3 {
            go.send(()).unwrap();
        }
        used.wait_for(|n| *n == 1).await.unwrap();
        devices.close(3);
        go.send(()).unwrap();
        used.wait_for(|n| *n == 0).await.unwrap();
        let expected = ["open 1", "microphone 1 true", "close 1", "open 2", "microphone 2 true", "close 2"];
        assert_eq!(*notes.lock(), expected, "the second call's was never opened; the third's is the second");
        assert!(reported.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_device_that_panics_or_has_no_routes_is_told_of() {
        struct Broken;
        impl AudioDevice for Broken {
            fn open(&self, _: DeviceEnds) -> Result<Box<dyn AudioStream>, AudioError> {
                panic!("as drivers do")
            }
        }
        let devices = Devices::start(Arc::new(Broken));
        let (reports, mut reported) = unbounded_channel();
        devices.open(7, ends(), reports.clone());
        devices.route(SpeakerRoute::Speaker, reports);
        assert!(matches!(reported.recv().await, Some(Report::Audio { media: 7, .. })));
        assert!(matches!(reported.recv().await, Some(Report::Unrouted(_))));
        devices.close(7);
        devices.used().wait_for(|n| *n == 0).await.unwrap();
    }
}
