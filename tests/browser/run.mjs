// A browser as a courier's app. Started by tests/src/peers/browser.rs, which speaks to it in lines of JSON over TCP:
// {"do": "offer" | "answer" | "connected" | "hears" | "press" | "close", ...} is answered by {"ok": value} or {"error": text}.
// The tone that the app says comes from the WAV file of the first argument; what it hears is measured in the page.
import http from 'node:http';
import net from 'node:net';
import readline from 'node:readline';
import { chromium } from 'playwright-core';

const [wave, executablePath] = process.argv.slice(2);

// Runs in the page.
function page() {
  let pc;
  let sender;
  let track;
  const gathered = () =>
    new Promise((done) => {
      const look = () => pc.iceGatheringState === 'complete' && done();
      pc.onicegatheringstatechange = look;
      look();
      setTimeout(done, 2000);
    });
  window.offer = async () => {
    const again = pc !== undefined;
    if (!again) {
      const plain = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };
      const stream = await navigator.mediaDevices.getUserMedia({ audio: plain });
      pc = new RTCPeerConnection();
      sender = pc.addTrack(stream.getAudioTracks()[0], stream);
      pc.ontrack = (event) => {
        track = event.track;
        // without a player nothing is taken out of the jitter buffer
        const audio = document.createElement('audio');
        audio.srcObject = new MediaStream([track]);
        audio.autoplay = true;
        document.body.append(audio);
      };
    }
    await pc.setLocalDescription(await pc.createOffer({ iceRestart: again }));
    await gathered();
    return pc.localDescription.sdp;
  };
  window.answer = (sdp) => pc.setRemoteDescription({ type: 'answer', sdp });
  window.connected = async () => {
    const until = performance.now() + 20000;
    while (pc.connectionState !== 'connected') {
      if (performance.now() > until) throw new Error(`the connection is ${pc.connectionState}`);
      await new Promise((done) => setTimeout(done, 10));
    }
    return true;
  };
  // the share of this tone in half a second of what is heard
  window.hears = async (hertz) => {
    const reader = new MediaStreamTrackProcessor({ track }).readable.getReader();
    const pcm = [];
    let rate = 48000;
    while (pcm.length < rate / 2) {
      const { value, done } = await reader.read();
      if (done) break;
      rate = value.sampleRate;
      const one = new Float32Array(value.numberOfFrames);
      value.copyTo(one, { planeIndex: 0, format: 'f32-planar' });
      pcm.push(...one);
      value.close();
    }
    await reader.cancel();
    let [sin, cos, power] = [0, 0, 0];
    pcm.forEach((s, i) => {
      sin += s * Math.sin((i / rate) * hertz * 2 * Math.PI);
      cos += s * Math.cos((i / rate) * hertz * 2 * Math.PI);
      power += s * s;
    });
    return power < 1 ? 0 : (2 * (sin * sin + cos * cos)) / pcm.length / power;
  };
  window.press = (keys) => sender.dtmf.insertDTMF(keys, 100, 70);
  window.hangUp = () => {
    pc.close();
    pc = undefined;
    track = undefined;
  };
}

const browser = await chromium.launch({
  executablePath,
  headless: true,
  args: [
    '--no-sandbox',
    '--disable-gpu',
    '--disable-quic',
    '--no-first-run',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--use-fake-ui-for-media-stream',
    '--use-fake-device-for-media-stream',
    `--use-file-for-fake-audio-capture=${wave}`,
    '--disable-features=WebRtcHideLocalIpsWithMdns',
    '--autoplay-policy=no-user-gesture-required',
    '--allow-loopback-in-peer-connection',
  ],
});
const blank = http.createServer((_, answer) => {
  answer.setHeader('content-type', 'text/html');
  answer.end('<!doctype html><body></body>');
});
await new Promise((done) => blank.listen(0, '127.0.0.1', done));
const tab = await browser.newPage();
tab.on('console', (message) => console.log('page:', message.text()));
await tab.goto(`http://127.0.0.1:${blank.address().port}/`);
await tab.evaluate(page);

const deeds = {
  offer: () => tab.evaluate(() => window.offer()),
  answer: ({ sdp }) => tab.evaluate((s) => window.answer(s), sdp),
  connected: () => tab.evaluate(() => window.connected()),
  hears: ({ hertz }) => tab.evaluate((h) => window.hears(h), hertz),
  press: ({ keys }) => tab.evaluate((k) => window.press(k), keys),
  close: () => tab.evaluate(() => window.hangUp()),
};
const control = net.createServer((socket) => {
  readline.createInterface({ input: socket }).on('line', async (line) => {
    let said;
    try {
      const asked = JSON.parse(line);
      said = { ok: (await deeds[asked.do](asked)) ?? null };
    } catch (error) {
      said = { error: String(error) };
    }
    socket.write(`${JSON.stringify(said)}\n`);
  });
  socket.on('close', async () => {
    await browser.close();
    process.exit(0);
  });
});
await new Promise((done) => control.listen(0, '127.0.0.1', done));
console.log(`ready on ${control.address().port} `);
