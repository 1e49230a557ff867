// `hocket train show`.
#pragma once

#include <string>

namespace hocket::cli {

struct show_options {
  std::string folder, out;
  bool json = false;
};
/// What a run of trainer.labelled_talk, or of `train lora`, came to: figures and a picture.
int run_train_show(const show_options&);

}  // namespace hocket::cli
