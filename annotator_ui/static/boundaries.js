/** The boundaries page: where each event starts and ends, to the frame. */

import { button, el, replace } from "./dom.js";
import { EventList } from "./eventlist.js";
import { BOUNDARY_FAMILY, foldEvents, framesOf, whyNot } from "./extents.js";
import { FrameTable } from "./frames.js";
import { Grabber } from "./grabber.js";
import { Picker } from "./picker.js";
import { Timeline } from "./timeline.js";
import { VideoLog } from "./videolog.js";
import { watching } from "./watching.js";
import { Workbench } from "./workbench.js";

const LOOP_SECONDS = 1;
const PROPOSING_POLL_MS = 700;
const REASONS = ["Nothing abnormal happens", "Part of another event", "Cannot be told from the picture"];
const SAID = {
  "boundary.set": "edge", "boundary.split": "split", "boundary.merge": "merge", "boundary.confirm": "confirmation",
  "boundary.discard": "discarding",
};

export class BoundariesPage {
  #log = null;
  #events = [];
  #selected = null;
  #edge = "start";
  #table = null;
  #isWarned = false;

  /** @param view `{context, page, signal, header, say, run}` */
  constructor(view) {
    this.view = view;
    this.bench = new Workbench(view, this.#hooks(), { queue: { noun: "videos", detail: countOf } });
    this.stage = this.bench.stage;
    this.grabber = new Grabber();
    this.picker = new Picker();
    this.timeline = new Timeline(this.#timelineHooks());
    this.list = new EventList({
      pick: (event) => this.#select(event, "start"),
      pickEdge: (edge) => this.#select(this.#event, edge),
      pictureOf: (frame, label) => this.grabber.canvasOf(frame, label),
    });
    this.bar = el("footer", { class: "action-bar" });
    this.side = el("aside", { class: "side", "aria-label": "Events" }, this.list.node);
    this.node = el("div", { class: "bench has-events" }, this.bench.queue.node, this.stage.node, this.side,
      this.timeline.node, this.bar, this.grabber.node, this.picker.node);
    this.actions = { ...watching(this.bench, this.timeline), ...this.#actions() };
    const { context, signal } = view;
    context.addEventListener("heard", ({ detail }) => this.#log?.hear(detail) && this.#fold(), { signal });
    context.addEventListener("refused", ({ detail }) => this.#refused(detail), { signal });
  }

  start() {
    return this.bench.start();
  }

  hide() {
    this.stage.stop();
  }

  async comeBack() {
    await this.bench.comeBack();
    const info = this.bench.info && (await this.bench.refetch());
    if (info?.is_proposing) await this.#waitForProposals(info);
  }

  #hooks() {
    return {
      emptyText: "No video has an event yet. Run `vau-data propose`, then come back.",
      opened: (info) => this.#opened(info),
      playable: (info) => this.#playable(info),
      closed: () => this.#closed(),
      moved: () => this.timeline.setPlayhead(this.stage.seconds),
    };
  }

  #timelineHooks() {
    return {
      seek: (seconds) => this.stage.isReady && this.stage.goTo(this.stage.source.ordinalAt(seconds)),
      pickSpan: ({ id }) => this.#select(this.#events.find((event) => event.id === id), "start"),
      pickEdge: ({ id }, edge) => this.#select(this.#events.find((event) => event.id === id), edge),
      dragEdge: (span, edge, seconds, isDropped) => this.#drag(span, edge, seconds, isDropped),
    };
  }

  async #opened(info) {
    const { outbox } = this.view.context;
    this.#log = new VideoLog(info.id, info.log, { outbox, family: BOUNDARY_FAMILY });
    this.#selected = null;
    this.timeline.load(info);
    this.#table = info.times ? await FrameTable.decode(info.times) : null;
    if (this.#table) this.#fold();
    if (info.is_proposing) this.#waitForProposals(info);
  }

  /** Events that were proposed in the meantime come by themselves; what was done here stays. */
  async #waitForProposals({ id, publish_problem: problem }) {
    if (problem) return this.view.say(`Nothing can be proposed now: ${problem}`, "bad");
    this.view.say("Looking for what the newest marks and scores propose …");
    const isHere = () => this.bench.info?.id === id && this.#log && !this.view.signal.aborted;
    for (let info = { is_proposing: true }; info.is_proposing;) {
      await new Promise((resolve) => setTimeout(resolve, PROPOSING_POLL_MS));
      if (!isHere()) return undefined;
      info = (await this.bench.refetch()) ?? info;
    }
    if (isHere()) this.#fold();
    return this.view.say(this.#events.length ? "These are the newest proposals." : "Nothing is proposed in this video.");
  }

  #playable(info) {
    this.grabber.load(info.media.url, this.stage.frames.table);
    this.#select(this.#events.find((event) => !event.is_confirmed) ?? this.#events[0], "start");
  }

  #closed() {
    this.grabber.clear();
    this.timeline.clear();
    this.stage.endLoop();
    this.#log = null;
  }

  #refused(event) {
    this.#log?.forget(event.uuid);
    if (this.#log) this.#fold();
    this.view.say(`The server did not take it: ${event.refusal.why}`, "bad");
  }

  // Recording

  #record(op, body) {
    this.#isWarned = false;
    const event = this.#log.record(op, body);
    this.#fold();
    return event;
  }

  #fold() {
    const { info } = this.bench;
    const events = foldEvents(info.events ?? [], this.#log.events);
    this.#events = events.map((event) => ({ ...event, ...framesOf(event, this.#table) }));
    if (!this.#event) this.#selected = this.#events[0]?.id ?? null;
    this.#paint();
    const isDone = events.length > 0 && events.every((event) => event.is_confirmed);
    this.bench.update({ state: isDone ? "done" : "todo", num_items: events.length });
  }

  get #event() {
    return this.#events.find((event) => event.id === this.#selected) ?? null;
  }

  /** Sets the extent in frames, both inside; says why when it is not allowed. */
  #set(first, last, what) {
    const event = this.#event;
    const why = whyNot({ first, last }, event, this.#table);
    if (why) return this.view.say(why, "warn");
    this.#record("boundary.set", {
      event: event.id, start_frame: first, end_frame: last,
      start_seconds: this.#table.secondsOf(first), end_seconds: this.#table.endOf(last),
    });
    return this.view.say(what, "good");
  }

  async #setHere(edge) {
    if (!this.#event || !this.stage.isReady) return this.view.say("Choose an event first.");
    const { frame } = await this.stage.pick(0);
    if (frame < 0) return this.view.say("The frame shown is not in this video's table of times; step once and try again.", "bad");
    this.#edge = edge;
    const { first, last } = this.#event;
    if (edge === "start") return this.#set(frame, last, `Starts at f ${frame}`);
    return this.#set(first, frame, `Ends after f ${frame}`);
  }

  #nudge(num) {
    const event = this.#event;
    if (!event) return;
    if (this.#edge === "start") this.#set(event.first + num, event.last, `Starts at f ${event.first + num}`);
    else this.#set(event.first, event.last + num, `Ends after f ${event.last + num}`);
    this.#showEdge();
  }

  async #drag(span, edge, seconds, isDropped) {
    if (!this.stage.isReady) return;
    this.#selected = span.id;
    this.#edge = edge;
    const frame = this.stage.source.ordinalAt(seconds);
    this.stage.goTo(frame);
    if (!isDropped) return;
    const { first, last } = this.#event;
    if (edge === "start") this.#set(frame, last, `Starts at f ${frame}`);
    else this.#set(first, frame, `Ends after f ${frame}`);
    this.#paint();
  }

  #propose() {
    const event = this.#event;
    if (!event?.proposal) return this.view.say("No proposal: this video has no scores yet.");
    const [start_seconds, end_seconds] = event.proposal;
    const { first, last } = framesOf({ start_seconds, end_seconds }, this.#table);
    this.#set(first, last, `Proposed by the scores: f ${first} – ${last}`);
    return this.#showEdge();
  }

  async #split() {
    const event = this.#event;
    if (!event || !this.stage.isReady) return;
    const { frame } = await this.stage.pick(0);
    if (frame <= event.first || frame > event.last) {
      return this.view.say("Go to a frame inside the event, after its first, to split it there.", "warn");
    }
    this.#record("boundary.split", { event: event.id, at_seconds: this.#table.secondsOf(frame) });
    return this.view.say(`Split: the second part starts at f ${frame}`, "good");
  }

  #merge() {
    const at = this.#events.indexOf(this.#event);
    const other = this.#events[at + 1];
    if (at < 0 || !other) return this.view.say("There is no next event to merge with.");
    this.#record("boundary.merge", { event: this.#selected, other: other.id });
    return this.view.say("Merged with the next event", "good");
  }

  async #discard() {
    const event = this.#event;
    if (!event) return;
    const reason = await this.picker.ask("There is no such event. Why?", REASONS);
    if (reason === null || !this.#log) return;
    this.#record("boundary.discard", { event: event.id, reason });
    this.view.say("Discarded · Ctrl+Z brings it back");
  }

  #confirm() {
    if (!this.#event) return this.view.say("No event is chosen.");
    if (!this.#event.is_confirmed) this.#record("boundary.confirm", { event: this.#selected });
    const next = this.#events.find((event) => !event.is_confirmed);
    if (next) return this.#select(next, "start");
    return this.view.say("All events confirmed. Enter goes on to the next video.", "good");
  }

  #turn(isUndo) {
    const event = isUndo ? this.#log?.undo() : this.#log?.redo();
    if (!event) return this.view.say(isUndo ? "Nothing to undo." : "Nothing to redo.");
    this.#fold();
    return this.view.say(`${isUndo ? "Undone" : "Done again"}: ${SAID[event.op]}`);
  }

  #done() {
    const numOpen = this.#events.filter((event) => !event.is_confirmed).length;
    if (numOpen && !this.#isWarned) {
      this.#isWarned = true;
      return this.view.say(`${numOpen} events are not confirmed (A). Enter again: go on all the same.`, "warn");
    }
    this.#isWarned = false;
    return this.bench.advance();
  }

  // Choosing

  #select(event, edge) {
    if (!event) return;
    this.stage.endLoop();
    this.#selected = event.id;
    this.#edge = edge;
    this.#paint();
    this.#showEdge();
  }

  #selectBy(num) {
    const at = this.#events.indexOf(this.#event);
    this.#select(this.#events[at + num], "start");
  }

  /** Shows the frame just inside the selected edge. */
  #showEdge() {
    const event = this.#event;
    if (event && this.stage.isReady) this.stage.goTo(this.#edge === "start" ? event.first : event.last);
  }

  #loopEdge() {
    const event = this.#event;
    if (!event || !this.stage.isReady) return;
    const at = this.#edge === "start" ? event.start_seconds : event.end_seconds;
    this.stage.loop(this.#table.ordinalAt(at - LOOP_SECONDS), this.#table.ordinalAt(at + LOOP_SECONDS));
    this.view.say(`Loops the ${this.#edge} ±${LOOP_SECONDS} s`);
  }

  // Painting

  #paint() {
    const { info } = this.bench;
    if (!info || !this.#table) return;
    const spans = this.#events.map((event, index) => ({
      id: event.id, start: event.start_seconds, end: event.end_seconds, label: String(index + 1), isConfirmed: event.is_confirmed,
    }));
    const pins = this.#events.flatMap((event) => event.clicks);
    this.timeline.show({ spans, pins, selected: this.#selected, edge: this.#edge, seen: null });
    this.list.show(this.#events, { selected: this.#selected, edge: this.#edge, numFrames: this.#table.length });
    this.#paintBar();
  }

  #paintBar() {
    const { run } = this.view;
    const act = (label, key, action, kind) => button(label, { key, kind, run: () => run(action) });
    replace(this.bar,
      act("start here", "I", "setStart", "is-main"), act("end here", "O", "setEnd", "is-main"),
      act("loop edge", "V", "loopEdge"), act("propose", "G", "propose"), act("split", "/", "split"),
      act("merge", "Y", "merge"), act("no such event", "D", "discard"),
      el("span", { class: "spring" }), act("is right", "A", "accept", "is-good"), act("done, next", "Enter", "done", "is-main"));
  }

  #actions() {
    return {
      setStart: () => this.#setHere("start"),
      setEnd: () => this.#setHere("end"),
      nudgeBack: () => this.#nudge(-1),
      nudgeForward: () => this.#nudge(1),
      otherEdge: () => this.#select(this.#event, this.#edge === "start" ? "end" : "start"),
      loopEdge: () => this.#loopEdge(),
      propose: () => this.#propose(),
      split: () => this.#split(),
      merge: () => this.#merge(),
      discard: () => this.#discard(),
      accept: () => this.#confirm(),
      nextEvent: () => this.#selectBy(1),
      previousEvent: () => this.#selectBy(-1),
      undo: () => this.#turn(true),
      redo: () => this.#turn(false),
      done: () => this.#done(),
    };
  }
}

function countOf(video) {
  return video.num_items ? `${video.num_items} ev.` : "";
}
