// For tests: contract.json, and whether a call is as it says.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <boost/json.hpp>

namespace wrenn::vm::firecracker {

enum class Phase { kBefore, kAfter };  // The VM was started.

struct Verdict {
  int status = 0;         // 0: nothing is wrong with it.
  std::string complaint;  // What is wrong.
};

class Contract {
 public:
  // The committed one, as it was when this was built.
  Contract();

  // Method, path, body and phase. Everything in the body must be known, of its type and within its
  // limits, and everything required must be there.
  Verdict judge(std::string_view method, std::string_view path, std::string_view body,
                Phase phase) const;
  // Whether the contract has this status for this call; `default` stands for those of errors.
  bool knows_status(std::string_view method, std::string_view path, int status) const;
  // What is wrong with a value of a type of the contract; empty for nothing.
  std::string complaint_about(const boost::json::value& value, std::string_view type) const;

  const std::string& version() const { return version_; }
  // "PUT /drives/{drive_id}" and so on.
  std::vector<std::string> operations() const;

 private:
  const boost::json::object* find(std::string_view method, std::string_view path) const;
  std::string check(const boost::json::value& value, const boost::json::object& schema,
                    std::string_view where) const;
  std::string check_object(const boost::json::object& value, const boost::json::object& schema,
                           std::string_view where) const;

  boost::json::object contract_;
  std::string version_;
};

}  // namespace wrenn::vm::firecracker
