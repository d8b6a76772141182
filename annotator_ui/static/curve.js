/** The anomaly score and the stretches seen, drawn on a canvas of the timeline. */

const SEEN_PX = 5;
const TOP_PX = 4;

/**
 * @param {{starts: number[], end: number, values: number[]}} scores one value per snippet, in [0, 1]
 * @param {{width: number, height: number, window: {start: number, end: number}, style}} area CSS px
 */
export function drawScores(brush, scores, area) {
  const line = outline(scores, area);
  if (line.length === 0) return;
  const floor = area.height - SEEN_PX - 2;
  brush.beginPath();
  brush.moveTo(line[0][0], floor);
  for (const [x, y] of line) brush.lineTo(x, y);
  brush.lineTo(line.at(-1)[0], floor);
  brush.fillStyle = area.style.getPropertyValue("--score-fill");
  brush.fill();
  brush.beginPath();
  for (const [x, y] of line) brush.lineTo(x, y);
  brush.strokeStyle = area.style.getPropertyValue("--score");
  brush.lineWidth = 1.5;
  brush.lineJoin = "round";
  brush.stroke();
}

/** A point per snippet at its middle, and the two ends; of points that share a pixel, the highest. */
function outline({ starts, end, values }, { width, height, window }) {
  const floor = height - SEEN_PX - 2;
  const highest = new Map();
  const put = (seconds, value) => {
    const x = Math.round(((seconds - window.start) / (window.end - window.start)) * width);
    if (x >= -width && x <= 2 * width) highest.set(x, Math.max(highest.get(x) ?? 0, value));
  };
  if (values.length) put(starts[0], values[0]);
  values.forEach((value, index) => put((starts[index] + (starts[index + 1] ?? end)) / 2, value));
  if (values.length) put(end, values.at(-1));
  return [...highest].map(([x, value]) => [x, floor - Math.min(1, Math.max(0, value)) * (floor - TOP_PX)]);
}

/** @param {number[][]} seen merged `[start, end)` seconds */
export function drawSeen(brush, seen, { width, height, window, style }) {
  brush.fillStyle = style.getPropertyValue("--track");
  brush.fillRect(0, height - SEEN_PX, width, SEEN_PX);
  brush.fillStyle = style.getPropertyValue("--seen");
  const scale = width / (window.end - window.start);
  for (const [start, end] of seen) {
    brush.fillRect((start - window.start) * scale, height - SEEN_PX, Math.max(1, (end - start) * scale), SEEN_PX);
  }
}
