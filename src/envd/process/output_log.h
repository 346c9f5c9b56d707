// OutputLog: the last of what a command has written, shared by all who follow it.
//
// Bytes are counted from the command's start, all kinds together in the order in which they came.
// Every reader goes at its own pace. The writer waits for one that is a whole log behind, so that a
// reader loses nothing; where nobody reads, the oldest bytes fall out. For one loop; not
// thread-safe.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "net/loop.h"

namespace wrenn::envd {

enum class OutputKind : std::uint8_t { kStdout, kStderr, kPty };

inline constexpr std::size_t kKeptOutput = 1u << 20;       // Of one command, in bytes.
inline constexpr std::size_t kMaxOutputPiece = 32 * 1024;  // Of one event, in bytes.

class OutputLog;
class OutputReader;

// Bounds what all logs hold together: beyond it the logs of ended commands are emptied, the oldest
// first, and then those of running ones become shorter. Outlives its logs.
class OutputBudget {
 public:
  explicit OutputBudget(std::size_t max_bytes) : max_(max_bytes), mark_(max_bytes) {}
  OutputBudget(const OutputBudget&) = delete;
  OutputBudget& operator=(const OutputBudget&) = delete;

  std::size_t used() const { return used_; }

 private:
  friend class OutputLog;
  using Logs = std::list<OutputLog*>;

  // How much one log may keep now.
  std::size_t share() const;
  void take(std::size_t bytes) { used_ += bytes; }
  void give_back(std::size_t bytes);
  void relieve_if_needed();

  const std::size_t max_;
  std::size_t used_ = 0;
  std::size_t mark_;  // Where relief is tried next: looking at every log takes its time.
  bool is_short_ = false;
  Logs open_;
  Logs closed_;  // In the order in which they were closed.
};

class OutputLog {
 public:
  explicit OutputLog(OutputBudget& budget);
  OutputLog(const OutputLog&) = delete;
  OutputLog& operator=(const OutputLog&) = delete;
  ~OutputLog();

  // Of the oldest byte that is kept, and of the next one that will come.
  std::uint64_t begin() const { return chunks_.empty() ? end_ : chunks_.front()->offset; }
  std::uint64_t end() const { return end_; }

  // Until no reader is too far behind: how many bytes may be appended then. kCanceled when stopped.
  net::Task<base::Result<std::size_t>> wait_room();
  // At most kMaxOutputPiece at once.
  void append(OutputKind kind, std::string_view bytes);
  // Nothing will follow.
  void close();
  bool is_closed() const { return closed_; }

 private:
  friend class OutputBudget;
  friend class OutputReader;

  // Bytes once written never move, so that a reader can hold on to them while more are added.
  struct Chunk {
    Chunk(OutputKind k, std::uint64_t o, std::size_t c)
        : kind(k), offset(o), capacity(c), bytes(std::make_unique_for_overwrite<char[]>(c)) {}
    std::uint64_t end() const { return offset + size; }
    // What it takes from the budget.
    std::size_t cost() const { return capacity + kOverhead; }
    static constexpr std::size_t kOverhead = 96;

    const OutputKind kind;
    const std::uint64_t offset;
    const std::size_t capacity;
    std::size_t size = 0;
    const std::unique_ptr<char[]> bytes;
  };

  Chunk& chunk_for(OutputKind kind, std::size_t size);
  std::uint64_t slowest() const;
  void cut_to(std::size_t bytes);
  void drop_front();

  OutputBudget& budget_;
  OutputBudget::Logs::iterator place_;
  std::deque<std::shared_ptr<Chunk>> chunks_;
  std::uint64_t end_ = 0;
  std::size_t cost_ = 0;
  bool closed_ = false;
  std::vector<OutputReader*> readers_;
  net::WaitList waiting_readers_;
  net::WaitList waiting_writers_;
};

// Consecutive bytes of one kind. They stay valid as long as this object.
struct OutputPiece {
  OutputKind kind = OutputKind::kStdout;
  std::string_view bytes;
  std::shared_ptr<const void> owner;
};

// One place in a log. The log waits for it as long as it lives.
class OutputReader {
 public:
  // Begins at the oldest byte that is kept if `offset` is older.
  OutputReader(std::shared_ptr<OutputLog> log, std::uint64_t offset);
  OutputReader(const OutputReader&) = delete;
  OutputReader& operator=(const OutputReader&) = delete;
  ~OutputReader();

  std::uint64_t position() const { return position_; }
  // The next bytes, as many as fit into one event; nothing when there are none yet.
  std::optional<OutputPiece> take();
  // Until there are some, or the log is closed. kCanceled when stopped.
  net::Task<base::Result<void>> wait();

 private:
  friend class OutputLog;
  const std::shared_ptr<OutputLog> log_;
  std::uint64_t position_;
};

}  // namespace wrenn::envd
