// The graph and a run that trains, for who does not talk, too: asked every two seconds, while somebody looks.

/** The key of an address like `…/#key=KEY`; it goes from there, so that who passes the address on passes no key. */
export function keyOfAddress() {
  const key = new URLSearchParams(location.hash.slice(1)).get("key") ?? "";
  if (key) history.replaceState(null, "", location.pathname + location.search);
  return key;
}

/** `facts`, `key` and `talks` are functions. Gives `readGraph`: the graph file, once more. */
export function lookAround({ facts, key, talks, graph, training }) {
  const look = async (path) => {
    const answer = await fetch(path, key() ? { headers: { Authorization: "Bearer " + key() } } : {});
    if (!answer.ok) throw new Error(String(answer.status));
    return answer;
  };
  const mayAsk = () => !document.hidden && !(facts().needs_key && !key());
  const readGraph = async () => {
    if (!facts().shows_graph || !mayAsk()) return;
    try {
      graph.file(await (await look("/v1/hocket/graph")).text());
      await once();
    } catch { /* the key is not known: nothing is shown */ }
  };
  const once = async () => {
    if (!mayAsk()) return;
    try {
      if (facts().shows_graph && !talks()) graph.show(await (await look("/v1/hocket/graph/status")).json());
      if (facts().shows_graph && graph.chosen) graph.events = (await (await look("/v1/hocket/graph/events")).json()).events;
      if (facts().training) training.show(await (await look("/v1/hocket/training")).json());
    } catch { /* tried again */ }
  };
  setInterval(once, 2000);
  return { readGraph };
}
