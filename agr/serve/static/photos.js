// One entry a picture: the photo once, with a numbered box and a row for each face.

import { colour } from "./draw.js";
import { best, capital, count, labelled, percent, range, sentence } from "./words.js";

const OLDEST = 100; // right end of the age scale
const clone = (id) => document.getElementById(id).content.firstElementChild.cloneNode(true);

export function newPhoto(name) {
  const item = clone("photo");
  item.querySelector(".name").textContent = item.querySelector(".name").title = name; // cut when long
  showWait(item, "Waiting");
  return item;
}

export function showWait(item, doing) {
  show(item, ".wait").querySelector(".doing").textContent = doing;
  item.querySelector(".state").textContent = "";
}

export function showPreview(item, url, name, width, height) {
  const frame = ratio(item, width, height);
  const image = frame.querySelector("img");
  image.hidden = false;
  image.alt = `Your picture ${name}`;
  image.src = url;
}

export function showError(item, message, name, retry) {
  const error = show(item, ".error");
  error.querySelector(".message").textContent = sentence(message, name);
  const button = error.querySelector(".retry");
  button.hidden = !retry;
  button.onclick = retry ?? null;
  item.querySelector(".state").textContent = "Not read";
}

export function showNobody(item) {
  show(item, ".error").querySelector(".message").textContent =
    "No face was found. Try a photo in which the face is larger, upright or better lit.";
  item.querySelector(".retry").hidden = true;
  item.querySelector(".state").textContent = "No face";
}

// `rows` in the order of their numbers, `picture` what thumbnails are cut from, or null.
export function showFaces(item, rows, picture, open) {
  const list = show(item, ".faces");
  const size = picture ?? unseen(item, rows);
  const faces = rows.map((row, k) => newFace(row, k, picture));
  const boxes = rows.map((row, k) => newBox(row.box, k, size));
  faces.forEach((face, k) => join(face, boxes[k]));
  list.replaceChildren(...faces);
  item.querySelector(".boxes").replaceChildren(...boxes);
  if (open) faces[0].querySelector("details").open = true;
  item.querySelector(".state").textContent = count(rows.length, "face");
}

// As one reads: rows of people from above, each from the left.
export function readingOrder(rows) {
  const middle = ({ box }) => (box[1] + box[3]) / 2;
  const high = ({ box }) => box[3] - box[1];
  const bands = [];
  for (const row of [...rows].sort((a, b) => middle(a) - middle(b))) {
    const above = bands.at(-1)?.at(-1);
    const beside = above && middle(row) - middle(above) < 0.6 * Math.max(high(row), high(above));
    if (beside) bands.at(-1).push(row);
    else bands.push([row]);
  }
  return bands.flatMap((band) => band.sort((a, b) => a.box[0] - b.box[0]));
}

function show(item, wanted) {
  for (const part of [".wait", ".error", ".faces"]) {
    item.querySelector(part).hidden = part !== wanted;
  }
  return item.querySelector(wanted);
}

function ratio(item, width, height) {
  const frame = item.querySelector(".frame");
  frame.hidden = false;
  frame.style.setProperty("--ratio", width / height);
  frame.style.setProperty("--natural", `${width}px`);
  return frame;
}

// A plain ground as large as the faces need, for what the browser cannot show.
function unseen(item, rows) {
  const far = (edge, side) => Math.max(...rows.map(({ box }) => box[edge] + (box[edge] - box[side]) / 2));
  const size = { width: far(2, 0), height: far(3, 1) };
  const frame = ratio(item, Math.max(size.width, 320), size.height);
  frame.querySelector(".unseen").hidden = false;
  return size;
}

function newBox(box, k, { width, height }) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "box";
  button.tabIndex = -1; // by keyboard the rows are enough
  button.setAttribute("aria-label", `Show face ${k + 1}`);
  const sides = [width, height, width, height]; // a face may reach beyond the picture
  const [left, top, right, bottom] = box.map((v, i) => (100 * Math.max(0, Math.min(v, sides[i]))) / sides[i]);
  const style = { left, top, width: Math.max(right - left, 0), height: Math.max(bottom - top, 0) };
  for (const [name, value] of Object.entries(style)) button.style.setProperty(name, `${value}%`);
  button.style.setProperty("--person", colour(k));
  button.classList.toggle("high", top < 6);
  const badge = document.createElement("span");
  badge.className = "badge";
  badge.textContent = k + 1;
  button.append(badge);
  return button;
}

function newFace(row, k, picture) {
  const face = clone("face");
  face.style.setProperty("--person", colour(k));
  face.querySelector(".number").textContent = k + 1;
  if (picture) drawThumb(face.querySelector(".thumb"), picture, row.box);
  showAge(face, row);
  for (const task of ["gender", "race"]) {
    const shares = row[`${task}_probabilities`];
    const label = face.querySelector(`.${task}`);
    label.textContent = shares ? labelled(task, shares) : "";
    label.classList.toggle("unsure", Boolean(shares) && !best(shares).sure);
    showShares(face.querySelector(`.${task}s`), shares);
  }
  return face;
}

// Either shows the other: a tap on the box opens the row, and who points at a row sees the box.
function join(face, box) {
  const details = face.querySelector("details");
  const lit = (on) => [face, box].forEach((part) => part.classList.toggle("lit", on));
  for (const part of [face, box]) {
    part.addEventListener("pointerenter", () => lit(true));
    part.addEventListener("pointerleave", () => lit(false));
  }
  face.addEventListener("focusin", () => lit(true));
  face.addEventListener("focusout", () => lit(false));
  box.addEventListener("click", () => {
    details.open = true;
    details.querySelector("summary").focus({ preventScroll: true });
    face.scrollIntoView({ block: "nearest" });
  });
}

function drawThumb(canvas, picture, [left, top, right, bottom]) {
  canvas.hidden = false;
  const side = Math.max(right - left, bottom - top); // a square, so that nothing is stretched
  const [x, y] = [(left + right - side) / 2, (top + bottom - side) / 2];
  const context = canvas.getContext("2d");
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
}

function showAge(face, row) {
  for (const part of [".age", ".ages"]) face.querySelector(part).hidden = row.age === null;
  if (row.age === null) return;
  face.querySelector(".years").textContent = Math.round(row.age);
  face.querySelector(".range").textContent = range(row);
  const [low, high] = row.age_interval ?? [row.age, row.age];
  const scale = face.querySelector(".scale").style;
  for (const [name, years] of [["--age", row.age], ["--low", low], ["--high", high]]) {
    scale.setProperty(name, Math.min(years / OLDEST, 1));
  }
}

function showShares(part, shares) {
  part.hidden = !shares;
  if (!shares) return;
  const { label: first, sure } = best(shares);
  const lines = Object.entries(shares).sort((a, b) => b[1] - a[1]).map(([label, share]) => {
    const line = clone("share");
    line.classList.toggle("first", sure && label === first);
    line.querySelector("dt").textContent = capital(label);
    line.querySelector(".value").textContent = percent(share);
    line.querySelector(".fill").style.setProperty("--share", share);
    return line;
  });
  part.querySelector("dl").replaceChildren(...lines);
}
