#include "db/port_store.h"

#include <string>

namespace wrenn::db {

using base::Code;
using base::Result;

Result<void> PortStore::set(std::string_view sandbox_id, std::uint16_t port, PortAccess access) {
  const std::vector<Value> args = {std::string(sandbox_id), std::int64_t{port}};
  if (access == PortAccess::kPrivate) {
    WRENN_TRY(database_.write().execute(
        "DELETE FROM public_ports WHERE sandbox_id = $1 AND port = $2", args));
    return {};
  }
  // Selecting from sandboxes makes it one step: no row is left behind by one that ends meanwhile.
  // A row that is there already counts as written.
  WRENN_TRY_ASSIGN(const std::int64_t written,
                   database_.write().execute(
                       "INSERT INTO public_ports (sandbox_id, port) SELECT id, $2 FROM sandboxes "
                       "WHERE id = $1 AND status NOT IN ('stopped', 'error') "
                       "ON CONFLICT (sandbox_id, port) DO UPDATE SET port = excluded.port",
                       args));
  if (written == 0) return base::fail(Code::kNotFound, "sandbox not found");
  return {};
}

Result<bool> PortStore::is_public(std::string_view sandbox_id, std::uint16_t port) {
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query("SELECT 1 FROM public_ports "
                                          "WHERE sandbox_id = $1 AND port = $2",
                                          {std::string(sandbox_id), std::int64_t{port}}));
  return !rows.empty();
}

Result<std::vector<std::uint16_t>> PortStore::list(std::string_view sandbox_id) {
  WRENN_TRY_ASSIGN(const auto rows, database_.read().query("SELECT port FROM public_ports "
                                                           "WHERE sandbox_id = $1 ORDER BY port",
                                                           {std::string(sandbox_id)}));
  std::vector<std::uint16_t> ports;
  ports.reserve(rows.size());
  for (const auto& row : rows) ports.push_back(static_cast<std::uint16_t>(row.integer(0)));
  return ports;
}

}  // namespace wrenn::db
