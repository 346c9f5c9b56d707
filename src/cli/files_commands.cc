// wrenn files cp and ls.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <memory>

#include <CLI/CLI.hpp>
#include <boost/json.hpp>

#include "base/files.h"
#include "base/strings.h"
#include "base/time.h"
#include "cli/age.h"
#include "cli/json_text.h"
#include "cli/local_target.h"
#include "cli/multipart.h"
#include "cli/progress.h"
#include "cli/remote_path.h"
#include "cli/sandbox_lookup.h"
#include "cli/session.h"
#include "cli/table.h"

namespace wrenn::cli {
namespace {

std::string path_body(std::string_view path) {
  boost::json::object body;
  body["path"] = path;
  return boost::json::serialize(body);
}

struct LocalSource {
  base::Fd owned;
  int fd = -1;
  std::string name;
  std::optional<std::uint64_t> length;  // Absent for pipes and devices.
};

base::Result<LocalSource> open_source(const std::string& path) {
  if (path == "-") return LocalSource{.fd = STDIN_FILENO, .name = ""};
  LocalSource source;
  WRENN_TRY_ASSIGN(source.owned, base::open_file(path, O_RDONLY));
  source.fd = source.owned.get();
  source.name = base_name(path);
  struct stat info{};
  if (::fstat(source.fd, &info) != 0) return base::fail_errno(errno, "cannot look at " + path);
  if (S_ISDIR(info.st_mode)) {
    return base::fail(
        base::Code::kInvalidArgument, path + " is a directory",
        base::concat("copy it as a tar: tar -C ", path,
                     " -c . | wrenn files cp - ID:/tmp/files.tar, "
                     "then wrenn sandbox exec ID -- tar -C /somewhere -xf /tmp/files.tar"));
  }
  if (S_ISREG(info.st_mode)) source.length = static_cast<std::uint64_t>(info.st_size);
  return source;
}

net::Task<base::Result<int>> upload(ApiClient& api, const Console& console, std::string local,
                                    RemotePath remote) {
  WRENN_CO_TRY_ASSIGN(LocalSource source, open_source(local));
  if (source.name.empty() && (remote.path.empty() || remote.path.ends_with('/'))) {
    co_return console.usage("standard input has no name", "name the remote file: ID:/path/file");
  }
  const std::string path = complete_path(remote.path, source.name);
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, remote.sandbox));
  TransferDisplay display(console, path, source.length.value_or(0));
  FdSource bytes(source.fd, [&](std::uint64_t n) { display.update(n); });
  MultipartUpload body(path, bytes);
  net::ClientRequest request{.method = "POST",
                             .target = base::concat("/v1/capsules/", id, "/files/stream/write"),
                             .stream = &body};
  request.headers.set("Content-Type", body.content_type());
  if (source.length) request.stream_length = body.length(*source.length);
  WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await api.send(std::move(request)));
  WRENN_CO_TRY(co_await net::read_all(response, 1 << 20));
  co_return 0;
}

std::uint64_t length_of(const net::ClientResponse& response) {
  const auto field = response.headers().find("content-length");
  return field ? base::parse_int<std::uint64_t>(*field).value_or(0) : 0;
}

net::Task<base::Result<int>> download(ApiClient& api, const Console& console, RemotePath remote,
                                      std::string local) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, remote.sandbox));
  net::ClientRequest request{.method = "POST",
                             .target = base::concat("/v1/capsules/", id, "/files/stream/read")};
  request.headers.set("Content-Type", "application/json");
  request.body = path_body(remote.path);
  WRENN_CO_TRY_ASSIGN(net::ClientResponse response, co_await api.send(std::move(request)));
  WRENN_CO_TRY_ASSIGN(LocalTarget target, LocalTarget::open(local, base_name(remote.path)));
  TransferDisplay display(console, remote.path, length_of(response));
  std::array<char, 64 * 1024> buffer;
  std::uint64_t done = 0;
  while (true) {
    const auto n = co_await response.read(buffer);
    if (!n) {
      co_return base::fail(base::Code::kUnavailable, "the download was cut short",
                           "nothing was written; is the sandbox still running?");
    }
    if (*n == 0) break;
    WRENN_CO_TRY(target.write({buffer.data(), *n}));
    display.update(done += *n);
  }
  WRENN_CO_TRY(target.commit());
  co_return 0;
}

base::Result<int> copy(Session& session, const std::string& from, const std::string& to) {
  const auto remote_from = parse_remote_path(from);
  const auto remote_to = parse_remote_path(to);
  if (remote_from.has_value() == remote_to.has_value()) {
    return session.console.usage(
        remote_from ? "both files are in sandboxes" : "neither file is in a sandbox",
        "one side is ID:/path, the other a local file or - for standard input or output");
  }
  return with_api(session, [&](ApiClient& api) {
    return remote_to ? upload(api, session.console, from, *remote_to)
                     : download(api, session.console, *remote_from, to);
  });
}

std::string listing(const boost::json::array& entries, const Paint& paint) {
  Table table({"MODE", "OWNER", "SIZE", "MODIFIED", "NAME"});
  table.align_right(2);
  for (const auto& entry : entries) {
    const auto* object = entry.if_object();
    if (object == nullptr) continue;
    std::string name = string_field(*object, "name");
    if (const auto to = string_field(*object, "symlink_target"); !to.empty()) name += " -> " + to;
    if (string_field(*object, "type") == "directory") name += "/";
    const auto size = std::max<std::int64_t>(0, int_field(*object, "size"));
    const auto modified = base::rfc3339(int_field(*object, "modified_at") * 1000);
    table.add({string_field(*object, "permissions"), string_field(*object, "owner"),
               base::human_bytes(static_cast<std::uint64_t>(size)),
               modified.substr(0, 10) + " " + modified.substr(11, 5), name});
  }
  return table.render(paint);
}

net::Task<base::Result<int>> list(ApiClient& api, const Console& console, RemotePath remote,
                                  Form form) {
  WRENN_CO_TRY_ASSIGN(const std::string id, co_await find_sandbox(api, remote.sandbox));
  WRENN_CO_TRY_ASSIGN(const std::string reply,
                      co_await api.call("POST", base::concat("/v1/capsules/", id, "/files/list"),
                                        path_body(remote.path)));
  if (form == Form::kJson) {
    WRENN_CO_TRY(console.out_json(reply));
    co_return 0;
  }
  const auto value = parse_json(reply);
  const auto* object = value ? value->if_object() : nullptr;
  const auto* entries = object != nullptr ? object->if_contains("entries") : nullptr;
  if (entries == nullptr || !entries->is_array()) {
    co_return base::fail(base::Code::kInternal, "the API's reply makes no sense");
  }
  WRENN_CO_TRY(console.out(listing(entries->get_array(), console.out_paint)));
  co_return 0;
}

base::Result<int> run_list(Session& session, const std::string& text, Form form) {
  auto remote = parse_remote_path(text);
  if (!remote) {
    return session.console.usage(base::concat("'", text, "' is not in a sandbox"),
                                 "write it like cl-0q3v:/tmp");
  }
  if (remote->path.empty()) remote->path = "~";
  return with_api(session, [&](ApiClient& api) {
    return list(api, session.console, std::move(*remote), form);
  });
}

}  // namespace

void add_files_commands(CLI::App& app, Session& session) {
  auto* files = app.add_subcommand("files", "Copy files to and from sandboxes, list them");
  files->require_subcommand(1);

  auto* cp = files->add_subcommand("cp", "Copy one file");
  auto from = std::make_shared<std::string>();
  auto to = std::make_shared<std::string>();
  cp->add_option("FROM", *from, "A local file, ID:/path, or - for standard input")->required();
  cp->add_option("TO", *to, "The same, or - for standard output")->required();
  cp->footer(
      "Examples:\n"
      "  wrenn files cp data.csv cl-0q3v:/tmp/\n"
      "  wrenn files cp cl-0q3v:/tmp/result.json .\n"
      "  tar -c src | wrenn files cp - cl-0q3v:/tmp/src.tar");
  cp->callback([&session, from, to] {
    session.action = [&session, from, to] { return copy(session, *from, *to); };
  });

  auto* ls = files->add_subcommand("ls", "List a directory");
  auto path = std::make_shared<std::string>();
  auto json = std::make_shared<bool>(false);
  ls->add_option("ID:PATH", *path, "The directory, e.g. cl-0q3v:/tmp")->required();
  ls->add_flag("--json", *json, "Print the API's whole answer");
  ls->callback([&session, path, json] {
    session.action = [&session, path, json] {
      return run_list(session, *path, *json ? Form::kJson : Form::kText);
    };
  });
}

}  // namespace wrenn::cli
