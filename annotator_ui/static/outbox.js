/**
 * The browser's copy of what the server has not acknowledged: IndexedDB, kept per user.
 *
 * An event is on this disk before it is sent and leaves when the server says that it is on its
 * own. So a closed tab, a crashed browser or a server that is down loses nothing. What the server
 * refuses stays here too, marked so, until the person has seen why.
 */

import { ApiError } from "./api.js";
import { newUuid } from "./ids.js";

const DATABASE = "vau-annotate";
const BATCH = 100;
const FIRST_RETRY_MS = 500;
const LONGEST_RETRY_MS = 10_000;

/**
 * @param {string} user whose events these are
 * @param {object} hooks `send(events)` resolves with the server's answer; `onChange(status)`,
 *   `onSaved(events, revs)`, `onRefused(event)`, `onHeard(event)` (from another tab) are told
 */
export async function openOutbox(user, hooks) {
  const box = new Outbox(await openDatabase(), user, hooks);
  await box.load();
  return box;
}

class Outbox {
  #database;
  #entries = new Map();
  #retryMs = FIRST_RETRY_MS;
  #timer = null;
  #isSending = false;
  #problem = null;
  #lastOrder = 0;

  constructor(database, user, hooks) {
    this.#database = database;
    this.user = user;
    this.hooks = hooks;
    this.channel = new BroadcastChannel(`${DATABASE}-${user}`);
    this.channel.onmessage = (message) => this.#hear(message.data);
    window.addEventListener("online", () => this.flush());
  }

  async load() {
    const stored = await allOf(this.#database, this.user);
    for (const event of stored) if (!this.#entries.has(event.uuid)) this.#entries.set(event.uuid, event);
    this.#changed();
    this.flush();
  }

  /** Events not yet acknowledged, oldest first; of one video when it is named. */
  pending(video = null) {
    const all = this.#sorted().filter((event) => !event.refusal);
    return video === null ? all : all.filter((event) => event.video === video);
  }

  /** Events that the server refused, each with its `refusal`. */
  refused() {
    return this.#sorted().filter((event) => event.refusal);
  }

  get status() {
    return { num: this.pending().length, numRefused: this.refused().length, problem: this.#problem };
  }

  /** The person has seen why an event was refused. */
  async dismiss(uuid) {
    this.#entries.delete(uuid);
    this.#changed();
    await drop(this.#database, [uuid]);
    this.channel.postMessage({ kind: "settled", uuids: [uuid] });
  }

  #sorted() {
    return [...this.#entries.values()].sort((one, other) => one.order - other.order);
  }

  /** Records what was done; returns the event at once, stored and sent in the background. */
  add(video, op, body) {
    const event = { uuid: newUuid(), video, op, body, client_time: new Date().toISOString() };
    const entry = { ...event, user: this.user, order: this.#nextOrder() };
    this.#entries.set(event.uuid, entry);
    this.#changed();
    this.#store(entry);
    return entry;
  }

  /** Milliseconds, and never the same twice in one tab: two fast presses keep their order. */
  #nextOrder() {
    this.#lastOrder = Math.max(this.#lastOrder + 0.001, Date.now());
    return this.#lastOrder;
  }

  async #store(entry) {
    try {
      await put(this.#database, entry);
    } catch (error) {
      this.#report(error);
    }
    this.channel.postMessage({ kind: "added", entry });
    this.flush();
  }

  #report(error) {
    this.#problem = `this browser could not store it (${error.message}); keep the tab open`;
    this.#changed();
  }

  /** Sends what is unsaved now; a failure is tried again, later and later. */
  async flush() {
    if (this.#isSending || this.pending().length === 0) return;
    this.#isSending = true;
    clearTimeout(this.#timer);
    try {
      await this.#sendAll();
      this.#retryMs = FIRST_RETRY_MS;
      this.#problem = null;
    } catch (error) {
      this.#fail(error);
    } finally {
      this.#isSending = false;
      this.#changed();
    }
  }

  async #sendAll() {
    for (let batch = this.#batch(); batch.length; batch = this.#batch()) {
      const answer = await this.hooks.send(batch.map(onTheWire));
      await this.#settle(batch, answer);
    }
  }

  #batch() {
    return this.pending().slice(0, BATCH);
  }

  async #settle(batch, { acknowledged, refused = [], revs = {} }) {
    const saved = batch.filter((event) => acknowledged.includes(event.uuid));
    if (saved.length + refused.length === 0) {
      throw new ApiError(0, "the server answered for none of the events it was sent");
    }
    for (const item of refused) this.#refuse(batch.find((event) => event.uuid === item.uuid), item);
    const uuids = saved.map((event) => event.uuid);
    await drop(this.#database, uuids);
    for (const uuid of uuids) this.#entries.delete(uuid);
    this.channel.postMessage({ kind: "settled", uuids });
    if (saved.length) this.hooks.onSaved(saved, revs);
    this.#changed();
  }

  #refuse(event, refusal) {
    const entry = { ...event, refusal };
    this.#entries.set(entry.uuid, entry);
    put(this.#database, entry).catch((error) => this.#report(error));
    this.channel.postMessage({ kind: "added", entry });
    this.hooks.onRefused(entry);
  }

  #fail(error) {
    this.#problem = error.status === 401 ? "signed out" : error.message;
    this.#timer = setTimeout(() => this.flush(), this.#retryMs);
    this.#retryMs = Math.min(this.#retryMs * 2, LONGEST_RETRY_MS);
    if (!(error instanceof ApiError)) throw error; // tried again all the same
  }

  /** What another tab of the same person did. */
  #hear({ kind, entry, uuids }) {
    if (kind === "added") {
      this.#entries.set(entry.uuid, entry);
      this.hooks.onHeard(entry);
    } else for (const uuid of uuids) this.#entries.delete(uuid);
    this.#changed();
  }

  #changed() {
    this.hooks.onChange(this.status);
  }
}

function onTheWire({ uuid, video, op, body, client_time }) {
  return { uuid, video, op, body, client_time };
}

function openDatabase() {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(DATABASE, 1);
    request.onupgradeneeded = () => {
      const store = request.result.createObjectStore("events", { keyPath: "uuid" });
      store.createIndex("user", "user");
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function allOf(database, user) {
  const store = database.transaction("events").objectStore("events");
  return settled(store.index("user").getAll(user));
}

function put(database, entry) {
  const transaction = database.transaction("events", "readwrite", { durability: "strict" });
  transaction.objectStore("events").put(entry);
  return committed(transaction);
}

function drop(database, uuids) {
  const transaction = database.transaction("events", "readwrite");
  for (const uuid of uuids) transaction.objectStore("events").delete(uuid);
  return committed(transaction);
}

function settled(request) {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

function committed(transaction) {
  return new Promise((resolve, reject) => {
    transaction.oncomplete = () => resolve();
    transaction.onerror = () => reject(transaction.error);
    transaction.onabort = () => reject(transaction.error);
  });
}
