// What is sent besides words: files, albums, and voice messages from the microphone.

import { notice } from "./dom.js";
import { t } from "./texts.js";

function kindOf(file) {
  if (/^image\/(png|jpeg|gif|webp)$/.test(file.type)) return "photo";
  return file.type.startsWith("audio/") ? "voice" : "document";
}

// Several files at once are an album: a message each, with a common number. The words go with the first.
export function album(files, text) {
  const common = files.length > 1 ? { content: JSON.stringify({ media_group_id: String(Date.now()) }) } : {};
  return files.map((file, index) => ({ [kindOf(file)]: file, ...common, ...(text && !index ? { text } : {}) }));
}

const ENDINGS = { "audio/ogg": "ogg", "audio/mp4": "m4a", "audio/webm": "webm" };

// The first call begins a recording, the second one ends it; `done` gets the file.
export async function toggleRecording(state, done) {
  if (state.recorder) {
    state.recorder.stop();
    return;
  }
  let stream;
  try {
    stream = await navigator.mediaDevices.getUserMedia({ audio: true });
  } catch {
    notice(t("noMicrophone"), "bad");
    return;
  }
  const pieces = [];
  const recorder = new MediaRecorder(stream);
  recorder.ondataavailable = (event) => pieces.push(event.data);
  recorder.onstop = () => {
    stream.getTracks().forEach((track) => track.stop());
    state.recorder = null;
    const type = recorder.mimeType.split(";")[0];
    done(new File(pieces, `voice.${ENDINGS[type] ?? "webm"}`, { type }));
  };
  recorder.start();
  state.recorder = recorder;
}
