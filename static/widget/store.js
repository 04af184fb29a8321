// What a browser remembers of a chat. `kept` lives over visits and is shared by tabs; `tab` belongs to one tab.
// Browsers may forbid storage: then a conversation lasts as long as the page.

function open(kind, name) {
  let memory = null;
  const area = () => globalThis[kind];
  return {
    name,
    read() {
      try {
        return JSON.parse(area().getItem(name) ?? "{}") ?? {};
      } catch {
        return memory ?? {}; // storage is forbidden, or holds what we never wrote
      }
    },
    write(changes) {
      const value = { ...this.read(), ...changes };
      memory = value;
      try {
        area().setItem(name, JSON.stringify(value));
      } catch {
        return; // forbidden or full: `memory` serves this page
      }
    },
    clear() {
      memory = null;
      try {
        area().removeItem(name);
      } catch {
        return; // forbidden: there was nothing to remove
      }
    },
  };
}

/** {token, conversation, last_seen} of the chat at `url`. */
export function kept(url) {
  return open("localStorage", `support-chat:${url}`);
}

/** {draft, pending, open} of this tab. */
export function tab(url) {
  return open("sessionStorage", `support-chat:${url}`);
}
