// Boxes and labels on a canvas: over the camera's picture, and on the photo to download.

// One colour a person, the same as those of agr/photo/annotate.py; all carry dark letters.
export const COLOURS = [
  "#ffd640", "#6cb8ff", "#ff8f6b", "#5fd9b4", "#f58fd2", "#a8e05f",
  "#c7a8ff", "#ffb347", "#5fe0f5", "#ff8a9a", "#d9c79a", "#e8ecef",
];
const DARK = "rgb(16 20 28 / 85%)";

export const colour = (person) => COLOURS[person % COLOURS.length];

// `marks`: { box: [left, top, right, bottom], person, text }, in the canvas's units.
export function drawMarks(context, marks, width, height, unit = 1) {
  for (const { box, person } of marks) outline(context, box, colour(person), unit);
  context.font = `600 ${15 * unit}px system-ui, sans-serif`;
  const taken = marks.map(({ box }) => box);
  for (const { box, person, text } of marks) {
    if (!text) continue;
    const size = [context.measureText(text).width + 18 * unit, 26 * unit];
    const plate = placeLabel(box, size, taken, [width, height], 6 * unit);
    taken.push(plate);
    writeLabel(context, plate, box, text, colour(person), unit);
  }
}

// The free place nearest to the box; where there is none, the one that hides least.
export function placeLabel(box, [wide, high], taken, [width, height], gap) {
  const [left, top, right, bottom] = box;
  const middle = (left + right - wide) / 2;
  const places = [[middle, top - high - gap], [middle, bottom + gap], [right + gap, top], [left - wide - gap, top]];
  const steps = 8;
  for (let i = 0; i <= steps; i++) {
    for (let j = 0; j <= 2 * steps; j++) {
      places.push([(i / steps) * (width - wide), (j / (2 * steps)) * (height - high)]);
    }
  }
  let best = null;
  for (const [k, [x, y]] of places.entries()) {
    const [x0, y0] = [within(x, width - wide - gap, gap), within(y, height - high - gap, gap)];
    const plate = [x0, y0, x0 + wide, y0 + high];
    const hidden = taken.reduce((sum, other) => sum + common(plate, other), 0) / (wide * high);
    const far = Math.hypot(x0 + wide / 2 - (left + right) / 2, y0 + high / 2 - (top + bottom) / 2) / Math.hypot(width, height);
    const cost = hidden * 10 + far + k / 1e6; // equal places: the first
    if (best === null || cost < best.cost) best = { cost, plate };
  }
  return best.plate;
}

function within(value, most, least) {
  return Math.max(least, Math.min(value, most));
}

export function common(a, b) {
  const wide = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const high = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return Math.max(wide, 0) * Math.max(high, 0);
}

function outline(context, [left, top, right, bottom], ink, unit) {
  for (const [line, style] of [[5, "rgb(0 0 0 / 60%)"], [2.5, ink]]) {
    context.lineWidth = line * unit;
    context.strokeStyle = style;
    context.beginPath();
    context.roundRect(left, top, right - left, bottom - top, 8 * unit);
    context.stroke();
  }
}

function writeLabel(context, [left, top, right, bottom], box, text, ink, unit) {
  const from = [(left + right) / 2, (top + bottom) / 2];
  const to = [within(from[0], box[2], box[0]), within(from[1], box[3], box[1])];
  if (Math.hypot(to[0] - from[0], to[1] - from[1]) > 1.5 * (bottom - top)) {
    context.lineWidth = 2 * unit; // it stands apart: a line says whose it is
    context.strokeStyle = ink;
    context.beginPath();
    context.moveTo(...from);
    context.lineTo(...to);
    context.stroke();
  }
  context.fillStyle = DARK;
  context.strokeStyle = ink;
  context.lineWidth = 1.5 * unit;
  context.beginPath();
  context.roundRect(left, top, right - left, bottom - top, 13 * unit);
  context.fill();
  context.stroke();
  context.fillStyle = "#ffffff";
  context.textBaseline = "middle";
  context.fillText(text, left + 9 * unit, (top + bottom) / 2 + unit);
}
