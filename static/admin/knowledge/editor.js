// The editor's desk: a plain textarea with a few buttons, and beside it what customers will see and be answered.

import { ask } from "./ask.js";
import { autosave } from "./editor_autosave.js";
import { arrange } from "./editor_layout.js";
import { pasteAsMarkdown } from "./editor_paste.js";
import { preview } from "./editor_preview.js";
import { counter, toolbar } from "./editor_toolbar.js";

const editor = document.querySelector(".kb-editor");
const body = document.getElementById("id_body");
if (editor && body) {
  body.before(toolbar(body));
  body.after(counter(body));
  pasteAsMarkdown(body);
  arrange(editor);
  preview(editor, body);
  autosave(editor, body);
  ask(editor, body);
}
