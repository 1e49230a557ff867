// The words of the nano model's world.
#pragma once

#include <string>
#include <vector>

#include "engine/text/vocabulary.hpp"

namespace hocket::scenarios {

/// Every word that a person or the model says in the synthetic conversations.
const engine::vocabulary& nano_vocabulary();

const std::vector<std::string>& city_words();
const std::vector<std::string>& weather_words();
const std::vector<std::string>& color_words();
const std::vector<std::string>& plain_words();    ///< nouns that are no colours
const std::vector<std::string>& name_words();     ///< people who are not the model
const std::vector<std::string>& spanish_words();  ///< uno .. diez, for 1 .. 10 at index 0 .. 9

struct exchange {
  std::string person, model;
};
const std::vector<exchange>& small_talk();

const std::vector<std::string>& shape_words();
/// What the model says when it is told to tell about something: person "dog", model the sentence.
const std::vector<exchange>& sentences_about();
/// Requests that are refused, and near ones that are answered.
const std::vector<std::string>& disallowed_requests();
const std::vector<exchange>& allowed_requests();
inline constexpr const char* refusal = "sorry i can't help with that";

}  // namespace hocket::scenarios
