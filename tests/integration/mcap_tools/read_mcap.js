// read_mcap.js NODE_MODULES FILE INFO_JSON: reads FILE with @mcap/core, by its index and as a
// stream, decodes every packet by the schema inside, and compares with what `hocket record info` says.
"use strict";
const assert = require("node:assert");
const fs = require("node:fs");
const path = require("node:path");

const [modules, file, infoFile] = process.argv.slice(2);
const load = (name) => require(path.join(modules, name));
const { McapIndexedReader, McapStreamReader } = load("@mcap/core");
const zstd = load("@foxglove/wasm-zstd");
const protobuf = load("protobufjs");
const descriptor = load("protobufjs/ext/descriptor");

class Bytes {
  constructor(bytes) { this.bytes = bytes; }
  async size() { return BigInt(this.bytes.length); }
  async read(offset, length) {
    return new Uint8Array(this.bytes.subarray(Number(offset), Number(offset + length)));
  }
}

function typeOf(schema) {
  assert.equal(schema.encoding, "protobuf");
  const set = descriptor.FileDescriptorSet.decode(schema.data);
  return protobuf.Root.fromDescriptor(set).lookupType(schema.name);
}

async function main() {
  await zstd.isLoaded;
  const decompressHandlers = { zstd: (data, size) => zstd.decompress(data, Number(size)) };
  const bytes = fs.readFileSync(file);
  const info = JSON.parse(fs.readFileSync(infoFile));

  const indexed = await McapIndexedReader.Initialize({
    readable: new Bytes(bytes), decompressHandlers });
  const facts = {};
  for await (const m of indexed.readMetadata()) facts[m.name] = m.metadata;
  assert.equal(facts["hocket.recording"].get("graph_name"), "loopback");
  assert.equal(facts["hocket.verdict"].get("complete"), String(info.complete));
  let graph = "";
  for await (const a of indexed.readAttachments()) graph += Buffer.from(a.data).toString();
  assert.match(graph, /name: "loopback"/);

  const types = new Map();
  const counts = {};
  let last = -1n, messages = 0n, samples = 0;
  for await (const m of indexed.readMessages()) {
    ++messages;
    assert(m.logTime >= last, "messages come in the order of their log times");
    last = m.logTime;
    const channel = indexed.channelsById.get(m.channelId);
    if (channel.messageEncoding === "json") {
      const event = JSON.parse(Buffer.from(m.data).toString());
      assert.equal(typeof event.what, "string");
      continue;
    }
    const schema = indexed.schemasById.get(channel.schemaId);
    if (!types.has(schema.id)) types.set(schema.id, typeOf(schema));
    const p = types.get(schema.id).toObject(types.get(schema.id).decode(m.data), { longs: String });
    assert.equal(p.packet.header.session, "1");
    const mark = p.packet.control !== undefined && [1, 4, 5].includes(p.packet.control.kind);
    if (!mark) counts[channel.topic] = (counts[channel.topic] ?? 0) + 1;
    if (p.packet.audio !== undefined) {
      assert.equal(p.packet.audio.rate_hz, 16000);
      assert.equal(p.bulk.length, 1);
      assert.equal(p.bulk[0].length, Number(p.packet.audio.samples.size_bytes));
      samples += p.bulk[0].length / 4;
    }
  }
  assert.equal(messages, indexed.statistics.messageCount);
  for (const o of info.outputs) assert.equal(counts[o.name] ?? 0, o.packets, o.name);
  assert(samples > 16000, "a second of sound at least");

  const stream = new McapStreamReader({ decompressHandlers, validateCrcs: true });
  stream.append(bytes);
  let streamed = 0n, ended = false;
  for (let r; (r = stream.nextRecord()); ) {
    if (r.type === "Message") ++streamed;
    if (r.type === "Footer") ended = true;
  }
  assert(ended && stream.done());
  assert.equal(streamed, messages);
  console.log(`${path.basename(file)}: ${messages} messages, ${samples} samples, ` +
              `${indexed.chunkIndexes.length} chunks, by index and as a stream`);
}

main().catch((e) => {
  console.error(e);
  process.exit(1);
});
