// The camera of the page: off until somebody wants it, and small pictures of it while it is on.

const side = 320;      // pixels, the longer one; the server takes no more of it anyway
const everyMs = 200;   // a picture a micro-turn
const quality = 0.7;   // about 15 kB: a call's channel takes 64

/** What a camera sees; `onPicture` gets a JPEG in base64; `onOver` is called when the camera is gone by itself. */
class Camera {
  constructor(video) {
    this.video = video;
    this.canvas = document.createElement("canvas");
    this.onPicture = () => {};
    this.onOver = () => {};
    this.stream = null;
    this.turn = 0;  // a browser takes its time to open one, and it may have been closed meanwhile
  }

  get isOn() { return this.stream !== null; }

  /** Opens a camera; the browser's choice where `device` is empty or gone. False: closed meanwhile. */
  async open(device) {
    this.close();
    const turn = this.turn;
    const wanted = { width: { ideal: 640 }, height: { ideal: 480 }, frameRate: { ideal: 15 } };
    let stream;
    try {
      stream = await navigator.mediaDevices.getUserMedia({ video: device ? { ...wanted, deviceId: { exact: device } } : wanted });
    } catch (e) {
      if (!device) throw e;
      stream = await navigator.mediaDevices.getUserMedia({ video: wanted });
    }
    if (turn !== this.turn) {
      for (const track of stream.getTracks()) track.stop();
      return false;
    }
    this.stream = stream;
    for (const track of stream.getTracks())
      track.onended = () => {
        if (this.stream !== stream) return;
        this.close();
        this.onOver();
      };
    this.video.srcObject = stream;
    await this.video.play().catch(() => {});
    if (this.stream !== stream) return false;
    this.timer = setInterval(() => this.take(), everyMs);
    return true;
  }

  take() {
    const { videoWidth: width, videoHeight: height } = this.video;
    if (!width || !height) return;
    const scale = Math.min(1, side / Math.max(width, height));
    this.canvas.width = Math.max(1, Math.round(width * scale));
    this.canvas.height = Math.max(1, Math.round(height * scale));
    this.canvas.getContext("2d").drawImage(this.video, 0, 0, this.canvas.width, this.canvas.height);
    this.onPicture(this.canvas.toDataURL("image/jpeg", quality).split(",")[1]);
  }

  close() {
    ++this.turn;
    clearInterval(this.timer);
    for (const track of this.stream?.getTracks() ?? []) {
      track.onended = null;
      track.stop();
    }
    this.stream = null;
    this.video.srcObject = null;
  }
}

/** The page's button for it. `$` finds an element by its id. */
export class CameraButton {
  constructor($, { consent, connect, show, sees, notice }) {
    Object.assign(this, { $, consent, connect, show, sees, notice });
    this.camera = new Camera($("camera-picture"));
    this.camera.onPicture = (image) => this.show(image);
    this.camera.onOver = () => {
      this.stop();
      this.notice("The camera is gone.");
    };
    $("look").onclick = () => (this.camera.isOn ? this.stop() : this.start());
    $("camera-device").onchange = () => this.camera.isOn && this.open().catch((e) => this.fail(e));
  }

  /** Only where the graph looks at pictures. */
  offer(isServed) {
    const can = Boolean(isServed && navigator.mediaDevices);
    this.$("look").hidden = this.$("camera-choice").hidden = !can;
  }

  async start() {
    if (this.isStarting || !(await this.consent.ask("camera_"))) return;
    this.isStarting = true;
    try {
      await this.connect();
      if (!this.sees()) return this.notice("Nothing here looks at pictures any more.");
      await this.open();
    } catch (e) {
      this.fail(e);
    } finally {
      this.isStarting = false;
    }
  }

  async open() {
    if (!(await this.camera.open(this.$("camera-device").value))) return;
    if (!this.sees()) return this.stop();  // the conversation has ended meanwhile
    this.mark(true);
    const all = (await navigator.mediaDevices.enumerateDevices()).filter((d) => d.kind === "videoinput" && d.deviceId);
    const chosen = this.$("camera-device").value;
    const option = (value, text) => Object.assign(document.createElement("option"), { value, textContent: text });
    this.$("camera-device").replaceChildren(option("", "The browser's choice"), ...all.map((d, i) => option(d.deviceId, d.label || `Camera ${i + 1}`)));
    this.$("camera-device").value = all.some((d) => d.deviceId === chosen) ? chosen : "";
  }

  fail(e) {
    this.stop();
    this.notice(`No camera: ${e.message}`);
  }

  stop() {
    this.camera.close();
    this.mark(false);
  }

  mark(isOn) {
    this.$("camera-sign").hidden = !isOn;
    this.$("look").setAttribute("aria-pressed", String(isOn));
  }
}
