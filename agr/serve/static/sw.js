// Keeps the page, so that it opens offline; answers and pictures are never kept.

const CACHE = "agr-2";
const PATIENCE = 3000; // milliseconds for the network before the kept copy is shown
const SHELL = [
  "./",
  "static/api.js",
  "static/app.css",
  "static/app.js",
  "static/camera.js",
  "static/draw.js",
  "static/example.jpg",
  "static/icon.svg",
  "static/icon-192.png",
  "static/manifest.webmanifest",
  "static/photos.js",
  "static/save.js",
  "static/words.js",
];
const KEPT = new Set(SHELL.map((path) => new URL(path, registration.scope).href));

addEventListener("install", (event) => {
  const fresh = SHELL.map((path) => new Request(path, { cache: "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(fresh)).then(() => skipWaiting()));
});

addEventListener("activate", (event) => {
  const old = (names) => names.filter((name) => name.startsWith("agr-") && name !== CACHE);
  event.waitUntil(
    caches.keys().then((names) => Promise.all(old(names).map((name) => caches.delete(name)))).then(() => clients.claim()),
  );
});

addEventListener("fetch", (event) => {
  const url = event.request.url.split(/[?#]/)[0];
  if (event.request.method === "GET" && KEPT.has(url)) event.respondWith(networkFirst(url, event));
});

async function networkFirst(url, event) {
  const cache = await caches.open(CACHE);
  const fresh = fetch(event.request).then((response) => {
    if (response.ok) event.waitUntil(cache.put(url, response.clone()));
    return response;
  });
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE));
  try {
    const response = await Promise.race([fresh, late]);
    if (response?.ok) return response;
  } catch {
    // offline
  }
  return (await cache.match(url)) ?? fresh;
}
