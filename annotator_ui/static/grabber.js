/** Small pictures of exact frames, taken from a second, unseen player of the same video. */

import { el } from "./dom.js";
import { FrameVideo } from "./frames.js";
import { videoOf } from "./shelf.js";

const WIDTH_PX = 200;

export class Grabber {
  #pictures = new Map();
  #waiting = new Map();
  #frames = null;
  #isBusy = false;
  #abort = null;

  constructor() {
    this.node = el("div", { class: "grabber", "aria-hidden": "true" });
  }

  /** @param table times of the file at `url` */
  load(url, table) {
    this.clear();
    this.#abort = new AbortController();
    this.url = url;
    this.table = table;
  }

  clear() {
    this.#abort?.abort();
    this.#pictures.clear();
    this.#waiting.clear();
    Object.assign(this, { url: null, table: null });
    this.#frames = null;
    this.node.replaceChildren();
  }

  /** A canvas that shows the frame, now or as soon as it is there. */
  canvasOf(frame, label) {
    const canvas = el("canvas", { class: "picture", role: "img", "aria-label": label, width: WIDTH_PX, height: 112 });
    const known = this.#pictures.get(frame);
    if (known) paint(canvas, known);
    else this.#want(frame, canvas);
    return canvas;
  }

  #want(frame, canvas) {
    const waiting = this.#waiting.get(frame) ?? [];
    this.#waiting.set(frame, [...waiting, canvas]);
    if (!this.#isBusy && this.url) this.#work(this.#abort.signal);
  }

  async #work(signal) {
    this.#isBusy = true;
    try {
      await this.#open(signal);
      while (this.#waiting.size > 0 && !signal.aborted) await this.#grabNewest(signal);
    } finally {
      this.#isBusy = false;
    }
    if (this.#waiting.size > 0 && this.url) this.#work(this.#abort.signal);
  }

  async #open(signal) {
    if (this.#frames) return;
    const video = videoOf(this.url);
    this.node.replaceChildren(video);
    await new Promise((resolve) => {
      for (const type of ["loadeddata", "error"]) video.addEventListener(type, resolve, { once: true, signal });
      signal.addEventListener("abort", resolve);
    });
    if (!signal.aborted) this.#frames = new FrameVideo(video, this.table, { signal });
  }

  async #grabNewest(signal) {
    const [frame, canvases] = [...this.#waiting].at(-1);
    this.#waiting.delete(frame);
    const shown = await this.#frames.seek(frame);
    if (signal.aborted || shown !== frame) return;
    const picture = await createImageBitmap(this.#frames.video, { resizeWidth: WIDTH_PX });
    this.#pictures.set(frame, picture);
    for (const canvas of canvases) paint(canvas, picture);
  }
}

function paint(canvas, picture) {
  canvas.width = picture.width;
  canvas.height = picture.height;
  canvas.getContext("2d").drawImage(picture, 0, 0);
}
