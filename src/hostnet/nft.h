// Packet filter rules, through libnftables in this process.
#pragma once

#include <string>

#include "base/result.h"

namespace wrenn::hostnet {

// kJson: with protocols as numbers.
enum class NftOutput { kText, kJson };

// Applies a text in nft's own language as one transaction in the network namespace of the calling
// thread, and returns what it prints. Thread-safe.
base::Result<std::string> run_nft(const std::string& commands, NftOutput output = NftOutput::kText);

}  // namespace wrenn::hostnet
