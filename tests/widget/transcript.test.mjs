import assert from "node:assert/strict";
import { test } from "node:test";

import { EMPTY, asked, busy, lastSeen, next, questionOf, running, withdrawn } from "../../static/widget/transcript.js";

const R = "reply-1";
const play = (frames, from = EMPTY) => frames.reduce(next, from);
const opened = () => next(EMPTY, { type: "welcome", conversation: null, messages: [], resumed: null, suggestions: ["How?"] });
const begun = () =>
  play([{ type: "accepted", id: "q1", message: "m1", reply: R, conversation: "c1" }], asked(opened(), { id: "q1", text: "How do I return it?" }));
const delta = (seq, text, epoch = 1) => ({ type: "delta", reply: R, epoch, seq, text });
const done = (seq, text, epoch = 1, more = {}) => ({ type: "done", reply: R, epoch, seq, text, outcome: "answered", citations: [], nearest: [], follow_ups: [], ...more });
const bot = (transcript) => transcript.messages.find((m) => m.id === R);

test("an answer streams into its reply and ends with the text of done", () => {
  const end = play([{ type: "sources", reply: R, epoch: 1, seq: 1, sources: [{ n: 1, title: "Returns" }] }, delta(2, "Send "), delta(3, "it back."), done(4, "Send it back.")], begun());
  assert.equal(bot(end).text, "Send it back.");
  assert.equal(bot(end).status, "done");
  assert.equal(bot(end).sources.length, 1);
  assert.equal(busy(end), false);
  assert.equal(questionOf(end, R).text, "How do I return it?");
});

test("a question keeps its key when the server names it", () => {
  const question = begun().messages[0];
  assert.deepEqual([question.key, question.id, question.status], ["q1", "m1", "done"]);
});

test("a frame heard twice is written once", () => {
  const end = play([delta(1, "a"), delta(2, "b"), delta(1, "a"), delta(2, "b"), delta(3, "c")], begun());
  assert.equal(bot(end).text, "abc");
});

test("a missing frame is reported and nothing is written after it", () => {
  const end = play([delta(1, "a"), delta(3, "c")], begun());
  assert.equal(bot(end).text, "a");
  assert.equal(end.gap, R);
});

test("a restart voids what was said, and frames of the old epoch are dropped", () => {
  const end = play([delta(1, "wrong"), { type: "restart", reply: R, epoch: 2 }, delta(2, " late"), delta(1, "right", 2), done(2, "right", 2)], begun());
  assert.equal(bot(end).text, "right");
  assert.equal(bot(end).epoch, 2);
});

test("a new epoch begins even when its restart was not heard", () => {
  assert.equal(bot(play([delta(1, "wrong"), delta(1, "right", 2)], begun())).text, "right");
});

test("resumed: true goes on from the text that is here, whatever the row says", () => {
  const before = play([delta(1, "ab"), delta(2, "cd")], begun());
  assert.deepEqual(lastSeen(before), { reply: R, epoch: 1, seq: 2 });
  const rows = [{ id: "m1", role: "customer", text: "How do I return it?" }, { id: R, role: "bot", text: "abcdef", status: "streaming", epoch: 1, seq: 3 }];
  const end = play([{ type: "welcome", conversation: "c1", messages: rows, resumed: true }, delta(3, "ef"), done(4, "abcdef")], before);
  assert.equal(bot(end).text, "abcdef");
  assert.equal(end.messages.length, 2);
});

test("resumed: false takes the text, epoch and number of the row", () => {
  const before = play([delta(1, "ab")], begun());
  const rows = [{ id: R, role: "bot", text: "abcd", status: "streaming", epoch: 1, seq: 2 }];
  const end = play([{ type: "welcome", conversation: "c1", messages: rows, resumed: false }, delta(2, "cd"), delta(3, "ef")], before);
  assert.equal(bot(end).text, "abcdef");
});

test("a reply that ended while nobody listened is taken whole", () => {
  const rows = [{ id: R, role: "bot", text: "All of it.", status: "done", outcome: "answered", epoch: 2, seq: 9 }];
  const end = next(play([delta(1, "Al")], begun()), { type: "welcome", conversation: "c1", messages: rows, resumed: false });
  assert.deepEqual([bot(end).text, running(end)], ["All of it.", null]);
});

test("a question that was not accepted survives the welcome, one that was is not doubled", () => {
  const waiting = asked(begun(), { id: "q2", text: "And the fee?" });
  const rows = [{ id: "m1", role: "customer", text: "How do I return it?" }, { id: R, role: "bot", text: "x", status: "done" }];
  const back = next(waiting, { type: "welcome", conversation: "c1", messages: rows, resumed: false });
  assert.equal(back.messages.at(-1).status, "sending");
  const committed = next(waiting, { type: "welcome", conversation: "c1", messages: [...rows, { id: "m2", role: "customer", text: "And the fee?" }], resumed: false });
  const end = next(committed, { type: "accepted", id: "q2", message: "m2", reply: "reply-2", conversation: "c1" });
  assert.deepEqual(end.messages.map((m) => m.id), ["m1", R, "m2", "reply-2"]);
});

test("another conversation takes nothing over from this one", () => {
  const end = next(begun(), { type: "welcome", conversation: "c2", messages: [], resumed: null });
  assert.deepEqual([end.conversation, end.messages.length], ["c2", 0]);
});

test("a refused question says why and can be seen", () => {
  const end = next(asked(opened(), { id: "q1", text: "x".repeat(9999) }), { type: "error", code: "too_long", text: "Too long." });
  assert.deepEqual([end.messages[0].status, end.messages[0].code, busy(end)], ["refused", "too_long", false]);
});

test("a question taken back before it was sent is gone", () => {
  assert.equal(withdrawn(asked(opened(), { id: "q1", text: "Hi" }), "q1").messages.length, 0);
});

test("people come, speak and go once each", () => {
  const joined = { type: "agent", name: "Ada", state: "joined" };
  const said = { type: "message", id: "a1", role: "agent", text: "Hello", name: "Ada" };
  const end = play([{ type: "agent", name: "", state: "waiting" }, joined, { ...joined, name: "" }, said, said, { type: "agent", name: "Ada", state: "left" }], opened());
  assert.deepEqual(end.messages.map((m) => [m.role, m.status]), [["notice", "joined"], ["agent", "done"], ["notice", "left"]]);
  assert.deepEqual(end.messages.map((m) => m.author), ["Ada", "Ada", "Ada"]);
});

test("a person asked for before the first question begins a conversation, and a welcome forgets who was there", () => {
  const waiting = play([{ type: "agent", name: "", state: "waiting", conversation: "c1" }], opened());
  assert.deepEqual([waiting.conversation, waiting.agent.state], ["c1", "waiting"]);
  assert.equal(next(waiting, { type: "welcome", conversation: "c1", messages: [], resumed: null }).agent, null);
});

test("ratings, failures and stages are kept with their reply", () => {
  assert.equal(bot(next(begun(), { type: "stage", reply: R, stage: "queued", position: 3 })).position, 3);
  assert.equal(bot(next(begun(), { type: "rated", reply: R, score: -1 })).rating, -1);
  const failed = next(begun(), { type: "failed", reply: R, epoch: 1, seq: 1, code: "unavailable", text: "Down." });
  assert.deepEqual([bot(failed).status, bot(failed).code, busy(failed)], ["failed", "unavailable", false]);
});

test("frames and fields that this widget does not know change nothing", () => {
  const before = begun();
  for (const frame of [{ type: "confetti" }, { type: "toString" }, {}, null, { type: "stage", reply: "stranger", stage: "writing" }]) {
    assert.deepEqual(next(before, frame), before);
  }
});

test("a transcript is never changed in place", () => {
  const freeze = (value) => {
    if (value && typeof value === "object") Object.values(Object.freeze(value)).forEach(freeze);
    return value;
  };
  let state = freeze(begun());
  for (const frame of [delta(1, "a"), { type: "restart", reply: R, epoch: 2 }, delta(1, "b", 2), done(2, "b", 2), { type: "rated", reply: R, score: 1 }]) {
    state = freeze(next(state, freeze(frame)));
  }
  assert.equal(bot(state).text, "b");
});
