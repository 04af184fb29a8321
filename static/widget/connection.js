// One websocket that comes back. It knows hello, ping and waiting; what the frames mean is the session's affair.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 30_000;
const PING_MS = 25_000;
const PATIENCE_MS = 10_000; // for the welcome, and for a pong
const STEADY_MS = 5_000; // a connection that lived this long starts the waiting times anew

/** Full jitter: anywhere from 0 to the exponential bound, so that a thousand widgets do not come back at once. */
export function waitBefore(attempt, random = Math.random) {
  return random() * Math.min(LONGEST_WAIT_MS, FIRST_WAIT_MS * 2 ** attempt);
}

export class Connection {
  #url;
  #hello;
  #onFrame;
  #onState;
  #socket = null;
  #attempt = 0;
  #retry = 0;
  #watch = 0;
  #beat = 0;
  #count = 0;
  #openedAt = 0;
  #wanted = false;
  state = "idle"; // idle | connecting | ready | lost | offline

  /** `hello()` makes the first frame; `onFrame(frame)` hears every frame; `onState(state, closeCode)` every change. */
  constructor(url, { hello, onFrame, onState }) {
    this.#url = url;
    this.#hello = hello;
    this.#onFrame = onFrame;
    this.#onState = onState;
  }

  open() {
    if (this.#wanted) return;
    this.#wanted = true;
    globalThis.addEventListener("online", this.#wake);
    globalThis.addEventListener("offline", this.#sleep);
    document.addEventListener("visibilitychange", this.#wake);
    this.#dial();
  }

  close() {
    this.#wanted = false;
    globalThis.removeEventListener("online", this.#wake);
    globalThis.removeEventListener("offline", this.#sleep);
    document.removeEventListener("visibilitychange", this.#wake);
    this.#drop();
    this.#set("idle");
  }

  /** Hang up and dial again at once: a new hello, a new welcome. */
  again() {
    if (!this.#wanted) return this.open();
    this.#drop();
    this.#attempt += 1;
    this.#dial();
  }

  /** As `again`, after the usual wait: for a fault that may come back. */
  recover() {
    this.#closed();
  }

  /** True if the frame went out; the caller keeps what must not be lost. */
  send(frame) {
    if (this.state !== "ready" || this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(frame));
    return true;
  }

  greet() {
    this.#socket?.send(JSON.stringify(this.#hello()));
  }

  #dial() {
    clearTimeout(this.#retry);
    if (!this.#wanted || this.#socket) return;
    if (navigator.onLine === false) return this.#set("offline");
    if (this.state !== "lost") this.#set("connecting");
    const socket = new WebSocket(this.#url);
    this.#socket = socket;
    this.#expect();
    socket.onopen = () => this.greet();
    socket.onmessage = (event) => socket === this.#socket && this.#hear(event.data);
    socket.onclose = (event) => socket === this.#socket && this.#closed(event.code);
  }

  #hear(data) {
    const frame = JSON.parse(data);
    clearTimeout(this.#watch);
    if (frame.type === "welcome") {
      this.#openedAt = Date.now();
      clearInterval(this.#beat);
      this.#beat = setInterval(() => this.#ping(), PING_MS);
      this.#set("ready");
    }
    this.#onFrame(frame);
  }

  #ping() {
    this.#count += 1;
    if (this.send({ type: "ping", n: this.#count })) this.#expect();
  }

  /** Something must be heard within PATIENCE_MS, else the line is dead although nobody has said so. */
  #expect() {
    clearTimeout(this.#watch);
    this.#watch = setTimeout(() => this.#closed(), PATIENCE_MS);
  }

  #closed(code = 0) {
    this.#drop();
    if (!this.#wanted) return;
    if (this.#openedAt && Date.now() - this.#openedAt > STEADY_MS) this.#attempt = 0;
    this.#openedAt = 0;
    this.#set(navigator.onLine === false ? "offline" : "lost", code);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => this.#dial(), waitBefore(this.#attempt));
    this.#attempt += 1;
  }

  #drop() {
    clearTimeout(this.#retry);
    clearTimeout(this.#watch);
    clearInterval(this.#beat);
    const socket = this.#socket;
    this.#socket = null;
    socket?.close();
  }

  #wake = () => {
    if (!this.#wanted || this.#socket || document.visibilityState === "hidden") return;
    this.#attempt = 0;
    this.#dial();
  };

  #sleep = () => {
    this.#drop();
    this.#set("offline");
  };

  #set(state, code = 0) {
    if (state === this.state && !code) return;
    this.state = state;
    this.#onState(state, code);
  }
}
