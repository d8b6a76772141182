/** The progress page: how far everybody is, how it went, and how well people agree. */

import { ApiError, getJson } from "./api.js";
import { button, clock, el, percent, replace } from "./dom.js";

const REFRESH_MS = 30_000;
const ENOUGH_VIDEOS = 20;
const FIGURES = {
  f1: ["F1 of marks", "Marks of two people within 2 s of each other, one to one"],
  precision: ["Precision", "Share of the second person's marks that the first has too"],
  recall: ["Recall", "Share of the first person's marks that the second has too"],
  kappa: ["κ on 1-s bins", "Agreement beyond chance about which seconds hold a mark"],
  tiou: ["tIoU of boundaries", "Mean overlap of the same event in both people's boundaries"],
};
const STATES = { todo: "to do", done: "done", unsure: "unsure", flagged: "flagged", nothing: "no abnormal event" };

export class ProgressPage {
  /** @param view `{context, page, signal, header, say}` */
  constructor(view) {
    this.view = view;
    this.actions = {};
    this.body = el("div", { class: "report" }, el("p", { class: "opening", role: "status", text: "Loading …" }));
    this.node = el("div", { class: "sheet" }, this.body);
    const timer = setInterval(() => this.node.offsetParent !== null && this.start(), REFRESH_MS);
    view.signal.addEventListener("abort", () => clearInterval(timer));
  }

  async start() {
    try {
      this.#paint(await getJson("/api/progress", { signal: this.view.signal }));
    } catch (error) {
      this.#failed(error);
    }
  }

  #failed(error) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return window.location.assign("/login");
    replace(this.body, el("p", { class: "opening is-bad", role: "alert", text: `Could not load: ${error.message}.` }),
      el("p", { class: "opening" }, button("Try again", { run: () => this.start() })));
  }

  #paint(progress) {
    this.view.header.setQueue("videos", progress.videos);
    replace(this.body,
      el("h2", { text: "Agreement" }), this.#agreement(progress),
      el("h2", { text: "People" }), this.#people(progress.annotators),
      el("h2", { text: "Videos" }), this.#videos(progress.videos));
  }

  #agreement({ agreement, agreement_num_videos: num = 0 }) {
    if (!agreement) {
      return el("p", { class: "empty", text: `${num} videos were marked by two people; figures are shown from ${ENOUGH_VIDEOS} on.` });
    }
    const tiles = Object.entries(FIGURES).map(([name, [title, help]]) =>
      el("div", { class: "tile", title: help }, el("b", { text: numberOf(agreement[name]) }), el("span", { text: title })));
    return el("div", { class: "tiles" }, tiles, el("p", { class: "small", text: `n = ${agreement.num_videos} videos marked by two people` }));
  }

  #people(people) {
    if (people.length === 0) return el("p", { class: "empty", text: "Nobody has begun yet." });
    return table(["Name", "Videos done", "Marks", "Time", "Seen", "Suggestions accepted", "Decision time"], people.map((person) => [
      person.name, person.videos_assigned === null ? String(person.videos_done) : `${person.videos_done} of ${person.videos_assigned}`,
      String(person.num_marks), clock(person.seconds_spent, 0), percent(person.seen_share), percent(person.accept_rate),
      person.median_decision_seconds === null ? "–" : `${person.median_decision_seconds.toFixed(1)} s`,
    ]));
  }

  #videos(videos) {
    if (videos.length === 0) return el("p", { class: "empty", text: "This dataset has no videos yet." });
    return table(["Video", "State", "By", "Marks", "Seen", "Time"], videos.map((video) => [
      video.name, STATES[video.state] ?? video.state, video.annotators.join(", ") || "–", String(video.num_marks),
      percent(video.seen_share), video.seconds_spent ? clock(video.seconds_spent, 0) : "–",
    ]));
  }
}

function table(titles, rows) {
  const isNumber = (index) => (index > 0 && rows.every((row) => /^[–\d]/.test(row[index])) ? "is-number" : null);
  const head = el("tr", {}, titles.map((title, index) => el("th", { scope: "col", class: isNumber(index), text: title })));
  const lines = rows.map((row) => el("tr", {}, row.map((cell, index) =>
    el(index ? "td" : "th", { scope: index ? null : "row", class: isNumber(index), text: cell }))));
  return el("div", { class: "table" }, el("table", {}, el("thead", {}, head), el("tbody", {}, lines)));
}

function numberOf(value) {
  return value === null || value === undefined ? "–" : value.toFixed(2);
}
