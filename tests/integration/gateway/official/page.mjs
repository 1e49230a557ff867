// In a browser: `@openai/agents` over WebRTC, with a microphone that says what it is told to.
import { OpenAIRealtimeWebRTC, RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import { z } from 'zod';

const S = window.S = { events: [], asked: [], errors: [], loud: [] };
const now = () => performance.now();

/** The sound of a recording, spoken into the microphone; resolves when it is over. */
window.say = () => new Promise(done => {
  const source = S.context.createBufferSource();
  source.buffer = S.words;
  source.connect(S.microphone);
  source.onended = done;
  source.start();
});

window.begin = async (base, recording) => {
  const context = S.context = new AudioContext();
  await context.resume();
  S.words = await context.decodeAudioData(Uint8Array.from(atob(recording), c => c.charCodeAt(0)).buffer);
  S.microphone = context.createMediaStreamDestination();
  const silence = context.createConstantSource();  // a microphone never stops
  silence.offset.value = 0;
  silence.connect(S.microphone);
  silence.start();
  // What a back end does: the page itself never sees a key.
  const secret = await (await fetch(base + '/v1/realtime/client_secrets', {
    method: 'POST', headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify({ session: { type: 'realtime', model: 'hocket' } }) })).json();
  const speaker = document.createElement('audio');
  document.body.append(speaker);
  const transport = new OpenAIRealtimeWebRTC({ mediaStream: S.microphone.stream, audioElement: speaker, baseUrl: base + '/v1/realtime/calls' });
  const clock = tool({ name: 'clock', description: 'The time in a place.', parameters: z.object({ timezone: z.string() }),
                       execute: async ({ timezone }) => { S.asked.push(timezone); return '3:15'; } });
  const session = S.session = new RealtimeSession(
    new RealtimeAgent({ name: 'somebody', instructions: 'Answer in English.', tools: [clock] }),
    { transport, model: 'hocket', tracingDisabled: true });
  session.on('error', e => S.errors.push(String(e.error?.message ?? JSON.stringify(e))));
  transport.on('*', e => S.events.push({ type: e.type, transcript: e.transcript, status: e.response?.status, at: now() }));
  await session.connect({ apiKey: secret.value, model: 'hocket' });
  const ear = context.createAnalyser(), samples = new Float32Array(ear.fftSize);
  context.createMediaStreamSource(speaker.srcObject).connect(ear);
  setInterval(() => {
    ear.getFloatTimeDomainData(samples);
    if (samples.some(x => Math.abs(x) > 0.02)) S.loud.push(now());
  }, 20);
};
