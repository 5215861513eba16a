// How answers are put into words.

export const SURE = 0.6; // a label with a smaller share is shown as "not sure"

export function capital(text) {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

export function percent(share) {
  const value = share * 100;
  if (value > 0 && value < 1) return "< 1 %";
  if (value < 100 && value > 99) return "> 99 %";
  return `${Math.round(value)} %`;
}

export function count(n, noun) {
  return `${n.toLocaleString("en")} ${noun}${n === 1 ? "" : "s"}`;
}

// An error as a sentence; the picture's own name, which stands beside it, is left out.
export function sentence(text, name = "") {
  const rest = name && text.startsWith(`${name} `) ? `This file ${text.slice(name.length + 1)}` : text;
  return capital(rest).replace(/([^.!?])$/, "$1.");
}

// The likeliest label, its share, and whether that is enough to name it.
export function best(shares) {
  const [label, share] = Object.entries(shares).sort((a, b) => b[1] - a[1])[0];
  return { label, share, sure: share >= SURE };
}

export function labelled(task, shares) {
  const { label, share, sure } = best(shares);
  return sure ? `${capital(label)} ${percent(share)}` : `${capital(task)} not sure`;
}

export function range(row) {
  return row.age_interval ? `likely ${row.age_interval.map(Math.round).join(" to ")}` : "";
}

// For screen readers and the status line.
export function summary(row) {
  const parts = [];
  if (row.age !== null) parts.push([`about ${Math.round(row.age)} years`, range(row)].filter(Boolean).join(", "));
  for (const task of ["gender", "race"]) {
    const shares = row[`${task}_probabilities`];
    if (shares) parts.push(`${task} ${best(shares).sure ? `perceived as ${row[task]}` : "not sure"}`);
  }
  return parts.join("; ");
}

// For a label on a picture.
export function brief(row) {
  const parts = row.age === null ? [] : [`${Math.round(row.age)}`];
  for (const task of ["gender", "race"]) {
    const shares = row[`${task}_probabilities`];
    if (shares) parts.push(best(shares).sure ? row[task] : `${task}?`);
  }
  return parts.join(" · ");
}
