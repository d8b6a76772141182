/** A short list to choose a reason from, by digit or pointer. */

import { button, el, replace } from "./dom.js";

export class Picker {
  #resolve = null;

  constructor() {
    this.node = el("dialog", { class: "dialog is-small" });
    this.node.addEventListener("close", () => this.#answer(null));
    this.node.addEventListener("keydown", (event) => this.#hear(event));
  }

  /** @returns {Promise<string | null>} the choice, or null when it was left */
  ask(title, choices) {
    this.choices = choices;
    this.node.setAttribute("aria-label", title);
    replace(this.node, el("h2", { text: title }), el("div", { class: "choices" },
      choices.map((choice, index) => button(choice, { key: String(index + 1), run: () => this.#answer(choice) }))),
    el("p", { class: "small", text: "Esc leaves it as it is." }));
    this.node.showModal();
    return new Promise((resolve) => (this.#resolve = resolve));
  }

  #hear(event) {
    const choice = this.choices[Number(event.key) - 1];
    if (!choice) return;
    event.preventDefault();
    this.#answer(choice);
  }

  #answer(choice) {
    const resolve = this.#resolve;
    this.#resolve = null;
    this.node.close();
    resolve?.(choice);
  }
}
