#include "db/postgres.h"

#include <poll.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <map>
#include <string>

#include <libpq-fe.h>

#include "base/strings.h"

namespace wrenn::db {
namespace {

using base::Code;
using base::concat;
using base::Result;

constexpr std::size_t kMaxPrepared = 256;
// What a transaction of one kind holds, so that there is one of them at a time.
constexpr const char* kBegin = "BEGIN; SELECT pg_advisory_xact_lock(20583, 1)";
constexpr const char* kBeginUnsynced =
    "BEGIN; SET LOCAL synchronous_commit TO off; SELECT pg_advisory_xact_lock(20583, 1)";
constexpr const char* kBeginExclusive = "BEGIN; SELECT pg_advisory_xact_lock(20583, 2)";
// https://www.postgresql.org/docs/15/runtime-config-client.html
constexpr const char* kWriteOptions =
    "-c statement_timeout=30000 -c lock_timeout=5000 -c idle_in_transaction_session_timeout=60000";
constexpr const char* kReadOptions =
    "-c statement_timeout=30000 -c default_transaction_read_only=on";

// https://www.postgresql.org/docs/15/errcodes-appendix.html
Code code_of(std::string_view state) {
  if (state == "23505") return Code::kAlreadyExists;
  if (state.starts_with("23")) return Code::kFailedPrecondition;
  if (state == "3D000") return Code::kNotFound;
  if (state == "25006" || state == "42501" || state.starts_with("28")) {
    return Code::kPermissionDenied;
  }
  if (state == "53300") return Code::kUnavailable;  // Too many connections.
  if (state.starts_with("53")) return Code::kResourceExhausted;
  if (state.starts_with("XX001") || state.starts_with("XX002")) return Code::kDataLoss;
  const bool may_pass = state.empty() || state.starts_with("08") || state.starts_with("40") ||
                        state.starts_with("57") || state == "55P03" || state == "25P03";
  return may_pass ? Code::kUnavailable : Code::kInternal;
}

const char* begin_text(TransactionKind kind) {
  switch (kind) {
    case TransactionKind::kExclusive:
      return kBeginExclusive;
    case TransactionKind::kUnsynced:
      return kBeginUnsynced;
    case TransactionKind::kImmediate:
      break;
  }
  return kBegin;
}

struct CloseConnection {
  void operator()(PGconn* handle) const { PQfinish(handle); }
};
struct ClearResult {
  void operator()(PGresult* result) const { PQclear(result); }
};
using Handle = std::unique_ptr<PGconn, CloseConnection>;
using Answer = std::unique_ptr<PGresult, ClearResult>;

Value column(const PGresult& result, int row, int index) {
  if (PQgetisnull(&result, row, index) != 0) return {};
  // https://github.com/postgres/postgres/blob/REL_15_STABLE/src/include/catalog/pg_type.dat
  constexpr std::array<Oid, 5> kNumbers = {20, 21, 23, 26, 1700};  // Of these, sums are numeric.
  const std::string_view text(PQgetvalue(&result, row, index),
                              static_cast<std::size_t>(PQgetlength(&result, row, index)));
  const Oid type = PQftype(&result, index);
  if (type == 16) return std::int64_t{text == "t"};
  if (std::ranges::find(kNumbers, type) != kNumbers.end()) {
    std::int64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error == std::errc() && end == text.data() + text.size()) return number;
  }
  return std::string(text);
}

class PostgresConnection final : public Connection {
 public:
  PostgresConnection(const base::Secret& url, Access access)
      : url_(std::string(url.reveal())), access_(access) {}

  Result<void> connect() {
    prepared_.clear();
    handle_.reset();
    // What the address says comes later and goes before. The last is for those who talk to it.
    const std::array<const char*, 8> names = {
        "connect_timeout", "keepalives_idle", "tcp_user_timeout", "application_name",
        "options",         "dbname",          "client_encoding",  nullptr};
    const std::array<const char*, 8> values = {
        "5",
        "30",
        "10000",
        "wrenn-cp",
        access_ == Access::kRead ? kReadOptions : kWriteOptions,
        url_.reveal().data(),
        "UTF8",
        nullptr};
    handle_.reset(PQconnectdbParams(names.data(), values.data(), 1));
    if (!handle_) return base::fail(Code::kResourceExhausted, "out of memory");
    if (PQstatus(handle_.get()) == CONNECTION_OK) {
      PQsetNoticeProcessor(handle_.get(), [](void*, const char*) {}, nullptr);
      return {};
    }
    const std::string message = concat("database: ", base::trim(PQerrorMessage(handle_.get())));
    handle_.reset();
    return base::fail(Code::kUnavailable, message,
                      "is PostgreSQL running, and its address (WRENN_DATABASE_URL) right?");
  }

  Result<std::int64_t> run(std::string_view sql, const std::vector<Value>& args,
                           std::vector<Row>* rows) override {
    WRENN_TRY(ensure_connected());
    WRENN_TRY_ASSIGN(const std::string name, prepare(sql));
    std::vector<std::string> numbers(args.size());
    std::vector<const char*> values(args.size());
    for (std::size_t i = 0; i < args.size(); ++i) {
      if (const auto* number = std::get_if<std::int64_t>(&args[i])) {
        numbers[i] = std::to_string(*number);
        values[i] = numbers[i].c_str();
      } else if (const auto* text = std::get_if<std::string>(&args[i])) {
        if (text->find('\0') != std::string::npos) {
          return base::fail(Code::kInvalidArgument, "a text has a NUL, which cannot be stored");
        }
        values[i] = text->c_str();
      }
    }
    const Answer answer(PQexecPrepared(handle_.get(), name.c_str(), static_cast<int>(args.size()),
                                       values.data(), nullptr, nullptr, 0));
    WRENN_TRY(check(answer.get()));
    for (int row = 0; rows != nullptr && row < PQntuples(answer.get()); ++row) {
      std::vector<Value> columns;
      for (int i = 0; i < PQnfields(answer.get()); ++i) {
        columns.push_back(column(*answer, row, i));
      }
      rows->emplace_back(std::move(columns));
    }
    // Of a SELECT it is what it found.
    const bool is_select = std::string_view(PQcmdStatus(answer.get())).starts_with("SELECT");
    const std::string_view changed = is_select ? "" : PQcmdTuples(answer.get());
    std::int64_t count = 0;
    std::from_chars(changed.data(), changed.data() + changed.size(), count);
    return count;
  }

  Result<void> script(const std::string& sql) override {
    WRENN_TRY(ensure_connected());
    const Answer answer(PQexec(handle_.get(), sql.c_str()));
    return check(answer.get());
  }

  Result<void> begin(TransactionKind kind) override {
    auto begun = script(begin_text(kind));
    in_transaction_ = true;
    if (begun) return {};
    (void)roll_back();
    return begun;
  }

  Result<void> commit() override {
    const Answer answer(PQexec(handle_.get(), "COMMIT"));
    WRENN_TRY(check(answer.get()));
    in_transaction_ = false;
    // One in which a statement failed is rolled back, and that is a success to PostgreSQL.
    if (std::string_view(PQcmdStatus(answer.get())) == "COMMIT") return {};
    return base::fail(Code::kAborted, "the transaction had failed before");
  }

  Result<void> roll_back() override {
    in_transaction_ = false;
    if (!handle_) return {};
    const Answer answer(PQexec(handle_.get(), "ROLLBACK"));
    return check(answer.get());
  }

 private:
  Result<void> ensure_connected() {
    if (handle_ && is_alive()) return {};
    if (in_transaction_) {
      return base::fail(Code::kUnavailable, "the connection to the database was lost");
    }
    return connect();
  }

  // A server that was restarted has said so and closed its end: that is noticed before anything is
  // sent.
  bool is_alive() {
    pollfd socket{.fd = PQsocket(handle_.get()), .events = POLLIN, .revents = 0};
    while (::poll(&socket, 1, 0) > 0) {
      if (PQconsumeInput(handle_.get()) == 0) return false;
    }
    return PQstatus(handle_.get()) == CONNECTION_OK;
  }

  Result<std::string> prepare(std::string_view sql) {
    if (const auto found = prepared_.find(sql); found != prepared_.end()) return found->second;
    if (prepared_.size() >= kMaxPrepared) {
      prepared_.clear();
      const Answer forgotten(PQexec(handle_.get(), "DEALLOCATE ALL"));
      WRENN_TRY(check(forgotten.get()));
    }
    std::string name = concat("s", prepared_.size());
    const std::string text(sql);
    const Answer answer(PQprepare(handle_.get(), name.c_str(), text.c_str(), 0, nullptr));
    WRENN_TRY(check(answer.get()));
    prepared_.emplace(text, name);
    return name;
  }

  Result<void> check(const PGresult* answer) {
    const ExecStatusType status = PQresultStatus(answer);
    if (status == PGRES_COMMAND_OK || status == PGRES_TUPLES_OK) return {};
    const char* state = PQresultErrorField(answer, PG_DIAG_SQLSTATE);
    const char* text = PQresultErrorField(answer, PG_DIAG_MESSAGE_PRIMARY);
    const std::string message =
        concat("database: ", text != nullptr ? text : base::trim(PQerrorMessage(handle_.get())));
    const bool is_lost = PQstatus(handle_.get()) != CONNECTION_OK;
    return base::fail(is_lost ? Code::kUnavailable : code_of(state != nullptr ? state : ""),
                      message);
  }

  const base::Secret url_;
  const Access access_;
  Handle handle_;
  std::map<std::string, std::string, std::less<>> prepared_;
  bool in_transaction_ = false;
};

}  // namespace

Result<std::unique_ptr<Connection>> connect_postgres(const base::Secret& url, Access access) {
  auto connection = std::make_unique<PostgresConnection>(url, access);
  WRENN_TRY(connection->connect());
  return connection;
}

std::unique_ptr<Connection> postgres_later(const base::Secret& url, Access access) {
  return std::make_unique<PostgresConnection>(url, access);
}

}  // namespace wrenn::db
