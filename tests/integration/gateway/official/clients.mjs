// Official clients in JavaScript hold a conversation with a call of their own function and an interruption.
//   node clients.mjs NAME URL QUESTION.wav      exit status 0: it did
// NAME: openai_node, live_node, agents_node, genai_node. The first speaks TLS alone: NODE_EXTRA_CA_CERTS.
import { GoogleGenAI, Modality } from '@google/genai';
import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession, tool } from '@openai/agents/realtime';
import OpenAI from 'openai';
import { OpenAIRealtimeWS } from 'openai/realtime/ws';
import { LiveWS } from 'openai/resources/live/ws';
import { z } from 'zod';
import { isLoud, Person, sleep, spoken, until } from './person.mjs';

const timezone = { type: 'object', properties: { timezone: { type: 'string' } }, required: ['timezone'] };
const clock = { type: 'function', name: 'clock', description: 'The time in a place.', parameters: timezone };
const base64 = bytes => bytes.toString('base64'), bytesOf = text => Buffer.from(text, 'base64');

/** Asks, hears the function's result, asks again, speaks over the answer, and is answered once more. */
async function converse(person, words, { asked, answer, loud, cutAt }) {
  const life = person.live();
  await sleep(500);
  await person.say(words);
  await until(asked, 'the function is called');
  await until(() => answer().includes('fifteen'), 'its result is said');
  await sleep(1500);
  const heard = loud.length;
  await person.say(words);
  await until(() => loud.length > heard, 'an answer');
  await sleep(300);
  const over = performance.now();
  await person.say(words);
  const cut = await until(() => cutAt(over), 'the answer is interrupted');
  await until(() => loud.some(at => at > cut), 'an answer to what was said over it');
  person.isThere = false;
  await life;
}

async function openai_node(url, question) {
  const events = [], loud = [], errors = [];
  const c = new OpenAIRealtimeWS({ model: 'hocket' }, new OpenAI({ apiKey: 'none', baseURL: url + '/v1' }));
  const seen = (type, since = 0) => events.find(e => e.at >= since && e.type === type);
  c.on('error', e => errors.push(e));
  c.on('event', e => events.push({ ...e, at: performance.now() }));
  c.on('response.output_audio.delta', e => { if (isLoud(bytesOf(e.delta))) loud.push(performance.now()); });
  c.on('response.done', e => {
    for (const call of e.response.output.filter(item => item.type === 'function_call')) {
      c.send({ type: 'conversation.item.create',
               item: { type: 'function_call_output', call_id: call.call_id, output: JSON.stringify({ time: '3:15' }) } });
      c.send({ type: 'response.create' });
    }
  });
  await until(() => seen('session.created'), 'session.created');
  c.send({ type: 'session.update', session: { type: 'realtime', instructions: 'Answer in English.', tools: [clock],
                                              audio: { input: { transcription: { model: 'whisper-1' } } } } });
  await until(() => seen('session.updated'), 'session.updated');
  const person = new Person(24000, pcm => c.send({ type: 'input_audio_buffer.append', audio: base64(pcm) }));
  await converse(person, spoken(question, 24000), {
    asked: () => seen('response.function_call_arguments.done'), loud,
    answer: () => events.filter(e => e.type === 'response.output_audio_transcript.done').map(e => e.transcript).join(' '),
    cutAt: since => events.find(e => e.at >= since && e.type === 'response.done' && e.response.status === 'cancelled')?.at,
  });
  await until(() => seen('conversation.item.input_audio_transcription.completed'), 'what was asked, in words');
  c.close();
  return errors;
}

async function live_node(url, question) {
  const events = [], loud = [], errors = [];
  const c = new LiveWS(new OpenAI({ apiKey: 'none', baseURL: url + '/v1' }));
  const seen = (type, since = 0) => events.find(e => e.at >= since && e.type === type);
  c.on('error', e => errors.push(e));
  c.on('event', e => {
    events.push({ ...e, at: performance.now() });
    if (e.type === 'session.output_audio.delta' && isLoud(bytesOf(e.delta))) loud.push(performance.now());
    if (e.type !== 'response.event' || e.event.type !== 'response.output_item.done') return;
    c.send({ type: 'response.item.create', item: { type: 'function_call_output', call_id: e.event.item.call_id,
                                                   output: JSON.stringify({ time: '3:15' }) } });
    c.send({ type: 'response.create' });
  });
  await until(() => c.socket?.readyState === 1, 'a connection');
  c.send({ type: 'session.start', event_id: 'go', session: {
    model: 'hocket', instructions: 'Answer in English.', audio: { format: { type: 'audio/pcm', rate: 24000 } },
    delegation: { type: 'responses', responses: { model: 'any', tools: [clock] } } } });
  await until(() => seen('session.started'), 'session.started');
  const person = new Person(24000, pcm => c.send({ type: 'session.input_audio.append', audio: base64(pcm) }));
  // Nothing says so: the voice falls silent, and speaks again.
  const silentAt = since => [since, ...loud.filter(at => at > since)].find((at, i, all) => (all[i + 1] ?? performance.now()) > at + 450);
  await converse(person, spoken(question, 24000), {
    asked: () => events.some(e => e.type === 'response.event'), loud,
    answer: () => events.filter(e => e.type === 'session.output_transcript.delta').map(e => e.delta).join(' '),
    cutAt: silentAt,
  });
  c.send({ type: 'session.close' });
  await until(() => seen('session.closed'), 'session.closed');
  return errors;
}

async function agents_node(url, question) {
  const loud = [], asked = [], cut = [], errors = [];
  const agent = new RealtimeAgent({ name: 'somebody', instructions: 'Answer in English.', tools: [tool({
    name: 'clock', description: 'The time in a place.', parameters: z.object({ timezone: z.string() }),
    execute: async ({ timezone }) => { asked.push(timezone); return { time: '3:15' }; } })] });
  const transport = new OpenAIRealtimeWebSocket({ url: url.replace(/^http/, 'ws') + '/v1/realtime?model=hocket', useInsecureApiKey: true });
  const session = new RealtimeSession(agent, { transport, model: 'hocket', tracingDisabled: true });
  session.on('audio', e => { if (isLoud(Buffer.from(e.data))) loud.push(performance.now()); });
  session.on('audio_interrupted', () => cut.push(performance.now()));
  session.on('error', e => errors.push(e));
  const said = role => session.history.filter(i => i.type === 'message' && i.role === role)
    .flatMap(i => i.content).map(part => part.transcript ?? part.text ?? '').join(' ');
  await session.connect({ apiKey: 'none' });
  const person = new Person(24000, pcm => session.sendAudio(pcm.buffer.slice(pcm.byteOffset, pcm.byteOffset + pcm.length)));
  await converse(person, spoken(question, 24000), {
    asked: () => asked.length, loud, answer: () => said('assistant'), cutAt: since => cut.find(at => at >= since) });
  await until(() => said('user').includes('seven'), 'what was asked, in words');
  session.close();
  return errors;
}

async function genai_node(url, question) {
  const messages = [], loud = [], errors = [];
  const client = new GoogleGenAI({ apiKey: 'none', httpOptions: { baseUrl: url } });
  const session = await client.live.connect({
    model: 'hocket',
    config: { responseModalities: [Modality.AUDIO], inputAudioTranscription: {}, outputAudioTranscription: {},
              tools: [{ functionDeclarations: [{ name: clock.name, description: clock.description, parametersJsonSchema: timezone }] }] },
    callbacks: {
      onmessage: m => {
        messages.push({ ...m, at: performance.now() });
        if (m.data && isLoud(bytesOf(m.data))) loud.push(performance.now());
        if (m.toolCall) session.sendToolResponse({ functionResponses: m.toolCall.functionCalls.map(
          f => ({ id: f.id, name: f.name, response: { time: '3:15' } })) });
      },
      onerror: e => errors.push(e.message),
    },
  });
  const person = new Person(16000, pcm => session.sendRealtimeInput({ audio: { data: base64(pcm), mimeType: 'audio/pcm;rate=16000' } }));
  await converse(person, spoken(question, 16000), {
    asked: () => messages.some(m => m.toolCall), loud,
    answer: () => messages.map(m => m.serverContent?.outputTranscription?.text ?? '').join(' '),
    cutAt: since => messages.find(m => m.at >= since && m.serverContent?.interrupted)?.at,
  });
  await until(() => messages.some(m => m.serverContent?.inputTranscription?.text), 'what was asked, in words');
  session.close();
  return errors;
}

const [name, url, question] = process.argv.slice(2);
const errors = await { openai_node, live_node, agents_node, genai_node }[name](url, question);
if (errors.length) console.error(errors);
process.exit(errors.length ? 1 : 0);
