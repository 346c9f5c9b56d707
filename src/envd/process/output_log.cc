#include "envd/process/output_log.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace wrenn::envd {

using net::Task;
using net::Woken;

namespace {

constexpr std::size_t kMinChunk = 128;
constexpr std::size_t kMinRead = 4096;
// From this size on a chunk is made as large as what comes, or much of it would stay empty.
constexpr std::size_t kLargePiece = 8 * 1024;

}  // namespace

std::size_t OutputBudget::share() const {
  if (!is_short_) return kKeptOutput;
  // Half, so that there is room for what those keep whose readers are behind.
  return std::min(kKeptOutput, max_ / 2 / std::max<std::size_t>(open_.size(), 1));
}

void OutputBudget::give_back(std::size_t bytes) {
  used_ -= bytes;
  if (used_ < max_) mark_ = max_;
  if (used_ < max_ / 4) is_short_ = false;
}

void OutputBudget::relieve_if_needed() {
  if (used_ <= mark_) return;
  for (OutputLog* log : closed_) {
    if (used_ <= max_ / 4 * 3) break;
    log->cut_to(0);
  }
  if (used_ > max_) {
    is_short_ = true;
    for (OutputLog* log : open_) log->cut_to(share());
  }
  mark_ = std::max(max_, used_ + max_ / 8);
}

OutputLog::OutputLog(OutputBudget& budget)
    : budget_(budget), place_(budget.open_.insert(budget.open_.end(), this)) {}

OutputLog::~OutputLog() {
  while (!chunks_.empty()) drop_front();
  (closed_ ? budget_.closed_ : budget_.open_).erase(place_);
}

Task<base::Result<std::size_t>> OutputLog::wait_room() {
  while (end_ - slowest() >= std::max(budget_.share(), kMinRead)) {
    if (co_await waiting_writers_.wait() == Woken::kStopped) {
      co_return base::fail(net::stopped_error());
    }
  }
  co_return std::clamp(budget_.share(), kMinRead, kMaxOutputPiece);
}

void OutputLog::append(OutputKind kind, std::string_view bytes) {
  Chunk& chunk = chunk_for(kind, bytes.size());
  std::memcpy(chunk.bytes.get() + chunk.size, bytes.data(), bytes.size());
  chunk.size += bytes.size();
  end_ += bytes.size();
  cut_to(budget_.share());
  budget_.relieve_if_needed();
  waiting_readers_.wake_all();
}

OutputLog::Chunk& OutputLog::chunk_for(OutputKind kind, std::size_t size) {
  std::size_t capacity = kMinChunk;
  if (!chunks_.empty() && chunks_.back()->kind == kind) {
    Chunk& last = *chunks_.back();
    if (last.capacity - last.size >= size) return last;
    capacity = std::min(last.capacity * 2, kMaxOutputPiece);
  }
  capacity = size >= kLargePiece ? size : std::max(capacity, std::bit_ceil(size));
  chunks_.push_back(std::make_shared<Chunk>(kind, end_, capacity));
  cost_ += chunks_.back()->cost();
  budget_.take(chunks_.back()->cost());
  return *chunks_.back();
}

void OutputLog::close() {
  if (closed_) return;
  closed_ = true;
  budget_.closed_.splice(budget_.closed_.end(), budget_.open_, place_);
  waiting_readers_.wake_all();
}

std::uint64_t OutputLog::slowest() const {
  std::uint64_t position = end_;
  for (const OutputReader* reader : readers_) position = std::min(position, reader->position());
  return position;
}

void OutputLog::cut_to(std::size_t bytes) {
  const std::uint64_t needed = slowest();
  while (!chunks_.empty() && chunks_.front()->end() <= needed) {
    // A full log keeps a little more than it must, a shortened one a little less. Many small
    // pieces of alternating kinds cost more than they weigh.
    const bool is_too_long =
        bytes < kKeptOutput ? end_ - begin() > bytes : end_ - chunks_.front()->end() >= bytes;
    if (!is_too_long && cost_ <= 2 * kKeptOutput) return;
    drop_front();
  }
}

void OutputLog::drop_front() {
  const std::size_t cost = chunks_.front()->cost();
  chunks_.pop_front();
  cost_ -= cost;
  budget_.give_back(cost);
}

OutputReader::OutputReader(std::shared_ptr<OutputLog> log, std::uint64_t offset)
    : log_(std::move(log)), position_(std::clamp(offset, log_->begin(), log_->end())) {
  log_->readers_.push_back(this);
}

OutputReader::~OutputReader() {
  std::erase(log_->readers_, this);
  log_->waiting_writers_.wake_all();
}

std::optional<OutputPiece> OutputReader::take() {
  if (position_ == log_->end()) return std::nullopt;
  // The last chunk that begins at or before the position.
  const auto after = std::ranges::upper_bound(log_->chunks_, position_, {},
                                              [](const auto& chunk) { return chunk->offset; });
  const auto& chunk = *std::prev(after);
  const std::size_t from = position_ - chunk->offset;
  const std::string_view bytes(chunk->bytes.get() + from, chunk->size - from);
  position_ += bytes.size();
  log_->waiting_writers_.wake_all();
  return OutputPiece{chunk->kind, bytes, chunk};
}

Task<base::Result<void>> OutputReader::wait() {
  while (position_ == log_->end() && !log_->is_closed()) {
    if (co_await log_->waiting_readers_.wait() == Woken::kStopped) {
      co_return base::fail(net::stopped_error());
    }
  }
  co_return {};
}

}  // namespace wrenn::envd
