#include "net/gzip.h"

#include <zlib.h>

#include <array>

#include "base/strings.h"

namespace wrenn::net {
namespace {

using base::Code;

constexpr std::size_t kPiece = 16 * 1024;
constexpr int kGzipWindow = 15 + 16;  // The largest window; 16 asks for the gzip form.
// As fast as it gets: what is sent here is sent once, on a fast link.
constexpr int kLevel = Z_BEST_SPEED;
constexpr int kMemoryLevel = 8;

Bytef* input_of(std::string_view bytes) {
  // zlib does not write to its input.
  return reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
}

// zlib counts in 32 bits.
uInt clip(std::size_t size) {
  return static_cast<uInt>(std::min<std::size_t>(size, 1u << 30));
}

}  // namespace

struct GzipEncoder::State {
  z_stream stream{};
  ~State() { ::deflateEnd(&stream); }

  void run(std::string_view bytes, int flush, std::string& out) {
    std::array<char, kPiece> piece;
    do {
      stream.next_in = input_of(bytes);
      stream.avail_in = clip(bytes.size());
      const std::size_t offered = stream.avail_in;
      stream.next_out = reinterpret_cast<Bytef*>(piece.data());
      stream.avail_out = piece.size();
      ::deflate(&stream, flush);
      bytes.remove_prefix(offered - stream.avail_in);
      out.append(piece.data(), piece.size() - stream.avail_out);
    } while (!bytes.empty() || stream.avail_out == 0);
  }
};

GzipEncoder::GzipEncoder() : state_(std::make_unique<State>()) {
  // Fails only without memory, which nothing here survives.
  if (::deflateInit2(&state_->stream, kLevel, Z_DEFLATED, kGzipWindow, kMemoryLevel,
                     Z_DEFAULT_STRATEGY) != Z_OK) {
    throw std::bad_alloc();
  }
}
GzipEncoder::GzipEncoder(GzipEncoder&&) noexcept = default;
GzipEncoder::~GzipEncoder() = default;

void GzipEncoder::feed(std::string_view bytes, std::string& out) {
  if (!bytes.empty()) state_->run(bytes, Z_NO_FLUSH, out);
}

void GzipEncoder::finish(std::string& out) {
  state_->run({}, Z_FINISH, out);
}

struct GzipDecoder::State {
  z_stream stream{};
  bool in_member = false;
  bool complete = false;
  ~State() { ::inflateEnd(&stream); }
};

GzipDecoder::GzipDecoder() : state_(std::make_unique<State>()) {
  if (::inflateInit2(&state_->stream, kGzipWindow) != Z_OK) throw std::bad_alloc();
}
GzipDecoder::GzipDecoder(GzipDecoder&&) noexcept = default;
GzipDecoder::~GzipDecoder() = default;

bool GzipDecoder::is_complete() const {
  return state_->complete;
}

base::Result<GzipDecoder::Step> GzipDecoder::decode(std::string_view bytes, std::span<char> out) {
  z_stream& stream = state_->stream;
  const std::string_view offered = bytes.substr(0, clip(bytes.size()));
  const std::span<char> room = out.first(clip(out.size()));
  stream.next_in = input_of(offered);
  stream.avail_in = static_cast<uInt>(offered.size());
  stream.next_out = reinterpret_cast<Bytef*>(room.data());
  stream.avail_out = static_cast<uInt>(room.size());
  while (stream.avail_in > 0 || state_->in_member) {
    if (!state_->in_member && state_->complete && ::inflateReset(&stream) != Z_OK) {
      return base::fail(Code::kInternal, "the gzip decoder cannot start again");
    }
    state_->in_member = true;
    state_->complete = false;
    const int outcome = ::inflate(&stream, Z_NO_FLUSH);
    if (outcome == Z_STREAM_END) {
      state_->in_member = false;
      state_->complete = true;
      if (stream.avail_out == 0) break;
      continue;
    }
    // No progress is possible: input or room is used up.
    if (outcome == Z_BUF_ERROR || (outcome == Z_OK && stream.avail_out == 0)) break;
    if (outcome == Z_OK && stream.avail_in > 0) continue;
    if (outcome == Z_OK) break;
    if (outcome == Z_MEM_ERROR) throw std::bad_alloc();
    const char* reason = stream.msg != nullptr ? stream.msg : "it does not begin like one";
    return base::fail(Code::kInvalidArgument, base::concat("the data is not gzip: ", reason));
  }
  return Step{offered.size() - stream.avail_in, room.size() - stream.avail_out};
}

std::string gzip(std::string_view bytes) {
  GzipEncoder encoder;
  std::string out;
  encoder.feed(bytes, out);
  encoder.finish(out);
  return out;
}

base::Result<std::string> gunzip(std::string_view bytes, std::size_t limit) {
  GzipDecoder decoder;
  std::string text;
  std::array<char, kPiece> piece;
  while (true) {
    WRENN_TRY_ASSIGN(const auto step, decoder.decode(bytes, piece));
    bytes.remove_prefix(step.consumed);
    if (text.size() + step.produced > limit) {
      return base::fail(Code::kResourceExhausted,
                        base::concat("the data is larger than ", base::human_bytes(limit)));
    }
    text.append(piece.data(), step.produced);
    if (step.consumed > 0 || step.produced > 0) continue;
    if (decoder.is_complete()) return text;
    return base::fail(Code::kInvalidArgument, "the gzip data is cut short");
  }
}

GunzipSource::GunzipSource(ByteSource& source) : source_(source), input_(kPiece, '\0') {}

Task<base::Result<std::size_t>> GunzipSource::read(std::span<char> buffer) {
  while (true) {
    const std::string_view waiting = std::string_view(input_).substr(begin_, end_ - begin_);
    WRENN_CO_TRY_ASSIGN(const auto step, decoder_.decode(waiting, buffer));
    begin_ += step.consumed;
    if (step.produced > 0) co_return step.produced;
    if (begin_ < end_) continue;
    if (ended_) {
      if (decoder_.is_complete()) co_return std::size_t{0};
      co_return base::fail(Code::kInvalidArgument, "the gzip data is cut short");
    }
    begin_ = 0;
    WRENN_CO_TRY_ASSIGN(end_, co_await source_.read(input_));
    ended_ = end_ == 0;
  }
}

}  // namespace wrenn::net
