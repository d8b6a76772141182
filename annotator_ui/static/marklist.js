/** The marks of a video as a list: number, picture of the frame, time, state, and what to do. */

import { clock, el, iconButton, replace } from "./dom.js";

const STATES = {
  confirmed: ["", "confirmed"],
  unsure: ["?", "unsure"],
  ignored: ["⊘", "ignored"],
  added_in_review: ["+", "added in review"],
};
const SOURCES = { human: null, model_accepted: "◈ accepted", model_moved: "◈ moved" };

export class MarkList {
  /** @param {object} hooks `go(mark)`, `remove(mark)`, `toggle(mark, state)`, `pictureOf(frame, label)` */
  constructor(hooks, { emptyText }) {
    this.hooks = hooks;
    this.emptyText = emptyText;
    this.title = el("h2", {});
    this.list = el("ol", { class: "marks", "aria-label": "Marks" });
    this.node = el("section", { class: "mark-list" }, this.title, this.list);
  }

  show(marks, selected) {
    this.title.textContent = `Marks (${marks.length})`;
    const rows = marks.map((mark, index) => this.#row(mark, index, mark.mark === selected));
    replace(this.list, rows.length ? rows : el("li", { class: "empty", text: this.emptyText }));
    this.list.querySelector(".is-selected")?.scrollIntoView({ block: "nearest" });
  }

  #row(mark, index, isSelected) {
    const [sign, state] = STATES[mark.state];
    const label = `Mark ${index + 1}, frame ${mark.frame}, ${clock(mark.time_seconds)}, ${state}`;
    const go = el("button", {
      type: "button", class: "mark-go", "aria-label": label, "aria-current": isSelected ? "true" : null,
      on: { click: () => this.hooks.go(mark), pointerdown: (event) => event.preventDefault() },
    },
    el("span", { class: "number", text: String(index + 1) }),
    this.hooks.pictureOf(mark.frame, label),
    el("span", { class: "facts" },
      el("span", {}, el("b", { text: clock(mark.time_seconds, 2) }), sign ? el("span", { class: `flag is-${mark.state}`, text: sign }) : null),
      el("span", { class: "small", text: `f ${mark.frame}${mark.is_live ? " · live" : ""}${mark.author && !mark.isMine ? ` · ${mark.author}` : ""}` }),
      mark.state === "confirmed" ? null : el("span", { class: "small", text: state }),
      SOURCES[mark.source] ? el("span", { class: "small", text: SOURCES[mark.source] }) : null));
    return el("li", { class: `mark-row is-${mark.state}${isSelected ? " is-selected" : ""}` }, go, this.#tools(mark));
  }

  #tools(mark) {
    const toggle = (face, state, key) => iconButton(face, {
      label: mark.state === state ? `No longer ${state}` : `Call it ${state}`, key,
      run: () => this.hooks.toggle(mark, state), kind: mark.state === state ? "is-on" : "",
    });
    return el("span", { class: "tools" },
      toggle("? unsure", "unsure", "S"), toggle("⊘ ignore", "ignored", "I"),
      iconButton("× delete", { label: "Delete", key: "D", run: () => this.hooks.remove(mark) }));
  }
}
