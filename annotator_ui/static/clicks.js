/** The clicks page: one frame per abnormal event, from the person alone or from suggestions. */

import { button, clock, el, percent, replace } from "./dom.js";
import { CLICK_FAMILY, coverage, foldClicks, mergeRanges } from "./fold.js";
import { Grabber } from "./grabber.js";
import { newUuid } from "./ids.js";
import { MarkList } from "./marklist.js";
import { SKIM_REACTION_SECONDS } from "./stage.js";
import { Timeline } from "./timeline.js";
import { VideoLog } from "./videolog.js";
import { Workbench } from "./workbench.js";
import { watching } from "./watching.js";

const LOOP_SECONDS = 2;
const SEEN_TO_CALL_QUIET = 0.9;
const SEEN_EVERY_MS = 5000;
const NEAR_SECONDS = 1;
const sum = (numbers) => numbers.reduce((one, other) => one + other, 0);
const SKIM_TITLE = "Plays what the scores point at, and short glances of the rest";

const NORMAL = "Its label says that nothing abnormal happens here. What you mark is kept as an abnormal event all the same; the label of the video stays, so flag it (F) and somebody looks at it.";

const SAID = {
  "mark.add": "mark", "mark.move": "move of a mark", "mark.delete": "deletion", "mark.state": "change of a mark",
  "suggestion.reject": "rejection", "suggestion.unsure": "“unsure”", "video.state": "state of the video",
};

export class ClicksPage {
  #log = null;
  #state = foldClicks([], []);
  #selected = null;
  #active = null;
  #unsent = [];
  #asked = null;

  /** @param view `{context, page, signal, header, say}` */
  constructor(view) {
    this.view = view;
    this.isReview = view.page === "review";
    this.bench = new Workbench(view, this.#hooks(), { queue: { noun: "videos" } });
    this.stage = this.bench.stage;
    this.grabber = new Grabber();
    this.timeline = new Timeline(this.#timelineHooks());
    this.marks = new MarkList(this.#markHooks(), { emptyText: this.#emptyText() });
    this.guide = el("details", { class: "guide", open: true, hidden: true });
    this.bar = el("footer", { class: "action-bar" });
    this.side = el("aside", { class: "side", "aria-label": "Marks and guidelines" }, this.marks.node, this.guide);
    this.node = el("div", { class: "bench" }, this.bench.queue.node, this.stage.node, this.side,
      this.timeline.node, this.bar, this.grabber.node);
    this.actions = { ...watching(this.bench, this.timeline), ...this.#actions() };
    const { context, signal } = view;
    context.addEventListener("heard", (event) => this.#heard(event.detail), { signal });
    context.addEventListener("refused", (event) => this.#refused(event.detail), { signal });
    const timer = setInterval(() => this.#sendSeen(), SEEN_EVERY_MS);
    signal.addEventListener("abort", () => clearInterval(timer));
    window.addEventListener("pagehide", () => this.#sendSeen(), { signal });
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

  get selectedMark() {
    return this.#selected;
  }

  get marksShown() {
    return this.#state.marks;
  }

  #emptyText() {
    return this.isReview ? "No marks in this video. M adds one." : "No marks yet. Press M when you see an abnormal event.";
  }

  // What the parts of the page report

  #hooks() {
    return {
      emptyText: this.isReview ? "Nothing to review yet: the first round has to be done." : "This dataset has no videos yet. Run `vau-data ingest`.",
      opened: (info) => this.#opened(info),
      playable: () => this.#playable(),
      closed: () => this.#closed(),
      moved: () => this.timeline.setPlayhead(this.stage.seconds),
      seen: (start, end) => this.#seen(start, end),
      loopEnded: () => this.#activate(null),
      skimmed: () => this.#skimmed(),
      note: () => this.#liveNote(),
    };
  }

  #timelineHooks() {
    return {
      seek: (seconds) => this.stage.isReady && this.stage.goTo(this.stage.source.ordinalAt(seconds)),
      pickMark: (mark) => this.#go(mark),
      dragMark: (mark, seconds, isDropped) => this.#drag(mark, seconds, isDropped),
      pickSuggestion: (suggestion) => this.#activate(suggestion),
      seenShare: () => this.#seenShare(),
    };
  }

  #markHooks() {
    return {
      go: (mark) => this.#go(mark),
      remove: (mark) => this.#remove(mark),
      toggle: (mark, state) => this.#setState(mark, mark.state === state ? "confirmed" : state),
      pictureOf: (frame, label) => this.grabber.canvasOf(frame, label),
    };
  }

  #opened(info) {
    const { outbox } = this.view.context;
    this.#log = new VideoLog(info.id, info.log, { outbox, family: CLICK_FAMILY });
    this.#selected = null;
    this.#active = null;
    this.#asked = null;
    this.timeline.load(info);
    this.#paintGuide(info);
    this.#fold();
  }

  #playable() {
    const { info } = this.bench;
    this.grabber.load(info.media.url, this.stage.frames.table);
    this.#paint();
    if (info.suggestions.length && !this.isReview) this.view.say(`Suggestions here: ${info.suggestions.length}. N goes to the first.`);
  }

  #closed() {
    this.#sendSeen();
    this.grabber.clear();
    this.timeline.clear();
    this.stage.endLoop();
    this.#log = null;
  }

  #heard(event) {
    if (this.#log?.hear(event)) this.#fold();
  }

  #refused(event) {
    this.#log?.forget(event.uuid);
    if (this.#log) this.#fold();
    this.view.say(`The server did not take it: ${event.refusal.why}`, "bad");
  }

  // Recording

  #record(op, body) {
    this.#asked = null;
    const event = this.#log.record(op, body);
    // Who marks something takes back "no abnormal event here".
    if (op === "mark.add" && this.#state.videoState === "nothing") this.#log.record("video.state", { state: "todo" });
    this.#fold();
    return event;
  }

  #fold() {
    const { info } = this.bench;
    this.#state = foldClicks(info.base_marks, this.#log.events, [...info.seen, ...this.#unsent]);
    if (!this.#state.marks.some((mark) => mark.mark === this.#selected)) this.#selected = null;
    this.#paint();
    const { marks, videoState } = this.#state;
    this.bench.update({ state: videoState, num_marks: marks.length });
  }

  async #mark() {
    if (!this.#canMark()) return;
    const { info } = this.bench;
    const suggestion = this.#active;
    const picked = await this.stage.pick(this.view.context.settings.reaction_seconds);
    if (this.bench.info !== info) return;
    if (picked.frame < 0) return this.view.say("The frame shown is not in this video's table of times; step once and mark again.", "bad");
    const mark = { mark: newUuid(), ...picked, time_seconds: this.stage.source.secondsOf(picked.frame),
      source: suggestion ? "model_moved" : "human", suggestion: suggestion?.id ?? null, ...this.#pageOf() };
    this.#selected = mark.mark;
    this.#record("mark.add", mark);
    this.#sayMarked(mark);
  }

  #pageOf() {
    return this.isReview ? { page: "review" } : {};
  }

  #sayMarked(mark) {
    const number = this.#state.marks.findIndex((one) => one.mark === mark.mark) + 1;
    this.view.say(`Mark ${number} · f ${mark.frame} · ${clock(mark.time_seconds, 2)}`, "good");
  }

  #canMark() {
    if (this.stage.isReady) return true;
    this.view.say("There is no picture to mark yet.");
    return false;
  }

  async #moveMark() {
    const mark = this.#chosen();
    if (!mark || !this.#canMark()) return;
    const { frame } = await this.stage.pick(0);
    if (frame >= 0) this.#place(mark, frame);
  }

  #place(mark, frame) {
    if (!mark.isMine) return this.view.say("This mark is not yours: ignore it (I) and add your own (M).");
    this.#record("mark.move", { mark: mark.mark, frame, time_seconds: this.stage.source.secondsOf(frame) });
    return this.view.say(`Moved to f ${frame}`, "good");
  }

  async #drag(mark, seconds, isDropped) {
    if (!this.stage.isReady) return;
    this.#selected = mark.mark;
    const target = this.stage.source.ordinalAt(seconds);
    const shown = await this.stage.goTo(target);
    if (isDropped && this.#log) this.#place(mark, shown >= 0 ? shown : target);
  }

  #remove(mark) {
    if (!mark) return this.view.say("No mark is selected.");
    if (!mark.isMine) return this.#setState(mark, "ignored");
    const at = this.#state.marks.findIndex((one) => one.mark === mark.mark);
    this.#record("mark.delete", { mark: mark.mark });
    this.#selected = this.#state.marks[Math.min(at, this.#state.marks.length - 1)]?.mark ?? null;
    this.#paint();
    return this.view.say(`Mark ${at + 1} deleted · Ctrl+Z brings it back`);
  }

  #setState(mark, state) {
    if (!mark) return this.view.say("No mark is selected.");
    this.#selected = mark.mark;
    this.#record("mark.state", { mark: mark.mark, state });
    return this.view.say(`Mark is now ${state}`);
  }

  #turn(isUndo) {
    const event = isUndo ? this.#log?.undo() : this.#log?.redo();
    if (!event) return this.view.say(isUndo ? "Nothing to undo." : "Nothing to redo.");
    this.#fold();
    return this.view.say(`${isUndo ? "Undone" : "Done again"}: ${SAID[event.op]}`);
  }

  // Choosing

  /** The selected mark, else the one nearest to the frame shown, if it is near. */
  #chosen() {
    const { marks } = this.#state;
    const selected = marks.find((mark) => mark.mark === this.#selected);
    if (selected) return selected;
    const away = (mark) => Math.abs(mark.time_seconds - this.stage.seconds);
    const nearest = [...marks].sort((one, other) => away(one) - away(other))[0];
    return nearest && away(nearest) <= NEAR_SECONDS ? nearest : null;
  }

  #go(mark) {
    if (!mark) return;
    this.#leaveSuggestion();
    this.#selected = mark.mark;
    this.stage.goTo(mark.frame);
    this.#paint();
  }

  #goBy(num) {
    const { marks } = this.#state;
    const now = this.stage.ordinal;
    const at = marks.findIndex((mark) => mark.mark === this.#selected && mark.frame === now);
    if (at >= 0) return this.#go(marks[at + num]);
    return this.#go(num > 0 ? marks.find((mark) => mark.frame > now) : marks.findLast((mark) => mark.frame < now));
  }

  // Suggestions: on review, the marks of the first round take their place

  get #open() {
    if (this.isReview) return this.#state.marks.filter((mark) => !mark.isMine).map((mark) => ({ ...mark, id: mark.mark }));
    return this.bench.info?.suggestions ?? [];
  }

  #activate(suggestion) {
    this.#active = suggestion;
    if (!suggestion) this.stage.endLoop();
    else if (this.stage.isReady) {
      if (this.isReview) this.#selected = suggestion.mark;
      const at = (seconds) => this.stage.source.ordinalAt(seconds);
      this.stage.loop(at(suggestion.time_seconds - LOOP_SECONDS), at(suggestion.time_seconds + LOOP_SECONDS));
    }
    this.#paint();
  }

  #leaveSuggestion() {
    this.stage.endLoop();
    this.stage.stop();
    this.#active = null;
  }

  #isDecided(suggestion) {
    if (!this.isReview) return this.#state.decided.has(suggestion.id);
    return this.#log.events.some((event) => event.op === "mark.state" && event.body.mark === suggestion.mark);
  }

  /** The next one in a direction; open ones first, and any when all are decided. */
  #nextOf(num) {
    const all = this.#open;
    if (all.length === 0) return null;
    const at = all.findIndex((one) => one.id === this.#active?.id);
    const start = at < 0 && num < 0 ? 0 : at;
    const around = all.map((_, index) => all[(start + num * (index + 1) + 2 * all.length) % all.length]);
    return around.find((one) => !this.#isDecided(one)) ?? around[0];
  }

  #browse(num) {
    const next = this.#nextOf(num);
    if (next) this.#activate(next);
    else this.view.say(this.isReview ? "No marks of others in this video." : "No suggestions in this video.");
  }

  /** Records a decision about the active suggestion and goes on to the next open one. */
  #decide(op, body) {
    if (!this.#active) return this.view.say(`${this.#open.length ? "N goes to the first one." : "There is none to decide."}`);
    this.#record(op, body(this.#active));
    const next = this.#nextOf(1);
    if (next && !this.#isDecided(next)) return this.#activate(next);
    this.#leaveSuggestion();
    this.#paint();
    return this.view.say(this.isReview ? "All marks decided. Enter goes on." : "All suggestions decided. Enter when the video is done.", "good");
  }

  #accept() {
    if (this.isReview) return this.#decide("mark.state", (mark) => ({ mark: mark.mark, state: "confirmed" }));
    return this.#decide("mark.add", (suggestion) => {
      this.#selected = newUuid();
      return { mark: this.#selected, frame: suggestion.frame, time_seconds: suggestion.time_seconds,
        is_live: false, speed: 0, source: "model_accepted", suggestion: suggestion.id };
    });
  }

  #reject() {
    this.#decide("suggestion.reject", (suggestion) => ({ suggestion: suggestion.id }));
  }

  #unsure() {
    const made = this.#active && this.#state.marks.find((mark) => mark.suggestion === this.#active.id);
    if (made) return this.#decide("mark.state", () => ({ mark: made.mark, state: "unsure" }));
    if (this.#active && !this.isReview) return this.#decide("suggestion.unsure", ({ id }) => ({ suggestion: id }));
    if (this.#active) return this.#decide("mark.state", ({ mark }) => ({ mark, state: "unsure" }));
    return this.#toggle("unsure");
  }

  #ignore() {
    if (this.#active && this.isReview) return this.#decide("mark.state", ({ mark }) => ({ mark, state: "ignored" }));
    return this.#toggle("ignored");
  }

  #toggle(state) {
    const mark = this.#chosen();
    return this.#setState(mark, mark?.state === state ? "confirmed" : state);
  }

  // The video as a whole

  #done() {
    const { marks, decided, videoState } = this.#state;
    const numOpen = this.isReview ? 0 : this.#open.filter((one) => !decided.has(one.id)).length;
    if (videoState === "nothing" || videoState === "flagged") return this.bench.advance();
    if (marks.length === 0 && !this.isReview) return this.view.say("No mark here. B: no abnormal event · F: something is wrong with the video.", "warn");
    if (numOpen && !this.#isAskedTwice("done")) {
      return this.view.say(`${numOpen} suggestions are still open. Enter again: done all the same.`, "warn");
    }
    const isUnsure = marks.some((mark) => mark.state === "unsure") || [...decided.values()].includes("unsure");
    return this.#finish(isUnsure ? "unsure" : "done");
  }

  #nothing() {
    const { marks } = this.#state;
    if (marks.length) return this.view.say(`${marks.length} marks stand here; delete them first (D).`, "warn");
    const share = this.#seenShare();
    const isSeen = share >= SEEN_TO_CALL_QUIET || this.#skimmedShare() >= SEEN_TO_CALL_QUIET;
    if (!isSeen && !this.#isAskedTwice("nothing")) {
      return this.view.say(`You have seen ${percent(share)} of it; 90 % is asked, or all of a skim (G). L plays on (2, 4, 8×). B again: say so all the same.`, "warn");
    }
    return this.#finish("nothing");
  }

  #flag() {
    const isFlagged = this.#state.videoState === "flagged";
    this.#record("video.state", { state: isFlagged ? "todo" : "flagged" });
    this.view.say(isFlagged ? "No longer flagged." : "Flagged. Enter goes on to the next video.", "warn");
  }

  #finish(state) {
    this.#sendSeen();
    this.#record("video.state", { state });
    this.bench.advance();
  }

  /** True on the second press in a row of what was questioned. */
  #isAskedTwice(what) {
    const isAgain = this.#asked === what;
    this.#asked = isAgain ? null : what;
    return isAgain;
  }

  // Coverage

  #seen(start, end) {
    this.#unsent = mergeRanges([...this.#unsent, [start, end]]);
    this.#state.seen = mergeRanges([...this.#state.seen, [start, end]]);
  }

  #seenShare() {
    const { info } = this.bench;
    return info ? coverage(this.#state.seen, info.start_seconds, info.end_seconds) : 0;
  }

  /** The share that was seen of what a skim plays. */
  #skimmedShare() {
    const parts = this.bench.info?.skim ?? [];
    const length = (part) => part[1] - part[0];
    const seen = parts.map((part) => coverage(this.#state.seen, ...part) * length(part));
    return sum(seen) / Math.max(sum(parts.map(length)), 1e-9);
  }

  #skim() {
    if (!this.#canMark()) return;
    if (this.stage.isSkimming) return this.stage.stop();
    this.#active = null;
    this.stage.skim(this.bench.info.skim);
    this.#paint();
  }

  #skimmed() {
    const how = this.#state.marks.length ? "Enter: done" : "B: no abnormal event here";
    this.view.say(`Skimmed to the end; ${percent(this.#seenShare())} of the video was seen. ${how}.`, "good");
  }

  #sendSeen() {
    if (!this.#log || this.#unsent.length === 0) return;
    this.#log.record("video.seen", { ranges: this.#unsent });
    this.#unsent = [];
    this.timeline.show({ seen: this.#state.seen });
  }

  #liveNote() {
    const { reaction_seconds: reaction } = this.view.context.settings;
    const back = this.stage.isSkimming ? Math.max(reaction, SKIM_REACTION_SECONDS) : reaction;
    return this.stage.velocity === 0 ? "" : `live −${Math.round(back * 1000)} ms`;
  }

  // Painting

  #paint() {
    const { info } = this.bench;
    if (!info) return;
    const { marks, decided, seen } = this.#state;
    this.marks.show(marks, this.#selected);
    const suggestions = info.suggestions.map((one) => ({ ...one, decision: decided.get(one.id) ?? null }));
    this.timeline.show({ marks, suggestions, seen, selected: this.#selected, active: this.#active?.id ?? null });
    this.#paintBar();
  }

  #paintBar() {
    const all = this.#open;
    const at = all.findIndex((one) => one.id === this.#active?.id);
    const { run } = this.view;
    const what = this.isReview ? "mark" : "suggestion";
    const state = at >= 0 ? `◆ ${what} ${at + 1} of ${all.length} · loops ±${LOOP_SECONDS} s`
      : all.length ? `${all.length} ${what}${all.length > 1 ? "s" : ""}` : this.isReview ? "no marks of others" : "no suggestions";
    const decide = at < 0 ? [] : [
      button(this.isReview ? "confirm" : "accept", { key: "A", kind: "is-good", run: () => run("accept") }),
      this.isReview
        ? button("ignore", { key: "X", kind: "is-bad", run: () => run("ignore") })
        : button("reject", { key: "X", kind: "is-bad", run: () => run("reject") }),
      button("unsure", { key: "S", run: () => run("unsure") })];
    replace(this.bar,
      button("mark", { key: "M", kind: "is-main", run: () => run("mark") }),
      button("skim", { key: "G", title: SKIM_TITLE, run: () => run("skim") }),
      el("span", { class: "state", text: state }),
      all.length ? button("next", { key: "N", run: () => run("nextSuggestion") }) : null, decide,
      el("span", { class: "spring" }),
      this.isReview ? null : button("no abnormal event", { key: "B", kind: this.#kindOf("nothing"), run: () => run("nothing") }),
      button("flag", { key: "F", kind: this.#kindOf("flagged"), run: () => run("flag") }),
      button("done, next", { key: "Enter", kind: "is-main", run: () => run("done") }));
  }

  #kindOf(state) {
    return this.#state.videoState === state ? "is-on" : "";
  }

  #paintGuide({ guidelines, is_called_normal: isNormal }) {
    const title = isNormal ? "This video is called normal" : guidelines && `Guideline: ${guidelines.category}`;
    const lines = [...(isNormal ? [NORMAL] : []), ...(guidelines?.text.split("\n") ?? [])];
    this.guide.hidden = !title;
    replace(this.guide, el("summary", { text: title ?? "" }), lines.filter((line) => line.trim()).map((line) => el("p", { text: line })));
  }

  #actions() {
    return {
      mark: () => this.#mark(),
      moveMark: () => this.#moveMark(),
      delete: () => this.#remove(this.#chosen()),
      undo: () => this.#turn(true),
      redo: () => this.#turn(false),
      goToMark: (_event, chord) => this.#go(this.#state.marks[Number(chord) - 1]),
      previousMark: () => this.#goBy(-1),
      nextMark: () => this.#goBy(1),
      nextSuggestion: () => this.#browse(1),
      previousSuggestion: () => this.#browse(-1),
      accept: () => this.#accept(),
      reject: () => this.#reject(),
      unsure: () => this.#unsure(),
      ignore: () => this.#ignore(),
      nothing: () => this.#nothing(),
      flag: () => this.#flag(),
      done: () => this.#done(),
      skim: () => this.#skim(),
    };
  }
}
