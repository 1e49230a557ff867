// viewer.js NODE_MODULES URL: looks at a running graph until it has seen all that it waits for; prints what it saw.
"use strict";
const assert = require("node:assert");
const path = require("node:path");

const [modules, url] = process.argv.slice(2);
const load = (name) => require(path.join(modules, name));
const { FoxgloveClient } = load("@foxglove/ws-protocol");
const { WebSocket } = load("ws");
const protobuf = load("protobufjs");
const descriptor = load("protobufjs/ext/descriptor");

const wanted = ["mic.audio", "keys.text", "model.state", "orders.text/order", "hocket.events"];
const channels = new Map(); // by topic
const topics = new Map(); // by subscription
const seen = new Map(wanted.map((topic) => [topic, []]));
const statuses = [];
let info, graph, types = new Map();

function decoderOf(channel) {
  if (channel.encoding === "json") {
    assert.equal(channel.schemaEncoding, "jsonschema");
    assert.equal(JSON.parse(channel.schema).type, "object", channel.topic);
    return (data) => JSON.parse(Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString());
  }
  assert.equal(channel.encoding, "protobuf");
  assert.equal(channel.schemaEncoding, "protobuf");
  const set = descriptor.FileDescriptorSet.decode(Buffer.from(channel.schema, "base64"));
  const type = protobuf.Root.fromDescriptor(set).lookupType(channel.schemaName);
  return (data) => type.toObject(
      type.decode(new Uint8Array(data.buffer, data.byteOffset, data.byteLength)), { longs: String, enums: String });
}

// The packet that a channel carried.
const bulkOf = (p) => Buffer.from(p.bulk[0]);
const floats = (bytes) => Array.from({ length: bytes.length / 4 }, (_, i) => bytes.readFloatLE(4 * i));

function enough() {
  // Events come where something happens: the first ones are over.
  const least = (topic) => ({ "model.state": 3, "hocket.events": 0 })[topic] ?? 1;
  return graph && statuses.length > 0 && wanted.every((topic) => seen.get(topic).length >= least(topic));
}

function finish(client) {
  for (const { p } of seen.get("mic.audio")) {
    assert.equal(p.packet.audio.rate_hz, 16000);
    assert.equal(bulkOf(p).length, Number(p.packet.audio.samples.size_bytes));
  }
  assert(floats(bulkOf(seen.get("mic.audio")[0].p)).some((x) => Math.abs(x) > 0.1), "a tone is heard");
  assert.equal(seen.get("keys.text")[0].p.packet.text.value, "word");
  for (const { p } of seen.get("model.state")) {
    assert.deepEqual(p.packet.tensor.shape, ["8"]);
    assert(floats(bulkOf(p)).every(Number.isFinite));
  }
  const turns = seen.get("model.state").map(({ p }) => Number(p.packet.header.micro_turn));
  assert(turns.every((k, i) => i === 0 || k === turns[i - 1] + 1), `each micro-turn once: ${turns}`);
  assert.equal(seen.get("orders.text/order")[0].p.item, "tea");
  for (const { p } of seen.get("hocket.events")) assert.equal(typeof p.what, "string");
  // Times are of the clock on the wall, in order.
  for (const [topic, all] of seen)
    for (const [i, { at }] of all.entries()) {
      assert(Math.abs(Number(at / 1000000n) - Date.now()) < 3600e3, `${topic} at ${at}`);
      assert(i === 0 || at >= all[i - 1].at, topic);
    }
  assert.deepEqual(info.capabilities, ["connectionGraph"]);
  assert.equal(info.name, "hocket: watched");
  assert(graph.publishedTopics.some((t) => t.name === "mic.audio" && t.publisherIds.join() === "mic"));
  assert(graph.subscribedTopics.some((t) => t.name === "mic.audio" && t.subscriberIds.join() === "ears"));
  assert(statuses.some((s) => s.level === 2 && s.message.includes("takes no messages")), JSON.stringify(statuses));
  const out = {};
  for (const [topic, all] of seen) {
    const { schema, schemaName, encoding } = channels.get(topic);
    out[topic] = { schema, schemaName, encoding, messages: all.map(({ raw }) => raw) };
  }
  process.stdout.write(JSON.stringify(out) + "\n");
  client.close();
  process.exit(0);
}

const client = new FoxgloveClient({ ws: new WebSocket(url, [FoxgloveClient.SUPPORTED_SUBPROTOCOL]) });
client.on("error", (e) => { console.error(e); process.exit(1); });
client.on("close", () => { console.error("closed too early"); process.exit(1); });
client.on("serverInfo", (event) => { info = event; });
client.on("status", (event) => { statuses.push(event); if (enough()) finish(client); });
client.on("connectionGraphUpdate", (event) => { graph = event; });
client.on("advertise", (all) => {
  for (const channel of all) {
    channels.set(channel.topic, channel);
    if (!wanted.includes(channel.topic)) continue;
    types.set(channel.topic, decoderOf(channel));
    topics.set(client.subscribe(channel.id), channel.topic);
  }
  if (wanted.every((topic) => channels.has(topic)) && !graph) {
    client.subscribeConnectionGraph();
    client.sendMessage(1, new Uint8Array([1, 2, 3])); // a viewer says nothing to a graph
    process.stderr.write("subscribed\n");
  }
});
client.on("message", ({ subscriptionId, timestamp, data }) => {
  const topic = topics.get(subscriptionId);
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  seen.get(topic).push({ at: timestamp, p: types.get(topic)(data), raw: bytes.toString("base64") });
  if (enough()) finish(client);
});
