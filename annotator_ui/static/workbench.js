/** What every page with videos has: the list, the player, opening, prefetching and leases. */

import { ApiError, getJson, postJson } from "./api.js";
import { remember, recall } from "./context.js";
import { Queue } from "./queue.js";
import { Shelf } from "./shelf.js";
import { Stage } from "./stage.js";

const BUILDING_POLL_MS = 2000;
const HEARTBEAT_MS = 60_000;

export class Workbench {
  #ticket = 0;
  #heartbeat = null;

  /**
   * @param view `{context, page, signal, header, say}` of the page's element
   * @param {object} hooks `opened(info)`, `closed()`, and the stage's `moved`, `seen`, `loopEnded`
   * @param {object} options `pathOf(id)`, `queue` options, `isOpen(video)`: still to do
   */
  constructor(view, hooks, options = {}) {
    this.view = view;
    this.hooks = hooks;
    this.isOpen = options.isOpen ?? ((video) => video.state === "todo");
    this.pathOf = options.pathOf ?? ((id) => `/api/video/${id}?page=${view.page}`);
    this.stage = new Stage(hooks);
    this.queue = new Queue({ open: (id) => this.#openByHand(id), ...options.queue });
    this.shelf = new Shelf(this.pathOf, view.signal);
    this.info = null;
    view.signal.addEventListener("abort", () => this.#leave());
  }

  /** Loads the list and opens the video that was open last, else the first to do. */
  async start() {
    this.stage.say("Loading the list of videos …");
    const loaded = await this.refresh();
    if (!loaded) return;
    const { videos } = this.queue;
    const last = recall(this.view.context, this.view.page);
    const first = videos.find((video) => video.id === last) ?? this.queue.nextToDo(this.isOpen) ?? videos[0];
    if (first) await this.open(first.id);
    else this.stage.say(this.hooks.emptyText, { kind: "empty" });
  }

  /** The page is shown again: what was done on the others may have changed its list. */
  async comeBack() {
    if (this.info) await this.refresh();
    else await this.start();
  }

  async refresh() {
    try {
      const { title, videos } = await getJson(`/api/queue?page=${this.view.page}`, { signal: this.view.signal });
      this.title = title;
      this.queue.load(videos);
      this.#paintHeader();
      return true;
    } catch (error) {
      this.#report(error, () => this.start());
      return false;
    }
  }

  /** Chosen in the list: the keys belong to the video from then on, and no longer to the list. */
  #openByHand(id) {
    this.stage.node.focus({ preventScroll: true });
    return this.open(id);
  }

  async open(id) {
    const ticket = (this.#ticket += 1);
    this.#leave();
    this.queue.select(id);
    this.stage.clear();
    this.stage.say("Opening …");
    try {
      const { info, video } = await this.shelf.take(id);
      if (ticket !== this.#ticket) return;
      remember(this.view.context, this.view.page, id);
      this.info = info;
      this.#lease(info.video ?? id);
      await this.#show(info, video, ticket);
    } catch (error) {
      if (ticket === this.#ticket) this.#report(error, () => this.open(id));
    }
  }

  async #show(info, video, ticket) {
    await this.hooks.opened(info);
    if (info.media.state === "building") return this.#waitForMedia(info.id, ticket);
    if (info.media.state === "failed") {
      return this.stage.say(`This video cannot be shown: ${info.media.why ?? "no reason given"}. Flag it (F) and go on.`, { kind: "error" });
    }
    await this.stage.load(info, video);
    if (ticket === this.#ticket) this.#prepareNext();
    this.hooks.playable?.(info);
    return undefined;
  }

  async #waitForMedia(id, ticket) {
    this.stage.say("This file is being converted for the browser; it opens by itself when it is ready. Other videos can be done meanwhile.");
    while (ticket === this.#ticket && !this.view.signal.aborted) {
      await new Promise((resolve) => setTimeout(resolve, BUILDING_POLL_MS));
      const info = await getJson(this.pathOf(id), { signal: this.view.signal }).catch(() => null);
      if (info && info.media.state !== "building" && ticket === this.#ticket) return this.open(id);
    }
    return undefined;
  }

  #prepareNext() {
    const next = this.queue.nextToDo(this.isOpen) ?? this.queue.neighbor(1);
    if (next && next.id !== this.info.id) this.shelf.prepare(next.id);
  }

  /** Asks again about the open video; null when it is another one by then, or the server is away. */
  async refetch() {
    const { id } = this.info;
    const info = await getJson(this.pathOf(id), { signal: this.view.signal }).catch(() => null);
    if (!info || this.info?.id !== id) return null;
    this.info = info;
    return info;
  }

  /** Opens the neighbor in the list; says so when there is none. */
  neighbor(num) {
    const video = this.queue.neighbor(num);
    if (video) this.open(video.id);
    else this.view.say(num > 0 ? "This is the last one in the list." : "This is the first one in the list.");
  }

  /** Opens the next one that is to do. */
  advance() {
    const next = this.queue.nextToDo(this.isOpen);
    if (next) this.open(next.id);
    else this.view.say("All done here. Nothing is left in this list.", "good");
  }

  /** Takes in what changed about the open video. */
  update(changes) {
    this.queue.update(this.info.id, changes);
    this.#paintHeader();
  }

  #paintHeader() {
    this.view.header.setQueue(this.title, this.queue.videos);
  }

  // Leases tell others that this video is being worked on; they never block a save

  #lease(id) {
    const ask = () => postJson("/api/lease", { video: id }).catch((error) => this.#leaseFailed(error));
    ask();
    this.#heartbeat = setInterval(ask, HEARTBEAT_MS);
  }

  #leaseFailed(error) {
    if (error instanceof ApiError && error.status === 409) {
      this.view.say("Someone else has this video open too; what you do is saved all the same.", "warn");
    }
  }

  #leave() {
    clearInterval(this.#heartbeat);
    if (this.info) this.hooks.closed?.(this.info);
    this.info = null;
  }

  #report(error, again) {
    if (error.name === "AbortError") return;
    if (!(error instanceof ApiError)) throw error;
    if (error.status === 401) return window.location.assign("/login");
    this.stage.say(`Could not load: ${error.message}. Trying again …`, { kind: "error" });
    setTimeout(() => !this.view.signal.aborted && again(), 3000);
  }
}
