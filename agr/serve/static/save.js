// What can be downloaded: the labelled photo, and the numbers as CSV and JSON.

import { drawMarks } from "./draw.js";
import { brief } from "./words.js";

export function download(blob, name) {
  const url = URL.createObjectURL(blob);
  const link = document.createElement("a");
  link.href = url;
  link.download = name;
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

export function asJson(rows) {
  return new Blob([JSON.stringify(rows, null, 1)], { type: "application/json" });
}

// A line a face, with a column for every number.
export function asCsv(rows) {
  const lines = rows.map(flat);
  const columns = [...new Set(lines.flatMap((line) => Object.keys(line)))];
  // A picture that was not read says less, and must not decide the order.
  const longest = lines.reduce((a, b) => (Object.keys(b).length > Object.keys(a).length ? b : a), {});
  columns.sort((a, b) => place(longest, a) - place(longest, b));
  const table = [columns, ...lines.map((line) => columns.map((column) => line[column]))];
  const text = table.map((cells) => cells.map(cell).join(",")).join("\r\n");
  return new Blob(["\ufeff", text, "\r\n"], { type: "text/csv" }); // the mark tells Excel it is UTF-8
}

function place(line, column) {
  const found = Object.keys(line).indexOf(column);
  return found < 0 ? Infinity : found;
}

function flat(row) {
  const line = { image: row.image, face: row.face };
  (row.box ?? []).forEach((v, i) => (line[["left", "top", "right", "bottom"][i]] = v));
  if (row.box) line.score = round(row.score);
  if (row.age !== null) line.age = round(row.age, 1);
  (row.age_interval ?? []).forEach((v, i) => (line[["age_low", "age_high"][i]] = round(v, 1)));
  for (const task of ["gender", "race"]) {
    if (!row[task]) continue;
    line[task] = row[task];
    for (const [label, share] of Object.entries(row[`${task}_probabilities`])) line[`${task}_${label}`] = round(share);
  }
  line.error = row.error;
  return line;
}

function round(value, digits = 4) {
  return value === null || value === undefined ? value : Number(value.toFixed(digits));
}

function cell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

export function labelledPhoto(image, rows, scale) {
  const { naturalWidth: width, naturalHeight: height } = image;
  const canvas = document.createElement("canvas");
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // where the picture is transparent
  context.fillRect(0, 0, width, height);
  context.drawImage(image, 0, 0);
  const marks = rows.map((row, k) => ({
    box: row.box.map((v) => v * scale),
    person: k,
    text: [`${k + 1}`, brief(row)].filter(Boolean).join("  "),
  }));
  drawMarks(context, marks, width, height, Math.max(1, Math.max(width, height) / 1000));
  return new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
}
