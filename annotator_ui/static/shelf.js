/** Videos that are open or about to be: the server's answer and a loading element of each. */

import { getJson } from "./api.js";
import { el } from "./dom.js";

export class Shelf {
  #prepared = new Map();

  /** @param {(id: string) => string} pathOf the route that describes one video */
  constructor(pathOf, signal) {
    this.pathOf = pathOf;
    this.signal = signal;
  }

  /** Starts loading the video that is likely next. */
  prepare(id) {
    if (this.#prepared.has(id)) return;
    for (const old of this.#prepared.keys()) this.#prepared.delete(old);
    const entry = getJson(this.pathOf(id), { signal: this.signal }).then(withVideo);
    entry.catch(() => this.#prepared.delete(id)); // opening it asks again, and says what is wrong
    this.#prepared.set(id, entry);
  }

  /** @returns {Promise<{info: object, video: HTMLVideoElement | null}>} fresh, or as prepared */
  async take(id) {
    const prepared = this.#prepared.get(id);
    this.#prepared.delete(id);
    if (!prepared) return withVideo(await getJson(this.pathOf(id), { signal: this.signal }));
    const { video } = await prepared;
    const info = await getJson(this.pathOf(id), { signal: this.signal });
    return video && info.media.url === video.dataset.url ? { info, video } : withVideo(info);
  }
}

function withVideo(info) {
  return { info, video: info.media.state === "ready" ? videoOf(info.media.url) : null };
}

export function videoOf(url) {
  const video = el("video", { preload: "auto", playsinline: true, tabindex: "-1", data: { url } });
  video.muted = true;
  video.disablePictureInPicture = true;
  video.src = url;
  return video;
}
