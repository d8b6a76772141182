/**
 * Which frame is on the screen. In: the server's table of frame times; out: ordinals that are
 * those of the picture shown, never of the one asked for.
 *
 * Reading `currentTime` names a wrong frame in most reads, so it is never read: the time of the
 * presented picture comes from requestVideoFrameCallback. Seeks aim inside a frame's interval, and
 * aim again elsewhere in it where the wrong picture comes: before it shows anything, Chromium drops
 * pictures by an average of durations, which misleads it where these vary.
 */

const TOLERANCE_SECONDS = 1.5e-6; // Chromium keeps media times in whole microseconds
const REPAINT_MS = 250; // a picture that comes later than this after a seek is not waited for
const BETTER_MS = 80; // nor a better one, after one that was not asked for
const AIMS = [0.5, 0.1, 0.9, 0.02]; // shares of a frame's interval, tried in turn
const PAUSE_SETTLES_MS = 120; // one more picture may be presented after a pause

export class FrameTable {
  #usualSeconds;

  /**
   * @param {Float64Array} seconds when each frame is presented, ascending
   * @param {number} endSeconds when the last one ends
   */
  constructor(seconds, endSeconds) {
    this.seconds = seconds;
    this.endSeconds = Math.max(endSeconds, seconds.length ? seconds.at(-1) : 0);
    this.#usualSeconds = median(seconds);
  }

  /** @param times `{timebase: [num, den], start, deltas}`; deltas: base64 of zlib of int32 LE. */
  static async decode(times) {
    const bytes = Uint8Array.from(atob(times.deltas), (char) => char.charCodeAt(0));
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("deflate"));
    const view = new DataView(await new Response(stream).arrayBuffer());
    const num = view.byteLength / 4;
    const seconds = new Float64Array(num + 1);
    let ticks = times.start;
    for (let index = 0; index <= num; index += 1) {
      seconds[index] = (ticks * times.timebase[0]) / times.timebase[1];
      if (index < num) ticks += view.getInt32(index * 4, true);
    }
    return new FrameTable(seconds, seconds.at(-1) + median(seconds));
  }

  get length() {
    return this.seconds.length;
  }

  clamp(ordinal) {
    return Math.min(Math.max(ordinal, 0), this.length - 1);
  }

  secondsOf(ordinal) {
    return this.seconds[this.clamp(ordinal)];
  }

  /** When the frame after this one starts: the open end of its interval. */
  endOf(ordinal) {
    return ordinal + 1 < this.length ? this.seconds[ordinal + 1] : this.endSeconds;
  }

  /** Times inside the frame's interval to seek to, the best first. */
  aimsAt(ordinal) {
    const start = this.seconds[ordinal];
    const length = this.endOf(ordinal) - start;
    const near = Math.min(length, this.#usualSeconds) / 2;
    return [start + near, ...AIMS.map((share) => start + share * length)];
  }

  /** The frame on the screen at `seconds`. */
  ordinalAt(seconds) {
    return this.clamp(firstAfter(this.seconds, seconds) - 1);
  }

  /** The frame presented with this media time, or -1 when the table has none. */
  ordinalShown(mediaTime) {
    const after = firstAfter(this.seconds, mediaTime);
    for (const index of [after - 1, after]) {
      if (Math.abs(this.seconds[index] - mediaTime) <= TOLERANCE_SECONDS) return index;
    }
    return -1;
  }
}

/** A video element that is moved and read by frame. */
export class FrameVideo {
  #wanted = null;
  #aim = null;
  #draining = null;
  #pausedAt = -Infinity;
  #frameWaiters = new Set();
  #numPresented = 0;
  #isPinned = false; // the picture was sought, so no later one is on its way

  /** @param {(ordinal: number, metadata: object) => void} onFrame called for each new picture */
  constructor(video, table, { onFrame = () => {}, signal } = {}) {
    this.video = video;
    this.table = table;
    this.shown = -1;
    this.lastKnown = 0;
    this.mismatch = null;
    this.onFrame = onFrame;
    this.signal = signal;
    video.addEventListener("pause", () => (this.#pausedAt = performance.now()), { signal });
    video.addEventListener("play", () => (this.#isPinned = false), { signal });
    this.#listen();
  }

  get isPlaying() {
    return !this.video.paused && !this.video.ended;
  }

  /** Where key presses count from: the frame asked for, else the one shown. */
  get position() {
    return this.#wanted ?? this.#aim ?? this.lastKnown;
  }

  /** `video.paused` is true at once, its event and a last picture come later. */
  pause() {
    if (!this.video.paused) this.#pausedAt = performance.now();
    this.video.pause();
  }

  /** Pauses and goes to a frame; resolves with the ordinal that is then shown. */
  seek(ordinal) {
    this.pause();
    return this.move(ordinal);
  }

  step(num) {
    return this.seek(this.position + num);
  }

  /** Goes to a frame without pausing; of targets that pile up, only the newest is visited. */
  move(ordinal) {
    this.#wanted = this.table.clamp(ordinal);
    this.#draining ??= this.#drain().finally(() => (this.#draining = null));
    return this.#draining;
  }

  /** The ordinal on the screen once nothing is on its way to change it; -1: not in the table. */
  async still() {
    while (this.#draining || this.#sincePause() < PAUSE_SETTLES_MS) {
      if (this.#draining) await this.#draining;
      else await rest(PAUSE_SETTLES_MS - this.#sincePause());
    }
    await rendered();
    if (!this.#isPinned && this.video.paused) await this.move(this.lastKnown);
    return this.shown;
  }

  #sincePause() {
    return this.video.paused ? performance.now() - this.#pausedAt : Infinity;
  }

  async #drain() {
    while (this.#wanted !== null && !this.signal?.aborted) {
      const target = this.#wanted;
      this.#aim = target;
      this.#wanted = null;
      await this.#seekOnce(target);
    }
    this.#aim = null;
    return this.shown;
  }

  async #seekOnce(target) {
    if (this.#isPinned && this.shown === target && !this.video.seeking) return this.#check(target);
    for (const aim of this.table.aimsAt(target)) {
      await this.#seekTo(aim, target);
      if (this.shown === target || this.isPlaying || this.signal?.aborted) break;
    }
    return this.#check(target);
  }

  async #seekTo(seconds, target) {
    const before = this.#numPresented;
    const seeked = once(this.video, "seeked", this.signal);
    this.video.currentTime = seconds;
    await seeked;
    const since = performance.now();
    while (this.#isShort(target, before) && !this.signal?.aborted) {
      const patience = this.#numPresented > before ? BETTER_MS : REPAINT_MS;
      const left = since + patience - performance.now();
      if (left <= 0) return;
      await this.#nextFrame(left);
    }
  }

  #isShort(target, before) {
    return this.isPlaying ? this.#numPresented === before : this.shown !== target;
  }

  #check(target) {
    this.#isPinned = this.video.paused && this.shown === target;
    this.mismatch = this.isPlaying || this.shown === target ? null : { asked: target, shown: this.shown };
  }

  #nextFrame(timeoutMs) {
    return new Promise((resolve) => {
      const done = () => {
        this.#frameWaiters.delete(done);
        resolve();
      };
      this.#frameWaiters.add(done);
      setTimeout(done, timeoutMs);
    });
  }

  #listen() {
    this.video.requestVideoFrameCallback((_now, metadata) => {
      if (this.signal?.aborted) return;
      this.#listen();
      this.#numPresented += 1;
      this.shown = this.table.ordinalShown(metadata.mediaTime);
      if (this.shown >= 0) this.lastKnown = this.shown;
      this.onFrame(this.shown, metadata);
      for (const wake of [...this.#frameWaiters]) wake();
    });
  }
}

function once(target, type, signal) {
  return new Promise((resolve) => {
    target.addEventListener(type, resolve, { once: true });
    signal?.addEventListener("abort", resolve, { once: true });
  });
}

function rest(milliseconds) {
  return new Promise((resolve) => setTimeout(resolve, milliseconds));
}

/** After the next rendering step, in which picture callbacks come first; hidden tabs have none. */
function rendered() {
  return Promise.race([new Promise((resolve) => requestAnimationFrame(resolve)), rest(REPAINT_MS)]);
}

function firstAfter(ascending, value) {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (ascending[middle] <= value) low = middle + 1;
    else high = middle;
  }
  return low;
}

function median(seconds) {
  if (seconds.length < 2) return 0.04;
  const gaps = seconds.slice(1).map((value, index) => value - seconds[index]);
  return gaps.sort()[gaps.length >> 1];
}
