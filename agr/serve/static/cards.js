// One card a face: thumbnail, age with its interval, a bar for each label.

const OLDEST = 100; // right end of the age scale
const SHARE = document.getElementById("share");
const CARD = document.getElementById("card");

export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 1) return "< 1 %";
  if (value < 100 && value > 99) return "> 99 %";
  return `${Math.round(value)} %`;
}

export function summary(row) {
  const parts = [];
  if (row.age !== null) parts.push(`about ${Math.round(row.age)} years`);
  if (row.gender !== null) parts.push(`perceived gender ${row.gender}`);
  if (row.race !== null) parts.push(`perceived race ${row.race}`);
  return parts.join(", ");
}

export function newCard(name) {
  const card = CARD.content.firstElementChild.cloneNode(true);
  card.querySelector(".name").textContent = name;
  card.querySelector(".thumb").setAttribute("aria-label", `Preview of ${name}`);
  card.querySelector(".wait").hidden = false;
  return card;
}

export function drawThumb(card, picture, box) {
  const canvas = card.querySelector(".thumb");
  canvas.classList.add("drawn");
  const [left, top, right, bottom] = box ?? [0, 0, picture.width, picture.height];
  // A square around the middle, so that nothing is stretched.
  const side = box ? Math.max(right - left, bottom - top) : Math.min(right - left, bottom - top);
  const x = (left + right - side) / 2;
  const y = (top + bottom - side) / 2;
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, x, y, side, side, 0, 0, canvas.width, canvas.height);
}

export function showError(card, message, retry) {
  const error = show(card, ".error");
  error.querySelector(".message").textContent = message;
  const button = error.querySelector(".retry");
  button.hidden = !retry;
  button.onclick = retry ?? null;
}

export function showWait(card) {
  show(card, ".wait");
}

export function showRow(card, row) {
  const answer = show(card, ".answer");
  showAge(answer.querySelector(".age"), row);
  showShares(answer.querySelector(".gender"), row.gender_probabilities);
  showShares(answer.querySelector(".race"), row.race_probabilities);
}

function show(card, wanted) {
  for (const part of [".wait", ".error", ".answer"]) {
    card.querySelector(part).hidden = part !== wanted;
  }
  return card.querySelector(wanted);
}

function showAge(part, row) {
  part.hidden = row.age === null;
  if (part.hidden) return;
  part.querySelector(".years").textContent = Math.round(row.age);
  const [low, high] = row.age_interval ?? [row.age, row.age];
  part.querySelector(".range").textContent =
    `${Math.round(low)} to ${Math.round(high)}, nine times out of ten`;
  const scale = part.querySelector(".scale").style;
  for (const [name, years] of [["--age", row.age], ["--low", low], ["--high", high]]) {
    scale.setProperty(name, Math.min(years / OLDEST, 1));
  }
}

function showShares(part, shares) {
  part.hidden = !shares;
  if (!shares) return;
  const sorted = Object.entries(shares).sort((a, b) => b[1] - a[1]);
  const lines = sorted.map(([label, share], place) => {
    const line = SHARE.content.firstElementChild.cloneNode(true);
    line.classList.toggle("first", place === 0);
    line.querySelector("dt").textContent = label;
    line.querySelector(".value").textContent = percent(share);
    line.querySelector(".fill").style.setProperty("--share", share);
    return line;
  });
  part.querySelector("dl").replaceChildren(...lines);
}
