#include "agent/storage_choice.h"

#include "base/strings.h"

namespace wrenn::agent {
namespace {

using base::Code;
using base::concat;
using base::Result;
using storage::CowBackend;

base::Error refused(CowBackend wanted, std::string_view why, std::string remedy) {
  return {Code::kFailedPrecondition,
          concat("storage '", storage::backend_name(wanted), "' was asked for: ", why),
          std::move(remedy)};
}

std::string explain(CowBackend backend, const StorageFacts& facts) {
  switch (backend) {
    case CowBackend::kDmSnapshot:
      return "device-mapper lays what each sandbox writes over its image (dm-snapshot)";
    case CowBackend::kQcow2Overlay:
      return "every disk is a qcow2 overlay over its image";
    case CowBackend::kReflink:
    case CowBackend::kSparseCopy:
      break;
  }
  return facts.files.explanation;
}

Result<StorageChoice> choose_wish(CowBackend wish, const StorageFacts& facts, DiskNeed need) {
  if (wish == CowBackend::kReflink && facts.files.backend != CowBackend::kReflink) {
    return base::fail(refused(wish, facts.files.explanation,
                              "put $WRENN_DIR on XFS or btrfs, or leave the choice to the agent"));
  }
  if (wish == CowBackend::kDmSnapshot && !facts.why_no_snapshots.empty()) {
    return base::fail(refused(wish, facts.why_no_snapshots, facts.remedy));
  }
  if (wish == CowBackend::kQcow2Overlay && need == DiskNeed::kRaw) {
    return base::fail(refused(wish, "Firecracker's disks are raw", "use reflink or dm-snapshot"));
  }
  return StorageChoice{wish, concat(explain(wish, facts), ", as was asked for")};
}

}  // namespace

Result<StorageChoice> choose_storage(const StorageWish& wish, const StorageFacts& facts,
                                     DiskNeed need) {
  if (wish) return choose_wish(*wish, facts, need);
  const auto chosen = [&facts](CowBackend backend) {
    return StorageChoice{backend, explain(backend, facts)};
  };
  if (facts.files.backend == CowBackend::kReflink) return chosen(CowBackend::kReflink);
  if (need == DiskNeed::kAny) return chosen(CowBackend::kQcow2Overlay);
  if (facts.why_no_snapshots.empty()) return chosen(CowBackend::kDmSnapshot);
  return base::fail(Code::kFailedPrecondition,
                    concat("the file system of $WRENN_DIR does not share blocks between files, and "
                           "there is no dm-snapshot: ",
                           facts.why_no_snapshots),
                    facts.remedy);
}

}  // namespace wrenn::agent
