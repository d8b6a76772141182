/** The events of a video as cards; the selected one shows the frames at both sides of its edges. */

import { clock, el, replace } from "./dom.js";

export class EventList {
  /** @param {object} hooks `pick(event)`, `pickEdge(edge)`, `pictureOf(frame, label)` */
  constructor(hooks) {
    this.hooks = hooks;
    this.title = el("h2", {});
    this.list = el("div", { class: "events" });
    this.node = el("section", { class: "mark-list" }, this.title, this.list);
  }

  /** @param {object[]} events with `first` and `last` frame; @param {string | null} edge selected */
  show(events, { selected, edge, numFrames }) {
    const numRight = events.filter((event) => event.is_confirmed).length;
    this.title.textContent = `Events (${numRight} of ${events.length} confirmed)`;
    const cards = events.map((event, index) => this.#card(event, { index, isSelected: event.id === selected, edge, numFrames }));
    replace(this.list, cards.length ? cards : el("p", { class: "empty", text: "No event proposed in this video." }));
    this.list.querySelector(".is-selected")?.scrollIntoView({ block: "nearest" });
  }

  #card(event, { index, isSelected, edge, numFrames }) {
    const length = event.end_seconds - event.start_seconds;
    const head = el("button", {
      type: "button", class: "event-head", "aria-current": isSelected ? "true" : null,
      on: { click: () => this.hooks.pick(event), pointerdown: (press) => press.preventDefault() },
    },
    el("span", { class: "number", text: String(index + 1) }),
    el("span", { class: "facts" },
      el("b", { text: `${clock(event.start_seconds, 2)} – ${clock(event.end_seconds, 2)}` }),
      el("span", { class: "small", text: [(event.categories ?? []).join(", "), `${length.toFixed(2)} s`].filter(Boolean).join(" · ") })),
    el("span", { class: `sign ${event.is_confirmed ? "is-right" : ""}`, text: event.is_confirmed ? "✓" : "○", title: event.is_confirmed ? "confirmed" : "not confirmed" }));
    const card = el("div", { class: `event-card${isSelected ? " is-selected" : ""}` }, head);
    if (isSelected) card.append(this.#edges(event, { edge, numFrames }));
    return card;
  }

  #edges(event, { edge, numFrames }) {
    return el("div", { class: "edges" },
      this.#edge("start", edge, [[event.first - 1, "before"], [event.first, "first"]], numFrames),
      this.#edge("end", edge, [[event.last, "last"], [event.last + 1, "after"]], numFrames));
  }

  #edge(name, chosen, frames, numFrames) {
    const pictures = frames.map(([frame, what]) => {
      const exists = frame >= 0 && frame < numFrames;
      const label = exists ? `${what} · f ${frame}` : `${what} · none`;
      return el("figure", {}, exists ? this.hooks.pictureOf(frame, label) : el("div", { class: "picture" }), el("figcaption", { text: label }));
    });
    return el("button", {
      type: "button", class: `edge-pair${chosen === name ? " is-chosen" : ""}`, "aria-pressed": String(chosen === name),
      "aria-label": `${name === "start" ? "Start" : "End"} of the event`,
      on: { click: () => this.hooks.pickEdge(name), pointerdown: (press) => press.preventDefault() },
    }, el("span", { class: "edge-name", text: name === "start" ? "Start" : "End" }), pictures);
  }
}
