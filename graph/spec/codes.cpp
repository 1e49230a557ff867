#include "graph/spec/codes.hpp"

namespace hocket::spec {
namespace {

constexpr code_doc codes[] = {
    {"yaml.syntax", "the text is no YAML"},
    {"yaml.duplicate-key", "a key stands twice in the same map"},
    {"yaml.number", "digits that YAML 1.1 and 1.2 read as different numbers"},
    {"yaml.unsupported", "tags, merge keys, several documents, keys that are no words"},
    {"yaml.limit", "the file, or what it expands to, is larger or deeper than a graph may be"},

    {"config.unknown-key", "a key that nobody reads"},
    {"config.missing-key", "a required key is missing"},
    {"config.type", "a value of the wrong type"},
    {"config.unit", "a number that carries its unit with it"},
    {"config.range", "a number outside its range"},
    {"config.choice", "a word that is not among the valid ones"},

    {"graph.version", "the schema version is missing or not known"},
    {"graph.empty", "a file without anything in it"},
    {"graph.no-actors", "the graph has no actors"},
    {"graph.too-large", "more actors or links than a graph may have"},
    {"name.bad", "a name that is no lower-case word, or is taken"},

    {"param.declaration", "a parameter whose default contradicts its type"},
    {"param.missing", "a parameter without default is not given"},
    {"param.unknown", "a given parameter is not declared"},
    {"param.type", "a parameter's value does not fit its declaration"},
    {"reference.syntax", "`${…}` that is no reference"},
    {"reference.unknown-param", "`${param:…}` of a parameter that is not declared"},
    {"reference.env", "`${env:…}` of a variable that is not set"},
    {"set.syntax", "a setting that does not read path=value"},
    {"set.path", "a setting whose path leads nowhere"},

    {"include.file", "an included file cannot be read"},
    {"include.cycle", "a file includes itself"},
    {"include.top-only", "an included file has keys that only the top file may have"},
    {"include.not-alone", "a part of a graph is run as a graph"},
    {"include.unknown-input", "an input that the included file does not declare"},
    {"include.missing-input", "a required input of an included file is not connected"},

    {"actor.no-component", "an actor without `component`"},
    {"actor.unknown-component", "no component is registered under this name"},
    {"actor.policy-unsupported", "an input policy that the component does not support"},
    {"actor.unknown-tool", "no tool is registered under this name"},
    {"actor.unknown-part", "no planner or tool source is registered under this name"},
    {"actor.unreachable", "no path from a source leads to the actor"},

    {"payload.schema", "a schema that cannot be read, or cannot be judged by"},
    {"payload.unknown", "`payloads` names a port or a schema that does not exist"},
    {"payload.kind", "a port of a kind that cannot carry the schema"},

    {"link.syntax", "a link that does not read actor.port"},
    {"link.unknown-actor", "a link from an actor that does not exist"},
    {"link.unknown-output", "a link from an output that does not exist"},
    {"link.unknown-input", "a link to an input that does not exist"},
    {"link.missing-input", "a required input is not connected"},
    {"link.type-mismatch", "an output cannot feed an input"},
    {"link.payload", "an input of a named schema is fed by an output of another one"},
    {"link.duplicate", "the same output feeds the same input twice"},
    {"link.queue", "queue settings that contradict each other"},
    {"link.cycle", "a cycle that no back edge declares"},
    {"link.unheard-requests", "delegations that nobody works on", severity::warning},
    {"link.useless-back-edge", "a back edge that closes no cycle", severity::warning},

    {"restart.backoff", "a back-off that begins above its maximum"},

    {"output.same-file", "two actors of a host write the same file"},

    {"host.missing-on", "the graph has hosts, but an actor names none"},
    {"host.unknown", "no host has this name"},
    {"host.bad-address", "a listen address that does not read tcp://address:port"},
    {"host.address-taken", "two hosts whose ports overlap"},
    {"host.mixed-keys", "one host has a key and another has none"},
    {"host.insecure", "plaintext beyond this machine without saying so"},
    {"host.plaintext", "plaintext beyond this machine, as the graph wants it", severity::warning},
    {"host.unused", "no actor runs on a host", severity::warning},

    {"replicas.scope", "replicas of an actor of which there is one per conversation"},
    {"replicas.hosts", "more hosts than replicas"},

    {"alert.unknown", "a rule over something that the graph does not have"},
    {"alert.replicas", "a rule over what the replicas of an actor count on several hosts"},
    {"alert.other-host", "a rule over what is counted on another host"},
    {"budget.unknown-actor", "a budget over an actor that does not exist"},
    {"budget.path", "a budget whose path is too short or not connected"},
    {"budget.too-short", "a budget shorter than the latencies its actors declare"},
};

constexpr code_doc of_rewires[] = {
    {"rewire.other-graph", "the new file has another name"},
    {"rewire.clock", "another length of the micro-turn"},
    {"rewire.hosts", "hosts that come, go, or change address or key"},
    {"rewire.no-process", "an actor on a host on which nothing runs"},
    {"rewire.idle-host", "a host without an actor left"},
    {"rewire.leader", "the first source is on another host"},
    {"rewire.replicas", "another number of replicas"},
    {"rewire.moved", "a replica that would change its host"},
    {"rewire.move-alone",
     "an actor that moves while another, or a link, that feeds it changes, too"},
    {"rewire.crossing", "two links between hosts whose numbers on the wire fall together"},
    {"rewire.worn-out", "numbers of actors are used up"},
};

}  // namespace

std::span<const code_doc> all_codes() { return codes; }
std::span<const code_doc> rewire_codes() { return of_rewires; }

}  // namespace hocket::spec
