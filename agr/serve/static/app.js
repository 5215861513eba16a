// The page: pictures in by choosing, dropping, pasting or camera; photos with their faces out.

import { ServiceError, health, predict, setKey } from "./api.js";
import { Camera } from "./camera.js";
import { newPhoto, readingOrder, showError, showFaces, showNobody, showPreview, showWait } from "./photos.js";
import { asCsv, asJson, download, labelledPhoto } from "./save.js";
import { count, sentence, summary } from "./words.js";

const AT_ONCE = 3; // requests
const SHRINK_BYTES = 1_000_000; // a larger picture is made smaller before it is sent
const SHRINK_SIDE = 1600;
const SENT_AS_IS = /^image\/(bmp|gif|jpeg|png|tiff|webp)$/; // what every service reads
const SAY_AGAIN = 5000; // milliseconds between two spoken answers of the live mode
const NO_FACE = "no face was found"; // as the service words it

const $ = (id) => document.getElementById(id);
const camera = new Camera({ stage: $("stage"), video: $("video"), overlay: $("overlay") });
const answers = new Map(); // entry -> { name, rows, people, scale }, for saving
const waiting = []; // entries that need a key or a connection, as functions that try again
const queue = [];
let done = []; // entries that were read since the page last had nothing to do
let running = 0;
let following = false; // whether the view goes with the results
let live = null; // AbortController of the live mode

function say(words) {
  $("status").textContent = words;
}

function warn(words) {
  $("notice").textContent = words;
  $("notice").hidden = !words;
}

// --- pictures -----------------------------------------------------------------------------

function addFiles(files) {
  const list = [...files];
  if (!list.length) return;
  const isPicture = (file) => file.type.startsWith("image/") || !file.type;
  const others = list.filter((file) => !isPicture(file));
  warn(
    others.length
      ? `${others.length === 1 ? `${others[0].name} is not a picture` : `${others.length} files are not pictures`}.`
      : "",
  );
  add(list.filter(isPicture).map((file) => [file, file.name || "picture"]));
}

// Newest above, but those that came together in their own order.
function add(pictures) {
  if (!pictures.length) return;
  say(`Reading ${count(pictures.length, "picture")}.`);
  const items = pictures.map(([, name]) => newPhoto(name));
  $("photos").prepend(...items);
  refresh();
  pictures.forEach(([blob, name], k) => queue.push(() => read(items[k], blob, name, pictures.length === 1)));
  work();
  following = true;
  goToResults();
}

for (const name of ["keydown", "touchmove", "wheel"]) {
  addEventListener(name, () => (following = false), { passive: true }); // somebody looks elsewhere
}

// Where the results are not beside the buttons but below them.
function goToResults() {
  if (matchMedia("(min-width: 60rem)").matches) return;
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  $("results").scrollIntoView({ behavior: calm ? "auto" : "smooth" });
}

async function work() {
  while (running < AT_ONCE && queue.length) {
    running++;
    queue.shift()().finally(() => {
      running--;
      work();
    });
  }
  if (!running && done.length) {
    sayDone(done); // may take more lines, and so move the results
    if (following) goToResults();
    done = [];
  }
}

function sayDone(items) {
  const known = items.map((item) => answers.get(item)).filter(Boolean);
  const people = known.reduce((sum, { people }) => sum + people, 0);
  if (items.length > 1) {
    const lost = items.length - known.length + known.filter(({ rows }) => rows[0]?.error && rows[0].error !== NO_FACE).length;
    say(`${count(items.length, "picture")}: ${count(people, "face")}${lost ? `, ${lost} not read` : ""}.`);
  } else if (known.length && people === 1) say(`${known[0].name}: ${summary(known[0].rows[0])}.`);
  else if (known.length) say(`${known[0].name}: ${people ? `${people} faces.` : sentence(known[0].rows[0]?.error ?? NO_FACE, known[0].name)}`);
  else say("");
}

async function read(item, blob, name, alone) {
  const again = () => {
    showWait(item, "Waiting");
    queue.push(() => read(item, blob, name, alone));
    work();
  };
  showWait(item, "Reading");
  let picture = null;
  try {
    picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
  } catch {
    // The browser cannot show it; the service may read it all the same.
  }
  try {
    const sent = picture ? await prepare(blob, picture) : { blob, scale: 1 };
    if (picture) showPreview(item, address(item, sent.blob), name, picture.width, picture.height);
    const rows = (await predict(sent.blob, name)).map((row) => enlarge(row, sent.scale));
    showRows(item, rows, picture, sent.scale, name, alone);
  } catch (error) {
    showError(item, error.message, name, again);
    if (error.status === 401) askKey(again);
    else if (error.status === 0) waiting.push(again);
    if (!(error instanceof ServiceError)) console.error(error);
  } finally {
    picture?.close();
    done.push(item);
    refresh();
  }
}

// Smaller where it is large, and as JPEG where only the browser may know its format, as HEIC.
async function prepare(blob, picture) {
  const scale = Math.min(1, SHRINK_SIDE / Math.max(picture.width, picture.height));
  const small = blob.size < SHRINK_BYTES || scale === 1;
  if (small && SENT_AS_IS.test(blob.type)) return { blob, scale: 1 };
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // where a picture is transparent, as the service does
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const jpeg = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return jpeg ? { blob: jpeg, scale } : { blob, scale: 1 };
}

// From the sent picture's pixels to those of the picture that was given.
function enlarge(row, scale) {
  if (!row.box || scale === 1) return row;
  const larger = (values) => values.map((v) => Math.round((10 * v) / scale) / 10);
  const landmarks = Object.entries(row.landmarks ?? {}).map(([part, at]) => [part, larger(at)]);
  return { ...row, box: larger(row.box), landmarks: row.landmarks && Object.fromEntries(landmarks) };
}

function address(item, blob) {
  URL.revokeObjectURL(item.dataset.url ?? "");
  return (item.dataset.url = URL.createObjectURL(blob));
}

function showRows(item, rows, picture, scale, name, alone) {
  const people = readingOrder(rows.filter((row) => row.error === null));
  const numbered = people.map((row, k) => ({ ...row, face: k + 1 }));
  const kept = people.length ? numbered : rows;
  answers.set(item, { name, rows: kept, people: people.length });
  if (people.length) {
    showFaces(item, people, picture, alone && people.length === 1);
    const save = item.querySelector(".download");
    save.hidden = !picture;
    save.setAttribute("aria-label", `Save photo ${name} with its labels`);
    save.onclick = async () =>
      download(await labelledPhoto(item.querySelector("img"), people, scale), `${name.replace(/\.\w+$/, "")}-labelled.jpg`);
  } else if (!rows.length || rows[0].error === NO_FACE) showNobody(item);
  else showError(item, hint(rows[0].error, name), name);
}

function hint(error, name) {
  return /\.hei[cf]$/i.test(name) ? "Neither this browser nor this service can read HEIC. Save the photo as JPEG and try again." : error;
}

function refresh() {
  const any = $("photos").childElementCount > 0;
  $("empty").hidden = any;
  $("results").hidden = !any && !$("camera").hidden; // the camera needs the place
  $("tools").hidden = !any;
  for (const id of ["save-csv", "save-json"]) $(id).disabled = answers.size === 0;
}

$("files").addEventListener("change", () => {
  addFiles($("files").files);
  $("files").value = ""; // so that the same picture can be chosen again
});

$("example").addEventListener("click", async () => {
  const source = document.querySelector("#empty img").src;
  try {
    const reply = await fetch(source);
    add([[await reply.blob(), "Eileen Collins"]]);
  } catch {
    warn("The portrait cannot be loaded; try again once you are connected.");
  }
});

addEventListener("paste", (event) => addFiles(event.clipboardData?.files ?? []));

for (const name of ["dragenter", "dragover"]) {
  addEventListener(name, (event) => {
    event.preventDefault(); // anywhere: a picture dropped beside must not replace the page
    $("drop").classList.add("over");
  });
}
addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) $("drop").classList.remove("over");
});
addEventListener("drop", (event) => {
  event.preventDefault();
  $("drop").classList.remove("over");
  addFiles(event.dataTransfer?.files ?? []);
});

$("clear").addEventListener("click", () => {
  for (const item of $("photos").children) URL.revokeObjectURL(item.dataset.url ?? "");
  $("photos").replaceChildren();
  answers.clear();
  queue.length = waiting.length = 0;
  refresh();
  say("Results cleared.");
  $("results").focus();
});

function allRows() {
  return [...$("photos").children].flatMap((item) => answers.get(item)?.rows ?? []);
}

$("save-csv").addEventListener("click", () => download(asCsv(allRows()), "agr.csv"));
$("save-json").addEventListener("click", () => download(asJson(allRows()), "agr.json"));

// --- camera -------------------------------------------------------------------------------

if (matchMedia("(pointer: coarse)").matches) {
  $("ways").prepend($("open-camera")); // on a phone the camera is nearest at hand
  $("open-camera").classList.add("primary");
  document.querySelector("label[for=files]").classList.remove("primary");
}

async function withCamera(open) {
  warn("");
  try {
    await open();
    return true;
  } catch (error) {
    closeCamera();
    warn(error.message);
    return false;
  }
}

async function openCamera() {
  $("drop").hidden = true;
  $("camera").hidden = false;
  $("open-camera").setAttribute("aria-expanded", "true");
  refresh();
  if (!(await withCamera(() => camera.open()))) return;
  $("switch").hidden = (await Camera.count()) < 2;
  $("snap").focus();
}

function closeCamera() {
  stopLive();
  camera.close();
  $("camera").hidden = true;
  $("drop").hidden = false;
  $("open-camera").setAttribute("aria-expanded", "false");
  refresh();
  $("open-camera").focus();
}

function stopLive() {
  live?.abort();
  live = null;
  $("live").setAttribute("aria-pressed", "false");
  if (camera.stream) camera.draw([]);
}

async function startLive() {
  const mine = new AbortController();
  live = mine;
  $("live").setAttribute("aria-pressed", "true");
  say("Live. The labels are drawn over the picture.");
  let said = performance.now();
  const ask = async (blob, signal) => {
    const rows = await predict(blob, "live.jpg", signal);
    if (performance.now() - said > SAY_AGAIN) {
      said = performance.now();
      const people = rows.filter((row) => row.error === null);
      say(people.length > 1 ? `${people.length} faces.` : people.map((row) => sentence(summary(row)))[0] ?? "No face is seen.");
    }
    return rows;
  };
  try {
    await camera.follow(ask, mine.signal);
  } catch (error) {
    if (error.name === "AbortError") return;
    stopLive();
    say("");
    warn(error.message);
    if (error.status === 401) askKey(startLive);
  }
}

$("open-camera").addEventListener("click", openCamera);
$("close-camera").addEventListener("click", () => {
  closeCamera();
  say("Camera closed.");
});
$("switch").addEventListener("click", () => withCamera(() => camera.next()));
$("live").addEventListener("click", () => {
  if (live) {
    stopLive();
    say("Live stopped.");
  } else {
    startLive();
  }
});
$("snap").addEventListener("click", async () => {
  const time = new Date().toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", second: "2-digit" });
  $("stage").classList.remove("flash");
  void $("stage").offsetWidth; // starts the animation anew
  $("stage").classList.add("flash");
  try {
    add([[await camera.grab(), `Photo ${time}`]]);
  } catch (error) {
    warn(error.message);
  }
});
addEventListener("keydown", (event) => {
  if (event.key === "Escape" && !$("camera").hidden) closeCamera();
});
addEventListener("pagehide", () => camera.close());

// --- service ------------------------------------------------------------------------------

function askKey(again) {
  waiting.push(again);
  if ($("key-form").hidden) {
    $("key-form").hidden = false;
    $("key").focus();
  }
}

function goOn() {
  waiting.splice(0).forEach((again) => again());
}

$("key-form").addEventListener("submit", (event) => {
  event.preventDefault();
  setKey($("key").value.trim());
  $("key").value = "";
  $("key-form").hidden = true;
  warn("");
  goOn();
});

async function connect() {
  try {
    await health();
    warn("");
    goOn();
  } catch (error) {
    warn(
      error instanceof ServiceError
        ? error.message
        : "You are offline, or the service cannot be reached. The page works; pictures are read once it is back.",
    );
  }
}

addEventListener("online", connect);
addEventListener("offline", () => warn("You are offline; pictures are read once you are connected again."));
connect();

if ("serviceWorker" in navigator && isSecureContext) {
  const script = "sw.js";
  const rules = globalThis.trustedTypes?.createPolicy("agr", { createScriptURL: () => script });
  navigator.serviceWorker.register(rules ? rules.createScriptURL("") : script).catch(() => {
    // Without it the page works all the same, only not offline.
  });
}
