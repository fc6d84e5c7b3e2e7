/**
 * A page that talks. Its own server gives it a client secret, follows the call by sideband and sends the transcript;
 * the sound goes straight to whoever answers the call.
 */

import { connect } from "/static/reelthyme.js";

/** @template {HTMLElement} E @param {string} id @returns {E} */
const at = (id) => /** @type {any} */ (document.getElementById(id));

const page = {
  setup: /** @type {HTMLFormElement} */ (at("setup")),
  start: /** @type {HTMLButtonElement} */ (at("start")),
  file: /** @type {HTMLInputElement} */ (at("file")),
  text: /** @type {HTMLInputElement} */ (at("text")),
  usage: /** @type {HTMLDetailsElement} */ (at("usage")),
};

/** @typedef {Awaited<ReturnType<typeof connect>>} Call */
/** @typedef {{track: MediaStreamTrack, play: () => void, release: () => void}} Recording */

/** Milliseconds that a call waits for our server to follow it. */
const FOLLOWED_WITHIN = 5_000;

/** The call on this page, and what is let go of when it ends. @type {{call: Call, letGo: (() => void)[]} | null} */
let current = null;

// ---- what the page shows

/** @param {"idle" | "connecting" | "live" | "ended" | "failed"} state @param {string} words */
function show(state, words) {
  document.body.dataset.state = state;
  say(words);
  const talking = state === "live";
  page.setup.hidden = state !== "idle" && state !== "connecting";
  at("talk").hidden = !page.setup.hidden;
  at("dock").hidden = !talking;
  at("new").hidden = talking;
  at("duration").hidden = state === "idle" || state === "connecting";
  page.start.disabled = state === "connecting";
}

/** @param {string} words */
function say(words) {
  at("status").textContent = words;
}

/** @param {string} words  None hides it. */
function notice(words = "") {
  const place = at("notice");
  place.hidden = words === "";
  /** @type {HTMLElement} */ (place.firstElementChild).textContent = words;
}

/** @param {unknown} error */
function inWords(error) {
  const { name, message } = /** @type {Error} */ (error);
  if (name === "NotAllowedError")
    return "The microphone was not allowed. Allow it beside the address, and start again.";
  if (name === "NotFoundError") return "There is no microphone. Connect one, or write.";
  if (name === "EncodingError") return "That file has no sound that this browser can play.";
  return message;
}

// ---- our server

/**
 * @param {string} path
 * @param {object} content
 */
async function post(path, content) {
  const token = document.cookie.match(/(?:^|; )csrftoken=([^;]*)/)?.[1] ?? "";
  const headers = { "Content-Type": "application/json", "X-CSRFToken": token };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(content) }).catch(() => null);
  if (response === null) throw new Error("The server of this page cannot be reached.");
  const answer = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(answer.error ?? `The server of this page refused (${response.status}).`);
  return answer;
}

/**
 * Have our server follow the call, and show what is said.
 *
 * @param {string} callId
 * @param {string} secret
 */
async function follow(callId, secret) {
  try {
    const { transcript } = await post("/sideband", { call_id: callId, client_secret: secret });
    const source = new EventSource(transcript);
    source.onmessage = ({ data }) => {
      const told = JSON.parse(data);
      if (told.kind === "line") write(told);
      else source.close();
    };
    current?.letGo.push(() => setTimeout(() => source.close(), 5_000)); // the last words may still be on their way
  } catch (error) {
    notice(`The call goes on without a transcript. ${inWords(error)}`);
  }
}

/** @type {Record<string, string>} */
const NAMES = { user: "You", assistant: "Assistant", tool: "Tool" };

/** @param {{item_id: string, who: string, text: string, done: boolean}} line */
function write({ item_id, who, text, done }) {
  const list = at("transcript");
  const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 80;
  const id = `line-${item_id}`;
  let entry = document.getElementById(id);
  if (entry === null) {
    entry = Object.assign(document.createElement("li"), { id, className: who });
    entry.append(
      Object.assign(document.createElement("b"), { textContent: NAMES[who] ?? who }),
      document.createElement("p"),
    );
    list.append(entry);
  }
  entry.ariaBusy = String(!done);
  /** @type {HTMLElement} */ (entry.lastElementChild).textContent = text || (done ? "(no words)" : "");
  if (atEnd) list.scrollTop = list.scrollHeight;
}

// ---- sound

/**
 * A recording as a track, silent until it is played.
 *
 * @param {File} file
 * @returns {Promise<Recording>}
 */
async function recording(file) {
  const context = new AudioContext();
  const sound = await context.decodeAudioData(await file.arrayBuffer()).catch((error) => {
    context.close();
    throw error;
  });
  const destination = context.createMediaStreamDestination();
  const [track] = destination.stream.getAudioTracks();
  const play = () => {
    const source = new AudioBufferSourceNode(context, { buffer: sound });
    source.connect(destination);
    source.start();
  };
  return { track, play, release: () => (track.stop(), context.close()) };
}

/**
 * Shows how loud both sides are, as long as the call lasts.
 *
 * @param {Call} call
 * @returns {() => void}  Ends it.
 */
function meters(call) {
  const context = new AudioContext();
  const samples = new Float32Array(1024);
  /** @param {MediaStream} stream */
  const ear = (stream) => {
    const analyser = new AnalyserNode(context, { fftSize: samples.length });
    context.createMediaStreamSource(stream).connect(analyser);
    return () => {
      analyser.getFloatTimeDomainData(samples);
      const power = samples.reduce((sum, sample) => sum + sample * sample, 0) / samples.length;
      return Math.max(0, Math.min(1, 1 + Math.log10(power + 1e-9) / 5)); // 50 dB
    };
  };
  const said = call.audioElement?.srcObject instanceof MediaStream ? ear(call.audioElement.srcObject) : () => 0;
  const heard = call.track === null ? () => 0 : ear(new MediaStream([call.track]));
  const level = at("level");
  let next = requestAnimationFrame(function draw() {
    const loud = heard();
    level.ariaValueNow = String(Math.round(loud * 100));
    level.style.setProperty("--heard", loud.toFixed(2));
    document.body.style.setProperty("--said", said().toFixed(2));
    next = requestAnimationFrame(draw);
  });
  return () => {
    cancelAnimationFrame(next);
    document.body.style.setProperty("--said", "0");
    context.close();
  };
}

// ---- the call

async function start() {
  const chosen = new FormData(page.setup);
  notice();
  show("connecting", "Connecting…");
  /** @type {Recording | null} */
  let played = null;
  try {
    if (chosen.get("input") === "file") played = await recording(chosenFile());
    const secret = await post("/client-secret", { output_modalities: [chosen.get("output")] });
    const contentTypes = chosen.get("input") === "keyboard" ? ["input_text"] : ["input_audio", "input_text"];
    const call = await connect(secret, { contentTypes, mediaStreamTrack: played?.track ?? null });
    begin(call, secret.value, played);
  } catch (error) {
    played?.release();
    show("idle", "Ready");
    notice(inWords(error));
  }
}

function chosenFile() {
  const file = page.file.files?.[0];
  if (file === undefined) throw new Error("Choose a sound file first.");
  return file;
}

/**
 * @param {Call} call
 * @param {string} secret
 * @param {Recording | null} played
 */
function begin(call, secret, played) {
  const keyboard = new FormData(page.setup).get("input") === "keyboard";
  const quiet = keyboard ? "Connected" : "Listening";
  /** @type {Promise<void>} */
  let followed = Promise.resolve();
  clear();
  current = { call, letGo: [() => played?.release()] };
  if (call.track !== null) call.track.enabled = false; // what is said before our server follows, it would not know
  at("again").onclick = () => played?.play();
  call.addEventListener("open", async () => {
    await Promise.race([followed, new Promise((resolve) => setTimeout(resolve, FOLLOWED_WITHIN))]);
    if (current?.call !== call) return; // it has ended meanwhile
    if (call.track !== null) call.track.enabled = true;
    show("live", quiet);
    at("again").hidden = played === null;
    at("mute").hidden = at("level").hidden = keyboard;
    at("mute").ariaPressed = "false";
    current?.letGo.push(meters(call), clock());
    played?.play();
    const types = keyboard || matchMedia("(hover: hover)").matches; // on a phone the keyboard would cover half the page
    (types ? page.text : at("stop")).focus({ preventScroll: true });
  });
  call.addEventListener("event", ({ detail }) => {
    if (detail.type === "reelthyme.call_id") followed = follow(detail.call_id, secret);
    hear(detail, quiet);
  });
  call.addEventListener("closed", ({ detail }) =>
    end("ended", detail.remote ? "The assistant hung up" : "You hung up"),
  );
  call.addEventListener("failed", ({ detail }) => {
    end(at("talk").hidden ? "idle" : "failed", "The call failed");
    notice(inWords(detail));
  });
}

/** @param {"ended" | "failed" | "idle"} state @param {string} words */
function end(state, words) {
  for (const letGo of current?.letGo.splice(0) ?? []) letGo();
  current = null;
  answering = sounding = false;
  for (const line of at("transcript").children) line.ariaBusy = "false"; // what is not done will never be
  show(state, words);
}

/** @returns {() => void}  Stops it. */
function clock() {
  const began = Date.now();
  const tick = () => {
    const seconds = Math.floor((Date.now() - began) / 1000);
    at("duration").textContent = `${Math.floor(seconds / 60)}:${String(seconds % 60).padStart(2, "0")}`;
  };
  tick();
  const ticking = setInterval(tick, 1000);
  return () => clearInterval(ticking);
}

function clear() {
  at("transcript").replaceChildren();
  Object.assign(used, { total: 0, input: 0, cached: 0, output: 0 });
  count();
}

// ---- what the events of the call say

let answering = false;
let sounding = false;

/** @param {{type: string, [member: string]: any}} event @param {string} quiet  What is said when nobody speaks. */
function hear(event, quiet) {
  switch (event.type) {
    case "input_audio_buffer.speech_started":
      return say("You are speaking");
    case "input_audio_buffer.speech_stopped":
      return say("Thinking");
    case "response.created":
      answering = true;
      return say("Thinking");
    case "output_audio_buffer.started":
      sounding = true;
      return say("The assistant is speaking");
    case "output_audio_buffer.stopped":
    case "output_audio_buffer.cleared":
      sounding = false;
      return say(quiet);
    case "response.done":
      answering = false;
      if (event.response.usage) add(event.response.usage);
      return sounding || say(quiet);
    case "rate_limits.updated":
      return limit(event.rate_limits);
    case "error":
      return notice(event.error.message);
  }
}

const used = { total: 0, input: 0, cached: 0, output: 0 };

/** @param {any} usage  Of one response. */
function add(usage) {
  used.total += usage.total_tokens ?? 0;
  used.input += usage.input_tokens ?? 0;
  used.cached += usage.input_token_details?.cached_tokens ?? 0;
  used.output += usage.output_tokens ?? 0;
  count();
}

function count() {
  for (const [name, tokens] of Object.entries(used)) at(name).textContent = tokens.toLocaleString();
}

/** @param {{name?: string, limit?: number, remaining?: number, reset_seconds?: number}[]} limits */
function limit(limits) {
  const rows = limits.map(({ name = "", limit: most = 0, remaining = 0, reset_seconds: seconds = 0 }) => {
    const row = document.createElement("li");
    const words = document.createElement("span");
    const left = Object.assign(document.createElement("b"), { textContent: remaining.toLocaleString() });
    words.append(`${name[0]?.toUpperCase() ?? ""}${name.slice(1)} left`, left);
    const bar = Object.assign(document.createElement("progress"), {
      max: most,
      value: remaining,
      ariaLabel: `${name} left`,
    });
    row.append(words, bar, `of ${most.toLocaleString()}, full again in ${Math.ceil(seconds)} s`);
    return row;
  });
  at("limits").replaceChildren(...rows);
}

/** @param {string} text */
function send(text) {
  const call = current?.call;
  if (call === undefined) return;
  if (answering) call.send({ type: "response.cancel" });
  if (sounding) call.send({ type: "output_audio_buffer.clear" });
  const item = { type: "message", role: "user", content: [{ type: "input_text", text }] };
  call.send({ type: "conversation.item.create", item });
  call.send({ type: "response.create" });
}

// ---- what the user does

page.setup.addEventListener("submit", (event) => {
  event.preventDefault();
  start();
});
page.setup.onchange = () => {
  at("choose-file").hidden = new FormData(page.setup).get("input") !== "file";
};
at("composer").onsubmit = (event) => {
  event.preventDefault();
  const text = page.text.value.trim();
  if (text === "") return;
  page.text.value = "";
  send(text);
};
at("mute").onclick = (/** @type {Event} */ { currentTarget }) => {
  const track = current?.call.track;
  if (!track) return;
  track.enabled = !track.enabled;
  /** @type {HTMLElement} */ (currentTarget).ariaPressed = String(!track.enabled);
};
at("stop").onclick = () => current?.call.close();
at("new").onclick = () => {
  notice();
  show("idle", "Ready");
  page.start.focus();
};
/** @type {HTMLElement} */ (at("notice").lastElementChild).onclick = () => notice();

const wide = matchMedia("(min-width: 60rem)");
wide.onchange = () => (page.usage.open = wide.matches);
page.usage.open = wide.matches;
