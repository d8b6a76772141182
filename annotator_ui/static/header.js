/** The line on top: who, how far, whether all is saved, and the way to keys and themes. */

import { postJson } from "./api.js";
import { el, iconButton, relabel, replace } from "./dom.js";
import { icon } from "./icons.js";
import { followTheme, nextTheme } from "./theme.js";

const THEMES = { auto: "Colors as the system has them", light: "Light colors", dark: "Dark colors" };

export class Header {
  /** @param {{openHelp: () => void, openRefused: () => void}} hooks */
  constructor(context, { openHelp, openRefused, signal }) {
    this.context = context;
    this.openRefused = openRefused;
    this.who = el("span", { class: "who" });
    this.progress = el("span", { class: "progress" });
    this.saved = el("span", { class: "saved", role: "status" });
    this.counts = el("span", { class: "counts" });
    this.theme = iconButton(icon("auto"), { label: "Colors", run: () => nextTheme() });
    this.node = el("header", { class: "header" },
      el("strong", { class: "brand", text: "vau-data annotate" }), this.who, this.progress,
      el("span", { class: "spring" }), this.saved, this.counts, this.theme,
      iconButton("? keys", { label: "Keys and settings", key: "?", run: openHelp, kind: "is-wide" }),
      context.me.is_local ? null : iconButton("Sign out", { label: "Sign out", run: () => this.#leave(), kind: "is-wide" }));
    followTheme((choice) => this.#paintTheme(choice), signal);
    context.addEventListener("status", () => this.#paintSaved(), { signal });
    this.#paintWho();
    this.#paintSaved();
  }

  /** @param {string} title what is worked through @param {object[]} videos the page's queue */
  setQueue(title, videos) {
    const isFinished = (video) => video.state !== "todo";
    const num = videos.filter(isFinished).length;
    const share = videos.length ? num / videos.length : 0;
    replace(this.progress,
      el("span", { class: "title", text: title ?? "" }), el("span", { text: ` ${num}/${videos.length}` }),
      el("span", { class: "bar", role: "img", "aria-label": `${Math.round(share * 100)} % done` },
        el("span", { style: { width: `${share * 100}%` } })));
    const unsure = videos.filter((video) => video.state === "unsure").length;
    this.counts.textContent = unsure ? `${unsure} unsure` : "";
  }

  #paintWho() {
    const { round, user } = this.context.me;
    this.who.textContent = [round ? `round ${round}` : null, user].filter(Boolean).join(" · ");
  }

  #paintSaved() {
    const { num, numRefused, problem } = this.context.status;
    const isSaved = num === 0;
    this.saved.className = `saved ${isSaved ? "is-saved" : problem ? "is-stuck" : "is-sending"}`;
    const text = isSaved ? "✓ saved" : `● ${num} unsaved${problem ? ` · ${problem}` : ""}`;
    const parts = [el("span", { text })];
    if (problem === "signed out") parts.push(el("a", { href: "/login", text: "sign in again" }));
    if (numRefused) {
      parts.push(el("button", { type: "button", class: "link is-bad", text: `▲ ${numRefused} refused`, on: { click: this.openRefused } }));
    }
    replace(this.saved, parts);
  }

  #paintTheme(choice) {
    relabel(this.theme, icon(choice), `${THEMES[choice]}; press to change`);
  }

  async #leave() {
    await postJson("/logout", {});
    window.location.assign("/login");
  }
}
