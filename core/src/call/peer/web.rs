//! [`MediaPeer`] over `webrtc`.
//!
//! Its defaults wait for what a call cannot wait for: 200 ms between checks, half a second to two seconds before a pair of
//! addresses is taken that is not the very best. Here checks go out each 20 ms, and the first pair that works is taken almost at
//! once. An ICE restart opens new sockets: the old ones may be bound to a network that is gone, and nothing would say so.

use super::{
    Agreed, Arrived, EVENT, MediaPeer, OPUS, Packet, PeerError, PeerEvent, PeerMaker, PeerStats, RED,
};
use async_trait::async_trait;
use parking_lot::Mutex;
use ring::rand::{SecureRandom, SystemRandom};
use rtc::rtp;
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters, RTCRtpEncodingParameters, RtpCodecKind,
};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::mpsc::{self, UnboundedSender};
use waybell_domain::wire::IceServer;
use webrtc::media_stream::MediaStreamTrack;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::media_stream::track_remote::{TrackRemote, TrackRemoteEvent};
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler, RTCConfigurationBuilder,
    RTCIceServer, RTCPeerConnectionState, RTCSessionDescription, RTCStatsReportEntry, Registry,
    SettingEngineBuilder, StatsSelector, configure_rtcp_reports,
};

/// Between two checks of a pair of addresses.
const CHECK: Duration = Duration::from_millis(20);
/// Checks of a pair before it is given up: 10 s, which is longer than a train is in a tunnel's mouth.
const CHECKS: u16 = 500;
/// How long better addresses are waited for, once some work.
const BETTER: Duration = Duration::from_millis(60);
/// Longer for a detour over a TURN server.
const DETOUR: Duration = Duration::from_millis(300);
/// Nothing came for so long: the connection is lost.
const LOST: Duration = Duration::from_secs(4);
/// It is given up for good; the session looks for another way long before.
const FAILED: Duration = Duration::from_secs(90);
/// Between two signs of life where no sound flows.
const ALIVE: Duration = Duration::from_secs(1);
/// Packets that wait to leave.
const OUT: usize = 50;

fn failed<E: std::fmt::Display>(what: &'static str) -> impl Fn(E) -> PeerError {
    move |error| PeerError::Failed { what, problem: error.to_string() }
}

/// Makes connections over the network interfaces of this machine.
#[derive(Clone, Debug)]
pub struct WebPeers {
    addresses: Vec<String>,
}

impl Default for WebPeers {
    fn default() -> WebPeers {
        WebPeers { addresses: vec!["0.0.0.0:0".to_owned(), "[::]:0".to_owned()] }
    }
}

impl WebPeers {
    /// For a server at this address: one on this very machine is met on its loopback too, which no other peer could reach.
    #[must_use]
    pub fn for_server(url: &str) -> WebPeers {
        let mut peers = WebPeers::default();
        let host = url.split("://").nth(1).unwrap_or(url);
        if ["127.", "localhost", "[::1]"].iter().any(|own| host.starts_with(own)) {
            peers.addresses.push("127.0.0.1:0".to_owned());
        }
        peers
    }
}

fn codec(name: &str, channels: u16, kind: u8, parameters: &str) -> RTCRtpCodecParameters {
    RTCRtpCodecParameters {
        rtp_codec: RTCRtpCodec {
            mime_type: format!("audio/{name}"),
            clock_rate: super::super::codec::CLOCK,
            channels,
            sdp_fmtp_line: parameters.to_owned(),
            rtcp_feedback: Vec::new(),
        },
        payload_type: kind,
    }
}

fn codecs() -> [RTCRtpCodecParameters; 3] {
    [
        codec("opus", 2, OPUS, "minptime=10;useinbandfec=1"),
        codec("red", 2, RED, "111/111"),
        codec("telephone-event", 0, EVENT, "0-15"),
    ]
}

/// Servers that the library can use.
fn usable(servers: &[IceServer]) -> Vec<RTCIceServer> {
    let each = servers.iter().flat_map(|s| s.urls.iter().map(move |url| (s, url)));
    let servers = each.map(|(server, url)| RTCIceServer {
        urls: vec![url.clone()],
        username: server.username.clone().unwrap_or_default(),
        credential: server.credential.clone().unwrap_or_default(),
    });
    servers
        .filter(|server| {
            let known = server.urls();
            if let Err(error) = &known {
                tracing::warn!(%error, "a server for calls cannot be used");
            }
            known.is_ok()
        })
        .collect()
}

#[async_trait]
impl PeerMaker for WebPeers {
    async fn make(
        &self,
        servers: &[IceServer],
        events: UnboundedSender<PeerEvent>,
        heard: rtrb::Producer<Arrived>,
    ) -> Result<Arc<dyn MediaPeer>, PeerError> {
        let mut engine = MediaEngine::default();
        for codec in codecs() {
            engine.register_codec(codec, RtpCodecKind::Audio).map_err(failed("register a codec"))?;
        }
        let settings = SettingEngineBuilder::new()
            .with_ice_connection_attempts(Some(CHECK), Some(CHECKS))
            .with_ice_timeouts(Some(LOST), Some(FAILED), Some(ALIVE))
            .with_host_acceptance_min_wait(Some(Duration::ZERO))
            .with_srflx_acceptance_min_wait(Some(BETTER))
            .with_prflx_acceptance_min_wait(Some(BETTER))
            .with_relay_acceptance_min_wait(Some(DETOUR))
            .with_discard_local_candidates_during_ice_restart(true)
            .build();
        let configuration = RTCConfigurationBuilder::new().with_ice_servers(usable(servers)).build();
        let handler = Handler { events, heard: Arc::new(Mutex::new(heard)) };
        let build = PeerConnectionBuilder::new()
            .with_configuration(configuration)
            .with_media_engine(engine)
            .with_interceptor_registry(configure_rtcp_reports(Registry::new()))
            .with_setting_engine(settings)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(self.addresses.clone())
            .build();
        // 20 kB of state
        let connection = Box::pin(build).await.map_err(failed("open a connection"))?;
        let mut chance = [0; 4];
        SystemRandom::new().fill(&mut chance).map_err(failed("draw a number"))?;
        let ssrc = u32::from_be_bytes(chance);
        let opus = codecs()[0].rtp_codec.clone();
        let encoding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(ssrc),
                ..RTCRtpCodingParameters::default()
            },
            codec: opus,
            ..RTCRtpEncodingParameters::default()
        };
        let name = |what: &str| format!("{what}-{ssrc:08x}");
        let track = MediaStreamTrack::new(
            name("stream"),
            name("voice"),
            "voice".to_owned(),
            RtpCodecKind::Audio,
            vec![encoding],
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let transceiver = connection
            .add_transceiver_from_track(track.clone(), None)
            .await
            .map_err(failed("add the microphone"))?;
        // a track of Opus would offer Opus alone
        transceiver
            .set_codec_preferences(codecs().to_vec())
            .await
            .map_err(failed("offer redundancy and keys"))?;
        let (out, mut waiting) = mpsc::channel::<rtp::Packet>(OUT);
        tokio::spawn(async move {
            while let Some(packet) = waiting.recv().await {
                if let Err(error) = track.write_rtp(packet).await {
                    tracing::trace!(%error, "a packet of a call was not sent");
                }
            }
        });
        Ok(Arc::new(Web { connection: Arc::new(connection), out, ssrc }))
    }
}

struct Handler {
    events: UnboundedSender<PeerEvent>,
    heard: Arc<Mutex<rtrb::Producer<Arrived>>>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        tracing::debug!(%state, "the connection of a call");
        let event = match state {
            RTCPeerConnectionState::Connected => PeerEvent::Connected,
            RTCPeerConnectionState::Disconnected | RTCPeerConnectionState::Failed => PeerEvent::Disconnected,
            _ => return,
        };
        let _ = self.events.send(event);
    }

    async fn on_track(&self, track: Arc<dyn TrackRemote>) {
        let heard = self.heard.clone();
        tokio::spawn(async move {
            while let Some(event) = track.poll().await {
                let TrackRemoteEvent::OnRtpPacket(packet) = event else { continue };
                let arrived = Arrived {
                    at: Instant::now(),
                    kind: packet.header.payload_type,
                    sequence: packet.header.sequence_number,
                    timestamp: packet.header.timestamp,
                    payload: packet.payload,
                };
                // a ring that is full belongs to a thread that has no time: the playout takes it for a loss
                let _ = heard.lock().push(arrived);
            }
        });
    }
}

struct Web {
    connection: Arc<dyn PeerConnection>,
    out: mpsc::Sender<rtp::Packet>,
    ssrc: u32,
}

#[async_trait]
impl MediaPeer for Web {
    async fn offer(&self, restart: bool) -> Result<String, PeerError> {
        if restart {
            self.connection.restart_ice().await.map_err(failed("look for another way"))?;
        }
        let offer = self.connection.create_offer(None).await.map_err(failed("make an offer"))?;
        let sdp = offer.sdp.clone();
        self.connection.set_local_description(offer).await.map_err(failed("use the offer"))?;
        Ok(sdp)
    }

    async fn answered(&self, sdp: &str) -> Result<Agreed, PeerError> {
        let has = |kind: u8| sdp.lines().any(|l| l.starts_with(&format!("a=rtpmap:{kind} ")));
        if !has(OPUS) {
            return Err(PeerError::NoOpus);
        }
        let answer = RTCSessionDescription::answer(sdp.to_owned()).map_err(failed("read the answer"))?;
        self.connection.set_remote_description(answer).await.map_err(failed("use the answer"))?;
        Ok(Agreed { red: has(RED), keys: has(EVENT) })
    }

    fn send(&self, packet: Packet) -> bool {
        let header = rtp::Header {
            version: 2,
            marker: packet.marker,
            payload_type: packet.kind,
            sequence_number: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: self.ssrc,
            ..rtp::Header::default()
        };
        self.out.try_send(rtp::Packet { header, payload: packet.payload }).is_ok()
    }

    async fn stats(&self) -> PeerStats {
        let report = self.connection.get_stats(Instant::now(), StatsSelector::None).await;
        let mut stats = PeerStats::default();
        for entry in report.iter() {
            if let RTCStatsReportEntry::RemoteInboundRtp(told) = entry {
                stats.loss = Some(told.fraction_lost.clamp(0.0, 1.0) as f32);
                let seconds = told.round_trip_time;
                stats.round_trip = (told.round_trip_time_measurements > 0 && seconds.is_finite())
                    .then(|| Duration::from_secs_f64(seconds.max(0.0)));
            }
        }
        stats
    }

    async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "a connection of a call did not close well");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_cannot_be_used_is_left_out_and_the_others_stay() {
        let server = |url: &str, credential: Option<&str>| IceServer {
            urls: vec![url.to_owned()],
            username: credential.map(|_| "1700000600:c1".to_owned()),
            credential: credential.map(str::to_owned),
        };
        let servers = [
            server("turn:turn.example.cn:3478?transport=udp", Some("secret")),
            server("turn:turn.example.cn:3478", None),
            server("http://turn.example.cn", Some("secret")),
            server("stun:stun.example.cn", None),
        ];
        let urls: Vec<String> = usable(&servers).into_iter().flat_map(|s| s.urls).collect();
        assert_eq!(urls, ["turn:turn.example.cn:3478?transport=udp", "stun:stun.example.cn"]);
    }

    #[test]
    fn loopback_is_for_a_server_on_this_machine() {
        for (url, own) in [
            ("http://127.0.0.1:8080", true),
            ("http://localhost:8080", true),
            ("https://waybell.example.com", false),
            ("https://1271.example.com", false),
        ] {
            let found = WebPeers::for_server(url).addresses.iter().any(|a| a.starts_with("127."));
            assert_eq!(found, own, "{url}");
        }
    }

    #[tokio::test]
    async fn an_offer_has_one_stream_with_opus_redundancy_and_keys_and_no_address_of_the_phone() {
        let (events, _told) = mpsc::unbounded_channel();
        let (heard, _ring) = rtrb::RingBuffer::new(8);
        let peer = WebPeers::for_server("http://127.0.0.1").make(&[], events, heard).await.unwrap();
        let offer = peer.offer(false).await.unwrap();
        assert_eq!(offer.matches("m=").count(), 1, "{offer}");
        for wanted in ["opus/48000/2", "red/48000/2", "telephone-event/48000"] {
            assert_eq!(offer.matches(wanted).count(), 1, "{wanted}: {offer}");
        }
        assert!(!offer.contains("a=candidate"), "{offer}");
        assert!(peer.answered("v=0\r\n").await.is_err());
        peer.close().await;
    }
}
