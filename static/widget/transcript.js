// The conversation as data. `next(transcript, frame)` is pure: it reads one frame of the server and gives the
// transcript after it. Frames and fields it does not know are left alone, so an older widget survives a newer server.

export const EMPTY = Object.freeze({
  conversation: null, // uuid, null until the first question is accepted
  greeting: "",
  suggestions: Object.freeze([]),
  messages: Object.freeze([]),
  agent: null, // {name, state: waiting | joined | left | closed | ended}
  gap: null, // id of a reply of which a frame is missing; a new hello closes it
  known: false, // a customer whom the company's server has named
  error: null, // {code}: the last refusal that belongs to no question
});

const REDUCERS = { welcome, accepted, stage, sources, delta, done, failed, restart, rated, message, agent, error };

export function next(transcript, frame) {
  const type = frame?.type;
  return Object.hasOwn(REDUCERS, type) ? REDUCERS[type](transcript, frame) : transcript;
}

/** A question the customer has just sent; `id` is the client's own and survives reconnects. */
export function asked(transcript, { id, text, created }) {
  if (transcript.messages.some((m) => m.key === id)) return transcript;
  const question = { ...row({ id, role: "customer", text, created, status: "sending" }), key: id };
  return { ...transcript, error: null, messages: [...transcript.messages, question] };
}

/** The question is taken back before the server had it. */
export function withdrawn(transcript, id) {
  return { ...transcript, messages: transcript.messages.filter((m) => m.key !== id || m.status !== "sending") };
}

/** The reply being written, or null. */
export function running(transcript) {
  return transcript.messages.findLast((m) => m.role === "bot" && isOpen(m)) ?? null;
}

/** What to tell the server in `hello` so that it goes on exactly where this client stopped. */
export function lastSeen(transcript) {
  const reply = running(transcript);
  return reply && { reply: reply.id, epoch: reply.epoch, seq: reply.seq };
}

/** True while a question waits for its answer. */
export function busy(transcript) {
  return Boolean(running(transcript)) || transcript.messages.some((m) => m.status === "sending");
}

/** The question that `reply` answers. */
export function questionOf(transcript, reply) {
  const at = transcript.messages.findIndex((m) => m.id === reply);
  return transcript.messages.slice(0, Math.max(at, 0)).findLast((m) => m.role === "customer") ?? null;
}

function isOpen(m) {
  return m.status === "queued" || m.status === "streaming";
}

function row(raw) {
  return {
    id: raw.id,
    key: raw.id, // what the view is keyed by: a question keeps the id it was born with
    role: raw.role,
    text: raw.text ?? "",
    created: raw.created,
    status: raw.status ?? "done",
    outcome: raw.outcome || null,
    epoch: raw.epoch ?? 1,
    seq: raw.seq ?? 0,
    sources: raw.sources ?? [],
    nearest: raw.nearest ?? [],
    followUps: raw.follow_ups ?? [],
    author: raw.name,
    rating: raw.rating ?? null,
    stage: null,
    position: null,
    code: null,
    note: "",
    live: false, // true once a frame of it arrived on this page
  };
}

function change(transcript, id, edit) {
  const at = transcript.messages.findIndex((m) => m.id === id);
  if (at < 0) return transcript;
  const messages = transcript.messages.slice();
  messages[at] = { ...messages[at], ...edit(messages[at]) };
  return { ...transcript, messages };
}

function welcome(transcript, frame) {
  const conversation = frame.conversation ?? null;
  const same = transcript.conversation === null || transcript.conversation === conversation;
  const resumed = frame.resumed === true ? lastSeen(transcript)?.reply : null;
  const mine = new Map(transcript.messages.map((m) => [m.id, m]));
  const messages = (frame.messages ?? []).map((raw) => {
    const known = same ? mine.get(raw.id) : undefined;
    if (known && raw.id === resumed) return known; // the frames that follow go on from what is here
    return { ...row(raw), key: known?.key ?? raw.id, rating: raw.rating ?? known?.rating ?? null };
  });
  const kept = new Set(messages.map((m) => m.id));
  if (same && resumed && !kept.has(resumed)) messages.push(mine.get(resumed));
  const unsent = transcript.messages.filter((m) => m.status === "sending" && !kept.has(m.id));
  return {
    ...transcript,
    conversation,
    greeting: frame.greeting ?? "",
    suggestions: frame.suggestions ?? [],
    messages: [...messages, ...unsent],
    known: Boolean(frame.known),
    agent: null, // told next, if a person is asked for or there
    gap: null,
  };
}

function accepted(transcript, frame) {
  const known = new Set(transcript.messages.map((m) => m.id));
  const messages = [];
  for (const m of transcript.messages) {
    if (m.key !== frame.id || m.status !== "sending") {
      messages.push(m);
    } else if (!known.has(frame.message)) {
      messages.push({ ...m, id: frame.message, status: "done" });
    }
  }
  if (frame.reply && !known.has(frame.reply)) {
    const reply = { ...row({ id: frame.reply, role: "bot", status: "queued", created: frame.at }), live: true };
    const after = messages.findIndex((m) => m.id === frame.message);
    messages.splice(after < 0 ? messages.length : after + 1, 0, reply);
  }
  const agent = transcript.agent?.state === "ended" ? null : transcript.agent; // a question opens it again
  return { ...transcript, conversation: frame.conversation ?? transcript.conversation, agent, messages };
}

function stage(transcript, frame) {
  return change(transcript, frame.reply, (m) =>
    isOpen(m) ? { stage: frame.stage, position: frame.position ?? null, live: true } : {},
  );
}

/** Apply a numbered frame once and in order: an older epoch or a seen number is dropped, a missing one is reported. */
function numbered(transcript, frame, edit) {
  let known = transcript;
  if (!transcript.messages.some((m) => m.id === frame.reply)) {
    const reply = row({ id: frame.reply, role: "bot", status: "queued", epoch: frame.epoch });
    known = { ...transcript, messages: [...transcript.messages, reply] };
  }
  let m = known.messages.find((other) => other.id === frame.reply);
  if (frame.epoch < m.epoch) return transcript;
  if (frame.epoch > m.epoch) m = { ...m, ...begun(frame.epoch) };
  if (frame.seq <= m.seq) return transcript;
  if (frame.seq > m.seq + 1) return { ...known, gap: m.id };
  const after = { ...m, epoch: frame.epoch, seq: frame.seq, live: true, ...edit(m) };
  return change(known, frame.reply, () => after);
}

function begun(epoch) {
  return { epoch, seq: 0, text: "", sources: [], status: "streaming", outcome: null };
}

function sources(transcript, frame) {
  return numbered(transcript, frame, () => ({ sources: frame.sources ?? [], status: "streaming" }));
}

function delta(transcript, frame) {
  return numbered(transcript, frame, (m) => ({ text: m.text + frame.text, status: "streaming" }));
}

function done(transcript, frame) {
  return numbered(transcript, frame, (m) => ({
    status: "done",
    text: frame.text ?? m.text,
    outcome: frame.outcome,
    nearest: frame.nearest ?? [],
    followUps: frame.follow_ups ?? [],
    stage: null,
  }));
}

function failed(transcript, frame) {
  return numbered(transcript, frame, () => ({ status: "failed", code: frame.code, note: frame.text ?? "", stage: null }));
}

function restart(transcript, frame) {
  return change(transcript, frame.reply, (m) => (frame.epoch > m.epoch ? begun(frame.epoch) : {}));
}

function rated(transcript, frame) {
  return change(transcript, frame.reply, () => ({ rating: frame.score }));
}

function message(transcript, frame) {
  const raw = frame.message ?? frame;
  if (!raw.id || transcript.messages.some((m) => m.id === raw.id)) return transcript;
  const said = { ...row({ name: transcript.agent?.name, ...raw, role: raw.role ?? "agent" }), live: true };
  return { ...transcript, messages: [...transcript.messages, said] };
}

function agent(was, frame) {
  const transcript = { ...was, conversation: frame.conversation ?? was.conversation };
  const before = was.agent;
  if (before?.state === frame.state && (!frame.name || before.name === frame.name)) return transcript;
  const now = { name: frame.name ?? "", state: frame.state };
  const told = now.state === "joined" || now.state === "ended" || (now.state === "left" && before?.state === "joined");
  if (!told) return { ...transcript, agent: now };
  const id = `agent-${transcript.messages.length}-${now.state}`;
  const line = { ...row({ id, role: "notice", status: now.state, name: now.name || before?.name }), live: true };
  return { ...transcript, agent: now, messages: [...transcript.messages, line] };
}

function error(transcript, frame) {
  const waiting = transcript.messages.filter((m) => m.status === "sending");
  const about = frame.id ? waiting.find((m) => m.key === frame.id) : null;
  const refused = about ?? (["too_long", "empty", "rate_limited", "busy"].includes(frame.code) ? waiting.at(-1) : null);
  if (!refused) return { ...transcript, error: { code: frame.code } };
  return change(transcript, refused.id, () => ({ status: "refused", code: frame.code, note: frame.text ?? "" }));
}
