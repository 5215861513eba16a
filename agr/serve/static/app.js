// The page: pictures in by choosing, dropping, pasting or camera; cards out.

import { ServiceError, health, predict, setKey } from "./api.js";
import { Camera } from "./camera.js";
import { drawThumb, newCard, showError, showRow, showWait, summary } from "./cards.js";

const AT_ONCE = 3; // requests
const SHRINK_BYTES = 1_000_000; // a larger picture is made smaller before it is sent
const SHRINK_SIDE = 1600;
const SAY_AGAIN = 5000; // milliseconds between two spoken answers of the live mode

const $ = (id) => document.getElementById(id);
const camera = new Camera({ stage: $("stage"), video: $("video"), overlay: $("overlay") });
const answers = new Map(); // card -> row, for saving
const waiting = []; // cards that need a key or a connection, as functions that try again
const queue = [];
let running = 0;
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
  const pictures = list.filter((file) => file.type.startsWith("image/") || !file.type);
  const others = list.length - pictures.length;
  warn(others ? `${others === 1 ? `${list.find((f) => !pictures.includes(f)).name} is` : `${others} files are`} no picture.` : "");
  if (pictures.length) say(pictures.length === 1 ? "Reading 1 picture." : `Reading ${pictures.length} pictures.`);
  add(pictures.map((file) => [file, file.name || "picture"]));
}

// Newest above, but those that came together in their own order.
function add(pictures) {
  const cards = pictures.map(([, name]) => newCard(name));
  $("cards").prepend(...cards);
  refresh();
  pictures.forEach(([blob, name], place) => queue.push(() => read(cards[place], blob, name)));
  work();
}

async function work() {
  while (running < AT_ONCE && queue.length) {
    running++;
    queue.shift()().finally(() => {
      running--;
      work();
    });
  }
}

async function read(card, blob, name) {
  const again = () => {
    showWait(card);
    queue.push(() => read(card, blob, name));
    work();
  };
  let picture = null;
  try {
    picture = await createImageBitmap(blob, { imageOrientation: "from-image" });
    drawThumb(card, picture);
  } catch {
    // The browser cannot show it; the service may read it all the same.
  }
  try {
    const sent = picture ? await shrink(blob, picture) : { blob, scale: 1 };
    showRows(card, await predict(sent.blob, name), picture, sent.scale, name);
  } catch (error) {
    showError(card, error.message, again);
    say("");
    if (error.status === 401) askKey(again);
    else if (error.status === 0) waiting.push(again);
    if (!(error instanceof ServiceError)) console.error(error);
  } finally {
    picture?.close();
    refresh();
  }
}

async function shrink(blob, picture) {
  const scale = Math.min(1, SHRINK_SIDE / Math.max(picture.width, picture.height));
  if (blob.size < SHRINK_BYTES || scale === 1) return { blob, scale: 1 };
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(picture.width * scale);
  canvas.height = Math.round(picture.height * scale);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff"; // where a picture is transparent, as the service does
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.imageSmoothingQuality = "high";
  context.drawImage(picture, 0, 0, canvas.width, canvas.height);
  const small = await new Promise((resolve) => canvas.toBlob(resolve, "image/jpeg", 0.92));
  return small ? { blob: small, scale } : { blob, scale: 1 };
}

// One card a face: the first face takes the picture's card, further ones follow it.
function showRows(card, rows, picture, scale, name) {
  let last = card;
  rows.forEach((row, place) => {
    const own = place === 0 ? card : newCard(`${name}, face ${place + 1}`);
    if (place > 0) last.after(own);
    last = own;
    if (row.error !== null) {
      showError(own, row.error);
      say(`${name}: ${row.error}`);
      return;
    }
    if (picture) drawThumb(own, picture, row.box.map((v) => v / scale));
    showRow(own, row);
    answers.set(own, row);
  });
  const good = rows.filter((row) => row.error === null);
  if (good.length === 1) say(`${name}: ${summary(good[0])}.`);
  else if (good.length) say(`${name}: ${good.length} faces.`);
}

function refresh() {
  const any = $("cards").childElementCount > 0;
  $("empty").hidden = any;
  $("tools").hidden = !any;
  $("save").disabled = answers.size === 0;
}

$("files").addEventListener("change", () => {
  addFiles($("files").files);
  $("files").value = ""; // so that the same picture can be chosen again
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
  $("cards").replaceChildren();
  answers.clear();
  waiting.length = 0;
  refresh();
  say("Results cleared.");
  $("results").focus();
});

$("save").addEventListener("click", () => {
  const rows = [...$("cards").children].filter((card) => answers.has(card)).map((card) => answers.get(card));
  const url = URL.createObjectURL(new Blob([JSON.stringify(rows, null, 1)], { type: "application/json" }));
  const link = document.createElement("a");
  link.href = url;
  link.download = "agr.json";
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
});

// --- camera -------------------------------------------------------------------------------

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
      say(rows.filter((row) => row.error === null).map(summary).join("; ") || "No face is seen.");
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
    say("Reading the photo.");
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
