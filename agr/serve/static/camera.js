// The camera: its picture, and what is drawn over it.

import { common, drawMarks } from "./draw.js";
import { brief } from "./words.js";

const SIDE = 960; // of what is sent, at most
const PAUSE = 200; // milliseconds between the starts of two live answers, at least

export class Camera {
  constructor({ stage, video, overlay }) {
    Object.assign(this, { stage, video, overlay });
    this.stream = null;
    this.facing = "user";
    this.people = [];
    new ResizeObserver(() => this.stream && this.paint()).observe(stage);
  }

  async open(constraints = { facingMode: { ideal: this.facing } }) {
    if (!navigator.mediaDevices) {
      throw new Error("Browsers give the camera only to pages opened over HTTPS.");
    }
    this.close();
    const size = { width: { ideal: 1280 }, height: { ideal: 720 } };
    try {
      this.stream = await navigator.mediaDevices.getUserMedia({ video: { ...size, ...constraints } });
    } catch (error) {
      throw new Error(reason(error));
    }
    this.video.srcObject = this.stream;
    await this.video.play();
    const front = this.settings().facingMode !== "environment";
    this.stage.classList.toggle("mirrored", front);
    const { videoWidth: width, videoHeight: height } = this.video;
    this.stage.style.setProperty("--ratio", width / height);
    this.draw([]);
  }

  close() {
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  settings() {
    return this.stream?.getVideoTracks()[0]?.getSettings() ?? {};
  }

  static async count() {
    const devices = await navigator.mediaDevices.enumerateDevices();
    return devices.filter((device) => device.kind === "videoinput").length;
  }

  // A phone turns from front to back; a desktop goes on to its next camera.
  async next() {
    const { facingMode, deviceId } = this.settings();
    if (facingMode) {
      this.facing = facingMode === "user" ? "environment" : "user";
      return this.open();
    }
    const devices = await navigator.mediaDevices.enumerateDevices();
    const ids = devices.filter((d) => d.kind === "videoinput").map((d) => d.deviceId);
    const following = ids[(ids.indexOf(deviceId) + 1) % ids.length];
    return this.open({ deviceId: { exact: following } });
  }

  grab() {
    const { videoWidth: width, videoHeight: height } = this.video;
    this.scale = Math.min(1, SIDE / Math.max(width, height));
    const canvas = document.createElement("canvas");
    canvas.width = Math.round(width * this.scale);
    canvas.height = Math.round(height * this.scale);
    canvas.getContext("2d").drawImage(this.video, 0, 0, canvas.width, canvas.height);
    return new Promise((resolve, reject) => {
      canvas.toBlob((blob) => (blob ? resolve(blob) : reject(new Error("The camera gave no picture."))), "image/jpeg", 0.92);
    });
  }

  // Asks again and again, each time once the last answer is there.
  async follow(ask, signal) {
    while (!signal.aborted) {
      const start = performance.now();
      if (!document.hidden) {
        const rows = await ask(await this.grab(), signal);
        if (signal.aborted) return;
        this.draw(rows);
      }
      const rest = PAUSE - (performance.now() - start);
      await new Promise((resolve) => setTimeout(resolve, Math.max(rest, 30)));
    }
  }

  draw(rows) {
    this.people = this.follows(rows);
    this.paint();
  }

  paint() {
    const { videoWidth: width, videoHeight: height } = this.video;
    const ratio = devicePixelRatio || 1;
    const shown = this.stage.clientWidth;
    if (!width || !shown) return;
    const factor = shown / width;
    this.overlay.width = shown * ratio;
    this.overlay.height = height * factor * ratio;
    const context = this.overlay.getContext("2d");
    context.scale(ratio, ratio);
    const marks = this.people.map(({ row, person }) => ({
      box: this.place(row.box.map((v) => v / this.scale), factor),
      person,
      text: brief(row),
    }));
    drawMarks(context, marks, shown, height * factor);
  }

  // Whoever is where somebody was in the last answer keeps that one's colour.
  follows(rows) {
    const taken = new Set();
    const people = rows.filter((row) => row.error === null).map((row) => {
      const near = this.people
        .filter(({ person }) => !taken.has(person))
        .map((known) => ({ person: known.person, shared: common(known.row.box, row.box) }))
        .reduce((a, b) => (b.shared > a.shared ? b : a), { person: null, shared: 0 });
      taken.add(near.person);
      return { row, person: near.person };
    });
    for (const one of people) {
      for (let free = 0; one.person === null; free++) if (!taken.has(free)) one.person = free;
      taken.add(one.person);
    }
    return people;
  }

  // From the picture's pixels to the page's, turned round where the picture is.
  place([left, top, right, bottom], factor) {
    const { videoWidth: width } = this.video;
    const [x0, x1] = this.stage.classList.contains("mirrored") ? [width - right, width - left] : [left, right];
    return [x0, top, x1, bottom].map((v) => v * factor);
  }
}

function reason(error) {
  const known = {
    NotAllowedError: "The camera was not allowed. Allow it in the browser's settings, or choose a picture.",
    NotFoundError: "There is no camera. Choose a picture instead.",
    NotReadableError: "The camera is in use by another program.",
    OverconstrainedError: "There is no such camera.",
  };
  return known[error.name] ?? `The camera cannot be used: ${error.message}`;
}
