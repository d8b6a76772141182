/** What all pages of one browser tab share: who this is, their settings and the outbox. */

import { getJson, postJson } from "./api.js";
import { openOutbox } from "./outbox.js";

/** Tells of `status`, `saved`, `refused` and `heard`, each as a DOM event. */
export class Context extends EventTarget {
  /** @param me the server's answer about the person */
  constructor(me) {
    super();
    this.me = me;
    this.owner = `${me.dataset_id}/${me.user}`;
    const { reaction_seconds, single_keys } = me.settings;
    this.settings = { reaction_seconds, single_keys, keymap: {}, ...JSON.parse(recall(this, "settings") ?? "{}") };
    this.status = { num: 0, numRefused: 0, problem: null };
  }

  static async open() {
    const context = new Context(await getJson("/api/me"));
    context.outbox = await openOutbox(context.owner, {
      send: (events) => postJson("/api/events", { events }),
      onChange: (status) => context.#tell("status", (context.status = status)),
      onSaved: (events, revs) => context.#tell("saved", { events, revs }),
      onRefused: (event) => context.#tell("refused", event),
      onHeard: (event) => context.#tell("heard", event),
    });
    context.#tell("status", (context.status = context.outbox.status));
    return context;
  }

  /** Action → keys that differ from the usual ones: the dataset's, and the person's over them. */
  keymap(page) {
    const shared = Object.entries(this.me.settings.keymap).map(([action, key]) => [action, [key]]);
    return { ...Object.fromEntries(shared), ...this.settings.keymap[page] };
  }

  /** The person's own settings stay in this browser; the dataset's are the start. */
  saveSettings(changes) {
    this.settings = { ...this.settings, ...changes };
    remember(this, "settings", JSON.stringify(this.settings));
  }

  #tell(type, detail) {
    this.dispatchEvent(new CustomEvent(type, { detail }));
  }
}

/** A value of this browser and person, such as the video open last; null when there is none. */
export function recall(context, name) {
  return localStorage.getItem(`vau/${context.owner}/${name}`);
}

export function remember(context, name, value) {
  localStorage.setItem(`vau/${context.owner}/${name}`, value);
}
