#include "db/layer_store.h"

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::concat;
using base::Result;

// In the order that read_layers() takes.
constexpr std::string_view kColumns =
    "id, team_id, cache_key, host_id, vcpus, memory_mb, disk_mb, size_bytes, created_at, used_at";

std::vector<Layer> read_layers(const std::vector<Row>& rows) {
  std::vector<Layer> layers;
  for (const Row& row : rows) {
    layers.push_back({.id = row.text(0),
                      .team_id = row.text(1),
                      .cache_key = row.text(2),
                      .host_id = row.text(3),
                      .vcpus = static_cast<int>(row.integer(4)),
                      .memory_mb = static_cast<int>(row.integer(5)),
                      .disk_mb = static_cast<int>(row.integer(6)),
                      .size_bytes = row.integer(7),
                      .created_at = row.integer(8),
                      .used_at = row.integer(9)});
  }
  return layers;
}

// No key of a step, and another one for each.
constexpr std::string_view kDiscard =
    "UPDATE build_layers SET cache_key = 'discarded ' || id, used_at = 0 WHERE ";

}  // namespace

Result<void> LayerStore::put(const Layer& layer) {
  Session session = database_.write();
  WRENN_TRY_ASSIGN(Transaction transaction, Transaction::begin(session));
  WRENN_TRY(session.execute(concat(kDiscard, "team_id = $1 AND cache_key = $2 AND host_id = $3"),
                            {layer.team_id, layer.cache_key, layer.host_id}));
  WRENN_TRY(session.execute(
      concat("INSERT INTO build_layers (", kColumns,
             ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9) "
             // Of two who do the same at once, one is too late.
             "ON CONFLICT (team_id, cache_key, host_id) DO UPDATE SET used_at = excluded.used_at"),
      {layer.id, layer.team_id, layer.cache_key, layer.host_id, std::int64_t{layer.vcpus},
       std::int64_t{layer.memory_mb}, std::int64_t{layer.disk_mb}, layer.size_bytes, clock_()}));
  return transaction.commit();
}

Result<void> LayerStore::discard(std::string_view id) {
  WRENN_TRY(database_.write().execute(concat(kDiscard, "id = $1"), {std::string(id)}));
  return {};
}

Result<std::vector<Layer>> LayerStore::find(std::string_view team_id,
                                            const std::vector<std::string>& keys) {
  if (keys.empty()) return std::vector<Layer>();
  std::vector<Value> args = {std::string(team_id)};
  std::vector<std::string> places;
  for (const std::string& key : keys) {
    args.emplace_back(key);
    places.push_back(concat("$", args.size()));
  }
  WRENN_TRY_ASSIGN(const auto rows,
                   database_.read().query(
                       concat("SELECT ", kColumns, " FROM build_layers WHERE team_id = $1 AND ",
                              "cache_key IN (", base::join(places, ", "), ")"),
                       args));
  return read_layers(rows);
}

Result<bool> LayerStore::touch(std::string_view id) {
  WRENN_TRY_ASSIGN(const std::int64_t changed,
                   database_.write().execute("UPDATE build_layers SET used_at = $2 WHERE id = $1",
                                             {std::string(id), clock_()}));
  return changed == 1;
}

Result<void> LayerStore::remove(std::string_view id) {
  WRENN_TRY(database_.write().execute("DELETE FROM build_layers WHERE id = $1", {std::string(id)}));
  return {};
}

Result<std::vector<Layer>> LayerStore::list_unused(std::int64_t before, int limit) {
  WRENN_TRY_ASSIGN(
      const auto rows,
      database_.read().query(concat("SELECT ", kColumns, " FROM build_layers WHERE used_at < $1 ",
                                    "ORDER BY used_at LIMIT $2"),
                             {before, std::int64_t{limit}}));
  return read_layers(rows);
}

}  // namespace wrenn::db
