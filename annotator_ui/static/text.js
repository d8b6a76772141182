/** The text page: what models wrote about clips, events and the video, read against the picture. */

import { button, el, replace } from "./dom.js";
import { recall, remember } from "./context.js";
import { Picker } from "./picker.js";
import { textCard } from "./textcard.js";
import { fieldsOf, foldTexts, keyOf } from "./textfold.js";
import { VideoLog } from "./videolog.js";
import { watching } from "./watching.js";
import { piecesOf } from "./words.js";
import { Workbench } from "./workbench.js";

const REASONS = [
  "Tells of what is not to be seen", "Misses the abnormal event", "Wrong people or things",
  "Wrong order or place", "Wrong judgement", "Hard to read",
];
const NONE = /^$/;

export class TextPage {
  #log = null;
  #texts = [];
  #at = { text: 0, field: 0 };
  #editing = null;
  #span = null;
  #onlyFindings = false;

  /** @param view `{context, page, signal, header, say, run}` */
  constructor(view) {
    this.view = view;
    this.bench = new Workbench(view, this.#hooks(), { queue: { noun: "videos", detail: countOf } });
    this.stage = this.bench.stage;
    this.picker = new Picker();
    this.title = el("h2", {});
    this.filters = el("div", { class: "filters", role: "group", "aria-label": "Texts shown" });
    this.list = el("div", { class: "texts" });
    this.bar = el("footer", { class: "action-bar" });
    this.side = el("aside", { class: "side", "aria-label": "Texts" }, this.title, this.filters, this.list);
    this.node = el("div", { class: "bench has-texts" }, this.bench.queue.node, this.stage.node, this.side, this.bar, this.picker.node);
    this.actions = { ...watching(this.bench), ...this.#actions() };
    const { context, signal } = view;
    context.addEventListener("heard", ({ detail }) => this.#log?.hear(detail) && this.#fold(), { signal });
    context.addEventListener("refused", ({ detail }) => this.#refused(detail), { signal });
    this.#paintBar();
  }

  start() {
    return this.bench.start();
  }

  hide() {
    this.stage.stop();
  }

  comeBack() {
    return this.bench.comeBack();
  }

  /** While words are chosen, arrows and Enter belong to the text. */
  keepsKeys(_event, chord) {
    return this.#span !== null && ["←", "→", "Shift+←", "Shift+→", "Enter", "Esc"].includes(chord);
  }

  #hooks() {
    return {
      emptyText: "No video has texts yet. Run `vau-data caption` and `vau-data summarize`, then come back.",
      opened: (info) => this.#opened(info),
      playable: () => this.#loop(),
      closed: () => this.#closed(),
    };
  }

  #opened(info) {
    this.#log = new VideoLog(info.id, info.log, { outbox: this.view.context.outbox, family: NONE });
    this.#editing = null;
    this.#span = null;
    this.#fold();
    this.#goToFirst();
  }

  /** The first text that is open, among those shown; else the first shown. */
  #goToFirst() {
    const shown = this.#texts.filter((text) => this.#isShown(text));
    const first = shown.find((text) => text.state === null) ?? shown[0];
    this.#at = { text: Math.max(this.#texts.indexOf(first), 0), field: 0 };
    this.#paint();
  }

  #isShown(text) {
    return !this.#onlyFindings || text.findings.length > 0;
  }

  #closed() {
    this.stage.endLoop();
    this.#log = null;
  }

  /** A refused text is a conflict that the person settles, and stays on the page until then. */
  #refused(event) {
    this.#log?.forget(event.uuid);
    if (event.video === this.bench.info?.id) this.#refetch();
    this.view.say(`The server did not take it: ${event.refusal.why}`, "bad");
  }

  async #refetch() {
    const info = await this.bench.refetch();
    if (!info) return;
    this.#log = new VideoLog(info.id, info.log, { outbox: this.view.context.outbox, family: NONE });
    this.#fold();
  }

  #fold() {
    const fresh = this.#log.events.filter((event) => !this.#log.isFromServer(event.uuid));
    this.#texts = foldTexts(this.bench.info.texts, fresh);
    const numOpen = this.#texts.filter((text) => text.state === null).length;
    this.bench.update({ state: numOpen || this.#texts.length === 0 ? "todo" : "done", num_items: numOpen });
    this.#paint();
  }

  get #text() {
    const text = this.#texts[this.#at.text] ?? null;
    return text && this.#isShown(text) ? text : null;
  }

  get #field() {
    return this.#text ? fieldsOf(this.#text)[this.#at.field] ?? null : null;
  }

  #conflictsOf(text) {
    const refused = this.view.context.outbox.refused();
    const keys = [text, text.answers].filter(Boolean).map(keyOf);
    return refused.filter((event) => event.refusal.current_rev && keys.includes(keyOf(event.body)));
  }

  // Acts

  #record(op, body, { target, target_id } = this.#text) {
    this.#log.record(op, { target, target_id, ...body });
    this.#fold();
  }

  #accept() {
    if (!this.#text) return this.#sayNone();
    this.#record("text.accept", { reason: null, base_rev: this.#text.rev });
    return this.#nextOpen();
  }

  async #reject() {
    if (!this.#text) return this.#sayNone();
    const text = this.#text;
    const reason = await this.picker.ask("Reject the text. Why?", REASONS);
    if (reason === null || this.#text !== text) return undefined;
    this.#record("text.reject", { reason, base_rev: text.rev });
    return this.#nextOpen();
  }

  #edit(words = null) {
    if (!this.#field) return this.#sayNone();
    this.#span = null;
    this.#editing = words ?? (recall(this.view.context, this.#draftName()) || this.#field.text);
    this.#paint();
    const area = this.list.querySelector("textarea");
    area.focus();
    area.setSelectionRange(area.value.length, area.value.length);
    return undefined;
  }

  /** What is typed and not saved survives a closed tab. */
  #draftName() {
    return `draft/${keyOf(this.#field.owner)}/${this.#field.field}`;
  }

  #typed(words) {
    this.#editing = words;
    remember(this.view.context, this.#draftName(), words);
  }

  #save(words) {
    const text = words.trim();
    if (text === "") return this.view.say("An empty text cannot be saved; X rejects it.", "warn");
    remember(this.view.context, this.#draftName(), "");
    this.#editing = null;
    if (text === this.#field.text) return this.#paint();
    const { field, rev, owner } = this.#field;
    this.#record("text.edit", { field, text, base_rev: rev }, owner);
    return this.view.say(owner === this.#text ? "Saved. What was made from this text is made again by the next run." : "Saved.", "good");
  }

  #cancel() {
    remember(this.view.context, this.#draftName(), "");
    this.#editing = null;
    this.#paint();
  }

  async #settle(conflict, choice) {
    const { outbox } = this.view.context;
    await outbox.dismiss(conflict.uuid);
    if (choice === "edit") return this.#edit(conflict.body.text);
    if (choice === "mine") {
      this.#log.record("text.edit", { ...conflict.body, base_rev: this.#field.rev });
    }
    return this.#fold();
  }

  // Words that tell of what is not there

  #hallucinated() {
    if (!this.#field) return this.#sayNone();
    const selected = this.#selectedByMouse();
    if (selected) return this.#markSpan(selected);
    if (this.#span) return this.#markSpan(this.#span);
    const first = piecesOf(this.#field.text).find((piece) => piece.isWord);
    this.#choose([first.start, first.end]);
    return this.view.say("Arrows go from word to word, Shift extends, Enter marks, Esc leaves.");
  }

  /** The words under the mouse selection in the chosen field. */
  #selectedByMouse() {
    const root = this.node.getRootNode();
    const selection = root.getSelection?.() ?? document.getSelection();
    if (!selection || selection.isCollapsed) return null;
    const words = [...this.list.querySelectorAll(".text-field.is-chosen [data-word]")].filter((word) => selection.containsNode(word, true));
    if (words.length === 0) return null;
    const pieces = piecesOf(this.#field.text);
    selection.removeAllRanges();
    return [pieces[words[0].dataset.word].start, pieces[words.at(-1).dataset.word].end];
  }

  #choose(span) {
    this.#span = span;
    this.#paint();
    this.list.querySelector(".is-choosing")?.focus();
  }

  #walk(event) {
    if (event.key === "Escape") this.#leaveWords();
    else if (event.key === "Enter") this.#markSpan(this.#span);
    else if (event.key === "ArrowRight") this.#moveSpan(1, event.shiftKey);
    else if (event.key === "ArrowLeft") this.#moveSpan(-1, event.shiftKey);
    else return;
    event.preventDefault();
    event.stopPropagation();
  }

  #moveSpan(num, isExtending) {
    const words = piecesOf(this.#field.text).filter((piece) => piece.isWord);
    const first = words.findIndex((word) => word.start === this.#span[0]);
    const last = words.findIndex((word) => word.end === this.#span[1]);
    const bound = (index) => Math.min(Math.max(index, 0), words.length - 1);
    if (isExtending) return this.#choose([this.#span[0], words[Math.max(first, bound(last + num))].end]);
    const next = words[bound((num > 0 ? last : first) + num)];
    return this.#choose([next.start, next.end]);
  }

  #selectWord(index, isExtending) {
    const piece = piecesOf(this.#field.text)[index];
    if (!isExtending) return this.#choose([piece.start, piece.end]);
    return this.#choose([Math.min(this.#span[0], piece.start), Math.max(this.#span[1], piece.end)]);
  }

  #markSpan([start, end]) {
    this.#span = null;
    const { field, rev, owner } = this.#field;
    this.#record("text.hallucinated", { field, start, end, base_rev: rev }, owner);
    this.view.say("Marked as hallucinated", "good");
  }

  #leaveWords() {
    this.#span = null;
    this.#paint();
  }

  // Going about

  #pick(text, field) {
    const isOther = this.#at.text !== text;
    if (isOther || this.#at.field !== field) {
      this.#editing = null;
      this.#span = null;
    }
    this.#at = { text, field };
    this.#paint();
    if (isOther) this.#loop();
  }

  #step(num) {
    const { text, field } = this.#at;
    if (this.#text && fieldsOf(this.#text)[field + num]) return this.#pick(text, field + num);
    let at = text + num;
    while (this.#texts[at] && !this.#isShown(this.#texts[at])) at += num;
    const next = this.#texts[at];
    if (!next) return this.view.say(num > 0 ? "This is the last text of the video." : "This is the first text of the video.");
    return this.#pick(at, num > 0 ? 0 : fieldsOf(next).length - 1);
  }

  #nextOpen() {
    const { length } = this.#texts;
    const order = Array.from({ length }, (_, index) => (this.#at.text + 1 + index) % length);
    const next = order.find((index) => this.#texts[index].state === null && this.#isShown(this.#texts[index]));
    if (next === undefined) return this.view.say(`All texts ${this.#onlyFindings ? "with findings" : "of this video"} are settled. Enter goes on.`, "good");
    return this.#pick(next, 0);
  }

  #loop() {
    const text = this.#text;
    if (!text || !this.stage.isReady) return;
    const at = (seconds) => this.stage.source.ordinalAt(seconds);
    this.stage.loop(at(text.start_seconds + 1e-6), at(text.end_seconds - 1e-6));
  }

  #sayNone() {
    this.view.say("This video has no text.");
  }

  // Painting

  #paint() {
    const numOpen = this.#texts.filter((text) => text.state === null).length;
    this.title.textContent = `Texts (${numOpen} open of ${this.#texts.length})`;
    this.#paintFilters();
    const cards = this.#texts.map((text, index) => !this.#isShown(text) ? null : textCard(text, {
      isSelected: index === this.#at.text, field: this.#at.field, editing: this.#editing, span: this.#span, conflicts: this.#conflictsOf(text),
    }, this.#cardHooks(index))).filter(Boolean);
    const why = this.#texts.length ? "No text of this video has findings." : "No caption or summary for this video yet.";
    replace(this.list, cards.length ? cards : el("p", { class: "empty", text: why }));
    this.list.querySelector(".text-card.is-selected .text-field.is-chosen")?.scrollIntoView({ block: "nearest" });
  }

  /** Nothing of findings where an audit has none. */
  #paintFilters() {
    const num = this.#texts.filter((text) => text.findings.length > 0).length;
    const filter = (label, isOnly, count) => el("button", {
      type: "button", class: "filter", "aria-pressed": String(this.#onlyFindings === isOnly),
      on: { click: () => this.#show(isOnly), pointerdown: (event) => event.preventDefault() },
    }, label, el("span", { class: "num", text: String(count) }));
    const isUseful = num > 0 || this.#onlyFindings;
    replace(this.filters, isUseful ? [filter("All", false, this.#texts.length), filter("With findings", true, num)] : []);
  }

  #show(isOnly) {
    this.#onlyFindings = isOnly;
    this.#editing = null;
    this.#span = null;
    if (this.#text) this.#paint();
    else this.#goToFirst();
  }

  #cardHooks(index) {
    return {
      pick: (field) => this.#pick(index, field),
      save: (words) => this.#save(words),
      cancel: () => this.#cancel(),
      typed: (words) => this.#typed(words),
      selectWord: (word, isExtending) => this.#selectWord(word, isExtending),
      walk: (event) => this.#walk(event),
      settle: (conflict, choice) => {
        const isMeant = (one) => one.field === conflict.body.field && keyOf(one.owner) === keyOf(conflict.body);
        this.#at = { text: index, field: Math.max(fieldsOf(this.#texts[index]).findIndex(isMeant), 0) };
        return this.#settle(conflict, choice);
      },
    };
  }

  #paintBar() {
    const { run } = this.view;
    const act = (label, key, action, kind) => button(label, { key, kind, run: () => run(action) });
    replace(this.bar,
      act("accept", "A", "accept", "is-good"), act("edit", "E", "edit"), act("reject", "X", "reject", "is-bad"),
      act("hallucinated words", "H", "hallucinated"),
      act("next text", "↓", "nextText"), el("span", { class: "spring" }), act("next video", "Enter", "done", "is-main"));
  }

  #actions() {
    return {
      accept: () => this.#accept(),
      edit: () => this.#edit(),
      reject: () => this.#reject(),
      hallucinated: () => this.#hallucinated(),
      nextText: () => this.#step(1),
      previousText: () => this.#step(-1),
      done: () => this.bench.advance(),
    };
  }
}

function countOf(video) {
  return video.num_items ? `${video.num_items} open` : "";
}
