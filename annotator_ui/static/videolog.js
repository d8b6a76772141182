/** One video's events of one person: those the server has, then those still in the outbox. */

import { effective } from "./fold.js";

export class VideoLog {
  #saved;
  #added = [];

  /**
   * @param {object[]} saved the log as the server gave it
   * @param {RegExp} family the operations that undo and redo reach from this page
   */
  constructor(video, saved, { outbox, family }) {
    this.video = video;
    this.family = family;
    this.outbox = outbox;
    this.#saved = saved;
    this.#added = outbox.pending(video);
  }

  get events() {
    const known = new Set(this.#saved.map((event) => event.uuid));
    return [...this.#saved, ...this.#added.filter((event) => !known.has(event.uuid))];
  }

  /** Whether the server had the event when the page asked for the video. */
  isFromServer(uuid) {
    return this.#saved.some((event) => event.uuid === uuid);
  }

  record(op, body) {
    const event = this.outbox.add(this.video, op, body);
    this.#added.push(event);
    return event;
  }

  /** Takes in what another tab did; true when it is of this video. */
  hear(event) {
    if (event.video !== this.video || this.#added.some((one) => one.uuid === event.uuid)) return false;
    this.#added.push(event);
    return true;
  }

  /** What the server refused never happened. */
  forget(uuid) {
    this.#added = this.#added.filter((event) => event.uuid !== uuid);
  }

  /** Cancels the newest standing event and returns it; null when there is none. */
  undo() {
    return this.#turn("undo", effective(this.events, this.family).undo);
  }

  redo() {
    return this.#turn("redo", effective(this.events, this.family).redo);
  }

  #turn(op, uuid) {
    if (uuid === null) return null;
    const event = this.events.find((one) => one.uuid === uuid);
    this.record(op, { uuid });
    return event;
  }
}
