#include "control/builds/build_log.h"

#include "base/strings.h"
#include "control/api/output_messages.h"

namespace wrenn::control {

using net::Task;

void BuildLog::add(int step, std::string_view kind, std::string text) {
  waiting_bytes_ += text.size();
  // What one command says in a moment is one line.
  if (!waiting_.empty() && waiting_.back().step == step && waiting_.back().kind == kind &&
      kind.starts_with("std")) {
    waiting_.back().text += text;
    return;
  }
  waiting_.push_back({.step = step, .kind = std::string(kind), .text = std::move(text)});
}

void BuildLog::say(int step, std::string_view kind, std::string text) {
  // Nothing more comes of a step that is over.
  while (true) {
    const auto cut = cut_.lower_bound({step, std::string()});
    if (cut == cut_.end() || cut->first.first != step) break;
    add(step, cut->first.second, base::to_valid_utf8(cut->second));
    cut_.erase(cut);
  }
  add(step, kind, base::to_valid_utf8(text));
}

Task<base::Result<void>> BuildLog::output(int step, std::string_view kind, std::string_view bytes) {
  std::string& cut = cut_[{step, std::string(kind)}];
  const std::string joined = base::concat(std::exchange(cut, {}), bytes);
  const std::size_t unfinished = unfinished_character(joined);
  cut = joined.substr(joined.size() - unfinished);
  if (cut.empty()) cut_.erase({step, std::string(kind)});
  const std::string_view whole = std::string_view(joined).substr(0, joined.size() - unfinished);
  if (!whole.empty()) add(step, kind, base::to_valid_utf8(whole));
  if (waiting_bytes_ > kMaxWaiting) co_return co_await flush();
  co_return {};
}

Task<base::Result<void>> BuildLog::flush() {
  // In turn: the numbers of lines are those of the order in which they are written.
  WRENN_CO_TRY_ASSIGN(const auto turn, co_await writing_.lock());
  if (waiting_.empty()) co_return {};
  auto lines = std::exchange(waiting_, {});
  waiting_bytes_ = 0;
  co_return co_await pool_.run([&] { return store_.append_log(build_id_, std::move(lines)); });
}

}  // namespace wrenn::control
