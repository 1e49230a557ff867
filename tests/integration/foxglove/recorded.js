// recorded.js NODE_MODULES RECORDING SEEN: what a viewer saw of a run (viewer.js) is what a recording of it holds:
// the same schemas, the same encodings, the same bytes.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");

const [modules, file, seenFile] = process.argv.slice(2);
const load = (name) => require(path.join(modules, name));
const { McapStreamReader } = load("@mcap/core");
const zstd = load("@foxglove/wasm-zstd");

async function main() {
  await zstd.isLoaded;
  const reader = new McapStreamReader({
    decompressHandlers: { zstd: (data, size) => zstd.decompress(data, Number(size)) } });
  reader.append(fs.readFileSync(file));
  const schemas = new Map(), channels = new Map(), messages = new Map();
  for (let r; (r = reader.nextRecord()); ) {
    if (r.type === "Schema") schemas.set(r.id, r);
    if (r.type === "Channel") channels.set(r.id, r);
    if (r.type !== "Message") continue;
    const { topic } = channels.get(r.channelId);
    if (!messages.has(topic)) messages.set(topic, new Set());
    messages.get(topic).add(Buffer.from(r.data).toString("base64"));
  }
  let compared = 0;
  for (const [topic, seen] of Object.entries(JSON.parse(fs.readFileSync(seenFile)))) {
    const own = topic.includes("/"); // the payloads of a schema alone: a recording has the schema, and the packets
    const channel = [...channels.values()].find((c) => c.topic === topic.split("/")[0]);
    const schema = own ? [...schemas.values()].find((s) => s.name === seen.schemaName) : schemas.get(channel.schemaId);
    assert(schema, topic);
    assert.equal(seen.schemaName, schema.name, topic);
    const bytes = Buffer.from(schema.data);
    assert.equal(seen.schema, schema.encoding === "protobuf" ? bytes.toString("base64") : bytes.toString(), topic);
    if (own) continue;
    assert.equal(seen.encoding, channel.messageEncoding, topic);
    for (const m of seen.messages) assert(messages.get(topic).has(m), `${topic}: a message is not in the recording`);
    compared += seen.messages.length;
  }
  console.log(`${compared} messages are those of the recording`);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
