#include <sys/mman.h>
#include <unistd.h>

#include <cerrno>

#include "base/strings.h"
#include "bench/proxy/load.h"

namespace wrenn::bench {
namespace {

// A MiB is 2^20 bytes and a MB 10^6.
Figures rate_of(std::uint64_t bytes, base::SteadyTime begin) {
  const std::chrono::duration<double, std::micro> us = base::steady_now() - begin;
  return {{"operations", static_cast<double>(bytes)},
          {"mb_per_s", static_cast<double>(bytes) / us.count()}};
}

Result<base::Fd> sparse_file(std::uint64_t length) {
  base::Fd file(::memfd_create("upload", MFD_CLOEXEC));
  if (!file.valid() || ::ftruncate(file.get(), static_cast<off_t>(length)) != 0)
    return base::fail_errno(errno, "making a file in memory");
  return file;
}

}  // namespace

Task<Result<Figures>> download(Target target, LoadOptions options) {
  const std::uint64_t length = static_cast<std::uint64_t>(options.mib) << 20;
  WRENN_CO_TRY_ASSIGN(auto connection, co_await Connection::connect(target.endpoint));
  const auto begin = base::steady_now();
  WRENN_CO_TRY(co_await connection->stream().write_all(request_head("GET", target, "")));
  WRENN_CO_TRY_ASSIGN(const auto head, co_await expect_status(*connection, 200));
  if (head.framing != net::Framing::kLength || head.length != length) {
    co_return base::fail(base::Code::kDataLoss,
                         base::concat("the answer must have Content-Length: ", length));
  }
  WRENN_CO_TRY(co_await connection->discard(length));
  co_return rate_of(length, begin);
}

Task<Result<Figures>> upload(Target target, LoadOptions options) {
  const std::uint64_t length = static_cast<std::uint64_t>(options.mib) << 20;
  WRENN_CO_TRY_ASSIGN(const base::Fd file, sparse_file(length));
  WRENN_CO_TRY_ASSIGN(auto connection, co_await Connection::connect(target.endpoint));
  const auto begin = base::steady_now();
  WRENN_CO_TRY(co_await connection->stream().write_all(request_head(
      "POST", target,
      base::concat("Content-Type: application/octet-stream\r\nContent-Length: ", length, "\r\n"))));
  WRENN_CO_TRY(co_await connection->stream().send_file(file.get(), 0, length));
  WRENN_CO_TRY_ASSIGN(const auto head, co_await expect_status(*connection, 200));
  const Figures figures = rate_of(length, begin);
  while (connection->received().size() < head.length) WRENN_CO_TRY(co_await connection->receive());
  if (base::trim(connection->received()) != base::concat(length)) {
    co_return base::fail(base::Code::kDataLoss, base::concat("of ", length, " bytes arrived ",
                                                             base::trim(connection->received())));
  }
  co_return figures;
}

}  // namespace wrenn::bench
