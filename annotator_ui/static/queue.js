/** The list of videos: filters, search, and only as many rows in the page as can be seen. */

import { clock, el, replace } from "./dom.js";

const NAME_END = 9; // letters at the end of a name, which tell videos apart, are never cut off
const ROW_PX = 32;
const SPARE_ROWS = 8;
const STATES = {
  todo: ["○", "to do"],
  done: ["●", "done"],
  nothing: ["∅", "no abnormal event"],
  unsure: ["?", "unsure"],
  flagged: ["⚑", "flagged"],
};
const FILTERS = {
  all: ["All", () => true],
  todo: ["To do", (video) => video.state === "todo"],
  unsure: ["Unsure", (video) => video.state === "unsure"],
  flagged: ["Flagged", (video) => video.state === "flagged"],
  findings: ["With findings", (video) => video.num_findings > 0],
  mine: ["Mine", (video) => video.is_mine],
};
const REASONS = {
  unsure: "unsure",
  disagreement: "disagree",
  high_score_unmarked: "high score",
  low_score_mark: "low score",
  sample: "sample",
};

export class Queue {
  #shown = [];

  /** @param {(id: string) => void} open @param {(video: object) => string} detail right-hand text */
  constructor({ open, detail = countsOf, noun = "videos" }) {
    this.open = open;
    this.detail = detail;
    this.noun = noun;
    this.videos = [];
    this.current = null;
    this.filter = "all";
    this.#build();
  }

  #build() {
    this.search = el("input", {
      type: "search", class: "field", placeholder: "Find by name", "aria-label": `Find ${this.noun} by name`,
      on: { input: () => this.#narrow() },
    });
    this.tabs = el("div", { class: "filters", role: "group", "aria-label": "Filter" });
    this.list = el("div", { class: "rows", role: "listbox", "aria-label": `List of ${this.noun}` });
    this.scroller = el("div", { class: "scroller", on: { scroll: () => this.#paint() } }, this.list);
    this.empty = el("p", { class: "empty", role: "status" });
    this.node = el("nav", { class: "queue", "aria-label": this.noun }, this.search, this.tabs, this.empty, this.scroller);
    new ResizeObserver(() => this.#paint()).observe(this.scroller);
    this.list.addEventListener("keydown", (event) => this.#walk(event));
  }

  /** @param {object[]} videos as the server lists them, in the order to work in */
  load(videos) {
    this.videos = videos;
    this.#narrow();
  }

  select(id) {
    this.current = id;
    this.#reveal();
    this.#paint();
  }

  /** Takes in what changed about one video. */
  update(id, changes) {
    const video = this.videos.find((one) => one.id === id);
    if (!video) return;
    Object.assign(video, changes);
    this.#paintTabs();
    this.#paint();
  }

  /** The video `num` places from the current one, among those shown. */
  neighbor(num) {
    const at = this.#shown.findIndex((video) => video.id === this.current);
    return this.#shown[at + num] ?? null;
  }

  /** The next video that is to do, from the current one on and then from the top. */
  nextToDo(isOpen = (video) => video.state === "todo") {
    const at = this.videos.findIndex((video) => video.id === this.current);
    const around = [...this.videos.slice(at + 1), ...this.videos.slice(0, Math.max(at, 0))];
    return around.find((video) => isOpen(video) && !video.is_leased_by_other) ?? null;
  }

  #narrow() {
    const words = this.search.value.trim().toLowerCase();
    const [, passes] = FILTERS[this.filter];
    this.#shown = this.videos.filter((video) => passes(video) && video.name.toLowerCase().includes(words));
    this.#paintTabs();
    this.#paint();
  }

  #paintTabs() {
    const counted = Object.entries(FILTERS).map(([name, [label, passes]]) => [name, label, this.videos.filter(passes).length]);
    const useful = counted.filter(([name, , num]) => name === "all" || name === this.filter || (num > 0 && num < this.videos.length));
    replace(this.tabs, useful.map(([name, label, num]) => el("button", {
      type: "button", class: "filter", "aria-pressed": String(this.filter === name),
      on: { click: () => this.#setFilter(name), pointerdown: (event) => event.preventDefault() },
    }, label, el("span", { class: "num", text: String(num) }))));
  }

  #setFilter(name) {
    this.filter = name;
    this.#narrow();
    this.#reveal();
  }

  #paint() {
    const first = Math.max(0, Math.floor(this.scroller.scrollTop / ROW_PX) - SPARE_ROWS);
    const last = Math.ceil((this.scroller.scrollTop + this.scroller.clientHeight) / ROW_PX) + SPARE_ROWS;
    const focused = this.node.getRootNode().activeElement?.dataset?.id;
    this.list.style.height = `${this.#shown.length * ROW_PX}px`;
    replace(this.list, this.#shown.slice(first, last).map((video, index) => this.#row(video, first + index)));
    if (focused) this.list.querySelector(`[data-id="${CSS.escape(focused)}"]`)?.focus({ preventScroll: true });
    this.empty.hidden = this.#shown.length > 0;
    this.empty.textContent = this.videos.length ? `No ${this.noun} match.` : `No ${this.noun} yet.`;
  }

  #row(video, index) {
    const isCurrent = video.id === this.current;
    const [sign, state] = STATES[video.state] ?? STATES.todo;
    const notes = [REASONS[video.reason], video.is_leased_by_other ? "in use" : null].filter(Boolean);
    return el("div", {
      class: `row is-${video.state}${isCurrent ? " is-current" : ""}`, role: "option", data: { id: video.id },
      "aria-selected": String(isCurrent), "aria-setsize": this.#shown.length, "aria-posinset": index + 1,
      tabindex: isCurrent || (index === 0 && !this.neighbor(0)) ? "0" : "-1",
      title: titleOf(video, state),
      style: { top: `${index * ROW_PX}px` },
      on: { click: () => this.open(video.id) },
    },
    el("span", { class: "sign", text: isCurrent ? "▶" : sign, "aria-hidden": "true" }),
    el("span", { class: "name" }, el("span", { class: "name-start", text: video.name.slice(0, -NAME_END) }), el("span", { text: video.name.slice(-NAME_END) })),
    notes.length ? el("span", { class: "tag", text: notes.join(" · ") }) : null,
    el("span", { class: "detail", text: this.detail(video) }),
    el("span", { class: "unseen", text: `, ${state}` }));
  }

  #reveal() {
    const at = this.#shown.findIndex((video) => video.id === this.current);
    if (at < 0) return;
    const top = at * ROW_PX;
    const { scrollTop, clientHeight } = this.scroller;
    if (top < scrollTop || top + ROW_PX > scrollTop + clientHeight) {
      this.scroller.scrollTop = top - clientHeight / 2 + ROW_PX;
    }
  }

  /** Up and down between rows, Enter or Space opens. */
  #walk(event) {
    const row = event.target.closest("[role=option]");
    if (!row || event.altKey) return;
    if (event.key === "Enter" || event.key === " ") this.open(row.dataset.id);
    else if (event.key === "ArrowDown") (row.nextElementSibling ?? row).focus();
    else if (event.key === "ArrowUp") (row.previousElementSibling ?? row).focus();
    else return;
    event.preventDefault();
  }
}

function titleOf({ name, duration_seconds: seconds, num_marks: marks, num_suggestions: suggestions }, state) {
  const counts = [marks ? `${marks} marks` : null, suggestions ? `${suggestions} suggestions` : null];
  return [name, state, seconds ? clock(seconds, 0) : null, ...counts].filter(Boolean).join(" · ");
}

function countsOf(video) {
  if (video.num_marks) return `✓ ${video.num_marks}`;
  return video.state === "todo" && video.num_suggestions ? `◆ ${video.num_suggestions}` : "";
}
