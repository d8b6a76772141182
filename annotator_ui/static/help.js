/** The keys dialog: what each key does, the person's own keys, and single keys on or off. */

import { ACTIONS } from "./actions.js";
import { button, el, replace } from "./dom.js";
import { bindingsOf, chordOf } from "./keys.js";

export class Help {
  /** @param {string} page whose keys are shown */
  constructor(context, page) {
    this.context = context;
    this.page = page;
    this.rows = el("div", { class: "key-rows" });
    this.error = el("p", { class: "problem", role: "alert" });
    this.node = el("dialog", { class: "dialog is-keys", "aria-label": "Keys and settings" });
    replace(this.node, this.#head(), this.#settings(), this.error, this.rows);
  }

  toggle() {
    if (this.node.open) return this.node.close();
    this.error.textContent = "";
    this.#paint();
    this.node.showModal();
    return undefined;
  }

  #head() {
    return el("div", { class: "dialog-head" }, el("h2", { text: "Keys" }), el("span", { class: "spring" }),
      button("Close", { key: "Esc", run: () => this.node.close() }));
  }

  #settings() {
    const { settings } = this.context;
    const single = el("input", { type: "checkbox", id: "single-keys", checked: settings.single_keys });
    single.addEventListener("change", () => this.context.saveSettings({ single_keys: single.checked }));
    const reaction = el("input", { type: "number", id: "reaction", class: "field is-short", min: "0", max: "1000", step: "10" });
    reaction.value = String(Math.round(settings.reaction_seconds * 1000));
    reaction.addEventListener("change", () => this.#setReaction(reaction));
    return el("div", { class: "settings" },
      el("label", {}, single, " Single keys work everywhere on the page (off: only while the video has the focus)"),
      el("label", {}, "Reaction time taken off marks made while playing: ", reaction, " ms"));
  }

  #setReaction(field) {
    const milliseconds = Number(field.value);
    if (!field.reportValidity() || !Number.isFinite(milliseconds)) return;
    this.context.saveSettings({ reaction_seconds: milliseconds / 1000 });
  }

  get #own() {
    return this.context.settings.keymap[this.page] ?? {};
  }

  get #keymap() {
    return this.context.keymap(this.page);
  }

  #paint() {
    const rows = Object.entries(ACTIONS[this.page]).map(([name, action]) => this.#row(name, action));
    replace(this.rows, rows);
  }

  #row(name, action) {
    const keys = this.#keymap[name] ?? action.keys;
    const shown = name === "goToMark" && keys.length === 9 ? ["1 … 9"] : keys;
    const canChange = name !== "goToMark" && !action.isLocal;
    return el("div", { class: "key-row" },
      el("span", { class: "caps" }, shown.map((key) => el("kbd", { text: key }))),
      el("span", { class: "what", text: action.label }),
      canChange ? button("change", { kind: "is-quiet", title: `Change the key of: ${action.label}`, run: (event) => this.#listen(name, event.currentTarget) }) : null,
      this.#own[name] ? button("reset", { kind: "is-quiet", title: `Default key of: ${action.label}`, run: () => this.#set(name, undefined) }) : null);
  }

  /** The next press becomes the key, unless another action has it. */
  #listen(name, changer) {
    changer.lastChild.textContent = "press a key …";
    const take = (event) => {
      const chord = chordOf(event);
      if (chord === null) return;
      event.preventDefault();
      event.stopPropagation();
      window.removeEventListener("keydown", take, { capture: true });
      if (chord !== "Esc") this.#set(name, [chord]);
      else this.#paint();
    };
    window.addEventListener("keydown", take, { capture: true });
  }

  #set(name, keys) {
    const taken = keys && bindingsOf(ACTIONS[this.page], this.#keymap).get(keys[0]);
    if (taken && taken !== name) {
      this.error.textContent = `${keys[0]} is the key of “${ACTIONS[this.page][taken].label}”; change that one first.`;
      return this.#paint();
    }
    this.error.textContent = "";
    const own = { ...this.#own, [name]: keys };
    if (!keys) delete own[name];
    this.context.saveSettings({ keymap: { ...this.context.settings.keymap, [this.page]: own } });
    return this.#paint();
  }
}
