/** The video on the page: playing both ways, loops, frame steps, and the line that says where. */

import { el, iconButton, relabel, replace } from "./dom.js";
import { FrameTable, FrameVideo } from "./frames.js";
import { icon } from "./icons.js";

const SPEEDS = [1, 2, 4, 8];
export const SKIM_REACTION_SECONDS = 0.5;
const FARTHEST_SKIPPED_SECONDS = 1;
const LONGEST_SEEN_GAP_SECONDS = 0.6;

export class Stage {
  #abort = null;
  #loop = null;
  #reverse = null;
  #skim = null;

  /**
   * @param {object} hooks `moved()` after each new picture; `seen(start, end)` seconds played;
   *   `looped()` when a loop starts over; `loopEnded()` when the person left it; `skimmed()` when
   *   the last part of a skim was played
   */
  constructor(hooks) {
    this.hooks = hooks;
    this.frames = null;
    this.source = null;
    this.speed = 1;
    this.#build();
  }

  #build() {
    this.message = el("div", { class: "stage-message", role: "status" });
    this.screen = el("div", { class: "screen", on: { click: () => this.toggle() } });
    this.place = el("span", { class: "place" });
    this.note = el("span", { class: "place-note", "aria-live": "polite" });
    this.playButton = iconButton(icon("play"), { label: "Play", key: "Space", run: () => this.toggle() });
    const step = (name, label, key, run) => iconButton(icon(name), { label, key, run });
    this.soundButton = iconButton(icon("soundOff"), { label: "Turn the sound on", run: () => this.#switchSound() });
    this.bar = el("div", { class: "transport" },
      step("backward", "10 seconds back", "Shift+←", () => this.skip(-10)),
      step("stepBack", "One frame back", ",", () => this.step(-1)),
      this.playButton,
      step("stepForward", "One frame forward", ".", () => this.step(1)),
      step("forward", "10 seconds forward", "Shift+→", () => this.skip(10)),
      this.place, this.note, el("span", { class: "spring" }), this.soundButton);
    this.node = el("section", { class: "stage", "aria-label": "Video", tabindex: "0" },
      this.screen, this.message, this.bar);
    this.say("");
  }

  get isReady() {
    return this.frames !== null;
  }

  /** Signed: minus while playing backward, 0 while still. */
  get velocity() {
    if (this.#reverse) return -this.speed;
    return this.frames?.isPlaying ? this.speed : 0;
  }

  get isSkimming() {
    return this.#skim !== null;
  }

  get ordinal() {
    return this.frames ? this.frames.position : 0;
  }

  get seconds() {
    return this.source ? this.source.secondsOf(this.ordinal) : 0;
  }

  /** Shows text in place of the picture; nothing when empty. */
  say(text, { kind = "busy" } = {}) {
    this.message.dataset.kind = kind;
    this.message.hidden = text === "";
    this.message.textContent = text;
    this.node.classList.toggle("has-message", text !== "");
  }

  /**
   * @param info the server's answer for the video
   * @param {HTMLVideoElement} video one whose source is set, perhaps already loaded
   */
  async load(info, video) {
    this.clear();
    const abort = (this.#abort = new AbortController());
    replace(this.screen, video);
    this.say("Loading the video …");
    const source = await FrameTable.decode(info.times);
    const shown = info.media.times ? await FrameTable.decode(info.media.times) : source;
    if (abort.signal.aborted) return;
    await this.#firstPicture(video, abort.signal);
    if (abort.signal.aborted) return;
    this.source = source;
    this.frames = new FrameVideo(video, shown, { onFrame: () => this.#painted(), signal: abort.signal });
    for (const type of ["play", "pause", "ended"]) {
      video.addEventListener(type, () => this.#changed(type), { signal: abort.signal });
    }
    this.say("");
    await this.frames.move(0);
    this.#changed();
  }

  clear() {
    this.#abort?.abort();
    this.#endReverse();
    this.#skim = null;
    this.screen.querySelector("video")?.pause();
    Object.assign(this, { frames: null, source: null, speed: 1, lastSeen: null });
    this.#loop = null;
    replace(this.screen);
    replace(this.place);
    this.note.textContent = "";
  }

  /** Resolves when a picture can be shown; says so on the page when none ever will be. */
  #firstPicture(video, signal) {
    return new Promise((resolve) => {
      const check = () => {
        if (video.readyState < HTMLMediaElement.HAVE_CURRENT_DATA) return;
        if (video.videoWidth > 0) resolve();
        else this.say("This browser shows no picture of this file. Flag it (F) and go on.", { kind: "error" });
      };
      const fail = () => {
        if (video.error) this.say(`The video cannot be played: ${errorOf(video)}. Flag it (F) and go on.`, { kind: "error" });
      };
      video.addEventListener("loadeddata", check, { signal });
      video.addEventListener("error", fail, { signal });
      signal.addEventListener("abort", resolve);
      check();
      fail();
    });
  }

  // Moving

  toggle() {
    if (this.velocity !== 0) this.stop();
    else this.play();
  }

  play() {
    if (!this.isReady) return;
    this.#endReverse();
    const { video } = this.frames;
    if (this.ordinal >= this.frames.table.length - 1) this.frames.move(this.#loop?.from ?? 0);
    video.playbackRate = this.speed;
    video.play().catch((error) => {
      if (error.name !== "AbortError") this.say(`The browser would not play: ${error.message}`, { kind: "error" });
    });
  }

  stop() {
    this.#endReverse();
    this.#skim = null;
    this.frames?.pause();
    this.speed = 1;
    this.#changed();
  }

  /** Forward, and twice as fast with each further press. */
  faster() {
    this.speed = this.velocity > 0 ? nextSpeed(this.speed) : 1;
    if (!this.isReady) return;
    this.frames.video.playbackRate = this.speed;
    if (!(this.velocity > 0)) this.play();
    this.#changed();
  }

  /** Backward: frame by frame against the clock, since browsers play forward only. */
  reverse() {
    if (!this.isReady) return;
    this.speed = this.#reverse ? nextSpeed(this.speed) : 1;
    this.#endReverse();
    this.#skim = null;
    this.frames.pause();
    this.leaveLoop();
    this.#reverse = { since: performance.now(), from: this.seconds };
    this.#runBackward(this.#reverse);
    this.#changed();
  }

  async #runBackward(run) {
    while (this.#reverse === run && this.frames) {
      const passed = ((performance.now() - run.since) / 1000) * this.speed;
      const target = this.source.ordinalAt(run.from - passed);
      await this.frames.seek(target);
      if (target === 0) break;
      await new Promise((resolve) => requestAnimationFrame(resolve));
    }
    if (this.#reverse === run) this.stop();
  }

  #endReverse() {
    this.#reverse = null;
  }

  step(num) {
    if (!this.isReady) return null;
    return this.goTo(this.ordinal + num);
  }

  /** By seconds on the source's clock; playing goes on if it was. */
  skip(seconds) {
    if (!this.isReady) return;
    const wasPlaying = this.velocity > 0;
    const target = this.source.ordinalAt(this.seconds + seconds);
    this.goTo(target, { isKept: wasPlaying });
  }

  /** Goes to a frame and resolves with the one then shown; `isKept`: without pausing. */
  goTo(ordinal, { isKept = false } = {}) {
    if (!this.isReady) return null;
    this.#endReverse();
    this.#skim = null;
    const target = this.source.clamp(ordinal);
    if (this.#loop && (target < this.#loop.from || target > this.#loop.to)) this.leaveLoop();
    this.lastSeen = null;
    const move = isKept ? this.frames.move(target) : this.frames.seek(target);
    this.#changed();
    return move.then((shown) => {
      this.#changed();
      return shown;
    });
  }

  /** Plays from one frame to another over and over. */
  loop(from, to) {
    if (!this.isReady) return;
    this.#endReverse();
    this.#skim = null;
    this.#loop = { from: this.source.clamp(from), to: this.source.clamp(to) };
    this.speed = 1;
    this.lastSeen = null;
    this.frames.move(this.#loop.from);
    this.play();
  }

  /**
   * Plays parts of the video, in seconds of the source's clock, and jumps over what lies between;
   * from the part at the frame shown, or from the first where none is left.
   */
  async skim(parts) {
    if (!this.isReady || parts.length === 0) return;
    this.#endReverse();
    this.leaveLoop();
    const here = parts.findIndex((part) => this.source.ordinalAt(part[1]) > this.ordinal);
    const isInside = here >= 0 && this.seconds >= parts[here][0];
    const skim = (this.#skim = { parts, at: Math.max(0, here), hopping: false });
    // Not before: an earlier seek that is still under way may end at the end, and stop the video.
    await this.#hopTo(skim.at, isInside ? this.ordinal : null);
    if (this.#skim === skim) this.play();
  }

  /** On to a part: to its start, or to a frame inside it. */
  /** Else an end that is reported now was reached before the skim began. */
  get #isInLastPart() {
    const skim = this.#skim;
    return skim !== null && !skim.hopping && skim.at === skim.parts.length - 1;
  }

  async #hopTo(number, ordinal = null) {
    const skim = this.#skim;
    const target = ordinal ?? this.source.ordinalAt(skim.parts[number][0]);
    skim.at = number;
    skim.hopping = true;
    await this.frames.move(target);
    skim.hopping = false;
    if (this.#skim === skim) this.lastSeen = this.source.secondsOf(target);
  }

  #skimmed() {
    this.stop();
    this.hooks.skimmed?.();
  }

  endLoop() {
    this.#loop = null;
  }

  leaveLoop() {
    if (!this.#loop) return;
    this.#loop = null;
    this.hooks.loopEnded?.();
  }

  /**
   * The frame that a key press means: `reaction` seconds before the one shown while playing (in a
   * skim half a second, since one presses for what was just seen, perhaps in the part before),
   * exactly the one shown while still. Its `frame` is -1 when the table does not know it.
   */
  async pick(reaction) {
    const velocity = this.velocity;
    if (velocity === 0) {
      const frame = await this.frames.still();
      return { frame, is_live: false, speed: 0 };
    }
    const seconds = this.#skim
      ? backAlong(this.#skim.parts, this.seconds, Math.max(reaction, SKIM_REACTION_SECONDS) * velocity)
      : this.seconds - reaction * velocity;
    return { frame: this.source.ordinalAt(seconds), is_live: true, speed: velocity };
  }

  #switchSound() {
    const video = this.frames?.video;
    if (!video) return;
    video.muted = !video.muted;
    if (video.muted) relabel(this.soundButton, icon("soundOff"), "Turn the sound on");
    else relabel(this.soundButton, icon("soundOn"), "Turn the sound off");
  }

  // Showing

  #painted() {
    const shown = this.frames.shown;
    if (this.velocity > 0 && !this.#skim?.hopping) this.#noteSeen();
    if (this.#skim && !this.#skim.hopping && this.frames.isPlaying) this.#skimOn(shown);
    if (this.#loop && this.frames.isPlaying && shown >= this.#loop.to) this.#startOver();
    this.#changed();
  }

  /** On to the next part when the last picture of this one was shown; not by one from before. */
  #skimOn(shown) {
    const { parts, at } = this.#skim;
    if (shown < 0 || this.source.endOf(shown) < parts[at][1]) return;
    if (this.source.secondsOf(shown) > parts[at][1] + FARTHEST_SKIPPED_SECONDS * this.speed) return;
    if (at + 1 < parts.length) this.#hopTo(at + 1);
    else this.#skimmed();
  }

  #startOver() {
    this.lastSeen = null;
    this.hooks.looped?.();
    this.frames.move(this.#loop.from);
  }

  #noteSeen() {
    const { shown } = this.frames;
    if (shown < 0) return;
    const start = this.lastSeen;
    const end = this.source.endOf(shown);
    this.lastSeen = end;
    const longest = LONGEST_SEEN_GAP_SECONDS * Math.max(1, this.speed);
    if (start !== null && end > start && end - start <= longest) this.hooks.seen?.(start, end);
  }

  #changed(type = null) {
    if (type === "pause") this.lastSeen = null;
    if (type === "ended" && this.#loop) {
      this.hooks.looped?.();
      this.play();
    }
    if (type === "ended" && this.#isInLastPart) this.#skimmed();
    this.#paintPlay(this.velocity !== 0);
    this.#readout();
    this.hooks.moved?.();
  }

  #paintPlay(isMoving) {
    if (this.isMoving === isMoving) return;
    this.isMoving = isMoving;
    relabel(this.playButton, icon(isMoving ? "pause" : "play"), isMoving ? "Pause" : "Play", "Space");
  }

  #readout() {
    if (!this.isReady) return;
    const frame = el("b", { text: `f ${this.ordinal}` });
    const rest = `/${this.source.length - 1} · ${this.seconds.toFixed(3)} s`;
    const speed = this.velocity === 0 ? "" : ` · ${this.velocity}×${this.isSkimming ? " · skim" : ""}`;
    replace(this.place, frame, rest + speed);
    const { mismatch } = this.frames;
    this.note.textContent = mismatch
      ? `shows ${mismatch.shown < 0 ? "an unknown frame" : `f ${mismatch.shown}`}, asked for f ${mismatch.asked}`
      : this.hooks.note?.() ?? "";
    this.note.classList.toggle("is-wrong", mismatch !== null);
  }
}

/** So many seconds before a moment, counted along the parts that were played. */
export function backAlong(parts, seconds, by) {
  let at = parts.findLastIndex((part) => part[0] <= seconds);
  if (at < 0) return seconds - by;
  let left = by;
  let from = Math.min(seconds, parts[at][1]);
  while (at > 0 && from - left < parts[at][0]) {
    left -= from - parts[at][0];
    at -= 1;
    from = parts[at][1];
  }
  return from - left;
}

function nextSpeed(speed) {
  return SPEEDS[Math.min(SPEEDS.indexOf(speed) + 1, SPEEDS.length - 1)];
}

function errorOf(video) {
  const kinds = { 1: "loading was stopped", 2: "the connection broke", 3: "it is damaged", 4: "its format is not supported" };
  return kinds[video.error.code] ?? "unknown error";
}
