// What a graph may say of gateway.door.
#include "actors/gateway/door/gateway.hpp"

namespace hocket::gateway {

void gateway::config::visit(config_visitor& v) {
  v.field({.name = "listen", .doc = "where clients connect; port 0 is any that is free"}, listen);
  v.field({.name = "beyond_loopback", .doc = "other machines may connect; needs keys and TLS"},
          beyond_loopback);
  v.field({.name = "key_env",
           .doc = "environment variable with the keys that are let in, with commas between"},
          key_env);
  v.field({.name = "keys_file", .doc = "file of hashed keys, as `hocket keys --api` writes it"},
          keys_file);
  v.field(
      {.name = "names", .doc = "host names that it answers to besides loopback's and its address"},
      names);
  v.field({.name = "tls", .doc = "speak TLS too, at the same port"}, tls);
  v.field({.name = "certificate",
           .doc = "PEM file; empty: one is made at start (gateway.pem in the output folder)"},
          certificate);
  v.field({.name = "private_key", .doc = "PEM file of the certificate's key"}, private_key);
  v.field({.name = "page", .doc = "serve the page that people talk with"}, page);
  v.field({.name = "page_texts",
           .doc = "JSON file with the page's disclosure, consent and notices; empty: its own"},
          page_texts);
  v.field({.name = "show_graph", .doc = "clients may see the graph and how it runs"}, show_graph);
  v.field(
      {.name = "edit",
       .doc =
           "the page may change the running graph, for keys whose line says `edit` alone, on this "
           "machine too. Who may do that may do what the user of this process may"},
      edit);
  v.field({.name = "edit_key",
           .doc = "`sha256:HEX` of one more key that may edit; `hocket serve --edit` makes one for "
                  "the run where it is given no key file"},
          edit_key);
  v.field({.name = "training",
           .doc = "folder of a run that trains, shown by the page as `hocket train show` shows it; "
                  "empty: none",
           .is_path = true},
          training);
  v.field({.name = "max_sessions", .doc = "conversations at once", .min = 1, .max = 10000},
          max_sessions);
  v.field(
      {.name = "sessions_per_key",
       .doc =
           "conversations at once of one key, or without keys of one address; 0: all, or half of "
           "them where there are several keys",
       .min = 0,
       .max = 10000},
      sessions_per_key);
  v.field({.name = "starts_per_minute",
           .doc = "conversations that one key, or without keys one address, may begin in a minute; "
                  "behind a proxy all people are one address",
           .min = 1,
           .max = 100000},
          starts_per_minute);
  v.field({.name = "session_limit_s",
           .doc = "the longest conversation",
           .unit = "s",
           .min = 1,
           .max = 86400},
          session_limit_s);
  v.field({.name = "idle_limit_s",
           .doc = "the longest without a message of the client",
           .unit = "s",
           .min = 1,
           .max = 86400},
          idle_limit_s);
  v.field({.name = "resume_s",
           .doc = "how long a conversation waits for a client whose connection broke",
           .unit = "s",
           .min = 0,
           .max = 3600},
          resume_s);
  v.field({.name = "lost_s",
           .doc = "how long a conversation waits for a model that is gone (its host died, it "
                  "restarts); then it ends, and its client is told why",
           .unit = "s",
           .min = 1,
           .max = 3600},
          lost_s);
  v.field({.name = "calls",
           .doc = "take calls (WebRTC), for Realtime's clients in browsers, the page and WHIP"},
          calls);
  v.field({.name = "call_addresses",
           .doc = "addresses where calls come in; empty: those of loopback where `listen` is one, "
                  "else all of this machine"},
          call_addresses);
  v.field({.name = "stun",
           .doc = "host:port of a STUN server, which tells callers the address of a NAT before "
                  "this machine; empty: none is asked"},
          stun);
  v.field({.name = "turn",
           .doc = "host:port of a TURN server, which passes on the calls of who cannot reach this "
                  "machine by UDP; `turns://host:port`: by TLS; empty: none"},
          turn);
  v.field({.name = "turn_user", .doc = "the name that the TURN server knows this gateway by"},
          turn_user);
  v.field({.name = "turn_key_env", .doc = "variable that holds the TURN server's password"},
          turn_key_env);
  v.field({.name = "pictures_per_s",
           .doc = "what a client shows is given on so often: repeated, or left out",
           .unit = "1/s",
           .min = 0.1,
           .max = 30},
          pictures_per_s);
  v.field({.name = "picture_ms",
           .doc = "so long a picture that no newer one follows is what the client shows",
           .unit = "ms",
           .min = 100,
           .max = 60000},
          picture_ms);
}

}  // namespace hocket::gateway
