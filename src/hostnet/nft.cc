#include "hostnet/nft.h"

#include <memory>
#include <mutex>

#include <nftables/libnftables.h>

#include "base/strings.h"

namespace wrenn::hostnet {
namespace {

struct ContextDeleter {
  void operator()(nft_ctx* context) const { nft_ctx_free(context); }
};

// libnftables keeps the list of interfaces and the state of its parser in variables of its own.
std::mutex& library_lock() {
  static std::mutex mutex;
  return mutex;
}

}  // namespace

base::Result<std::string> run_nft(const std::string& commands, NftOutput output) {
  const std::lock_guard lock(library_lock());
  const std::unique_ptr<nft_ctx, ContextDeleter> context(nft_ctx_new(NFT_CTX_DEFAULT));
  if (!context || nft_ctx_buffer_output(context.get()) != 0 ||
      nft_ctx_buffer_error(context.get()) != 0) {
    return base::fail(base::Code::kInternal, "cannot start libnftables");
  }
  if (output == NftOutput::kJson) {
    nft_ctx_output_set_flags(context.get(), NFT_CTX_OUTPUT_JSON | NFT_CTX_OUTPUT_NUMERIC_PROTO);
  }
  if (nft_run_cmd_from_buffer(context.get(), commands.c_str()) != 0) {
    const char* text = nft_ctx_get_error_buffer(context.get());
    return base::fail(base::Code::kInternal,
                      base::concat("nftables refused its rules: ",
                                   base::trim(text != nullptr ? text : "no reason given")),
                      "check that the kernel has nf_tables, nft_nat and nft_fib");
  }
  const char* printed = nft_ctx_get_output_buffer(context.get());
  return std::string(printed != nullptr ? printed : "");
}

}  // namespace wrenn::hostnet
