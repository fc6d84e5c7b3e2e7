/**
 * A call from a browser to the Realtime API, over WebRTC: sound on a media track, events on a data channel.
 *
 *     import { connect } from "/static/reelthyme.js";
 *
 *     const secret = await (await fetch("/client-secret", { method: "POST" })).json();
 *     const call = await connect(secret);
 *     call.addEventListener("event", ({ detail }) => console.log(detail.type, detail));
 *     call.addEventListener("closed", () => console.log("the call is over"));
 *     call.addEventListener("failed", ({ detail }) => console.error(detail));
 *
 * Owns the peer connection, the microphone that it opened, and what plays the answer. Knows nothing of the page, of the
 * server that gave the secret, and of what the events mean. A plain module: no build step, no dependency.
 */

/**
 * @typedef {object} ClientSecret  As `create_client_secret` gives it.
 * @property {string} value  `ek_…`: it opens calls, for a few minutes.
 * @property {{output_modalities?: string[]}} [session]  What the call will be; without modalities it speaks.
 * @property {string | null} [url]  Where to post the offer; null for OpenAI.
 */

/** @typedef {{type: string, [member: string]: any}} RealtimeEvent */

/**
 * @typedef {object} ConnectOptions
 * @property {string[]} [contentTypes]  What the user will send: without "input_audio" the microphone is not asked for,
 *     and the call gets a silent track.
 * @property {MediaStreamTrack | null} [mediaStreamTrack]  Sent instead of the microphone. It stays yours: the call does
 *     not stop it.
 * @property {string | null} [url]  Where to post the offer, if not where the secret says.
 * @property {HTMLAudioElement | null} [audioElement]  What plays the answer, if not an element made for it.
 * @property {AbortSignal | null} [signal]  Gives the attempt up; an open call does not look at it any more.
 * @property {number} [timeout]  Milliseconds until the call has to be open. They do not run while the user is asked for
 *     the microphone.
 */

/**
 * @typedef {object} CallEvents  The `detail` of what is dispatched. Of "closed" and "failed" one comes, once and last.
 * @property {null} open  Events go through now; what was sent before goes first.
 * @property {RealtimeEvent} event  An event of the server. The first is `reelthyme.call_id`, with `call_id`, where the
 *     server told the id.
 * @property {{remote: boolean}} closed  It was hung up; by the far side?
 * @property {Error} failed  It could not be opened after all, or the connection was lost.
 */

/**
 * @typedef {{addEventListener<K extends keyof CallEvents>(type: K, listener: (event: CustomEvent<CallEvents[K]>) => void,
 *     options?: boolean | AddEventListenerOptions): void}} Listened
 */

/** @typedef {{track: MediaStreamTrack, release: () => void}} Input  What is sent, and how to let go of it. */

export const OPENAI_CALLS = "https://api.openai.com/v1/realtime/calls";

/** Candidates of this machine are there in some 100 ms; what is not, the far side finds out by itself. */
const GATHER_WITHIN = 500;

/** What went wrong. `status` is that of the HTTP answer, `code` the service's, or one of ours; the others are null. */
export class RealtimeError extends Error {
  /**
   * @param {string} message
   * @param {{status?: number | null, code?: string | null, cause?: unknown}} [about]
   */
  constructor(message, { status = null, code = null, cause } = {}) {
    super(message, { cause });
    this.name = "RealtimeError";
    this.status = status;
    this.code = code;
  }
}

/**
 * Start a call. It resolves as soon as the server has answered: the call then has its id, may be sent events, and says
 * "open" when they go through. No event is dispatched before the caller could listen: add listeners right after.
 *
 * Rejects with a `RealtimeError` when the server refuses (`status`, `code`), cannot be reached ("unreachable") or takes
 * too long ("timeout"), and when the page may not have a microphone at all ("insecure_page"); with the browser's own
 * `NotAllowedError` or `NotFoundError` when the user denies the microphone or there is none; with the signal's reason.
 * Nothing is left open then.
 *
 * @param {ClientSecret} clientSecret
 * @param {ConnectOptions} [options]
 * @returns {Promise<Listened & RealtimeCall>}
 */
export function connect(clientSecret, options = {}) {
  return RealtimeCall.connect(clientSecret, options);
}

/** A call under way; `connect` makes it. */
export class RealtimeCall extends EventTarget {
  /**
   * The server's name for the call, by which a server of yours can join it; null where it told none.
   *
   * @type {string | null}
   */
  callId = null;

  /**
   * What plays the answer; null where the session does not speak. A browser that wants a click first is content when its
   * `play()` is called in one.
   *
   * @type {HTMLAudioElement | null}
   */
  audioElement;

  /** @type {"connecting" | "open" | "closed" | "failed"} */
  #state = "connecting";
  #peer = new RTCPeerConnection();
  #channel = this.#peer.createDataChannel("oai-events");
  /** @type {Input | null} */
  #input = null;
  /** Its signal is aborted at the end of the call. */
  #ended = new AbortController();
  /** Sent before the channel was open. @type {string[]} */
  #unsent = [];
  /** What the caller could not listen to yet; null once it can. @type {CustomEvent[] | null} */
  #held = [];

  /** @param {HTMLAudioElement | null} audioElement */
  constructor(audioElement) {
    super();
    this.audioElement = audioElement;
    this.#peer.ontrack = ({ track, streams }) => this.#play(streams[0] ?? new MediaStream([track]));
    this.#peer.onconnectionstatechange = () => this.#lookAtConnection();
    this.#channel.binaryType = "arraybuffer";
    this.#channel.onopen = () => this.#opened();
    this.#channel.onmessage = ({ data }) => this.#tell("event", JSON.parse(textOf(data)));
    this.#channel.onclose = () => this.#end("closed", { remote: true });
  }

  /**
   * @param {ClientSecret} secret
   * @param {ConnectOptions} options
   * @returns {Promise<Listened & RealtimeCall>}
   */
  static async connect(secret, options) {
    const { audioElement, signal } = options;
    signal?.throwIfAborted();
    const speaks = secret.session?.output_modalities?.includes("audio") ?? true;
    const call = new RealtimeCall(speaks ? (audioElement ?? document.createElement("audio")) : null);
    const ended = call.#ended.signal;
    signal?.addEventListener("abort", () => call.#giveUp(signal.reason), { signal: ended });
    try {
      await Promise.race([call.#dial(secret, options), rejection(ended)]); // a closed peer settles no promise
    } catch (error) {
      call.#end("failed", /** @type {Error} */ (error));
      throw error;
    }
    setTimeout(() => call.#release());
    return /** @type {any} */ (call);
  }

  /** Where the call stands: "connecting", "open", and in the end "closed" or "failed". */
  get state() {
    return this.#state;
  }

  /** The track that is sent. Set its `enabled` to false to mute. */
  get track() {
    return this.#input?.track ?? null;
  }

  /**
   * Send an event of a client. Before the call is open it waits, in order.
   *
   * Throws a `RealtimeError` after the end ("call_ended"), and where the event is larger than the far side takes
   * ("message_too_large").
   *
   * @param {RealtimeEvent} event
   */
  send(event) {
    if (this.#state === "closed" || this.#state === "failed") {
      throw new RealtimeError(`The call has ended: ${event.type} cannot be sent.`, { code: "call_ended" });
    }
    const message = JSON.stringify(event);
    const size = new TextEncoder().encode(message).length;
    const limit = this.#peer.sctp?.maxMessageSize ?? Infinity;
    if (size > limit) {
      const told = `${event.type} has ${size} bytes, and the far side takes ${limit}. Send sound on the track.`;
      throw new RealtimeError(told, { code: "message_too_large" });
    }
    if (this.#state === "connecting") this.#unsent.push(message);
    else this.#channel.send(message);
  }

  /** Hang up, and let go of everything. It may be called again. */
  close() {
    this.#end("closed", { remote: false });
  }

  /**
   * @param {ClientSecret} secret
   * @param {ConnectOptions} options
   */
  async #dial(
    secret,
    { contentTypes = ["input_audio", "input_text"], mediaStreamTrack = null, url, timeout = 15_000 },
  ) {
    const input = await openInput(contentTypes, mediaStreamTrack);
    if (this.#state !== "connecting") return input.release(); // given up while the user was asked
    this.#input = input;
    setTimeout(() => this.#giveUp(late(timeout)), timeout);
    this.#peer.addTrack(input.track, new MediaStream([input.track]));
    await this.#peer.setLocalDescription(await this.#peer.createOffer());
    await gathered(this.#peer);
    const offer = this.#peer.localDescription?.sdp ?? "";
    const place = url ?? secret.url ?? OPENAI_CALLS;
    const { answer, callId } = await exchange(place, secret.value, offer, this.#ended.signal);
    if (callId !== null) {
      this.callId = callId;
      this.#tell("event", { type: "reelthyme.call_id", call_id: callId });
    }
    await this.#peer.setRemoteDescription({ type: "answer", sdp: answer });
  }

  /** @param {MediaStream} stream */
  #play(stream) {
    if (this.audioElement === null) return;
    this.audioElement.autoplay = true;
    this.audioElement.srcObject = stream;
  }

  #opened() {
    this.#state = "open";
    for (const message of this.#unsent.splice(0)) this.#channel.send(message);
    this.#tell("open", null);
  }

  #lookAtConnection() {
    if (this.#peer.connectionState === "failed") {
      const lost = "The connection to the far side is lost, or none could be made: UDP may be blocked.";
      this.#end("failed", new RealtimeError(lost, { code: "connection_failed" }));
    }
  }

  /**
   * Nothing, once the call is open.
   *
   * @param {Error} reason
   */
  #giveUp(reason) {
    if (this.#state === "connecting") this.#end("failed", reason);
  }

  /**
   * @template {"closed" | "failed"} K
   * @param {K} how
   * @param {CallEvents[K]} detail
   */
  #end(how, detail) {
    if (this.#state === "closed" || this.#state === "failed") return;
    this.#state = how;
    this.#ended.abort(detail);
    this.#channel.close();
    this.#peer.close();
    this.#input?.release();
    if (this.audioElement !== null) this.audioElement.srcObject = null;
    this.#tell(how, detail);
  }

  /**
   * @template {keyof CallEvents} K
   * @param {K} name
   * @param {CallEvents[K]} detail
   */
  #tell(name, detail) {
    const event = new CustomEvent(name, { detail });
    if (this.#held === null) this.dispatchEvent(event);
    else this.#held.push(event);
  }

  #release() {
    const held = this.#held ?? [];
    this.#held = null;
    for (const event of held) this.dispatchEvent(event);
  }
}

/**
 * @param {string[]} contentTypes
 * @param {MediaStreamTrack | null} given
 * @returns {Promise<Input>}
 */
async function openInput(contentTypes, given) {
  if (given !== null) return { track: given, release: () => {} };
  if (!contentTypes.includes("input_audio")) return silence();
  if (navigator.mediaDevices === undefined) {
    const told = "The browser gives this page no microphone: serve it by https, or from localhost.";
    throw new RealtimeError(told, { code: "insecure_page" });
  }
  const [track] = (await navigator.mediaDevices.getUserMedia({ audio: true })).getAudioTracks();
  return { track, release: () => track.stop() };
}

/** @returns {Input} */
function silence() {
  const context = new AudioContext();
  const [track] = context.createMediaStreamDestination().stream.getAudioTracks();
  return {
    track,
    release: () => {
      track.stop();
      context.close();
    },
  };
}

/** @param {RTCPeerConnection} peer */
function gathered(peer) {
  return new Promise((resolve) => {
    peer.addEventListener("icegatheringstatechange", () => peer.iceGatheringState === "complete" && resolve(null));
    setTimeout(resolve, GATHER_WITHIN, null);
  });
}

/**
 * Post the offer.
 *
 * @param {string} url
 * @param {string} secret
 * @param {string} offer
 * @param {AbortSignal} signal
 */
async function exchange(url, secret, offer, signal) {
  const target = new URL(url, location.href);
  const headers = { Authorization: `Bearer ${secret}`, "Content-Type": "application/sdp" };
  let response;
  try {
    response = await fetch(url, { method: "POST", headers, body: offer, signal });
  } catch (cause) {
    signal.throwIfAborted();
    throw new RealtimeError(`${target.host} cannot be reached.`, { code: "unreachable", cause });
  }
  const answer = await response.text();
  if (!response.ok) throw refused(response.status, answer.replaceAll(secret, "ek_…"));
  const place = response.headers.get("Location");
  return { answer, callId: place === null ? null : lastSegment(new URL(place, target).pathname) };
}

/** @param {string} path */
function lastSegment(path) {
  return path.split("/").filter(Boolean).pop() ?? null;
}

/**
 * @param {number} status
 * @param {string} body  JSON as the service's errors are, or whatever stands between here and there said
 */
function refused(status, body) {
  /** @type {{message?: string, code?: string}} */
  let told = { message: body.slice(0, 200) };
  try {
    told = JSON.parse(body).error ?? told;
  } catch {
    // then it is plain text
  }
  const message = `The call was refused (${status}): ${told.message || "no reason was given."}`;
  return new RealtimeError(message, { status, code: told.code ?? null });
}

/** @param {number} timeout */
function late(timeout) {
  return new RealtimeError(`The call was not open within ${timeout / 1000} s.`, { code: "timeout" });
}

/**
 * @param {AbortSignal} signal
 * @returns {Promise<never>}
 */
function rejection(signal) {
  return new Promise((_, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

/** @param {string | ArrayBuffer} data */
function textOf(data) {
  return typeof data === "string" ? data : new TextDecoder().decode(data);
}
