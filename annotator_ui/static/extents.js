/** Events of a video and where they start and end: what acts make of them, and the limits. */

import { effective } from "./fold.js";

export const BOUNDARY_FAMILY = /^boundary\./;

/**
 * @param {object[]} events as they stand without this person's acts
 * @param {object[]} log this person's acts
 * @returns {object[]} events in order of time
 */
export function foldEvents(events, log) {
  const state = new Map(events.map((event) => [event.id, event]));
  for (const act of effective(log, BOUNDARY_FAMILY).events) OPS[act.op](state, act.body, act.uuid);
  return [...state.values()].sort((one, other) => one.start_seconds - other.start_seconds);
}

const OPS = {
  "boundary.set"(state, body) {
    change(state, body.event, { start_seconds: body.start_seconds, end_seconds: body.end_seconds, is_confirmed: true });
  },
  "boundary.split"(state, body, uuid) {
    const event = state.get(body.event);
    if (!event) return;
    const at = body.at_seconds;
    state.set(uuid, { ...event, id: uuid, start_seconds: at, clicks: event.clicks.filter((click) => click >= at), is_confirmed: true });
    change(state, body.event, { end_seconds: at, clicks: event.clicks.filter((click) => click < at), is_confirmed: true });
  },
  "boundary.merge"(state, body) {
    const [event, other] = [state.get(body.event), state.get(body.other)];
    if (!event || !other) return;
    state.delete(body.other);
    change(state, body.event, {
      start_seconds: Math.min(event.start_seconds, other.start_seconds),
      end_seconds: Math.max(event.end_seconds, other.end_seconds),
      clicks: [...event.clicks, ...other.clicks],
      is_confirmed: true,
    });
  },
  "boundary.confirm": (state, body) => change(state, body.event, { is_confirmed: true }),
  "boundary.discard": (state, body) => state.delete(body.event),
};

function change(state, id, changes) {
  const event = state.get(id);
  if (event) state.set(id, { ...event, ...changes });
}

/** First and last frame inside. */
export function framesOf(event, table) {
  const first = table.ordinalAt(event.start_seconds + 1e-6);
  return { first, last: Math.max(first, table.ordinalAt(event.end_seconds - 1e-6)) };
}

/** Why an extent of frames is not allowed; null when it is. */
export function whyNot({ first, last }, event, table) {
  if (first > last) return "An event has to start before it ends.";
  if (first < 0 || last > table.length - 1) return "An event has to lie inside the video.";
  const outside = event.clicks.map((click) => table.ordinalAt(click + 1e-6)).find((click) => click < first || click > last);
  if (outside !== undefined) return `The click at f ${outside} has to stay inside the event; split (/) or move the other edge.`;
  return null;
}
