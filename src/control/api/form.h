// FormReader: a form that comes with a request, field by field, in constant memory.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "control/api/errors.h"
#include "net/byte_source.h"
#include "net/multipart.h"

namespace wrenn::control {

// For one loop. `body` must outlive it.
class FormReader {
 public:
  // `max_bytes`: of the whole body; zero: no limit.
  FormReader(net::ByteSource& body, std::string_view boundary, std::uint64_t max_bytes)
      : body_(body), parser_(boundary), max_bytes_(max_bytes) {}

  // What comes next; never kNeedInput. kTooLarge past the limit, kClientGone when it is cut short.
  net::Task<Answer<net::MultipartEvent>> next();
  // The whole content of the part that has just begun.
  net::Task<Answer<std::string>> read_text(std::string_view name, std::size_t max_bytes);

 private:
  net::ByteSource& body_;
  net::MultipartParser parser_;
  const std::uint64_t max_bytes_;
  std::uint64_t read_ = 0;
  std::array<char, 64 * 1024> buffer_;
};

// The content of the part that has just begun.
class PartContent final : public net::ByteSource {
 public:
  explicit PartContent(FormReader& form) : form_(form) {}
  // Fails with kAborted only: mistake() has the reason.
  net::Task<base::Result<std::size_t>> read(std::span<char> buffer) override;

  bool finished() const { return finished_; }
  const std::optional<ApiError>& mistake() const { return mistake_; }

 private:
  FormReader& form_;
  std::string_view left_;
  bool finished_ = false;
  std::optional<ApiError> mistake_;
};

}  // namespace wrenn::control
