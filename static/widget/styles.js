// The look of the panel. Colours come in pairs, light and dark, each pair checked for contrast; sizes follow the
// reader's font size. Only logical directions, so that right-to-left pages mirror by themselves.

export const sheet = new CSSStyleSheet();
const LEAST = Math.max(1, 16 / parseFloat(getComputedStyle(document.documentElement).fontSize)); // as the launcher's

const TOKENS = `
:host { --_surface: light-dark(#fff, #111827); --_raised: light-dark(#f3f4f6, #1f2937); --_text: light-dark(#111827, #f3f4f6);
  --_muted: light-dark(#4b5563, #b6bdc9); --_line: light-dark(#d1d5db, #374151); --_control: light-dark(#6b7280, #8b95a5);
  --_user: light-dark(#dbeafe, #1e3a8a); --_user-text: light-dark(#172554, #eff4ff); --_chip: light-dark(#e0e7ff, #312e81);
  --_chip-text: light-dark(#3730a3, #e0e7ff); --_danger: light-dark(#b42318, #fda29b); --_danger-bg: light-dark(#fef3f2, #3b1512);
  --_warn: light-dark(#93370d, #fec84b); --_warn-bg: light-dark(#fffaeb, #33240a); --_ok: light-dark(#067647, #75e0a7); }
`;

const FRAME = `
.panel { --_links: var(--_link, var(--_accent)); position: fixed; inset: auto; margin: 0; padding: 0; box-sizing: border-box; overflow: hidden;
  inset-block-end: calc(var(--_block) + 3.5rem + 12px); inset-inline: var(--_start, auto) var(--_end, var(--_inline)); inline-size: min(var(--support-chat-width, 25rem), 100vw - 2 * var(--_inline));
  block-size: min(var(--support-chat-height, 40rem), 100dvh - 3.5rem - 12px - 2 * var(--_block)); max-inline-size: none; max-block-size: none;
  border: 1px solid light-dark(transparent, var(--_line)); border-radius: var(--support-chat-radius, 16px); background: var(--_surface); color: var(--_text);
  box-shadow: 0 12px 40px rgb(0 0 0 / 0.18); font: 400 0.9375rem/1.375rem var(--support-chat-font, system-ui, sans-serif); overflow-wrap: anywhere;
  text-align: start; text-transform: none; white-space: normal; visibility: visible; }
@media print { .panel { visibility: hidden; } }
.panel.wide { inline-size: min(35rem, 100vw - 2 * var(--_inline)); }
.panel[open] { display: flex; flex-direction: column; animation: in 200ms ease-out; }
.panel.full { inset: 0; inline-size: 100%; block-size: var(--_h, 100dvh); transform: translateY(var(--_y, 0)); border: 0; border-radius: 0; box-shadow: none; animation: none; }
.panel::backdrop { background: transparent; }
:host([mode="inline"]) .panel { position: absolute; inset: 0; inline-size: 100%; block-size: 100%; border-color: var(--_line); box-shadow: none; animation: none; }
:host([mode="inline"]) .panel :is([part="close"], .widen), .full .widen { display: none; }
@keyframes in { from { opacity: 0; transform: translateY(8px); } }
[hidden] { display: none !important; }
:where(.panel *, .panel *::before) { box-sizing: border-box; -webkit-tap-highlight-color: transparent; }
:where(h2, h3, p, ul, ol, fieldset, legend, blockquote, pre) { margin: 0; padding: 0; }
:where(button, input, textarea) { font: inherit; color: inherit; letter-spacing: inherit; }
.panel :focus-visible { outline: 3px solid var(--_ring); outline-offset: 2px; }
.panel :is(.log, article):focus-visible { outline-offset: -3px; }
.icon { inline-size: 1.25rem; block-size: 1.25rem; fill: none; stroke: currentColor; stroke-width: 1.75; stroke-linecap: round; stroke-linejoin: round; flex: none; }
.icon-menu { stroke-width: 3; }
.muted, .hint, .byline, .small { color: var(--_muted); font-size: 0.8125rem; }
`;

const HEADER = `
.top { flex: none; border-block-end: 1px solid var(--_line); background: var(--_raised); }
.header { position: relative; display: flex; align-items: center; gap: 4px; min-block-size: 3.5rem; padding-inline: 16px 8px; padding-block: 6px; }
.titles { flex: 1; min-inline-size: 0; }
.titles h2 { font-size: 1.0625rem; line-height: 1.5rem; font-weight: 600; }
.subtitle { display: block; min-block-size: 1.5rem; padding: 0; border: 0; background: none; cursor: pointer; text-align: start; color: var(--_muted); font-size: 0.8125rem; }
.icon-button { display: grid; place-items: center; inline-size: 2.25rem; block-size: 2.25rem; padding: 0; border: 1px solid transparent; border-radius: 10px; background: none; cursor: pointer; color: var(--_muted); }
.icon-button:hover { background: color-mix(in srgb, var(--_text) 8%, transparent); color: var(--_text); }
.header > .icon-button { inline-size: 2.75rem; block-size: 2.75rem; }
.menu { position: absolute; z-index: 2; inset-block-start: calc(100% - 4px); inset-inline-end: 8px; min-inline-size: 15rem; max-inline-size: calc(100% - 16px); padding: 4px; border: 1px solid var(--_line); border-radius: 10px; background: var(--_surface); box-shadow: 0 8px 24px rgb(0 0 0 / 0.16); }
.item { display: flex; align-items: center; inline-size: 100%; min-block-size: 2.75rem; padding: 8px 12px; border: 1px solid transparent; border-radius: 6px; background: none; color: var(--_text); text-align: start; text-decoration: none; cursor: pointer; }
.item select { margin-inline-start: auto; min-block-size: 2.25rem; border: 1px solid var(--_control); border-radius: 6px; background: var(--_surface); }
.item:hover { background: var(--_raised); }
.about { padding: 0 16px 12px; color: var(--_muted); font-size: 0.8125rem; line-height: 1.25rem; }
.notice { flex: none; padding: 8px 16px; background: var(--_chip); color: var(--_chip-text); font-size: 0.8125rem; }
.notice.warn { background: var(--_warn-bg); color: var(--_warn); }
`;

const LOG = `
.log { flex: 1; min-block-size: 0; overflow-y: auto; overscroll-behavior: contain; padding: 16px; scroll-padding: 16px; position: relative; }
.turns { list-style: none; display: grid; gap: 24px; }
.turn { display: flex; flex-direction: column; gap: 12px; }
.turn.current { min-block-size: var(--_room, 0); }
.question { display: flex; flex-direction: column; align-items: flex-end; gap: 4px; }
.bubble { max-inline-size: 85%; padding: 10px 14px; border: 1px solid transparent; border-radius: 14px; border-end-end-radius: 4px; background: var(--_user); color: var(--_user-text); white-space: pre-wrap; }
.question.waiting .bubble { opacity: 0.75; }
.question .stage { align-self: flex-start; }
.note { color: var(--_danger); font-size: 0.8125rem; }
.note:empty, .turns:empty, .lead:empty, .hint:empty, .status:empty, .error:empty, .foot:empty, .thanks:empty { display: none; }
.answer, .agent { display: flex; flex-direction: column; gap: 8px; margin-inline-end: 16px; padding: 12px 14px; border: 1px solid transparent; border-radius: 14px; border-end-start-radius: 4px; background: var(--_raised); }
.agent { background: var(--_surface); border-color: var(--_control); }
.byline { display: flex; gap: 8px; align-items: baseline; }
.author { font-weight: 600; color: var(--_text); }
.event { align-self: center; display: grid; gap: 8px; color: var(--_muted); font-size: 0.8125rem; text-align: center; }
.prose { display: flex; flex-direction: column; gap: 8px; max-inline-size: 60ch; }
.prose:empty { display: none; }
.prose :is(ul, ol) { padding-inline-start: 1.5em; display: grid; gap: 4px; }
.prose :is(a, .words) { color: var(--_links); text-decoration: underline; text-underline-offset: 2px; }
.prose .heading { font-weight: 600; }
.prose code { padding: 1px 4px; border-radius: 4px; background: color-mix(in srgb, var(--_text) 8%, transparent); font: 0.875em/1.4 ui-monospace, monospace; }
.prose :is(pre, .table) { overflow-x: auto; max-inline-size: 100%; }
.prose pre { padding: 8px 12px; border-radius: 10px; background: color-mix(in srgb, var(--_text) 6%, transparent); }
.prose pre code { padding: 0; background: none; overflow-wrap: normal; white-space: pre; }
.prose table { border-collapse: collapse; font-size: 0.875rem; }
.prose :is(th, td) { padding: 4px 8px; border: 1px solid var(--_line); text-align: start; overflow-wrap: normal; }
.prose.quote, .prose blockquote { padding-inline-start: 12px; border-inline-start: 3px solid var(--_control); }
.cite { white-space: nowrap; }
.chip { display: inline-grid; place-items: center; min-inline-size: 1.5rem; block-size: 1.5rem; margin: -3px -4px; padding: 0; border: 3px solid transparent; border-radius: 9px; background: var(--_chip) padding-box; color: var(--_chip-text); font-size: 0.8125rem; font-weight: 600; line-height: 1; vertical-align: baseline; cursor: pointer; }
.stage { display: flex; align-items: center; gap: 8px; color: var(--_muted); animation: appear 1ms 300ms both; }
.dots { display: inline-flex; gap: 4px; }
.dots i { inline-size: 6px; block-size: 6px; border-radius: 50%; background: currentColor; animation: pulse 1s 5 ease-in-out; opacity: 0.5; }
.dots i:nth-child(2) { animation-delay: 150ms; }
.dots i:nth-child(3) { animation-delay: 300ms; }
@keyframes pulse { 50% { opacity: 1; transform: translateY(-2px); } }
@keyframes appear { from { visibility: hidden; } to { visibility: visible; } }
`;

const ENDING = `
.foot { display: flex; flex-direction: column; gap: 8px; }
.sources h3, .suggestions h3 { margin-block-end: 4px; color: var(--_muted); font-size: 0.8125rem; font-weight: 600; }
.sources ul { list-style: none; display: grid; border-block-start: 1px solid var(--_line); }
.sources summary { min-block-size: 2.25rem; align-content: center; color: var(--_links); cursor: pointer; }
.sources li { border-block-end: 1px solid var(--_line); }
.sources li > * { display: flex; align-items: center; gap: 10px; min-block-size: 2.75rem; padding-block: 6px; color: var(--_links); text-decoration: none; }
.words { display: flex; flex-direction: column; min-inline-size: 0; }
.words .name { text-decoration: underline; text-underline-offset: 2px; }
.section { color: var(--_muted); font-size: 0.8125rem; }
.number { display: grid; place-items: center; flex: none; inline-size: 1.25rem; block-size: 1.25rem; border-radius: 6px; background: var(--_chip); color: var(--_chip-text); font-size: 0.8125rem; font-weight: 600; }
.buttons { display: flex; flex-wrap: wrap; gap: 8px; }
.button, .chip-button { min-block-size: 2.25rem; padding: 6px 14px; border: 1px solid var(--_control); border-radius: 10px; background: var(--_surface); color: var(--_text); text-align: start; text-decoration: none; cursor: pointer; }
.button:hover, .chip-button:hover, .suggestion:hover { border-color: var(--_accent); background: color-mix(in srgb, var(--_accent) 8%, var(--_surface)); }
.primary { border-color: var(--_accent); background: var(--_accent); color: var(--_on-accent); }
.primary:hover { filter: brightness(1.1); }
.chip-button { border-radius: 999px; font-size: 0.875rem; }
.chip-button[aria-pressed="true"] { border-color: var(--_accent); background: var(--_chip); color: var(--_chip-text); font-weight: 600; }
.chip-button[aria-pressed="true"]::before { content: "✓ "; }
.actions { display: flex; align-items: center; gap: 4px; margin-inline-start: -8px; }
.rating { display: contents; }
.icon-button[aria-pressed="true"] { color: var(--_ok); }
.icon-button[aria-pressed="true"] .icon { fill: color-mix(in srgb, currentColor 30%, transparent); stroke-width: 2.25; }
.thanks { order: 1; color: var(--_muted); font-size: 0.8125rem; }
.reasons:empty { display: none; }
.why { display: flex; flex-direction: column; gap: 8px; border: 0; min-inline-size: 0; align-items: flex-start; }
.why legend { margin-block-end: 8px; font-weight: 600; }
.chips { display: flex; flex-wrap: wrap; gap: 8px; }
.panel :is(.why textarea, .contact :is(input, textarea)) { inline-size: 100%; padding: 8px 12px; border: 1px solid var(--_control); border-radius: 10px; background: var(--_surface); font-size: max(16px, 1rem); line-height: 1.5rem; resize: vertical; }
.panel .contact [aria-invalid="true"] { border-color: var(--_danger); }
.error { color: var(--_danger); }
.failed { background: var(--_danger-bg); }
.empty { display: grid; gap: 16px; }
.greeting { max-inline-size: 60ch; }
.suggestions { display: grid; gap: 8px; }
button.suggestion { min-block-size: 2.75rem; inline-size: 100%; }
.contact { display: grid; gap: 8px; margin-block-start: 24px; padding: 16px; border: 1px solid var(--_control); border-radius: 14px; }
.contact input { min-block-size: 2.75rem; }
.contact label { font-weight: 600; }
.place > .status { margin-block-start: 16px; color: var(--_ok); }
`;

const BOTTOM = `
.bottom { position: relative; flex: none; padding: 8px 12px calc(8px + env(safe-area-inset-bottom, 0px)); border-block-start: 1px solid var(--_line); }
.more { position: absolute; inset-block-end: calc(100% + 8px); inset-inline: 0; inline-size: max-content; margin-inline: auto; display: flex; align-items: center; gap: 6px; padding-inline: 10px 14px; border-radius: 999px; box-shadow: 0 4px 16px rgb(0 0 0 / 0.2); font-size: 0.8125rem; }
.row { display: flex; align-items: flex-end; gap: 4px; padding: 3px; border: 1px solid var(--_control); border-radius: 14px; background: var(--_surface); }
.row:focus-within { outline: 3px solid var(--_ring); outline-offset: -1px; }
.row textarea { flex: 1; min-inline-size: 0; min-block-size: 2.75rem; max-block-size: calc(6 * 1.5rem + 20px); padding: 10px; border: 0; background: none; font-size: max(16px, 1rem); line-height: 1.5rem; resize: none; field-sizing: content; }
.row textarea:focus-visible { outline: none; }
.panel ::placeholder { color: var(--_muted); opacity: 1; }
.send { display: grid; place-items: center; flex: none; inline-size: 2.75rem; block-size: 2.75rem; padding: 0; border: 1px solid transparent; border-radius: 10px; background: var(--_accent); color: var(--_on-accent); cursor: pointer; }
.send[aria-disabled="true"] { background: var(--_raised); color: var(--_muted); }
.send .icon-stop, .send.busy .icon-send { display: none; }
.send.busy .icon-stop { display: block; fill: currentColor; }
.icon-send:dir(rtl) { transform: scaleX(-1); }
.hint { padding: 0 4px 6px; }
.hint[data-kind="over"] { color: var(--_danger); }
.small { padding: 6px 4px 0; text-align: center; font-size: 0.75rem; }
.log > .small { display: none; }
.preview { position: fixed; margin: 0; inset: auto; inline-size: min(20rem, 100vw - 16px); padding: 12px; border: 1px solid var(--_line); border-radius: 14px; background: var(--_surface); color: var(--_text); box-shadow: 0 8px 24px rgb(0 0 0 / 0.16); }
.preview:popover-open { display: grid; gap: 8px; justify-items: start; }
.preview .bar { display: flex; justify-content: space-between; align-items: flex-start; inline-size: 100%; gap: 8px; }
.preview .name { font-weight: 600; padding-block: 6px; }
@media (pointer: coarse) { .panel :is(.icon-button, .button, .chip-button, select) { min-inline-size: 2.75rem; min-block-size: 2.75rem; } }
@media (height < 480px) { .header { min-block-size: 2.75rem; padding-block: 0; } .subtitle { display: none; } .row textarea { max-block-size: calc(2 * 1.5rem + 20px); } .bottom .small { display: none; } .log > .small { display: block; } }
@media (prefers-reduced-motion: reduce) { .panel *, .panel[open] { animation: none !important; transition: none !important; } }
@media (forced-colors: active) { .send, .primary { forced-color-adjust: none; background: ButtonFace; color: ButtonText; border-color: ButtonText; } .chip { border-width: 1px; } .icon-button[aria-pressed="true"] { border-color: Highlight; } }
`;

sheet.replaceSync((TOKENS + FRAME + HEADER + LOG + ENDING + BOTTOM).replace(/[\d.]+(?=rem)/g, (size) => size * LEAST));
