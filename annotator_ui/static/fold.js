/**
 * What stands after a log of events. In: marks that stood before, and one person's events in
 * order; out: marks, decisions and what can be undone. Pure: the page paints what this returns.
 */

export const CLICK_FAMILY = /^(mark|suggestion)\.|^video\.state$/;

/**
 * The events that stand, and the newest ones to undo and redo, of one family of operations.
 *
 * @param {{uuid: string, op: string, body: object}[]} log
 */
export function effective(log, family) {
  const done = [];
  const undone = [];
  for (const event of log) {
    if (event.op === "undo") transfer(done, undone, event.body.uuid);
    else if (event.op === "redo") transfer(undone, done, event.body.uuid);
    else if (family.test(event.op)) {
      done.push(event.uuid);
      undone.length = 0;
    }
  }
  const standing = new Set(done);
  const events = log.filter((event) => standing.has(event.uuid));
  return { events, undo: done.at(-1) ?? null, redo: undone.at(-1) ?? null };
}

function transfer(from, to, uuid) {
  const at = from.lastIndexOf(uuid);
  if (at >= 0) to.push(...from.splice(at, 1));
}

/**
 * @param {object[]} base marks that stand without this person's events
 * @param {object[]} log this person's events
 * @param {number[][]} seen what the server knows to have been seen, `[start, end)` seconds
 * @returns {{marks: object[], decided: Map<string, string>, videoState: string, seen: number[][]}}
 */
export function foldClicks(base, log, seen = []) {
  const state = {
    marks: new Map(base.map((mark) => [mark.mark, { ...mark, isMine: false }])),
    decided: new Map(),
    videoState: "todo",
    seen: [...seen],
  };
  for (const event of effective(log, CLICK_FAMILY).events) CLICK_OPS[event.op]?.(state, event.body);
  for (const event of log) if (event.op === "video.seen") state.seen.push(...event.body.ranges);
  const marks = [...state.marks.values()].sort((one, other) => one.frame - other.frame);
  for (const mark of marks) if (mark.suggestion) state.decided.set(mark.suggestion, "accepted");
  return { ...state, marks, seen: mergeRanges(state.seen) };
}

const CLICK_OPS = {
  "mark.add"(state, body) {
    const made = body.page === "review" ? "added_in_review" : "confirmed";
    state.marks.set(body.mark, { ...body, state: made, isMine: true });
  },
  "mark.move"(state, body) {
    const mark = state.marks.get(body.mark);
    if (!mark) return;
    const source = mark.source === "model_accepted" ? "model_moved" : mark.source;
    state.marks.set(body.mark, { ...mark, frame: body.frame, time_seconds: body.time_seconds, source, is_live: false });
  },
  "mark.delete"(state, body) {
    state.marks.delete(body.mark);
  },
  "mark.state"(state, body) {
    const mark = state.marks.get(body.mark);
    if (mark) state.marks.set(body.mark, { ...mark, state: body.state });
  },
  "suggestion.reject": (state, body) => state.decided.set(body.suggestion, "rejected"),
  "suggestion.unsure": (state, body) => state.decided.set(body.suggestion, "unsure"),
  "video.state": (state, body) => (state.videoState = body.state),
};

/** Overlapping and touching `[start, end)` ranges become one; sorted. */
export function mergeRanges(ranges) {
  const merged = [];
  for (const [start, end] of [...ranges].sort((one, other) => one[0] - other[0])) {
    const last = merged.at(-1);
    if (last && start <= last[1] + 1e-9) last[1] = Math.max(last[1], end);
    else merged.push([start, end]);
  }
  return merged;
}

/** The share of `[start, end)` that the merged ranges cover. */
export function coverage(ranges, start, end) {
  if (end <= start) return 0;
  let covered = 0;
  for (const [from, to] of ranges) covered += Math.max(0, Math.min(to, end) - Math.max(from, start));
  return Math.min(1, covered / (end - start));
}
