/** The blind evaluation: a clip, a question and answers without names; people say which is best. */

import { button, el, replace } from "./dom.js";
import { coverage, mergeRanges } from "./fold.js";
import { watching } from "./watching.js";
import { Workbench } from "./workbench.js";

const WATCHED = 0.9; // of the clip, frames at its ends may pass unshown
const CHOICE_KEYS = { 0: "1", 1: "2", 2: "3" };
const OTHERS = { tie: ["equal", "T"], none: ["none is right", "0"] };

export class BlindPage {
  #votes = {};
  #aspect = 0;
  #isUnlocked = false;
  #seen = [];

  /** @param view `{context, page, signal, header, say, run}` */
  constructor(view) {
    this.view = view;
    this.bench = new Workbench(view, this.#hooks(), { queue: { noun: "items", detail: () => "" }, pathOf: (id) => `/api/blind/${id}` });
    this.stage = this.bench.stage;
    this.question = el("h2", { class: "question" });
    this.ballot = el("div", { class: "ballot" });
    this.answers = el("section", { class: "answers", "aria-label": "Answers" });
    this.bar = el("footer", { class: "action-bar" });
    this.side = el("aside", { class: "side", "aria-label": "Question and votes" }, this.question, this.ballot);
    this.node = el("div", { class: "bench has-answers" }, this.bench.queue.node, this.stage.node, this.side, this.answers, this.bar);
    this.actions = { ...watching(this.bench), ...this.#actions() };
    view.context.addEventListener("refused", ({ detail }) => this.#refused(detail), { signal: view.signal });
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

  #hooks() {
    return {
      emptyText: "There is nothing to judge yet. `vau-data blind add` sets up an evaluation.",
      opened: (info) => this.#opened(info),
      playable: (info) => this.#playable(info),
      closed: () => this.stage.endLoop(),
      seen: (start, end) => (this.#seen = mergeRanges([...this.#seen, [start, end]])),
      looped: () => this.#looped(),
    };
  }

  #opened(info) {
    this.#votes = { ...info.votes };
    for (const event of this.view.context.outbox.pending(this.#videoOf(info))) this.#lay(event, info);
    this.#isUnlocked = info.is_unlocked;
    this.#aspect = Math.max(0, info.aspects.findIndex((aspect) => !this.#votes[aspect.id]));
    this.#seen = [];
    this.#paint();
  }

  #lay({ op, body }, info) {
    if (op === "vote" && body.item === info.item) this.#votes[body.aspect] = body.choice;
  }

  #videoOf(info) {
    return info.video ?? info.item;
  }

  #playable(info) {
    const at = (seconds) => this.stage.source.ordinalAt(seconds);
    this.stage.loop(at(info.start_seconds + 1e-6), at(info.end_seconds - 1e-6));
  }

  #looped() {
    const { info } = this.bench;
    if (!info || this.#isUnlocked || coverage(this.#seen, info.start_seconds, info.end_seconds) < WATCHED) return;
    this.#isUnlocked = true;
    this.view.context.outbox.add(this.#videoOf(info), "play", { item: info.item });
    this.#paint();
    this.view.say("You have seen the clip: votes are open.", "good");
  }

  #refused(event) {
    this.view.say(`The server did not take it: ${event.refusal.why}`, "bad");
    if (event.body.item === this.bench.info?.item) this.bench.open(this.bench.info.id);
  }

  #vote(choice) {
    const { info } = this.bench;
    if (!info || choice === undefined) return undefined;
    if (!this.#isUnlocked) return this.view.say("Watch the clip once to its end; then votes are open.", "warn");
    const aspect = info.aspects[this.#aspect];
    this.#votes[aspect.id] = choice;
    this.view.context.outbox.add(this.#videoOf(info), "vote", { item: info.item, aspect: aspect.id, choice });
    const open = info.aspects.findIndex((one) => !this.#votes[one.id]);
    if (open >= 0) this.#aspect = open;
    else this.bench.update({ state: "done" });
    return this.#paint();
  }

  #done() {
    const { info } = this.bench;
    if (info && info.aspects.some((aspect) => !this.#votes[aspect.id])) {
      return this.view.say("Both questions want a vote first; 0 says that none is right.", "warn");
    }
    return this.bench.advance();
  }

  // Painting

  #paint() {
    const { info } = this.bench;
    if (!info) return;
    this.question.textContent = info.question;
    replace(this.ballot, info.aspects.map((aspect, index) => this.#aspectNode(aspect, index, info)),
      this.#isUnlocked ? null : el("p", { class: "locked", text: "Votes open when the clip has played once to its end." }));
    replace(this.answers, info.answers.map(({ label, text }) =>
      el("article", { class: "answer" }, el("h3", { text: `Answer ${label}` }), el("p", { text }))));
    this.answers.style.setProperty("--num", String(info.answers.length));
    replace(this.bar, el("span", { class: "state", text: this.#isUnlocked ? "The order of the answers is new for each item and person." : "" }),
      el("span", { class: "spring" }), button("next item", { key: "Enter", kind: "is-main", run: () => this.view.run("done") }));
  }

  #aspectNode(aspect, index, info) {
    const isCurrent = index === this.#aspect;
    const named = info.answers.map(({ label }, at) => this.#choiceNode(label, label, { key: CHOICE_KEYS[at], aspect, index }));
    const others = Object.entries(OTHERS).map(([choice, [label, key]]) => this.#choiceNode(choice, label, { key, aspect, index }));
    return el("div", { class: `aspect${isCurrent ? " is-current" : ""}`, role: "group", "aria-label": aspect.title },
      el("h3", { text: aspect.title }), el("p", { class: "small", text: aspect.help }),
      el("div", { class: "row-of-buttons" }, named, others));
  }

  #choiceNode(choice, label, { key, aspect, index }) {
    const isChosen = this.#votes[aspect.id] === choice;
    const node = button(label, {
      key: index === this.#aspect ? key : null, kind: isChosen ? "is-main" : "", pressed: isChosen,
      run: () => {
        this.#aspect = index;
        this.#vote(choice);
      },
    });
    node.disabled = !this.#isUnlocked;
    return node;
  }

  #turnAspect() {
    const { info } = this.bench;
    if (!info) return;
    this.#aspect = (this.#aspect + 1) % info.aspects.length;
    this.#paint();
  }

  #actions() {
    const labelAt = (index) => this.bench.info?.answers[index]?.label;
    return {
      voteFirst: () => this.#vote(labelAt(0)),
      voteSecond: () => this.#vote(labelAt(1)),
      voteThird: () => this.#vote(labelAt(2)),
      voteTie: () => this.#vote("tie"),
      voteNone: () => this.#vote("none"),
      otherAspect: () => this.#turnAspect(),
      done: () => this.#done(),
    };
  }
}
