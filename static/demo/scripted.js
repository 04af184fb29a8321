// A chat server inside the page: what the widget says is answered from a script, and nothing leaves the browser.
// For the page of every state and for the preview in the admin; load it before the widget.

/**
 * @param {{welcome?: object, settings?: object, answer?: (frame: object) => object[]}} script
 *   `welcome` completes the server's first frame, `settings` are those of the widget's row, `answer(frame)` gives the
 *   frames that follow one of the widget's
 * @returns {{say: (...frames: object[]) => void, cut: () => void}} to speak unasked, and to lose the line
 */
export function playServer({ welcome = {}, settings = {}, answer = () => [] }) {
  const lines = new Set();
  let down = false;

  class Line {
    static OPEN = 1;
    readyState = 0;

    constructor() {
      if (down) return;
      lines.add(this);
      queueMicrotask(() => {
        this.readyState = Line.OPEN;
        this.onopen?.();
      });
    }

    send(text) {
      const frame = JSON.parse(text);
      const first = { type: "welcome", protocol: 1, token: "scripted", conversation: null, messages: [], resumed: null, greeting: "", suggestions: [], ...welcome };
      const said = frame.type === "hello" ? [first, ...answer(frame)] : frame.type === "ping" ? [{ type: "pong", n: frame.n }] : answer(frame);
      queueMicrotask(() => this.hear(...said));
    }

    hear(...frames) {
      for (const frame of frames) if (lines.has(this)) this.onmessage?.({ data: JSON.stringify(frame) });
    }

    close() {
      lines.delete(this);
      this.readyState = 3;
    }
  }

  forgetful();
  const real = globalThis.fetch;
  globalThis.WebSocket = Line;
  globalThis.fetch = async (address, options) => {
    if (/\/widget\/[\w-]+\.json$/.test(String(address))) return Response.json(settings);
    if (String(address).endsWith("/chat/contact")) return new Response(null, { status: 201 });
    return real(address, options);
  };
  return {
    say: (...frames) => [...lines].at(-1)?.hear(...frames),
    cut() {
      down = true;
      for (const line of [...lines]) {
        line.close();
        line.onclose?.({ code: 1006 });
      }
    },
  };
}

/** The widget keeps nothing in this browser: its own memory serves it, as where storage is forbidden. */
function forgetful() {
  for (const verb of ["getItem", "setItem", "removeItem"]) {
    const real = Storage.prototype[verb];
    Storage.prototype[verb] = function (key, ...rest) {
      if (key.startsWith("support-chat:")) throw new DOMException("a scripted page", "SecurityError");
      return real.call(this, key, ...rest);
    };
  }
}
