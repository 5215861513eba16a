// The camera: its picture, and what is drawn over it.

const SIDE = 960; // of what is sent, at most
const PAUSE = 200; // milliseconds between the starts of two live answers, at least

export class Camera {
  constructor({ stage, video, overlay }) {
    Object.assign(this, { stage, video, overlay });
    this.stream = null;
    this.facing = "user";
    new ResizeObserver(() => this.stream && this.draw(this.rows ?? [])).observe(stage);
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
    this.rows = rows;
    const { videoWidth: width, videoHeight: height } = this.video;
    const ratio = devicePixelRatio || 1;
    const shown = this.stage.clientWidth;
    if (!width || !shown) return;
    const factor = shown / width;
    this.overlay.width = shown * ratio;
    this.overlay.height = height * factor * ratio;
    const context = this.overlay.getContext("2d");
    context.scale(ratio, ratio);
    for (const row of rows.filter((row) => row.error === null)) {
      const place = this.place(row.box.map((v) => v / this.scale), factor);
      outline(context, place);
      label(context, place, text(row), shown);
    }
  }

  // From the picture's pixels to the page's, turned round where the picture is.
  place([left, top, right, bottom], factor) {
    const mirrored = this.stage.classList.contains("mirrored");
    const x = mirrored ? this.video.videoWidth - right : left;
    return { x: x * factor, y: top * factor, width: (right - left) * factor, height: (bottom - top) * factor };
  }
}

function outline(context, { x, y, width, height }) {
  for (const [line, colour] of [[5, "rgb(0 0 0 / 60%)"], [2.5, "#57cfc5"]]) {
    context.lineWidth = line;
    context.strokeStyle = colour;
    context.beginPath();
    context.roundRect(x, y, width, height, 10);
    context.stroke();
  }
}

function label(context, { x, y, width }, words, right) {
  context.font = "600 15px system-ui, sans-serif";
  const wide = context.measureText(words).width + 20;
  const left = Math.max(6, Math.min(x + width / 2 - wide / 2, right - wide - 6));
  const top = Math.max(6, y - 15);
  context.fillStyle = "rgb(10 20 20 / 85%)";
  context.beginPath();
  context.roundRect(left, top, wide, 28, 14);
  context.fill();
  context.fillStyle = "#ffffff";
  context.textBaseline = "middle";
  context.fillText(words, left + 10, top + 15);
}

function text(row) {
  const age = row.age === null ? null : `${Math.round(row.age)}`;
  return [age, row.gender, row.race].filter((part) => part !== null).join(" · ");
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
