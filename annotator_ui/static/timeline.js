/** The whole video in one strip: thumbnails, score, suggestions, marks, events and what was seen. */

import { clock, el, percent, replace } from "./dom.js";
import { drawScores, drawSeen } from "./curve.js";

const NUM_THUMBS = 25;
const RETRY_MS = 2500;
const SHORTEST_WINDOW_SECONDS = 2;
const EMPTY = { marks: [], pins: [], suggestions: [], spans: [], seen: [] };

export class Timeline {
  #span = { start: 0, end: 1 };
  #window = { start: 0, end: 1 };
  #content = EMPTY;
  #thumbs = [];
  #scores = null;

  /**
   * @param {object} hooks `seek(seconds)` on click and drag; `pickMark(mark)`, `dragMark(mark,
   *   seconds, isDropped)`, `pickSuggestion(suggestion)`, `dragEdge(span, edge, seconds, isDropped)`
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.#build();
    new ResizeObserver(() => this.#paint()).observe(this.track);
  }

  #build() {
    this.thumbs = el("div", { class: "thumbs", "aria-hidden": "true" });
    this.canvas = el("canvas", { class: "curve", "aria-hidden": "true" });
    this.items = el("div", { class: "items" });
    this.playhead = el("div", { class: "playhead", hidden: true, "aria-hidden": "true" });
    this.preview = el("div", { class: "preview", hidden: true, "aria-hidden": "true" },
      el("img", { alt: "" }), el("span", {}));
    this.track = el("div", { class: "track" }, this.thumbs, this.canvas, this.items, this.playhead);
    this.legend = el("div", { class: "legend" });
    this.node = el("section", { class: "timeline", "aria-label": "Timeline" }, this.legend, this.track, this.preview);
    this.track.addEventListener("pointerdown", (event) => this.#press(event));
    this.track.addEventListener("pointermove", (event) => this.#hover(event));
    this.track.addEventListener("pointerleave", () => (this.preview.hidden = true));
    this.track.addEventListener("wheel", (event) => this.#wheel(event), { passive: false });
  }

  /** @param info the server's answer for the video */
  load(info) {
    this.clear();
    this.video = info;
    this.seconds = info.start_seconds;
    this.#span = { start: info.start_seconds, end: info.end_seconds };
    this.#window = { ...this.#span };
    this.#scores = info.scores;
    this.#content = EMPTY;
    this.#loadThumbs(info.id);
    this.#paint();
  }

  clear() {
    this.video = null;
    for (const url of this.#thumbs) if (url) URL.revokeObjectURL(url);
    this.#thumbs = [];
    replace(this.thumbs);
    replace(this.items);
    replace(this.legend);
    this.canvas.getContext("2d").clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  /** @param {{marks?, pins?, suggestions?, spans?, seen?, selected?, active?, edge?}} content to show now */
  show(content) {
    this.#content = { ...this.#content, ...content };
    this.#paint();
  }

  setPlayhead(seconds) {
    this.seconds = seconds;
    const { start, end } = this.#window;
    const isInside = seconds >= start && seconds <= end;
    if (!isInside && this.isZoomed) this.#pan(seconds - (start + end) / 2);
    this.playhead.style.left = this.#left(seconds);
    this.playhead.hidden = !this.video;
  }

  get isZoomed() {
    return this.#window.end - this.#window.start < this.#span.end - this.#span.start - 1e-6;
  }

  /** Shows `factor` times as many seconds, around the given one. */
  zoom(factor, around) {
    if (!this.video) return;
    const whole = this.#span.end - this.#span.start;
    const length = Math.min(whole, Math.max(SHORTEST_WINDOW_SECONDS, (this.#window.end - this.#window.start) * factor));
    const share = (around - this.#window.start) / (this.#window.end - this.#window.start);
    const start = around - share * length;
    this.#window = { start, end: start + length };
    this.#pan(0);
    this.setPlayhead(this.seconds);
  }

  #pan(seconds) {
    const length = this.#window.end - this.#window.start;
    const start = Math.min(Math.max(this.#window.start + seconds, this.#span.start), this.#span.end - length);
    this.#window = { start, end: start + length };
    this.#paint();
  }

  #left(seconds) {
    const { start, end } = this.#window;
    return `${((seconds - start) / (end - start)) * 100}%`;
  }

  #secondsAt(event) {
    const box = this.track.getBoundingClientRect();
    const share = Math.min(1, Math.max(0, (event.clientX - box.left) / box.width));
    return this.#window.start + share * (this.#window.end - this.#window.start);
  }

  // Thumbnails are made in the background by the server, so each is waited for in turn

  async #loadThumbs(id) {
    this.#thumbs = Array(NUM_THUMBS).fill(null);
    for (let index = 0; index < NUM_THUMBS && this.video?.id === id; index += 1) {
      const response = await fetch(`/thumb/${id}/${index}`).catch(() => null);
      if (response?.ok) this.#keepThumb(id, index, await response.blob());
      else if (response && response.status !== 404) return;
      else {
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
        index -= 1;
      }
    }
  }

  #keepThumb(id, index, blob) {
    if (this.video?.id !== id) return;
    this.#thumbs[index] = URL.createObjectURL(blob);
    if (index % 5 === 4) this.#paintThumbs();
  }

  #thumbAt(seconds) {
    const { start, end } = this.#span;
    const index = Math.floor(((seconds - start) / (end - start)) * NUM_THUMBS);
    return this.#thumbs[Math.min(Math.max(index, 0), NUM_THUMBS - 1)];
  }

  #paintThumbs() {
    const width = this.track.clientWidth;
    if (!this.video || width === 0) return;
    const num = Math.max(8, Math.min(NUM_THUMBS, Math.floor(width / 48)));
    const cells = Array.from({ length: num }, (_, index) => {
      const share = (index + 0.5) / num;
      const seconds = this.#window.start + share * (this.#window.end - this.#window.start);
      const source = this.#thumbAt(seconds);
      return source ? el("img", { src: source, alt: "", draggable: "false" }) : el("span", {});
    });
    replace(this.thumbs, cells);
  }

  // Painting

  #paint() {
    if (!this.video) return;
    this.#paintThumbs();
    this.#paintCurve();
    this.#paintItems();
    this.#paintLegend();
  }

  #paintCurve() {
    const { clientWidth: width, clientHeight: height } = this.canvas;
    if (width === 0) return;
    this.canvas.width = width * devicePixelRatio;
    this.canvas.height = height * devicePixelRatio;
    const brush = this.canvas.getContext("2d");
    brush.scale(devicePixelRatio, devicePixelRatio);
    const style = getComputedStyle(this.canvas);
    const area = { width, height, window: this.#window, style };
    if (this.#scores) drawScores(brush, this.#scores, area);
    if (this.#content.seen) drawSeen(brush, this.#content.seen, area);
  }

  #paintItems() {
    const { marks, pins, suggestions, spans } = this.#content;
    replace(this.items,
      spans.map((span) => this.#spanNode(span)),
      pins.map((pin) => this.#pinNode(pin)),
      suggestions.map((suggestion) => this.#suggestionNode(suggestion)),
      marks.map((mark, index) => this.#markNode(mark, index)));
  }

  #suggestionNode(suggestion) {
    const { decision = null } = suggestion;
    const isActive = this.#content.active === suggestion.id;
    return el("button", {
      type: "button", tabindex: "-1", class: `suggestion is-${decision ?? "open"}${isActive ? " is-active" : ""}`,
      style: { left: this.#left(suggestion.time_seconds) },
      text: { rejected: "◇", accepted: "◈", unsure: "◆?" }[decision] ?? "◆",
      "aria-label": `Suggestion at ${clock(suggestion.time_seconds)}, ${decision ?? "open"}`,
      title: `Suggestion at ${clock(suggestion.time_seconds)} · score ${suggestion.score.toFixed(2)}`,
      on: {
        pointerdown: (event) => event.stopPropagation(),
        click: () => this.hooks.pickSuggestion(suggestion),
      },
    });
  }

  #markNode(mark, index) {
    const isSelected = this.#content.selected === mark.mark;
    const node = el("button", {
      type: "button", tabindex: "-1", class: `mark is-${mark.state}${isSelected ? " is-selected" : ""}`,
      style: { left: this.#left(mark.time_seconds) },
      "aria-label": `Mark ${index + 1} at ${clock(mark.time_seconds)}, ${mark.state}`,
      title: `Mark ${index + 1} · f ${mark.frame} · ${clock(mark.time_seconds)} · drag to move`,
    }, el("span", { text: String(index + 1) + (mark.state === "unsure" ? "?" : "") }));
    node.addEventListener("pointerdown", (event) => this.#dragOf(event, node, {
      picked: () => this.hooks.pickMark(mark),
      dragged: (seconds, isDropped) => this.hooks.dragMark(mark, seconds, isDropped),
    }));
    return node;
  }

  /** A click that is shown but not moved here. */
  #pinNode(seconds) {
    return el("div", { class: "pin", style: { left: this.#left(seconds) }, title: `Click at ${clock(seconds, 2)}` });
  }

  #spanNode(span) {
    const isSelected = this.#content.selected === span.id;
    const node = el("div", {
      class: `span${isSelected ? " is-selected" : ""}${span.isConfirmed ? " is-confirmed" : ""}`,
      style: { left: this.#left(span.start), width: `calc(${this.#left(span.end)} - ${this.#left(span.start)})` },
    }, el("span", { text: span.label }));
    for (const edge of ["start", "end"]) node.append(this.#edgeNode(span, edge));
    node.addEventListener("pointerdown", (event) => {
      event.stopPropagation();
      this.hooks.pickSpan(span);
    });
    return node;
  }

  #edgeNode(span, edge) {
    const isChosen = this.#content.selected === span.id && this.#content.edge === edge;
    const node = el("div", { class: `edge is-${edge}${isChosen ? " is-chosen" : ""}`, title: `Drag to move the ${edge}` });
    node.addEventListener("pointerdown", (event) => this.#dragOf(event, node, {
      picked: () => this.hooks.pickEdge(span, edge),
      dragged: (seconds, isDropped) => this.hooks.dragEdge(span, edge, seconds, isDropped),
    }));
    return node;
  }

  #paintLegend() {
    const { suggestions, seen } = this.#content;
    const parts = [];
    if (this.video.is_blind) parts.push(el("span", { class: "tag is-strong", text: "blind video: no scores shown" }));
    else if (this.#scores) parts.push(el("span", { class: "swatch is-score", text: "score" }));
    else parts.push(el("span", { text: "no scores for this video yet" }));
    if (suggestions.length) parts.push(el("span", { text: "◆ suggested  ◇ rejected  ◈ accepted" }));
    if (this.#content.pins.length) parts.push(el("span", { class: "swatch is-mark", text: "click" }));
    if (this.#content.marks.length) parts.push(el("span", { class: "swatch is-mark", text: "mark" }));
    parts.push(el("span", { class: "spring" }));
    if (this.isZoomed) parts.push(el("span", { text: `${clock(this.#window.start)} – ${clock(this.#window.end)}` }));
    const share = this.hooks.seenShare?.();
    if (share !== undefined && seen) parts.push(el("span", { class: "swatch is-seen", text: `seen ${percent(share)}` }));
    replace(this.legend, parts);
  }

  // Pointer

  #press(event) {
    if (!this.video || event.button !== 0) return;
    event.preventDefault();
    this.track.setPointerCapture(event.pointerId);
    const follow = (moved) => this.hooks.seek(this.#secondsAt(moved));
    follow(event);
    this.track.addEventListener("pointermove", follow);
    this.track.addEventListener("pointerup", () => this.track.removeEventListener("pointermove", follow), { once: true });
  }

  /** A press without a move picks; a move drags, and the last position is reported as dropped. */
  #dragOf(event, node, { picked, dragged }) {
    if (event.button !== 0) return;
    event.preventDefault();
    event.stopPropagation();
    const startX = event.clientX;
    const own = new AbortController();
    let isDragging = false;
    const move = (moved) => {
      isDragging ||= Math.abs(moved.clientX - startX) > 3;
      if (!isDragging) return;
      node.style.setProperty("translate", `${moved.clientX - startX}px 0`);
      dragged(this.#secondsAt(moved), false);
    };
    const drop = (moved) => {
      own.abort();
      if (isDragging) dragged(this.#secondsAt(moved), true);
      else picked();
    };
    window.addEventListener("pointermove", move, { signal: own.signal });
    window.addEventListener("pointerup", drop, { signal: own.signal });
    window.addEventListener("pointercancel", () => own.abort(), { signal: own.signal });
  }

  #hover(event) {
    if (!this.video || event.buttons) return (this.preview.hidden = true);
    const seconds = this.#secondsAt(event);
    const [picture, label] = this.preview.children;
    const source = this.#thumbAt(seconds);
    picture.hidden = !source;
    if (source) picture.src = source;
    label.textContent = clock(seconds);
    const box = this.node.getBoundingClientRect();
    this.preview.style.left = `${Math.min(Math.max(event.clientX - box.left, 130), box.width - 130)}px`;
    this.preview.hidden = false;
    return undefined;
  }

  #wheel(event) {
    if (!this.video) return;
    event.preventDefault();
    if (event.ctrlKey || event.metaKey) this.zoom(event.deltaY > 0 ? 1.25 : 0.8, this.#secondsAt(event));
    else if (this.isZoomed) {
      const step = (event.deltaX || event.deltaY) / this.track.clientWidth;
      this.#pan(step * (this.#window.end - this.#window.start));
    }
  }
}
