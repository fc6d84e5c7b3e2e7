/** The module, with what a test wants to see of it: every track, context and peer connection that it opened. */

import { connect } from "/static/reelthyme.js";

const opened = { tracks: [], contexts: [], peers: [], asked: 0 };

const ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices);
navigator.mediaDevices.getUserMedia = async (wanted) => {
  opened.asked += 1;
  const stream = await ask(wanted);
  opened.tracks.push(...stream.getTracks());
  return stream;
};

window.AudioContext = class extends AudioContext {
  constructor(...given) {
    super(...given);
    opened.contexts.push(this);
  }
};

window.RTCPeerConnection = class extends RTCPeerConnection {
  constructor(...given) {
    super(...given);
    opened.peers.push(this);
  }
};

/** A call that keeps what it was told, in order. */
window.call = async (secret, options) => {
  const call = await connect(secret, options);
  call.told = [];
  for (const name of ["open", "event", "closed", "failed"]) {
    call.addEventListener(name, ({ detail }) =>
      call.told.push({ name, detail: detail instanceof Error ? { ...detail, message: detail.message } : detail }),
    );
  }
  window.current = call;
  return call;
};

/** How connecting fails: the error's name, message, status and code. */
window.failure = (secret, options) =>
  connect(secret, options).then(
    () => null,
    ({ name, message, status, code }) => ({ name, message, status, code }),
  );

/** How sending fails: the error's code and message. */
window.complaint = (event) => {
  try {
    window.current.send(event);
  } catch ({ code, message }) {
    return { code, message };
  }
  return null;
};

/** What is still held. */
window.held = () => ({
  asked: opened.asked,
  tracks: opened.tracks.filter((track) => track.readyState === "live").length,
  contexts: opened.contexts.filter((context) => context.state !== "closed").length,
  peers: opened.peers.filter((peer) => peer.connectionState !== "closed").length,
});

/** How loud a stream is, 0 to 1, as soon as it is louder than `enough`; its loudest after 60 s. */
window.loudness = (stream, enough) => {
  const deadline = performance.now() + 60_000;
  let loudest = 0;
  const element = new Audio(); // Chromium gives WebAudio the sound of a far side only while an element plays it
  Object.assign(element, { muted: true, srcObject: stream });
  element.play();
  const context = new AudioContext();
  const analyser = context.createAnalyser();
  context.createMediaStreamSource(stream).connect(analyser);
  const samples = new Float32Array(analyser.fftSize);
  return new Promise((resolve) => {
    const look = () => {
      analyser.getFloatTimeDomainData(samples);
      loudest = Math.max(loudest, ...samples.map(Math.abs));
      if (loudest > enough || performance.now() > deadline) context.close().then(() => resolve(loudest));
      else setTimeout(look, 20);
    };
    look();
  });
};

/** From now on a timer of so many milliseconds runs out when `timeIsUp()` says so. */
window.holdTimer = (held) => {
  const wait = window.setTimeout;
  window.setTimeout = (act, delay, ...given) => {
    if (delay !== held) return wait(act, delay, ...given);
    window.timeIsUp = () => act(...given);
    return 0;
  };
};

/** A steady tone, as somebody's own track. */
window.tone = (hertz) => {
  const context = new AudioContext();
  const oscillator = new OscillatorNode(context, { frequency: hertz });
  const destination = context.createMediaStreamDestination();
  oscillator.connect(destination);
  oscillator.start();
  return destination.stream.getAudioTracks()[0];
};

/**
 * A far side in this page: from now on offers posted to `/far` are answered by a peer connection here. It greets at once
 * when the channel opens, and keeps what it hears; or it dies as soon as it has answered, or waits until `far.come()`.
 */
window.farSide = ({ location = "/v1/realtime/calls/rtc_far", dies = false, waits = false } = {}) => {
  const peer = new RTCPeerConnection();
  const far = { peer, heard: [], channel: null };
  peer.ondatachannel = ({ channel }) => {
    far.channel = channel;
    channel.onopen = () => channel.send(JSON.stringify({ type: "session.created" }));
    channel.onmessage = ({ data }) => far.heard.push(JSON.parse(data));
  };
  const post = window.fetch;
  window.fetch = async (url, asked) => {
    if (!String(url).endsWith("/far")) return post(url, asked);
    const places = asked.body.split("\r\n").filter((line) => line.startsWith("a=candidate:"));
    const told = (sdp) => (waits ? sdp.replace(/a=candidate:.*\r\n/g, "") : sdp);
    far.come = () =>
      Promise.all(places.map((line) => peer.addIceCandidate({ candidate: line.slice(2), sdpMLineIndex: 0 })));
    await peer.setRemoteDescription({ type: "offer", sdp: told(asked.body) });
    const gathered = new Promise((resolve) => {
      peer.onicegatheringstatechange = () => peer.iceGatheringState === "complete" && resolve();
    });
    await peer.setLocalDescription();
    await gathered;
    const answer = told(peer.localDescription.sdp);
    if (dies) peer.close();
    const headers = location === null ? {} : { Location: location };
    return new Response(answer, { status: 201, headers });
  };
  window.far = far;
};

window.ready = true;
