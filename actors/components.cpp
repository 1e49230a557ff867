#include "actors/components.hpp"

#include "actors/alerts/alerts.hpp"
#include "actors/background/agent.hpp"
#include "actors/background/language/language_planner.hpp"
#include "actors/background/match_planner.hpp"
#include "actors/capture/capture.hpp"
#include "actors/console/console.hpp"
#include "actors/encoder/dmel.hpp"
#include "actors/encoder/patches.hpp"
#include "actors/gateway/door/gateway.hpp"
#include "actors/gateway/tinker_door/tinker_door.hpp"
#include "actors/gateway/tinker_door/worker_actor.hpp"
#include "actors/interaction/interaction.hpp"
#include "actors/interaction/remote/remote.hpp"
#include "actors/mcp/source.hpp"
#include "actors/openapi/source.hpp"
#include "actors/pace/pace.hpp"
#include "actors/playout/playout.hpp"
#include "actors/policy/guard.hpp"
#include "actors/policy/incident_desk.hpp"
#include "actors/policy/judge/judge.hpp"
#include "actors/record/event_record.hpp"
#include "actors/record/mcap_record.hpp"
#include "actors/record/wav_record.hpp"
#include "actors/trainer/examples_file.hpp"
#include "actors/trainer/labelled_talk.hpp"
#include "actors/trainer/listed_tools.hpp"
#include "actors/trainer/lora_trainer.hpp"
#include "actors/web/source.hpp"
#include "actors/webhook/webhook.hpp"

namespace hocket {

result<void> register_components(registry& into) {
  HOCKET_TRY(alerts::register_alerts(into));
  HOCKET_TRY(into.add(type_of<capture::capture>()));
  HOCKET_TRY(into.add(type_of<encoder::dmel>()));
  HOCKET_TRY(into.add(type_of<encoder::patches>()));
  HOCKET_TRY(into.add(type_of<interaction::interaction_model>()));
  HOCKET_TRY(into.add(type_of<remote::remote_model>()));
  HOCKET_TRY(into.add(type_of<background::agent>()));
  HOCKET_TRY(into.add(planner_of<background::match_planner>(
      "match", "Takes the first tool that knows the task by its words.")));
  HOCKET_TRY(into.add(planner_of<background::language_planner>(
      "language", "A language model decides which tools a task needs and words the answer.")));
  HOCKET_TRY(into.add(source_of<mcp::source>(
      "mcp", "The tools of an MCP server: a program, or one behind a URL.")));
  HOCKET_TRY(into.add(source_of<web::source>(
      "web", "Pages of the public web as text, and a search endpoint that the graph names.")));
  HOCKET_TRY(into.add(source_of<openapi::source>(
      "openapi", "The operations of an OpenAPI file, asked over HTTP.")));
  HOCKET_TRY(into.add(source_of<trainer::listed_tools>(
      "listed", "Tools that a file lists and that do nothing, for talks that are judged.")));
  HOCKET_TRY(into.add(type_of<tinker::tinker_door>()));
  HOCKET_TRY(into.add(type_of<tinker::engine_actor>()));
  HOCKET_TRY(into.add(type_of<tinker::sampler_actor>()));
  HOCKET_TRY(into.add(type_of<trainer::lora_trainer>()));
  HOCKET_TRY(into.add(type_of<trainer::labelled_talk>()));
  HOCKET_TRY(into.add(type_of<trainer::examples_file>()));
  HOCKET_TRY(into.add(type_of<pace::pace>()));
  HOCKET_TRY(into.add(type_of<playout::playout>()));
  HOCKET_TRY(into.add(type_of<policy::guard>()));
  HOCKET_TRY(into.add(type_of<policy::incident_desk>()));
  HOCKET_TRY(into.add(type_of<policy::judge>()));
  HOCKET_TRY(into.add(type_of<record::wav_record>()));
  HOCKET_TRY(into.add(type_of<record::event_record>()));
  HOCKET_TRY(into.add(type_of<record::mcap_record>()));
  HOCKET_TRY(into.add(type_of<webhook::sink>()));
  HOCKET_TRY(into.add(type_of<console::text_console>()));
  HOCKET_TRY(into.add(type_of<gateway::gateway>()));
  return {};
}

}  // namespace hocket
