/** Small drawings for buttons, as SVG: no font has all of these signs. */

const SVG = "http://www.w3.org/2000/svg";

/** Path data in a box of 24 x 24; a leading "o" means outlined, not filled. */
const PATHS = {
  play: ["M7 4.5v15l12.5-7.5z"],
  pause: ["M6 4.5h4.2v15H6z", "M13.8 4.5H18v15h-4.2z"],
  backward: ["M11.5 5v14L2.5 12z", "M21 5v14l-9-7z"],
  forward: ["M12.5 5v14l9-7z", "M3 5v14l9-7z"],
  stepBack: ["o15 5.5 8.5 12l6.5 6.5"],
  stepForward: ["o9 5.5 15.5 12 9 18.5"],
  soundOff: ["M4 9h4l5-4.5v15L8 15H4z", "o16.5 9.5l5 5m0-5l-5 5"],
  soundOn: ["M4 9h4l5-4.5v15L8 15H4z", "o16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12"],
  auto: ["M12 4a8 8 0 0 1 0 16z", "o12 4a8 8 0 1 0 0 16a8 8 0 1 0 0-16z"],
  light: ["M12 7.5a4.5 4.5 0 1 0 0 9a4.5 4.5 0 1 0 0-9z", "o12 2v2.5M12 19.5V22M2 12h2.5M19.5 12H22M5 5l1.7 1.7M17.3 17.3L19 19M19 5l-1.7 1.7M6.7 17.3L5 19"],
  dark: ["M20 14.5A8.5 8.5 0 0 1 9.5 4a8.5 8.5 0 1 0 10.5 10.5z"],
};

export function icon(name) {
  const drawing = document.createElementNS(SVG, "svg");
  for (const [key, value] of Object.entries({ viewBox: "0 0 24 24", class: "drawing", "aria-hidden": "true" })) {
    drawing.setAttribute(key, value);
  }
  drawing.append(...PATHS[name].map(pathOf));
  return drawing;
}

function pathOf(data) {
  const path = document.createElementNS(SVG, "path");
  const isOutlined = data.startsWith("o");
  path.setAttribute("d", isOutlined ? `M${data.slice(1)}` : data);
  path.setAttribute("class", isOutlined ? "is-outlined" : "is-filled");
  return path;
}
