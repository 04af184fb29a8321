// Draws the tree of markdown.js as DOM nodes. A block that has not changed keeps its nodes, so a reader's selection
// and place survive the stream.

import { h } from "./dom.js";
import { parse } from "./markdown.js";

const TAGS = { paragraph: "p", heading: "p", quote: "blockquote", strong: "strong", em: "em", item: "li" };

/** `cite(n)` makes the node of a citation; `leave(event, href)` is called when a link is clicked. */
export class Prose {
  #box;
  #cite;
  #leave;
  #drawn = []; // {source, node}

  constructor(box, { cite, leave }) {
    this.#box = box;
    this.#cite = cite;
    this.#leave = leave;
  }

  show(text, options) {
    const blocks = parse(text, options);
    const cited = [...(options.sources ?? [])].join();
    blocks.forEach((block, index) => {
      const source = `${cited} ${block.type} ${options.streaming && index === blocks.length - 1} ${block.source}`;
      if (this.#drawn[index]?.source === source) return;
      const node = this.#draw(block);
      if (this.#drawn[index]) this.#drawn[index].node.replaceWith(node);
      else this.#box.append(node);
      this.#drawn[index] = { source, node };
    });
    for (const { node } of this.#drawn.splice(blocks.length)) node.remove();
  }

  #draw(node) {
    if (typeof node === "string") return document.createTextNode(node);
    const inside = () => this.#all(node.children ?? []);
    switch (node.type) {
      case "break":
        return h("br");
      case "cite":
        return h("span", { class: "cite" }, this.#cite(node.n));
      case "code":
        return node.source === undefined ? h("code", {}, node.text) : h("pre", { tabindex: "0" }, h("code", {}, node.text));
      case "link":
        return this.#link(node, inside());
      case "list":
        return h(node.ordered ? "ol" : "ul", node.ordered && node.start > 1 ? { start: node.start } : {}, ...inside());
      case "table":
        return h("div", { class: "table", tabindex: "0" }, h("table", {}, ...node.rows.map((row) => this.#row(row))));
      default:
        return h(TAGS[node.type], node.type === "heading" ? { class: "heading" } : {}, ...inside());
    }
  }

  /** A marker keeps the full stop that follows it on its line. */
  #all(children) {
    return children.map((child, at) => {
      const stop = (text) => (typeof text === "string" ? /^[.,;:!?)]*/.exec(text)[0] : "");
      const drawn = this.#draw(children[at - 1]?.type === "cite" ? child.slice?.(stop(child).length) ?? child : child);
      if (child.type === "cite") drawn.append(stop(children[at + 1]));
      return drawn;
    });
  }

  #row(row) {
    const cells = row.children.map((cell) => h(row.head ? "th" : "td", {}, ...this.#all(cell.children)));
    return h("tr", {}, ...cells);
  }

  #link({ href }, inside) {
    const on = { click: (event) => this.#leave(event, href) };
    return h("a", { href, target: "_blank", rel: "noopener", on }, h("bdi", {}, ...inside));
  }
}
