/** What the server would not take, and why; texts can be copied before they are let go. */

import { button, el, replace } from "./dom.js";

export class Refused {
  constructor(context) {
    this.context = context;
    this.node = el("dialog", { class: "dialog", "aria-label": "Refused by the server" });
  }

  open() {
    this.#paint();
    this.node.showModal();
  }

  #paint() {
    const events = this.context.outbox.refused();
    if (events.length === 0) return this.node.close();
    replace(this.node,
      el("div", { class: "dialog-head" }, el("h2", { text: "Not taken by the server" }), el("span", { class: "spring" }),
        button("Close", { key: "Esc", run: () => this.node.close() })),
      el("p", { text: "These actions are kept in this browser until you let them go." }),
      events.map((event) => this.#item(event)));
    return undefined;
  }

  #item(event) {
    const { refusal } = event;
    return el("div", { class: "refused-item" },
      el("p", {}, el("b", { text: event.op }), ` · ${new Date(event.client_time).toLocaleString()}`),
      el("p", { class: "problem", text: refusal.why }),
      event.body.text ? el("blockquote", { text: event.body.text }) : null,
      el("div", { class: "row-of-buttons" },
        event.body.text ? button("Copy my text", { run: () => navigator.clipboard.writeText(event.body.text) }) : null,
        button("Let it go", { run: () => this.context.outbox.dismiss(event.uuid).then(() => this.#paint()) })));
  }
}
