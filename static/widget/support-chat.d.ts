/** <support-chat>: what scripts of a page may use of it. docs/widget.md tells the same in words. */
export interface SupportChatEvents {
  "sc-ready": CustomEvent<{}>;
  "sc-toggle": CustomEvent<{ open: boolean; reason: "user" | "api" | "escape" | "restore" }>;
  "sc-ask": CustomEvent<{ text: string }>;
  "sc-answer": CustomEvent<{ id: string; kind: "answer" | "extract" | "abstain" | "stopped" | "handed_over"; sources: number; ms: number }>;
  "sc-source": CustomEvent<{ url: string }>;
  "sc-rate": CustomEvent<{ id: string; value: 1 | -1 }>;
  "sc-human": CustomEvent<{ status: "waiting" | "joined" | "left" | "closed" | "ended" }>;
  "sc-unread": CustomEvent<{ count: number }>;
  "sc-error": CustomEvent<{ code: string; retryable: boolean }>;
}

export interface SupportChat extends HTMLElement {
  /** As the attribute. */
  key: string;
  /** As the attribute. */
  open: boolean;
  /** As the attribute; what is not known is `floating`. */
  mode: "floating" | "inline";
  /** As the attribute. */
  placement: "end" | "start";
  /** As the attribute. */
  theme: "auto" | "light" | "dark";
  /** An origin, whatever address was given. */
  endpoint: string;
  /** As the attribute. */
  heading: string;
  /** As the attribute. */
  privacyHref: string;
  /** As the attribute. */
  noLauncher: boolean;
  /** Sentences in place of ours, keys as in strings/en.js; set before the panel is opened. */
  strings?: Record<string, string | Record<string, string>>;
  /** Up to four questions, in place of the row's. */
  suggestions?: string[];
  /** Up to eight short texts about the page, shown to the team as unproven. */
  context?: Record<string, string>;
  /** Of the line to the server. */
  readonly state: "idle" | "connecting" | "ready" | "lost" | "offline";
  /** Answers and messages that came while it was closed. */
  unread: number;
  /** Of the conversation that is shown. */
  readonly conversationId: string | null;
  /** Open the panel. */
  show(): void;
  /** Close the panel. */
  close(): void;
  /** Open or close the panel. */
  toggle(): void;
  /** To the box, or to the launcher while it is closed. */
  focus(): void;
  /** Gives the id of the question, or null if one is being answered. */
  ask(text: string): Promise<string | null>;
  /** Put words into the box. */
  fill(text: string): Promise<void>;
  /** End the answer that is being written. */
  stop(): Promise<boolean>;
  /** Sign a known customer in, with a token that your server made. */
  identify(token: string): Promise<void>;
  /** On log-out: forget the conversation, here and on the server's side of the token. */
  reset(): Promise<void>;
  addEventListener<K extends keyof SupportChatEvents>(
    type: K, listener: (this: SupportChat, event: SupportChatEvents[K]) => unknown, options?: boolean | AddEventListenerOptions,
  ): void;
  addEventListener(
    type: string, listener: EventListenerOrEventListenerObject, options?: boolean | AddEventListenerOptions,
  ): void;
  removeEventListener<K extends keyof SupportChatEvents>(
    type: K, listener: (this: SupportChat, event: SupportChatEvents[K]) => unknown, options?: boolean | EventListenerOptions,
  ): void;
  removeEventListener(
    type: string, listener: EventListenerOrEventListenerObject, options?: boolean | EventListenerOptions,
  ): void;
}

declare global {
  interface HTMLElementTagNameMap {
    "support-chat": SupportChat;
  }
}
